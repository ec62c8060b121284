"""The pure core: it decides, and knows no clock, no I/O, no randomness and no log."""
