"""The evidence: an append-only log of exact bytes with an RFC 6962 tree over them.

`log` appends, `verify` proves and reads back. The files are described in `segments`.
"""
