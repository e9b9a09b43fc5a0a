"""A reader of the course's pages: opens one in a browser and tells what is wrong with it."""

import shutil
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urldefrag

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = "serious", "critical"
# code looks alike everywhere: that of the first sections stands for the rest
ALIKE = {"exclude": [["section section:nth-of-type(n+3) .highlight"]]}
ASKED = {"resultTypes": ["violations"], "preload": False}
LINKS = "links => links.map(link => link.href)"
UNSEEN = "pictures => pictures.filter(one => !one.naturalWidth).map(one => one.src)"
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path):
    """Serve a folder to this machine, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def start_browser(playwright):
    """Start the machine's Chromium or Chrome, else Playwright's own."""
    found = [shutil.which(name) for name in ("chromium", "google-chrome", "chrome")]
    options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    return playwright.chromium.launch(
        executable_path=next(filter(None, found), None), args=options
    )


class Reader:
    """One window of a browser, of some width, in light or dark colors."""

    def __init__(self, browser, width: int, scheme: str) -> None:
        self.width_and_scheme = width, scheme
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)

    def open(self, base: str, name: str) -> tuple[Page, list[str]]:
        """Open a page; return it, and what its console says and what it asks of other hosts."""
        page, told = self.context.new_page(), []
        page.on(
            "console",
            lambda text: text.type == "error" and told.append(f"console: {text.text}"),
        )
        page.on("pageerror", lambda error: told.append(f"script: {error}"))
        page.on(
            "response", lambda one: one.status >= 400 and told.append(f"missing: {one.url}")
        )
        page.on("request", lambda one: told.extend(elsewhere(one.url, base)))
        page.goto(base + name)
        page.wait_for_load_state("networkidle")
        return page, told

    def faults(self, base: str, folder: Path, name: str, *, axe: bool = True) -> list[str]:
        """Return all that is wrong with a page of a folder that is served, with all unfolded."""
        page, told = self.open(base, name)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        wide = page.evaluate(TOO_WIDE)
        told += [f"too wide by {wide} pixels"] if wide > 0 else []
        found = Axe().run(page, ALIKE, ASKED).response["violations"] if axe else []
        told += [f"axe: {explain(one)}" for one in found if one["impact"] in SERIOUS]
        told += [f"not seen: {one}" for one in page.eval_on_selector_all("main img", UNSEEN)]
        links = set(page.eval_on_selector_all("a[href]", LINKS))
        told += [f"dead: {link}" for link in links if is_dead(link, base, folder)]
        page.close()
        return told


def elsewhere(url: str, base: str) -> list[str]:
    return [] if url.startswith((base, "data:", "blob:")) else [f"asks {url}"]


def explain(violation: dict) -> str:
    node = violation["nodes"][0]
    times, reason = len(violation["nodes"]), " ".join(node["failureSummary"].split())
    return f"{violation['id']}, {times} times, as in {node['html'][:200]}: {reason[:300]}"


def is_dead(link: str, base: str, folder: Path) -> bool:
    """Is it a link to what the folder does not hold, or to no place in a page?"""
    address, anchor = urldefrag(unquote(link))
    if not address.startswith(base):
        return False
    file = folder / (address.partition("?")[0].removeprefix(base) or "index.html")
    return not file.is_file() or bool(
        anchor and f'id="{anchor}"' not in file.read_text(encoding="utf-8")
    )
