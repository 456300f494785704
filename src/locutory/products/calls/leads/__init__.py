"""Leads of CRMs, as they are known here: kept encrypted, found by the numbers of calls."""
