"""The use cases of scores and reviews, one subject a file."""
