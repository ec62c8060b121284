"""A matrix of cases: named changes to one call, and what the policy has to say to each.

The format is described for people in docs/guides/test-policy.md.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, NoReturn, cast

import msgspec
import orjson

from safeconduct.kit import yaml
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial.base import TIMES, base, settle, time_of
from safeconduct.policy.trial.expectation import REFUSED, Expectation, expectation
from safeconduct.policy.trial.shape import Misshapen, Tree, check_shape, type_at

MAX_CASES: Final = 10_000

_Names = Annotated[list[str], msgspec.Meta(min_length=1)]

KEYS: Final = ("base", "given", "mistyped", "combine", "cases")
_WITHOUT: Final = "without"
_TIME: Final = (
    "write a time with its zone, such as 2026-11-16T09:30:00+01:00, or one from the decision's, "
    "such as now-4m59s with d, h, m, s and ms, or name it below `mistyped`"
)
_GUIDE: Final = "docs/guides/test-policy.md shows a whole file"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One input and what the policy has to say to it at `now_ms`.

    `line` is where it stands in the file; `listed` is False for a combination that no case names.
    """

    name: str
    line: int
    input: bytes
    now_ms: int
    expected: Expectation
    listed: bool = True


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a name changes in the input: paths with values, in order, and paths to take away."""

    line: int
    values: dict[tuple[str, ...], Any]
    lines: dict[tuple[str, ...], int]
    without: tuple[tuple[str, ...], ...]
    mistyped: bool


def read_matrix(text: str, file: str) -> list[Case]:
    """The cases of a file, then its combinations that no case names.

    Raises:
        PolicyRefused: with the line of what is wrong; `file` is its name there.
    """
    try:
        document = yaml.load(text, file)
    except yaml.YamlError as error:
        raise PolicyRefused(error.sentence, file=file, line=error.line, fix=error.fix) from None
    return list(_Reader(document, file).cases())


class _Reader:
    def __init__(self, document: yaml.Document, file: str) -> None:
        self._document = document
        self._file = file
        value = self._mapping(document.value, ())
        for key in value:
            if key not in KEYS:
                self._refuse((key,), f"unknown key `{key}`", f"there are {', '.join(KEYS)}")
        self._value: Tree = {key: value.get(key) or {} for key in KEYS}
        self._base = self._change(self._value["base"], ("base",), mistyped=False)
        self._check_alone(None, self._base)
        self._named = dict(self._names())
        self._used: set[str] = set()

    def cases(self) -> Iterator[Case]:
        """All cases. A name that stands in none is refused, at the end."""
        listed: set[frozenset[str]] = set()
        for key, line in self._mapping(self._value["cases"], ("cases",)).items():
            place = ("cases", key)
            names = [name.strip() for name in key.split(",")] if key.strip() else []
            if frozenset(names) in listed:
                self._refuse(place, "this case stands here twice", "keep one of them")
            listed.add(frozenset(names))
            expected = expectation(line) if isinstance(line, str) else None
            if expected is None:
                sentence = "not something that a policy could say"
                self._refuse(place, sentence, "write `permit ID …`, `elevate ID …`, `deny` …")
            yield self._case(names, place, expected)
        for combination in self._combinations():
            if frozenset(combination) not in listed:
                case = self._case(combination, ("combine",), REFUSED)
                yield msgspec.structs.replace(case, listed=False)
        for name in self._named:
            if name not in self._used:
                section = "mistyped" if self._named[name].mistyped else "given"
                sentence = f"`{name}` stands in no case, so it tests nothing"
                self._refuse((section, name), sentence, "name it in `cases` or `combine`")

    def _combinations(self) -> Iterator[tuple[str, ...]]:
        try:
            axes = msgspec.convert(self._value["combine"] or [], list[_Names])
        except msgspec.ValidationError:
            self._refuse(("combine",), "not lists of names", "write `- [NAME, NAME]` for each list")
        if math.prod(len(axis) for axis in axes) > MAX_CASES:
            self._refuse(("combine",), f"more than {MAX_CASES} combinations", "split the file")
        if not axes and not self._value["cases"]:
            self._refuse((), "no cases, so it tests nothing", _GUIDE)
        return itertools.product(*axes) if axes else iter(())

    def _names(self) -> Iterator[tuple[str, _Change]]:
        for section in ("given", "mistyped"):
            mistyped = section == "mistyped"
            for name, value in self._mapping(self._value[section], (section,)).items():
                place = (section, name)
                if "," in name or name != name.strip() or not name:
                    self._refuse(place, "not a name that a case could use", "leave out commas")
                if mistyped and name in self._mapping(self._value["given"], ("given",)):
                    self._refuse(place, f"`{name}` is given too", "choose another name")
                change = self._change(value, place, mistyped=mistyped)
                if not mistyped:
                    self._check_alone(self._base, change)
                yield name, change

    def _change(self, value: object, place: yaml.Place, *, mistyped: bool) -> _Change:
        values: dict[tuple[str, ...], Any] = {}
        lines: dict[tuple[str, ...], int] = {}
        without: list[tuple[str, ...]] = []
        for key, item in self._mapping(value, place).items():
            inner = (*place, key)
            if key == _WITHOUT:
                if not isinstance(item, list):
                    self._refuse(inner, "not a list of paths", "write `without: [PATH]`")
                without += [self._path(path, inner) for path in cast("list[object]", item)]
            else:
                path = self._path(key, inner)
                values[path] = item
                lines[path] = self._document.line(inner)
        return _Change(
            line=self._document.line(place),
            values=values,
            lines=lines,
            without=tuple(without),
            mistyped=mistyped,
        )

    def _path(self, dotted: object, place: yaml.Place) -> tuple[str, ...]:
        path = tuple(str(dotted).split("."))
        if type_at(path) is None:
            sentence = f"the policy input has no `{dotted}`"
            self._refuse(place, sentence, "`safeconduct schema policy-input` shows what it has")
        return path

    def _check_alone(self, start: _Change | None, change: _Change) -> None:
        """Refuse a change that makes a call of what none could be, at its own line."""
        try:
            check_shape(settle(_changed([one for one in (start, change) if one is not None])))
        except Misshapen as error:
            near = [line for path, line in change.lines.items() if _overlap(path, error.path)]
            raise PolicyRefused(
                f"{'.'.join(error.path)}: {error.sentence}" if error.path else error.sentence,
                file=self._file,
                line=near[-1] if near else change.line,
                fix=_TIME
                if error.path in {*TIMES, ("now_ms",)}
                else "write a value of the input's type, or name it below `mistyped`",
            ) from None

    def _case(self, names: Sequence[str], place: yaml.Place, expected: Expectation) -> Case:
        unknown = [name for name in names if name not in self._named]
        if unknown:
            sentence = f"nothing is given as `{unknown[0]}`"
            self._refuse(place, sentence, "write it below `given`")
        self._used.update(names)
        changes = [self._base, *(self._named[name] for name in names)]
        try:
            value = settle(_changed(changes))
            if not any(change.mistyped for change in changes):
                check_shape(value)
        except Misshapen as error:
            self._refuse(place, f"{'.'.join(error.path)}: {error.sentence}", "look at its names")
        return Case(
            name=", ".join(names),
            line=self._document.line(place),
            input=orjson.dumps(value, option=orjson.OPT_SORT_KEYS),
            now_ms=time_of(value),
            expected=expected,
        )

    def _mapping(self, value: object, place: yaml.Place) -> Tree:
        if not isinstance(value, dict):
            self._refuse(place, "not a mapping", _GUIDE)
        return cast("Tree", value)

    def _refuse(self, place: yaml.Place, sentence: str, fix: str) -> NoReturn:
        line = self._document.line(place)
        raise PolicyRefused(sentence, file=self._file, line=line, fix=fix)


def _changed(changes: Sequence[_Change]) -> Tree:
    """The call to start from, changed."""
    value = base()
    for change in changes:
        for path, item in change.values.items():
            _holder(value, path)[path[-1]] = copy.deepcopy(item)
        for path in change.without:
            _take_away(value, path)
    given = {path for change in changes for path in change.values}
    call = value.get("call")
    if isinstance(call, dict) and given.isdisjoint({("call",), ("call", "upstream")}):
        _follow(cast("Tree", call))
    return value


def _follow(call: Tree) -> None:
    """The upstream is that of the tool."""
    if isinstance(call.get("tool"), str):
        call["upstream"] = call["tool"].partition(".")[0]


def _holder(value: Tree, path: tuple[str, ...]) -> Tree:
    """The object that holds the last name of the path; made where there is none."""
    for key in path[:-1]:
        inner = value.get(key)
        if not isinstance(inner, dict):
            inner = value[key] = {}
        value = cast("Tree", inner)
    return value


def _take_away(value: Tree, path: tuple[str, ...]) -> None:
    for key in path[:-1]:
        inner = value.get(key)
        if not isinstance(inner, dict):
            return
        value = cast("Tree", inner)
    value.pop(path[-1], None)


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))
