"""Nearest vectors: the port and the embedded index."""
