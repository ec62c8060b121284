"""Leaf helpers without policy."""
