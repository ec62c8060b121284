"""What the inspectors that ship find and miss, and what they cost, on data made by others' tools.

Nobody who builds an inspector reads this folder: what its sets hold would no longer measure.
"""
