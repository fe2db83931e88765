"""The page in a real browser: what it paints, and that it asks for nothing and complains of nothing."""

import os
import shutil
import time
from xml.etree import ElementTree

import pytest

from loadgen.report.renderers import csv
from tests.report.runs import RUNS, page_of, view

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
IDLE = "document.documentElement.dataset.charts === 'ready' && Bokeh.documents.every((d) => d.is_idle)"
PAINTED = """() => {
  const found = [];
  const walk = (node) => {
    if (node.shadowRoot) walk(node.shadowRoot);
    for (const child of node.children) walk(child);
    if (node.localName === 'canvas' && node.width && node.height) {
      const pixels = node.getContext('2d').getImageData(0, 0, node.width, node.height).data;
      let painted = 0;
      for (let i = 3; i < pixels.length; i += 4) painted += pixels[i] > 0;
      found.push(painted);
    }
  };
  const most = (host) => { found.length = 0; walk(host); return Math.max(0, ...found); };
  return [...document.querySelectorAll('.canvas')].map(most);
}"""


def until(tab, script, arg=None):
    """Asks again and again from outside: what polls within the page is kept from it by the page's policy."""
    deadline = time.monotonic() + 30
    while not tab.evaluate(script, arg):
        assert time.monotonic() < deadline, script
        tab.wait_for_timeout(20)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium on the path, and CI must have one")
        pytest.skip("no Chromium on the path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name in ("sweep", "one", "failed", "repeated", "hostile"):
        (folder / f"{name}.html").write_text(page_of(name), encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, files):
    """Opens a page and, at the end, fails on anything it complained of or asked for."""
    complaints, contexts = [], []

    def opener(name, *, scheme="light", width=1280, touch=False):
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, has_touch=touch
        )
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else complaints.append(r.url),
        )
        tab.goto((files / f"{name}.html").as_uri())
        until(tab, IDLE)
        return tab

    yield opener
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        ("sweep", "dark", 1280),
        ("one", "dark", 390),
        ("failed", "light", 390),
        ("hostile", "light", 390),
        ("repeated", "light", 390),
    ],
)
def test_every_chart_is_painted(opened, name, scheme, width):
    tab = opened(name, scheme=scheme, width=width)
    painted = tab.evaluate(PAINTED)
    assert len(painted) == tab.locator(".chart[role=img]").count()
    assert all(pixels > 200 for pixels in painted)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_pictures_of_claims_are_drawn_within_their_plots_and_their_text_is_whole(opened, width):
    tab = opened("repeated", width=width)
    tab.evaluate("document.querySelectorAll('details').forEach((it) => it.open = true)")
    wrong = tab.evaluate("""() => [...document.querySelectorAll('.plot')].flatMap((plot) => {
      const box = plot.getBoundingClientRect();
      const dots = [...plot.querySelectorAll('.dot')].map((dot) => dot.getBoundingClientRect());
      const out = dots.some((dot) => dot.x + dot.width / 2 < box.x - 1 || dot.x + dot.width / 2 > box.right + 1);
      return box.width < 60 || box.height < 15 || out ? [plot.parentElement.innerText] : [];
    })""")
    assert tab.locator(".plot").count() > 20
    assert wrong == []
    cut = tab.evaluate("""() => [...document.querySelectorAll('.effect .who, .effect .figures')]
      .filter((text) => text.scrollWidth > text.clientWidth + 1).map((text) => text.innerText)""")
    assert cut == []


def test_tables_and_axes_say_what_they_show(opened):
    tab = opened("sweep")
    tab.locator("#figures summary").click()
    summary = tab.locator("#figures details table.summary").first
    assert summary.locator("tbody tr:not(.level)").count() == 8
    first = summary.locator("tbody tr:not(.level)").first
    assert first.locator("th").inner_text().startswith("requests")
    assert first.locator("td").first.inner_text() == "12"
    labels = tab.evaluate("""() => {
      const figures = Bokeh.documents.flatMap((d) => d.roots());
      return figures.map((f) => [f.below[0], f.left[0]].map((axis) => axis.axis_label?.text ?? null));
    }""")
    assert ["streams at once", "ms"] in labels
    assert ["streams at once", "KiB"] in labels
    assert ["ms", None] in labels
    assert all(label[0] for label in labels)


def test_hovering_tells_the_exact_value(opened):
    tab = opened("sweep")
    tab.locator("#chart-0").scroll_into_view_if_needed()
    spot = tab.evaluate("""() => {
      const view = Bokeh.index.roots.find((v) => document.querySelector('#chart-0').contains(v.el));
      const points = view.model.renderers.find((r) => r.glyph.type === 'Scatter').data_source.data;
      const box = view.el.getBoundingClientRect();
      const {x_scale, y_scale} = view.frame;
      return [box.x + x_scale.compute(points.x[1]), box.y + y_scale.compute(points.y[1])];
    }""")
    tab.mouse.move(*spot)
    tooltip = tab.locator(".bk-tooltip, .bk-Tooltip").get_by_text("requests, 20 streams")
    tooltip.wait_for()
    assert tooltip.is_visible()


def test_charts_follow_the_colour_scheme_while_open(opened):
    tab = opened("sweep")
    colours = """() => {
      const tagged = [...Bokeh.documents.flatMap((d) => [...d.all_models])].filter((m) => m.tags.length);
      return [...new Set(tagged.map((m) => m.line_color?.value ?? m.fill_color?.value))].sort();
    }"""
    light = tab.evaluate(colours)
    tab.emulate_media(color_scheme="dark")
    until(tab, f"(light) => !({colours})().some((colour) => light.includes(colour))", arg=light)
    assert len(tab.evaluate(colours)) == len(light) >= 5
    tab.emulate_media(color_scheme="light")
    until(tab, f"(light) => String(({colours})()) === String(light)", arg=light)


def test_a_finger_on_a_chart_scrolls_the_page(opened):
    tab = opened("one", width=390, touch=True)
    tab.locator("#chart-0").evaluate("(chart) => chart.scrollIntoView({block: 'center'})")
    box = tab.locator("#chart-0").bounding_box()
    before = tab.evaluate("scrollY")
    finger = tab.context.new_cdp_session(tab)
    x, y = box["x"] + 150, box["y"] + 40
    for kind, moved in (("touchStart", 0), *(("touchMove", 20 * n) for n in range(1, 11))):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y - moved}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until(tab, "(before) => scrollY > before + 50", arg=before)


def test_printing_gives_light_pictures_and_leaves_the_page_as_it_was(opened):
    tab = opened("one", scheme="dark")
    pictures, scheme = tab.evaluate("""async () => {
      dispatchEvent(new Event('beforeprint'));
      const found = [...document.querySelectorAll('.canvas > img')];
      await Promise.all(found.map((img) => img.decode()));
      return [found.map((img) => decodeURIComponent(img.src)), document.documentElement.dataset.scheme];
    }""")
    assert len(pictures) == tab.locator(".chart[role=img]").count()
    assert scheme == "light"
    ours = {style.label: style for style in view(RUNS["one"]()).styles.values()}
    assert all(style.light in "".join(pictures) for style in ours.values())
    assert not any(style.dark in "".join(pictures) for style in ours.values())
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.locator(".canvas > img").count() == 0
    assert tab.pdf().startswith(b"%PDF")
    assert all(pixels > 200 for pixels in tab.evaluate(PAINTED))


def saved(tab, button):
    with tab.expect_download() as download:
        button.click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def test_charts_the_answer_and_the_table_can_be_saved(opened):
    tab = opened("sweep", scheme="dark")
    buttons = tab.locator("figure").first.locator(".save button")
    name, svg = saved(tab, buttons.nth(0))
    assert name == "sweep-TTFT-p50.svg"
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    assert {"TTFT p50", "ms", "aiohttp", "streams at once"} <= {text.text for text in texts}
    for button, expected in (
        (buttons.nth(1), "sweep-TTFT-p50.png"),
        (tab.locator("[data-picture]"), "sweep.png"),
    ):
        name, png = saved(tab, button)
        assert (name, png[:4]) == (expected, b"\x89PNG")
    name, table = saved(tab, tab.locator("[data-file]"))
    assert (name, table.decode()) == ("summary.csv", csv.summary(view(RUNS["sweep"]())))


def test_pictures_of_foreign_text_are_well_formed(opened):
    tab = opened("hostile")
    _, svg = saved(tab, tab.locator("figure").first.locator(".save button").nth(0))
    assert not list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}script"))


def test_the_first_screen_has_the_answer_how_far_to_believe_it_and_the_first_charts(opened):
    tab = opened("repeated")
    ends = {part: tab.locator(f"#{part}").bounding_box() for part in ("answer", "confidence", "scaling")}
    assert ends["answer"]["y"] < ends["confidence"]["y"] < ends["scaling"]["y"]
    assert tab.locator("#scaling figure").first.bounding_box()["y"] < 800


def test_foreign_text_runs_nothing(opened):
    tab = opened("hostile")
    assert tab.title().startswith("</script><script>")
    assert "{{7*7}}" in tab.locator("h1").inner_text()
    assert tab.evaluate("document.scripts.length") == opened("one").evaluate("document.scripts.length")
