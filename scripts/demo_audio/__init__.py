"""The dialogues, voices and telephone line from which the demo's recordings are made."""
