"""Data in bulk, for benches."""
