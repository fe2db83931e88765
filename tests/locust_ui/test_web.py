"""The tab in Locust's own web UI, in a real browser, over figures that move."""

import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadgen.model import ClientId
from loadgen.report.client_style import client_styles

RUN = "20261122T100000Z-toy"
CLIENTS = ClientId("requests"), ClientId("requests", {"session": "<b>shared</b>"}), ClientId("aiohttp")
HOSTILE = CLIENTS[1].label
STYLES = client_styles(dict(zip(CLIENTS, ("threads", "threads", "tasks"), strict=True)))
CHARTS = [
    *("Streams open", "Tokens/s", "TTFT (ms)", "ITL (ms)", "Lag (ms)", "CPU (%)"),
    "Wait (ms)",  # a metric of another package
    *("Memory (MiB)", "Threads"),
]

POINTS = """() => Bokeh.documents.flatMap((d) => d.roots()).map((plot) =>
  plot.renderers.map((r) => r.data_source.data.value.length).reduce((a, b) => a + b, 0))"""
COLOURS = """() => [...new Set(Bokeh.documents.flatMap((d) => d.roots()).flatMap((plot) =>
  plot.renderers.map((r) => r.glyph.line_color.value)))].sort()"""
FITS = "() => Math.abs(frameElement.clientHeight - document.body.offsetHeight) < 2"


@contextmanager
def ui(folder, *arguments):
    command = [sys.executable, "-m", "tests.locust_ui.ui", str(folder), *arguments]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait(timeout=20)


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    """A UI in which nothing is ever run."""
    with ui(tmp_path_factory.mktemp("idle")) as url:
        yield url


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def get(url):
    """(status, body, headers), redirects not followed."""
    try:
        with urllib.request.build_opener(NoRedirects).open(url, timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def test_a_run_is_watched_in_the_tab(tab, tmp_path):
    complaints = []
    tab.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    with ui(tmp_path, "/load") as url:
        tab.goto(url)
        assert tab.locator("iframe").count() == 0
        tab.get_by_role("button", name="Start").click()
        tab.get_by_role("tab", name="Streaming").click()
        page = tab.locator("iframe").element_handle().content_frame()
        page.wait_for_selector("html[data-charts=ready]")

        numbers_and_points_grow(page)
        what_was_chosen_outlasts_other_tabs(tab, page)
        pointing_tells_every_line(tab, page)
        zooming_and_back(tab, page)
        it_follows_size_and_colour_scheme(tab, page)
        files_are_downloaded(tab, page)
        assert page.locator("b, i", has_text="s").filter(has_text="shared").count() == 0
        assert (
            page.locator("#notes li").inner_text()
            == "lost worker host-2; others take over its <i>streams</i>"
        )

        tab.get_by_role("button", name="Stop").click()
        page.get_by_text("stopped", exact=True).and_(page.locator("#state")).wait_for()
        tab.get_by_role("tab", name="Download Data").click()
        assert tab.get_by_role("link", name="Download streaming streams.csv").is_visible()
        assert tab.locator("iframe").is_hidden()
    assert complaints == []


def until(page, predicate, arg=None):
    """As wait_for_function, which the page's security policy forbids."""
    deadline = time.monotonic() + 10
    while not page.evaluate(predicate, arg):
        assert time.monotonic() < deadline, predicate
        page.wait_for_timeout(50)


def numbers_and_points_grow(page):
    page.wait_for_selector("#clients tbody tr")
    assert page.locator("h2").all_inner_texts() == CHARTS
    cells = page.locator("#clients tbody tr").nth(2).locator("td")
    open_before, points_before = cells.nth(1).inner_text(), page.evaluate(POINTS)
    assert len(points_before) == len(CHARTS)
    until(page, f"(before) => ({POINTS})().every((points, n) => points > before[n])", arg=points_before)
    assert int(cells.nth(1).inner_text()) > int(open_before)
    shown = dict(zip(headings(page), cells.all_inner_texts(), strict=True))
    assert (shown["Client"], shown["Streams open target"], shown["Ended failed"]) == ("aiohttp", "100", "1")
    assert (shown["Lag (ms) p99"], shown["Wait (ms) p90"]) == ("–", "1")
    assert page.locator("#clients tbody tr td:first-child").all_inner_texts() == [c.label for c in CLIENTS]
    page.wait_for_selector("#validity.suspect")
    assert f"{HOSTILE}: the client started streams later" in page.locator("#validity").inner_text()
    assert page.evaluate(COLOURS) == sorted(style.light for style in STYLES.values())
    assert page.locator("figure", has_text="Lag (ms)").locator(".hint").inner_text() == "Not measured so far"


def headings(page):
    """Return the headings of the clients' table, those of two rows joined."""
    return page.evaluate("""() => {
      const [above, below] = document.querySelectorAll("#clients thead tr");
      const rest = [...below.cells];
      return [...above.cells].flatMap((cell) => cell.rowSpan === 2 ? [cell.textContent]
        : rest.splice(0, cell.colSpan).map((one) => `${cell.textContent} ${one.textContent}`));
    }""")


def what_was_chosen_outlasts_other_tabs(tab, page):
    entry = page.locator("figure").nth(2).get_by_role("button", name="aiohttp p99")
    entry.click()
    tab.get_by_role("tab", name="Charts").click()
    assert tab.locator("iframe").is_hidden()
    tab.get_by_role("tab", name="Streaming").click()
    assert entry.get_attribute("aria-pressed") == "false"
    assert page.evaluate("Bokeh.documents[2].roots()[0].renderers.filter((r) => !r.visible).length") == 1


def pointing_tells_every_line(tab, page):
    page.locator("figure").nth(2).locator(".canvas").hover(position={"x": 200, "y": 100})
    texts = page.locator("figure").nth(2).locator(".tip span").all_inner_texts()
    names = ["requests p50", "requests p99", f"{HOSTILE} p50", f"{HOSTILE} p99", "aiohttp p50"]
    assert [text.rpartition(": ")[0] for text in texts[1:]] == names
    assert page.locator(".cross:visible").count() == len(CHARTS)
    tab.mouse.move(5, 5)
    page.wait_for_selector(".cross", state="hidden")


def zooming_and_back(tab, page):
    span = "() => Bokeh.documents.map((d) => d.roots()[0].x_range).map((r) => r.end - r.start)"
    first = page.locator("figure").first
    first.get_by_role("button", name="Zoom Select").click()
    box = first.locator(".canvas").bounding_box()
    tab.mouse.move(box["x"] + 150, box["y"] + 80)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 250, box["y"] + 80)
    tab.mouse.up()
    zoomed = page.evaluate(span)
    assert len(set(zoomed)) == 1
    before = page.evaluate(POINTS)
    until(page, f"(before) => ({POINTS})()[0] > before[0]", arg=before)
    assert page.evaluate(span) == zoomed
    first.get_by_role("button", name="Zoom Reset").click()
    assert page.evaluate(span)[0] > 2 * zoomed[0]


def it_follows_size_and_colour_scheme(tab, page):
    until(page, FITS)
    wide = page.evaluate("document.body.offsetHeight")
    tab.locator("header button").last.click()
    page.wait_for_selector("html[data-scheme=dark]")
    assert page.evaluate(COLOURS) == sorted(style.dark for style in STYLES.values())
    tab.set_viewport_size({"width": 600, "height": 800})
    until(page, f"(wide) => document.body.offsetHeight > 1.3 * wide && ({FITS})()", arg=wide)
    assert page.evaluate("document.documentElement.scrollWidth") <= 600
    tab.set_viewport_size({"width": 1280, "height": 800})
    until(page, f"(wide) => document.body.offsetHeight < 1.1 * wide && ({FITS})()", arg=wide)


def files_are_downloaded(tab, page):
    with tab.expect_download() as coming:
        page.get_by_role("link", name="summary.csv").click()
    assert coming.value.suggested_filename == f"{RUN}-summary.csv"
    assert coming.value.path().read_text() == "summary.csv of the toy\n"
    with tab.expect_download() as coming:
        page.locator("figure", has_text="Memory").get_by_role("button", name="Download as PNG").click()
    assert coming.value.suggested_filename.startswith("memory_mib_")
    assert coming.value.path().read_bytes().startswith(b"\x89PNG")


def test_before_the_first_run_the_page_says_so(tab, idle):
    tab.goto(f"{idle}streaming/")
    tab.wait_for_selector("html[data-charts=ready]")
    assert "No run yet" in tab.locator("#validity").inner_text()
    assert tab.locator(".hint").all_inner_texts() == ["No data yet"] * len(CHARTS)
    tab.get_by_role("link", name="report.html").click()
    tab.get_by_text("There is no run yet.", exact=True).wait_for()


def test_the_page_says_when_locust_is_gone_and_recovers(tab, idle):
    tab.clock.install()
    tab.goto(f"{idle}streaming/")
    tab.wait_for_selector("html[data-charts=ready]")
    tab.route("**/data*", lambda route: route.abort())
    tab.clock.fast_forward(2000)
    tab.get_by_text("Locust does not answer").wait_for()
    tab.unroute("**/data*")
    tab.clock.fast_forward(2000)
    tab.get_by_text("Locust does not answer").wait_for(state="hidden")


def test_a_file_of_no_run_is_not_found_in_plain_words(idle):
    status, body, headers = get(f"{idle}streaming/files/summary.csv")
    assert (status, body) == (404, "There is no run yet.")
    assert headers.get_content_type() == "text/plain"
    for other in ("files/run.json", "bokeh/bokeh.js", "..%2f__init__.py"):
        assert get(f"{idle}streaming/{other}")[0] == 404


def test_every_route_needs_the_login(tmp_path, monkeypatch):
    """User and password may come from the environment."""
    monkeypatch.setenv("LOADGEN_UI_USER", "ada")
    monkeypatch.setenv("LOADGEN_UI_PASSWORD", "right")
    parts = ("", "data", "page.js", "page.css", "tab.js", "bokeh/bokeh.min.js", "files/summary.csv")
    with ui(tmp_path, "/load", "login") as url:
        for part in parts:
            status, body, headers = get(f"{url}streaming/{part}")
            assert status == 302
            assert headers["Location"].startswith("/load/login")
            assert "toy" not in body
        assert "streaming/tab.js" not in get(f"{url}login")[1]

        cookies = urllib.request.HTTPCookieProcessor()
        logged_in = urllib.request.build_opener(cookies)

        def data(**form):
            logged_in.open(f"{url}login/password", urllib.parse.urlencode(form).encode(), timeout=20).close()
            with logged_in.open(f"{url}streaming/data", timeout=20) as answer:
                return answer.headers.get_content_type()

        for wrong in ({"username": "ada", "password": ""}, {"username": "loadgen", "password": "right"}, {}):
            assert data(**wrong) == "text/html"  # the login page
        assert data(username="ada", password="right") == "application/json"
