"""OPA's conformance cases, through our Rego engine: the checks before rules run, and JSON text.

A case is unsupported where our checks refuse its rules, as they would in a bundle. Each runs in a
child, which a case may take along.
"""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec

from conformance.policy import vectors
from conformance.policy.scores import Score, Scores
from safeconduct.kit.programs import program
from safeconduct.policy import confined
from safeconduct.policy.bundles.header import Header
from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego import lint
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.text import check_text

ARCHIVE: Final = "opa-compliance-v1.tar.xz"
CPU_S: Final = 5.0

Result = Literal["passed", "failed", "unsupported"]

_VARIABLE: Final = re.compile(r"= (\w+)$")
_OURS: Final = "conformance"
_QUERY: Final = "conformance_query"
_HEADER: Final = Header(name="case", engine="rego", entrypoint=_OURS)


class Case(msgspec.Struct, frozen=True):
    """A case of the suite. `input_term` is a value in Rego, which need not be JSON."""

    note: str
    query: str
    modules: list[str] = []
    data: dict[str, Any] = {}
    input: Any = msgspec.UNSET
    input_term: str | None = None
    want_result: list[dict[str, Any]] | None = None
    want_error: str | None = None
    want_error_code: str | None = None
    strict_error: bool = False

    @property
    def may_fail(self) -> bool:
        """Whether an error is what the case is about; it always is one here, as if asked for."""
        return self.strict_error or self.want_result is None


def decode(text: str) -> Case:
    """One case of the suite."""
    return msgspec.json.decode(text, type=Case)


class _Cases(msgspec.Struct, frozen=True):
    cases: list[Case]


class Verdict(msgspec.Struct, frozen=True):
    result: Result
    why: str = ""


def run(directory: Path) -> Scores:
    """All cases, by category."""
    with vectors.unpacked(directory / ARCHIVE) as place:
        found = [
            (file.parent.name, case)
            for file in sorted(place.rglob("*.json"))
            for case in msgspec.json.decode(file.read_bytes(), type=_Cases).cases
        ]
    counts: dict[str, Counter[str]] = {}
    judged = verdicts([case for _, case in found])
    for (category, case), verdict in zip(found, judged, strict=True):
        counts.setdefault(category, Counter())[verdict.result] += 1
        if verdict.result == "failed":
            print(f"  {case.note}: {verdict.why}", file=sys.stderr)
    return {
        category: Score(count["passed"], count["failed"], count["unsupported"])
        for category, count in counts.items()
    }


def verdicts(cases: list[Case]) -> Iterator[Verdict]:
    """One for each; where a child ends without one, another goes on behind that case."""
    place = 0
    while place < len(cases):
        command, environment = program(__spec__.name, str(CPU_S))
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            for case in cases[place:]:
                child.stdin.write(msgspec.json.encode(case) + b"\n")
                child.stdin.flush()
                line = child.stdout.readline()
                place += 1
                if not line:
                    yield Verdict("failed", "it ends the process, or never ends")
                    break
                yield msgspec.json.decode(line, type=Verdict)
            child.kill()


def _judged(case: Case) -> Verdict:
    try:
        evaluator = _loaded(case)
        for refused in lint.findings(evaluator.modules, _OURS):
            raise refused
        given = _given(case)
    except (PolicyRefused, RecursionError, ValueError) as refused:
        return Verdict("unsupported", str(refused))
    try:
        if given is not None:
            evaluator.ask(given, 0)
        answer = json.loads(evaluator.value(f"data.{_QUERY}.result"))
    except BaseException as error:  # noqa: BLE001 a panic is no Exception
        return Verdict("passed" if case.may_fail else "failed", str(error)[:200])
    if case.want_result is None:
        return Verdict("failed", f"no error but {answer}"[:200])
    same = _sorted(answer) == _sorted(case.want_result)
    return Verdict("passed" if same else "failed", f"{answer}, not {case.want_result}"[:300])


def _loaded(case: Case) -> Evaluator:
    """Raises PolicyRefused."""
    names = {name for result in case.want_result or () for name in result}
    names.update(_VARIABLE.findall(case.query))
    wanted = ", ".join(f'"{name}": {name}' for name in sorted(names))
    texts = [
        *case.modules,
        # What makes a bundle of the case, and asks its question.
        f'package {_OURS}\n\nimport rego.v1\n\npermit contains {{"id": "x"}} if input.nothing\n',
        f"package {_QUERY}\n\nimport rego.v1\n\nresult := [{{{wanted}}} | {case.query}]\n",
    ]
    files = tuple(RuleFile(f"{number}.rego", text) for number, text in enumerate(texts))
    for file in files:
        check_text(file.text, file.path)
    data = json.dumps(case.data)
    return Evaluator(Bundle(header=_HEADER, rules=files, data=data, digest=""))


def _given(case: Case) -> bytes | None:
    """Raises ValueError for an input that is no JSON."""
    if case.input_term is not None:
        return json.dumps(json.loads(case.input_term)).encode()
    return None if case.input is msgspec.UNSET else json.dumps(case.input).encode()


def _sorted(results: Sequence[object]) -> list[str]:
    """Results come in any order; 1 and 1.0 are one number."""
    return sorted(json.dumps(_plain(one), sort_keys=True) for one in results)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[object]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _main() -> None:
    confined.bound(confined.MEMORY_BYTES)
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, float(sys.argv[1]))
        verdict = _judged(msgspec.json.decode(line, type=Case))
        print(msgspec.json.encode(verdict).decode(), flush=True)


if __name__ == "__main__":
    _main()
