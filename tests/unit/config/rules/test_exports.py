"""An export goes to a place of its kind, unread on the way, with a secret that is elsewhere."""

import pytest

from safeconduct.config import load
from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
HEC = "kind: splunk, url: https://hec.example:8088, credential: 'file:secrets/hec'"


def add(gateway: Gateway, text: str, name: str = "siem") -> None:
    exports = f"exports: {{{name}: {{{text}}}}}"
    gateway.change(
        ROOT, "audit: {directory: state/audit}", f"audit: {{directory: s, {exports}}} # here"
    )


@pytest.mark.parametrize(
    "text",
    [
        HEC,
        "kind: otlp-logs, url: http://127.0.0.1:4318",
        "kind: otlp-traces, url: https://otel.example, ca: ca.pem, users: clear",
        "kind: elastic, url: https://es.example, credential: 'env:ES', data_stream: logs-a-b",
        "kind: datadog, url: https://http-intake.logs.datadoghq.eu, credential: 'env:DD'",
        "kind: ocsf, url: https://lake.example/ocsf",
        "kind: syslog, url: tls://log.example:6514",
        "kind: syslog, url: 'tcp://[::1]:514'",
        "kind: cloudevents, url: https://hook.example/in, signing_key: 'env:K', batched: false",
        "kind: ocsf, url: http://lake.example, unsafe_plaintext: true",
        "kind: syslog, url: tcp://log.example:514, unsafe_plaintext: true",
    ],
)
def test_an_export(gateway: Gateway, text: str) -> None:
    add(gateway, text)
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: ocsf, url: http://lake.example", "in plain text"),
        ("kind: syslog, url: tcp://log.example:514", "in plain text"),
        ("kind: ocsf, url: lake.example", "of kind ocsf does not go there"),
        ("kind: ocsf, url: tls://lake.example:1", "of kind ocsf does not go there"),
        ("kind: syslog, url: https://log.example", "of kind syslog does not go there"),
        ("kind: syslog, url: tls://log.example", "of kind syslog does not go there"),
        ("kind: syslog, url: tls://log.example:65x", "of kind syslog does not go there"),
        ("kind: syslog, url: tls://log.example:1/x", "of kind syslog does not go there"),
        ("kind: splunk, url: https://hec.example", "needs a credential"),
        ("kind: datadog, url: https://dd.example", "needs a credential"),
        ("kind: ocsf, url: https://lake.example, credential: abc", "is not a reference"),
        (
            "kind: cloudevents, url: https://h.example, signing_key: abc",
            "`signing_key` is not a reference",
        ),
        ("kind: syslog, url: tls://l.example:1, credential: 'env:X'", "carries no credential"),
        (f"{HEC}, signing_key: 'env:K'", "is for kind cloudevents"),
        (f"{HEC}, data_stream: logs-a-b", "is for kind elastic"),
        (f"{HEC}, batched: false", "is for kind cloudevents"),
    ],
)
def test_what_an_export_is_not(gateway: Gateway, text: str, problem: str) -> None:
    add(gateway, text)
    gateway.expect(problem)


def test_a_name_that_could_leave_its_directory_is_none(gateway: Gateway) -> None:
    add(gateway, HEC, "../keys")
    assert gateway.problems


def test_a_switch_that_weakens_is_named_in_every_record(gateway: Gateway) -> None:
    add(gateway, "kind: ocsf, url: http://lake.example, unsafe_plaintext: true")
    assert "audit.exports.siem.unsafe_plaintext" in load(gateway.directory).unsafe
