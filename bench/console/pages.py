"""Every page of the console that shows something, by name: what is measured here is looked at in
Chromium by `tests/e2e/test_console_pages.py`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bench.console.traffic import Written

Needs = Literal["nothing", "updates", "script"]


class Page(msgspec.Struct, frozen=True):
    """Where it is. `needs`: it works without JavaScript, or goes without updates there, or says
    that it needs it.
    """

    name: str
    path: str
    needs: Needs = "nothing"


def pages(written: Written) -> list[Page]:
    """All pages, with what was written."""
    task, call = written.stopped
    odd, odd_call = written.odd["script"]
    return [
        Page("inbox", "/"),
        Page("keys", "/keys"),
        Page("live", "/live", "updates"),
        Page("live-week", "/live?verdict=deny&span=7d", "updates"),
        Page("search", "/search"),
        Page("search-refused", "/search?verdict=deny&since=24h"),
        Page("search-tool", "/search?tool=mail.send&limit=200"),
        Page("call", f"/calls/{call}"),
        Page("call-hostile", f"/calls/{odd_call}"),
        Page("task", f"/tasks/{task}"),
        Page("task-hostile", f"/tasks/{odd}"),
        Page("task-long", f"/tasks/{written.longest}"),
        Page("tools", "/tools"),
        Page("policy", "/policy"),
        Page("agents", "/agents"),
        Page("stop", "/stop"),
        Page("verify", "/verify", "script"),
    ]
