"""Calls to the outside: address gate, timeouts, size caps, retry, breaker."""
