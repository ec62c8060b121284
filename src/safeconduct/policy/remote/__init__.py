"""Policy engines that other people run: Open Policy Agent, and any AuthZEN 1.0 decision point."""
