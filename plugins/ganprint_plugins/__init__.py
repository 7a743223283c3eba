"""The methods that come with ganprint: six published ones, a file and a spec each, and its own."""
