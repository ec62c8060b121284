from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from safeconduct.identity import x509 as identity_x509
from safeconduct.identity.bundles import Bundle, read_bundle
from safeconduct.identity.keys import KeyFile
from safeconduct.identity.x509 import MAX_CERTIFICATES, Authorities, Certificates
from safeconduct.kit.certificate import Certificate
from safeconduct.kit.jwk import KeySet
from safeconduct.ports import Unauthenticated
from tests.support.certificates import NOW, Authority, Held, usage

ID = "spiffe://crm.example/agents/copilot"
NOW_MS = int(NOW.timestamp()) * 1000

HOME, OTHER = Authority("crm.example"), Authority("other.example")


def bundle(path: Path, data: bytes) -> KeyFile[Bundle]:
    path.write_bytes(data)
    return KeyFile(path, read_bundle(lambda _: KeySet({})), max_stale_s=60)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(
        {one.domain: bundle(tmp_path / one.domain, one.bundle()) for one in (HOME, OTHER)}
    )


async def test_a_certificate_names_its_agent(certificates: Certificates) -> None:
    held = HOME.svid(ID)
    workload = await certificates.verify(held.shown, NOW_MS)
    assert (workload.id, workload.attested_ms) == (ID, NOW_MS - 3_600_000)


async def test_each_certificate_is_told_from_every_other(certificates: Certificates) -> None:
    one, two = [await certificates.verify(HOME.svid(ID).shown, NOW_MS) for _ in range(2)]
    assert one.digest != two.digest


async def test_an_authority_may_have_another_below_it(certificates: Certificates) -> None:
    below = Authority("crm.example", by=Authority("crm.example", by=HOME))
    held = below.svid(ID)
    assert len(held.shown.chain) == 3
    assert (await certificates.verify(held.shown, NOW_MS)).id == ID


async def test_what_the_specification_leaves_open_may_be_there_or_not(
    certificates: Certificates,
) -> None:
    held = HOME.svid(ID, ca=None, extended=None, names=[x509.DNSName("copilot.example")])
    assert (await certificates.verify(held.shown, NOW_MS)).id == ID


def signed_by_a_workload() -> Held:
    workload = HOME.svid(ID)
    forger = Authority("crm.example", name=workload.x509.subject)
    forger.key, forger.between = workload.key, (workload.der,)
    return forger.svid(f"{ID}-2")


REFUSED: dict[str, Callable[[], Held]] = {
    "two URIs": lambda: HOME.svid(ID, f"{ID}-2"),
    "no URI": lambda: HOME.svid(names=[x509.DNSName("crm.example")]),
    "no name": HOME.svid,
    "no path": lambda: HOME.svid("spiffe://crm.example"),
    "no SPIFFE ID": lambda: HOME.svid("https://crm.example/agents/copilot"),
    "not one spelling": lambda: HOME.svid("spiffe://crm.example/agents/../copilot"),
    "too long": lambda: HOME.svid("spiffe://crm.example/" + "a" * 2048),
    "an authority": lambda: HOME.svid(ID, ca=True),
    "signs certificates": lambda: HOME.svid(ID, use=usage(signs=True, certifies=True)),
    "signs revocations": lambda: HOME.svid(ID, use=usage(signs=True, revokes=True)),
    "signs nothing": lambda: HOME.svid(ID, use=usage()),
    "for servers alone": lambda: HOME.svid(ID, extended=[ExtendedKeyUsageOID.SERVER_AUTH]),
    "expired": lambda: HOME.svid(ID, ends=timedelta(seconds=-1)),
    "not yet valid": lambda: HOME.svid(ID, begins=timedelta(seconds=1)),
    "signed by another domain": lambda: OTHER.svid(ID),
    "of a domain that nobody believes": lambda: HOME.svid("spiffe://third.example/agents/copilot"),
    "signed by itself in our authority's name": lambda: Authority(
        "crm.example", name=HOME.x509.subject
    ).svid(ID),
    "signed by one whose key may not": lambda: Authority(
        "crm.example", by=HOME, use=usage(signs=True)
    ).svid(ID),
    "signed by a workload": signed_by_a_workload,
    "a chain too long": lambda: deep(MAX_CERTIFICATES),
}


def deep(authorities: int) -> Held:
    last = HOME
    for _ in range(authorities):
        last = Authority("crm.example", by=last)
    return last.svid(ID)


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
async def test_a_certificate_that_is_not_an_svid_of_its_domain_is_nobodys(
    certificates: Certificates, make: Callable[[], Held]
) -> None:
    with pytest.raises(Unauthenticated, match="The client certificate is not valid here"):
        await certificates.verify(make().shown, NOW_MS)


async def test_what_is_no_certificate_is_nobodys(certificates: Certificates) -> None:
    good = HOME.svid(ID).shown
    broken = Certificate(
        chain=(*good.chain, b"junk"),
        thumbprint=good.thumbprint,
        from_ms=good.from_ms,
        until_ms=good.until_ms,
    )
    with pytest.raises(Unauthenticated):
        await certificates.verify(broken, NOW_MS)


async def test_the_operator_learns_why(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with pytest.raises(Unauthenticated):
        await certificates.verify(HOME.svid(ID, ca=True).shown, NOW_MS)
    assert "an authority where a workload should be" in caplog.text


async def test_a_bundle_may_turn_over(tmp_path: Path) -> None:
    path, next_one = tmp_path / "bundle", Authority("crm.example")
    certificates = Certificates({"crm.example": bundle(path, HOME.bundle())})
    path.write_bytes(HOME.bundle(next_one))
    for held in (HOME.svid(ID), next_one.svid(ID)):
        assert (await certificates.verify(held.shown, NOW_MS)).id == ID
    path.write_bytes(next_one.bundle())
    with pytest.raises(Unauthenticated):
        await certificates.verify(HOME.svid(ID).shown, NOW_MS)


@pytest.mark.parametrize("content", [b'{"keys": []}'])
async def test_a_bundle_without_authorities_makes_nobody(tmp_path: Path, content: bytes) -> None:
    certificates = Certificates({"crm.example": bundle(tmp_path / "bundle", content)})
    with pytest.raises(Unauthenticated):
        await certificates.verify(HOME.svid(ID).shown, NOW_MS)


class Switched:
    """Keys that a test changes."""

    def __init__(self, *held: Authority) -> None:
        self.bundle: Bundle | None = Bundle({}, x509=tuple(one.x509 for one in held))
        self.asked = asyncio.Event()

    async def current(self, kid: str | None) -> Bundle | None:
        assert kid is None
        self.asked.set()
        return self.bundle

    async def keep_up(self) -> None:
        raise AssertionError


class Silent(Switched):
    """Keys of a server that does not answer."""

    async def current(self, kid: str | None) -> Bundle | None:
        await asyncio.Event().wait()
        raise AssertionError


async def test_handshakes_know_the_authorities_of_all_domains_as_they_are_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identity_x509, "LOOK_S", 0.0)
    home, other = Switched(HOME), Switched(OTHER)
    authorities = Authorities({"a": home, "b": other, "c": Silent()})
    assert authorities.current() == frozenset()
    following = asyncio.create_task(authorities.keep_up())
    for bundle, known in [
        (home.bundle, {HOME.der, OTHER.der}),
        (Bundle({}), {OTHER.der}),
        (None, {OTHER.der}),
    ]:
        home.bundle = bundle
        for _ in range(2):  # the second look begins when the first is over
            home.asked.clear()
            await home.asked.wait()
        await asyncio.sleep(0)
        assert authorities.current() == known
    following.cancel()
