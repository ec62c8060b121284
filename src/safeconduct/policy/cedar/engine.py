"""Cedar, evaluated in the process that asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import orjson
from cedarpy import PolicySet

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar.contracted import contract, read_schema
from safeconduct.policy.cedar.rules import parse
from safeconduct.policy.cedar.schema import Path
from safeconduct.policy.cedar.slices import UTC, Failed, Slice
from safeconduct.policy.contract import Asked, Denied, Permitted, Sets
from safeconduct.policy.refusal import PolicyRefused

JSON = dict[str, Any]

MAX_INPUT_BYTES: Final = 64 * 1024

_KEPT: Final = 4096


class _Ready(msgspec.Struct, frozen=True):
    """`active` are the rules that count, `everything` those and the logged ones, if there are."""

    slice: Slice
    active: PolicySet
    everything: PolicySet | None


class CedarEngine:
    """The rules of one bundle. `digest` names it; `unsafe` are its switches that weaken it;
    `members` are those of the input that its rules can see, `looks` the paths into it where they
    do; `rules` are where they stand.

    Usable from any thread. The engine has no loops, and what it looks through is limited in
    `searching`, so it comes back soon.
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
        self._parsed = rules
        self._schema = schema
        self._ready: dict[tuple[str, str, str], _Ready] = {}
        self._answers: dict[tuple[frozenset[str], frozenset[str] | None], PolicyAnswer] = {}
        self.looks = frozenset(
            path for rule in rules for variable, path in rule.reads if variable == "context"
        )
        self.members: frozenset[str] | None = members(self.looks)

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
            call = value.get("call", {})
            if not self._schema.asked(call.get("tool")):
                return self._contract.answer(Sets())
            ready = self._slice(call["tool"], call["effect"], call["upstream"])
            spoke = ready.slice.ask(ready.active, value)
            if ready.everything is None:
                return self._answer(spoke)
            return self._answer(spoke, ready.slice.ask(ready.everything, value))
        except (KeyboardInterrupt, SystemExit):
            raise
        except (Failed, PolicyRefused) as error:
            return self._contract.failed(f"the policy could not be evaluated ({error})")
        except BaseException as error:  # noqa: BLE001 a panic of the engine is no Exception
            return self._contract.failed(
                f"the policy could not be evaluated ({type(error).__name__})"
            )

    def seen(self, value: JSON, now_ms: int) -> bytes:
        """What the rules can tell of what an input says: where it is equal, `evaluate` answers the
        same. The time is `now_ms` in it. May raise anything where that is not known.
        """
        del now_ms
        call = value["call"]
        if not self._schema.asked(call["tool"]):
            return b""
        ready = self._slice(call["tool"], call["effect"], call["upstream"])
        key = orjson.dumps([call["effect"], call["upstream"]])
        return key + ready.slice.seen(value)

    def _slice(self, tool: str, effect: str, upstream: str) -> _Ready:
        key = (tool, effect, upstream)
        found = self._ready.get(key)
        if found is None:
            groups = self._schema.groups(tool, (f"effect:{effect}", f"upstream:{upstream}"))
            made = Slice(tool, groups, self._schema, self._parsed)
            logged = self._contract.log_only
            quiet = logged.isdisjoint(rule.at.id for rule in made.rules)
            found = _Ready(
                made,
                made.policies(lambda rule: rule.at.id not in logged),
                None if quiet else made.policies(),
            )
            if len(self._ready) >= _KEPT:
                self._ready = {}
            self._ready[key] = found
        return found

    def _answer(
        self, spoke: Iterable[str], everything: Iterable[str] | None = None
    ) -> PolicyAnswer:
        """What it comes to that these rules spoke, and these with the logged ones."""
        key = frozenset(spoke), None if everything is None else frozenset(everything)
        found = self._answers.get(key)
        if found is None:
            sets = self._sets(key[0])
            found = self._contract.answer(sets, None if key[1] is None else self._sets(key[1]))
            if len(self._answers) >= _KEPT:
                self._answers = {}
            self._answers[key] = found
        return found

    def _sets(self, ids: Iterable[str]) -> Sets:
        says = [self._says[identity] for identity in sorted(ids)]
        return Sets(
            permit=tuple([one for one in says if isinstance(one, Permitted)]),
            deny=tuple([one for one in says if isinstance(one, Denied)]),
            elevate=tuple([one for one in says if isinstance(one, Asked)]),
        )


def members(looks: frozenset[Path]) -> frozenset[str]:
    """The members of the input that rules can see, or that say which of them are asked."""
    paths = looks
    if () in paths:
        paths |= {(name,) for name in contract().actions["any"].context.fields}
    named = {"now_ms" if path[0] == UTC else path[0] for path in paths if path}
    return frozenset({"call", "agent", *named})
