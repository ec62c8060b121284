"""Safeconduct: a zero-trust gateway for AI agents.

Importing this package is cheap on purpose: it loads no room, so a command line answers at once.
"""

__version__ = "0.1.0"
