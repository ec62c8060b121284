"""`make conformance`: the official MCP suite cannot tell the gateway from a direct connection."""
