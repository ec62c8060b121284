"""`policy.yaml`: what a bundle is called, and where its answers stand."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from safeconduct import __version__
from safeconduct.config.problem import Report, YamlFile
from safeconduct.config.shape import convert
from safeconduct.core.obligations import NO_DEMANDS
from safeconduct.kit import yaml
from safeconduct.policy.bundles.obligations import Obligation
from safeconduct.policy.refusal import PolicyRefused

FILE: Final = "policy.yaml"
RESERVED: Final = "safeconduct"
"""The package that the gateway itself adds rules to."""

_ENTRYPOINT: Final = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*){0,7}")

Mode = Literal["active", "log_only"]
_NUMBER: Final = "(0|[1-9][0-9]{0,8})"
Version = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_NUMBER}\.{_NUMBER}\.{_NUMBER}$",
        description="three numbers, such as 1.0.0",
    ),
]
"""Three numbers (https://semver.org), each of at most nine digits."""
RuleId = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="lower-case letters, digits, `.`, `_` and `-`, at most 64 characters",
    ),
]


class Remote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a decision point is: an HTTPS URL, or one of this machine.

    `timeout_ms` bounds a whole question. `ca` is a file of PEM certificates to trust instead of the
    system's.
    """

    url: str
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 500
    ca: str | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`entrypoint` is a package of Rego rules; Cedar has none. A rule that is `log_only` speaks
    without effect. `version` is for people; `min_gateway` is the oldest gateway that may read it.

    The engines `opa` and `authzen` are decision points that others run, at `remote`.

    `unsafe_permit_all` admits rules that permit whatever is asked.
    """

    name: str
    engine: Literal["rego", "cedar", "opa", "authzen"]
    entrypoint: str = ""
    remote: Remote | None = None
    version: Version | None = None
    min_gateway: Version | None = None
    modes: dict[RuleId, Mode] = {}
    obligations: dict[RuleId, Obligation] = {}
    unsafe_permit_all: bool = False

    @property
    def is_remote(self) -> bool:
        """Whether the rules are evaluated elsewhere, so that the bundle holds none."""
        return self.engine in {"opa", "authzen"}

    @property
    def unsafe(self) -> tuple[str, ...]:
        """The switches that weaken the policy."""
        return ("unsafe_permit_all",) if self.unsafe_permit_all else ()


def read_header(text: str) -> Header:
    """Read the text of `policy.yaml`.

    Raises:
        PolicyRefused: with the line of the first key that is unknown, missing or wrong.
    """
    try:
        document = yaml.load(text, FILE)
    except yaml.YamlError as error:
        raise PolicyRefused(error.sentence, file=FILE, line=error.line, fix=error.fix) from None
    report = Report()
    header = convert(YamlFile(FILE, text, document), Header, report)
    if header is None or report.problems:
        found = report.problems[0]
        raise PolicyRefused(found.sentence, file=FILE, line=found.line, fix=found.fix)
    for name, obligation in header.obligations.items():
        if obligation.demands == NO_DEMANDS:
            raise PolicyRefused(
                f"`obligations.{name}` demands nothing",
                file=FILE,
                line=document.line(("obligations", name)),
                fix="write `constrain`, `redact` or `spotlight` below it, or remove it",
            )
    if header.min_gateway is not None and _numbers(header.min_gateway) > _numbers(__version__):
        raise PolicyRefused(
            f"made for Safeconduct {header.min_gateway} or later; this is {__version__}",
            file=FILE,
            line=document.line(("min_gateway",)),
            fix="update Safeconduct",
        )
    if header.is_remote != (header.remote is not None):
        raise PolicyRefused(
            "`remote` goes with the engines `opa` and `authzen`, and they with it",
            file=FILE,
            line=document.line(("remote",) if header.remote else ("engine",)),
            fix="write `remote: {url: https://…}`, or choose an engine that runs here",
        )
    if header.engine in {"cedar", "authzen"}:
        if header.entrypoint:
            raise PolicyRefused(
                "an entrypoint, which this engine does not have",
                file=FILE,
                line=document.line(("entrypoint",)),
                fix="remove it",
            )
        return header
    first = header.entrypoint.split(".")[0]
    if not _ENTRYPOINT.fullmatch(header.entrypoint) or first in {RESERVED, "data", "input"}:
        raise PolicyRefused(
            "the entrypoint is not the name of a package",
            file=FILE,
            line=document.line(("entrypoint",)),
            fix="write a package of the rules, such as agent.tools",
        )
    return header


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
