"""`audit:`, the evidence: where the log lies, how long it is kept, who else sees it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from safeconduct.config.names import Name


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long evidence is kept, in days: sealed payloads, and whole records. None: for good."""

    payloads_days: Annotated[int, Meta(ge=1)] | None = None
    records_days: Annotated[int, Meta(ge=1)] | None = None


ExportKind = Literal[
    "otlp-logs", "otlp-traces", "ocsf", "splunk", "elastic", "datadog", "syslog", "cloudevents"
]


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sink that gets a copy of every record, sealed payloads excepted.

    `url` is its base, to which the kind adds its own path; for `syslog` it is `tls://host:port`.
    `credential` and `signing_key` are references: what the sink knows us by, and what the requests
    of `cloudevents` are signed with. `ca` is a file of certificates to trust instead of the
    system's. `users` says whether the sink sees users or their pseudonyms.
    """

    kind: ExportKind
    url: str
    credential: str | None = None
    signing_key: str | None = None
    ca: str | None = None
    data_stream: str | None = None
    batched: bool = True
    users: Literal["pseudonym", "clear"] = "pseudonym"
    timeout_s: Annotated[int, Meta(ge=1, le=300)] = 30
    unsafe_plaintext: bool = False


class Witnesses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who remembers how far the log had come: `policy` is a file of C2SP tlog-policy that names
    them, where they are asked, and how many of them have to have cosigned; `max_age_s` is how long
    before the newest record they may have done so.
    """

    policy: str
    every_s: Annotated[int, Meta(ge=1, le=3600)] = 10
    max_age_s: Annotated[int, Meta(ge=1)] = 3600
    ca: str | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What finds records: files beside the log, or a PostgreSQL that several gateways share.

    `dsn` is a reference to where and as whom to connect. Either is kept up to the log by the
    follower.
    """

    kind: Literal["files", "postgres"] = "files"
    dsn: str | None = None


class AuditBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the log lies; `strict` makes every record durable before anything depends on it.

    `origin` is the log's name, the first line of its checkpoints: `<tenant>/audit` when left out.
    Each node of a cluster has a log, and a name, of its own. `exports` are sinks by name.
    """

    directory: str
    durability: Literal["strict"] = "strict"
    origin: str | None = None
    retention: Retention = Retention()
    exports: dict[Name, Export] = {}
    witnesses: Witnesses | None = None
    index: Index | None = None
