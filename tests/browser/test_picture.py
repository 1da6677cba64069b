"""Drawing in a real browser: mouse, touch and keyboard; what arrives at the server; what stays."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, Visit, serving

APP = Path(__file__).parent / "apps" / "picture_app.py"
COUNT_MESSAGES = """() => {
  const send = WebSocket.prototype.send;
  window.sent = window.whileDown = 0;
  WebSocket.prototype.send = function (...all) { window.sent += 1; return send.apply(this, all); };
  addEventListener("pointerup", () => { window.whileDown = window.sent; }, true);
}"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(APP, tmp_path_factory.mktemp("pictures")) as url:
        yield url


def surface(page: Page) -> Locator:
    return page.get_by_role("img", name="Draw a digit")


def opened(visit: Visit, url: str, **options: Any) -> Page:
    page = visit(url, wait_for=".layerlab-canvas canvas", **options)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    return page


def said(page: Page) -> dict[str, Any]:
    return dict(json.loads(page.get_by_test_id("stCode").inner_text()))


def until(page: Page, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What the server says, as soon as it says this."""
    for _ in range(PATIENCE_MS // 100):
        if holds(now := said(page)):
            return now
        page.wait_for_timeout(100)
    raise AssertionError(f"The server still says {said(page)}.")


def stroke(page: Page, *places: tuple[float, float]) -> None:
    """A line of the mouse through places in parts of the side."""
    surface(page).scroll_into_view_if_needed()
    box = surface(page).bounding_box()
    assert box is not None
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def tool(page: Page, name: str) -> Locator:
    return page.get_by_role("toolbar", name="Drawing tools").get_by_role("button", name=name)


def test_a_stroke_arrives_where_it_was_drawn_and_undo_and_clear_take_it_back(visit: Visit, pictures: str) -> None:
    page = opened(visit, pictures)
    assert said(page)["shape"] is None
    expect(tool(page, "Undo the last stroke")).to_have_attribute("aria-disabled", "true")
    page.evaluate(COUNT_MESSAGES)
    stroke(page, (0.1, 0.1), (0.4, 0.4))
    first = until(page, lambda now: now["shape"] == [1, 28, 28])
    assert page.evaluate("[window.whileDown, window.sent]") == [0, 1], "sent at the end of the stroke, not during it"
    assert first["quarters"][0] > 20 and first["quarters"][1:] == [0, 0, 0]
    assert first["values"] > 2, "edges are means of their areas"
    stroke(page, (0.6, 0.9), (0.9, 0.6))
    until(page, lambda now: now["quarters"][3] > 20)
    tool(page, "Undo the last stroke").focus()
    page.keyboard.press("Enter")
    assert until(page, lambda now: now["quarters"][3] == 0)["quarters"] == first["quarters"]
    tool(page, "Clear the drawing").click()
    until(page, lambda now: now["shape"] is None)
    tool(page, "Undo the last stroke").click()
    until(page, lambda now: now["shape"] is not None and now["quarters"] == first["quarters"])
    sizes = {}
    for width in ("thin", "thick"):
        tool(page, "Clear the drawing").click()
        until(page, lambda now: now["shape"] is None)
        tool(page, f"Pen width: {width}").click()
        expect(tool(page, f"Pen width: {width}")).to_have_attribute("aria-pressed", "true")
        surface(page).click(position={"x": 60, "y": 60})
        sizes[width] = until(page, lambda now: now["shape"] is not None)["quarters"][0]
    assert sizes["thick"] / sizes["thin"] == pytest.approx((0.14 / 0.045) ** 2, rel=0.15), "a tap is a dot of the pen"


def test_a_drawing_survives_a_rerun_another_page_and_another_size(visit: Visit, pictures: str) -> None:
    page = opened(visit, pictures)
    stroke(page, (0.1, 0.1), (0.4, 0.4))
    first = until(page, lambda now: now["shape"] == [1, 28, 28])
    page.get_by_role("button", name="Rerun").click()
    assert until(page, lambda now: now["reruns"] == 1)["quarters"] == first["quarters"]
    page.get_by_role("link", name="Elsewhere").click()
    expect(page.get_by_role("heading", name="Elsewhere")).to_be_visible()
    page.get_by_role("link", name="Draw").click()
    expect(surface(page)).to_be_visible()
    assert until(page, lambda now: now["shape"] is not None)["quarters"] == first["quarters"]
    assert ink(page), "the strokes are on the canvas again"
    page.get_by_text("Larger").click()
    again = until(page, lambda now: now["shape"] == [1, 32, 32])
    assert again["quarters"][0] == pytest.approx(first["quarters"][0], rel=0.05)
    tool(page, "Undo the last stroke").click()
    until(page, lambda now: now["shape"] is None)


def ink(page: Page) -> bool:
    return bool(
        surface(page).evaluate(
            "one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data"
            ".some((value, at) => at % 4 < 3 && value > 0)"
        )
    )


def test_a_palette_draws_and_a_file_arrives_or_is_refused(visit: Visit, pictures: str) -> None:
    page = opened(visit, pictures)
    assert tool(page, "Pen colour: red").count() == 0
    page.get_by_text("Colour", exact=True).click()
    tool(page, "Pen colour: red").click()
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    red, green, blue = until(page, lambda now: now["shape"] == [3, 28, 28])["channels"]
    assert red > 3 * green and red > 3 * blue
    page.get_by_test_id("stButtonGroup").get_by_text("Upload", exact=True).click()
    field = page.locator("input[type=file]")
    field.set_input_files({"name": "photo.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.get_by_text("A picture must be a PNG or JPEG; this file is neither.")).to_be_visible()
    white = io.BytesIO()
    Image.new("RGB", (80, 50), "white").save(white, "PNG")
    field.set_input_files({"name": "white.png", "mimeType": "image/png", "buffer": white.getvalue()})
    assert until(page, lambda now: now["shape"] is not None)["quarters"] == [255, 255, 255, 255]


def test_on_a_phone_a_finger_draws_and_does_not_scroll(browser: Browser, pictures: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(pictures)
    expect(surface(page)).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    surface(page).scroll_into_view_if_needed()
    box = surface(page).bounding_box()
    assert box is not None and box["x"] >= 8 and box["x"] + box["width"] <= 382
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tools = context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": number}
            for number, (x, y) in enumerate(places)
        ]
        tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (0.2, 0.1))
    touch("touchMove", (0.2, 0.2))
    touch("touchStart", (0.2, 0.2), (0.8, 0.8))  # a second finger rests on it
    touch("touchMove", (0.2, 0.4), (0.8, 0.8))
    touch("touchEnd")
    now = until(page, lambda now: now["shape"] == [1, 28, 28])
    assert now["quarters"][0] > 10 and now["quarters"][1:] == [0, 0, 0]
    assert surface(page).bounding_box() == box, "nothing has scrolled"
    context.close()
