"""What is kept of calls besides the log's records: sealed with keys that can be forgotten."""
