"""Each doubt about a manifest, and what settles it."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.config import Problem, examine, examine_files
from safeconduct.tools.linting import doubts
from tests.support.configs import Gateway

HERE = "# here"


def doubted(tmp_path: Path, tools: str) -> list[Problem]:
    file = tmp_path / "desk.yaml"
    file.write_text(f"upstream: desk\ntools:\n{tools}", encoding="utf-8")
    return list(examine_files([file], doubts).problems)


def tool(name: str, *lines: str) -> str:
    return f"  {name}:\n" + "".join(f"    {line}\n" for line in lines)


SOUND = tool(
    "list_tickets",
    "effect: read",
    "scopes: [desk:read]",
    "returns: {fields: {id: {integrity: trusted, vouches_for: [object-id], type: desk.ticket}}}",
) + tool(
    "close_ticket",
    "effect: write",
    "scopes: [desk:write]",
    "arguments: {id: {role: object-id, type: desk.ticket}}",
)


def test_a_sound_manifest_has_no_doubts(tmp_path: Path) -> None:
    assert doubted(tmp_path, SOUND) == []


DOUBTS = {
    "the name of one that has `send`": tool("send_note", f"effect: read {HERE}", "scopes: [x]"),
    "has no scope": tool("get_note", "effect: read", f"scopes: [] {HERE}"),
    "nobody vouches for may pass": tool(
        "delete_note",
        "effect: delete",
        "scopes: [x]",
        "arguments: {at: {role: path}}",
        f"unvouched: ask {HERE}",
    ),
    "said to be reversible": tool(
        "delete_note",
        "effect: delete",
        "scopes: [x]",
        "arguments: {at: {role: path}}",
        f"reversible: true {HERE}",
    ),
    "has content only": tool(
        "edit_note",
        "effect: write",
        "scopes: [x]",
        f"arguments: {{text: {{role: content}}}} {HERE}",
    ),
    "has no argument": f"  sync_notes: {{effect: write, scopes: [x]}} {HERE}\n",
    "no argument says how much": tool(
        "pay_bill", "effect: pay", "scopes: [x]", f"arguments: {{iban: {{role: account}}}} {HERE}"
    ),
    "anything may stand in `at`": tool(
        "edit_note",
        "effect: write",
        "scopes: [x]",
        f"arguments: {{at: {{role: path, needs: any}}}} {HERE}",
    ),
    "said to choose nothing, and steers": tool(
        "get_note",
        "effect: read",
        "scopes: [x]",
        f"arguments: {{at: {{role: path, selects: false}}}} {HERE}",
    ),
    "said to choose nothing, and is of a call": tool(
        "edit_note",
        "effect: write",
        "scopes: [x]",
        f"arguments: {{at: {{role: path}}, n: {{role: content, selects: false}}}} {HERE}",
    ),
    "the role object-id and the type `desk.note`": tool(
        "edit_note",
        "effect: write",
        "scopes: [x]",
        f"arguments: {{id: {{role: object-id, type: desk.note}}}} {HERE}",
    ),
    "looks like a secret": tool(
        "edit_note",
        "effect: write",
        "scopes: [x]",
        f"arguments: {{at: {{role: path}}, password: {{role: content}}}} {HERE}",
    ),
    "named like what anybody can write": tool(
        "get_note",
        "effect: read",
        "scopes: [x]",
        "returns:",
        f"  fields: {{mails.*.from: {{integrity: trusted, vouches_for: [recipient]}}}} {HERE}",
    ),
    "which needs no voucher": tool(
        "get_note",
        "effect: read",
        "scopes: [x]",
        "returns:",
        f"  fields: {{a: {{integrity: trusted, vouches_for: [content]}}}} {HERE}",
    ),
    "has a type, and vouches for nothing": tool(
        "get_note",
        "effect: read",
        "scopes: [x]",
        "returns:",
        f"  fields: {{a: {{integrity: trusted, type: desk.note}}}} {HERE}",
    ),
    "sends any link": tool(
        "post_note",
        "effect: send",
        "scopes: [x]",
        "arguments: {at: {role: account}, text: {role: content}}",
        f"sink: {{links: any}} {HERE}",
    ),
}


@pytest.mark.parametrize("sentence", DOUBTS)
def test_a_doubt_and_what_settles_it(tmp_path: Path, sentence: str) -> None:
    text = DOUBTS[sentence]
    if "sends any link" in sentence:
        text = text.replace("{role: account}", "{role: recipient}")
    (problem,) = (one for one in doubted(tmp_path, text) if "nobody is on file" not in one.sentence)
    assert sentence in problem.sentence
    assert problem.warning
    assert problem.fix
    lines = (tmp_path / "desk.yaml").read_text().splitlines()
    assert HERE in lines[problem.line - 1]
    settled = text.replace(HERE, "# because it is meant")
    assert all("nobody is on file" in one.sentence for one in doubted(tmp_path, settled))
    above = text.splitlines(keepends=True)
    place = next(number for number, line in enumerate(above) if HERE in line)
    above.insert(place, "# Because it is meant.\n")
    assert all("nobody is on file" in one.sentence for one in doubted(tmp_path, "".join(above)))


def test_who_is_named_by_the_request_may_be_anybody(tmp_path: Path) -> None:
    text = tool(
        "get_note",
        "effect: read",
        "scopes: [x]",
        "returns:",
        "  fields: {mails.*.from: {integrity: trusted, vouches_for: [recipient], when: named}}",
    )
    assert doubted(tmp_path, text) == []


def test_a_type_holds_for_a_role(tmp_path: Path) -> None:
    wrong = SOUND.replace("vouches_for: [object-id]", "vouches_for: [recipient]")
    assert len(doubted(tmp_path, wrong)) == 1


def test_what_only_the_gateway_asks_needs_no_scope(tmp_path: Path) -> None:
    asked = tool("on_file", "effect: read", "scopes: []")
    asks = tool("get_it", "effect: read", "scopes: [x]", "resolvers: {a: {tool: on_file, take: $}}")
    assert doubted(tmp_path, asked + asks) == []
    assert doubted(tmp_path, asked + asks.replace("on_file", "desk.on_file")) == []
    assert len(doubted(tmp_path, asked)) == 1


def test_a_read_may_take_ids_that_only_the_request_names(tmp_path: Path) -> None:
    text = tool(
        "get_it",
        "effect: read",
        "scopes: [x]",
        "arguments: {id: {role: object-id, type: desk.it}}",
    )
    assert doubted(tmp_path, text) == []


def test_a_reason_inside_text_settles_nothing(tmp_path: Path) -> None:
    text = tool("send_note", "effect: read", "scopes: ['because']")
    assert len(doubted(tmp_path, text)) == 1


def test_a_clearance_above_what_any_zone_may_hold(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "gateway")
    said = (gateway.directory / "manifests" / "mail.yaml").read_text(encoding="utf-8")
    zones = (gateway.directory / "zones.yaml").read_text(encoding="utf-8")
    (gateway.directory / "zones.yaml").write_text(
        "".join(
            line + ("    max_label: public\n" if "- id:" in line else "")
            for line in zones.splitlines(keepends=True)
            if "max_label" not in line
        )
    )
    found = [one.sentence for one in examine(gateway.directory, doubts).problems]
    assert "clearance: confidential" in said
    assert any("no zone may hold more than public" in one for one in found), found
