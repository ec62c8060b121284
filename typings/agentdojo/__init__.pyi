# Stubs for the part that bench/agentdojo uses; the package itself is installed elsewhere.
