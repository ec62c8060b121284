"""What upstreams offer, what reviewers said of it, and whether it changed since."""
