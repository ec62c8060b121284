"""What was decided, decided again from its record."""
