"""Every page of the console that shows something, by name: what is measured here is looked at in
Chromium by `tests/e2e/test_console_pages.py`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from bench.console.traffic import Written

Needs = Literal["nothing", "updates", "script"]


class Page(msgspec.Struct, frozen=True):
    """Where it is, once it is known what was written. `needs`: all of it works without JavaScript,
    or all but updates, or it says that it needs it.
    """

    name: str
    where: str
    needs: Needs = "nothing"

    def path(self, written: Written) -> str:
        """Where it is."""
        task, call = written.stopped
        odd, odd_call = written.odd["script"]
        ids = {"task": task, "call": call, "odd": odd, "odd_call": odd_call}
        return self.where.format(**ids, longest=written.longest)


PAGES: Final = (
    Page("inbox", "/"),
    Page("keys", "/keys"),
    Page("search", "/search"),
    Page("search-refused", "/search?verdict=deny&since=24h"),
    Page("search-tool", "/search?tool=mail.send&limit=200"),
    Page("live", "/live", "updates"),
    Page("live-week", "/live?verdict=deny&span=7d", "updates"),
    Page("call", "/calls/{call}"),
    Page("call-hostile", "/calls/{odd_call}"),
    Page("tools", "/tools"),
    Page("agents", "/agents"),
    Page("policy", "/policy"),
    Page("policy-diff", "/policy/diff"),
    Page("task-long", "/tasks/{longest}"),
    Page("task-hostile", "/tasks/{odd}"),
    Page("task", "/tasks/{task}"),
    Page("stop", "/stop"),
    Page("verify", "/verify", "script"),
)
