"""Post-call analytics: recordings in, transcripts, scores, search and answers out."""
