"""The composition root: a gateway as a process, from its configuration to its sockets."""

from safeconduct.app.served import Served

__all__ = ["Served"]
