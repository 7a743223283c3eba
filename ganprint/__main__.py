"""Run the command line with `python -m ganprint`, as `torchrun` does."""

from ganprint.cli import main

main()
