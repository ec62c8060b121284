"""The embedded SPIFFE issuer: keys of a trust domain, who a process is, and the Workload API."""
