"""Inputs that nobody thought of, for whatever reads bytes of others, judged by second readers."""
