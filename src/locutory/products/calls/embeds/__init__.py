"""Keys for pages of other sites: what they show, where, and until when."""
