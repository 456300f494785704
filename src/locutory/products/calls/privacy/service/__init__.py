"""The use cases of privacy, a file for each kind of deed."""
