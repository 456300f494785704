"""Figures over calls: read models kept by a task, and the views on them."""
