"""How the examples of the API are recorded: a furnished server, a walk through it, a disguise."""
