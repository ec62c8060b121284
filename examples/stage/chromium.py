"""Chromium without a window, steered over the WebDriver protocol of Debian's chromedriver."""

import http.client
import json
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from safeconduct.demo.serving import HOST, free_port

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
        """Waits until it is somewhere that begins like this, and all is loaded; as all pages of a
        site begin like its first, for that one until it is just there.
        """
        first = urlsplit(url).path == "/"
        for _ in range(1000):
            there = self.url == url if first else self.url.startswith(url)
            if there and self.run("return document.readyState") == "complete":
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

    def has(self, selector: str) -> bool:
        """Whether there is such an element."""
        return bool(self.run(f"return document.querySelector({json.dumps(selector)}) !== null"))

    def text(self, selector: str = "main") -> str:
        """What a person reads in an element."""
        return str(self.run(f"return document.querySelector({json.dumps(selector)}).innerText"))

    def fill(self, selector: str, text: str) -> None:
        """Types into a field, instead of what stands there."""
        element = self._element(selector)
        self._ask("POST", f"{element}/clear", {})
        self._ask("POST", f"{element}/value", {"text": text})

    def click(self, selector: str) -> None:
        """Clicks on an element as a person does: one that is covered or hidden takes none."""
        self._ask("POST", f"{self._element(selector)}/click", {})

    def authenticator(self, *, synced: bool = False) -> str:
        """Gives the machine a platform authenticator with its user before it (Web Authentication
        section 11); its id. `synced`: its passkeys may be backed up.
        """
        wanted = {
            "protocol": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "isUserConsenting": True,
            "defaultBackupEligibility": synced,
            "defaultBackupState": synced,
        }
        return str(self._ask("POST", "/webauthn/authenticator", wanted))

    def verified(self, authenticator: str, *, verified: bool) -> None:
        """Whether its user proves to be its user."""
        path = f"/webauthn/authenticator/{authenticator}/uv"
        self._ask("POST", path, {"isUserVerified": verified})

    def devtools(self, command: str, **params: Any) -> Any:
        """What a command of the Chrome DevTools Protocol returns."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def cookies(self) -> list[dict[str, Any]]:
        """All cookies of the page, also those that no script sees."""
        found: list[dict[str, Any]] = self._ask("GET", "/cookie")
        return found

    def _element(self, selector: str) -> str:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{next(iter(found.values()))}"

    def until_run(self, script: str) -> Any:
        """What a script returns once that is something."""
        for _ in range(2000):
            if found := self.run(script):
                return found
            threading.Event().wait(0.01)
        raise AssertionError(script)

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
            response = connection.getresponse()
            answer = json.load(response)["value"]
        finally:
            connection.close()
        assert response.status == http.client.OK, answer
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
