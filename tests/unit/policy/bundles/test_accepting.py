from datetime import timedelta

import msgspec
import orjson
import pytest

from safeconduct.kit import jose
from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.policy.bundles import layout, signing
from safeconduct.policy.bundles.accepting import accept, accepted_in
from safeconduct.policy.bundles.archive import pack, unpack
from safeconduct.policy.bundles.release import Accepted
from safeconduct.policy.refusal import PolicyRefused
from tests.support.releases import FILES, KEY, KEYS, NOW, NOW_MS, digest, released

OTHER = {**FILES, "data/crm.json": b'{"tiers": [1]}'}


def refused(
    files: dict[str, bytes],
    *,
    keys: KeySet | None = KEYS,
    last: Accepted | None = None,
    now_ms: int = NOW_MS,
) -> str:
    with pytest.raises(PolicyRefused) as caught:
        accept(files, keys=keys, last=last, now_ms=now_ms)
    return f"{caught.value.file}: {caught.value.sentence}"


def test_a_signed_release_decides_as_folder_and_as_archive() -> None:
    for files in (released(), unpack(pack(layout.released_of(released())), "x")):
        bundle = accept(files, keys=KEYS, last=None, now_ms=NOW_MS)
        assert bundle.release is not None
        assert (bundle.release.version, bundle.release.digest) == (1, bundle.digest)
        assert accepted_in(files) == Accepted(1, bundle.digest)


def test_ed25519_signs_too() -> None:
    key = PrivateKey.parse(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        }
    )
    accept(released(key=key), keys=KeySet({key.public.kid: key.public}), last=None, now_ms=NOW_MS)


def test_without_keys_nobody_has_to_sign() -> None:
    assert accept(FILES, keys=None, last=None, now_ms=NOW_MS).release is None


# --- signatures -----------------------------------------------------------------------------------


def test_what_was_not_signed_is_refused() -> None:
    assert refused(dict(FILES)) == ".signatures.json: the bundle is not signed"


def test_a_file_that_was_changed_added_or_removed_is_refused() -> None:
    good = released()
    rules = good["rules/test.rego"] + b"\n# more\n"
    assert refused({**good, "rules/test.rego": rules}).startswith("rules/test.rego: this file was")
    assert refused({**good, "rules/b.rego": b""}) == "rules/b.rego: this file was not signed"
    assert (
        refused({**good, "data/b.json": b"1"})
        == "data.json: this file was changed after it was signed"
    )
    for name in good.keys() - {".signatures.json"}:
        less = {path: one for path, one in good.items() if path != name}
        assert refused(less).startswith(f"{name}: this file was signed and is missing")


def test_data_may_be_spelled_anew_and_not_mean_anything_else() -> None:
    good = released()
    accept({**good, "data.json": b'{"crm":\n{"tiers":[1,2]}}'}, keys=KEYS, last=None, now_ms=NOW_MS)
    assert "was changed" in refused({**good, "data.json": b'{"crm":{"tiers":[2,1]}}'})


def test_a_key_that_is_not_trusted_signs_nothing() -> None:
    stranger = PrivateKey.generate()
    assert "not signed by a key that is trusted" in refused(released(key=stranger))
    posing = msgspec.structs.replace(stranger.public, kid=KEY.public.kid)
    files = released(key=msgspec.structs.replace(stranger, public=posing))
    assert "not signed by a key that is trusted" in refused(files)


def signed_as(claims: object, typ: str = signing.TYPE) -> bytes:
    token = jose.sign(claims, KEY, typ)  # type: ignore[arg-type]
    return orjson.dumps({"signatures": [token]})


def test_only_the_form_that_was_agreed_on_is_read() -> None:
    good = released()
    document = orjson.loads(good[layout.SIGNATURES])
    claims = jose.peek(document["signatures"][0])[1]
    files = claims["files"]
    shapes: dict[str, bytes] = {
        "two": orjson.dumps({"signatures": document["signatures"] * 2}),
        "none": orjson.dumps({"signatures": []}),
        "a plugin": orjson.dumps({**document, "plugin": "x"}),
        "no JSON": b"{",
        "another type": signed_as(claims, "at+jwt"),
        "twice": signed_as({"files": [*files, files[0]]}),
        "another hash": signed_as({"files": [{**files[0], "algorithm": "MD5"}]}),
        "no files": signed_as({}),
        "not a token": orjson.dumps({"signatures": ["x.y.z"]}),
        "too long": orjson.dumps({"signatures": ["x" * 200_000]}),
    }
    for name, content in shapes.items():
        assert refused({**good, layout.SIGNATURES: content}).startswith(".signatures.json"), name
    accept(
        {**good, layout.SIGNATURES: signed_as({"files": files})},
        keys=KEYS,
        last=None,
        now_ms=NOW_MS,
    )


def test_the_signer_says_which_release_it_is() -> None:
    assert "did not say which release" in refused(released(signer="another"))
    unreleased = {**FILES}
    listed = [
        {"name": path, "hash": signing.file_hash(path, one), "algorithm": "SHA-256"}
        for path, one in layout.content_of(unreleased).items()
    ]
    unreleased[layout.SIGNATURES] = signed_as({"files": listed})
    assert "did not say which release" in refused(unreleased)


def test_a_bundle_of_as_many_files_as_may_be_is_signed() -> None:
    many = {f"rules/a_long_name_of_a_file_{n:03}.rego": b"package a\n" for n in range(250)}
    files = released({**FILES, **many})
    assert accept(files, keys=KEYS, last=None, now_ms=NOW_MS).digest == digest({**FILES, **many})


# --- releases -------------------------------------------------------------------------------------


def test_a_release_ends() -> None:
    files = released(not_after=NOW + timedelta(seconds=1))
    accept(files, keys=KEYS, last=None, now_ms=NOW_MS + 999)
    assert refused(files, now_ms=NOW_MS + 1000) == (
        "release.json: the release ended at 2026-11-21T12:00:01Z"
    )
    assert "ended" in refused(files, keys=None, now_ms=NOW_MS + 1000)


def test_nobody_goes_back() -> None:
    last = Accepted(7, digest())
    assert "release 6 is older than 7" in refused(released(version=6), last=last)
    assert "another release 7" in refused(released(OTHER, version=7), last=last)
    assert "does not follow" in refused(released(OTHER, version=8), last=last)
    assert "does not follow" in refused(
        released(OTHER, version=8, previous=digest(OTHER)), last=last
    )
    assert "no release" in refused(dict(FILES), keys=None, last=last)
    for files in (
        released(version=7),
        released(OTHER, version=8, previous=digest()),
        released(version=8, previous=digest()),
        released(OTHER, version=9, previous=digest(OTHER)),
    ):
        accept(files, keys=KEYS, last=last, now_ms=NOW_MS)


def test_a_release_of_other_content_is_refused_even_unsigned() -> None:
    files = {**released(), "rules/test.rego": b"package agent.tools\n"}
    assert refused(files, keys=None) == ("release.json: the files are not those that were released")
    with pytest.raises(PolicyRefused, match="not those"):
        accepted_in(files)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 0}', '{"version": 1, "not_after": "2026-11-21T12:00:00",'
     ' "digest": "' + "0" * 64 + '", "signer": "x"}'],
)  # fmt: skip
def test_a_release_that_is_not_understood_is_refused(text: str) -> None:
    assert refused({**FILES, layout.RELEASE: text.encode()}, keys=None).startswith("release.json")


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_an_end_that_no_calendar_has_is_refused(end: str) -> None:
    document = {**orjson.loads(released()[layout.RELEASE]), "not_after": end}
    why = refused({**FILES, layout.RELEASE: orjson.dumps(document)}, keys=None)
    assert "`not_after` is out of range" in why


def test_a_release_knows_no_other_words() -> None:
    document = orjson.loads(released()[layout.RELEASE])
    assert "unknown field" in refused(
        {**FILES, layout.RELEASE: orjson.dumps({**document, "forever": True})}, keys=None
    )
