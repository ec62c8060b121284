"""An operator moves a gateway that runs from Rego to Cedar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.installation import (
    Gateway,
    done,
    install,
    opened_office,
    refusal,
    running,
)

READ = """
@id("office.read")
permit (principal, action == Action::"office.get_case", resource)
when { principal.tier >= 1 };
"""
NO_MORE = """
@id("office.no-more")
forbid (principal, action in Action::"upstream:office", resource)
when { context.task.counts has calls && context.task.counts.calls >= 1 };
"""


def safeconduct(gateway: Gateway, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["-m", "safeconduct", *arguments, "--config", gateway.config.directory]
    return subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, timeout=60
    )


def test_rules_in_cedar_decide_by_a_schema_of_the_tools_there_are(tmp_path: Path) -> None:
    with opened_office() as office, running(install(tmp_path, office)) as gateway:
        policy = tmp_path / "policy"
        written = safeconduct(gateway, "policy", "schema", "--write")
        assert (written.returncode, written.stderr) == (0, "")
        schema = (policy / "schema.cedarschema").read_text("utf-8")
        assert (
            'action "office.get_case" in [Action::"effect:read", Action::"upstream:office"]'
            in schema
        )

        for rules in (policy / "rules").iterdir():
            rules.unlink()
        (policy / "policy.yaml").write_text("name: office\nengine: cedar\n", encoding="utf-8")
        (policy / "rules" / "office.cedar").write_text(READ, encoding="utf-8")
        assert "the policy is now" in safeconduct(gateway, "policy", "reload").stdout
        first = gateway.task()
        assert done(first.call("office__get_case", {"case_id": "C-1"}))
        assert gateway.records("decision")[-1]["policy"]["permit"] == ["office.read"]

        (policy / "rules" / "more.cedar").write_text(NO_MORE, encoding="utf-8")
        assert "the policy is now" in safeconduct(gateway, "policy", "reload").stdout
        assert refusal(first.call("office__get_case", {"case_id": "C-1"})) == "policy-denied"
        assert gateway.records("decision")[-1]["policy"]["deny"] == ["office.no-more"]
        assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))

        (policy / "rules" / "more.cedar").write_text(NO_MORE.replace("calls", "call"), "utf-8")
        refused = safeconduct(gateway, "policy", "reload")
        assert refused.returncode == 1
        assert "more.cedar:2: the schema has no `context.task.counts.call`" in refused.stderr
        assert refusal(first.call("office__get_case", {"case_id": "C-1"})) == "policy-denied"
