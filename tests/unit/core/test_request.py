"""Which values a request names: by its words, and never by parts of them."""

import pytest

from safeconduct.core.manifest import Role
from safeconduct.core.provenance import QUOTED, REQUESTS, Origin, PurposeSource, vouched_for
from safeconduct.core.request import Request, bare, request, request_origin

BY_USER = Origin("user-request")


@pytest.mark.parametrize(
    ("purpose", "value"),
    [
        ("Answer case C-1.", "C-1"),
        ("Answer case C-1?!..", "C-1"),
        ('Answer "C-1", then stop', "C-1"),
        ("Answer (C-1); then stop", "C-1"),
        ("Answer C-1,C-2 today", "C-2"),
        ("Look at C-1's notes", "C-1"),
        ("That is all for dana.Then stop", "dana"),
        ("Mail o'brien@example.com", "o'brien@example.com"),
        ("Mail „dana@customer.example“", "dana@customer.example"),
        ("Move it to Quarterly  Reports, please", "Quarterly Reports"),
        ("Move it to 'Quarterly Reports'.", "Quarterly Reports"),
        ("Read Dana Miller's mail", "Dana Miller"),
    ],
)
def test_a_request_names_its_words_without_the_marks_around_them(purpose: str, value: str) -> None:
    assert request_origin(purpose, "user", value, "path") == BY_USER


@pytest.mark.parametrize(
    ("purpose", "value"),
    [
        ("Mail o'brien@example.com", "brien@example.com"),
        ("Answer case C-12", "C-1"),
        ("Answer case C-1.....", "C-1"),
        ("Answer case C-1", ""),
        ("", ""),
        ("Write to dana@customer.example", "Dana@customer.example"),
        ("Write to dana@customer.example", "dаna@customer.example"),
        ("Move it to MyQuarterly Reports", "Quarterly Reports"),
        ("Move it to Quarterly Reports2", "Quarterly Reports"),
        ("Move it to Quarterly Reports......2", "Quarterly Reports"),
        ("Move it to Quarterly, Reports", "Quarterly Reports"),
        ("Move it to d'Quarterly Reports", "Quarterly Reports"),
    ],
)
def test_a_request_does_not_name_parts_of_its_words(purpose: str, value: str) -> None:
    assert request_origin(purpose, "user", value, "path") is None


def test_a_phrase_is_found_where_it_stands_whole_though_it_stands_cut_before() -> None:
    assert request("Not red applesauce but red apples.").names("path", "red apples")


@pytest.mark.parametrize(
    ("word", "inner"), [('"C-1".', "C-1"), ("(a)", "a"), ("...", ""), ("o'x", "o'x")]
)
def test_a_bare_word_has_no_marks_around_it(word: str, inner: str) -> None:
    assert bare(word) == inner


@pytest.mark.parametrize("source", REQUESTS)
def test_a_request_vouches_unless_the_agent_wrote_it(source: PurposeSource) -> None:
    origin = request_origin("Answer case C-1", source, "C-1", "object-id", "crm.case")
    assert origin == Origin(REQUESTS[source])
    assert origin is not None
    assert vouched_for([origin]) is (source != "agent")


@pytest.mark.parametrize("value", [None, ["C-1"], {"C-1": 1}])
def test_what_is_no_scalar_is_not_named(value: object) -> None:
    assert request_origin("Answer case C-1", "user", value) is None


@pytest.mark.parametrize(
    ("purpose", "value"),
    [
        ("Pay 1,250 to D-7", 1250),
        ("Pay 1,250. Now.", 1250.0),
        ("Pay $1,250.00 to D-7", "1250"),
        ("Pay 98.70€", 98.7),
        ("Raise it by 12%", 12),
        ("At 12 pay it", 12),
    ],
)
def test_a_number_of_the_request_is_an_amount(purpose: str, value: object) -> None:
    assert request_origin(purpose, "user", value, "amount") == BY_USER


@pytest.mark.parametrize(
    ("purpose", "amounts", "prices"),
    [
        ("Pay 12.50, not 3", {"12.5", "3"}, {"12.5"}),
        ("Pay to DE89 3704 0044 0532 0130 00 in 2026", set(), set()),
        ("At 12:30 on 2026-05-04, or 3.4.2026, or May 4th", set(), set()),
        ("Close #12 and id 13 for 14 euros", {"14"}, {"14"}),
        ("Pay £5, 1,000 usd or 7 €", {"5", "1000", "7"}, {"5", "1000", "7"}),
    ],
)
def test_numbers_of_other_things_are_no_amounts(
    purpose: str, amounts: set[str], prices: set[str]
) -> None:
    assert Request(purpose).amounts == amounts
    assert Request(purpose).prices == prices


@pytest.mark.parametrize("value", ["250", "1", 125, "1,25", "twelve"])
def test_a_part_of_a_number_is_none(value: object) -> None:
    assert request_origin("Pay 1,250 to twelve of them", "user", value, "amount") is None


@pytest.mark.parametrize(
    ("purpose", "named"),
    [
        ("Answer case 12", True),
        ("Answer cases 3, 12 and 14", True),
        ("Answer Case 12.", True),
        ("Answer #12", True),
        ("Answer (#12).", True),
        ("Answer id 12", True),
        ("Answer ids 3 and 12", True),
        ("Answer no. 12", True),
        ("Come at 12", False),
        ("12", False),
        ("case at 12", False),
        ("deal 12", False),
        ("Answer case 120", False),
        ("Answer case #120", False),
        ("Answer case 1,12", False),
        ("cases and offers 12", False),
    ],
)
def test_a_number_names_an_object_only_where_it_is_written_as_its_id(
    purpose: str, named: bool
) -> None:
    assert request(purpose).names("object-id", "12", "crm.case") is named


def test_without_a_type_only_words_for_ids_make_a_number_one() -> None:
    assert request("Answer id 12").names("object-id", "12")
    assert not request("Answer case 12").names("object-id", "12")
    assert not request("12").names("object-id", "12")


def test_a_long_number_is_an_id_by_itself_and_so_is_what_is_no_number() -> None:
    assert request("Look at 123456").names("object-id", "123456", "crm.case")
    assert not request("Look at 12345").names("object-id", "12345", "crm.case")
    assert request("Look at D-7").names("object-id", "D-7", "crm.case")


@pytest.mark.parametrize(
    ("purpose", "value", "named"),
    [
        ("Pay to DE89 3704 0044 0532.", "DE89370400440532", True),
        ("Pay to de89 3704 0044.", "DE8937040044", True),
        ("Pay to DE8937040044", "DE8937040044", True),
        ("Pay to DE89 3704 0044.", "DE893704", False),
        ("Pay to DE89 3704 0044.", "89370400", False),
        ("Pay to DE89 3704 0044.", "DE8937040", False),
        ("Pay to DE89 3704 0044.", "DE89370400445", False),
    ],
)
def test_an_account_number_is_named_in_whole_groups(purpose: str, value: str, named: bool) -> None:
    assert request(purpose).names("account", value) is named


@pytest.mark.parametrize("role", ["content", "query"])
@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("Dinner", True),
        ("dinner - dana", True),
        ("2026-05-04", True),
        ("2026-05-05", False),
        ("dinner with Dana", False),
        ("Dana dinner", False),
        ("the", False),
        ("", False),
        ("...", False),
    ],
)
def test_a_text_is_named_where_it_stands_as_it_is_but_for_its_case(
    role: Role, value: str, named: bool
) -> None:
    asked = request("Please enter dinner - Dana, May 4th.")
    assert asked.names(role, value) is named


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("Dinner Dana", True),
        ("Dinner with Dana!", True),
        ("Dinner, with the Dana", True),
        ("Dinner with all of the Dana", False),
        ("Enter dinner 2nd", True),
        ("Dana dinner", False),
        ("Dinner Eve", False),
        ("Dinner 12 34", False),
        ("3", False),
        ("with the", False),
        ("", False),
        ("Please enter dinner - Dana, May 4th, and more and more", False),
    ],
)
def test_a_text_says_what_the_request_says_in_its_order_with_little_more(
    value: str, said: bool
) -> None:
    asked = "Please enter dinner with Dana, May 4th."
    assert request(asked).says(value) is said
    expected = Origin("request-words") if said else None
    assert request_origin(asked, "user", value) == expected
    assert request_origin(asked, "agent", value) is None


def test_a_word_that_needs_a_voucher_is_marked_as_a_value() -> None:
    asked = "Set the password to blue, or 'green', or Zx9."
    assert request_origin(asked, "user", "blue", marked=True) is None
    assert request_origin(asked, "user", "green", marked=True) == BY_USER
    assert request_origin(asked, "user", "Zx9", marked=True) == BY_USER
    assert request_origin(asked, "user", "blue") == BY_USER


def test_a_query_in_quotes_is_said_to_be_one() -> None:
    assert request_origin('Look for "blue car"', "user", "blue car", "query") == Origin(
        "user-request", QUOTED
    )
    assert request_origin("Look for blue cars", "user", "blue cars", "query") == BY_USER


@pytest.mark.parametrize(
    ("purpose", "named"),
    [
        ("on May 4th, 2026", True),
        ("on may 4", True),
        ("on 4 May 2026", True),
        ("on the 4th of May", True),
        ("on Sept. 4", False),
        ("on May 4, 2025", False),
        ("on May 14", False),
        ("on 14 May", False),
        ("mayor 4", False),
        ("on 2026-05-04", True),
    ],
)
def test_a_date_is_the_same_however_it_is_written(purpose: str, named: bool) -> None:
    assert request(purpose).names("content", "2026-05-04") is named


@pytest.mark.parametrize(
    ("purpose", "value", "named"),
    [
        ("Read the note called Plans", "Plans", True),
        ("Read Road to Rome today", "Road to Rome", True),
        ("Read the note of $1,250", "1250.0", True),
        ("Read the note of 1,250", "1250.0", False),
        ("Read the note of $1,250", "1251", False),
        ("Read the note after", "the", False),
        ("Meet 2 friends", "2", False),
        ("Ask Al", "Al", False),
        ("Ask Dan", "Dana", False),
    ],
)
def test_a_row_is_named_by_a_value_that_nobody_says_by_chance(
    purpose: str, value: str, named: bool
) -> None:
    assert request(purpose).names_row(value) is named


def test_a_request_is_worked_out_once() -> None:
    assert request("Answer case C-1") is request("Answer case C-1")
    assert "C-1" in Request("Answer case C-1.").words


@pytest.mark.parametrize(
    ("value", "mentioned"),
    [
        ("Rent", True), ("rent", True), ("Rent Payment", True), ("payment", True),
        ("my", False), ("this", False), ("our", False), ("1100", False), ("deposit", False),
        ("rent payment now", False), ("", False),
    ],
)  # fmt: skip
def test_a_request_mentions_what_it_says_at_all(value: str, mentioned: bool) -> None:
    asked = Request("Adjust this rent payment of ours to 1100, for my flat.")
    assert asked.mentions(value) is mentioned


@pytest.mark.parametrize(
    ("purpose", "means"),
    [
        ("Find and delete the largest file in the drive.", True),
        ("Show the Largest files.", True),
        ("Delete the largest.", False),
        ("Delete the largest shared file.", False),
        ("Tell me the largest number in this file.", False),
        ("Delete the smallest file.", False),
        ("Delete my largest file and tell me.", True),
        ("Delete the largest file of my drive", True),
        ("Delete the second largest file.", False),
        ("Do not delete the largest file.", False),
        ("Keep the largest file.", False),
        ("Delete all but the largest file.", False),
        ("Delete the largest file that Bob owns.", False),
        ("Delete the largest file in the folder 'archive'.", False),
        ("Is the largest file above 5 MB?", False),
        ("Which is the largest filename?", False),
    ],
)
def test_a_request_means_the_first_of_a_kind_by_a_word_before_it(purpose: str, means: bool) -> None:
    assert Request(purpose).ranks("largest", "drive.file") is means


def test_words_beside_an_address_are_no_part_of_it() -> None:
    asked = Request("Write to ann@x.example and Bob Ray.")
    assert asked.names("recipient", "ann@x.example")
    assert asked.names("recipient", "Bob Ray")
    assert not asked.names("recipient", "to ann@x.example")
    assert not asked.names("recipient", "ann@x.example and")
