"""Search, answers and counts over calls."""
