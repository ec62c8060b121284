from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509

from safeconduct.config.keys import JwksRef
from safeconduct.identity import keys
from safeconduct.identity.keys import (
    KeyFile,
    Published,
    UnusableKeys,
    WebKeys,
    discovered,
    published,
    signing_keys,
    source,
)
from safeconduct.kit.fetch import FetchError
from safeconduct.kit.jwk import KeySet, PrivateKey, PublicKey
from tests.support.certificates import Authority, Held
from tests.support.publishers import KEYS, METADATA, Publisher, public, publishing, rsa

ONE, TWO = (PrivateKey.generate().public for _ in range(2))


def jwks(*found: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"keys": found})


def replace(path: Path, key: PublicKey) -> None:
    path.write_bytes(jwks(key.jwk()))


def read(data: bytes) -> KeySet:
    return KeySet.published(data, uses=frozenset({"sig", None}))


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def publisher() -> AsyncGenerator[Publisher]:
    async with publishing() as served:
        served.publish(ONE.jwk())
        yield served


@pytest.fixture
def web(publisher: Publisher, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> WebKeys[KeySet]:
    """Keys that may be fetched at any time."""
    monkeypatch.setattr(keys, "GAP_S", 0.0)
    ask = published(publisher.url + KEYS, None)
    return WebKeys("them", ask, read, max_stale_s=100, clock=clock)


async def kids(held: keys.Source[KeySet], kid: str | None = None) -> list[str] | None:
    current = await held.current(kid)
    return None if current is None else list(current.keys)


class TestAFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "keys.json"
        path.write_bytes(jwks(ONE.jwk()))
        return path

    @pytest.fixture
    def held(self, path: Path, clock: Clock) -> KeyFile[KeySet]:
        return KeyFile(path, read, max_stale_s=100, clock=clock)

    async def test_is_read_again(self, path: Path, held: KeyFile[KeySet]) -> None:
        assert await kids(held) == [ONE.kid]
        replace(path, TWO)
        assert await kids(held) == [TWO.kid]
        await held.keep_up()

    async def test_that_cannot_be_read_counts_for_a_while(
        self, path: Path, held: KeyFile[KeySet], clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for spoil in (lambda: path.write_bytes(b'{"keys": ['), path.unlink):
            clock.now_s += 100
            assert await kids(held) == [ONE.kid]
            spoil()
            clock.now_s += 100
            assert await kids(held) == [ONE.kid]
            assert await kids(held) == [ONE.kid]
            clock.now_s += 1
            assert await kids(held) is None
            replace(path, ONE)
            assert await kids(held) == [ONE.kid]
        assert len(caplog.records) == 2

    def test_must_be_there_at_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableKeys, match=r"absent\.json: No such file"):
            signing_keys(tmp_path, JwksRef(jwks="absent.json"))
        for broken, why in ((b"{}", "not a JWK Set"), (jwks(), "without a key")):
            (tmp_path / "broken.json").write_bytes(broken)
            with pytest.raises(UnusableKeys, match=rf"broken\.json: .*{why}"):
                signing_keys(tmp_path, JwksRef(jwks="broken.json"))

    def test_of_ours_is_read_strictly(self, tmp_path: Path) -> None:
        (tmp_path / "k.json").write_bytes(jwks(ONE.jwk(), public(rsa("weak", 1024))))
        with pytest.raises(UnusableKeys):
            signing_keys(tmp_path, JwksRef(jwks="k.json", algorithms=("ES256", "RS256")))

    async def test_may_hold_what_the_configuration_allows(self, tmp_path: Path) -> None:
        (tmp_path / "k.json").write_bytes(jwks(public(rsa("one"))))
        allowed = signing_keys(tmp_path, JwksRef(jwks="k.json", algorithms=("RS256",)))
        assert await kids(allowed) == ["one"]
        with pytest.raises(UnusableKeys):
            signing_keys(tmp_path, JwksRef(jwks="k.json"))


class TestTheWeb:
    async def test_is_asked_once(self, web: WebKeys[KeySet], publisher: Publisher) -> None:
        assert publisher.fetches == 0
        assert [await kids(web, ONE.kid) for _ in range(3)] == [[ONE.kid]] * 3
        assert await kids(web) == [ONE.kid]
        assert publisher.fetches == 1

    async def test_a_new_key_is_looked_for(
        self, web: WebKeys[KeySet], publisher: Publisher, clock: Clock
    ) -> None:
        await web.current(ONE.kid)
        clock.now_s += 1
        publisher.publish(ONE.jwk(), TWO.jwk())
        assert await kids(web, TWO.kid) == [ONE.kid, TWO.kid]
        assert publisher.fetches == 2

    async def test_all_who_wait_share_one_fetch(
        self, web: WebKeys[KeySet], publisher: Publisher, clock: Clock
    ) -> None:
        await web.current(ONE.kid)
        clock.now_s += 1
        publisher.publish(TWO.jwk())
        publisher.held.clear()
        first = asyncio.ensure_future(kids(web, TWO.kid))
        await publisher.fetched(2)
        clock.now_s += 1
        rest = [asyncio.ensure_future(kids(web, TWO.kid)) for _ in range(20)]
        await asyncio.sleep(0)
        publisher.held.set()
        assert await asyncio.gather(first, *rest) == [[TWO.kid]] * 21
        assert publisher.fetches == 2

    async def test_strangers_share_fetches_too(
        self, web: WebKeys[KeySet], publisher: Publisher, clock: Clock
    ) -> None:
        await web.current(ONE.kid)
        clock.now_s += 1
        strangers = [asyncio.ensure_future(kids(web, f"../{n}")) for n in range(50)]
        for _ in range(3):
            await asyncio.sleep(0)
        clock.now_s += 1
        assert await asyncio.gather(*strangers) == [[ONE.kid]] * 50
        assert publisher.fetches == 2

    async def test_nobody_makes_it_ask_more_often(
        self, web: WebKeys[KeySet], publisher: Publisher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        monkeypatch.setattr(keys, "GAP_S", 5.0)
        monkeypatch.setattr(asyncio, "sleep", sleep)
        assert await kids(web, "first") == [ONE.kid]
        assert await kids(web, "second") == [ONE.kid]
        assert slept == [0.0, 5.0]
        assert publisher.fetches == 2

    async def test_a_tag_spares_the_document(
        self, web: WebKeys[KeySet], publisher: Publisher, clock: Clock
    ) -> None:
        await web.current(None)
        clock.now_s += 101
        assert await kids(web) == [ONE.kid]
        (_, none), (_, tag) = publisher.asked
        assert none is None
        assert tag is not None

    @pytest.mark.parametrize("broken", [500, 302, 404, 304, b"", b"<html>", b"[]", b'{"keys": 1}'])
    async def test_nonsense_changes_nothing_for_a_while(
        self, web: WebKeys[KeySet], publisher: Publisher, clock: Clock, broken: bytes | int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        await web.current(None)
        publisher.documents[KEYS] = broken
        publisher.headers = {"ETag": '"other"'}
        # Not modified is an answer only to who names what it is about; this one counts as one.
        lasts = broken == 304
        for passed in (50, 50):
            clock.now_s += passed
            assert await kids(web, "unknown") == [ONE.kid]
        clock.now_s += 1
        assert await kids(web, "unknown") == ([ONE.kid] if lasts else None)
        assert await kids(web, "unknown") == ([ONE.kid] if lasts else None)
        assert len(caplog.records) == (0 if lasts else 1)
        publisher.publish(ONE.jwk())
        clock.now_s += 1
        assert await kids(web, ONE.kid) == [ONE.kid]

    async def test_whatever_reading_them_raises_changes_nothing(
        self, publisher: Publisher, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails(data: bytes) -> KeySet:
            raise ZeroDivisionError(len(data))

        held = WebKeys(
            "them", published(publisher.url + KEYS, None), fails, max_stale_s=100, clock=clock
        )
        assert await kids(held) is None
        assert held.pause_s == keys.SHORTEST_S
        assert "ZeroDivisionError" in caplog.text

    async def test_not_modified_is_no_answer_to_who_has_nothing(
        self, web: WebKeys[KeySet], publisher: Publisher
    ) -> None:
        publisher.documents[KEYS] = 304
        assert await kids(web) is None

    async def test_what_they_say_counts_even_if_no_key_is_left(
        self, web: WebKeys[KeySet], publisher: Publisher, clock: Clock
    ) -> None:
        await web.current(None)
        publisher.publish()
        clock.now_s += 1
        assert await kids(web, "unknown") == []

    async def test_nobody_there_is_nobody_believed(self, clock: Clock) -> None:
        async with publishing() as gone:
            url = gone.url
        held = WebKeys("them", published(url, None), read, max_stale_s=100, clock=clock)
        assert await kids(held, "k") is None

    @pytest.mark.parametrize(
        ("told", "pause_s"),
        [
            ({}, 50.0),
            ({"Cache-Control": "public, max-age=40"}, 40.0),
            ({"Cache-Control": "max-age=40, must-revalidate"}, 40.0),
            ({"Cache-Control": "Max-Age=40"}, 40.0),
            ({"Cache-Control": "max-age=1"}, keys.SHORTEST_S),
            ({"Cache-Control": "max-age=0"}, keys.SHORTEST_S),
            ({"Cache-Control": "max-age=999999999"}, 50.0),
            ({"Cache-Control": "max-age=-1"}, 50.0),
            ({"Cache-Control": "s-max-age=40"}, 50.0),
        ],
    )
    async def test_is_followed_as_it_says(
        self, web: WebKeys[KeySet], publisher: Publisher, told: dict[str, str], pause_s: float
    ) -> None:
        publisher.headers = told
        await web.current(None)
        assert web.pause_s == pause_s

    async def test_is_followed_as_the_keys_say(self, publisher: Publisher, clock: Clock) -> None:
        def hinting(data: bytes) -> KeySet:
            return KeySet(read(data).keys, refresh_s=45)

        ask = published(publisher.url + KEYS, None)
        held = WebKeys("them", ask, hinting, max_stale_s=100, clock=clock)
        await held.current(None)
        assert held.pause_s == 45

    async def test_is_followed_in_the_background(
        self, web: WebKeys[KeySet], publisher: Publisher
    ) -> None:
        following = asyncio.ensure_future(web.keep_up())
        await publisher.fetched(1)
        assert await kids(web, ONE.kid) == [ONE.kid]
        assert publisher.fetches == 1
        following.cancel()
        publisher.documents[KEYS] = 500
        web.pause_s = 0
        following = asyncio.ensure_future(web.keep_up())
        await publisher.fetched(2)
        assert not following.done()
        following.cancel()


class TestDiscovery:
    async def test_finds_the_keys(self, publisher: Publisher) -> None:
        first = await discovered(publisher.url, None)(None)
        assert first.document == jwks(ONE.jwk())
        assert [path for path, _ in publisher.asked] == [METADATA, KEYS]

    async def test_a_slash_at_the_end_is_part_of_the_name(self, publisher: Publisher) -> None:
        ask = discovered(f"{publisher.url}/", None)
        with pytest.raises(FetchError, match="another issuer"):
            await ask(None)
        publisher.say(METADATA, {"issuer": f"{publisher.url}/", "jwks_uri": publisher.url + KEYS})
        assert (await ask(None)).document is not None

    async def test_a_tag_is_that_of_one_url(self, publisher: Publisher) -> None:
        ask = discovered(publisher.url, None)
        first = await ask(None)
        assert await ask(first.tag) == Published(None, first.tag)
        publisher.documents["/new"] = publisher.documents[KEYS]
        publisher.say(METADATA, {"issuer": publisher.url, "jwks_uri": f"{publisher.url}/new"})
        assert (await ask(first.tag)).document is not None

    @pytest.mark.parametrize(
        "metadata",
        [
            500,
            b"",
            b"[]",
            {"issuer": "https://attacker.example"},
            {"issuer": "{url}/", "jwks_uri": "{url}/keys"},
            {"issuer": "{url}"},
            {"issuer": "{url}", "jwks_uri": 1},
            {"issuer": "{url}", "jwks_uri": "http://keys.example/keys"},
            {"issuer": "{url}", "jwks_uri": "https://keys.example/keys"},
            {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
            {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"},
        ],
    )
    async def test_metadata_that_is_not_this_issuers(
        self, publisher: Publisher, metadata: bytes | int | dict[str, Any]
    ) -> None:
        if isinstance(metadata, dict):
            metadata = orjson.dumps(metadata).replace(b"{url}", publisher.url.encode())
        publisher.documents[METADATA] = metadata
        with pytest.raises(FetchError):
            await discovered(publisher.url, None)(None)
        assert publisher.fetches == 0


async def test_where_keys_are_decides_how_they_are_had(
    tmp_path: Path, publisher: Publisher
) -> None:
    here = JwksRef(jwks=publisher.url + KEYS)
    assert isinstance(source(tmp_path, here, here.jwks, read), WebKeys)
    assert await kids(signing_keys(tmp_path, here)) == [ONE.kid]
    secure = JwksRef(jwks=publisher.url.replace("http:", "https:"), ca="absent.pem")
    assert await kids(signing_keys(tmp_path, secure)) is None


def shown(held: Held, directory: Path) -> ssl.SSLContext:
    """How a server shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*held.write(directory, "server"))
    return context


async def test_keys_come_from_who_is_certified_to_have_them(tmp_path: Path) -> None:
    ours, others = Authority("crm.example"), Authority("crm.example")
    elsewhere = ours.svid("spiffe://crm.example/x", names=[x509.DNSName("elsewhere.example")])
    async with publishing(shown(elsewhere, tmp_path)) as publisher:
        publisher.publish(ONE.jwk())
        ours.write(tmp_path, "ours")
        held = signing_keys(tmp_path, JwksRef(jwks=publisher.url + KEYS, ca="ours.pem"))
        assert await kids(held) is None
    for name, one in (("ours", ours), ("others", others)):
        one.write(tmp_path, name)
    async with publishing(shown(ours.server(), tmp_path)) as publisher:
        publisher.publish(ONE.jwk())
        url = publisher.url + KEYS
        assert await kids(signing_keys(tmp_path, JwksRef(jwks=url, ca="ours.pem"))) == [ONE.kid]
        for ca in (None, "others.pem", "absent.pem"):
            assert await kids(signing_keys(tmp_path, JwksRef(jwks=url, ca=ca))) is None
        # Neither by discovery, nor where the metadata leads.
        publisher.say(METADATA, {"issuer": publisher.url, "jwks_uri": url.replace("https", "http")})
        with pytest.raises(FetchError, match="not at an https URL"):
            await discovered(publisher.url, tmp_path / "ours.pem")(None)
        with pytest.raises(FetchError):
            await discovered(publisher.url, tmp_path / "others.pem")(None)


def test_ages_are_measured_on_a_clock_that_nobody_sets() -> None:
    assert 0 < keys.elapsed_s() <= keys.elapsed_s()
