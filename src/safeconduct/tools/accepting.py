"""Accepting a definition in the place of the one that counts: an operator's yes, on record.

It bites with the next call and outlasts a restart. The manifest's file stays as it is: it is the
better place in the long run, and what is written there later has the last word.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.config.schema import Config
from safeconduct.core.findings import kinds_of
from safeconduct.ports import JSON, Ledger
from safeconduct.tools.catalogue import Catalogue
from safeconduct.tools.kept import Kept, NothingKept
from safeconduct.tools.offers import Key, Offer, Offers, target

MAX_WHY: Final = 300
"""How long the reason may be, in characters."""

DIRECTORY: Final = "definitions"
"""Where the definitions that counted are kept, in the directory of the state."""

LONGEST: Final = 100_000
"""How long a definition may be to be kept, in bytes: of what is longer no change is shown."""

MOST_KEPT: Final = 1 << 19
"""How much is kept of one upstream, in bytes, and as much of what counted before. It is read and
written while calls wait, and what an upstream offers may be hundreds of times as much.
"""

_log = logging.getLogger(__name__)


class NotAccepted(Exception):
    """The definition is not accepted, and nothing was recorded; the sentence is for the person."""


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """Which definition of which tool an operator accepts, in the place of which (`before`, empty
    where none counted), and why. `spoken`: they saw that its text speaks to the agent.
    """

    upstream: str
    tool: str
    pin: str
    before: str
    why: str
    spoken: bool = False


class Accepting:
    """Takes in definitions that operators accept, and keeps those that count."""

    def __init__(
        self,
        config: Config,
        state: Path,
        ledger: Ledger,
        offers: Offers,
        catalogue: Catalogue,
        clock_ms: Callable[[], int],
    ) -> None:
        """`state` is the directory of the gateway's state."""
        self._config = config
        self._directory = state / DIRECTORY
        self._ledger = ledger
        self._offers = offers
        self._catalogue = catalogue
        self._clock_ms = clock_ms
        # What was last kept here, by upstream.
        self._there: dict[str, list[JSON]] = {}

    async def accept(self, wanted: Acceptance, by: str) -> None:
        """From the next call on this definition counts as reviewed.

        Raises:
            NotAccepted: it is not what is offered, or nothing that can be accepted.
            LedgerFault: it could not be recorded, so it does not count.
        """
        offer = self._fitting(wanted)
        found = kinds_of(offer.found)
        manifest = self._catalogue.manifests[wanted.upstream].tools[wanted.tool].pin
        await self._ledger.append(
            {
                "kind": "pin",
                "target": target(_key(wanted)),
                "pin": wanted.pin,
                "tenant": self._config.root.gateway.tenant,
                **({"before": wanted.before} if wanted.before else {}),
                **({} if manifest is None else {"manifest": manifest}),
                **({"found": found} if found else {}),
                "by": by,
                "why": wanted.why,
                "at_ms": self._clock_ms(),
            }
        )
        self._offers.judged_anew(wanted.upstream)

    def before(self, upstream: str, tool: str) -> JSON | None:
        """The definition that counts, as it was when it was last offered or pinned; None where
        nobody kept it.
        """
        counts = self._catalogue.counts(upstream, tool)
        for kept in self._kept(upstream):
            try:
                definition = kept.by_digest().get(counts or "")
            except NothingKept as error:
                _log.warning("definitions cannot be compared: %s", error)
                continue
            if definition is not None:
                return definition
        return None

    def look(self, where: str, what: str) -> None:
        """Keeps what counts of an upstream whose tools have changed, as long as it is there."""
        if what != "tools":
            return
        counting = self._counting(where)
        if counting == self._there.get(where, []):
            return
        try:
            self._kept(where)[0].keep(counting, 2 * MOST_KEPT)
            self._there[where] = counting
        except (NothingKept, OSError) as error:  # it is no evidence: then no change can be shown
            _log.warning("the definitions of %s cannot be kept: %s", where, error)

    def _counting(self, where: str) -> list[JSON]:
        """The definitions of an upstream that count and are there, as far as they are kept."""
        found: list[JSON] = []
        left = MOST_KEPT
        for (subject, upstream, name), offer in self._offers.known.items():
            if (subject, upstream) != ("tool", where):
                continue
            short = offer.size <= min(left, LONGEST)
            if short and self._catalogue.counts(where, name) == offer.digest:
                left -= offer.size
                found.append(offer.definition)
        return found

    def _fitting(self, wanted: Acceptance) -> Offer:
        """What is offered, if that is what an operator saw. Raises NotAccepted."""
        offer = self._offers.known.get(_key(wanted))
        manifest = self._catalogue.manifests.get(wanted.upstream)
        if offer is None or manifest is None or offer.digest != wanted.pin:
            raise NotAccepted("This is not what is offered now. Look at it again.")
        if wanted.tool not in manifest.tools:
            raise NotAccepted("Nobody has described this tool: it needs an entry in its manifest.")
        counts = self._catalogue.counts(wanted.upstream, wanted.tool) or ""
        if counts != wanted.before:
            raise NotAccepted("Another definition counts by now. Look at it again.")
        if self._catalogue.pin_state(wanted.upstream, wanted.tool) == "reviewed":
            raise NotAccepted("This definition counts as reviewed already.")
        if not wanted.why.strip() or len(wanted.why) > MAX_WHY:
            raise NotAccepted(f"Say why, in {MAX_WHY} characters at most.")
        if offer.found and not wanted.spoken:
            raise NotAccepted("Its text speaks to the agent. Say that you have read it.")
        return offer

    def _kept(self, where: str) -> tuple[Kept, Kept]:
        """What was kept here, and what lies beside the manifest."""
        manifest = Path(self._config.directory) / self._config.root.upstreams[where].manifests
        return Kept(self._directory / f"{where}.json"), Kept.beside(manifest)


def _key(wanted: Acceptance) -> Key:
    return "tool", wanted.upstream, wanted.tool
