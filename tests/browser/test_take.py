"""Take it away, in a real browser: files arrive and open, links are copied, charts are saved as pictures."""

from __future__ import annotations

import base64
import csv
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from tests.browser.conftest import PATIENCE_MS, Visit

RECORDED = "conv=valid&head=pool&seeds=2&first_seed=3"
NO_CLIPBOARD = (
    "Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined });"  # as over plain http
)
SELECTED = (
    "(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))(document.activeElement)"
)


def lab(visit: Visit, server: str, link: str = RECORDED) -> Page:
    page = visit(f"{server}/padding?{link}", wait_for=".layerlab-plot .main-svg")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.get_by_text("Take it away", exact=True).click()
    expect(take(page, "CSV")).to_be_visible(timeout=PATIENCE_MS)
    return page


def take(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stDownloadButton").get_by_role("button", name=name)


def saved(page: Page, button: Locator, folder: Path) -> Path:
    with page.expect_download() as waiting:
        button.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def copy_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Copy link: Link to this setting")


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page of another browser without a network, and what it complained of or asked the network for."""
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            problems.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            problems.append(f"asked for {request.url}")

    context = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme="dark", offline=True)
    page = context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", asked)
    yield page, problems
    context.close()


def test_csv_and_html_arrive_and_the_html_draws_its_curves_alone(
    visit: Visit, server: str, tmp_path: Path, elsewhere: tuple[Page, list[str]]
) -> None:
    page = lab(visit, server)
    lines = saved(page, take(page, "CSV"), tmp_path).read_text("utf-8").splitlines()
    head, *rows = csv.reader(line for line in lines if not line.startswith("#"))
    assert head == ["seed", "step", "metric", "value"]
    assert {row[2] for row in rows} >= {"training loss", "validation accuracy", "test accuracy"}

    file = saved(page, take(page, "HTML"), tmp_path)
    assert file.name == "layerlab-padding-valid-pool.html"
    opened, problems = elsewhere
    opened.goto(file.as_uri())
    expect(opened.locator("#figure-0 .scatterlayer .trace path.js-line").first).to_be_visible()
    assert opened.locator("figure").count() >= 2
    expect(opened.get_by_role("cell", name="valid: none")).to_be_visible()
    text, ground = (opened.evaluate(f"getComputedStyle(document.body).{part}") for part in ("color", "backgroundColor"))
    assert brightness(text) > 150 > 80 > brightness(ground), "dark where the reader's system is dark"
    assert not problems


def brightness(colour: str) -> float:
    return sum(float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) / 3


def is_this_setting(link: str, server: str) -> bool:
    parts = urlsplit(link)
    fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{server}/padding"
    assert "run" not in fields
    wanted = {"conv": "valid", "head": "pool", "seeds": "2", "first_seed": "3", "epochs": "50", "band": "std"}
    return fields.items() >= wanted.items()


def test_a_link_is_copied(visit: Visit, server: str) -> None:
    page = lab(visit, server)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy_button(page).click()
    expect(page.get_by_text("Copied.", exact=True)).to_be_visible()
    assert is_this_setting(page.evaluate("navigator.clipboard.readText()"), server)


def test_without_a_clipboard_the_link_is_selected_copied_the_old_way_and_said(visit: Visit, server: str) -> None:
    page = lab(visit, server)
    page.evaluate(NO_CLIPBOARD)
    copy_button(page).click()
    expect(page.get_by_text("Selected and copied.", exact=True)).to_be_visible()
    link = page.evaluate(SELECTED)
    assert is_this_setting(link, server)
    page.evaluate("document.execCommand = () => false")
    copy_button(page).click()
    expect(page.get_by_text("Selected: press Ctrl+C")).to_be_visible()
    assert page.evaluate(SELECTED) == link


def test_a_chart_is_saved_as_a_picture_on_the_pages_background(visit: Visit, server: str, tmp_path: Path) -> None:
    page = lab(visit, server)
    chart = page.locator("[class*=st-key-padding-Accuracy]")
    file = saved(page, chart.get_by_role("button", name="Save as PNG picture"), tmp_path)
    assert file.name == "padding Accuracy (%).png"
    body = file.read_bytes()
    assert body.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", body[16:24])
    box = chart.locator(".main-svg").first.bounding_box()
    assert box is not None
    assert width == pytest.approx(2 * box["width"], abs=4) and height >= 2 * box["height"] - 4
    picture = "data:image/png;base64," + base64.b64encode(body).decode()
    corner = page.evaluate(
        """async (url) => {
          const image = Object.assign(new Image(), { src: url });
          await image.decode();
          const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
          canvas.drawImage(image, 0, 0);
          return Array.from(canvas.getImageData(1, 1, 1, 1).data);
        }""",
        picture,
    )
    assert corner == [0xFC, 0xFC, 0xFA, 255]
    chart.get_by_role("button", name="Show as table").click()
    expect(chart.get_by_role("button", name="Save as PNG picture")).to_be_hidden()
