"""Texts as vectors: the port and the embedded hashed one."""
