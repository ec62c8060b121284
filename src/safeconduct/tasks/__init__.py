"""Task state: labels, budgets, reservations, approvals, revocations; derived from the log."""
