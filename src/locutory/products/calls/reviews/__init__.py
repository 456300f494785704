"""Quality of calls: templates, scores, what people say of them, and how far they agree."""
