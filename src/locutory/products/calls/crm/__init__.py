"""Connections to CRMs: leads are read there, what came of calls is written there."""
