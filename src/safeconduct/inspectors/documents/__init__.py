"""Documents are unpacked in a process of their own, and what they say is looked at."""
