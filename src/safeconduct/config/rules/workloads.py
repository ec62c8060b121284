"""Attestors and workloads: evidence that stands for exactly one agent, and for nobody else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import permutations
from pathlib import PurePosixPath
from typing import Final

from safeconduct.config.draft import Draft, Part
from safeconduct.config.keys import is_url
from safeconduct.config.problem import Report
from safeconduct.config.providers import PROVIDERS, issuers, misfit
from safeconduct.config.rules.address import exposed, is_reference, split
from safeconduct.config.schema import Root
from safeconduct.config.shape import did_you_mean
from safeconduct.config.workloads import (
    Cluster,
    HardwareKey,
    PoolIdentity,
    Process,
    ServiceAccount,
    Workload,
)
from safeconduct.kit.yaml import Place

_INTERPRETER: Final = re.compile(
    r"(python|pypy|node(js)?|deno|bun|perl|ruby|php|lua(jit)?|java|dotnet|(ba|da|k|z|fi)?sh|busybox)"
    r"[0-9.]*"
)
_EXACT: Final = "write it out: selectors match exactly"


def attestors(draft: Draft, report: Report) -> None:
    """An attestor knows whose tokens it takes, and what it asks cannot be overheard."""
    root = draft.root
    if root is None:
        return
    place = ("attestors", "kubernetes-sa")
    for name, cluster in root.value.attestors.kubernetes_sa.items():
        _cluster(root, (*place, name), cluster, report)
    place = ("attestors", "workload-identity-pool")
    seen: dict[tuple[tuple[str, ...], str | None], str] = {}
    for name, pool in root.value.attestors.workload_identity_pool.items():
        wrong = misfit(pool)
        if wrong is not None:
            key, sentence, fix = wrong
            report.error(root.file, (*place, name, key), sentence, fix)
        _audience(root, (*place, name), pool.audience, report)
        meant = (issuers(pool), pool.audience)
        if meant in seen:
            report.error(
                root.file,
                (*place, name),
                f"the tokens of `{name}` are those of `{seen[meant]}`",
                "keep one of the pools, or give them different audiences",
            )
        seen[meant] = name


def _cluster(root: Part[Root], place: Place, cluster: Cluster, report: Report) -> None:
    if not cluster.issuer.strip():
        report.error(root.file, (*place, "issuer"), "the issuer is empty", "write its `iss`")
    _audience(root, place, cluster.audience, report)
    if (cluster.api is None) != (cluster.token is None):
        missing = "token" if cluster.token is None else "api"
        report.error(
            root.file,
            (*place, missing),
            f"a cluster is reviewed with `api` and `token`, and `{missing}` is missing",
            "add it, or leave both out and review no agent",
        )
    parts = None if cluster.api is None else split(cluster.api)
    if cluster.api is not None and (parts is None or exposed(parts)):
        report.error(
            root.file,
            (*place, "api"),
            "the API server is not an https URL",
            "write scheme, host and port: https://10.0.0.1:6443",
        )
    if cluster.token is not None and not is_reference(cluster.token):
        report.error(
            root.file,
            (*place, "token"),
            "the token for the API server is not a reference",
            "write file:PATH or env:NAME, and keep the token itself out of the configuration",
        )


def _audience(root: Part[Root], place: Place, audience: str | None, report: Report) -> None:
    if audience is not None and not audience.strip():
        report.error(root.file, (*place, "audience"), "the audience is empty", "leave it out")


def workloads(draft: Draft, report: Report) -> None:
    """A workload is an agent of that kind of attestation, and no other evidence is as good."""
    root = draft.root
    if root is None:
        return
    for agent, workload in root.value.workloads.items():
        one = _Workload(root, agent, report)
        one.kind(draft, workload)
        if workload.kubernetes_sa is not None:
            one.service_account(workload.kubernetes_sa)
        if workload.workload_identity_pool is not None:
            one.pool_identity(workload.workload_identity_pool)
        if workload.hardware is not None:
            one.hardware_key(workload.hardware)
        if workload.unix is not None:
            one.process(workload.unix)
    _told_apart(root, report)
    _issued(draft, root, report)


class _Workload:
    def __init__(self, root: Part[Root], agent: str, report: Report) -> None:
        self._root = root
        self._agent = agent
        self._report = report

    def _error(self, place: Place, sentence: str, fix: str) -> None:
        where = ("workloads", self._agent, *place)
        self._report.error(self._root.file, where, sentence, fix)

    def kind(self, draft: Draft, workload: Workload) -> None:
        """Exactly one kind of evidence, and the one that the agent's file names."""
        kinds = list(workload.given())
        if len(kinds) != 1:
            self._error(
                (),
                f"`{self._agent}` is attested in {len(kinds)} ways",
                "give one: the kind that stands as `attestation` in the agent's file",
            )
            return
        agents = {part.value.agent.spiffe_id: part.value.agent for part in draft.agents}
        agent = agents.get(self._agent)
        if agent is not None and agent.attestation != kinds[0]:
            self._error(
                (kinds[0],),
                f"`{self._agent}` is attested by `{agent.attestation}`, as its file says",
                f"write `{agent.attestation}`, or correct the file",
            )
        elif agent is None and draft.whole:
            fix = did_you_mean(self._agent, agents, f"register it in {self._root.value.agents}")
            self._error((), f"there is no agent `{self._agent}`", fix)

    def service_account(self, chosen: ServiceAccount) -> None:
        kind = "kubernetes-sa"
        clusters = self._root.value.attestors.kubernetes_sa
        self._known((kind, "cluster"), chosen.cluster, clusters, kind)
        self._exact((kind, "namespace"), chosen.namespace)
        self._exact((kind, "service_account"), chosen.service_account)
        for label, value in chosen.labels.items():
            self._exact((kind, "labels", label), value)
        cluster = clusters.get(chosen.cluster)
        assigned = self._root.value.assignments.get(self._agent)
        if cluster is None or cluster.api is not None:
            return
        if chosen.labels:
            self._error(
                (kind, "labels"),
                "labels are asked of the API server, and the cluster has no `api`",
                "add `api` and `token` to the cluster",
            )
        elif assigned is not None and assigned.tier >= cluster.review_from_tier:
            self._error(
                (kind,),
                f"agents of tier {assigned.tier} are reviewed, and the cluster has no `api`",
                "add `api` and `token` to the cluster, or raise its `review_from_tier`",
            )

    def pool_identity(self, chosen: PoolIdentity) -> None:
        kind = "workload-identity-pool"
        pools = self._root.value.attestors.workload_identity_pool
        self._known((kind, "pool"), chosen.pool, pools, kind)
        for claim, values in chosen.claims.items():
            for value in ((values,) if isinstance(values, str) else values) or ("",):
                self._exact((kind, "claims", claim), value)
        pool = pools.get(chosen.pool)
        if pool is None:
            return
        provided = PROVIDERS[pool.provider]
        for claim in chosen.claims:
            if claim not in provided.claims:
                known = ", ".join(sorted(provided.claims))
                self._error(
                    (kind, "claims", claim),
                    f"no workload of {pool.provider} is told by the claim `{claim}`",
                    did_you_mean(claim, provided.claims, f"use one of: {known}"),
                )
        if provided.decisive.isdisjoint(chosen.claims):
            self._error(
                (kind, "claims"),
                f"these claims fit others at {pool.provider} too",
                f"add one of: {', '.join(sorted(provided.decisive))}",
            )

    def hardware_key(self, chosen: HardwareKey) -> None:
        self._known(
            ("hardware", "maker"), chosen.maker, self._root.value.attestors.hardware, "hardware"
        )

    def process(self, chosen: Process) -> None:
        """Whoever runs a program decides what it does, so that a program alone is nobody."""
        if chosen.uid is None and chosen.gid is None and chosen.cgroup is None:
            self._error(
                ("unix",),
                "a program alone is nobody: anybody can run it, and make it do something else",
                "add `uid`, `gid` or `cgroup`: who runs it",
            )
        for name, value in (("path", chosen.path), ("cgroup", chosen.cgroup)):
            if value is not None and (not value.strip("/") or not value.startswith("/")):
                self._error(
                    ("unix", name), f"`{name}` is not a whole path", "begin it with `/`, and go on"
                )
        if chosen.path is not None and _INTERPRETER.fullmatch(PurePosixPath(chosen.path).name):
            self._report.warn(
                self._root.file,
                ("workloads", self._agent, "unix", "path"),
                f"`{chosen.path}` runs any program, so naming it narrows nothing",
                "tell the agent by a `uid` or a `cgroup` of its own",
            )

    def _known(self, place: Place, name: str, known: Mapping[str, object], kind: str) -> None:
        if name not in known:
            fix = did_you_mean(name, known, f"describe it under `attestors: {kind}`")
            self._error(place, f"there is no `{name}` under `attestors: {kind}`", fix)

    def _exact(self, place: Place, value: str) -> None:
        if not value.strip() or "*" in value:
            self._error(place, f"`{place[-1]}` would match more than one value", _EXACT)


def _told_apart(root: Part[Root], report: Report) -> None:
    """Evidence for two agents is refused, so no agent's may always be another's as well."""
    demands = {agent: workload.demanded() for agent, workload in root.value.workloads.items()}
    for agent, other in permutations(demands, 2):
        narrow, wide = demands[agent], demands[other]
        if wide and all(name in narrow and narrow[name] <= values for name, values in wide.items()):
            report.error(
                root.file,
                ("workloads", agent),
                f"whatever is `{agent}` is `{other}` too, so neither is ever accepted",
                "tell them apart by something that both demand, with different values",
            )


def _issued(draft: Draft, root: Part[Root], report: Report) -> None:
    """A trust domain that has workloads is ours: we publish its keys, and nobody else issues."""
    domains = {agent.split("/")[2] for agent in root.value.workloads}
    for domain in sorted(domains & root.value.trust.keys()):
        trust = root.value.trust[domain]
        where = trust.jwks or trust.bundle
        if where is None or is_url(where):
            report.error(
                root.file,
                ("trust", domain),
                f"the SVIDs of `{domain}` are made here, and its keys are fetched from elsewhere",
                "name the path of a file to publish the keys in, or remove its `workloads`",
            )
    for part in draft.agents:
        agent = part.value.agent
        if agent.trust_domain in domains and agent.spiffe_id not in root.value.workloads:
            report.warn(
                part.file,
                ("agent", "attestation"),
                f"nobody issues an SVID to `{agent.spiffe_id}`",
                f"say under `workloads:` in {root.file.name} how it is attested",
            )
