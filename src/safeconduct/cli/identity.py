"""`safeconduct identity`: issue SVIDs to the agents of this machine, and see who would get one."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from safeconduct.cli import attest, output

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.identity.issuer.authority import Authority

HELP = "issue SVIDs to agents (SPIFFE Workload API), and see who would get one"
EXAMPLE = """\
safeconduct identity look $(pgrep -f my-agent) --config ./gateway
safeconduct identity serve --config ./gateway --socket /run/safeconduct/workload.sock
safeconduct identity issue spiffe://crm.example/agents/copilot --audience https://gateway.example"""

_SERVE = """\
Serve the SPIFFE Workload API on a Unix socket. A process that asks gets the SVID of
the one agent whose entry in safeconduct.yaml it fits, such as

  workloads:
    spiffe://crm.example/agents/copilot: {unix: {uid: 1001}}

and everybody else gets nothing; this log says why. Any SPIFFE client can ask, such as
the package `spiffe`: set SPIFFE_ENDPOINT_SOCKET=unix://PATH where the agent runs.

Keys are made on the first start below the gateway's state directory, and published in
the file that `trust` names. Nothing is issued to a revoked agent, nor to anybody while
a gateway runs that this process does not hear of. Only Linux; `path` and `sha256` of
other users' processes need root or CAP_SYS_PTRACE."""
_ISSUE = """\
Make an SVID by hand, for a registered agent of a trust domain that has `workloads`.
Whoever can read the gateway's state directory can be any agent: this is what root does
to look at things, and not how an agent gets its SVID."""
_LOOK = """\
Show what the attestor `unix` sees of a process, which is what an entry under
`workloads` can say, and which agent the process is. Without a number: this one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    serve = verbs.add_parser(
        "serve", help="serve the Workload API to the processes here", description=_SERVE
    )
    serve.add_argument(
        "--socket", metavar="PATH", type=Path, required=True, help="where to listen: a new socket"
    )
    issue = verbs.add_parser("issue", help="make an SVID by hand", description=_ISSUE)
    issue.add_argument("agent", help="its SPIFFE ID")
    kind = issue.add_mutually_exclusive_group(required=True)
    kind.add_argument("--audience", help="print a JWT-SVID for this audience")
    kind.add_argument(
        "--x509",
        metavar="DIR",
        type=Path,
        help="write svid.pem, key.pem and bundle.pem there: new files",
    )
    listed = verbs.add_parser(
        "list", help="show the agents that get SVIDs, and the keys that sign them"
    )
    bundle = verbs.add_parser("bundle", help="print what others verify SVIDs with (SPIFFE bundle)")
    bundle.add_argument("domain", nargs="?", help="trust domain (default: the only one)")
    look = verbs.add_parser(
        "look", help="show what is seen of a process, and who it is", description=_LOOK
    )
    look.add_argument("pid", nargs="?", type=int, help="the number of a process (default: this)")
    for verb in (serve, issue, listed, bundle, look):
        verb.formatter_class = argparse.RawDescriptionHelpFormatter
        output.add_config(verb)
        output.add_format(verb)
    shown = verbs.add_parser(
        "attest",
        help="get SVIDs from a gateway by evidence of this workload",
        description=attest.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attest.add_arguments(shown)
    output.add_format(shown)


def run(args: argparse.Namespace) -> int:
    """Serves, issues or shows."""
    from safeconduct.config import load

    if args.subverb == "attest":
        return attest.run(args)

    verbs = {"serve": _serve, "issue": _issue, "list": _list, "bundle": _bundle, "look": _look}
    return verbs[args.subverb](args, load(Path(args.config)))


def _serve(args: argparse.Namespace, config: Config) -> int:
    from safeconduct.identity.issuer.authority import own_authorities
    from safeconduct.identity.issuer.serving import serve
    from safeconduct.identity.issuer.unix import UnixAttestor
    from safeconduct.identity.issuer.workload_api import WorkloadApi
    from safeconduct.rooms import clock_ms

    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    if not hasattr(os, "pidfd_open"):
        return output.refused("processes are told by /proc and pidfd_open(2), which Linux has")
    if not any(workload.unix for workload in config.root.workloads.values()):
        return output.refused(
            "no agent is told by its process, so nobody would get anything (fix: add "
            f"`workloads: {{AGENT: {{unix: {{uid: {os.getuid()}}}}}}}` to safeconduct.yaml, with "
            "the SPIFFE ID of an agent and the uid that runs it)"
        )
    authorities = own_authorities(config)
    for authority in authorities.values():
        authority.bundle(clock_ms())
    path: Path = args.socket

    async def until_told_to_stop() -> None:
        api = WorkloadApi(
            UnixAttestor(config), authorities, revoked=revocations(config), clock_ms=clock_ms
        )
        serving = asyncio.ensure_future(serve(api, path, ready))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        await asyncio.wait([serving])
        if not serving.cancelled():
            serving.result()

    def ready() -> None:
        where = f"unix://{path.resolve()}"
        output.emit(args, {"ready": where}, f"ready: SPIFFE_ENDPOINT_SOCKET={where}")

    asyncio.run(until_told_to_stop())
    return output.OK


def _issue(args: argparse.Namespace, config: Config) -> int:
    from safeconduct.identity.issuer.authority import domain_of
    from safeconduct.rooms import clock_ms

    if args.agent not in config.agents:
        return output.refused(f"{args.agent} is not a registered agent")
    authority = _authority(config, domain_of(args.agent))
    if revocations(config)(args.agent):
        return output.refused(f"{args.agent} is revoked")
    if args.audience is not None:
        svid = authority.jwt_svid(args.agent, [args.audience], clock_ms())
        output.emit(args, {"agent": args.agent, "svid": svid}, svid)
        return output.OK
    written = _written(authority, args.agent, args.x509)
    output.emit(args, {"agent": args.agent, "files": written}, "\n".join(written))
    return output.OK


def _written(authority: Authority, agent: str, directory: Path) -> list[str]:
    """Makes an X.509-SVID and writes it in PEM; the names of the files. Raises OSError."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509 import load_der_x509_certificate

    from safeconduct.rooms import clock_ms

    def pem(certificates: tuple[bytes, ...]) -> bytes:
        loaded = [load_der_x509_certificate(one) for one in certificates]
        return b"".join(one.public_bytes(Encoding.PEM) for one in loaded)

    now_ms = clock_ms()
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    contents = {
        "key.pem": private,
        "svid.pem": pem(authority.x509_svid(agent, key.public_key(), now_ms)),
        "bundle.pem": pem(authority.bundle(now_ms).certificates),
    }
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in contents.items():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(directory / name, flags, 0o600), "wb") as file:
            file.write(content)
    return [str(directory / name) for name in contents]


def _list(args: argparse.Namespace, config: Config) -> int:
    from safeconduct.identity.issuer.authority import own_authorities
    from safeconduct.rooms import clock_ms

    agents = {
        agent: {name: sorted(values) for name, values in workload.demanded().items()}
        for agent, workload in config.root.workloads.items()
    }
    now_ms = clock_ms()
    keys = [
        {"trust_domain": domain, **key}
        for domain, authority in own_authorities(config).items()
        for key in authority.described(now_ms)
    ]
    lines = [f"{agent}  {output.plain(demanded)}" for agent, demanded in agents.items()]
    lines += [f"{key['trust_domain']}  {key['state']:<10} {key['kid']}" for key in keys]
    value = {"agents": agents, "keys": keys}
    output.emit(args, value, "\n".join(lines or ["no agent has an entry under `workloads`"]))
    return output.OK


def _bundle(args: argparse.Namespace, config: Config) -> int:
    from safeconduct.rooms import clock_ms

    sys.stdout.write(_authority(config, args.domain).bundle(clock_ms()).document.decode() + "\n")
    return output.OK


def _look(args: argparse.Namespace, config: Config) -> int:
    from safeconduct.identity.attestors.attested import NotAttested
    from safeconduct.identity.issuer.unix import Peer, UnixAttestor, everything

    peer = Peer.numbered(os.getpid() if args.pid is None else args.pid)
    seen = everything(peer)
    try:
        agent = asyncio.run(UnixAttestor(config).attest(peer))
    except NotAttested as fault:
        agent, why = None, str(fault)
    else:
        why = f"it is {agent}"
    lines = [f"{name:<8}{value}" for name, value in seen.items()]
    output.emit(args, {"agent": agent, "seen": seen}, "\n".join([*lines, why]))
    return output.FOUND if agent is None else output.OK


def _authority(config: Config, domain: str | None) -> Authority:
    """The authority of a trust domain. Raises AuthorityFault."""
    from safeconduct.identity.issuer.authority import AuthorityFault, own_authorities

    authorities = own_authorities(config)
    if domain is None and len(authorities) == 1:
        (domain,) = authorities
    if domain not in authorities:
        known = ", ".join(authorities) or "none has `workloads`"
        raise AuthorityFault(f"name a trust domain whose SVIDs are made here: {known}")
    return authorities[domain]


def revocations(config: Config) -> Callable[[str], bool]:
    """Whether an agent is revoked, as the gateway tells other processes.

    While no gateway runs nobody can revoke, and what its last run left is all there is.
    """
    from safeconduct.audit.lock import is_held
    from safeconduct.delegation.feed import Follower, Stale, left
    from safeconduct.identity.issuer.workload_api import Unknown
    from safeconduct.rooms import clock_ms

    state = Path(config.directory) / config.root.gateway.state
    log = output.log_of(config)
    follower = Follower(state, clock_ms)

    def revoked(agent: str) -> bool:
        try:
            return follower.revoked("agent", agent)
        except Stale as stale:
            if not log.exists():
                return False  # no gateway has ever run
            if is_held(log):
                raise Unknown(str(stale)) from None
        try:
            return ("agent", agent) in left(state)
        except (OSError, ValueError):
            raise Unknown("the gateway left no revocations; start it once") from None

    return revoked
