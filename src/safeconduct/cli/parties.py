"""Whose task it is and what for: arguments that several verbs share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safeconduct.config.schema import Config


class NoSuchParty(Exception):
    """An argument names somebody or something that the configuration does not have."""


def add_parties(parser: argparse.ArgumentParser) -> None:
    """Add purpose, agent, user, profile and source."""
    parser.add_argument("--purpose", required=True, help="what the user asks for, in their words")
    parser.add_argument("--agent", help="SPIFFE ID (default: the first assigned agent)")
    parser.add_argument("--user", help="user id (default: the first user the agent may act for)")
    parser.add_argument("--profile", help="task profile (default: the agent's first)")
    parser.add_argument(
        "--source",
        choices=("app", "user", "agent"),
        default="app",
        help="who vouches for the purpose: a registered front end, the user's device, or only "
        "the agent itself (then it vouches for nothing)",
    )


def parties(args: argparse.Namespace, config: Config) -> dict[str, Any]:
    """The parties by name, with what was left out filled in from the configuration.

    Raises NoSuchParty.
    """
    agent = args.agent or next(iter(config.root.assignments))
    registered, assigned = config.agents.get(agent), config.root.assignments.get(agent)
    if registered is None or assigned is None:
        raise NoSuchParty(f"{agent} is not a registered agent")
    return {
        "agent": agent,
        "user": args.user or min(registered.delegation.users),
        "profile": args.profile or assigned.profiles[0],
        "purpose": args.purpose,
        "source": args.source,
    }
