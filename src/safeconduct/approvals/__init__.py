"""Approvals: a person's yes to exactly one call."""
