import gzip
import io
import tarfile
from collections.abc import Callable

import pytest

from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.archive import pack, unpack
from safeconduct.policy.refusal import PolicyRefused
from tests.support.releases import FILES, released


def refused(data: bytes) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        unpack(data, "policy.tar.gz")
    return caught.value


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type = len(content), kind
    return made


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for one, content in entries:
            made.addfile(one, io.BytesIO(content))
    return gzip.compress(out.getvalue())


def test_what_is_packed_comes_out_again() -> None:
    files = released()
    assert unpack(pack(files), "x") == files
    assert pack(dict(reversed(files.items()))) == pack(files)


@pytest.mark.parametrize("spelled", ["./{}", "/{}"], ids=["tar", "opa"])
def test_other_spellings_of_a_path(spelled: str) -> None:
    made = [(entry(spelled.format(name), one), one) for name, one in FILES.items()]
    folder = (entry("./rules", kind=tarfile.DIRTYPE), b"")
    beside = (entry(spelled.format("tests/x.rego"), b"x"), b"x")
    assert unpack(archive(folder, *made, beside), "x") == FILES


def link(name: str, kind: bytes, target: str) -> bytes:
    made = entry(name, kind=kind)
    made.linkname = target
    return archive((made, b""))


def sparse() -> bytes:
    made = entry("rules/a.rego")
    about = {"major": "1", "minor": "0", "name": made.name, "realsize": "99999999999"}
    made.pax_headers = {f"GNU.sparse.{key}": value for key, value in about.items()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as whole:
        made.size = 512
        whole.addfile(made, io.BytesIO(b"1\n0\n99999999999\n".ljust(512, b"\0")))
    return gzip.compress(out.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        archive((entry("../rules/a.rego"), b"")),
        archive((entry("/../../etc/passwd"), b"")),
        archive((entry("rules/../../a.rego"), b"")),
        archive((entry("rules\\a.rego"), b"")),
        archive((entry("etc/passwd"), b"")),
        archive((entry(".git/config"), b"")),
        archive((entry("rules/a.rego", b"x"), b"x"), (entry("./rules/a.rego", b"y"), b"y")),
        link("rules/a.rego", tarfile.SYMTYPE, "/etc/passwd"),
        link("rules/a.rego", tarfile.LNKTYPE, "policy.yaml"),
        link("rules", tarfile.SYMTYPE, "/etc"),
        archive((entry("rules/a.rego", kind=tarfile.CHRTYPE), b"")),
        archive((entry("rules/a.rego", kind=tarfile.FIFOTYPE), b"")),
        sparse(),
    ],
    ids=["up", "root", "through", "backslash", "elsewhere", "hidden", "twice", "symlink",
         "hard link", "folder link", "device", "pipe", "sparse"],
)  # fmt: skip
def test_an_archive_holds_plain_files_of_a_bundle(data: bytes) -> None:
    assert refused(data).fix


def test_a_bomb_is_not_unpacked() -> None:
    found = refused(gzip.compress(bytes(200 * 1024 * 1024)))
    assert "come out of the archive" in found.sentence


def test_a_file_or_a_bundle_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    large = b"#" * (layout.MAX_FILE_BYTES + 1)
    assert "larger" in refused(archive((entry("rules/a.rego", large), large))).sentence
    monkeypatch.setattr(layout, "MAX_FILES", 2)
    assert "more than 2 files" in refused(pack(FILES)).sentence


def broken(data: bytes, header: Callable[[bytes], bytes]) -> bytes:
    """An archive with another header for its last file."""
    plain = gzip.decompress(data)
    at = plain.rindex(b"rules/")
    return gzip.compress(plain[:at] + header(plain[at : at + 512]) + plain[at + 512 :])


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "half": lambda data: data[: len(data) // 2],
    "last byte": lambda data: data[:-1],
    "tail": lambda data: data + b"x",
    "another": lambda data: data + gzip.compress(b""),
    "changed": lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
    "plain": gzip.decompress,
    "not tar": lambda _: gzip.compress(b"x" * 4096 + bytes(1024)),
    "header": lambda data: broken(data, lambda one: b"R" + one[1:]),
    "end before": lambda data: broken(data, lambda one: bytes(1024) + one),
    "after the end": lambda data: gzip.compress(gzip.decompress(data) * 2),
    "no end": lambda data: gzip.compress(gzip.decompress(data).rstrip(b"\0") + bytes(100)),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_what_was_cut_off_or_changed_is_refused(cut: Callable[[bytes], bytes]) -> None:
    assert refused(cut(pack(FILES))).file == "policy.tar.gz"


def test_an_archive_cut_at_the_end_of_a_file_is_refused() -> None:
    """The reader of archives takes the end of the data for the end of the archive."""
    plain = gzip.decompress(pack(FILES))
    assert plain[1024:1535].startswith(b"policy.yaml")
    assert "cut off" in refused(gzip.compress(plain[:1024])).sentence
