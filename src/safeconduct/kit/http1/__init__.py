"""HTTP/1.1 as a client: bytes of requests, strict responses, pooled connections."""
