"""Configurable agents over a transcript: what they answer, and what of it is really there."""
