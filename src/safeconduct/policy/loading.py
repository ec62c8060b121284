"""From a bundle to the engine that its header names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from safeconduct.config.policy import Process
from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy import preflight as child
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle, read
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.process import RegoProcess
from safeconduct.policy.remote.asking import Authorization
from safeconduct.policy.remote.authzen import AuthZenEngine
from safeconduct.policy.remote.opa import OpaEngine
from safeconduct.ports import PolicyEngine


class LocalEngine(Protocol):
    """An engine that answers in the process that asks. `evaluate` never raises.

    `members` are those of the input that the rules can see, None for any; `looks` are the paths
    into it where they do, an empty one for all of it; `rules` says where the rules stand.

    `seen` is what the rules can tell of what an input says and of the time: where it is equal,
    `evaluate` answers the same. It may raise anything where that is not known.
    """

    digest: str
    unsafe: tuple[str, ...]
    members: frozenset[str] | None
    looks: frozenset[tuple[str, ...]]
    rules: tuple[RuleAt, ...]

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer: ...

    def seen(self, value: dict[str, Any], now_ms: int) -> bytes: ...


def deciding(
    bundle: Bundle, authorization: Authorization | None = None, *, process: Process = "own"
) -> PolicyEngine:
    """The engine of a bundle that passed, wherever its rules are evaluated.

    `authorization` proves who asks to a decision point that others run. Rules that could crash, or
    never end, get a process of their own unless `process` says otherwise. Raises PolicyRefused.
    """
    header, contract = bundle.header, bundle.contract
    if header.engine == "rego" and process == "own":
        return RegoProcess(bundle)
    if header.remote is None:
        return engine(bundle)
    if header.engine == "opa":
        return OpaEngine(
            contract,
            header.remote,
            header.entrypoint,
            unsafe=header.unsafe,
            authorization=authorization,
        )
    return AuthZenEngine(contract, header.remote, unsafe=header.unsafe, authorization=authorization)


def engine(bundle: Bundle) -> LocalEngine:
    """The engine of a bundle that passed and is evaluated here. Raises PolicyRefused."""
    if bundle.header.is_remote:
        raise PolicyRefused(
            "the rules are those of a decision point elsewhere, and cannot be tried here",
            file=FILE,
            fix="test them with what the server brings along",
        )
    if bundle.header.engine == "rego":
        return RegoEngine(bundle)
    try:
        from safeconduct.policy.cedar.engine import CedarEngine  # noqa: PLC0415 native code
    except ImportError as error:
        raise PolicyRefused(
            f"the Cedar engine cannot be loaded: {error}", file=FILE, fix="install cedarpy"
        ) from None
    return CedarEngine(bundle)


def judge(bundle: Bundle) -> None:
    """Look at the rules in a process of their own, where they are evaluated here.

    Raises PolicyRefused.
    """
    if not bundle.header.is_remote:
        child.run(bundle)


def passed(directory: Path, *, preflight: bool = True) -> Bundle:
    """Read and check the bundle in a directory.

    Without `preflight` only the form of the files is checked: for a bundle that has passed.

    Raises:
        PolicyRefused: the bundle is not usable, with file, line and a fix.
    """
    try:
        bundle = read(directory)
        if preflight:
            judge(bundle)
        return bundle
    except PolicyRefused as error:
        raise error.under(directory) from None


def load(directory: Path, *, preflight: bool = True) -> LocalEngine:
    """Read, check and load the bundle in a directory. Raises PolicyRefused."""
    bundle = passed(directory, preflight=preflight)
    try:
        return engine(bundle)
    except PolicyRefused as error:
        raise error.under(directory) from None
