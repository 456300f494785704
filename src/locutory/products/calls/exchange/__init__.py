"""Taking calls out: exports as files."""
