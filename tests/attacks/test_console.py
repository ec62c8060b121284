"""What must not become a yes at the console, and what must not be seen there."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.approvals.desk import CHALLENGE_MS
from safeconduct.console.sessions import IDLE_MS, LATELY_MS, LONGEST_MS
from safeconduct.console.visible import written
from safeconduct.kit.jwk import encode
from tests.support.authenticator import Authenticator
from tests.support.consoling import BOT, DEAL, KIM, LEE, TENANT, URL, Browser, House, Page, no, yes
from tests.support.worlds import USER

EVIL = "https://evil.example"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


async def signed(
    house: House, browser: Browser, question: str, key: Authenticator
) -> dict[str, str]:
    """The form that would say yes, signed and not sent."""
    csrf = (await browser.get(f"/approvals/{question}")).csrf
    form = {"csrf": csrf, "choice": "granted", "means": "passkey", "response": ""}
    asked = (await browser.post(f"/approvals/{question}/options", form)).json
    key.count += 1
    return form | {"response": json.dumps(key.sign(asked["publicKey"]))}


async def new_key(browser: Browser, csrf: str, label: str) -> dict[str, str]:
    """The form that would register a new passkey, not sent."""
    asked = (await browser.post("/keys/options", {"csrf": csrf})).json
    made = Authenticator(URL, "localhost").register(asked["publicKey"])
    form = {"csrf": csrf, "ceremony": asked["ceremony"], "label": label}
    return form | {"response": json.dumps(made)}


async def try_key(house: House, key: Authenticator) -> tuple[Browser, Page]:
    """A browser of whoever has this passkey, and what they get."""
    browser = house.browser()
    asked = (await browser.post("/sign-in/options")).json
    key.count += 1
    response = json.dumps(key.sign(asked["publicKey"]))
    form = {"ceremony": asked["ceremony"], "response": response}
    return browser, await browser.post("/sign-in/passkey", form)


async def with_key(house: House, key: Authenticator) -> Browser:
    """A browser of whoever has this passkey, signed in."""
    browser, page = await try_key(house, key)
    assert page.status == 303
    return browser


def answers(house: House) -> list[str]:
    """What became of the questions."""
    return [kind for kind in house.phases if kind != "requested"]


class TestOtherPages:
    """Somebody lures a person who is signed in."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": EVIL},
            {"origin": "null"},
            {"origin": "http://localhost:8791"},
            {"origin": URL, "sec_fetch_site": "cross-site"},
            {"origin": "", "sec_fetch_site": "same-site"},
            {"origin": "", "sec_fetch_site": ""},
        ],
    )
    async def test_a_form_of_another_page_says_nothing(
        self, house: House, headers: dict[str, str]
    ) -> None:
        jane = await house.signed_in(USER)
        question = await house.asked()
        csrf = (await jane.get(f"/approvals/{question.id}")).csrf
        form = {"csrf": csrf, "choice": "denied"}
        for path in (f"/approvals/{question.id}", "/sign-out", "/keys/remove", "/sign-in/passkey"):
            assert (await jane.post(path, form, **headers)).status == 403
        assert answers(house) == []
        assert (await jane.get("/")).status == 200

    @pytest.mark.parametrize("token", ["", "x", "é"])
    async def test_a_form_without_the_session_s_token_says_nothing(
        self, house: House, token: str
    ) -> None:
        jane, lee = await house.signed_in(USER), await house.signed_in(LEE)
        question = await house.asked()
        for csrf in (token, (await lee.get("/keys")).csrf):
            form = {"csrf": csrf, "choice": "denied"}
            assert (await jane.post(f"/approvals/{question.id}", form)).status == 403
        assert answers(house) == []

    async def test_what_a_link_says_counts_for_nothing(self, house: House) -> None:
        jane = await house.signed_in(USER)
        question = await house.asked()
        query = "choice=granted&means=passkey&said=ok&csrf=x"
        page = await jane.get(f"/approvals/{question.id}?{query}")
        assert page.status == 200
        assert answers(house) == []
        assert (await jane.ask("PUT", f"/approvals/{question.id}")).status == 405

    async def test_no_page_stands_in_a_frame_or_runs_what_is_not_ours(self, house: House) -> None:
        jane = await house.signed_in(USER)
        question = await house.asked()
        paths = ("/", f"/approvals/{question.id}", "/keys", "/sign-in", "/nothing", "/enrol/x")
        for page in [await jane.get(path) for path in paths]:
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert page.headers["x-frame-options"] == "DENY"
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["x-content-type-options"] == "nosniff"
            assert page.headers["cross-origin-opener-policy"] == "same-origin"
            assert page.headers["cross-origin-resource-policy"] == "same-origin"
            assert "<script>" not in page.text
            assert " style=" not in page.text
            assert " onclick" not in page.text

    @pytest.mark.parametrize(
        "to",
        [EVIL, "//evil.example", "/\\evil.example", "/keys/../x", "javascript:alert(1)", "/x"],
    )
    async def test_nobody_is_sent_elsewhere_after_signing_in(self, house: House, to: str) -> None:
        jane = house.browser()
        assert f'value="{to}"' not in (await jane.get(f"/sign-in?to={to}")).text
        await jane.get(f"/sign-in/issuer?to={to}")
        page = await jane.get(f"/signed-in?code=c&state={house.issuer.asked[-1]['state']}")
        assert (page.status, page.to) == (303, "/")

    async def test_another_name_for_this_address_leads_nowhere(self, house: House) -> None:
        jane = await house.signed_in(USER)
        page = await jane.get("/", host="evil.example:8790")
        assert (page.status, "jane" in page.text) == (421, False)


class TestSessions:
    async def test_a_planted_session_is_nobody_s_after_the_sign_in(self, house: House) -> None:
        mallory = await house.signed_in(LEE)
        victim = house.browser()
        victim.cookies = dict(mallory.cookies)
        house.issuer.user = USER
        await victim.get("/sign-in/issuer")
        await victim.get(f"/signed-in?code=c&state={house.issuer.asked[-1]['state']}")
        assert USER in (await victim.get("/keys")).text
        # What was planted is over, for whoever planted it too.
        assert (await mallory.get("/keys")).status == 303

    async def test_a_stolen_cookie_is_good_for_nothing_after_the_sign_out(
        self, house: House
    ) -> None:
        jane, thief = await house.signed_in(USER), house.browser()
        thief.cookies = dict(jane.cookies)
        csrf = (await jane.get("/keys")).csrf
        assert (await jane.post("/sign-out", {"csrf": csrf})).to == "/sign-in"
        for browser in (jane, thief):
            assert (await browser.get("/")).to == "/sign-in?to=/"

    async def test_the_cookie_is_out_of_reach_of_scripts_and_bound_to_the_host(
        self, tmp_path: Path
    ) -> None:
        house = House(tmp_path, url="https://console.example")
        async with house.task:
            jane = house.browser()
            await jane.get("/sign-in/issuer")
            page = await jane.get(f"/signed-in?code=c&state={house.issuer.asked[-1]['state']}")
        (kept,) = [one for one in page.cookies if "session=" in one]
        assert kept.startswith("__Host-safeconduct-console-session=")
        flags = {flag.strip().lower() for flag in kept.split(";")[1:]}
        assert flags == {"httponly", "path=/", "samesite=lax", "secure"}
        assert page.headers["strict-transport-security"] == "max-age=31536000"

    async def test_a_session_that_is_not_used_ends(self, house: House) -> None:
        jane = await house.signed_in(USER)
        house.now_ms += IDLE_MS - 1
        assert (await jane.get("/")).status == 200
        house.now_ms += IDLE_MS
        assert (await jane.get("/")).status == 303

    async def test_a_session_that_is_always_used_ends_too(self, house: House) -> None:
        jane = await house.signed_in(USER)
        end_ms = house.now_ms + LONGEST_MS
        while house.now_ms < end_ms:
            assert (await jane.get("/")).status == 200
            house.now_ms += IDLE_MS // 2
        assert (await jane.get("/")).status == 303

    async def test_what_a_page_asks_by_itself_keeps_no_session_alive(self, house: House) -> None:
        jane = await house.signed_in(USER)
        house.now_ms += IDLE_MS - 1
        assert (await jane.get("/waiting")).json == {"waiting": 0}
        house.now_ms += 1
        assert (await jane.get("/waiting", accept="application/json")).status == 401

    async def test_revoked_or_signed_out_elsewhere_is_signed_out_here(self, house: House) -> None:
        jane, lee = await house.signed_in(USER), await house.signed_in(LEE)
        await house.rooms.revoke("user", USER, "uid:0")
        assert (await jane.get("/")).status == 303
        await house.rooms.sign_out(LEE, house.now_ms, "signals")
        assert (await lee.get("/")).status == 303
        house.issuer.user = USER
        await jane.get("/sign-in/issuer")
        page = await jane.get(f"/signed-in?code=c&state={house.issuer.asked[-1]['state']}")
        assert page.status == 403

    @pytest.mark.parametrize(
        ("user", "says"),
        [
            ("eve@crm.example", {}),
            (BOT, {}),
            (USER, {"tenant": "other.example"}),
        ],
    )
    async def test_who_is_not_a_person_of_here_does_not_sign_in(
        self, house: House, user: str, says: dict[str, Any]
    ) -> None:
        house.issuer.user, house.issuer.says = user, says
        browser = house.browser()
        await browser.get("/sign-in/issuer")
        page = await browser.get(f"/signed-in?code=c&state={house.issuer.asked[-1]['state']}")
        assert page.status == 403
        assert (await browser.get("/")).status == 303

    async def test_a_sign_in_that_began_in_another_browser_ends_there(self, house: House) -> None:
        mallory, victim = house.browser(), house.browser()
        await mallory.get("/sign-in/issuer")
        link = f"/signed-in?code=c&state={house.issuer.asked[-1]['state']}"
        assert (await victim.get(link)).status == 400
        assert (await victim.get("/signed-in?code=c&code=d&state=state-0")).status == 404
        assert (await victim.get("/signed-in?code=c")).status == 400
        assert (await victim.get("/")).status == 303


class TestOthers:
    async def test_nobody_sees_or_answers_what_others_are_asked(self, house: House) -> None:
        jane, lee = await house.signed_in(USER), await house.signed_in(LEE, "/keys")
        key = await house.key(lee)
        question = await house.asked()
        page = await lee.get(f"/approvals/{question.id}")
        nothing = await lee.get("/approvals/a_000000000000000000000000")
        assert (page.status, page.text) == (nothing.status, nothing.text) == (404, page.text)
        assert question.id not in (await lee.get("/")).text
        form = {"csrf": (await lee.get("/keys")).csrf, "choice": "denied"}
        assert (await lee.post(f"/approvals/{question.id}", form)).status == 404
        form |= {"choice": "granted", "means": "passkey"}
        assert (await lee.post(f"/approvals/{question.id}/options", form)).status == 404
        assert key.count == 0
        assert answers(house) == []
        assert (await jane.get(f"/approvals/{question.id}")).status == 200

    async def test_nobody_approves_for_others_what_is_done_for_themselves(
        self, tmp_path: Path
    ) -> None:
        group = {"users": [USER, LEE]}
        house = House(
            tmp_path,
            approvals={"groups": {"desk": group}, "templates": {"scope": {"ask": "desk"}}},
        )
        async with house.task:
            jane = await house.signed_in(USER, "/keys")
            key = await house.key(jane)
            question = await house.asked()
            page = await jane.get(f"/approvals/{question.id}")
            assert "This is done for you, and others have to say yes to it." in page.text
            assert 'class="yes"' not in page.text
            csrf = (await jane.get("/keys")).csrf
            for choice in ("granted", "denied"):
                form = {"csrf": csrf, "choice": choice, "means": "passkey", "response": "{}"}
                assert (await jane.post(f"/approvals/{question.id}", form)).status == 403
            assert key.count == 0
            assert answers(house) == []

    async def test_groups_that_the_issuer_names_make_nobody_an_approver(
        self, tmp_path: Path
    ) -> None:
        house = House(tmp_path, approvals={"templates": {"scope": {"ask": "desk"}}})
        async with house.task:
            house.issuer.says = {"groups": ("refunds",)}
            tom, kim = await house.signed_in(USER), await house.signed_in(KIM)
            question = await house.asked()
            assert question.id in (await kim.get("/")).text
            assert 'class="yes"' not in (await tom.get(f"/approvals/{question.id}")).text

    async def test_another_tenant_s_question_is_nobody_s(self, house: House) -> None:
        jane = await house.signed_in(USER)
        question = await house.asked()
        question.shown["tenant"] = "other.example"
        assert (await jane.get(f"/approvals/{question.id}")).status == 404
        assert (await jane.get("/waiting")).json == {"waiting": 0}
        question.shown["tenant"] = TENANT


class TestSignatures:
    async def test_a_yes_is_used_once(self, house: House) -> None:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        question = await house.asked()
        form = await signed(house, jane, question.id, key)
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 303
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 404
        other = await house.asked({**DEAL, "amount_minor": 901})
        assert (await jane.post(f"/approvals/{other.id}", form)).status == 403
        assert answers(house) == ["granted"]

    @pytest.mark.parametrize(
        ("spoiled", "value"),
        [
            ("origin", EVIL),
            ("origin", "http://localhost:8791"),
            ("rp_id", "evil.example"),
            ("cross_origin", True),
            ("verified", False),
        ],
    )
    async def test_what_was_not_signed_here_by_the_user_is_no_yes(
        self, house: House, spoiled: str, value: object
    ) -> None:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        question = await house.asked()
        setattr(key, spoiled, value)
        form = await signed(house, jane, question.id, key)
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 403
        assert answers(house) == []

    async def test_another_key_s_signature_is_no_yes(self, house: House) -> None:
        jane, lee = await house.signed_in(USER, "/keys"), await house.signed_in(LEE, "/keys")
        mine, other = await house.key(jane), await house.key(lee)
        question = await house.asked()
        assert (await yes(jane, question.id, other)).status == 403
        forged = Authenticator(URL, "localhost")
        forged.id = mine.id
        assert (await yes(jane, question.id, forged)).status == 403
        for response in ("", "{}", "[]", "null", '{"id":1}', "x" * 60_000):
            csrf = (await jane.get(f"/approvals/{question.id}")).csrf
            form = {"csrf": csrf, "choice": "granted", "means": "passkey", "response": response}
            assert (await jane.post(f"/approvals/{question.id}", form)).status in {400, 403}
        assert answers(house) == []

    async def test_what_was_signed_for_one_answer_is_no_other(self, house: House) -> None:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        question = await house.asked()
        form = await signed(house, jane, question.id, key)
        less = form | {"choice": "narrowed", "less.amount_minor": "1"}
        assert (await jane.post(f"/approvals/{question.id}", less)).status == 403
        # The challenge is spent.
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 403
        assert answers(house) == []

    async def test_a_yes_that_comes_too_late_is_none(self, house: House) -> None:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        question = await house.asked()
        form = await signed(house, jane, question.id, key)
        house.now_ms += CHALLENGE_MS
        page = await jane.post(f"/approvals/{question.id}", form)
        assert (page.status, page.said) == (403, "That took too long. Look at it again.")
        form = await signed(house, jane, question.id, key)
        house.now_ms = question.expires_ms
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 404
        assert answers(house) == []

    async def test_a_key_that_was_removed_or_whose_user_was_revoked_signs_nothing(
        self, house: House
    ) -> None:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        question = await house.asked()
        form = await signed(house, jane, question.id, key)
        csrf = (await jane.get("/keys")).csrf
        removed = await jane.post("/keys/remove", {"csrf": csrf, "credential": encode(key.id)})
        assert removed.status == 303
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 403
        await house.rooms.revoke("user", USER, "uid:0")
        assert (await jane.post(f"/approvals/{question.id}", form)).status == 401
        assert answers(house) == []


class TestKeys:
    async def test_an_old_session_changes_no_keys(self, house: House) -> None:
        jane = await house.signed_in(USER, "/keys")
        key = await house.key(jane)
        csrf = (await jane.get("/keys")).csrf
        house.now_ms += LATELY_MS + 1
        for path in ("/keys", "/keys/options", "/keys/remove"):
            form = {"csrf": csrf, "credential": encode(key.id)}
            assert (await jane.post(path, form)).status == 403
        assert "sign in again" in (await jane.get("/keys")).text
        assert len(house.rooms.state.passkeys(USER)) == 1

    async def test_the_sign_in_before_that_is_a_fresh_one(self, house: House) -> None:
        house.issuer.says = {"auth_time_s": house.now_ms // 1000 - 3600}
        jane = await house.signed_in(USER, "/keys")
        assert house.issuer.asked[-1]["max_age_s"] == LATELY_MS // 1000
        csrf = (await jane.get("/keys")).csrf
        assert (await jane.post("/keys/options", {"csrf": csrf})).status == 403

    async def test_nobody_removes_another_s_key(self, house: House) -> None:
        jane, lee = await house.signed_in(USER, "/keys"), await house.signed_in(LEE, "/keys")
        key = await house.key(jane)
        csrf = (await lee.get("/keys")).csrf
        form = {"csrf": csrf, "credential": encode(key.id)}
        assert (await lee.post("/keys/remove", form)).status == 403
        assert len(house.rooms.state.passkeys(USER)) == 1

    async def test_an_enrolment_link_is_good_for_one_key_and_nothing_else(
        self, house: House
    ) -> None:
        question = await house.asked()
        path = f"/enrol/{house.rooms.enrolments.make(USER, 'uid:0')}"
        browser = house.browser()
        # Looking at it spends nothing.
        assert (await browser.get(path)).status == (await browser.get(path)).status == 200
        assert (await browser.post(path)).to == "/keys"
        assert (await house.browser().post(path)).status == 403
        assert (await browser.get(f"/approvals/{question.id}")).status == 403
        form = {"csrf": (await browser.get("/keys")).csrf, "choice": "denied"}
        assert (await browser.post(f"/approvals/{question.id}", form)).status == 403
        await house.key(browser)
        assert (await browser.get("/keys")).status == 303
        (record,) = house.records("passkey")
        assert (record["user"], record["by"]) == (USER, "unsafe_enrolment:uid:0")
        assert answers(house) == []

    async def test_an_enrolment_link_removes_none_and_registers_one_of_many_at_once(
        self, house: House
    ) -> None:
        old = await house.key(await house.signed_in(USER, "/keys"), "old")
        browser = house.browser()
        await browser.post(f"/enrol/{house.rooms.enrolments.make(USER, 'uid:0')}")
        csrf = (await browser.get("/keys")).csrf
        removal = {"csrf": csrf, "credential": encode(old.id)}
        assert (await browser.post("/keys/remove", removal)).status == 403
        forms = [await new_key(browser, csrf, str(number)) for number in range(3)]
        pages = await asyncio.gather(*(browser.post("/keys", form) for form in forms))
        assert sorted(page.status for page in pages) == [303, 401, 401]
        labels = [one.label for one in house.rooms.state.passkeys(USER)]
        assert (labels[0], len(labels)) == ("old", 2)

    async def test_what_a_lost_key_opened_ends_with_it(self, house: House) -> None:
        jane = await house.signed_in(USER, "/keys")
        lost, kept = await house.key(jane, "lost"), await house.key(jane, "kept")
        thief, other = await with_key(house, lost), await with_key(house, kept)
        assert (await thief.get("/")).status == 200
        csrf = (await thief.get("/keys")).csrf
        removal = {"csrf": (await jane.get("/keys")).csrf, "credential": encode(lost.id)}
        assert (await jane.post("/keys/remove", removal)).status == 303
        assert (await thief.get("/")).to.startswith("/sign-in")
        assert (await thief.post("/keys/options", {"csrf": csrf})).status == 401
        assert (await other.get("/")).status == 200

    async def test_a_key_opens_nothing_once_the_issuer_ended_all_sign_ins(
        self, house: House
    ) -> None:
        key = await house.key(await house.signed_in(USER, "/keys"))
        house.now_ms += 1_000
        out = {"kind": "revocation", "what": "sign-in", "id": USER, "by": "issuer"}
        now = {"before_ms": house.now_ms, "at_ms": house.now_ms}
        await house.rooms.log.append({**out, **now})
        house.now_ms += 1_000
        assert "sign in there first" in (await try_key(house, key))[1].said
        await house.signed_in(USER)
        assert (await with_key(house, key)).cookies


HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><form action=//evil.example>',
    "' onfocus='alert(1)",
    "{{ 7*7 }}{% for x in (1).__class__ %}",
    "\u202egnp.exe\u2066\u200b\u00ad\U000e0041",
    "javascript:alert(1)",
    "\x1b[31m\r\n\x00",
)


class TestTexts:
    @pytest.mark.parametrize("text", HOSTILE)
    async def test_a_hostile_text_is_shown_and_does_nothing(
        self, tmp_path: Path, text: str
    ) -> None:
        house = House(tmp_path, resolvers={"crm.get_deal": lambda **_: {"amount_minor": text}})
        async with house.task:
            jane = await house.signed_in(USER, "/keys")
            key = await house.key(jane, text)
            plain = await house.asked()
            clean = (await jane.get(f"/approvals/{plain.id}")).text
            assert (await no(jane, plain.id)).status == 303
            question = await house.asked({"id": text, "amount_minor": 900, "next_step": text})
            for field in ("title", "agent", "purpose", "purpose_source", "tool"):
                question.shown[field] = text
            question.shown["templates"] = question.shown["requires"] = [text]
            question.shown["origins"] = {"id": [text], text: [text]}
            for path in ("/", f"/approvals/{question.id}", "/keys"):
                page = await jane.get(path)
                assert page.status == 200
                assert "<script>" not in page.text
                assert "<img" not in page.text
                assert not any(letter in page.text for letter in "\u202e\u2066\u200b\u00ad\x1b\x00")
            page = await jane.get(f"/approvals/{question.id}")
            read = html.unescape(re.sub("<[^>]*>", "", page.text))
            assert read.count(written(text)) >= 8
            assert page.text.count("<form") <= clean.count("<form")
            assert "onfocus='" not in page.text
            assert key.count == 0

    async def test_what_goes_wrong_repeats_nothing(self, house: House) -> None:
        jane = await house.signed_in(USER)
        page = await jane.get("/approvals/<script>alert(1)</script>")
        assert (page.status, "<script>" in page.text) == (404, False)


class TestTooMuch:
    async def test_bodies_forms_and_tries_are_bounded(self, house: House) -> None:
        jane = await house.signed_in(USER)
        assert (await jane.post("/sign-out", {"x": "y" * 70_000})).status == 413
        many = {str(number): "" for number in range(1001)}
        assert (await jane.post("/sign-in/passkey", many)).status == 400
        json_body = {"content_type": "application/json"}
        assert (await jane.post("/sign-out", {}, **json_body)).status == 415
        twice = await jane.ask(
            "POST",
            "/sign-in/passkey",
            b"ceremony=a&ceremony=b",
            {"origin": URL, "content-type": "application/x-www-form-urlencoded"},
        )
        assert twice.status == 400

    async def test_tries_to_sign_in_and_to_answer_are_bounded(self, house: House) -> None:
        jane = await house.signed_in(USER)
        question = await house.asked()
        form = {"csrf": (await jane.get(f"/approvals/{question.id}")).csrf, "choice": "perhaps"}
        statuses = [(await jane.post(f"/approvals/{question.id}", form)).status for _ in range(70)]
        assert (statuses[0], statuses[-1]) == (400, 429)
        path = "/signed-in?code=c&state="
        away = house.browser()
        await away.get("/sign-in/issuer")
        kept = dict(away.cookies)
        stranger = house.browser()
        for _ in range(70):
            assert (await stranger.get("/enrol/x")).status == 403
            assert (await stranger.get(f"{path}x")).status == 400
        tries = [(await house.browser().post("/sign-in/options")).status for _ in range(70)]
        assert (tries[0], tries[-1]) == (200, 429)
        # Whoever is signed in, and whoever comes back, is in nobody's way; nor is the other way in.
        assert (await jane.post("/sign-in/options")).status == 200
        assert (await house.browser().get("/sign-in/issuer")).status == 303
        issued = house.issuer.asked[-2]["state"]
        back: list[int] = []
        for _ in range(6):
            away.cookies = dict(kept)
            back.append((await away.get(f"{path}{issued}")).status)
        assert back == [303] * 5 + [429]
        house.now_ms += 60_000
        assert (await house.browser().post("/sign-in/options")).status == 200
