"""Credentials for upstreams: referenced in the configuration, injected behind the page."""
