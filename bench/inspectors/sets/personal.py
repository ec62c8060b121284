"""Personal data that is valid by its checksums, from generators that others wrote, in sentences and
objects; and numbers that only look like it.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Iterator, Sequence
from random import Random
from types import ModuleType
from typing import Any, Final

import phonenumbers
from faker import Faker
from faker.providers import bank
from faker.utils.loading import list_module
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban, luhn

from bench.inspectors.cases import Case, Set
from bench.inspectors.sets import outputs
from bench.inspectors.sets.outputs import result

REGION: Final = "DE"
"""What the configuration says of phone numbers without a country's code."""

BANKS: Final = tuple(sorted(list_module(bank)))
"""Languages and countries whose banks the generator knows."""


def made(chance: Random) -> Set:
    """The set; its clean part has numbers alone."""
    wanted = [
        *cards(chance),
        *accounts(chance),
        *identities(chance),
        *phones(chance),
        *emails(chance),
    ]
    return Set(name="pii", wanted=wanted, clean=list(clean(chance)), apart=APART)


def _set(
    category: str, kinds: tuple[str, ...], label: str, texts: Sequence[str], chance: Random
) -> Iterator[Case]:
    """Each text in a sentence or an object."""
    key = re.sub(r"\W+", "_", label.lower()).strip("_")
    for text in texts:
        row = json.dumps([{"name": "Dana", key: text, "active": True}], ensure_ascii=False)
        values: Sequence[Any] = (
            result(f"Hello, my {label} is {text}, please confirm."),
            result(f"As agreed on the phone: {label} {text}. Thanks!"),
            result(f"The customer gave us {text} as {label} last week."),
            result(f"Name: Dana\n{label}: {text}\nCity: Springfield\n\nNothing else to report."),
            {"structuredContent": {"id": chance.randrange(999), "name": "Dana", key: text}},
            result(row),
        )
        yield Case(category=category, value=chance.choice(values), planted=text, kinds=kinds)


def cards(chance: Random) -> Iterator[Case]:
    fake = Faker()
    fake.seed_instance(chance.randrange(1 << 30))
    brands = ("visa16", "visa19", "mastercard", "amex", "discover", "diners", "jcb16", "maestro")
    for number in range(400):
        brand = brands[number % len(brands)]
        digits = fake.credit_card_number(brand)
        if not luhn.is_valid(digits):
            continue
        form = number // len(brands) % 3
        text = digits if not form else (" ", "-")[form - 1].join(_groups(digits))
        category = f"card {brand.rstrip('0123456789')}"
        label = chance.choice(("card number", "credit card", "Visa/MC", "payment card"))
        yield from _set(category, ("pii.card",), label, [text], chance)


def _groups(digits: str) -> list[str]:
    sizes = (4, 6, 5) if len(digits) == 15 else (4, 6, 4) if len(digits) == 14 else (4,) * 5
    parts: list[str] = []
    for size in sizes:
        parts, digits = [*parts, digits[:size]], digits[size:]
    return [part for part in parts if part]


def accounts(chance: Random) -> Iterator[Case]:
    """IBANs of every country that the generator knows banks of."""
    logging.getLogger("faker").setLevel(logging.ERROR)  # some warn that these are nobody's
    by_country: dict[str, list[str]] = {}
    for name in BANKS:
        fake = Faker(name, providers=["faker.providers.bank"])
        fake.seed_instance(chance.randrange(1 << 30))
        for _ in range(12):
            text = fake.iban()
            if iban.is_valid(text, check_country=False):
                by_country.setdefault(text[:2], []).append(text)
    for _, texts in sorted(by_country.items()):
        for number, text in enumerate(sorted(set(texts))[:12]):
            written = text if number % 2 else iban.format(text)
            label = chance.choice(("IBAN", "account", "Kontonummer", "bank account"))
            yield from _set("iban", ("pii.iban",), label, [written], chance)


IDENTITIES: Final = {
    "at.vnr": "Sozialversicherungsnummer", "au.tfn": "tax file number",
    "be.nn": "rijksregisternummer", "bg.egn": "EGN", "br.cpf": "CPF", "ca.sin": "SIN",
    "ch.ssn": "AHV-Nummer", "cl.rut": "RUT", "cn.ric": "resident identity card",
    "cz.rc": "rodné číslo", "de.idnr": "Steuer-ID", "dk.cpr": "CPR-nummer",
    "do.cedula": "cédula", "ec.ci": "cédula", "ee.ik": "isikukood", "es.dni": "DNI",
    "es.nie": "NIE", "fi.hetu": "henkilötunnus", "fr.nir": "numéro de sécurité sociale",
    "gb.nhs": "NHS number", "gr.amka": "AMKA", "hr.oib": "OIB", "ie.pps": "PPS number",
    "il.idnr": "teudat zehut", "in_.aadhaar": "Aadhaar", "is_.kennitala": "kennitala",
    "it.codicefiscale": "codice fiscale", "kr.rrn": "resident registration number",
    "lt.asmens": "asmens kodas", "lv.pvn": "personas kods", "mx.curp": "CURP",
    "nl.bsn": "BSN", "no.fodselsnummer": "fødselsnummer", "nz.ird": "IRD number",
    "pl.pesel": "PESEL", "pt.nif": "NIF", "ro.cnp": "CNP", "se.personnummer": "personnummer",
    "si.emso": "EMŠO", "sk.rc": "rodné číslo", "th.pin": "Thai ID number",
    "tr.tckimlik": "TC kimlik no", "ua.rntrc": "RNTRC", "us.ssn": "SSN",
    "za.idnr": "South African ID number",
}  # fmt: skip
"""Numbers of persons, and what people call them."""


def identities(chance: Random) -> Iterator[Case]:
    """Numbers of persons: an example's digits are changed until its checks are met again."""
    for name, label in IDENTITIES.items():
        category = "ssn" if name == "us.ssn" else f"identity {name[:2]}"
        for text in _valid(name, chance, 10):
            said = chance.choice((label, label, "national id", "personal id number"))
            yield from _set(category, ("pii",), said, [text], chance)


def _valid(name: str, chance: Random, count: int) -> list[str]:
    module = importlib.import_module(f"stdnum.{name}")
    known = re.findall(r"(?:validate|compact)\('([^']+)'", module.__doc__ or "")
    examples = [one for one in known if module.is_valid(one)]
    found: dict[str, None] = {}
    for _ in range(200_000):
        if not examples or len(found) == count:
            break
        text = list(chance.choice(examples))
        places = [at for at, char in enumerate(text) if char.isdigit()]
        for at in chance.sample(places, 4):
            text[at] = str(chance.randrange(10))
        changed = "".join(text)
        if _holds(module, changed):
            plain = str(module.compact(changed)).upper()
            format_ = getattr(module, "format", None)
            found[str(format_(plain)) if format_ and len(found) % 2 else plain] = None
    return list(found)


YEARS: Final = range(1930, 2012)
"""In which those were born whose number tells it."""

_PERSONS: Final = {
    "it.codicefiscale": r"[A-Za-z].{15}",
    "lv.pvn": r"[0-3]\d{5}-?\d{5}",
    "pt.nif": r"(?:PT\s?)?[123].*",
}
"""Where companies' numbers are valid too."""


def _holds(module: ModuleType, text: str) -> bool:
    person = _PERSONS.get(module.__name__.removeprefix("stdnum."))
    if person and not re.fullmatch(person, text):
        return False
    born = getattr(module, "get_birth_date", None)
    try:
        valid = bool(module.is_valid(text))
        born_on = born(text) if valid and born is not None else None
    except (KeyError, ValueError):  # a district that no longer is, a day that never was
        return False
    return valid and (born_on is None or born_on.year in YEARS)


PHONES: Final = (
    *("AE", "AR", "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CN", "CO", "CZ", "DE", "DK", "EG"),
    *("ES", "FI", "FR", "GB", "GR", "HU", "IE", "IL", "IN", "IT", "JP", "KR", "MX", "NG", "NL"),
    *("NO", "NZ", "PL", "PT", "RO", "SE", "SG", "TR", "UA", "US", "ZA"),
)


def phones(chance: Random) -> Iterator[Case]:
    """As people of 41 countries write them; without its code only those of the configured one."""
    for region in PHONES:
        for number in _numbers(region, chance, 8):
            for category, text in _forms(number, region).items():
                label = chance.choice(("phone", "mobile", "Tel.", "call me on", "contact number"))
                yield from _set(f"phone {category}", ("pii.phone",), label, [text], chance)


def _numbers(region: str, chance: Random, count: int) -> list[phonenumbers.PhoneNumber]:
    found: dict[int, phonenumbers.PhoneNumber] = {}
    for number in range(400):
        which = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)[number % 2]
        example = phonenumbers.example_number_for_type(region, which)
        if example is None or example.national_number is None:
            continue
        digits = str(example.national_number)
        changed = digits[:-4] + f"{chance.randrange(10_000):04}"
        one = phonenumbers.PhoneNumber(
            country_code=example.country_code,
            national_number=int(changed),
            italian_leading_zero=example.italian_leading_zero,
        )
        if phonenumbers.is_valid_number(one):
            found[int(changed)] = one
        if len(found) == count:
            break
    return list(found.values())


def _forms(number: phonenumbers.PhoneNumber, region: str) -> dict[str, str]:
    whole = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    code, _, rest = whole.partition(" ")
    forms = {
        "e164": phonenumbers.format_number(number, PhoneNumberFormat.E164),
        "international": whole,
        "dotted": whole.replace(" ", ".").replace("-", "."),
        "brackets": f"{code} ({rest.replace('-', ' ').replace(' ', ') ', 1)}"
        if " " in rest.replace("-", " ")
        else whole,
    }
    if region not in {"US", "CA"}:
        forms["00"] = f"00{whole[1:]}"
    else:
        forms["national us"] = national
    if region == REGION:
        forms["national configured"] = national
        forms["national slash"] = national.replace(" ", "/", 1)
    return forms


def emails(chance: Random) -> Iterator[Case]:
    for name in ("en_US", "de_DE", "fr_FR", "pl_PL", "ja_JP", "pt_BR", "ru_RU", "sv_SE"):
        fake = Faker(name)
        fake.seed_instance(chance.randrange(1 << 30))
        for _ in range(4):
            yield from _mails(fake, chance)


def _mails(fake: Faker, chance: Random) -> Iterator[Case]:
    plain = fake.ascii_company_email()
    user, _, domain = fake.ascii_email().partition("@")
    forms = (plain, f"{user}+news@{domain}", f"{user}_1@mail.{domain}", plain.upper())
    yield from _set("email", ("pii.email",), "e-mail", forms, chance)
    text = f"To: {fake.name()} <{plain}>, mailto:{user}@{domain}?subject=Hi"
    for one in (plain, f"{user}@{domain}"):
        yield Case(category="email", value=result(text), planted=one, kinds=("pii.email",))


def clean(chance: Random) -> Iterator[Case]:
    """What has digits and is nobody's: each value has several of a kind."""
    fake = Faker()
    fake.seed_instance(chance.randrange(1 << 30))
    numbers = _Numbers(fake, chance)
    for number in range(570):
        category = KINDS_OF_NUMBERS[number % len(KINDS_OF_NUMBERS)]
        texts = [numbers.of(category) for _ in range(5)]
        words = [f"{category.split()[0]} {one}" for one in texts]
        rows = {f"{category.split()[0]}_{at}": one for at, one in enumerate(texts)}
        value: Any = (
            result("We saw " + ", then ".join(words) + ".")
            if number % 2
            else {"structuredContent": rows}
        )
        yield Case(category=category, value=value, kinds=("pii",))
    for value in [*outputs.code(chance, 250, without=NUMBERS_IN_IT), *outputs.data(chance, 150)]:
        text = value["content"][0]["text"]
        if "@" not in text:
            category = "data" if "structuredContent" in value else "code"
            yield Case(category=category, value=value, kinds=("pii",))


class _Numbers:
    """Each kind of what is no one's, by name."""

    def __init__(self, fake: Faker, chance: Random) -> None:
        self._fake, self._chance = fake, chance

    def of(self, kind: str) -> str:
        fake, chance = self._fake, self._chance
        moment = fake.date_time()
        made: dict[str, Sequence[str]] = {
            "order id": (f"ORD-{self._some(8)}-{self._some(3)}",),
            "invoice number": (f"{chance.randrange(2015, 2027)}-{self._some(6)}",),
            "timestamp": (
                fake.iso8601(),
                str(chance.randrange(10**9, 2 * 10**9)),
                f"{moment:%d.%m.%Y %H:%M:%S}",
            ),
            "micros": (str(chance.randrange(15 * 10**14, 19 * 10**14)),),
            "nanos": (str(chance.randrange(15 * 10**17, 19 * 10**17)),),
            "snowflake": (str(chance.randrange(10**17, 14 * 10**17)),),
            "version": (".".join(str(chance.randrange(40)) for _ in range(4)),),
            "build": (f"{chance.randrange(20)}.{self._some(5)}-{fake.hexify('^^^^^^^')}",),
            "hash": (fake.sha1(), fake.md5(), fake.sha256()),
            "uuid": (fake.uuid4(),),
            "price": (f"{chance.randrange(1, 99999):,}.{self._some(2)} EUR",),
            "coordinates": (f"{fake.latitude()}, {fake.longitude()}",),
            "isbn": (fake.isbn13(),),
            "size": (f"{chance.randrange(10**9, 10**12)} bytes",),
            "range": (f"{chance.randrange(999)}-{chance.randrange(1000, 9999)}",),
            "tracking": (f"1Z{fake.bothify('???#####').upper()}{self._some(8)}",),
            "part": (f"{self._some(3)}-{self._some(4)}-{self._some(2)}",),
            "ticket": (f"#{self._some(7)}",),
            "float": (repr(chance.random() * 10 ** chance.randrange(9)),),
        }
        return chance.choice(made[kind])

    def _some(self, count: int) -> str:
        return "".join(self._chance.choice("0123456789") for _ in range(count))


NUMBERS_IN_IT: Final = frozenset({"faker", "phonenumbers", "stdnum"})
"""Packages whose source has examples."""

APART: Final = frozenset({"card maestro", "ssn"})
"""Cards of twelve digits, which hardly exist; and what has no check digit."""

KINDS_OF_NUMBERS: Final = (
    *("order id", "invoice number", "timestamp", "micros", "nanos", "snowflake", "version"),
    *("build", "hash", "uuid", "price", "coordinates", "isbn", "size", "range", "tracking"),
    *("part", "ticket", "float"),
)
