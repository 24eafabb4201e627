"""A real browser for tests: it opens pages and notes all that goes wrong on them. See the fixture ``visit``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")

# Nothing of its own on the network.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_HERE = ("file:", "data:", "blob:")

Visit = Callable[..., "Visited"]


def why_no_browser() -> str:
    """Why tests that need a browser cannot run; empty where they can."""
    missing = [name for name in ("playwright", "axe_playwright_python") if importlib.util.find_spec(name) is None]
    if missing:
        return f"no {' and no '.join(missing)}: pip install -e .[dev]"
    return "" if CHROMIUM.exists() else f"no browser at {CHROMIUM}: apt-get install chromium"


class Visited:
    """A page that is open, and what went wrong on it so far.

    Attributes:
        page: of playwright.
        faults: a line each: errors on the console, failed requests, requests to the network (or, of a page that a
            server gives, to any other).
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.faults = page, list[str]()
        origin = "" if address.startswith(_HERE) else "/".join(address.split("/")[:3]) + "/"
        self._ours = (*_HERE, origin) if origin else _HERE
        page.on("console", lambda said: said.type in ("error", "warning") and self.faults.append(said.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("requestfailed", lambda request: self.faults.append(f"{request.url[:200]} {request.failure}"))
        page.on("request", self._requested)
        page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address, wait_until="load")

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(self._ours):
            self.faults.append(f"{request.url[:200]} was asked for")

    def look_at_all(self) -> None:
        """Scroll through the page, so that all of its pictures are loaded; those that are not are ``faults``."""
        self.page.evaluate("""async () => {
            for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight) {
                scrollTo(0, y);
                await new Promise(done => requestAnimationFrame(() => setTimeout(done, 5)));
            }
            for (const image of document.images) image.loading = "eager";
            await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
            scrollTo(0, 0);
        }""")
        broken = self.page.evaluate(
            "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src.slice(0, 200))"
        )
        self.faults += [f"{src} is no picture" for src in broken]

    def too_wide(self) -> int:
        """By how many pixels the page reaches beyond its window's right side."""
        beyond: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return max(0, beyond)

    def barriers(self) -> list[str]:
        """What axe-core finds serious or critical, a line each: rule, what it asks, and the first element."""
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  absent where there is no browser

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]


@contextmanager
def opened() -> Iterator[Visit]:
    """Yield ``visit(path or address, width=1600, scheme="light", **options)``, which opens a page in a new context."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  absent where there is no browser

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)

        def visit(where: Path | str, *, width: int = 1600, scheme: Any = "light", **options: Any) -> Visited:
            for context in browser.contexts:
                context.close()
            size: Any = {"width": width, "height": 900}
            page = browser.new_context(viewport=size, color_scheme=scheme, **options).new_page()
            return Visited(page, where.absolute().as_uri() if isinstance(where, Path) else where)

        yield visit
        browser.close()
