"""A headless Chromium, and what it finds wrong with a page: what does not load, or has no words."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

selenium: Any = pytest.importorskip("selenium.webdriver", reason="needs selenium")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("needs Chromium and its chromedriver", allow_module_level=True)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
)
WORDLESS = """
const named = (e, ...names) => names.some(name => (e.getAttribute(name) || '').trim());
const told = {
  IMG: e => named(e, 'alt', 'aria-label'),
  SVG: e => named(e, 'aria-label') || e.querySelector(':scope > title')?.textContent.trim(),
  FIGURE: e => named(e, 'aria-label') || e.querySelector('figcaption')?.textContent.trim(),
};
const all = [...document.querySelectorAll('img, svg, figure, canvas, object, embed, iframe')];
return all.filter(e => !(told[e.tagName.toUpperCase()]?.(e))).map(e => e.outerHTML.slice(0, 99));
"""
BROKEN = """
const done = arguments[0];
const source = e => e.getAttribute('src') || e.getAttribute('href') || e.getAttribute('xlink:href');
const sources = [...document.querySelectorAll('img, svg image')].map(source);
const load = address => {
  const image = new Image();
  image.src = address;
  return image.decode().then(() => null, () => (address || 'no address').slice(0, 99));
};
Promise.all(sources.map(load)).then(found => done(found.filter(each => each !== null)));
"""
OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true; });"
FOLDED = "return document.querySelectorAll('details:not([open])').length;"
PLACE = "const e = document.activeElement; return [e.tagName, (e.textContent || '').trim()];"
WIDTHS = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth];"


class Browser:
    """Chromium, without a network, with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        options = selenium.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
        self._address = ""
        self._cdp("Network.enable")
        self._cdp(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )

    def _cdp(self, command: str, **values: Any) -> None:
        self.driver.execute_cdp_cmd(command, values)

    def open(self, path: Path, *, width: int = 1100, dark: bool = False) -> None:
        """Open a file in a window that is so wide, in light or dark mode."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._cdp("Emulation.setDeviceMetricsOverride", **size)
        mode = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._cdp("Emulation.setEmulatedMedia", features=[mode])
        for log in ("performance", "browser"):
            self.driver.get_log(log)
        self._address = path.resolve().as_uri()
        self.driver.get(self._address)

    def faults(self) -> list[str]:
        """Return all that is wrong with how the page loads, and with what its pictures say."""
        broken = self.driver.execute_async_script(BROKEN)
        wordless = self.driver.execute_script(WORDLESS)
        messages = [each["message"] for each in self.driver.get_log("browser")]
        return [
            *(f"asked for: {address}" for address in self._asked_for()),
            *(f"console: {message}" for message in messages),
            *(f"broken: {address}" for address in broken),
            *(f"no text alternative: {element}" for element in wordless),
        ]

    def _asked_for(self) -> list[str]:
        """Return what the page has asked for, but for itself and for data within it."""
        entries = self.driver.get_log("performance")
        events = [json.loads(each["message"])["message"] for each in entries]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        asked = [each["request"]["url"] for each in sent]
        return [each for each in asked if not each.startswith("data:") and each != self._address]

    def unfold(self) -> None:
        """Open all sections."""
        self.driver.execute_script(OPEN)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        whole, seen = self.driver.execute_script(WIDTHS)
        return int(whole - seen)

    def folded(self) -> int:
        """Return how many sections are closed."""
        return int(self.driver.execute_script(FOLDED))

    def press(self, key: str) -> None:
        """Press a key, wherever the focus is."""
        selenium.ActionChains(self.driver).send_keys(key).perform()

    def focused(self) -> tuple[str, str]:
        """Return the tag and the text of what the focus is on."""
        tag, text = self.driver.execute_script(PLACE)
        return tag, text

    def unfold_by_keyboard(self) -> None:
        """Go through the page by Tab, and press Enter on the title of every section."""
        tab, enter = selenium.Keys.TAB, selenium.Keys.ENTER
        for _ in range(300):
            self.press(tab)
            tag, _text = self.focused()
            if tag == "BODY":
                return
            if tag == "SUMMARY":
                self.press(enter)

    def colour(self) -> str:
        """Return the colour of the page's text."""
        script = "return getComputedStyle(document.body).color;"
        return str(self.driver.execute_script(script))

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()
