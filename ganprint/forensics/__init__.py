"""From views to answers: averaging over crops, and the verdict with its reasons."""
