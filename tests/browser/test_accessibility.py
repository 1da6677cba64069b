"""Pages for everybody: no serious fault that axe-core knows of, all of a lab by keyboard, a room and a phone served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.conftest import PATIENCE_MS, Visit
from ui.form import Seeds
from ui.labs import labs

LABS = {lab.name: lab.title for lab in labs()}
WIDE, NARROW = 1280, 390  # px
DRAWN_MS = 30_000  # by then charts have followed the window
PAGES = ("", "runs", *LABS)
PRESENTED = ("padding", "attention")  # one that trains, one that does not: presenting is the same everywhere
LESSON = "padding?lesson=padding-shortcut"
GRAVE = ("serious", "critical")
# What is Streamlit's own and out of our reach: rule -> the elements, nothing more.
EXCUSED = {
    # A wide table scrolls sideways on a phone. Its frame takes no tabindex from us; browsers let keys scroll it.
    "scrollable-region-focusable": ("[data-testid=stTable] > div",),
}
# The inside of a chart is taken out meanwhile: axe-core cannot tell what stands behind text in an SVG, and takes longer
# to say so than for all the rest.
CHECK = """async (excused) => {
  const charts = [...document.querySelectorAll('.layerlab-plot .main-svg')].map((svg) => [svg, [...svg.childNodes]]);
  charts.forEach(([svg]) => svg.replaceChildren());
  const found = await axe.run(document, { resultTypes: ['violations'] });
  charts.forEach(([svg, inside]) => svg.replaceChildren(...inside));
  const isExcused = (rule, node) =>
    (excused[rule] ?? []).some((selector) => document.querySelector(node.target[0])?.matches(selector));
  return found.violations.flatMap((fault) => fault.nodes.filter((node) => !isExcused(fault.id, node)).map((node) => ({
    rule: fault.id, impact: node.impact ?? fault.impact, target: node.target.join(' '),
    html: node.html.slice(0, 300), why: node.failureSummary })));
}"""
# What a rerun has not drawn again yet is faded, and its contrast with it.
FRESH = """() => ![...document.querySelectorAll('[data-testid=stElementContainer]')].some((element) =>
  element.dataset.stale === 'true' || getComputedStyle(element).opacity !== '1')"""
# Some are drawn by the server once they are open.
UNFOLDED = """() => [...document.querySelectorAll('details')].every((fold) =>
  fold.open && fold.querySelector('[data-testid=stElementContainer]'))"""
# Charts are drawn when they come near.
DRAWN = """() => [...document.querySelectorAll('.layerlab-plot')].every((chart) =>
  chart.querySelector('.main-svg') || !chart.checkVisibility())"""
LOOKS = """(scheme) => {
  const ground = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor;
  const colours = ground.match(/\\d+/g).slice(0, 3).map(Number);
  return colours.every((one) => scheme === 'dark' ? one < 50 : one > 240);
}"""
FITS = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  return document.documentElement.scrollWidth <= innerWidth && main.scrollWidth <= main.clientWidth;
}"""
FOCUSED = """() => {
  const keys = [];
  for (let one = document.activeElement; one; one = one.parentElement) {
    keys.push(...[...one.classList].filter((name) => name.startsWith('st-key-')).map((name) => name.slice(7)));
  }
  return { keys: keys.join(' '), tool: document.activeElement.dataset.tool ?? '' };
}"""


def settled(visit: Visit, server: str, path: str, **options: Any) -> Page:
    """A page that has been drawn, with everything on it that folds unfolded."""
    page = visit(f"{server}/{path}", **options)
    if path.startswith(tuple(LABS)):
        page.wait_for_selector(".layerlab-plot .main-svg")
    return unfolded(page)


def unfolded(page: Page) -> Page:
    """The same page once nothing is being drawn, unfolded."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.evaluate("document.querySelectorAll('details:not([open]) > summary').forEach(fold => fold.click())")
    page.wait_for_function(UNFOLDED)
    page.wait_for_function(FRESH)
    return page


def turned(page: Page, scheme: str) -> None:
    """The page in light or dark; it follows the system's wish by itself."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.wait_for_function(LOOKS, arg=scheme)


def unrolled(page: Page) -> Page:
    """All of the page in one tall window: what is scrolled away, axe-core does not look at."""
    tall = page.locator("[data-testid=stMain]").evaluate("main => main.scrollHeight")
    page.set_viewport_size({"width": page.evaluate("innerWidth"), "height": min(tall + 100, 12_000)})
    page.wait_for_function(DRAWN)
    return page


def faults(page: Page) -> list[dict[str, Any]]:
    """Serious and critical violations on the page as it stands; a second look, for a rerun fades what it draws anew."""
    page.evaluate(f"() => {{ {AXE_SCRIPT} }}")  # evaluated, as the page's policy admits no script from elsewhere
    found: list[dict[str, Any]] = []
    for _ in range(2):
        page.wait_for_function(FRESH)
        found = [one for one in page.evaluate(CHECK, EXCUSED) if one["impact"] in GRAVE]
        if not found:
            break
    return found


def told(found: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{one['rule']} ({one['impact']}) {one['target']}\n  {one['html']}\n  {one['why']}" for one in found
    )


def serves(page: Page, width: int, scheme: str) -> None:
    """Nothing sticks out, light is light and dark is dark, and axe finds nothing serious."""
    page.set_viewport_size({"width": width, "height": 900})  # first: what is out of sight then, is not drawn twice
    turned(page, scheme)
    try:
        page.wait_for_function(FITS, timeout=DRAWN_MS)
    except TimeoutError:
        pytest.fail(f"At {width} px something sticks out of the page; scroll sideways to find it.", pytrace=False)
    found = faults(unrolled(page))
    assert not found, f"At {width} px, {scheme}:\n{told(found)}"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_serves_wide_and_narrow_light_and_dark(visit: Visit, server: str, path: str) -> None:
    page = settled(visit, server, path)
    serves(page, WIDE, "light")
    serves(page, NARROW, "dark")
    if path in PRESENTED:
        page.set_viewport_size({"width": WIDE, "height": 900})
        page.locator(".st-key-present button").click()
        page.wait_for_selector(".st-key-leave-presenting button")
        serves(unfolded(page), WIDE, "dark")


def test_a_lesson_serves_a_phone_and_a_dark_room(visit: Visit, server: str) -> None:
    page = settled(visit, server, LESSON)
    serves(page, NARROW, "light")
    serves(page, WIDE, "dark")


def test_axe_would_find_one(visit: Visit, server: str) -> None:
    page = visit(server)
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('afterend', '<button></button>')")
    assert any(one["rule"] == "button-name" for one in faults(page))


def tabbed(page: Page, most: int = 250) -> Iterator[dict[str, str]]:
    """What the Tab key reaches, one element after the other, from the top of the page until it leaves it."""
    page.evaluate("document.querySelector('a, button').focus()")  # where Tab begins on a page just opened
    for _ in range(most):
        page.keyboard.press("Tab")
        yield page.evaluate(FOCUSED)


def test_tab_reaches_every_control_the_run_buttons_and_a_charts_tools(visit: Visit, server: str) -> None:
    from core import catalog

    page = settled(visit, server, "padding")
    fields = [*catalog.get("padding").config.model_fields, *Seeds.model_fields]
    wanted = {f"padding-{name}" for name in (*fields, "defaults", "main", "seed")}
    tools = {"log", "smooth", "table"}
    for at in tabbed(page):
        wanted -= set(at["keys"].split())
        tools -= {at["tool"]}
        if not wanted and not tools:
            break
    assert not wanted and not tools, f"Tab did not reach {sorted(wanted | tools)}"


def test_a_presented_lab_shows_run_button_progress_and_first_chart_without_scrolling(visit: Visit, server: str) -> None:
    link = "conv=valid&epochs=1&seeds=1&first_seed=71&present=1"
    page = visit(f"{server}/padding?{link}", wait_for=".layerlab-plot .main-svg")
    page.set_viewport_size({"width": 1280, "height": 720})
    main = page.get_by_role("button", name=re.compile("^(Run|Pause).*Space"))
    main.click()
    expect(page.get_by_test_id("stProgress").get_by_text("Finished")).to_be_visible(timeout=PATIENCE_MS)
    for part in (main, page.get_by_test_id("stProgress").first, page.locator(".layerlab-plot").first):
        box = part.bounding_box()
        assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= 720, box


def test_presenting_enlarges_type_and_charts_hides_the_chrome_and_ends_by_keyboard(visit: Visit, server: str) -> None:
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    tick = ".layerlab-plot .xtick text"
    usual, shown = (settled(visit, server, f"padding{link}") for link in ("", "?present=1"))
    for part in ("h1 + div, p", tick):
        assert shown.locator(part).first.evaluate(size) > 1.1 * usual.locator(part).first.evaluate(size)
    for part in ("stHeader", "stToolbar"):
        expect(shown.get_by_test_id(part)).to_be_hidden()
    expect(shown.locator(".st-key-lessons")).to_have_count(0)
    expect(shown.locator("[data-testid=stWidgetLabel] [data-testid=stTooltipIcon]").first).to_be_hidden()
    assert any("leave-presenting" in at["keys"] for at in tabbed(shown, most=5))
    shown.locator(".st-key-leave-presenting button").focus()
    shown.keyboard.press("Enter")
    expect(shown.get_by_test_id("stHeader")).to_be_visible(timeout=PATIENCE_MS)
    expect(shown.locator(".st-key-leave-presenting")).to_have_count(0)
    assert "present=" not in shown.url


def test_on_a_phone_the_run_buttons_stay_at_the_bottom_and_cover_no_last_line(visit: Visit, server: str) -> None:
    page = settled(visit, server, "padding", width=390)
    bar, main = page.locator(".st-key-padding-buttons"), page.locator("[data-testid=stMain]")
    for place in (0, 10**6):
        main.evaluate("(main, top) => main.scrollTo(0, top)", place)
        box = bar.bounding_box()
        assert box is not None
        assert (box["x"], round(box["width"]), round(box["y"] + box["height"])) == (0, 390, 900)
        assert box["height"] < 80
    for name in ("Run", "Step", "Stop", "Reset", "New seed"):
        button = bar.get_by_role("button", name=re.compile(f"^{name}"))
        expect(button).to_be_visible()
        size = button.bounding_box()
        assert size is not None and min(size["width"], size["height"]) >= 44
    last = page.locator("[data-testid=stMainBlockContainer] > div > *").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= box["y"]
