"""Which agent a workload is, told by evidence of where it runs or of the key that it holds."""
