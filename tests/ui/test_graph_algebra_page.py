"""The graph algebra lab: clicks that draw, a graph that travels as text, steps that stay, odd texts."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.demos.graph_algebra import DEMO, read_graph
from core.figures.graph_algebra import NODES
from tests.apps import link, opened, ran
from ui import graph_algebra as page
from ui.plot import Point

pytestmark = pytest.mark.usefixtures("page_engine")


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.code, *app.info))


def clicked(app: AppTest, chart: str, monkeypatch: pytest.MonkeyPatch, *points: Point) -> AppTest:
    """The page after clicks on a chart, which AppTest cannot make: one run each."""
    for point in points:
        waiting = [point]
        monkeypatch.setattr(
            page, "newly_clicked", lambda key, waiting=waiting: waiting.pop() if key == chart and waiting else None
        )
        ran(app)
    return app


def node(number: int) -> Point:
    return Point(NODES, (number - 1,))


def test_two_clicks_draw_an_edge_that_travels_and_can_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("graph_algebra")
    clicked(app, page.DRAWING, monkeypatch, node(1), node(4))
    assert (link(app)["graph"], link(app)["edges"]) == ("own", "1-2 1-3 1-4 1-5 2-3 3-4")
    assert "**6** edges" in said(app) and "A² at row 1, column 1: **4** walks" in said(app)
    clicked(app, page.DRAWING, monkeypatch, node(2), node(3))
    assert "2-3" not in link(app)["edges"]
    for edges in ("1-2 1-3 1-4 1-5 2-3 3-4", None):
        app.button(key=page.KEY + ":undo").click()
        assert link(ran(app)).get("graph") == ("own" if edges else "left")
        assert edges is None or link(app)["edges"] == edges
    again = opened("graph_algebra", graph="own", edges="1-2 4")
    assert "**4** nodes, **1** edge, **3** connected pieces" in said(again)


def test_clicks_that_are_none_of_a_node_draw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("graph_algebra")
    clicked(app, page.DRAWING, monkeypatch, Point(0, (0,)), node(9), Point(7, (1, 2)), node(2), node(2))
    assert link(app)["graph"] == "left" and app.selectbox(key=page.NODE).value == page.NOBODY


def test_a_cell_chooses_the_pair_whose_walks_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("graph_algebra", power="3")
    clicked(app, page.POWERS, monkeypatch, Point(0, (0, 3)))
    assert "A³ at row 1, column 4: **1** walk of length 3" in said(app) and "1 → 2 → 3 → 4   path" in said(app)
    app.selectbox(key="graph_algebra:graph").set_value("path")
    ran(app).number_input(key="graph_algebra:size").set_value(2)
    assert "row 1, column 2: **1** walk" in said(ran(app))


def test_nodes_come_go_and_keep_their_numbers() -> None:
    app = opened("graph_algebra", features="1 2; 3 4; 5 6; 7 8; 9 10")
    app.selectbox(key=page.NODE).set_value(2)
    ran(app).number_input(key="graph_algebra:x1:2").set_value(-4.5)
    assert link(ran(app))["features"] == "1 2; 3 -4.5; 5 6; 7 8; 9 10"
    app.button(key=page.KEY + ":remove").click()
    assert link(ran(app))["edges"] == "1-2 1-4 2-3" and link(app)["features"] == "1 2; 5 6; 7 8; 9 10"
    app.button(key=page.KEY + ":add").click()
    assert link(ran(app))["edges"].endswith(" 5") and app.selectbox(key=page.NODE).value == 5
    assert link(app)["features"].endswith("; 0 0")


def test_a_large_graph_is_looked_at_and_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened("graph_algebra", graph="karate")
    clicked(app, page.DRAWING, monkeypatch, node(1), node(34))
    assert link(app)["graph"] == "karate" and app.selectbox(key=page.NODE).value == 34
    assert not any(one.label in ("Add a node", "Edit as text") for one in app.button)


def test_odd_texts_are_said_in_words_and_the_rest_is_used() -> None:
    app = opened("graph_algebra", graph="own", edges="1-2 <b>x</b> 2-2", features="1 x", w="7", worked_h="?")
    notes = "\n".join(one.value for one in app.info)
    for part in ("`<b>x</b>` was left out", "`2-2` was left out", "`1 x` is none", "`7` is none", "`?` is none"):
        assert part in notes
    assert "**2** nodes, **1** edge" in said(app) and "h₁′ = **(0, 0.8)**" in said(app)


def test_steps_stay_over_reruns_go_back_and_begin_anew_with_another_graph() -> None:
    app = opened("graph_algebra", graph="right", features="1 0; 0 0; 0 0; 0 0; 0 0; 0 0")
    step = {name: f"graph_algebra:laplacian:{name}" for name in ("next", "back", "undo", "start")}
    for _ in range(2):
        app.button(key=step["next"]).click()
        ran(app)
    assert "F2 = d2·x2 − x1 − x3 − x5 = 3·(0, 0) − (1, 0) − (0, 0) − (0, 0) = (−1, 0)" in said(app)
    app.slider(key="graph_algebra:power:here").set_value(3)
    assert "F2 = d2" in said(ran(app))
    for name, shown in (("back", "F1 = d1"), ("undo", "F2 = d2"), ("start", "Press Next"), ("undo", "F2 = d2")):
        app.button(key=step[name]).click()
        assert shown in said(ran(app))
    app.selectbox(key="graph_algebra:graph").set_value("left")
    assert "Press Next: node 1 of 5" in said(ran(app))


def test_a_typed_sentence_and_the_worked_numbers_stand_in_the_link() -> None:
    app = opened("graph_algebra")
    app.text_input(key="graph_algebra:sentence:here").set_value("one two three")
    app.text_input(key="graph_algebra:worked_weights:here").set_value("1 0 0")
    ran(app)
    assert "3 words: **6** directed edges, **9** with self loops" in said(app)
    assert "Agg = **(−2, 2)**" in said(app) and link(app)["worked_weights"] == "1 0 0"


def test_the_lesson_is_ticked_by_what_was_done() -> None:
    app = opened("graph_algebra", lesson="graph-walks")
    assert link(app)["power"] == "1" and not app.text_input
    app.radio(key="lesson:guess:diagonal").set_value("3")
    ran(app).slider(key="graph_algebra:power:here").set_value(2)
    ran(app)
    assert any("2 of 7 steps" in str(one.proto) for one in app.get("progress"))


def test_the_largest_drawn_graph_fits_its_field() -> None:
    edges = " ".join(f"{one}-{other}" for one in range(1, 13) for other in range(one + 1, 13))
    assert len(edges) <= DEMO.config.knob("edges").longest and len(read_graph(edges)[0].edges) == 66
