"""What a call costs: ratios from interleaved runs on one machine, never a pass or a fail."""
