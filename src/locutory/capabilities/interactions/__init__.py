"""The words that all products share about a conversation."""
