from __future__ import annotations

import stat
from pathlib import Path

import pytest

from safeconduct.kit.keyfile import KeyFileError, load, load_or_create


def test_makes_a_key_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key.jwk"
    key, created = load_or_create(path)
    again, created_again = load_or_create(path)
    assert (created, created_again) == (True, False)
    assert again.public.thumbprint == key.public.thumbprint
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["key.jwk"]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key.jwk"
    load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"not json", b'{"kty":"oct","k":"AAAA"}'])
def test_a_file_without_a_key_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.jwk"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError):
        load_or_create(path)
    assert path.read_bytes() == content


def test_a_race_leaves_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.jwk"
    first, _ = load_or_create(path)
    attempts = iter([FileNotFoundError(), None])

    def late(asked: Path) -> object:
        missing = next(attempts)
        if missing is not None:
            raise missing
        return load(asked)

    monkeypatch.setattr("safeconduct.kit.keyfile.load", late)
    key, created = load_or_create(path)
    assert (key.public.thumbprint, created) == (first.public.thumbprint, False)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    load_or_create(tmp_path / "key.jwk")
    link = tmp_path / "link.jwk"
    link.symlink_to(tmp_path / "key.jwk")
    with pytest.raises(OSError, match="symbolic"):
        load(link)
