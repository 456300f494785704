"""Logs, metrics, health: what an operator sees of a running server."""
