from pathlib import Path

import pytest

from safeconduct.policy.lasting import Lasting
from safeconduct.policy.loading import deciding, engine, load, passed
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.process import RegoProcess
from safeconduct.policy.remote.authzen import AuthZenEngine
from safeconduct.policy.remote.opa import OpaEngine
from safeconduct.ports import Closing
from tests.support.bundles import GUARDED, HEADER, bundle, write

REMOTE = "remote: {url: 'http://127.0.0.1:1'}\n"


def elsewhere(directory: Path, header: str) -> Path:
    directory.mkdir()
    (directory / "policy.yaml").write_text(header + REMOTE)
    return directory


def test_the_header_names_the_engine(tmp_path: Path) -> None:
    opa = elsewhere(tmp_path / "opa", HEADER.replace("rego", "opa"))
    authzen = elsewhere(tmp_path / "authzen", "name: test\nengine: authzen\n")
    assert isinstance(deciding(bundle(GUARDED), process="shared"), RegoEngine)
    assert isinstance(deciding(passed(opa)), OpaEngine)
    found = deciding(passed(authzen))
    assert isinstance(found, AuthZenEngine)
    assert found.digest == passed(authzen).digest
    assert found.digest != passed(opa).digest


def test_rules_elsewhere_cannot_be_tried_here(tmp_path: Path) -> None:
    directory = elsewhere(tmp_path / "opa", HEADER.replace("rego", "opa"))
    with pytest.raises(PolicyRefused, match="elsewhere"):
        engine(passed(directory))
    with pytest.raises(PolicyRefused, match=str(directory)):
        load(directory)


def test_rules_beside_a_decision_point_of_others_would_count_for_nothing(tmp_path: Path) -> None:
    directory = write(tmp_path, header=HEADER.replace("rego", "opa") + REMOTE)
    with pytest.raises(PolicyRefused, match="count for nothing"):
        passed(directory)


READ = b'{"call":{"tool":"crm.get_case"}}'


async def test_rego_gets_a_process_of_its_own() -> None:
    engine = deciding(bundle(GUARDED))
    assert isinstance(engine, RegoProcess)
    assert isinstance(engine, Closing)
    assert (await engine.evaluate(READ, 0)).permit == ("read",)
    lasting = Lasting(engine, bundle(GUARDED).contract, 1)
    await lasting.close()
    assert (await engine.evaluate(READ, 0)).error == "there is no process for the rules"


async def test_what_has_nothing_of_its_own_needs_no_end() -> None:
    engine = RegoEngine(bundle(GUARDED))
    await Lasting(engine, bundle(GUARDED).contract, 1).close()
    assert engine.evaluate(READ, 0).permit == ("read",)
