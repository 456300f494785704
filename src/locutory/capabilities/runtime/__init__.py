"""Language models over HTTP, by our own paths and by OpenAI's; what they use, and budgets."""
