"""Inference: manifests proposed from what upstreams say of their tools, stricter when unsure.

What an upstream says is a claim of the one it is about. So a name, a description or a hint can make
a proposal stricter at any time, and never laxer than the strictest of them; and nothing of it
counts before a person has reviewed and pinned it.
"""

from safeconduct.tools.inference.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
