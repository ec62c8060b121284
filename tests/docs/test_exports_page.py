"""docs/reference/audit-exports.md and docs/guides/export.md against what sinks are sent."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
import orjson
import pytest

from safeconduct.app.following import cursors
from safeconduct.audit.exports import datadog, elastic, exporter, otlp, spans, splunk
from safeconduct.audit.exports.opened import opened
from safeconduct.audit.exports.sink import Sink, Where
from safeconduct.audit.following import Copy
from safeconduct.config import load
from safeconduct.config.audit import AuditBlock, Export, ExportKind
from safeconduct.config.rules.exports import faults
from safeconduct.kit import yaml
from tests.support.configs import SOUND
from tests.support.copies import TASK, copied, decision, outcome
from tests.support.pages import DOCS, codes, marked, sections, tables

PAGE = DOCS / "reference" / "audit-exports.md"
GUIDE = DOCS / "guides" / "export.md"
KINDS = get_args(ExportKind)
EVIDENCE = {"log", "n", "leaf_hash", "checkpoint_size"}
COPIES = [
    copied(decision(span_parent="b" * 16), 0),
    copied(outcome(status="error"), 1),
    copied(decision("d_2", "deny"), 2),
    copied(decision("d_3", "elevate"), 3),
    copied(TASK, 4),
]


def sink(kind: Any) -> Sink:
    return opened(Export(kind=kind, url="tls://127.0.0.1:1"), Where(url="tls://127.0.0.1:1"), None)


def sent(kind: str, copies: list[Copy] = COPIES) -> list[bytes]:
    one = sink(kind)
    return [data for copy in copies if (data := one.encode(copy)) is not None]


def objects(kind: str) -> list[dict[str, Any]]:
    """What is sent, one object for each record: of Elasticsearch the documents."""
    return [orjson.loads(data.splitlines()[-1]) for data in sent(kind)]


def documented(kind: str, table: int = 0) -> set[str]:
    rows = tables(sections(PAGE)[f"`{kind}`"])[table][1:]
    return {name for row in rows for name in codes(row[0])}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "syslog"])
def test_every_field_is_documented_and_no_other(kind: str) -> None:
    assert documented(kind) == {name for one in objects(kind) for name in one}


def test_every_attribute_is_documented_and_no_other() -> None:
    def names(kind: str) -> set[str]:
        return {one["key"] for log in objects(kind) for one in log["attributes"]}

    told = documented("otlp-logs", 1)
    assert names("otlp-logs") == told
    added = {"safeconduct.outcome_n", "error.type"}
    assert names("otlp-traces") == told - {"log.record.uid", "safeconduct.phase"} | added
    assert added <= set(codes(sections(PAGE)["`otlp-traces`"]))


def test_the_parts_of_a_syslog_message_are_those_of_the_table() -> None:
    (message, *_) = sent("syslog")
    row = re.fullmatch(
        rb"\d+ <109>1 \S+ crm\.example/audit safeconduct - decision "
        rb"\[safeconduct@32473 id=\"[^]]+\"( [a-z_]+=\"[^]]+\"){4}\] \xef\xbb\xbf\{.*\}",
        message,
    )
    assert row
    assert documented("syslog") == {
        *("PRI", "TIMESTAMP", "HOSTNAME", "APP-NAME", "PROCID", "MSGID"),
        *("STRUCTURED-DATA", "MSG"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_copy_says_where_it_stands_in_the_log(kind: str) -> None:
    for copy, data in zip(COPIES, sent(kind, COPIES), strict=False):
        if kind == "otlp-traces":
            continue  # a span joins two records: test_otlp looks at these
        assert copy.leaf.encode() in data
        assert copy.id.encode() in data
        assert all(name.encode() in data for name in EVIDENCE)


def test_paths_and_numbers_are_those_of_the_sinks() -> None:
    (rows, *_) = tables(PAGE.read_text(encoding="utf-8"))
    told = {codes(row[0])[0]: row[1:] for row in rows[1:]}
    assert set(told) == set(KINDS)
    for kind, row in told.items():
        assert int(row[2]) == sink(kind).max_items
    paths = {kind: codes(row[0]) for kind, row in told.items()}
    assert paths == {
        "otlp-logs": [otlp.LOGS],
        "otlp-traces": [spans.TRACES],
        "splunk": [splunk.EVENTS, splunk.ACKS],
        "elastic": [elastic.BULK],
        "datadog": [datadog.INTAKE],
        **{kind: [] for kind in ("ocsf", "syslog", "cloudevents")},
    }


def test_every_kind_has_a_snippet_that_check_has_nothing_against() -> None:
    seen: set[str] = set()
    for snippet in marked():
        if snippet.page != GUIDE:
            continue
        value: Any = yaml.load(snippet.text, "snippet").value
        for export in msgspec.convert(value["audit"], AuditBlock).exports.values():
            assert faults(export) == []
            seen.add(export.kind)
    assert seen == set(KINDS)


def test_the_numbers_of_the_guide_are_those_of_the_code() -> None:
    guide = " ".join(GUIDE.read_text(encoding="utf-8").split())
    assert exporter.PAUSE_S == 0.5
    assert exporter.MAX_PAUSE_S == 60
    assert "after half a second, then ever later up to a minute" in guide
    assert f"beyond {spans.MAX_OPEN:,} at once" in guide
    assert f"within {splunk.ACK_S:.0f} seconds" in guide
    config = load(SOUND)
    place = cursors(config).relative_to(config.directory)
    assert f"`{place}/NAME.json`" in guide
    assert f"`{place}/NAME.refused`" in guide
