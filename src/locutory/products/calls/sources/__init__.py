"""Where calls come from: pushes, uploads, the old relay, the command line."""
