"""Navigation from the catalog, the home page, the owner's name, and what the chart component sends."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message
from streamlit.testing.v1 import AppTest

from core import catalog
from core.contract import Experiment
from ui import plot as plots
from ui.labs import ROOT, labs
from ui.security import COOKIE, SecurityMiddleware, content_security_policy

ROUTER = ROOT / "ui" / "router.py"


def served(root: Path, *names: str) -> Path:
    """A folder with a page for each name."""
    (root / "pages").mkdir()
    for name in names:
        (root / "pages" / f"{name}.py").write_text("")
    return root


def known(monkeypatch: pytest.MonkeyPatch, *experiments: Experiment) -> None:
    monkeypatch.setattr(catalog, "experiments", lambda: {one.key: one for one in experiments})


@pytest.fixture
def padding() -> Experiment:
    return catalog.get("padding")


def test_a_lab_appears_when_it_has_both_a_page_and_an_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: Experiment
) -> None:
    pageless = replace(padding, key="pageless", lab="pageless")
    known(monkeypatch, padding, pageless)
    assert [lab.name for lab in labs(served(tmp_path, "padding", "orphan"))] == ["padding"]


def test_a_lab_speaks_through_the_experiment_of_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: Experiment
) -> None:
    other = replace(padding, key="another", title="Another", question="Why?")
    known(monkeypatch, other, padding)
    (lab,) = labs(served(tmp_path, "padding"))
    assert (lab.title, lab.question) == (padding.title, padding.question)


def test_labs_come_in_order_of_their_titles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: Experiment
) -> None:
    known(monkeypatch, *(replace(padding, key=name, lab=name, title=name.title()) for name in ("zebra", "ant", "mole")))
    assert [lab.title for lab in labs(served(tmp_path, "ant", "mole", "zebra"))] == ["Ant", "Mole", "Zebra"]


def test_a_card_shows_the_labs_own_picture_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: Experiment
) -> None:
    known(monkeypatch, padding)
    root = served(tmp_path, "padding")
    assert labs(root)[0].picture == ROOT / "assets" / "card.svg"
    assert labs(root)[0].picture.is_file()
    own = root / "assets" / "cards" / "padding.png"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"")
    assert labs(root)[0].picture == own


def test_the_router_opens_the_home_page_with_a_card_for_every_lab() -> None:
    app = AppTest.from_file(str(ROUTER), default_timeout=60).run()
    assert not app.exception
    assert app.title[0].value == "Retrain real networks while you watch"
    words = [one.value for one in app.markdown]
    assert all(lab.question in words for lab in labs())


def test_the_home_page_invites_a_class_only_when_it_is_served_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def joins() -> list[str]:
        app = AppTest.from_file(str(ROUTER), default_timeout=60).run()
        assert not app.exception
        return [one.proto.body for one in app.get("html") if 'layerlab-join"' in one.proto.body]

    assert joins() == []
    monkeypatch.setenv("LAYERLAB_PUBLIC_URL", "http://192.0.2.7:8501/?a=1&b=<i>")
    (join,) = joins()
    assert "http://192.0.2.7:8501/?a=1&amp;b=&lt;i&gt;" in join
    assert 'src="data:image/svg+xml' in join


def owner_script() -> None:
    import streamlit as st

    from ui.security import owner

    st.text(owner())


def test_without_a_cookie_the_owner_lasts_as_long_as_the_session() -> None:
    first, second = AppTest.from_function(owner_script).run(), AppTest.from_function(owner_script).run()
    name = first.text[0].value
    assert len(name) == 22
    assert first.run().text[0].value == name
    assert second.text[0].value != name


def answered(path: str, *, scheme: str = "http", **headers: str) -> Headers:
    """The headers of a page ("/", "/lab") or of some text ("/words") that passed the middleware."""

    async def answer(request: Request) -> Response:
        return PlainTextResponse("words") if request.url.path == "/words" else HTMLResponse("<p>page</p>")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    raw = [(name.encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": raw, "scheme": scheme}
    middleware = SecurityMiddleware(
        Starlette(routes=[Route("/{name:path}", answer)]), preload={"/": "home", "*": "others"}
    )
    with ThreadPoolExecutor(1) as elsewhere:  # this thread may have an event loop: the browser tests' driver runs one
        elsewhere.submit(lambda: asyncio.run(middleware(scope, receive, send))).result()
    return Headers(raw=sent[0]["headers"])


def test_a_page_asked_for_without_a_cookie_sets_one_and_with_it_keeps_it() -> None:
    cookie = answered("/")["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert cookie.endswith("; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")
    assert "set-cookie" not in answered("/", cookie=cookie.partition(";")[0])


def test_a_cookie_that_is_none_of_ours_is_replaced() -> None:
    assert "set-cookie" in answered("/", cookie=f"{COOKIE}=../../etc")


def test_only_pages_set_cookies_and_announce_what_they_need() -> None:
    words = answered("/words", accept="*/*")
    assert "set-cookie" not in words
    assert "link" not in words
    assert words["x-content-type-options"] == "nosniff"
    assert answered("/")["link"] == "home"
    assert answered("/lab")["link"] == "others"


def test_over_https_the_cookie_stays_there() -> None:
    assert answered("/", scheme="https")["set-cookie"].endswith("; Secure")


def test_the_policy_allows_no_inline_script_but_streamlits_own() -> None:
    scripts = next(rule for rule in content_security_policy().split("; ") if rule.startswith("script-src"))
    assert "'unsafe-inline'" not in scripts
    assert "'unsafe-eval'" not in scripts
    assert scripts.count("'sha256-") >= 1


def test_a_figure_travels_as_base64_arrays_without_its_template() -> None:
    figure = go.Figure(go.Heatmap(z=np.zeros((64, 64), dtype=np.float32)), layout={"title": "t"})
    text = plots.as_json(figure)
    spec = json.loads(text)
    assert spec["data"][0]["z"]["dtype"] == "f4"
    assert "template" not in spec["layout"]
    assert len(text) < 24_000  # 64 × 64 float32 are 16 KiB, 22 KiB in base64


def test_gaps_travel_as_null_which_browsers_can_parse() -> None:
    spec = json.loads(plots.as_json(go.Figure(go.Scatter(y=[1.0, float("nan"), 2.0]))), parse_constant=pytest.fail)
    assert spec["data"][0]["y"] == [1.0, None, 2.0]


def test_addresses_change_with_what_they_serve() -> None:
    one, other = (
        plots._asset(f"{plots._digest(b'a')}/plot.js", b"a"),
        plots._asset(f"{plots._digest(b'b')}/plot.js", b"b"),
    )
    assert one.url != other.url
    assert one.tag != other.tag


def test_the_shim_that_travels_with_every_message_is_small() -> None:
    assert len(plots._shim()) < 1000


def test_a_plot_too_low_to_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"height must be at least 80 px; got 10\. Try height=360\."):
        plots.plot(go.Figure(), "low", height=10)
