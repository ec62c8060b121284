"""What is asked of every page in Chromium: that it harms nobody, and that everybody can use it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any, Final

from examples.stage.chromium import TAB, Chromium
from PIL import Image

from safeconduct.ports import JSON
from tests.e2e.parts import NPM, Part, npm_pins

WIDE: Final = (1200, 900)
PHONE: Final = (390, 844)
PAPER: Final = (794, 1123)
"""A4 at 96 pixels an inch."""

MOST_TABS: Final = 60
HIGH: Final = (1_600, 1_300, 1_000, 800)
"""How much of a page a picture shows: as much as makes no large file."""

MOST_BYTES: Final = 80_000

_WATCH: Final = """
window.__seen = [];
const tell = (what) => window.__seen.push(String(what));
for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = () => tell(name);
window.__streams = [];
window.EventSource = class extends EventSource {
  constructor(url) { super(url); window.__streams.push(this); }
};
addEventListener("error", (event) => tell(event.message));
addEventListener("unhandledrejection", (event) => tell(event.reason));
addEventListener("securitypolicyviolation", (event) => tell(
  `${event.violatedDirective} ${event.blockedURI} ${event.sample} line ${event.lineNumber}`));
"""

_FOCUSABLE: Final = """
window.stops = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter((one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility(
    {visibilityProperty: true}) && !(one.type === "radio" && !one.checked
      && document.querySelector(`input[type=radio][name="${CSS.escape(one.name)}"]:checked`)));
document.activeElement.blur();
return window.stops.length;
"""

_FOCUSED: Final = """
const one = document.activeElement, box = one.getBoundingClientRect();
const style = getComputedStyle(one);
const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
const scrolls = one.scrollHeight > one.clientHeight || one.scrollWidth > one.clientWidth;
return [window.stops.indexOf(one), outlined && box.width > 0 && box.height > 0,
  one.outerHTML.slice(0, 200), scrolls];
"""

_WIDER: Final = """
const width = document.documentElement.clientWidth;
const inside = (one) => { for (let up = one; up; up = up.parentElement) {
  const style = getComputedStyle(up);
  if (/auto|scroll/.test(style.overflowX) || style.clipPath !== "none") return true; }
  return false; };
const wide = (one) => one.getBoundingClientRect().right > width + 1;
return [...document.body.querySelectorAll("*")]
  .filter((one) => wide(one) && ![...one.children].some(wide) && !inside(one))
  .slice(0, 5).map((one) => one.outerHTML.slice(0, 160));
"""

_AXE: Final = """axe.run(document, %s).then((told) => JSON.stringify(told.violations.map((one) =>
  [one.impact, one.id, one.nodes.slice(0, 3).map((node) =>
    `${node.html.slice(0, 200)} ${node.failureSummary}`)])))"""


def axe() -> Part:
    """The checker of Deque's, from npm."""
    installed = NPM / "node_modules" / "axe-core" / "axe.min.js"
    return Part("axe-core", npm_pins()["axe-core"], installed, ())


class Look:
    """A window, and what is asked of the page in it."""

    def __init__(self, window: Chromium, url: str) -> None:
        self.window = window
        self.url = url
        self._axe = axe().required().installed.read_text(encoding="utf-8")
        window.devtools("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        window.devtools("Page.enable")

    def open(self, path: str) -> None:
        """Goes there, and finds a page."""
        self.window.complaints()
        self.window.open(self.url + path)
        script = "return performance.getEntriesByType('navigation')[0].responseStatus"
        status = self.window.run(script)
        assert status == 200, (path, status, self.window.text("body")[:300])

    def sized(self, size: tuple[int, int], *, scheme: str = "light", media: str = "") -> None:
        """As on a screen of this size, in these colours, or on paper."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.window.devtools("Emulation.setDeviceMetricsOverride", **metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.window.devtools("Emulation.setEmulatedMedia", media=media, features=features)

    def quiet(self) -> None:
        """Nothing ran that was not ours, nothing was stopped from running, nothing went wrong."""
        assert self.window.run("return window.pwned ?? null") is None
        told = self.window.run("return window.__seen")
        assert told == [], told
        complaints = self.window.complaints()
        assert complaints == [], complaints
        found = self.window.run(
            "return [...document.querySelectorAll('iframe, object, embed, base, svg script,"
            " [style], [onload], [onerror], [onclick], [onfocus], [onmouseover], [onbegin]')]"
            ".map((one) => one.outerHTML)"
        )
        assert found == [], found
        schemes = self.window.run(
            "return [...document.links].map((one) => one.protocol)"
            ".filter((one) => !['http:', 'https:'].includes(one))"
        )
        assert schemes == [], schemes

    def tell(self, event: str, told: JSON) -> None:
        """Has the page hear this from the stream that it listens to."""
        given = f"{json.dumps(event)}, {{data: JSON.stringify({json.dumps(told)})}}"
        script = f"window.__streams.at(-1).dispatchEvent(new MessageEvent({given}))"
        self.window.until_run("return window.__streams.length")
        self.window.run(script)

    def fits(self) -> None:
        """Nobody has to scroll sideways."""
        found = self.window.run(_WIDER)
        assert found == [], found

    def accessible(self, *rules: str) -> None:
        """Axe finds nothing serious; by these rules alone, if any are named."""
        self._evaluate(self._axe)
        options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
        found = json.loads(self._evaluate(_AXE % json.dumps(options)))
        serious = [one for one in found if one[0] in {"serious", "critical"}]
        assert serious == [], serious

    def tabbed(self) -> None:
        """The keyboard comes to every control, in the order of the page, and it shows where."""
        self.window.until_run("return document.querySelector('main :disabled') === null")
        count = self.window.run(_FOCUSABLE)
        assert count > 0
        seen = -1
        for _ in range(min(count, MOST_TABS)):
            self.window.press(TAB)
            at, outlined, markup, scrolls = self.window.run(_FOCUSED)
            assert outlined, f"focus is not seen: {markup}"
            if at == -1 and scrolls:  # what scrolls can be scrolled with the keyboard
                continue
            assert at == seen + 1, f"{markup} after {seen}"
            seen = at

    def without_scripts(self, path: str) -> str:
        """What a person reads there whose browser runs no script."""
        self.window.devtools("Emulation.setScriptExecutionDisabled", value=True)
        try:
            self.window.open(self.url + path)
            return self.window.text()
        finally:
            self.window.devtools("Emulation.setScriptExecutionDisabled", value=False)

    def printed(self) -> bytes:
        """The page as PDF."""
        told = self.window.devtools("Page.printToPDF", printBackground=True)
        return base64.b64decode(told["data"])

    def picture(self, to: Path) -> None:
        """Keeps what is seen, as a small file."""
        high = self.window.run("return document.documentElement.scrollHeight")
        wide = self.window.run("return document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": wide, "height": min(high, HIGH[0]), "scale": 1}
        told = self.window.devtools(
            "Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True
        )
        image = Image.open(io.BytesIO(base64.b64decode(told["data"]))).convert("RGB")
        for most in HIGH:
            part = image.crop((0, 0, image.width, min(image.height, most)))
            part.quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                to, optimize=True
            )
            if to.stat().st_size < MOST_BYTES:
                return

    def _evaluate(self, expression: str) -> Any:
        """Past the policy of the page, which lets no script of others run."""
        told = self.window.devtools(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            allowUnsafeEvalBlockedByCSP=True,
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")
