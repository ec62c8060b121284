"""The client side towards MCP servers, over Streamable HTTP and stdio, as raw JSON-RPC."""

from safeconduct.upstreams.factory import Limits, open_upstream

__all__ = ["Limits", "open_upstream"]
