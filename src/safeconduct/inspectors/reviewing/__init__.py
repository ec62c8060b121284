"""A second model that compares a call with what the user asked for."""
