"""The six published attributors that come with ganprint, one file each."""
