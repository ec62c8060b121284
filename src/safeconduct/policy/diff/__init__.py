"""What another policy would have said to calls that were decided before."""
