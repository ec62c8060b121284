"""`safeconduct doctor`: is the gateway in the path, and what could go round it?"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from urllib.parse import urlsplit

import msgspec

from safeconduct.cli import output
from safeconduct.cli.operator import OperatorFault, ask

if TYPE_CHECKING:
    from safeconduct.config.schema import Config, CredentialBlock, Upstream

HELP = "prove that the gateway is in the path, and name what could go round it"
EXAMPLE = "safeconduct doctor --config ./gateway"

PATIENCE_S: Final = 5.0

BEHIND_MS: Final = 60_000
"""How long a record may wait for an export before that is a problem, in milliseconds."""

CLIENT_FILES: Final = (
    ".mcp.json",
    ".cursor/mcp.json",
    ".vscode/mcp.json",
    ".claude.json",
    ".config/Claude/claude_desktop_config.json",
    "Library/Application Support/Claude/claude_desktop_config.json",
)
"""Where MCP clients keep their servers, below the home and the current directory."""

INITIALIZE: Final = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "safeconduct-doctor", "version": "1"},
    },
}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `fix` is what to do about a problem, `paste` a line to write for it."""

    state: Literal["ok", "problem", "note"]
    what: str
    fix: str = ""
    paste: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Run it where the agent runs: it tries what an agent there could try. It asks every\n"
        "upstream without a credential, looks for credentials and for MCP clients that are set up\n"
        "past the gateway, and sends a canary through the gateway that must be refused and found\n"
        "in the log. Exit code 1 means that there is a way round, or that the proof failed.\n"
        "With --refused it explains instead why agents and users were not let in: their callers\n"
        "get one sentence for many faults, and the names are those that their tokens claim."
    )
    parser.add_argument(
        "--refused",
        action="store_true",
        help="explain the last requests that proved nothing, instead: what they were told, and why",
    )
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Looks at everything, then answers once."""
    from safeconduct.config import load

    config = load(Path(args.config))
    if args.refused:
        return _refused(args, config)
    findings = [
        *_switches(config),
        *_witnesses(config),
        *_gateway(config),
        *_upstreams(config),
        *_credentials(config),
        *_environment(),
        *_clients(config),
        *_exports(config),
        *_documents(config),
    ]
    lines = [
        f"{finding.state:8}{output.printable(finding.what)}"
        + (f"\n        fix: {output.printable(finding.fix)}" if finding.fix else "")
        + (f"\n    {output.printable(finding.paste)}" if finding.paste else "")
        for finding in findings
    ]
    problems = sum(finding.state == "problem" for finding in findings)
    lines.append(
        output.counted(problems, "problem") if problems else "no way round the gateway was found"
    )
    output.emit(args, {"problems": problems, "findings": findings}, "\n".join(lines))
    return output.FOUND if problems else output.OK


def _refused(args: argparse.Namespace, config: Config) -> int:
    """Says of the last refusals what their callers do not get to know."""
    socket = Path(config.directory) / config.root.gateway.operator_socket
    try:
        refused = ask(socket, "refused")["refused"]
    except OperatorFault as fault:
        output.emit(args, {"error": str(fault)}, str(fault))
        return output.FAULT
    lines: list[str] = []
    for one in refused:
        when = output.moment(one["at_ms"])
        claims = "".join(f", {name} {claimed}" for name, claimed in one["claims"].items())
        lines.append(output.printable(f"{when} {one['path']}{claims}"))
        lines.append(f"    told: {output.printable(one['told'])}")
        if one["why"] != one["told"]:
            lines.append(f"    why:  {output.printable(one['why'])}")
    text = "\n".join(lines) or "nobody was refused since the gateway started"
    output.emit(args, {"refused": refused}, text)
    return output.FOUND if refused else output.OK


def _switches(config: Config) -> Iterator[Finding]:
    for switch in config.unsafe:
        yield Finding("note", f"{switch} is on, and says so in every record")


def _gateway(config: Config) -> Iterator[Finding]:
    socket = Path(config.directory) / config.root.gateway.operator_socket
    try:
        before = ask(socket, "status")
    except OperatorFault as fault:
        yield Finding("problem", "no gateway answers its operator", str(fault))
        return
    records = output.counted(before["records"], "record")
    yield Finding("ok", f"the gateway answers as {before['issuer']}: {records}")
    for where, why in before["unreachable"].items():
        what = f"upstream {where} does not answer the gateway: {why}"
        yield Finding("problem", what, output.ask_again(config, where))
    for name, counts in before["notifiers"].items():
        if counts["failed"]:
            lost = output.counted(counts["failed"], "message")
            what = f"notifier {name} lost {lost}: {counts['fault']}"
            yield Finding("problem", what, f"look at approvals.notify.{name}; nothing else waits")
    for one in before["bypasses"]:
        names = ", ".join(one["templates"])
        what = f"nobody is asked about {names} (bypass {one['bypass']})"
        yield Finding("note", what, f"safeconduct approvals end-bypass {one['bypass']}")
    yield from _policy(before["policy"])
    yield from _unreviewed(config, before["pins"])
    status, _ = _post(f"{config.root.gateway.issuer}/mcp", INITIALIZE)
    if status == http.HTTPStatus.UNAUTHORIZED:
        yield Finding("ok", "a request without a task token is turned away")
    else:
        fix = "something else listens there, or stands in front and lets requests through"
        yield Finding("problem", f"a request without a task token got HTTP {status}", fix)
    yield _canary(config, socket, int(before["records"]))


def _policy(policy: Mapping[str, Any]) -> Iterator[Finding]:
    """What keeps newer rules from the gateway, and how long those of now are good."""
    from safeconduct.policy.bundles.release import SOON_MS

    said = f"calls are judged by {policy['digest']} from {policy['source']}"
    if policy["refused"] is None:
        yield Finding("ok", said)
    else:
        what = f"{said}, as what is there now was refused: {policy['refused']}"
        yield Finding("problem", what, "correct it, then `safeconduct policy reload`")
    if policy["ends_ms"] is None:
        return
    ends = datetime.fromtimestamp(policy["ends_ms"] / 1000, UTC)
    if ends.timestamp() * 1000 - SOON_MS < datetime.now(UTC).timestamp() * 1000:
        what = f"release {policy['release']} of the policy is good to {ends.isoformat()}"
        fix = "sign a newer one: from then on every call is refused"
        yield Finding("problem", what, fix)


def _exports(config: Config) -> Iterator[Finding]:
    """How far each export is behind the log, and what its sink did not take."""
    if not config.root.audit.exports:
        return
    from safeconduct.app.following import behind
    from safeconduct.audit.faults import LogFault
    from safeconduct.audit.follower import CURSORS

    try:
        found = behind(config, int(datetime.now(UTC).timestamp() * 1000))
    except (LogFault, OSError) as error:
        yield Finding("problem", f"nobody can say how far the exports are: {error}", "look there")
        return
    for name, (records, age_ms, refused) in found.items():
        said = f"export {name} is {output.counted(records, 'record')} behind"
        if age_ms > BEHIND_MS:
            what = f"{said}, for {age_ms // 1000} s"
            yield Finding("problem", what, "the gateway's own log says what its sink answers")
        else:
            yield Finding("ok", said)
        if refused:
            what = f"the sink of export {name} refused {output.counted(refused, 'record')}"
            fix = (
                f"{CURSORS}/{name}.refused below the state directory lists them; remove it to let "
                f"them go, and {name}.json too, with no gateway running, to send everything again"
            )
            yield Finding("problem", what, fix)


def _documents(config: Config) -> Iterator[Finding]:
    """What keeps the processes that read documents from doing anything else, on this machine."""
    if config.root.inspectors.documents is None:
        return
    from safeconduct.app.inspecting import confined
    from safeconduct.inspectors.documents.limits import Unread

    try:
        held = asyncio.run(confined())
    except Unread as error:
        yield Finding("problem", f"nobody reads documents here: {error}", "correct that")
        return
    what = f"who reads documents is confined: {'; '.join(held)}"
    if len(held) > 1:
        yield Finding("ok", what)
    else:
        fix = "run the gateway on Linux, x86-64 or ARM64: a parser that is broken can do more here"
        yield Finding("problem", f"{what}; neither Landlock nor seccomp is", fix)


def _witnesses(config: Config) -> Iterator[Finding]:
    """Whether enough witnesses keep up with the log."""
    block = config.root.audit.witnesses
    if block is None:
        return
    from safeconduct.app.witnessed import Unusable, seen
    from safeconduct.audit.faults import LogFault

    told = "the gateway's own log says which witness does not cosign, and why"
    try:
        found = seen(config, block, int(datetime.now(UTC).timestamp() * 1000))
    except Unusable as error:
        what = f"{error.file}:{error.line}: {error.sentence}"
        yield Finding("problem", what, error.fix)
        return
    except (LogFault, ValueError, OSError) as error:
        yield Finding("problem", f"nobody can say what is witnessed: {error}", "look there")
        return
    if found is None:
        yield Finding("problem", "no checkpoint of the log was witnessed yet", told)
        return
    age = "" if found.age_s is None else f", {found.age_s} s ago"
    said = f"{output.counted(found.records, 'record')} of the log: {found.said}{age}"
    if not found.enough:
        yield Finding("problem", said, told)
    elif found.waiting_ms > max(BEHIND_MS, 2000 * block.every_s):
        late = f"the quorum is not met for {output.counted(found.waiting, 'record')} since"
        yield Finding("problem", f"{said}; {late}, for {found.waiting_ms // 1000} s", told)
    else:
        yield Finding("ok", said)


def _unreviewed(config: Config, pins: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Tools that await a review, in the order of their manifests, with the line to write there but
    for those whose definition speaks to the agent: such a line is not to be pasted unread.
    """
    order = [
        (where, tool) for where, manifest in config.manifests.items() for tool in manifest.tools
    ]
    places = {tool: place for place, tool in enumerate(order)}
    for pin in sorted(pins, key=lambda one: places.get((one["upstream"], one["tool"]), len(order))):
        if pin["state"] == "reviewed":
            continue
        where, tool = pin["upstream"], pin["tool"]
        if pin["found"]:
            yield Finding(
                "problem",
                f"the definition of {where}.{tool} speaks to the agent: {', '.join(pin['found'])}",
                f"it is not listed; read it: safeconduct tools review --upstream {where} "
                f"--tool {tool} --config {config.directory}",
            )
            continue
        counts = "is refused" if pin["state"] == "changed" else "counts as the worst case"
        file = config.root.upstreams[where].manifests
        yield Finding(
            "note",
            f"{where}.{tool} is {pin['state']} and {counts}",
            f"review the definition, then write this line below `{tool}:` in {file}",
            f"pin: {pin['pin']}",
        )


def _canary(config: Config, socket: Path, before: int) -> Finding:
    """A call that must be refused and leave a record: the proof that the page is in the path."""
    if not config.root.gateway.unsafe_dev_identity:
        return Finding("note", "no canary was sent: it needs the development identity's token")
    from safeconduct.audit.reading import read
    from safeconduct.identity.client import NotStarted, proof, start_task

    agent, assignment = next(iter(config.root.assignments.items()))
    try:
        task = start_task(
            config,
            agent=agent,
            user=min(config.agents[agent].delegation.users),
            profile=assignment.profiles[0],
            purpose="Canary of safeconduct doctor",
            source="agent",
        )
    except (NotStarted, OSError) as error:
        said = f"the canary's task was not started: {error}"
        return Finding("problem", said, "`safeconduct doctor --refused` says why")
    url = f"{config.root.gateway.issuer}/mcp"
    params: dict[str, object] = {"name": "doctor__canary", "arguments": {}}
    call: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {
        "Authorization": f"DPoP {task.token}",
        "DPoP": proof(task.key, "POST", url, task.token),
        "MCP-Protocol-Version": "2025-11-25",
    }
    _, answer = _post(url, call, headers)
    ask(socket, "revoke", what="task", id=task.task)
    decisions = [
        one for one in read(output.log_of(config), task=task.task) if one["kind"] == "decision"
    ]
    refused = isinstance(answer, dict) and "error" in answer
    if refused and decisions and decisions[0]["n"] >= before:
        number = decisions[0]["n"]
        return Finding("ok", f"a canary call was refused, and is record {number} of the log")
    return Finding("problem", "the canary is not in the log", "another log, or another gateway?")


def _upstreams(config: Config) -> Iterator[Finding]:
    for where, block in config.root.upstreams.items():
        if block.mcp is None:
            yield _local(where, block)
            continue
        status, answer = _post(block.mcp, INITIALIZE)
        if status is None:
            yield Finding("note", f"{where}: {block.mcp} cannot be reached from here")
        elif isinstance(answer, dict) and "result" in answer:
            fix = "require a credential that only the gateway has, or close the network path"
            yield Finding("problem", f"{where}: {block.mcp} serves anybody who asks", fix)
        else:
            yield Finding("ok", f"{where}: asked without a credential, it says HTTP {status}")


def _local(where: str, block: Upstream) -> Finding:
    command = " ".join(block.command or ())
    fix = "run agents as another user, without the files and the network that it needs"
    return Finding("note", f"{where}: whoever may run `{command}` has it without us", fix)


def _credentials(config: Config) -> Iterator[Finding]:
    for where, block in config.root.upstreams.items():
        said = block.credential
        bound = "" if said.tenant is None else f", said to open the data of {said.tenant} alone"
        yield Finding("note", f"{where}: credential kind {_kind(said)}{bound}")
    for where, reference in _references(config):
        source, _, place = reference.partition(":")
        if source == "env" and place in os.environ:
            fix = "start agents without it"
            yield Finding("problem", f"{where}: its credential is in this environment", fix)
        if source == "file":
            yield from _file(where, Path(config.directory) / place)


def _references(config: Config) -> Iterator[tuple[str, str]]:
    """Where each secret of the gateway is, and what it is for."""
    root = config.root
    found = {
        where: said.value if said.oauth is None else said.oauth.secret
        for where, said in ((where, block.credential) for where, block in root.upstreams.items())
    }
    found["users.login"] = None if root.users.login is None else root.users.login.secret
    found |= {f"signals.{name}": one.authorization for name, one in root.signals.items()}
    clusters = root.attestors.kubernetes_sa.items()
    found |= {f"attestors.kubernetes-sa.{name}": one.token for name, one in clusters}
    for where, reference in found.items():
        if reference:
            yield where, reference


def _kind(said: CredentialBlock) -> str:
    """What an upstream gets, so that nobody takes it for something better."""
    match said.kind:
        case "tool-token":
            return f"tool-token: made for each message, for {said.audience}"
        case "upstream-oauth" if said.oauth is not None:
            return f"upstream-oauth: {said.oauth.grant} at {said.oauth.issuer}"
        case "brokered":
            return "brokered: one secret for everybody"
        case _:
            return said.kind


def _file(where: str, path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Finding("problem", f"{where}: its credential cannot be read: {error.strerror}")
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("problem", f"{where}: others can read its credential", f"chmod 600 {path}")
    else:
        yield Finding("ok", f"{where}: only its owner can read the credential's file")


def _environment() -> Iterator[Finding]:
    from safeconduct.inspectors.secrets import SecretInspector

    for name, value in sorted(os.environ.items()):
        if SecretInspector().inspect(value):
            fix = "start agents without it"
            yield Finding("problem", f"the variable {name} holds what looks like a credential", fix)


def _clients(config: Config) -> Iterator[Finding]:
    own = config.root.gateway.issuer
    for base in dict.fromkeys((Path.home(), Path.cwd())):
        for name in CLIENT_FILES:
            try:
                servers = json.loads((base / name).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            for server, said in sorted(_servers(servers)):
                if not said.startswith(own):
                    fix = "remove it, or point it at the gateway (safeconduct connect)"
                    what = f"{base / name} sets up `{server}` past the gateway"
                    yield Finding("problem", what, fix)


def _servers(document: object) -> Iterator[tuple[str, str]]:
    """Names of MCP servers in a client's file, and the URL or command that it uses, but for those
    that `safeconduct connect` wrote.
    """
    from safeconduct.shim.clients import starts_us

    for key in ("mcpServers", "servers"):
        for name, server in _object(_object(document).get(key)).items():
            said = _object(server)
            if said and not starts_us(said):
                yield name, str(said.get("url") or said.get("command") or "")


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _post(
    url: str, message: object, headers: dict[str, str] | None = None
) -> tuple[int | None, object]:
    """Status and JSON answer of one POST; None when nobody answers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=PATIENCE_S)
    sent = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **(headers or {}),
    }
    try:
        connection.request("POST", parts.path or "/", json.dumps(message), sent)
        response = connection.getresponse()
        body = response.read(1_048_576).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None, None
    finally:
        connection.close()
    lines = [line.removeprefix("data:") for line in body.splitlines() if line.startswith("data:")]
    try:
        return response.status, json.loads(lines[-1] if lines else body)
    except ValueError:
        return response.status, None
