"""What the configuration says is to be looked for, built: one line for each of those that look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from safeconduct.config.schema import Config
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.ports import Examiner, Inspector, Reviewer

Secret = Callable[[str], str]
"""Reads the secret behind a reference. Raises CredentialUnavailable."""


def inspectors(config: Config) -> tuple[Inspector, ...]:
    """Those that are asked about every call and result.

    Raises:
        OSError: a file that the configuration names cannot be read.
        ValueError: what is in it cannot be used.
    """
    del config
    return (SecretInspector(),)


def examiners(config: Config, quick: Sequence[Inspector], secret: Secret) -> tuple[Examiner, ...]:
    """Those that take a while. What documents hold is shown to the `quick` ones too.

    Raises: as `inspectors`.
    """
    del config, quick, secret
    return ()


def reviewer(config: Config, secret: Secret) -> Reviewer | None:
    """The second model, if there is one."""
    del config, secret
    return None
