"""An operator's own words, patterns and records, as texts have them; and what is close to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from faker import Faker

from bench.inspectors.cases import Case, Set
from bench.inspectors.sets import outputs
from bench.inspectors.sets.outputs import result
from safeconduct.inspectors.matches import learn

TERMS: Final = "terms.txt"
RECORDS: Final = "customers.match"
DICTIONARIES: Final = {
    "price-list": {"family": "pricing", "file": TERMS, "patterns": [r"\bQ-20\d\d-\d{5}\b"]}
}
MATCHES: Final = {"customers": {"family": "pii", "file": RECORDS}}

_TERM: Final = ("pricing.price-list",)
_RECORD: Final = ("pii.customers",)

Row = dict[str, str]


def files() -> dict[str, bytes]:
    """What the configuration names."""
    rows = records()
    return {
        TERMS: ("# what things cost\n" + "\n".join(terms()) + "\n").encode(),
        RECORDS: learn(rows, list(rows[0])),
    }


def _faker(chance: Random, name: str = "en_US") -> Faker:
    fake = Faker(name)
    fake.seed_instance(Random(chance.random()).randrange(1 << 30))  # noqa: S311 the same each time
    return fake


def terms() -> list[str]:
    """Names of products and projects, price codes, in several languages and scripts."""
    fixed = Random(1)  # noqa: S311  the same for the file and for the texts
    fake, japanese = _faker(fixed), _faker(fixed, "ja_JP")
    found = {fake.unique.catch_phrase() for _ in range(120)}
    found |= {fake.unique.bothify("??-####-?").upper() for _ in range(120)}
    found |= {f"Größe {fake.unique.last_name()} Über" for _ in range(30)}
    found |= {japanese.unique.company() for _ in range(30)}
    return sorted(found)


def records() -> list[Row]:
    """Customers."""
    fixed = Random(2)  # noqa: S311 the same each time
    fakes = [_faker(fixed, name) for name in ("en_GB", "de_DE", "fr_FR", "cs_CZ")]
    return [
        {
            "name": fake.name(),
            "account": fixed.choice("0123456789") + fake.unique.numerify("#########"),
            "birthday": str(fake.date_of_birth()),
            "street": fake.street_address().replace("\n", " "),
        }
        for fake in fakes
        for _ in range(150)
    ]


def dictionaries(chance: Random) -> Set:
    wanted = [
        Case(category=name, value=value, planted=planted, kinds=_TERM)
        for term in chance.sample(terms(), 150)
        for name, value, planted in _written(term, chance)
    ]
    for _ in range(60):
        code = f"Q-20{chance.randrange(10, 30)}-{chance.randrange(10**5):05}"
        value = result(f"The offer ({code}) is valid for 30 days.")
        wanted.append(Case(category="pattern", value=value, planted=code, kinds=_TERM))
    clean = [
        Case(category="tool outputs", value=value, kinds=_TERM) for value in outputs.agentdojo()
    ]
    for term in chance.sample(terms(), 120):
        part = term[: len(term) * 2 // 3]
        for name, text in (("part of a term", f"see {part} for it"), ("longer", f"x{term}y z")):
            clean.append(Case(category=name, value=result(text), kinds=_TERM))
    return Set(name="dictionaries", wanted=wanted, clean=clean)


def _written(term: str, chance: Random) -> Iterator[tuple[str, Any, str]]:
    yield "as it is", result(f"We offer {term}, and more."), term
    yield "in an object", {"structuredContent": {"item": term, "count": 2}}, term
    yield "as a key", {"structuredContent": {term: chance.randrange(99)}}, term
    yield "in capitals", result(f"RE: {term.upper()} (CONFIDENTIAL)"), term.upper()
    broken = term.replace(" ", "\n", 1)
    yield "broken over lines", result(f"the price of {broken} is fixed"), broken
    several = term.replace(" ", "  ")
    yield "in JSON in a text", result(json.dumps({"a": several}, ensure_ascii=False)), several


def matches(chance: Random) -> Set:
    rows = records()
    wanted: list[Case] = []
    clean: list[Case] = []
    for row in chance.sample(rows, 150):
        for name, value in _together(row):
            wanted.append(
                Case(category=name, value=value, planted=row["account"], kinds=_RECORD, cover=0)
            )
        other = chance.choice([one for one in rows if one["name"] != row["name"]])
        apart = f"{row['name']} has an account, and {other['account']} is another's."
        clean.append(Case(category="two people's", value=result(apart), kinds=_RECORD))
        single = f"The account {row['account']} was closed."
        clean.append(Case(category="one value", value=result(single), kinds=_RECORD))
    clean += [
        Case(category="tool outputs", value=value, kinds=_RECORD) for value in outputs.agentdojo()
    ]
    return Set(name="matches", wanted=wanted, clean=clean)


def _together(row: Row) -> Iterator[tuple[str, Any]]:
    name, account = row["name"], row["account"]
    yield "sentence", result(f"{name} asked about account {account} again.")
    yield "object", {"structuredContent": {"customer": name, "account_no": account}}
    yield "table", result(f"name;born;account\n{name};{row['birthday']};{account}\n")
    grouped = " ".join(account[at : at + 3] for at in range(0, len(account), 3))
    yield "grouped", result(f"{name}, account {grouped}")
    yield "in capitals", result(f"{name.upper()} / {account}")
    yield "three columns", result(f"{row['street']}: {name}, born {row['birthday']}")
