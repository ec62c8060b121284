"""Cedar, evaluated in the process that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import orjson
from cedarpy import PolicySet

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar.contracted import read_schema
from safeconduct.policy.cedar.rules import Rule, parse
from safeconduct.policy.cedar.slices import Failed, Slice, slices
from safeconduct.policy.contract import Asked, Denied, Permitted, Sets

MAX_INPUT_BYTES: Final = 64 * 1024


class _Ready(msgspec.Struct, frozen=True):
    """`active` are the rules that count, `everything` those and the logged ones, if there are."""

    slice: Slice
    active: PolicySet
    everything: PolicySet | None


class CedarEngine:
    """The rules of one bundle. `digest` names it; `unsafe` are its switches that weaken it;
    `members` are those of the input that its rules can see; `rules` are where they stand.

    Usable from any thread. The engine has no loops, so it comes back.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Take a bundle as it is: `safeconduct.policy.loading` is what checks one.

        Raises:
            PolicyRefused: the rules or the schema do not parse.
        """
        rules = parse(bundle.rules)
        schema = read_schema(bundle.schema)
        self.digest = bundle.digest
        self.unsafe = bundle.header.unsafe
        self.rules = tuple(rule.at for rule in rules)
        self._contract = bundle.contract
        self._says = {rule.at.id: rule.says for rule in rules}
        logged = self._contract.log_only
        self._ready = {name: _ready(found, logged) for name, found in slices(schema, rules).items()}
        self.members: frozenset[str] | None = frozenset[str]({"call", "agent"}).union(
            *(ready.slice.members for ready in self._ready.values())
        )

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say to one input, a JSON object of at most `MAX_INPUT_BYTES`.

        A tool that the schema does not have is one that no rule speaks of. Never raises, except
        when the process is told to end: every failure is an answer with `error`, which quotes
        nothing of the input.
        """
        try:
            if len(input_json) > MAX_INPUT_BYTES:
                return self._contract.failed(
                    f"the policy input is larger than {MAX_INPUT_BYTES} bytes"
                )
            value = orjson.loads(input_json)
            ready = self._ready.get(value.get("call", {}).get("tool"))
            if ready is None:
                return self._contract.answer(Sets())
            sets = self._sets(ready.slice.ask(ready.active, value))
            if ready.everything is None:
                return self._contract.answer(sets)
            everything = self._sets(ready.slice.ask(ready.everything, value))
            return self._contract.answer(sets, everything)
        except (KeyboardInterrupt, SystemExit):
            raise
        except Failed as error:
            return self._contract.failed(f"the policy could not be evaluated ({error})")
        except BaseException as error:  # noqa: BLE001 a panic of the engine is no Exception
            return self._contract.failed(
                f"the policy could not be evaluated ({type(error).__name__})"
            )

    def _sets(self, ids: Iterable[str]) -> Sets:
        says = [self._says[identity] for identity in sorted(ids)]
        return Sets(
            permit=tuple([one for one in says if isinstance(one, Permitted)]),
            deny=tuple([one for one in says if isinstance(one, Denied)]),
            elevate=tuple([one for one in says if isinstance(one, Asked)]),
        )


def _ready(found: Slice, logged: frozenset[str]) -> _Ready:
    counts: Callable[[Rule], bool] = lambda rule: rule.at.id not in logged  # noqa: E731
    all_count = all(counts(rule) for rule in found.rules)
    return _Ready(found, found.policies(counts), None if all_count else found.policies())
