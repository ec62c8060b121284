"""Witnesses: others who remember how far a log had come, and put their names to it.

A witness cosigns a checkpoint only where it continues the last one it cosigned (C2SP tlog-witness),
so that a log which lost records, or shows two histories, finds nobody who would cosign the second.
"""
