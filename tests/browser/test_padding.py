"""The padding lab as a person uses it: a real net trains behind every one of these pages.

Each test has seeds of its own, so that none joins a run of another.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, Visit, come_to

LONG = "conv=valid&epochs=200&seeds=1"
LOSS = "[class*=st-key-padding-Cross-entropy]"  # the chart that gains a point several times an epoch
POINTS = "chart => chart.data?.find(one => one.name === 'training loss')?.x.length ?? 0"
SURFACE = f"document.querySelector('{LOSS} .surface')"
RANGE = "chart => chart._fullLayout.xaxis.range.map(edge => Math.round(edge * 1000))"


def lab(visit: Visit, server: str, link: str, **options: object) -> Page:
    page = visit(f"{server}/padding?{link}", wait_for=".layerlab-plot .main-svg", **options)
    come_to(page, LOSS)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return page


def main_button(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile(r"^(Run|Pause|Resume)\b.*Space"))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def loss(page: Page) -> Locator:
    return page.locator(f"{LOSS} .surface")


def await_points(page: Page, least: int) -> int:
    """Wait until the curve has at least so many points; how many it has then."""
    count = f"least => {{ const chart = {SURFACE}, now = chart && ({POINTS})(chart); return now >= least && now; }}"
    return int(page.wait_for_function(count, arg=least).json_value())


def points(page: Page) -> int:
    return int(loss(page).evaluate(POINTS))


def await_state(page: Page, word: str) -> None:
    expect(page.get_by_test_id("stProgress").get_by_text(re.compile(rf"^{word} ·"))).to_be_visible(timeout=PATIENCE_MS)


def await_main(page: Page, name: str) -> None:
    expect(main_button(page)).to_have_accessible_name(re.compile(rf"^{name}\b"), timeout=PATIENCE_MS)


def address(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def run(page: Page) -> str:
    """Press Run and wait for the first points; the run's id."""
    main_button(page).click()
    await_points(page, 1)
    page.wait_for_url("**run=*")
    return address(page)["run"]


def stop(page: Page) -> None:
    button(page, "Stop").click()
    await_state(page, "Stopped")


def drag_across(page: Page, chart: Locator) -> None:
    chart.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=5)
    page.mouse.up()


def test_a_link_opens_its_settings_and_one_click_trains_them_to_the_end(visit: Visit, server: str) -> None:
    page = lab(visit, server, "conv=valid&head=flatten&epochs=2&seeds=1&first_seed=11&learning_rate=0.5")
    expect(page.get_by_role("radio", name="Net2: flatten")).to_be_checked()
    wanted = {"conv": "valid", "head": "flatten", "epochs": "2", "seeds": "1", "first_seed": "11"}
    page.wait_for_url("**patience=*")  # a field that the link left out
    assert address(page).items() >= {**wanted, "learning_rate": "0.5", "batch_size": "200", "band": "std"}.items()
    run(page)
    maps = page.locator(".st-key-feature-maps")
    expect(maps).to_be_attached(timeout=PATIENCE_MS)
    expect(maps.locator(".main-svg")).to_have_count(0)  # far from sight
    come_to(page, ".st-key-feature-maps")
    await_state(page, "Finished")
    come_to(page, LOSS)
    assert await_points(page, 10) == 10  # five an epoch
    page.locator(LOSS).get_by_role("button", name="Show as table").click()
    rows = page.locator(LOSS).locator("tbody tr")
    expect(rows.last.locator("th, td").first).to_have_text("2")
    expect(rows.last.locator("td").first).to_have_text(re.compile(r"^0\.\d+$"))
    expect(page.get_by_role("cell", name=re.compile(r"\(n = 1\)$")).first).to_be_visible(timeout=PATIENCE_MS)


def test_the_live_curve_grows_in_one_node_and_keeps_the_zoom(visit: Visit, server: str) -> None:
    page = lab(visit, server, f"{LONG}&first_seed=21")
    loss(page).evaluate("chart => { window.kept = chart; }")
    run(page)
    before = await_points(page, 5)
    main_button(page).click()  # nothing moves while we aim
    await_main(page, "Resume")
    whole = loss(page).evaluate(RANGE)
    drag_across(page, loss(page))
    page.wait_for_function(f"whole => String(({RANGE})(window.kept)) !== String(whole)", arg=whole)
    zoomed = loss(page).evaluate(RANGE)
    main_button(page).click()
    for _ in range(3):
        before = await_points(page, before + 1)
        assert loss(page).evaluate(RANGE) == zoomed
    assert page.evaluate(f"window.kept === {SURFACE}")
    stop(page)
    assert loss(page).evaluate(RANGE) == zoomed


def test_buttons_and_space_bar_steer_a_run_and_a_reload_keeps_it(visit: Visit, server: str) -> None:
    page = lab(visit, server, f"{LONG}&first_seed=31")
    page.locator("h1").click()  # the keyboard is nowhere
    page.keyboard.press("Space")
    await_points(page, 1)
    name = address(page)["run"]
    page.keyboard.press("Space")
    await_state(page, "Paused")
    await_main(page, "Resume")
    held = points(page)
    for _ in range(2):  # of two events in a row one at least is a point
        button(page, "Step").click()
    reached = await_points(page, held + 1)
    await_state(page, "Paused")
    page.reload()
    await_state(page, "Paused")
    assert await_points(page, reached) <= reached + 2
    main_button(page).click()
    await_main(page, "Pause")
    moved = await_points(page, reached + 3)
    page.reload()
    assert await_points(page, moved) >= moved
    assert address(page)["run"] == name
    await_main(page, "Pause")
    stop(page)
    await_main(page, "Run")
    expect(button(page, "Stop")).to_be_disabled()


def test_space_right_after_a_click_on_the_button_acts_once(visit: Visit, server: str) -> None:
    page = lab(visit, server, f"{LONG}&first_seed=41")
    run(page)  # the button has the keyboard now
    page.keyboard.press("Space")
    await_state(page, "Paused")
    page.reload()  # what it says then is how it stands
    await_main(page, "(Pause|Resume)")
    await_state(page, "Paused")
    stop(page)


def test_back_and_forward_find_the_run_as_it_goes_on(visit: Visit, server: str) -> None:
    page = lab(visit, server, f"{LONG}&first_seed=51")
    name = run(page)
    seen = points(page)
    page.get_by_role("link", name="Labs").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Retrain real networks while you watch", timeout=PATIENCE_MS
    )
    page.go_back()
    await_points(page, seen + 1)
    assert address(page)["run"] == name
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Retrain real networks while you watch", timeout=PATIENCE_MS
    )
    page.get_by_role("link", name="Padding and location").first.click()
    await_points(page, seen + 2)
    await_main(page, "Pause")
    assert address(page)["run"] == name
    stop(page)


def test_somebody_else_watches_on_a_dark_phone_and_cannot_end_it(visit: Visit, server: str) -> None:
    owner = lab(visit, server, f"{LONG}&first_seed=61")
    name = run(owner)
    phone = lab(visit, server, urlsplit(owner.url).query, width=390, scheme="dark")
    seen = await_points(phone, 1)
    await_main(phone, "Pause")
    expect(phone.get_by_text("2 watching")).to_be_visible(timeout=PATIENCE_MS)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    inside = phone.locator("[data-testid=stMain]")
    assert inside.evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    button(phone, "Stop").click()
    expect(phone.get_by_text("Somebody else started this run; only they can stop it.")).to_be_visible(
        timeout=PATIENCE_MS
    )
    await_points(owner, points(owner) + 1)
    await_points(phone, seen + 2)
    assert address(owner)["run"] == address(phone)["run"] == name
    expect(owner.get_by_text("2 watching")).to_be_visible(timeout=PATIENCE_MS)
    phone.close()  # gives its place up at once
    expect(owner.get_by_text("2 watching")).to_be_hidden(timeout=10_000)
    stop(owner)
