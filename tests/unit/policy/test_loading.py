from pathlib import Path

import pytest

from safeconduct.policy.loading import deciding, engine, load, passed
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.remote.authzen import AuthZenEngine
from safeconduct.policy.remote.opa import OpaEngine
from tests.support.bundles import HEADER, bundle, write

REMOTE = "remote: {url: 'http://127.0.0.1:1'}\n"


def elsewhere(directory: Path, header: str) -> Path:
    directory.mkdir()
    (directory / "policy.yaml").write_text(header + REMOTE)
    return directory


def test_the_header_names_the_engine(tmp_path: Path) -> None:
    opa = elsewhere(tmp_path / "opa", HEADER.replace("rego", "opa"))
    authzen = elsewhere(tmp_path / "authzen", "name: test\nengine: authzen\n")
    assert isinstance(deciding(bundle()), RegoEngine)
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
