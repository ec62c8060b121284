"""The composition root: a gateway as a process, from its configuration to its sockets."""
