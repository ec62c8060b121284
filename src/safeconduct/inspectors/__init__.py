"""Inspectors: they look at what passes and report findings; a finding only makes us stricter."""
