"""The Authorization API: decisions for enforcement points outside (OpenID AuthZEN 1.0)."""
