"""The stages of a call: transcribe, analyze, index."""
