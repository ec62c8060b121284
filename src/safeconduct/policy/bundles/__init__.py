"""Bundles: how policy is packaged, read, signed, fetched and swapped."""
