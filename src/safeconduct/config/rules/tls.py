"""TLS: what the gateway shows, and whom it lets speak for its clients."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Final

from safeconduct.config.draft import Draft, Part
from safeconduct.config.keys import is_url
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import split
from safeconduct.config.schema import Root
from safeconduct.config.tls import Forwarded, Tls
from safeconduct.kit.yaml import Place

_TLS: Final = ("gateway", "tls")
_FORWARDED: Final = ("gateway", "forwarded_certificate")


def tls(draft: Draft, report: Report) -> None:
    """The gateway shows one certificate, and its issuer says that it does; somebody can have one
    that it accepts, and not everybody can claim it.
    """
    root = draft.root
    if root is None:
        return
    gateway = root.value.gateway
    if gateway.tls is not None:
        _shown(root, gateway.tls, draft.directory, report)
    if gateway.forwarded_certificate is not None:
        _sources(root, gateway.forwarded_certificate, report)
    _accepted(root, report)


def _shown(root: Part[Root], block: Tls, directory: Path, report: Report) -> None:
    issuer = split(root.value.gateway.issuer)
    if issuer is not None and issuer.scheme == "http":
        sentence = "the gateway speaks TLS, and its issuer is plain http"
        report.error(root.file, ("gateway", "issuer"), sentence, "write https://...")
    if block.svid is not None:
        _svid(root, block, block.svid, report)
    else:
        _files(root, block, directory, report)


def _svid(root: Part[Root], block: Tls, svid: str, report: Report) -> None:
    if block.certificate is not None or block.key is not None:
        sentence = "the gateway shows either files or an SVID"
        report.error(
            root.file, (*_TLS, "svid"), sentence, "remove `certificate` and `key`, or this"
        )
    domain = svid.removeprefix("spiffe://").partition("/")[0]
    trusted = root.value.trust.get(domain)
    made_here = any(agent.startswith(f"spiffe://{domain}/") for agent in root.value.workloads)
    if trusted is None or is_url(trusted.where) or not made_here:
        report.error(
            root.file,
            (*_TLS, "svid"),
            f"no SVIDs of `{domain}` are made here",
            "name the files `certificate` and `key`, or a trust domain that has `workloads`",
        )
    if svid in root.value.workloads or svid in root.value.assignments:
        report.error(
            root.file,
            (*_TLS, "svid"),
            f"`{svid}` is an agent, and the gateway would be one too",
            "give the gateway a name of its own",
        )


def _files(root: Part[Root], block: Tls, directory: Path, report: Report) -> None:
    for name, file in (("certificate", block.certificate), ("key", block.key)):
        if file is None:
            report.error(
                root.file,
                _TLS,
                f"there is no `{name}` to show",
                f"add `{name}: PATH`, or name an `svid`",
            )
        elif not (directory / file).is_file():
            report.error(
                root.file,
                (*_TLS, name),
                f"there is no file `{file}`",
                "create it, or correct the path",
            )


def _accepted(root: Part[Root], report: Report) -> None:
    gateway = root.value.gateway
    asked: list[Place] = []
    if gateway.tls is not None and gateway.tls.client_certificates:
        asked.append((*_TLS, "client_certificates"))
    if gateway.forwarded_certificate is not None:
        asked.append(_FORWARDED)
    if not any(trusted.bundle for trusted in root.value.trust.values()):
        for place in asked:
            report.warn(
                root.file,
                place,
                "no trust domain has a bundle, so no certificate of an agent is ever accepted",
                "give a trust domain its `bundle`, with X.509 authorities in it",
            )


def _sources(root: Part[Root], told: Forwarded, report: Report) -> None:
    place = (*_FORWARDED, "from")
    if not told.sources:
        sentence = "nobody's word is taken"
        report.error(root.file, place, sentence, "write the address of the load balancer")
    for index, source in enumerate(told.sources):
        try:
            network = ip_network(source)
        except ValueError:
            report.error(
                root.file,
                (*place, index),
                f"`{source}` is neither an address nor a network",
                "write 10.1.2.3, or 10.1.2.0/24 with nothing behind the prefix",
            )
            continue
        if network.prefixlen == 0:
            report.error(
                root.file,
                (*place, index),
                "everybody's word would be taken for the certificates that they showed",
                "write the address of the load balancer",
            )
