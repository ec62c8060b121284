"""Personal data by shape: check digits, structure, and the words beside a number."""
