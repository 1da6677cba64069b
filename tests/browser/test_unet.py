"""The U-Net lab as a person uses it: a tiny net trains, its scenes and errors appear, a drawn scene is answered."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.conftest import Visit, come_to
from tests.browser.test_padding import await_state, main_button

TINY = "skips=all&width=4&depth=1&scenes=50&epochs=1&batch_size=10&seeds=1"
CANVAS = ".layerlab-canvas canvas"


def lab(visit: Visit, server: str, link: str, **options: object) -> Page:
    page = visit(f"{server}/unet?{link}", wait_for=".layerlab-plot .main-svg", **options)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    return page


def test_a_tiny_net_trains_and_its_scenes_errors_and_answers_to_a_drawing_appear(visit: Visit, server: str) -> None:
    page = lab(visit, server, f"{TINY}&first_seed=11")
    come_to(page, ".st-key-samples")  # before any training
    main_button(page).click()
    await_state(page, "Finished")
    come_to(page, "[class*=st-key-unet-IoU]")
    page.wait_for_function(
        "() => document.querySelector('[class*=st-key-unet-IoU] .surface')"
        "?.data?.some(one => one.name === 'mean IoU' && one.x.length === 2)"
    )
    for chart, panels in (("scene", 4), ("distance", 2)):
        come_to(page, f".st-key-{chart}")
        drawn = f"document.querySelector('.st-key-{chart} .surface').data"
        assert page.evaluate(f"new Set({drawn}.map(one => one.xaxis)).size") == panels
    canvas = page.locator(CANVAS).first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.6, steps=5)
    page.mouse.up()
    come_to(page, "[class*=st-key-own-all]")
