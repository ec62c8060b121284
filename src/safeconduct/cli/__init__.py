"""The `safeconduct` command: one module for each verb, loaded when it is asked for."""
