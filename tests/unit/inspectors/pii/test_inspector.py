"""Personal data is found with its exact place, whatever stands around it, and little else is."""

from __future__ import annotations

import re
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact
from safeconduct.inspectors.pii.checks import luhn
from safeconduct.inspectors.pii.inspector import KINDS, OFF, PiiInspector, every_shape
from safeconduct.inspectors.pii.persons import NUMBERS
from safeconduct.inspectors.pii.shape import compact
from tests.support.pages import DOCS, sections, tables
from tests.support.persons import SORTS, judged, made

INSPECTOR = PiiInspector()
GERMAN = PiiInspector(region="DE")
ALL = PiiInspector(kinds=KINDS)


def chance_of(seed: object) -> Random:
    return Random(str(seed))  # noqa: S311  the same each time


def found(text: str, inspector: PiiInspector = INSPECTOR) -> list[tuple[str, str]]:
    findings = inspector.inspect({"a": text})
    assert all(one.where == ("a",) for one in findings)
    return [(one.kind, text[one.start : one.end]) for one in findings]


EXAMPLES = {
    "pii.card": [
        "4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005",
        "Maestro 5018 0000 0009", "501800000009", "card number 6759649826438453",
        "debit card 676770 0000000005",
        "paid with 501800000009", "card 6304 0000 0000 0000 000",
    ],
    "pii.iban": ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "NO93 8601 1117 947"],
    "pii.email": [
        "jane@example.org", "jane.o'neil+tag@mail.example.co.uk",
        "jürgen@münchen.de", "root@xn--mnchen-3ya.de", "a@b.io",
    ],
    "pii.ssn": [
        "078-05-1120", "SSN 078051120", "900-70-0000", "social security number: 078 05 1120",
    ],
    "pii.national-id": [
        "15070649C103", "AB 12 34 56 C", "AB123456C", "A123456(3)", "S1234567D", "A123456789",
        "personas kods 161175-19997", "ABCPE1234F", "GODE561231GR8", "880101-14-5566",
        "T.C. kimlik 10000000146", "112-233-445 95", "Medicare 2123 45670 1",
    ],
    "pii.vat": ["12-3456789 is our EIN", "12.ABC.345/01DE-35", "VAT RO18547290"],
    "pii.phone": [
        "+49 30 901820", "+1 (415) 555-2671", "415-555-2671", "(030) 901820", "0171/1234567",
        "020 7946 0958", "06 12 34 56 78", "0044 20 7946 0958", "call 4155552671",
        "text me at (415) 555 2671", "my mobile number is 612 345 678",
    ],
    "pii.birthdate": [
        "born 12 March 1980", "DOB: 1980-03-12", "geboren am 12.3.1980", "born March 12th, 1980",
    ],
    "pii.passport": ["passport C01X00T47", "Reisepass-Nr. C01X00T47", "passport no. 123456789"],
    "pii.licence": ["driving licence MORGA753116SM9IJ", "driver's license D123-4567-8901"],
    "pii.ip": ["8.8.8.8", "2001:4860:4860::8888"],
    "pii.mac": ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7"],
}  # fmt: skip


def test_there_is_an_example_of_every_kind() -> None:
    assert EXAMPLES.keys() == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]
)
@pytest.mark.parametrize(
    "sentence", ["{}", "It is {}.", "({})", "é„{}“", "line\n{}\nline", "x={};"]
)
def test_an_example_is_found(kind: str, text: str, sentence: str) -> None:
    [(what, where)] = found(sentence.format(text), ALL)
    assert what == kind
    assert where in text


def test_kinds_that_most_tools_are_full_of_are_looked_for_only_where_named() -> None:
    assert found("8.8.8.8 00:1B:44:11:3A:B7") == []
    assert {"pii.ip", "pii.mac"} == OFF
    assert [kind for kind, _ in found("8.8.8.8 a@b.io", PiiInspector(kinds=["pii.ip"]))] == [
        "pii.ip"
    ]
    with pytest.raises(ValueError, match=r"no such kind of personal data: pii\.shoe"):
        PiiInspector(kinds=["pii.email", "pii.shoe"])


@pytest.mark.parametrize("sort", SORTS)
def test_numbers_made_by_the_published_rules_are_found(sort: str) -> None:
    one = SORTS[sort]
    chance = chance_of(sort)
    for _ in range(6):
        number = made(one, chance)
        places = [
            (f"It is {one.said} {number}, he said.", ("a",)),
            (f"{one.said}: {number}", ("a",)),
        ]
        for text, where in places:
            start = text.index(number)
            [finding] = INSPECTOR.inspect({"a": text})
            assert (finding.where, finding.start, finding.end) == (
                where,
                start,
                start + len(number),
            )
        [finding] = INSPECTOR.inspect({"x": {one.said or "number": [number]}})
        assert finding.where == ("x", one.said or "number", 0)
        assert (finding.start, finding.end) == (0, len(number))
        [finding] = INSPECTOR.inspect({one.said or "x": {number: 1}})
        assert finding.where == (one.said or "x", number, KEY)


@pytest.mark.parametrize("sort", sorted(set(SORTS) - {"DK CPR-nummer"}))
def test_with_a_wrong_digit_it_is_none(sort: str) -> None:
    one = SORTS[sort]
    chance = chance_of(sort)
    kinds = {finding.kind for finding in INSPECTOR.inspect([f"{one.said} {made(one, chance)}"])}
    inspector = PiiInspector(kinds=kinds)
    # Beside a word, a number may be one of another country.
    alike = {number.name: number.valid for number in NUMBERS}.get(sort)
    missed = 0
    for _ in range(10):
        number = made(one, chance)
        at = chance.choice([place for place, char in enumerate(number) if char.isdigit()])
        wrong = f"{number[:at]}{(int(number[at]) + chance.randint(1, 9)) % 10}{number[at + 1 :]}"
        if not judged(one, wrong):
            missed += not (
                alike(compact(wrong)) if alike else inspector.inspect([f"{one.said} {wrong}"])
            )
    assert missed >= 5


def test_the_page_has_every_number_of_a_state() -> None:
    (table,) = tables(sections(DOCS / "reference" / "inspectors.md")["Numbers of states"])
    shapes = [one for one in every_shape(None) if one.kind == "pii.national-id"]
    said = {one.name: "yes" if one.words else "no" for one in shapes}
    del said["beside a word"]
    assert {row[0]: row[1] for row in table[1:]} == said | {one.name: "yes" for one in NUMBERS}


@pytest.mark.parametrize("sort", [number.name for number in NUMBERS if number.name in SORTS])
@pytest.mark.parametrize(
    "called",
    ["national id", "personal id number", "National ID", "tax ID", "identity number", "ID number"],
)
def test_a_number_of_a_person_is_found_by_any_name(sort: str, called: str) -> None:
    number = made(SORTS[sort], chance_of(f"{sort} {called}"))
    key = called.replace(" ", "_")
    grouped = f"{compact(number)[:4]} {compact(number)[4:]}"
    for value, where in [
        ([f"The {called} is {number}."], (0,)),
        ([f"{grouped} is the {called}"], (0,)),
        ({key: number}, (key,)),
        ({"type": called, "value": number}, ("value",)),
    ]:
        [finding] = INSPECTOR.inspect(value)
        assert (finding.kind, finding.where) == ("pii.national-id", where)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        # As authorities group them, and as forms and people do.
        ("Mon numéro de sécurité sociale est le {}.", "1 60 08 2B 095 901 79"),
        ("Mon numéro de sécurité sociale est le {}.", "1.60.08.2B.095.901.79"),
        ("N° SS : {}", "160082B095901 / 79"),
        ("NIR {}", "1 60 08 2B 095 901 clé 79"),
        ("NIR {})", "1 60 08 2B 095 901 (79"),
        ("INSEE {}", "160082B095901"),
        ("numéro de sécu {}", "172978669579206"),
        ("n° SS {})", "1 72 97 86 695 792 (06"),
        ("numéro SPI {}", "04 08 873 264 191"),
        ("rijksregisternr. {}", "63.05.15-537.80"),
        ("INSZ {}", "63/05/15-537.80"),
        ("national register number {}", "860032-344.17"),
        ("bisnummer {}", "74480905117"),
        ("SV-Nr. {}", "3973 453157"),
        ("VSNR {}", "8955/230980"),
        ("Moje r. č. je {}.", "571007 / 9716"),
        ("RČ {}", "5710079716"),
        ("Mitt fødselsnr. er {}.", "46.09.63 50236"),
        ("fnr {}", "224155-51340"),
        ("AHVN13: {}", "756-6228-3961-32"),
        ("D.N.I. {}", "40.141.306 G"),
        ("DNI {}", "40-141-306-G"),
        ("N.I.E. {}", "X-0.331.226-A"),
        ("Мій ідентифікаційний код {}.", "2572226484"),
        ("ІНН {}", "25722 26484"),
        ("Е.Г.Н. {}", "640522-5392"),
        ("p.k. {}", "250987-15865"),
        ("ת.ז. {}", "3-0145888-1"),
        ('ת"ז {}', "301458881"),
        ("身份证号 {}", "110105 19730722 5314"),
        ("私の個人番号は{}です。", "8820 9453 6696"),
        ("UTR {}", "8930187435"),
        ("NINO {}", "AB-12-34-56-C"),
        ("RFC {}", "GODE-941015-GR8"),
        ("C.F. {}", "RSS MRR 85T10 V562E"),
        ("My TFN is {}", "277-253-595"),
        ("n° fiscal {}", "0408873264191"),
        ("n.º de contribuinte {}", "115 733 132"),
        ("BSN {}", "92.42.41.548"),
        ("matricule {}", "1893 1201 05732"),
        ("número de la Seguridad Social {}", "28 12345678 40"),
        ("کد ملی {}", "0499370899"),
        ("ИИН {}", "980406300218"),
        ("Emirates ID {}", "784-1980-1234567-8"),
        ("NISS {}", "11061234619"),
        ("Sozialvers.-Nr. {}", "3973 453157"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "\u2009"])
def test_a_number_is_found_however_it_is_grouped(text: str, number: str, space: str) -> None:
    number = number.replace(" ", space)
    assert found(text.format(number)) == [("pii.national-id", number)]
    assert found(f"Jo Roe, {text.format(number)}") == [("pii.national-id", number)]


def test_an_address_beside_a_word_is_no_number() -> None:
    assert found("BSN 010538239") == [("pii.national-id", "010538239")]
    assert found("BSN server 10.53.82.39") == []


def _cards_in_groups() -> list[str]:
    """One of each length that Maestro has, in fours."""
    cards: list[str] = []
    for length in range(12, 20):
        begin = "676100"
        body = begin + "1" * (length - len(begin) - 1)
        number = next(body + digit for digit in "0123456789" if luhn(body + digit))
        cards.append(" ".join(number[at : at + 4] for at in range(0, length, 4)))
    return cards


@pytest.mark.parametrize("card", _cards_in_groups())
def test_a_card_of_any_length_is_found_in_groups_with_no_word(card: str) -> None:
    assert found(f"It is {card}.") == [("pii.card", card)]
    solid = card.replace(" ", "")
    assert found(f"It is {solid}.") == [("pii.card", solid)]


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("Maestro {} 04/27", "5018 0000 0009"),
        ("Kortnummer {}", "5018 000000 09"),
        ("betaalpas {}", "676100 111111 119"),
        ("Bitte {} mit der Girokarte", "501800 000009"),
        ("It is {} until 2027", "4111 1111 1111 1111"),
        ("Mir: {}", "2200000000000004"),
        ("Troy: {}", "9792000000000003"),
        ("Diners: {}", "3056 9309 0259 04"),
        ("American Express: {}", "3782 8224 6310 005"),
    ],
)
def test_a_card_is_found_as_far_as_it_goes(text: str, card: str) -> None:
    assert luhn(compact(card))
    assert found(text.format(card)) == [("pii.card", card)]


CLEAN = [
    "", "An ordinary sentence with 3 numbers: 12, 4711 and 0.5.",
    "4111111111111112", "4111 1111 1111 1112", "0000000000000000", "1.4111111111111111",
    "DE89370400440532013001", "GB29 NWBK 6016 1331 9268 10", "XX89370400440532013000",
    "@media print", "user@host", "lodash@4.17.21", "icon@2x.png", "git@github.com:org/repo.git",
    "repo@sha256:0123", "pkg@1.0.0-beta.rc",
    "2024-01-15T10:30:00.000Z", "2024-01-15 10:30:00+02:00", "1705312200", "1705312200000",
    "17.05.2024", "05/12/2023", "01.02.2024 - 03.04.2024", "10.0.0.1", "192.168.100.200:8080",
    "v1.22.333", "16.89.249", "550e8400-e29b-41d4-a716-446655440000",
    "d41d8cd98f00b204e9800998ecf8427e",
    "1Z999AA10123456784", "113-4567890-1234567", "ORD-2024-000123", "SO-12345-67", "123456789",
    "1.234.567,89 EUR", "$1,234,567.00", "078-00-1120", "000-05-1120", "666-05-1120", "900-40-0000",
    "20240117B", "8 of 10", "100000000000000000001", "+1500000 lines", "+02:00",
    "ISBN 978-3-16-148410-0",
    "00:1B:44:11:3A:B7", "lat 52.520008, lon 13.404954", "0x7fffffffffffffff", "3.14159265358979",
    "the card of 12 players", "born in 1980", "passport office", "call 911", "phone 2024-01-15",
    "part 947-2954-16", "P/N 208 5699 91", "invoice 2026-517268", "build 2956.25935-49c21fc",
    "52.520008, 13.404954", "(52.5200,13.4049)", "lines 4778-8411", "v20.776.3536", "2023.11.86180",
    "ISBN 6-2935-6925-5", "USD 131 335 676", "CA 90210-3877", "gpt-4-2022-02-04", "1951-2008",
    "portable, 2008-2019", "Clause 252.227-7013", "RFC 3986/3987", "CI run 1720560004",
    "tracking 4616 2997 1789", "tax 7.50 on order 103764135", "rc 1234567890", "uid 299999999999",
    "call id 850126750", "called with 208 5699 91", "part 947-29-5416", "P/N: 415-555-2671",
    "model no. 0171/1234567", "Serial number 020 7946 0958", "ticket 050809-929120",
]  # fmt: skip


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_resembles_some_is_not_reported(text: str) -> None:
    assert found(text, GERMAN) == []
    assert GERMAN.inspect({"content": [{"type": "text", "text": text}], "tool_calls": [text]}) == ()


@pytest.mark.parametrize(
    "number", ["4111111111111111", "+49 30 901820", "010-538-239", "078-05-1120"]
)
def test_what_a_thing_is_called_hides_no_more_than_shapes(number: str) -> None:
    said = {"010-538-239": "BSN, ", "078-05-1120": "SSN, "}.get(number, "")
    assert [where for _, where in found(f"{said}part {number}")] == [number]


def test_groups_are_a_number_where_no_0_begins_one() -> None:
    assert found("612 345 678", PiiInspector(region="ES")) == [("pii.phone", "612 345 678")]
    assert found("612 345 678", PiiInspector(region="DE")) == []


@pytest.mark.parametrize("region", [None, "DE", "US", "ES", "GB"])
def test_a_region_hides_no_number_that_is_one_without_it(region: str | None) -> None:
    one = PiiInspector(region=region)
    for text in (
        "0049 30 901820",
        "+49 30 901820",
        "030 901820",
        "650-253-0000",
        "tel 01712345678",
    ):
        assert [kind for kind, _ in found(text, one)] == ["pii.phone"]
    # Digits in a row are anything's, wherever they are dialled.
    assert found("01712345678", one) == found("030901820", one) == []


def test_a_region_has_a_numbering_plan() -> None:
    with pytest.raises(ValueError, match="no numbers are dialled in a region XX"):
        PiiInspector(region="XX")


def test_random_ids_hardly_ever_look_like_some() -> None:
    chance = chance_of(7)
    values = [
        {
            "id": str(UUID(int=chance.getrandbits(128))),
            "at": str(1_500_000_000_000 + chance.getrandbits(37)),
            "order": f"{chance.randrange(10**10):010}",
            "sha": f"{chance.getrandbits(160):040x}",
            "snowflake": str(10**18 + chance.getrandbits(59)),
            "price": f"{chance.random() * 10_000:.2f}",
            "serial": f"SN{chance.randrange(10**9):09}",
        }
        for _ in range(1000)
    ]
    assert len(GERMAN.inspect(values)) <= 2


@pytest.mark.parametrize(
    "written",
    [
        "4111\u00a01111\u00a01111\u00a01111", "4111\u20131111\u20131111\u20131111",
        "４１１１１１１１１１１１１１１１",
        "٤١١١١١١١١١١١١١١١", "4111\u200b1111\u200b1111\u200b1111",
        "4111\u202f1111\u202f1111\u202f1111", "4111<b>1111</b>11111111",
        "4111</i>111111111111",
        "4111&nbsp;1111&#160;1111&#xa0;1111", "4111 **1111** 1111 1111", "4111<!-- -->111111111111",
        '4111<span class="x">1111</span>11111111',
    ],
)  # fmt: skip
def test_another_way_of_writing_hides_nothing(written: str) -> None:
    for text in (written, f"pay with {written} now", f"é {written}\u200b."):
        assert found(text) == [("pii.card", written)]


def test_other_character_references_are_letters_as_any() -> None:
    text = "1&eacute;4111111111111111 9&zz; 1&#8203;2 1&#8211;2"
    assert found(text) == [("pii.card", "4111111111111111")]


def test_tags_that_divide_cells_join_nothing() -> None:
    assert found("<td>41111111</td><td>11111111</td>") == []


@pytest.mark.parametrize(
    "value",
    [
        {"ssn": "078051120"},
        {"socialSecurityNumber": ["078051120"]},
        {"social_security_number": "078051120"},
        {"label": "SSN", "value": "078051120"},
        {"person": {"SSN": {"value": "078051120"}}},
        "name,ssn,since\nJane,078051120,2020",
        "078051120 is my SSN",
        '<input name="ssn" value="078051120">',
    ],
)
def test_words_near_a_number_tell_what_it_is(value: object) -> None:
    [finding] = INSPECTOR.inspect(value)
    assert finding.kind == "pii.ssn"


@pytest.mark.parametrize(
    "value",
    [
        {"ssn": None, "order": "078051120"},
        {"text": "assnassn", "order": "078051120"},
        "SSN is what they ask for when one two three four five six you order 078051120",
        "[redacted: pii.ssn] 078051120",
    ],
)
def test_words_elsewhere_tell_nothing(value: object) -> None:
    assert INSPECTOR.inspect(value) == ()


@pytest.mark.parametrize(
    "value",
    [
        {"card": 4111111111111111},
        {"rows": [[1, 4111111111111111]]},
        [-4111111111111111],
        {"ssn": 219099999},
        {"phone": 4155552671},
        {"phones": [4155552671]},
    ],
)
def test_a_number_that_is_written_as_an_integer_is_found_and_cut(value: Any) -> None:
    [finding] = INSPECTOR.inspect(value)
    left = redact({"v": value}, [replace(finding, where=("v", *finding.where))])
    assert re.search(r"\d{4}", orjson.dumps(left).decode()) is None
    assert f"[redacted: {finding.kind}]" in orjson.dumps(left).decode()
    assert INSPECTOR.inspect(left) == ()


@pytest.mark.parametrize(
    "value", [{"at": 1705312200000}, {"card": 4111}, {"size": 4111111111111112}, {"card": True}]
)
def test_other_integers_are_none(value: object) -> None:
    assert INSPECTOR.inspect(value) == ()


@given(st.integers(), st.sampled_from(["card", "ssn", "phone", "tax", "id", "passport"]))
def test_an_integer_is_what_its_text_is(number: int, key: str) -> None:
    written = ALL.inspect({key: str(number)})
    assert ALL.inspect({key: number}) == (written if 6 < len(str(abs(number))) < 21 else ())


@given(st.sampled_from(sorted(SORTS)), st.integers())
def test_a_number_of_a_person_is_found_as_an_integer(sort: str, seed: int) -> None:
    one = SORTS[sort]
    number = made(one, chance_of(seed))
    if number.isdecimal() and number[0] != "0" and len(number) > 6:
        [finding] = INSPECTOR.inspect({one.said or "x": int(number)})
        assert (finding.start, finding.end) == (0, len(number))


@given(st.lists(st.integers(min_value=0), max_size=5), st.lists(st.integers(), max_size=3))
def test_after_integers_are_cut_nothing_is_found_any_more(cards: Any, others: Any) -> None:
    value = {"card": [4111111111111111, *others, *cards], "phone": others, "x": cards}
    assert ALL.inspect(redact(value, ALL.inspect(value))) == ()


def test_several_are_reported_in_document_order() -> None:
    value = {"b": ["a@b.io", {"c": " 4111111111111111 a@b.io"}], "a@b.io": "x"}
    assert INSPECTOR.inspect(value) == (
        Finding("pii.email", ("b", 0), 0, 6),
        Finding("pii.card", ("b", 1, "c"), 1, 17),
        Finding("pii.email", ("b", 1, "c"), 18, 24),
        Finding("pii.email", ("a@b.io", KEY), 0, 6),
    )


def test_numbers_behind_each_other_are_all_found() -> None:
    assert len(found("SSN 078-05-1120 219-09-9999 078-05-1120")) == 3
    assert len(found("IBANs DE89 3704 0044 0532 0130 00 GB29 NWBK 6016 1331 9268 19")) == 2
    assert len(found("4111 1111 1111 1111 5555 5555 5555 4444")) == 2


@pytest.mark.parametrize("value", [None, True, 7, 1.5, [], {}, "plain", {"a": [1, None, "plain"]}])
def test_other_values_hold_nothing(value: object) -> None:
    assert INSPECTOR.inspect(value) == ()


def test_the_json_of_a_value_is_taken_where_it_is_at_hand() -> None:
    assert INSPECTOR.inspect(["a@b.io"], b'["a@b.io"]')
    assert INSPECTOR.inspect(["a@b.io"], b"[]") == ()


@pytest.mark.parametrize("before", ["\n", "\t", '"', "\\", "\x07", "\x1f", "\\n"])
def test_what_json_escapes_hides_nothing(before: str) -> None:
    number = "4111111111111111"
    text = f"a{before}{number}"
    assert bool(found(text)) == (before != "\\n")
    assert found(f"a{before} {number}") == [("pii.card", number)]


def test_lines_join_no_numbers() -> None:
    text = "+49 30 901820\n41111111111111114111111111111111"
    assert found(text) == [("pii.phone", "+49 30 901820")]


def test_half_a_surrogate_pair_hides_nothing() -> None:
    assert INSPECTOR.inspect(["\ud800 a@b.io"]) == (Finding("pii.email", (0,), 2, 8),)


def test_what_is_nested_too_deeply_cannot_be_inspected() -> None:
    value: object = "deep"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        INSPECTOR.inspect(value)


_PIECES = st.sampled_from(
    [text for texts in EXAMPLES.values() for text in texts]
    + [
        "4111",
        "1111",
        "078-05-1120",
        "12345678",
        "030",
        "9",
        " ",
        " ",
        "-",
        ".",
        "/",
        "\n",
        ",",
        "é",
    ]
    + [
        "<b>",
        "</b>",
        "<",
        ">",
        "*",
        "@",
        "SSN",
        "card",
        "tel",
        "tax",
        "born",
        "March",
        "+",
        "(",
        ")",
    ]
    + ["&nbsp;", "\u200b", "\u00a0", "[redacted: pii.ssn]", "\0", '"', "DE89", "3704 0044"]
)


@given(st.lists(_PIECES, max_size=9).map("".join), st.lists(_PIECES, max_size=4).map("".join))
def test_after_a_redaction_nothing_is_found_any_more(text: str, key: str) -> None:
    value = {"a": [text], key: text}
    once = redact(value, ALL.inspect(value))
    assert ALL.inspect(once) == ()


_CHAINED = st.sampled_from([text for texts in EXAMPLES.values() for text in texts])


@given(_CHAINED, _CHAINED, st.sampled_from(["", " ", "-", ".", "/"]), st.integers(1, 12))
def test_of_a_chain_of_any_length_nothing_is_left(
    one: str, other: str, between: str, length: int
) -> None:
    value = {"a": [f"tel {between.join([one, other] * length)}", "a@b.io"]}
    once = redact(value, ALL.inspect(value))
    assert ALL.inspect(once) == ()
    assert once["a"][1] == "[redacted: pii.email]"


def test_a_text_in_which_a_chain_goes_on_is_found_as_a_whole_and_in_parts() -> None:
    text = f"tel {'5555-5555-5555-4444' * 40}"
    whole, *parts = ALL.inspect({"a": [text], "b": "a@b.io"})
    assert (whole.where, whole.start, whole.end) == (("a", 0), 0, len(text))
    assert {"pii.phone"} == {whole.kind} | {one.kind for one in parts[:-1]}
    assert len(parts) > 16
    assert parts[-1] == Finding("pii.email", ("b",), 0, 6)


@given(st.lists(_PIECES, max_size=9).map("".join))
def test_the_quick_look_at_the_json_hides_nothing(text: str) -> None:
    assert ALL.inspect({"a": text}) == ALL.inspect({"a": text, "\ud800": ""})


@given(st.sampled_from(sorted(SORTS)), st.integers(), st.text(max_size=20), st.text(max_size=20))
def test_a_number_is_found_in_any_text(sort: str, seed: int, before: str, after: str) -> None:
    one = SORTS[sort]
    number = made(one, chance_of(seed))
    text = f"{before}\n{one.said} {number}\n{after}"
    start = text.index(number)
    findings = INSPECTOR.inspect([text])
    assert any(one.start <= start and start + len(number) <= one.end for one in findings)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "1-",
        "a@",
        "@",
        "<",
        "<b>",
        "+1",
        "0 ",
        "ssn 1",
        "DE89 ",
        "a1",
        "::",
        "&",
        "4111 ",
    ],
)
def test_hostile_texts_take_time_in_proportion(piece: str) -> None:
    # The time-out of a test is what would tell: a square of this length is hours.
    ALL.inspect([f"ssn tel {piece * (200_000 // len(piece))}"])
