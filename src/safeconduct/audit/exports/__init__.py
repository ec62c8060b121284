"""Copies of the log for others: one module for each kind of sink, and one sender for all.

The module of a sink says what its copies look like, which is pure, and how they are handed over.
`exporter` decides when, again, and what is left out.
"""
