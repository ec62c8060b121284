"""What is looked for: each module makes one set, from what its environment has installed."""
