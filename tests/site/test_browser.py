"""The pages as a reader sees them, in a real browser: `make test-site`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

MISSING = "the site's environment is not here: `make test-site` makes it and runs this"
sync_api = pytest.importorskip("playwright.sync_api", reason=MISSING)
pytest.importorskip("axe_playwright_python", reason=MISSING)

from lesson import CLAIM, PROJECT, find_lessons
from reader import Reader, served, start_browser

HTML = PROJECT / "site/_build/html"
PAGES = sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html"))
PAGES = [name for name in PAGES if not name.startswith("_static")]
LESSONS = [lesson.name for lesson in find_lessons()]
WINDOWS = [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")]
AXE = WINDOWS[:2]
MIB = 25  # all pages together may have so many


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def base():
    with served(HTML) as address:
        yield address


@pytest.fixture(scope="module", params=WINDOWS, ids=str)
def window(browser, request):
    reader = Reader(browser, *request.param)
    yield reader
    reader.context.close()


@pytest.fixture(scope="module")
def reader(browser):
    reader = Reader(browser, 1280, "dark")
    yield reader
    reader.context.close()


@pytest.fixture
def lesson(reader, base):
    """The page of the first lesson."""
    page, told = reader.open(base, f"notebooks/{LESSONS[0]}.html")
    assert not told
    yield page
    page.close()


def test_every_lesson_has_a_page():
    assert {f"notebooks/{name}.html" for name in LESSONS} <= set(PAGES)
    assert {"index.html", "found.html", "glossary.html", "status.html", "api.html"} <= set(
        PAGES
    )


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_well(window, base, name):
    # axe takes long, and two windows show it both widths and both schemes
    faults = window.faults(base, HTML, name, axe=window.width_and_scheme in AXE)
    assert not faults, "\n".join(faults)


def test_all_pages_are_small_together():
    files = [path for path in HTML.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MIB * 2**20


def test_search_finds_a_layer(reader, base):
    page, told = reader.open(base, "search.html?q=AlphaDropout")
    found = page.locator("#search-results li a")
    found.first.wait_for()
    meant = [lesson for lesson in find_lessons() if "`AlphaDropout`" in "".join(lesson.texts)]
    addresses = "".join(one.get_attribute("href") for one in found.all())
    assert meant
    assert all(f"{lesson.name}.html" in addresses for lesson in meant)
    assert not told


def test_a_solution_unfolds(lesson):
    folded = lesson.locator("details", has=lesson.locator("summary", has_text="Solution")).first
    code = folded.locator("pre").first
    assert not code.is_visible()
    folded.locator("summary").click()
    assert code.is_visible()


def test_claims_are_seen_and_their_code_is_folded(lesson):
    cell = lesson.locator("div.cell.tag_hide-input", has_text="✓").first
    assert cell.locator(".cell_output p", has_text="✓").first.is_visible()
    assert not cell.locator(".cell_input pre").is_visible()


def test_pictures_are_on_white_in_the_dark(lesson):
    picture = lesson.locator(".cell_output img").first
    assert (
        picture.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(255, 255, 255)"
    )


def test_code_can_be_copied_and_the_lesson_downloaded(lesson):
    assert lesson.locator(".cell_input button.copybtn").count() > 10
    with lesson.expect_download() as download:
        lesson.locator(".dropdown-download-buttons > button").click()
        lesson.locator(".btn-download-source-button").click()
    own = PROJECT / f"notebooks/{LESSONS[0]}.ipynb"
    assert download.value.suggested_filename == own.name
    assert Path(download.value.path()).read_bytes() == own.read_bytes()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_shows_its_claims_and_alternative_texts_and_no_short_times(reader, base, name):
    own = next(lesson for lesson in find_lessons() if lesson.name == name)
    page, _ = reader.open(base, f"notebooks/{name}.html")
    claims = [one["data"][CLAIM]["text"] for one in own.outputs if CLAIM in one.get("data", {})]
    shown = page.locator(".cell_output > p").all_inner_texts()
    assert [text.removeprefix("✓ ") for text in shown if text[0] == "✓"][
        : len(claims)
    ] == claims
    alts = page.eval_on_selector_all(".cell_output img", "all => all.map(one => one.alt)")
    assert set(alts) == set(own.descriptions.values())
    assert not re.search(r"time: [\d.]+ [mnμµ]s", page.locator("main").inner_text())
    page.close()


BROKEN = """# Broken on purpose

<img src="https://elsewhere.invalid/x.png"> <div style="width: 3000px">wide</div>
<a href="gone.html">gone</a> <a href="index.html#gone">no such place</a>
<script>console.error("an error"); undefined.nothing</script>
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pages with the site's settings: a formula, and what a page must not have."""
    folder = tmp_path_factory.mktemp("made")
    pages = {
        "index": "# Formula\n\nArea: $\\frac{a}{2} b^2, \\dots$.\n\n$$\\sum_i \\left|\\hat x_i\\right|$$\n",
        "broken": BROKEN,
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)
    (folder / "index.md").write_text(pages["index"] + "\n```{toctree}\nbroken\n```\n")
    options = ["-q", "-W", "-c", PROJECT / "site", folder, folder / "html"]
    subprocess.run([sys.executable, "-m", "sphinx", *map(str, options)], check=True)
    with served(folder / "html") as address:
        yield address, folder / "html"


def test_a_formula_is_drawn_without_another_host(reader, made):
    base, folder = made
    assert reader.faults(base, folder, "index.html") == []
    page, _ = reader.open(base, "index.html")
    sizes = page.eval_on_selector_all("math", "all => all.map(one => one.clientHeight)")
    assert len(sizes) == 2
    assert min(sizes) > 10


def test_a_broken_page_is_noticed(reader, made):
    faults = json.dumps(reader.faults(*made, "broken.html"))
    for sign in (
        "console: an error",
        "script: ",
        "asks https://elsewhere.invalid",
        "too wide by",
    ):
        assert sign in faults
    for sign in ("axe: image-alt", "not seen: ", "gone.html", "index.html#gone"):
        assert sign in faults
