"""Whose task it is: task tokens, and the security token service that issues them."""
