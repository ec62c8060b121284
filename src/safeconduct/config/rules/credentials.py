"""Credentials of upstreams: each kind with what it needs, and with nothing of another kind."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, is_reference, split
from safeconduct.config.schema import CredentialBlock, OAuthBlock, Root
from safeconduct.config.shape import did_you_mean
from safeconduct.kit.yaml import Place

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.6.2: a field name is a token."""

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749 section 3.3: a scope token."""

_KEYS: Final[dict[str, frozenset[str]]] = {
    "tool-token": frozenset({"audience", "ttl_s"}),
    "upstream-oauth": frozenset({"oauth"}),
    "brokered": frozenset({"header", "value", "scheme"}),
    "none": frozenset(),
}
_HELD: Final = "write `value: file:PATH` or `value: env:NAME`, never the secret itself"


def credentials(draft: Draft, report: Report) -> None:
    """Every credential fits its upstream, and no two upstreams take each other's tool tokens."""
    root = draft.root
    if root is None:
        return
    first: dict[str, str] = {}
    for name, upstream in root.value.upstreams.items():
        one = _Credential(draft, root, name, report)
        said = upstream.credential
        one.of_its_kind(said)
        one.of_its_tenant(said)
        if upstream.command is not None and upstream.mcp is None and said.kind != "none":
            one.error(
                (),
                f"`{name}` is a command: there is no header that could carry a credential",
                "use `credential: {kind: none}`, and `env` for what the program needs",
            )
        match said.kind:
            case "brokered":
                one.brokered(said)
            case "tool-token":
                one.tool_token(said, first)
            case "upstream-oauth":
                one.upstream_oauth(said.oauth)
            case "none":
                pass


class _Credential:
    def __init__(self, draft: Draft, root: Part[Root], name: str, report: Report) -> None:
        self._draft = draft
        self._root = root
        self._name = name
        self._report = report

    def error(self, place: Place, sentence: str, fix: str) -> None:
        place = ("upstreams", self._name, "credential", *place)
        self._report.error(self._root.file, place, sentence, fix)

    def of_its_kind(self, said: CredentialBlock) -> None:
        for field in msgspec.structs.fields(CredentialBlock):
            key = field.encode_name
            if key in {"kind", "tenant"} or key in _KEYS[said.kind]:
                continue
            if getattr(said, field.name) != field.default:
                kind = next(kind for kind, keys in _KEYS.items() if key in keys)
                self.error(
                    (key,),
                    f"the credential of `{self._name}` is of kind `{said.kind}`, which has no "
                    f"`{key}`",
                    f"use `kind: {kind}`, or remove `{key}`",
                )

    def of_its_tenant(self, said: CredentialBlock) -> None:
        tenant = self._root.value.gateway.tenant
        if said.tenant not in (None, tenant):
            self.error(
                ("tenant",),
                f"the credential of `{self._name}` opens another tenant's data than this gateway's",
                f"use a credential that is bound to `{tenant}`, or correct `tenant`",
            )

    def brokered(self, said: CredentialBlock) -> None:
        if said.header is None or not _HEADER.fullmatch(said.header):
            self.error(
                ("header",),
                f"the credential of `{self._name}` has no header to travel in",
                "add `header: Authorization`",
            )
        if said.value is None or not is_reference(said.value):
            self.error(("value",), f"the credential of `{self._name}` is not a reference", _HELD)

    def tool_token(self, said: CredentialBlock, first: dict[str, str]) -> None:
        root, audience = self._root.value, (said.audience or "").strip()
        if audience in {"", "*"}:
            self.error(
                ("audience",),
                f"tool tokens for `{self._name}` have no audience: they could go anywhere",
                "add `audience: NAME`, which only this upstream accepts",
            )
            return
        # A server that takes assertions may look at less than we do, such as not at their type.
        servers = {
            one.credential.oauth.issuer
            for one in root.upstreams.values()
            if one.credential.oauth is not None
        }
        people = {one.audience for one in root.users.issuers}
        if audience in {root.gateway.issuer} | people | servers:
            self.error(
                ("audience",),
                f"tool tokens for `{self._name}` would have the audience of other tokens",
                "choose a name that stands for this upstream alone",
            )
        if audience in first:
            self.error(
                ("audience",),
                f"`{self._name}` and `{first[audience]}` would accept each other's tool tokens",
                "give each its own audience; an agent may have a list of them",
            )
        first.setdefault(audience, self._name)
        agents = [part.value.agent for part in self._draft.agents]
        known = {one for agent in agents for one in agent.delegation.audiences}
        if self._draft.whole and audience not in known:
            self._report.warn(
                self._root.file,
                ("upstreams", self._name, "credential", "audience"),
                f"no agent's tool tokens may go to `{audience}`, so nobody can use `{self._name}`",
                did_you_mean(audience, known, "add it to the `audience` of an agent's delegation"),
            )

    def upstream_oauth(self, said: OAuthBlock | None) -> None:
        if said is None:
            self.error(
                ("oauth",),
                f"nothing says where access tokens for `{self._name}` come from",
                "add `oauth: {issuer: URL, grant: ..., client_id: ...}`",
            )
            return
        self._issuer(said)
        self._client(said)
        self._scopes(said)
        self._person(said)

    def _issuer(self, said: OAuthBlock) -> None:
        place: Place = ("oauth", "issuer")
        parts = split(said.issuer)
        if parts is None:
            self.error(
                place,
                "the issuer is not an http(s) URL without query and fragment",
                "write the `issuer` of the authorization server's metadata, character by character",
            )
        elif exposed(parts):
            self.error(place, "the issuer is plain http beyond this machine", "use https")
        elif said.issuer == self._root.value.gateway.issuer:
            self.error(
                place,
                "the gateway would ask itself for a token",
                "name the upstream's own issuer, or use `kind: tool-token`",
            )
        if said.resource is not None and split(said.resource) is None:
            self.error(
                ("oauth", "resource"),
                "the resource is not an http(s) URL without query and fragment",
                "leave it out, it is the upstream's URL then; RFC 8707 has the rules",
            )

    def _client(self, said: OAuthBlock) -> None:
        if said.secret is not None and not is_reference(said.secret):
            self.error(
                ("oauth", "secret"),
                f"the client secret for `{self._name}` is not a reference",
                _HELD.replace("value:", "secret:"),
            )
        if said.client_id is None and said.secret is not None:
            self.error(
                ("oauth", "secret"),
                "a client that is known by its metadata document has no secret",
                "add the `client_id` that the secret belongs to, or remove `secret`",
            )
        if said.client_id is not None and not (said.client_id and said.client_id.isprintable()):
            self.error(
                ("oauth", "client_id"), "the client id is empty", "write it, or leave it out"
            )

    def _scopes(self, said: OAuthBlock) -> None:
        lists: list[tuple[Place, tuple[str, ...]]] = [(("oauth", "scopes"), said.scopes)]
        lists += [
            (("oauth", "tool_scopes", tool), said.tool_scopes[tool]) for tool in said.tool_scopes
        ]
        for place, scopes in lists:
            for index, scope in enumerate(scopes):
                if not _SCOPE.fullmatch(scope):
                    self.error(
                        (*place, index), f"`{scope}` is not one scope", "write each on its own"
                    )
        manifest = self._draft.manifests.get(self._name)
        tools = {} if manifest is None else manifest.value.tools
        for tool in said.tool_scopes:
            if manifest is not None and tool not in tools:
                self.error(
                    ("oauth", "tool_scopes", tool),
                    f"`{self._name}` has no tool `{tool}`",
                    did_you_mean(tool, tools, "describe it in the manifest, or remove it here"),
                )

    def _person(self, said: OAuthBlock) -> None:
        if said.user_claim is not None and said.grant != "authorization-code":
            self.error(
                ("oauth", "user_claim"),
                f"with `grant: {said.grant}` nobody logs in whom a claim could name",
                "remove `user_claim`",
            )
        if said.grant == "authorization-code" and said.lists_as is None:
            self.error(
                ("oauth", "lists_as"),
                f"nobody's consent lets the gateway ask what `{self._name}` offers",
                "add `lists_as: USER`, a user whose consent may be used for that",
            )
        if said.grant == "client-credentials" and said.lists_as is not None:
            self.error(
                ("oauth", "lists_as"),
                "client credentials are nobody's: there is nobody to ask as",
                "remove `lists_as`",
            )
        known = {user for part in self._draft.users for user in part.value.users}
        if self._draft.whole and said.lists_as is not None and said.lists_as not in known:
            self.error(
                ("oauth", "lists_as"),
                f"there is no user `{said.lists_as}`",
                did_you_mean(
                    said.lists_as, known, f"add the user to {self._root.value.users.entitlements}"
                ),
            )
