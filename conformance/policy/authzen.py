"""The AuthZEN certification scenario for decision points, and the interoperability scenario for API
gateways, against a gateway of ours that runs.

The gateway speaks TLS and knows the enforcement point by its certificate. Its rules are those of
`fixture/`. Every request that the scenario calls good, and every decision, has to fit the schemas
of the Authorization API 1.0.
"""

import json
import shutil
import ssl
import tempfile
from collections.abc import Mapping
from http.client import HTTPSConnection
from pathlib import Path
from typing import Final

from jsonschema import Draft202012Validator

from conformance.policy import scenario, vectors
from conformance.policy.scenario import BASIC, SUBJECT, Case, Reply, answered, does, pages, record
from conformance.policy.scores import Score, Scores
from tests.support.certificates import Authority
from tests.support.installation import opened_office, running
from tests.support.secured import CORPORATE, secured

ARCHIVE: Final = "authzen.tar.xz"
SCHEMAS: Final = "api/schemas"
GATEWAYS: Final = "interop/authzen-api-gateways/test-harness/test/decisions.json"
FIXTURE: Final = Path(__file__).parent / "fixture"
PEP: Final = "spiffe://crm.example/peps/harness"


class Harness:
    """An enforcement point, on one connection."""

    def __init__(self, issuer: str, context: ssl.SSLContext, schemas: Path) -> None:
        self.issuer = issuer
        self._link = HTTPSConnection(issuer.removeprefix("https://"), timeout=30, context=context)
        self._request, self._response = (
            Draft202012Validator(
                json.loads((schemas / f"evaluation-{name}.schema.json").read_text())
            )
            for name in ("request", "response")
        )

    def close(self) -> None:
        self._link.close()

    def passes(self, case: Case) -> bool:
        """Whether a case comes out as the scenario says, and fits the schemas where it is good."""
        reply = self.post(case.path, case.body, case.headers)
        if case.path == BASIC and reply.status == 200:
            self._request.validate(case.body)
            self._response.validate(reply.json)
        return case.check(reply)

    def post(self, path: str, body: object, headers: Mapping[str, str]) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._sent("POST", path, data, {"content-type": "application/json", **headers})

    def get(self, path: str) -> Reply:
        return self._sent("GET", path, b"", {})

    def _sent(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self._link.request(method, path, body, headers)
        response = self._link.getresponse()
        content = response.read()
        told = {name.lower(): value for name, value in response.getheaders()}
        typed = told.get("content-type", "").endswith("json")
        return Reply(response.status, told, json.loads(content) if typed else None)

    def follows_pages(self) -> bool:
        """Section 6.4.2: the second page, with the token of the first."""
        asked = {"subject": {"type": "user"}, "action": does("read"), "resource": record(1)}
        first = self.post(SUBJECT, {**asked, "page": {"limit": 1}}, {})
        token = first.json["page"]["next_token"]
        second = self.post(SUBJECT, {**asked, "page": {"token": token}}, {})
        return bool(token) and pages(second) and second.json["page"]["next_token"] == ""

    def discovers(self) -> bool:
        """Section 8."""
        reply = self.get("/.well-known/authzen-configuration")
        told = reply.json
        ends = [value for name, value in told.items() if name.endswith("_endpoint")]
        return (
            answered(reply)
            and told["policy_decision_point"] == self.issuer
            and told["access_evaluation_endpoint"] == self.issuer + BASIC
            and len(ends) >= 5
            and all(one.startswith(f"{self.issuer}/access/v1/") for one in ends)
        )


def run(directory: Path) -> Scores:
    """Raises FileNotFoundError: the vectors are not there."""
    with (
        vectors.unpacked(directory / ARCHIVE) as place,
        tempfile.TemporaryDirectory(prefix="safeconduct-authzen-") as scratch,
        opened_office() as office,
    ):
        here = Path(scratch)
        cases = scenario.cases(place / GATEWAYS)
        authority = Authority("crm.example")
        gateway = here / "gateway"
        shutil.copytree(FIXTURE, gateway / "fixture")
        block = {"callers": [PEP], "bundle": "fixture", "drafts": {"coaz_mcp": "draft-1"}}
        config = secured(gateway, office, authority, authzen=block)
        context = authority.svid(PEP).client(here, CORPORATE)
        with running(config) as served:
            harness = Harness(served.issuer, context, place / SCHEMAS)
            scores: Scores = {}
            for case in cases:
                scores[case.group] = scores.get(case.group, Score()) + _score(harness.passes(case))
            scores["Search Core"] += _score(harness.follows_pages())
            scores["Discovery"] = _score(harness.discovers())
            harness.close()
    return scores


def _score(passed: object) -> Score:
    return Score(passed=1) if passed else Score(failed=1)
