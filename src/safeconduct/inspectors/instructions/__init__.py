"""Finds text that speaks to the agent, segment by segment: a signal, never a boundary."""
