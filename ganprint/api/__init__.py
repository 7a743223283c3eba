"""The workflows: everything that a command does, callable."""
