"""Rego, evaluated in the process that asks."""

from __future__ import annotations

import threading
from typing import Any, Final, cast

import orjson

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.intervals import alike
from safeconduct.policy.rego.compared import EXACT, compared
from safeconduct.policy.rego.elements import answering
from safeconduct.policy.rego.evaluator import Evaluator, place
from safeconduct.policy.rego.members import looks, members
from safeconduct.policy.rego.slices import Slices, plan
from safeconduct.policy.rego.syntax import references
from safeconduct.policy.rego.unlooked import APPROVAL, TIMED, unlooked

JSON = dict[str, Any]

MAX_INPUT_BYTES: Final = 64 * 1024
TOO_LARGE: Final = f"the policy input is larger than {MAX_INPUT_BYTES} bytes"

_KEPT: Final = 4
_CALLED: Final = frozenset(("call", name) for name in ("tool", "upstream", "effect"))
"""What says which rules are asked."""

_CLOCK: Final = ("time", "now_ns")


class _Here(threading.local):
    """The slices of one thread by the digest of their bundle, the latest last.

    They are kept here and not with the engine that needs them, so that each is let go of in its
    own thread.
    """

    def __init__(self) -> None:
        self.slices: dict[str, Slices] = {}


_HERE: Final = _Here()


class RegoEngine:
    """The rules of one bundle. `digest` names it; `unsafe` are its switches that weaken it;
    `members` are those of the input that its rules can see, or None for all; `looks` are the paths
    into it where they do; `rules` are those that answer, and where they stand.

    Usable from any thread: each thread that evaluates parses the bundle once for itself.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Take a bundle as it is: `safeconduct.policy.loading` is what checks one.

        Raises:
            PolicyRefused: the rules do not parse, or the engine is not installed.
        """
        self.digest = bundle.digest
        self._contract = bundle.contract
        self.unsafe = bundle.header.unsafe
        modules = Evaluator(bundle).modules
        self._plan = plan(bundle, modules)
        self.looks = looks(modules)
        self.members = members(self.looks)
        self.rules = answering(modules, bundle.header.entrypoint)
        self._told = tuple(sorted(self.looks | _CALLED))
        self._unlooked = unlooked(modules)
        self._compared = compared(modules)
        self._clock = any(_CLOCK in references(module["ast"]) for module in modules)
        self._slices()

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say to one input, a JSON object of at most `MAX_INPUT_BYTES`.

        `now_ms` is what rules get as the time. Never raises, except when the process is told to
        end: every failure is an answer with `error`, which quotes nothing of the input.
        """
        try:
            if len(input_json) > MAX_INPUT_BYTES:
                return self._contract.failed(TOO_LARGE)
            return self._contract.answer(self._slices().ask(input_json, now_ms))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 a panic of the engine is no Exception
            # INVARIANT: an evaluator that failed is not asked again. What an error left behind in
            # it is unknown, and building another one takes milliseconds.
            failed = _HERE.slices.pop(self.digest, None)
            if failed is not None:
                failed.close()
            found = place(error)
            at = type(error).__name__ if found is None else f"{found[0]}:{found[1]}"
            return self._contract.failed(f"the policy could not be evaluated ({at})")

    def seen(self, value: JSON, now_ms: int) -> bytes:
        """What the rules can tell of what an input says, and of the time: where it is equal,
        `evaluate` answers the same. May raise anything where that is not known.

        INVARIANT: rules can tell only what is at `looks`, which slice is asked, and the clock if
        they call it; what is `unlooked` counts by its type alone where there is no approval, and a
        number that is only `compared` with constants as any that compares alike.
        """
        told: JSON = {"now": now_ms} if self._clock else {}
        unlooked = () if APPROVAL in value else self._unlooked
        for path in self._told:
            found: Any = value
            for name in path:
                members = cast("JSON", found) if isinstance(found, dict) else {}
                if name not in members:
                    break
                found = members[name]
            else:
                if path in unlooked and type(found) is TIMED[path]:
                    found = True
                elif type(found) is int and path in self._compared and abs(found) < EXACT:
                    found = alike(found, self._compared[path])
                told[f"/{'/'.join(path)}"] = found
        return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)

    def _slices(self) -> Slices:
        slices = _HERE.slices
        found = slices.get(self.digest)
        if found is None:
            found = slices[self.digest] = Slices(self._plan)
            while len(slices) > _KEPT:
                del slices[next(iter(slices))]
        return found
