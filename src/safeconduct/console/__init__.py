"""The console: pages on which people see what waits for their yes, and answer."""
