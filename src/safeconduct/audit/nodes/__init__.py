"""The log of logs: each node of a cluster writes a log of its own, and one more takes in their
checkpoints, so that one witness, and one look, is enough for all of them.
"""
