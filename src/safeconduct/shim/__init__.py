"""Local clients: a shim that speaks MCP over stdio to one, and HTTP to the gateway."""
