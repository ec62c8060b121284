from __future__ import annotations

from typing import Any

import pytest

from safeconduct.config.users import UserEntry
from safeconduct.delegation.signals import (
    FUTURE_MS,
    Receiver,
    Signal,
    Signals,
    Transmitter,
    known,
)
from safeconduct.kit import jose
from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.ports import LedgerFault, SignalRefused, SignalUnjudged

NOW_MS = 1_800_000_000_000
NOW_S = NOW_MS // 1000
IDP = "https://idp.example"
US = "https://gateway.example"
JANE = "jane@crm.example"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
SSF = "https://schemas.openid.net/secevent/ssf/event-type/"
KEY = PrivateKey.generate()
ABOUT_JANE = {"format": "iss_sub", "iss": IDP, "sub": JANE}


@pytest.fixture
def receiver() -> Receiver:
    return receives(KeySet({KEY.public.kid: KEY.public}))


def receives(keys: KeySet | None) -> Receiver:
    return Receiver(transmitter(keys))


def transmitter(keys: KeySet | None) -> Transmitter:
    async def current(kid: str | None) -> KeySet | None:
        assert isinstance(kid, str)
        return keys

    return Transmitter(name="idp", issuer=IDP, audience=US, users=IDP, keys=current)


def signal(
    kind: str = "session-revoked",
    event: dict[str, Any] | None = None,
    *,
    key: PrivateKey = KEY,
    typ: str = "secevent+jwt",
    **claims: Any,
) -> str:
    said: dict[str, Any] = {
        "iss": IDP,
        "aud": US,
        "iat": NOW_S - 10,
        "jti": "e-1",
        "sub_id": ABOUT_JANE,
        "events": {kind if kind.startswith("https:") else f"{CAEP}{kind}": event or {}},
        **claims,
    }
    return jose.sign({name: v for name, v in said.items() if v is not None}, key, typ)


class TestWhatEnds:
    @pytest.mark.parametrize(
        ("kind", "event"),
        [
            ("session-revoked", {}),
            ("session-revoked", {"event_timestamp": NOW_S + 10**6, "reason_admin": {"en": "x"}}),
            ("token-claims-change", {"claims": {"role": "none"}}),
            ("credential-change", {"credential_type": "fido2-roaming", "change_type": "create"}),
            ("credential-change", {"credential_type": "password", "change_type": "revoke"}),
            ("assurance-level-change", {"change_direction": "decrease"}),
            ("assurance-level-change", {"current_level": "nist-aal1"}),
            (
                "device-compliance-change",
                {"previous_status": "compliant", "current_status": "not-compliant"},
            ),
            ("device-compliance-change", {"current_status": 1}),
            ("risk-level-change", {"current_level": "HIGH", "principal": "USER"}),
            ("risk-level-change", {}),
        ],
    )
    async def test_whatever_may_be_worse(
        self, receiver: Receiver, kind: str, event: dict[str, Any]
    ) -> None:
        told = await receiver.read(signal(kind, event), NOW_MS)
        assert (told.event, told.user, told.users) == (kind, JANE, IDP)
        assert told.before_ms == NOW_MS - 10_000 + 999

    @pytest.mark.parametrize(
        ("kind", "event"),
        [
            ("assurance-level-change", {"change_direction": "increase"}),
            ("device-compliance-change", {"current_status": "compliant"}),
            ("risk-level-change", {"current_level": "LOW"}),
            ("session-established", {}),
            (f"{SSF}verification", {"state": "x"}),
            (f"{SSF}stream-updated", {"status": "paused"}),
            ("https://example.com/something-else", {}),
        ],
    )
    async def test_what_is_better_or_unknown_does_not(
        self, receiver: Receiver, kind: str, event: dict[str, Any]
    ) -> None:
        assert (await receiver.read(signal(kind, event), NOW_MS)).before_ms is None

    async def test_a_little_from_the_future_ends_what_is_now(self, receiver: Receiver) -> None:
        told = await receiver.read(signal(iat=NOW_S + FUTURE_MS // 1000), NOW_MS)
        assert told.before_ms == NOW_MS

    async def test_an_exp_counts_for_nothing(self, receiver: Receiver) -> None:
        assert (await receiver.read(signal(exp=1), NOW_MS)).before_ms is not None


class TestSubjects:
    @pytest.mark.parametrize(
        "about",
        [
            ABOUT_JANE,
            {"format": "email", "email": JANE},
            {"format": "opaque", "id": JANE},
            {"format": "complex", "user": ABOUT_JANE, "device": {"format": "opaque", "id": "d"}},
            {"format": "aliases", "identifiers": [{"format": "phone_number"}, ABOUT_JANE]},
        ],
    )
    async def test_that_name_a_user(self, receiver: Receiver, about: dict[str, Any]) -> None:
        assert (await receiver.read(signal(sub_id=about), NOW_MS)).user == JANE

    async def test_in_the_event_as_before_the_final_version(self, receiver: Receiver) -> None:
        token = signal(event={"subject": ABOUT_JANE}, sub_id=None)
        assert (await receiver.read(token, NOW_MS)).user == JANE

    @pytest.mark.parametrize(
        "about",
        [
            None,
            {},
            {"format": "iss_sub", "iss": "https://other.example", "sub": JANE},
            {"format": "iss_sub", "iss": IDP},
            {"format": "email", "email": ["a"]},
            {"format": "opaque", "id": ""},
            {"format": "complex", "session": {"format": "opaque", "id": "s"}},
            {"format": "aliases", "identifiers": "x"},
            {"format": "aliases", "identifiers": []},
            {"format": ["iss_sub"]},
            {"format": "opaque", "id": "x" * 2049},
        ],
    )
    async def test_that_name_nobody_end_nothing(self, receiver: Receiver, about: Any) -> None:
        with pytest.raises(SignalRefused) as refused:
            await receiver.read(signal(sub_id=about), NOW_MS)
        assert refused.value.code == "invalid_request"
        assert (
            await receiver.read(signal(f"{SSF}verification", sub_id=about), NOW_MS)
        ).user is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("token", "code"),
        [
            ("garbage", "invalid_request"),
            ("a.b.c", "invalid_request"),
            (signal(iss="https://evil.example"), "invalid_issuer"),
            (signal(iss=7), "invalid_issuer"),
            (signal(key=PrivateKey.generate()), "invalid_key"),
            (signal(typ="JWT"), "invalid_key"),
            (signal(typ="at+jwt"), "invalid_key"),
            (signal(aud="https://other.example"), "invalid_audience"),
            (signal(aud=[]), "invalid_audience"),
            (signal(iat=NOW_S + 60), "invalid_request"),
            (signal(events={}), "invalid_request"),
            (signal(events={f"{CAEP}session-revoked": {}, "x": {}}), "invalid_request"),
            (signal(events={f"{CAEP}session-revoked": 1}), "invalid_key"),
            (signal(jti=""), "invalid_key"),
            (signal(sub_id="jane"), "invalid_key"),
        ],
    )
    async def test_what_is_no_signal_for_us(
        self, receiver: Receiver, token: str, code: str
    ) -> None:
        with pytest.raises(SignalRefused) as refused:
            await receiver.read(token, NOW_MS)
        assert refused.value.code == code

    async def test_without_keys_nothing_is_believed_and_nothing_lost(self) -> None:
        with pytest.raises(SignalUnjudged):
            await receives(None).read(signal(), NOW_MS)


class TestSignals:
    def test_know_a_user_by_what_the_issuer_or_the_configuration_calls_them(self) -> None:
        entries = {
            JANE: UserEntry(scopes=(), subject="u-1"),
            "joe": UserEntry(scopes=(), issuer="https://other.example"),
            "u-2": UserEntry(scopes=()),
            "eve": UserEntry(scopes=(), subject="u-2"),
        }
        assert known(entries, IDP) == {
            (IDP, "u-1"): JANE,
            (IDP, JANE): JANE,
            ("https://other.example", "joe"): "joe",
            (IDP, "u-2"): "eve",
            (IDP, "eve"): "eve",
        }

    async def test_end_what_they_say_of_users_who_are_known_here(self) -> None:
        ended: list[tuple[str, str, int | None]] = []

        async def end(told: Signal, user: str) -> None:
            ended.append((told.transmitter, user, told.before_ms))

        keys = KeySet({KEY.public.kid: KEY.public})
        users = {(IDP, JANE): "jane", ("https://other.example", "joe@crm.example"): "joe"}
        signals = Signals(transmitter(keys), users, end, lambda: NOW_MS)
        await signals.take(signal())
        await signals.take(signal(sub_id={"format": "email", "email": "joe@crm.example"}))
        await signals.take(signal(f"{SSF}verification", {"state": "x"}))
        assert ended == [("idp", "jane", NOW_MS - 10_000 + 999)]
        with pytest.raises(SignalRefused):
            await signals.take("garbage")

    async def test_are_told_again_when_nothing_could_be_recorded(self) -> None:
        async def end(*_: object) -> None:
            raise LedgerFault("full")

        keys = KeySet({KEY.public.kid: KEY.public})
        signals = Signals(transmitter(keys), {(IDP, JANE): "jane"}, end, lambda: NOW_MS)
        with pytest.raises(LedgerFault):
            await signals.take(signal())
