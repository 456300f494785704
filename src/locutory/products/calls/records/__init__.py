"""Calls, their transcripts and what was judged of them."""
