"""Cedar, evaluated in the process that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import orjson
from cedarpy import PolicySet
from cedarpy import Schema as Compiled

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar.rules import Rule, parse
from safeconduct.policy.cedar.schema import AGENT, FILE, TOOL, NotUnderstood, Schema, understand
from safeconduct.policy.cedar.slices import Failed, Slice, slices
from safeconduct.policy.cedar.text import statements
from safeconduct.policy.contract import Asked, Denied, Permitted, Sets
from safeconduct.policy.refusal import PolicyRefused

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
        schema = read_schema(bundle.schema or "")
        self.digest = bundle.digest
        self.unsafe = bundle.header.unsafe
        self.rules = tuple(rule.at for rule in rules)
        self._contract = bundle.contract
        self._rules = {rule.at.id: rule for rule in rules}
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
            at = self._rules[error.rule].at if error.rule is not None else None
            where = "the request" if at is None else f"{at.file}:{at.line}"
            return self._contract.failed(f"the policy could not be evaluated ({where})")
        except BaseException as error:  # noqa: BLE001 a panic of the engine is no Exception
            return self._contract.failed(
                f"the policy could not be evaluated ({type(error).__name__})"
            )

    def _sets(self, ids: Iterable[str]) -> Sets:
        says = [self._rules[identity].says for identity in sorted(ids)]
        return Sets(
            permit=tuple([one for one in says if isinstance(one, Permitted)]),
            deny=tuple([one for one in says if isinstance(one, Denied)]),
            elevate=tuple([one for one in says if isinstance(one, Asked)]),
        )


def read_schema(text: str) -> Schema:
    """What a schema says, once the engine has read it.

    Raises:
        PolicyRefused: it does not parse, or is not about agents and tools.
    """
    statements(text, FILE)
    try:
        schema = understand(str(Compiled.from_str(text)))
    except NotUnderstood as error:
        raise _refused(f"not a schema for this gateway: {error}") from None
    except ValueError as error:
        raise _refused(f"not a schema: {str(error).partition(chr(10))[0]}") from None
    for name in (AGENT, TOOL):
        if schema.entities.get(name) is None:
            raise _refused(f"no entity type `{name}` with attributes")
    return schema


def _refused(sentence: str) -> PolicyRefused:
    fix = "write it with `safeconduct policy schema`"
    return PolicyRefused(sentence, file=FILE, fix=fix)


def _ready(found: Slice, logged: frozenset[str]) -> _Ready:
    counts: Callable[[Rule], bool] = lambda rule: rule.at.id not in logged  # noqa: E731
    all_count = all(counts(rule) for rule in found.rules)
    return _Ready(found, found.policies(counts), None if all_count else found.policies())
