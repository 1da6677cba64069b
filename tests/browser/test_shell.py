"""The frame around every page: addresses, what is sent once, headers and the owner cookie."""

from __future__ import annotations

import gzip
import http.client
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit
from ui.labs import labs
from ui.plot import assets
from ui.security import COOKIE, content_security_policy

LAB = labs()[0]


def fetch(url: str, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """One GET, nothing unpacked and nothing followed."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply, body


def test_the_home_page_leads_to_every_lab_by_a_click_anywhere_on_its_card(visit: Visit, server: str) -> None:
    page = visit(server)
    expect(page).to_have_title("LayerLab")
    expect(page.get_by_text(LAB.question).first).to_be_visible()
    card = page.locator(f".st-key-card-{LAB.name}")
    expect(card.locator("img")).to_be_visible()
    card.click(position={"x": 20, "y": 20})  # on the picture's edge, far from the words
    page.wait_for_url(f"{server}/{LAB.name}*")
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Retrain real networks while you watch")


def test_a_deep_link_opens_the_lab_itself(visit: Visit, server: str) -> None:
    page = visit(f"{server}/{LAB.name}")
    expect(page).to_have_url(re.compile(rf"^{re.escape(server)}/{LAB.name}(\?|$)"))
    expect(page).to_have_title(f"{LAB.title} · LayerLab")
    assert page.get_by_text("Page not found").count() == 0


@pytest.mark.parametrize("name", sorted(assets()))
def test_assets_are_kept_for_good_compressed_and_confirmed_by_their_tag(server: str, name: str) -> None:
    asset = assets()[name]
    reply, body = fetch(server, asset.url, Accept_Encoding="gzip")
    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.headers["Content-Type"].startswith(asset.media_type)
    assert gzip.decompress(body) == asset.body
    again, nothing = fetch(server, asset.url, If_None_Match=asset.tag)
    assert (again.status, nothing) == (304, b"")
    plain, body = fetch(server, asset.url)
    assert "Content-Encoding" not in plain.headers
    assert body == asset.body


def test_plotly_is_fetched_once_for_all_charts_and_pages(visit: Visit, server: str) -> None:
    page = visit(f"{server}/{LAB.name}", wait_for=".layerlab-plot .main-svg")
    script = "performance.getEntriesByType('resource').filter(one => one.name.includes('/layerlab/plotly-')).length"
    assert page.evaluate(script) == 1
    assert page.locator(f"script[src$='{assets()['plotly.js'].url}']").count() == 1


def test_pages_carry_the_policy_and_a_cookie_that_scripts_cannot_read(browser: Browser, server: str) -> None:
    reply, _ = fetch(server, "/", Accept="text/html")
    assert reply.headers["Content-Security-Policy"] == content_security_policy()
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    context = browser.new_context()
    context.new_page().goto(server)
    (cookie,) = (one for one in context.cookies() if one["name"] == COOKIE)
    assert cookie["httpOnly"] is True
    assert cookie["sameSite"] == "Lax"
    context.pages[0].goto(f"{server}/{LAB.name}")
    assert [one["value"] for one in context.cookies() if one["name"] == COOKIE] == [cookie["value"]]
    context.close()


def test_a_script_from_elsewhere_is_refused(browser: Browser, server: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server)
    refused = page.evaluate(
        """() => new Promise((resolve) => {
             document.addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective));
             document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.stolen = 1'}));
           })"""
    )
    assert refused.startswith("script-src")
    assert page.evaluate("window.stolen") is None
    context.close()
