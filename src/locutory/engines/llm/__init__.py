"""Language models: the port, a scripted one for fixtures, and adapters."""
