"""The story that `make demo` tells: one injected e-mail, one obedient agent, two runs."""
