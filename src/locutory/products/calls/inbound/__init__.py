"""Calls that telephony providers tell of by webhooks of their own."""
