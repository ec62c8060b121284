"""The same tests and cases by Open Policy Agent itself, where it is installed.

Its Go runtime must not be in a process that forks: this runs in a child of its own, which does not.
"""

from __future__ import annotations

import msgspec
import opa_bindings

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.contract import Sets
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.syntax import Rule
from safeconduct.policy.trial.base import NOW_MS
from safeconduct.policy.trial.outcome import Failed
from safeconduct.policy.trial.rego import address, holding


class Opa:
    """A bundle and its tests in OPA. `sets` are those of the contract that its rules add to.

    Raises:
        PolicyRefused: OPA does not take them.
    """

    def __init__(self, bundle: Bundle, tests: tuple[RuleFile, ...], sets: tuple[str, ...]) -> None:
        self._sets = sets
        self._contract = bundle.contract
        self._entrypoint = bundle.header.entrypoint
        self._engine = opa_bindings.OpaEngine()
        for file in (*bundle.rules, *tests):
            try:
                self._engine.add_policy(file.path, file.text)
            except opa_bindings.OpaError as error:
                raise PolicyRefused(
                    f"OPA does not take it: {error}", file=file.path, fix="see what it says"
                ) from None
        self._engine.add_data(msgspec.json.decode(bundle.data))

    def holds(self, test: Rule) -> bool:
        """Whether a test is true, or a collection that is not empty. Raises Failed."""
        return holding(self._query(address(test), None, NOW_MS))

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say to one input, as any engine puts it."""
        value = msgspec.json.decode(input_json)
        try:
            found = {
                name: self._query(f"data.{self._entrypoint}.{name}", value, now_ms)
                for name in self._sets
            }
            return self._contract.answer(msgspec.convert(found, Sets))
        except (Failed, msgspec.ValidationError) as error:
            return self._contract.failed(str(error))

    def _query(self, path: str, value: object, now_ms: int) -> object:
        query = f"x := {path} with time.now_ns as {now_ms * 1_000_000}"
        try:
            found = self._engine.eval_query(query, value)
        except opa_bindings.OpaError as error:
            raise Failed(str(error)) from None
        return found[0]["x"] if found else None
