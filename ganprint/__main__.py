"""Run the command line with `python -m ganprint`, as `accelerate launch` does."""

from ganprint.cli import main

main()
