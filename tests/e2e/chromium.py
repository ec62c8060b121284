"""Chromium without a window, steered over the WebDriver protocol of Debian's chromedriver."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.support.installation import HOST, free_port

TAB: Final = "\ue004"
ENTER: Final = "\ue007"

_OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
)


class Chromium:
    """One window (W3C WebDriver)."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._path = "/session"
        wanted: dict[str, Any] = {
            "goog:chromeOptions": {"args": list(_OPTIONS)},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        told = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self._path = f"/session/{told['sessionId']}"

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self._ask("GET", "/url"))

    def until(self, url: str) -> None:
        """Waits until it is somewhere that begins like this, and all is loaded."""
        for _ in range(1000):
            if self.url.startswith(url) and self.run("return document.readyState") == "complete":
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"at {self.url}, and not at {url}")

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._ask("POST", "/actions", {"actions": [keyboard]})

    def run(self, script: str) -> Any:
        """What a script of the test's own returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def complaints(self) -> list[str]:
        """What stands in the console since the last time."""
        return [str(one["message"]) for one in self._ask("POST", "/se/log", {"type": "browser"})]

    def close(self) -> None:
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=60)
        try:
            given = None if body is None else json.dumps(body)
            connection.request(method, self._path + path, given)
            answer = json.load(connection.getresponse())["value"]
        finally:
            connection.close()
        assert not isinstance(answer, dict) or "error" not in answer, answer
        return answer


@contextmanager
def chromium(driver: Path, log: Path) -> Generator[Chromium]:
    """Starts one, with a profile of its own."""
    port = free_port()
    command = [str(driver), f"--port={port}", f"--log-path={log}"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert any(b"started successfully" in line for line in process.stdout)
        window = Chromium(port)
        try:
            yield window
        finally:
            window.close()
    finally:
        process.terminate()
        process.communicate()
