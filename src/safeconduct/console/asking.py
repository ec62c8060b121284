"""The inbox, and the page on which a person says yes or no to one question."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safeconduct.approvals.answers import MAX_SAID, Answer, Approver, Choice, NotYours
from safeconduct.approvals.desk import Desk, NoSuchQuestion
from safeconduct.approvals.passkeys import Passkeys
from safeconduct.approvals.questions import Question
from safeconduct.approvals.stepping import nonce
from safeconduct.config.approvals import StepUp
from safeconduct.console.narrowing import fields, smaller
from safeconduct.console.pages import INBOX, VISITING, Here, Pages, Registered, Way, go
from safeconduct.console.rates import Rates
from safeconduct.console.recent import Recent
from safeconduct.console.sessions import Step
from safeconduct.console.signing_in import answered
from safeconduct.console.view import CHOICES, title, view
from safeconduct.console.wrong import Wrong
from safeconduct.core.approvers import Means, Party
from safeconduct.ports import JSON, SignedIn, SignIn

PER_MINUTE: Final = 60
"""How often a minute one person may answer, or begin to."""

GONE: Final = "This does not wait for an answer any more, or it is not for you."

_YES: Final[Mapping[str, Choice]] = {
    "granted": "granted",
    "narrowed": "narrowed",
    "elevated": "elevated",
}
_MEANS: Final[tuple[Means, ...]] = ("passkey", "sign-in")


class AskingPages:
    """What waits for a yes."""

    def __init__(
        self,
        pages: Pages,
        desk: Desk,
        passkeys: Passkeys,
        registered: Registered,
        login: SignIn | None,
        step_up: StepUp | None,
    ) -> None:
        """`registered` are the passkeys of a user. With `login` and `step_up` a fresh sign-in can
        be a yes.
        """
        self._pages = pages
        self._desk = desk
        self._passkeys = passkeys
        self._registered = registered
        self._login = login
        self._step_up = step_up
        self._recent = Recent(pages.clock_ms)
        desk.settled.append(self._recent.note)
        self._rates = Rates(PER_MINUTE, pages.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        one = "/approvals/{approval}"
        return (
            Way("GET", INBOX, self.inbox),
            Way("GET", "/waiting", self.waiting),
            Way("GET", one, self.question),
            Way("POST", one, self.answer),
            Way("POST", f"{one}/options", self.options),
        )

    # --- looking ----------------------------------------------------------------------------------

    async def inbox(self, request: Request) -> Response:
        """What waits for this person, the oldest first, and what of theirs waits for others."""
        here = self._pages.require(request)
        pending = self._desk.pending()
        yours = [one for one in pending if self._desk.sees(here.approver, one)]
        others = [one for one in pending if one not in yours and _own(here.approver, one)]
        return self._pages.page(
            "inbox.html",
            here,
            at=INBOX,
            groups=_grouped(yours),
            waiting=len(yours),
            others=others,
            title=title,
            keyless=here.session.how != "visit" and not self._passkeys_of(here),
        )

    async def waiting(self, request: Request) -> Response:
        """How many questions wait; pages ask that by themselves, which keeps no session alive."""
        here = self._pages.require(request, active=False)
        pending = self._desk.pending()
        return JSONResponse(
            {"waiting": sum(self._desk.sees(here.approver, one) for one in pending)}
        )

    async def question(self, request: Request) -> Response:
        """Everything about one question."""
        here = self._pages.require(request)
        question = self._question(request, here)
        party, why = self._party(here, question)
        means = () if party is None else tuple(one for one in self._means() if one in party.means)
        offer = question.requirement.offers
        return self._pages.page(
            "question.html",
            here,
            question=question,
            view=view(question, self._pages.clock_ms()),
            own=_own(here.approver, question),
            party=party,
            why=why,
            deniable=here.session.how != "visit" and self._desk.sees(here.approver, question),
            means=means,
            keyless="passkey" in means and not self._passkeys_of(here),
            less=fields(question) if question.choice in (None, "narrowed") else None,
            offer=offer if question.choice in (None, "elevated") else None,
            code=self._desk.codes.get((question.id, here.approver.user)),
            once=question.choice in (None, "granted"),
            recent=self._recent.like(question, lambda one: self._seen(here.approver, one)),
            choices=CHOICES,
            max_said=MAX_SAID,
        )

    # --- answering --------------------------------------------------------------------------------

    async def options(self, request: Request) -> Response:
        """What the browser is asked so that a passkey signs this very answer."""
        here = self._answering(request)
        form = await self._pages.form(request, here)
        question = self._question(request, here)
        answer = _yes(question, form, "passkey")
        _, challenge = self._desk.challenge(question.id, here.approver, answer)
        return JSONResponse({"publicKey": self._passkeys.options(here.approver, challenge)})

    async def answer(self, request: Request) -> Response:
        """A person's answer: a no, a yes with what the passkey signed, or off to sign in again."""
        here = self._answering(request)
        form = await self._pages.form(request, here)
        question = self._question(request, here)
        if form.get("choice") == "denied":
            said = form.get("said", "").strip()
            if len(said) > MAX_SAID:
                raise Wrong(400, f"The agent gets at most {MAX_SAID} characters.")
            no = Answer(choice="denied", means=_signed_in_by(here), said=said)
            return await self._given(here, question, no, None)
        if form.get("means") == "sign-in":
            return await self._leave(here, question, _yes(question, form, "sign-in"))
        if not form.get("response"):
            raise Wrong(400, "A yes needs your passkey, and that needs the script of this page.")
        return await self._given(here, question, _yes(question, form, "passkey"), answered(form))

    async def stepped(self, here: Here, step: Step, signed: SignedIn) -> Response:
        """Somebody has signed in again, to say this."""
        evidence = {"id_token": signed.token, "since_ms": step.at_ms}
        return await self._given(here, self._found(step.approval, here), step.answer, evidence)

    async def _leave(self, here: Here, question: Question, answer: Answer) -> Response:
        login, step_up = self._login, self._step_up
        if login is None or step_up is None:
            raise Wrong(404, "A yes by signing in again is not set up here.")
        _, challenge = self._desk.challenge(question.id, here.approver, answer)
        url, attempt = await login.begin(
            acr=step_up.acr, max_age_s=step_up.max_age_s, nonce=nonce(challenge)
        )
        here.session.away(Step(attempt, question.id, answer, self._pages.clock_ms()))
        # A form may lead to pages of ours alone (`form-action`), so this page leads on.
        return self._pages.page("leaving.html", here, url=url)

    async def _given(
        self, here: Here, question: Question, answer: Answer, evidence: JSON | None
    ) -> Response:
        after = await self._desk.answer(question.id, here.approver, answer, evidence)
        missing = after.missing() if answer.choice != "denied" else ()
        done = CHOICES[answer.choice][0].upper() + CHOICES[answer.choice][1:]
        more = " Others have to say yes, too." if missing else ""
        here.session.said = f"{done}: {title(question)}.{more}"
        return go(INBOX)

    # --- who, and what ----------------------------------------------------------------------------

    def _answering(self, request: Request) -> Here:
        here = self._pages.require(request)
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        return here

    def _question(self, request: Request, here: Here) -> Question:
        return self._found(request.path_params["approval"], here)

    def _found(self, approval: str, here: Here) -> Question:
        """A question that this person may look at. Raises Wrong, the same for all others."""
        try:
            question = self._desk.question(approval)
        except NoSuchQuestion:
            raise Wrong(404, GONE) from None
        if not self._seen(here.approver, question):
            raise Wrong(404, GONE)
        return question

    def _seen(self, approver: Approver, question: Question) -> bool:
        return self._desk.sees(approver, question) or _own(approver, question)

    def _party(self, here: Here, question: Question) -> tuple[Party | None, str]:
        if here.session.how == "visit":
            return None, VISITING
        try:
            return self._desk.party(here.approver, question), ""
        except NotYours as refused:
            return None, str(refused)

    def _means(self) -> tuple[Means, ...]:
        return _MEANS if self._login is not None and self._step_up is not None else _MEANS[:1]

    def _passkeys_of(self, here: Here) -> bool:
        return bool(self._registered(here.approver.user))


def _signed_in_by(here: Here) -> Means:
    """What a no rests on: that somebody is signed in, and how."""
    return "passkey" if here.session.how == "passkey" else "sign-in"


def _own(approver: Approver, question: Question) -> bool:
    shown = question.shown
    return bool(approver.tenant == shown["tenant"] and approver.user == shown["user"])


def _yes(question: Question, form: Mapping[str, str], means: Means) -> Answer:
    """The yes that a form says. Raises Wrong."""
    choice = _YES.get(form.get("choice", ""))
    if choice is None:
        raise Wrong(400, "This is no answer.")
    less = smaller(question, form) if choice == "narrowed" else None
    return Answer(choice=choice, means=means, arguments=less)


def _grouped(questions: list[Question]) -> list[tuple[str, str, list[Question]]]:
    """By template and tool, each group where its oldest question stands."""

    def kind(one: Question) -> tuple[str, str]:
        return ", ".join(cast("list[str]", one.shown["templates"])), str(one.shown["tool"])

    first = {kind(one): at for at, one in reversed(list(enumerate(questions)))}
    ordered = sorted(questions, key=lambda one: first[kind(one)])
    return [(*name, list(ones)) for name, ones in groupby(ordered, key=kind)]
