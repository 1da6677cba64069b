"""A run as one HTML file: complete, escaped, and without a wire to the outside."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import plotly.graph_objects as go
import pytest

from core.export.page import Drawing, page
from tests.export.samples import CONFIG, KETTLE, finished

ATTACK = "</script><img src=x onerror=alert(1)>"


def drawing(name: str, caption: str = "") -> Drawing:
    return Drawing(go.Figure(go.Scatter(y=[1, 2], name=name)).to_json(), 300, caption)


@pytest.fixture(scope="module")
def body() -> str:
    empty = Drawing(go.Figure().to_json())
    return page(KETTLE, finished(), [drawing(ATTACK), empty, drawing("lid", f"Below. {ATTACK}")]).decode()


def figures(body: str) -> list[dict[str, object]]:
    found = re.search(r'<script id="figures" type="application/json">(.*?)</script>', body, re.DOTALL)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_figures_with_data_are_in_the_file_at_their_height(body: str) -> None:
    shown = figures(body)
    assert [one["data"][0]["name"] for one in shown] == [ATTACK, "lid"]  # type: ignore[index]
    assert [one["height"] for one in shown] == [300, 300]
    assert body.count('<div id="figure-') == 2


def test_the_library_is_inlined_once_and_nothing_is_fetched(body: str) -> None:
    assert body.count("plotly.js v") == 1
    assert "default-src 'none'" in body
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", body.split("<script>")[0])


def test_names_stay_text(body: str) -> None:
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.append(tag)

    tags = Tags()
    tags.feed(body)
    assert "img" not in tags.seen and "b" not in tags.seen
    assert tags.seen.count("script") == 3
    assert "Kettle &lt;b&gt;&amp; lid&lt;/b&gt;" in body


def test_settings_result_and_command_line_are_readable(body: str) -> None:
    for name, value in {
        "Water": "hard water",
        "Lid": "off",
        "Fill": "0.5 l",
        "Seeds": "4, 5",
        "heat": "44.50 ± 0.50 (n = 2)",
        "torch": "2.13",
        "device": "a &lt;CPU&gt;",
    }.items():
        assert f"<tr><th>{name}</th><td>{value}</td></tr>" in body
    assert "<th>Band</th>" not in body
    assert "python -m core run kettle --water hard" in body
    assert "Finished, 2025-10-09, run 0123456789abcdef." in body


def test_figures_of_other_settings_are_said_to_be() -> None:
    made = page(KETTLE, finished(), [drawing("lid")], CONFIG.model_copy(update={"water": "soft"})).decode()
    assert "tables and pictures are of the form as it stood then: " in made and "Water = soft water." in made
    assert "as it stood then" not in page(KETTLE, finished(), [drawing("lid")], CONFIG).decode()


def test_a_recorded_run_says_so() -> None:
    assert "Recorded one day. 10 s of training." in page(KETTLE, finished(recorded="recorded one day"), []).decode()
