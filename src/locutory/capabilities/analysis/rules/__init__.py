"""The rules engine `locutory-rules/1`: what can be said of a talk without a language model."""
