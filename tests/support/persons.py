"""Numbers of persons, made up by their published rules: a template, and whatever check digits the
judge, which shares no code with ours, takes for right.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import product
from random import Random
from typing import NamedTuple

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHABETS = {"9": DIGITS, "A": LETTERS, "#": DIGITS, "@": LETTERS, "*": DIGITS + LETTERS}
CHECKS = {"#": DIGITS, "@": LETTERS, "*": DIGITS + LETTERS}


class Made(NamedTuple):
    """How numbers of one sort are made, and the words with which they are spoken of.

    In a template `9` is any digit, `A` any letter, and `#`, `@` and `*` are a digit, a letter, or
    either, that the judge demands; `{date}` is a day. All else stands for itself, as does what
    follows a backslash.
    """

    judge: str
    templates: tuple[str, ...]
    said: str = ""
    date: str = "%y%m%d"


def judged(one: Made, number: str) -> bool:
    """What the judge says of a number."""
    valid: Callable[[str], bool] = import_module(f"stdnum.{one.judge}").is_valid
    return valid(number.replace(" ", "").replace("-", "") if one.judge == "luhn" else number)


def made(one: Made, chance: Random) -> str:
    """Some number that the judge takes."""
    template = chance.choice(one.templates)
    for _ in range(2000):
        number, open_places = _drawn(template, one.date, chance)
        orders = [chance.sample(CHECKS[mark], len(CHECKS[mark])) for _, mark in open_places]
        for chars in product(*orders):
            for (place, _), char in zip(open_places, chars, strict=True):
                number[place] = char
            if judged(one, "".join(number)):
                return "".join(number)
    raise AssertionError(f"{one.judge} takes nothing like {template}")


def _drawn(template: str, date: str, chance: Random) -> tuple[list[str], list[tuple[int, str]]]:
    day = f"{chance.randint(1, 28):02}"
    month = f"{chance.randint(1, 12):02}"
    year = str(chance.randint(1950, 1999))
    day = date.replace("%d", day).replace("%m", month).replace("%Y", year).replace("%y", year[2:])
    before, _, after = template.partition("{date}")
    number: list[str] = []
    checks: list[tuple[int, str]] = []
    literal = False
    for part, fixed in (
        (before, False),
        (day if "{date}" in template else "", True),
        (after, False),
    ):
        for char in part:
            if char == "\\" and not literal:
                literal = True
                continue
            if fixed or literal or char not in ALPHABETS:
                number.append(char)
            elif char in CHECKS:
                checks.append((len(number), char))
                number.append("0")
            else:
                number.append(chance.choice(ALPHABETS[char]))
            literal = False
    return number, checks


SORTS: dict[str, Made] = {
    "IBAN, DE": Made("iban", ("DE##999999999999999999", "DE## 9999 9999 9999 9999 99")),
    "IBAN, GB": Made("iban", ("GB##AAAA99999999999999", "GB## AAAA 9999 9999 9999 99")),
    "card, Visa": Made("luhn", ("499999999999999#", "4999 9999 9999 999#", "4999-9999-9999-999#")),
    "card, Mastercard": Made("luhn", ("529999999999999#", "5299 9999 9999 999#")),
    "card, American Express": Made("luhn", ("37999999999999#", "3799 999999 9999#")),
    "AT Sozialversicherungsnummer": Made("at.vnr", ("199#{date}", "299# {date}"), "SVNR", "%d%m%y"),
    "BE rijksregisternummer": Made("be.nn", ("{date}-999.##", "{date} 999 ##")),
    "BE rijksregisternummer, bare": Made("be.nn", ("{date}999##",), "rijksregisternummer"),
    "BG ЕГН": Made("bg.egn", ("{date}999#",), "ЕГН"),
    "CH AHV-Nummer": Made("ch.ssn", ("756.9999.9999.9#", "756999999999#")),
    "CZ, SK rodné číslo": Made("cz.rc", ("{date}/999#",)),
    "CZ, SK rodné číslo, bare": Made("cz.rc", ("{date}999#",), "rodné číslo"),
    "DE Steuer-ID": Made("de.idnr", ("86 095 742 7##", "57 549 285 0##", "25 768 131 4##")),
    "DE Steuer-ID, bare": Made("de.idnr", ("860957427##", "575492850##"), "Steuer-ID"),
    "DK CPR-nummer": Made("dk.cpr", ("{date}-999#", "{date}999#"), "CPR", "%d%m%y"),
    "EE isikukood, LT asmens kodas": Made("ee.ik", ("3{date}999#", "4{date}999#"), "isikukood"),
    "ES DNI": Made("es.dni", ("59999999@", "59999999-@")),
    "ES NIE": Made("es.nie", ("X9999999@", "Y-9999999-@")),
    "FI henkilötunnus": Made("fi.hetu", ("{date}-199*",), "", "%d%m%y"),
    "FR NIR": Made("fr.nir", ("2560499999999##", "1 82 12 75 999 999 ##")),
    "GB NHS number": Made("gb.nhs", ("999 999 999#", "999999999#"), "NHS number"),
    "GR AMKA": Made("gr.amka", ("{date}9999#",), "AMKA", "%d%m%y"),
    "HR OIB": Made("hr.oib", ("9999999999#",), "OIB"),
    "IE PPS number": Made("ie.pps", ("9999999@A", "9999999@"), "PPSN"),
    "IT codice fiscale": Made("it.codicefiscale", ("BRNGNN80A19F205@", "RSSMRA85T10A562@")),
    "LV personas kods": Made("lv.pvn", ("{date}-1999#",), "personas kods", "%d%m%y"),
    "NL burgerservicenummer": Made("nl.bsn", ("99999999#", "9999.99.99#"), "BSN"),
    "NO fødselsnummer": Made("no.fodselsnummer", ("{date}999##", "{date} 999##"), "", "%d%m%y"),
    "PL PESEL": Made("pl.pesel", ("{date}9999#",), "PESEL"),
    "PT NIF": Made("pt.nif", ("29999999#", "299 999 99#"), "NIF"),
    "RO CNP": Made("ro.cnp", ("1{date}40999#",), "CNP"),
    "SE personnummer": Made("se.personnummer", ("{date}-999#",), "personnummer"),
    "SI EMŠO": Made("si.emso", ("{date}\\95050999#",), "EMŠO", "%d%m"),
    "UA РНОКПП": Made("ua.rntrc", ("999999999#",), "РНОКПП"),
    "AR CUIL, CUIT": Made("ar.cuit", ("20-99999999-#", "27-99999999-#")),
    "BR CPF": Made("br.cpf", ("999.999.999-##",)),
    "BR CPF, bare": Made("br.cpf", ("999999999##",), "CPF"),
    "BR CNPJ": Made("br.cnpj", ("99.999.999/0001-##",)),
    "CA SIN": Made("ca.sin", ("199 999 99#", "59999999#"), "SIN"),
    "CL RUT": Made("cl.rut", ("19.999.999-#",)),
    "EC cédula": Made("ec.ci", ("170999999#",), "cédula"),
    "MX CURP": Made("mx.curp", ("BOXW{date}HNERXN0#",)),
    "AU tax file number": Made("au.tfn", ("999 999 99#", "99999999#"), "TFN"),
    "CN resident identity number": Made(
        "cn.ric", ("110105{date}999#", "440308{date}999#"), "", "%Y%m%d"
    ),
    "IL identity number": Made("il.idnr", ("39999999#",), "teudat zehut"),
    "IN Aadhaar": Made("in_.aadhaar", ("2999 9999 999#", "29999999999#"), "Aadhaar"),
    "JP My Number": Made("jp.in_", ("99999999999#", "9999 9999 999#"), "My Number"),
    "KR resident registration number": Made("kr.rrn", ("{date}-100999#",)),
    "NZ IRD number": Made("nz.ird", ("4999999#", "49-999-99#"), "IRD"),
    "TH identity number": Made("th.pin", ("1-9999-99999-99-#",)),
    "TR kimlik number": Made("tr.tckimlik", ("199999999##",), "T.C. kimlik"),
    "ZA identity number": Made("za.idnr", ("{date}500908#",)),
    "DE VAT number": Made("de.vat", ("DE19999999#",)),
    "FR VAT number": Made("fr.tva", ("FR##99999999#",)),
    "IT VAT number": Made("it.iva", ("IT0999901001#",)),
    "NL VAT number": Made("nl.btw", ("NL19999999#B01",)),
    "AT VAT number": Made("at.uid", ("ATU1999999#",)),
    "BE VAT number": Made("be.vat", ("BE04999999##",)),
    "DK VAT number": Made("dk.cvr", ("DK1999999#",)),
    "FI VAT number": Made("fi.alv", ("FI1999999#",)),
    "PL VAT number": Made("pl.nip", ("PL519999999#",)),
    "SE VAT number": Made("se.vat", ("SE55999999##01",)),
    "GB VAT number": Made("gb.vat", ("GB9999999##",)),
    "LU VAT number": Made("lu.tva", ("LU199999##",)),
    "EL VAT number": Made("gr.vat", ("EL09999999#",)),
    "HU VAT number": Made("hu.anum", ("HU1999999#",)),
    "PT VAT number": Made("pt.nif", ("PT59999999#",)),
    "SI VAT number": Made("si.ddv", ("SI1999999#",)),
    "HR VAT number": Made("hr.oib", ("HR9999999999#",)),
    "CHE VAT number": Made("ch.uid", ("CHE-999.999.99#",)),
    "AU ABN": Made("au.abn", ("## 999 999 999",), "ABN"),
}
