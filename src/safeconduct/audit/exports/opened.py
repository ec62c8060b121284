"""From what the configuration names to a sink."""

from __future__ import annotations

from collections.abc import Callable

from safeconduct.audit.exports.cloudevents import CloudEvents
from safeconduct.audit.exports.datadog import Datadog
from safeconduct.audit.exports.elastic import STREAM, Elastic
from safeconduct.audit.exports.ocsf import Ocsf
from safeconduct.audit.exports.otlp import OtlpLogs
from safeconduct.audit.exports.sink import Sink, Where
from safeconduct.audit.exports.spans import OtlpSpans
from safeconduct.audit.exports.splunk import Splunk
from safeconduct.audit.exports.syslog import Syslog
from safeconduct.config.audit import Export


def opened(export: Export, where: Where, sign: Callable[[], str] | None) -> Sink:
    """The sink of an export. `sign` reads the key that its requests are signed with, if any is."""
    match export.kind:
        case "otlp-logs":
            return OtlpLogs(where)
        case "otlp-traces":
            return OtlpSpans(where)
        case "ocsf":
            return Ocsf(where)
        case "splunk":
            return Splunk(where)
        case "elastic":
            return Elastic(where, export.data_stream or STREAM)
        case "datadog":
            return Datadog(where)
        case "syslog":
            return Syslog(where)
        case "cloudevents":
            return CloudEvents(where, batched=export.batched, sign=sign)
