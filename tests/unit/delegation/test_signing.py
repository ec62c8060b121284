from __future__ import annotations

import stat
from pathlib import Path

import orjson
import pytest

from safeconduct.delegation.signing import KEYS_FILE, OVERLAP_MS, ROTATE_MS, SigningKeys
from safeconduct.kit import files, jose
from safeconduct.kit.keyfile import KeyFileError

NOW_MS = 1_800_000_000_000


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return SigningKeys(tmp_path, NOW_MS)


def published(keys: SigningKeys) -> set[str]:
    return {jwk["kid"] for jwk in keys.jwks()["keys"]}


def test_keys_are_made_once(tmp_path: Path, keys: SigningKeys) -> None:
    again = SigningKeys(tmp_path, NOW_MS + 1)
    assert (keys.created, again.created) == (True, False)
    assert again.current.public == keys.current.public
    assert again.jwks() == keys.jwks()
    assert stat.S_IMODE((tmp_path / KEYS_FILE).stat().st_mode) == 0o600


def test_only_public_keys_are_published(keys: SigningKeys) -> None:
    assert len(keys.jwks()["keys"]) == 2
    for jwk in keys.jwks()["keys"]:
        assert jwk["use"] == "sig"
        assert "d" not in jwk


def test_what_signs_is_accepted_and_what_will_sign_is_not_yet(keys: SigningKeys) -> None:
    kid, _ = jose.peek(keys.sign({"sub": "x"}, "JWT"))
    assert kid == keys.current.public.kid
    assert set(keys.accepted(NOW_MS).keys) == {kid}


def test_the_next_key_was_published_before_it_signs(tmp_path: Path, keys: SigningKeys) -> None:
    before, known = keys.current.public.kid, published(keys)
    keys.rotate(NOW_MS + 1)
    assert keys.current.public.kid != before
    assert keys.current.public.kid in known
    assert before in published(keys)
    assert SigningKeys(tmp_path, NOW_MS).jwks() == keys.jwks()


def test_the_key_before_is_accepted_until_its_tokens_have_ended(
    tmp_path: Path, keys: SigningKeys
) -> None:
    before = keys.current.public.kid
    keys.rotate(NOW_MS)
    for one in (keys, SigningKeys(tmp_path, NOW_MS)):
        assert set(one.accepted(NOW_MS + OVERLAP_MS - 1).keys) == {before, one.current.public.kid}
        assert set(one.accepted(NOW_MS + OVERLAP_MS).keys) == {one.current.public.kid}
    keys.rotate(NOW_MS + 1)
    assert before not in keys.accepted(NOW_MS + 1).keys


def test_a_key_signs_for_a_while(keys: SigningKeys) -> None:
    assert not keys.due(NOW_MS + ROTATE_MS - 1)
    assert keys.due(NOW_MS + ROTATE_MS)
    keys.rotate(NOW_MS + ROTATE_MS)
    assert not keys.due(NOW_MS + ROTATE_MS)


def test_a_full_disk_leaves_the_keys_as_they_were(
    tmp_path: Path, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    before, known = keys.current.public.kid, keys.jwks()
    monkeypatch.setattr(files, "replace", full)
    with pytest.raises(OSError, match="no space"):
        keys.rotate(NOW_MS + 1)
    assert (keys.current.public.kid, keys.jwks()) == (before, known)
    assert SigningKeys(tmp_path, NOW_MS).jwks() == known


@pytest.mark.parametrize(
    "change",
    [
        {"current": None},
        {"next": {}},
        {"previous": {"kty": "EC"}},
        {"since_ms": "now"},
        {"more": 1},
    ],
)
def test_a_file_of_something_else_is_refused(
    tmp_path: Path, keys: SigningKeys, change: dict[str, object]
) -> None:
    del keys
    path = tmp_path / KEYS_FILE
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **change}))
    with pytest.raises(KeyFileError, match="not the keys of a gateway"):
        SigningKeys(tmp_path, NOW_MS)


def test_a_file_of_garbage_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / KEYS_FILE).write_bytes(b"garbage")
    (tmp_path / KEYS_FILE).chmod(0o600)
    with pytest.raises(KeyFileError):
        SigningKeys(tmp_path, NOW_MS)
    assert (tmp_path / KEYS_FILE).read_bytes() == b"garbage"


def test_a_file_that_others_can_read_is_refused(tmp_path: Path, keys: SigningKeys) -> None:
    del keys
    (tmp_path / KEYS_FILE).chmod(0o640)
    with pytest.raises(KeyFileError, match="others can read"):
        SigningKeys(tmp_path, NOW_MS)


def test_a_link_is_not_followed(tmp_path: Path, keys: SigningKeys) -> None:
    del keys
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / KEYS_FILE).symlink_to(tmp_path / KEYS_FILE)
    with pytest.raises(OSError, match="symbolic links"):
        SigningKeys(tmp_path / "elsewhere", NOW_MS)
