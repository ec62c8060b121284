"""What a decision point of others rests on breaks: each call is refused, with what broke."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from safeconduct.facts import judged
from safeconduct.policy.bundles.header import Remote
from safeconduct.policy.contract import Contract
from safeconduct.policy.remote.opa import OpaEngine
from safeconduct.secrets.references import read
from tests.support.web import serving


async def test_without_what_proves_the_gateway_nobody_is_asked_and_the_call_is_refused(
    tmp_path: Path,
) -> None:
    with serving() as web:
        web.publish({"/v1/data/agent/tools": {"result": {"permit": [{"id": "p"}]}}})
        proof = partial(read, tmp_path, "file:token")
        engine = OpaEngine(
            Contract(digest="b"), Remote(url=web.url), "agent.tools", authorization=proof
        )
        refused = await judged(engine, b"{}", 0)
        assert (refused.said, refused.error) == (
            "deny",
            "the engine raised CredentialUnavailable",
        )
        assert web.asked == []
        (tmp_path / "token").write_text("Bearer t\n")
        assert (await judged(engine, b"{}", 0)).said == "permit"
        await engine.close()
