"""docs/reference/conformance.md against the program and what it prints."""

import json
import re
from pathlib import Path
from typing import get_args

from conformance.__main__ import REQUIRED, options
from conformance.authorization import CLIENT, SCENARIOS, configure
from conformance.compare import ENDS_WELL, Role
from conformance.legs import LEGS
from conformance.sources import HERE, NOT_OURS, WITHOUT_THEIR_TOOLS
from conformance.suite import CALL_WHAT_IS_NOT_LISTED, NOT_DONE
from safeconduct.config import load
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "conformance.md"


def test_every_leg_and_every_role_is_named() -> None:
    legs, roles = tables(sections(PAGE)["What is compared"])
    assert [codes(row[0])[0] for row in legs[1:]] == list(LEGS)
    assert [codes(row[0])[0] for row in roles[1:]] == list(get_args(Role))


def test_the_numbers_and_names_of_the_text_are_those_of_the_program() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    first, second = (f"{count} of {revision}" for revision, count in REQUIRED.items())
    assert f"at least {first} and {second}" in text
    assert f"`{ENDS_WELL}`" in text
    assert all(f"`{scenario}`, has none" in text for scenario in CALL_WHAT_IS_NOT_LISTED)
    assert len(CALL_WHAT_IS_NOT_LISTED) == 1
    assert all(f"`{one}`" in text for one in (*WITHOUT_THEIR_TOOLS, *NOT_OURS, *NOT_DONE))


def test_the_last_lines_are_shown_as_they_are() -> None:
    shown = re.findall(r"```json\n(.*)\n```", PAGE.read_text(encoding="utf-8"))
    answer, tokens = map(json.loads, shown)
    assert tokens == {"authorization-server": {"scenarios": len(SCENARIOS), "differences": 0}}
    assert list(answer) == list(REQUIRED)
    assert all(set(one) == {"scenarios", "differences"} for one in answer.values())
    assert [json.dumps(one, separators=(",", ":")) for one in (answer, tokens)] == shown


def test_the_configuration_of_the_authorization_server_is_the_one_that_is_told(
    tmp_path: Path,
) -> None:
    prose = sections(PAGE)["The authorization server"]
    issuer, port = configure(tmp_path, "http://127.0.0.1:1")
    root = load(tmp_path).root
    assert issuer == f"http://127.0.0.1:{port}" == root.gateway.issuer
    assert root.gateway.unsafe_bearer_tokens
    assert root.clients[CLIENT].redirect_uris == ("http://127.0.0.1/callback",)
    assert {"`unsafe_bearer_tokens`", "`http://127.0.0.1/callback`"} <= set(
        re.findall("`[^`]+`", prose)
    )
    assert all(f"`{scenario}`" in prose for scenario in SCENARIOS)


def test_what_is_pinned_is_named() -> None:
    rows = tables(sections(PAGE)["What is pinned"])[0][1:]
    (name,) = json.loads((HERE / "package.json").read_text())["dependencies"]
    assert name in codes(rows[0][0])
    assert all((HERE.parent / codes(row[2])[0]).is_file() for row in rows)


def test_every_option_stands_with_its_default() -> None:
    parser = options()
    given = vars(parser.parse_args([]))
    shown = {codes(row[0])[0]: row[1] for row in tables(sections(PAGE)["Options"])[0][1:]}
    assert set(shown) == set(re.findall(r"--[a-z]+", parser.format_usage()))
    assert {option: default for option, default in shown.items() if given[option[2:]]} == {
        "--format": f"`{given['format']}`"
    }
