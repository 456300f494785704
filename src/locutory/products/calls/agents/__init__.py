"""Agents as a business configures them: versions, trials, back-tests, and judging a call anew."""
