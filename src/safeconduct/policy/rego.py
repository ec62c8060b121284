"""The default policy engine: Rego, evaluated in the gateway's own process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy import bundle as bundles
from safeconduct.policy import preflight as child
from safeconduct.policy.bundle import Bundle
from safeconduct.policy.engine import Evaluator, place
from safeconduct.policy.members import members
from safeconduct.policy.refusal import PolicyRefused

__all__ = ["MAX_INPUT_BYTES", "PolicyRefused", "RegoEngine"]

MAX_INPUT_BYTES: Final = 64 * 1024

_KEPT: Final = 4


class _Here(threading.local):
    """The evaluators of one thread by the digest of their bundle, the latest last.

    They are kept here and not with the engine that needs them, so that each is let go of in its
    own thread.
    """

    def __init__(self) -> None:
        self.evaluators: dict[str, Evaluator] = {}


_HERE: Final = _Here()


class RegoEngine:
    """The rules of one bundle. `digest` names it; `unsafe` are its switches that weaken it;
    `members` are those of the input that its rules can see, or None for all.

    Usable from any thread: each thread that evaluates parses the bundle once for itself.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Take a bundle as it is: `load` is what checks one.

        Raises:
            PolicyRefused: the rules do not parse, or the engine is not installed.
        """
        self._bundle = bundle
        self.digest = bundle.digest
        self.unsafe: tuple[str, ...] = ("unsafe_permit_all",) if bundle.unsafe_permit_all else ()
        self.members = members(self._evaluator().modules)

    @classmethod
    def load(cls, directory: Path, *, preflight: bool = True) -> RegoEngine:
        """Read, check and load the bundle in a directory.

        Without `preflight` only the form of the files is checked: for a bundle that has passed.

        Raises:
            PolicyRefused: the bundle is not usable, with file, line and a fix.
        """
        try:
            bundle = bundles.read(directory)
            if preflight:
                child.run(bundle)
            return cls(bundle)
        except PolicyRefused as error:
            raise error.under(directory) from None

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say to one input, a JSON object of at most `MAX_INPUT_BYTES`.

        `now_ms` is what rules get as the time. Never raises, except when the process is told to
        end: every failure is an answer with `error`, which quotes nothing of the input.
        """
        try:
            if len(input_json) > MAX_INPUT_BYTES:
                return self._failed(f"the policy input is larger than {MAX_INPUT_BYTES} bytes")
            sets = self._evaluator().ask(input_json, now_ms)
            return PolicyAnswer(
                permit=tuple([rule.id for rule in sets.permit]),
                deny=tuple([rule.id for rule in sets.deny]),
                elevate=tuple(
                    [PolicyElevate(rule.id, rule.template, rule.ttl_s) for rule in sets.elevate]
                ),
                bundle=self.digest,
            )
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 a panic of the engine is no Exception
            # INVARIANT: an evaluator that failed is not asked again. What an error left behind in
            # it is unknown, and building another one takes milliseconds.
            failed = _HERE.evaluators.pop(self.digest, None)
            if failed is not None:
                failed.close()
            found = place(error)
            at = type(error).__name__ if found is None else f"{found[0]}:{found[1]}"
            return self._failed(f"the policy could not be evaluated ({at})")

    def _evaluator(self) -> Evaluator:
        evaluators = _HERE.evaluators
        found = evaluators.get(self.digest)
        if found is None:
            found = evaluators[self.digest] = Evaluator(self._bundle)
            while len(evaluators) > _KEPT:
                del evaluators[next(iter(evaluators))]
        return found

    def _failed(self, error: str) -> PolicyAnswer:
        return PolicyAnswer(bundle=self.digest, error=error)
