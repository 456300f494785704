"""Erasing what is known of a person, and letting old recordings, words and judgements go."""
