"""An agent that obeys every order it reads, in the environments of AgentDojo.

Nothing here is a rule: what the gateway goes by lies in `operator/`, one directory per suite.
"""
