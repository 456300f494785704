"""The command line: thin calls to the functions that the server uses."""

from locutory.cli.main import main

__all__ = ["main"]
