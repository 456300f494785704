"""Locutory: a self-hosted server for organisations whose work is talking with people."""

__version__ = "0.1.0"
