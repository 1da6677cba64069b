"""The graph lab's own controls: buttons for a model, who is looked at, own graphs, the sources' table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.data.own_graphs import EXAMPLE_EDGES, EXAMPLE_NODES, names
from core.engine.scheduler import Scheduler
from core.experiments.nodes import EXPERIMENT, NodesConfig
from tests.apps import link, opened, ran
from tests.figures.test_graph import FOUND, TERMS
from tests.ui.conftest import Answers, Asked
from tests.ui.idle import finished_run

pytestmark = pytest.mark.usefixtures("page_engine")


@pytest.fixture
def asked(answering: Callable[[Answers], Asked]) -> Asked:
    """What the page asks of a net, answered for a graph of four nodes."""
    return answering({"picture": lambda _: FOUND, "neighbourhood": lambda _: TERMS})


def test_one_row_of_buttons_trains_every_model_on_the_same_seeds(page_engine: Scheduler, asked: Asked) -> None:
    app = opened("graph", seeds="1", first_seed="60", epochs="2")
    app.button(key="nodes:row:model:all").click()
    ran(app)
    live = page_engine.live()
    try:
        assert sorted(run.config["model"] for run in live) == ["gat", "gcn", "mlp", "sage"]
        assert {(run.config["epochs"], run.seeds) for run in live} == {(2, (60,))}
    finally:
        for run in live:
            page_engine.stop(run.id, run.owner)


def test_irrelevant_neighbours_are_trained_for_gcn_and_gat_alone(page_engine: Scheduler, asked: Asked) -> None:
    app = opened("graph", seeds="1", first_seed="61", epochs="2")
    keys = [one.key for one in app.button if (one.key or "").startswith("nodes:cell:g")]
    assert len(keys) == 10 and "nodes:cell:gat:0.5" in keys
    app.button(key="nodes:cell:gat:0.5").click()
    ran(app)
    live = page_engine.live()
    try:
        assert [(run.config["model"], run.config["noisy_edges"]) for run in live] == [("gat", 0.5)]
        assert link(app)["noisy_edges"] == "0.5"
    finally:
        for run in live:
            page_engine.stop(run.id, run.owner)


def test_a_node_is_chosen_by_its_number_and_its_sum_is_shown(asked: Asked) -> None:
    app = opened("graph", model="gat")  # a recorded one
    (node,) = (one for one in app.number_input if "or click one" in one.label)
    assert node.label == "Node (0 to 3), or click one"
    node.set_value(2)
    ran(app)
    assert asked[-1] == ("neighbourhood", {"split_seed": 0, "node": 2})
    assert any("difference 0.0e+00" in one.value for one in app.markdown)
    (head,) = (one for one in app.selectbox if one.label == "Head")
    head.set_value(3)
    ran(app)
    assert ("picture", {"split_seed": 0, "layer": 0, "head": 3}) in asked


def test_the_sources_single_figures_stand_beside_ten_splits(asked: Asked) -> None:
    app = opened("graph")
    (table,) = (one.value for one in app.table if "The sources (%)" in one.value.columns)
    assert list(table["The sources (%)"]) == ["65.15 (one run)", "80.57 and 74.26 (two runs)"]
    assert all("(n = 10)" in one for one in table["Test accuracy (%)"])


def test_results_of_this_machine_are_held_side_by_side(page_engine: Scheduler, asked: Asked) -> None:
    for model, last in (("gcn", 81.0), ("gat", 84.0)):
        config = NodesConfig(epochs=3, model=model)
        values = {key: [[0.5, 0.6, last], [0.5, 0.6, last - 2]] for key in EXPERIMENT.summary}
        finished_run(page_engine, "nodes", config, (0, 1), values)
    app = opened("graph", epochs="3")
    table = next(one.value for one in app.table if list(one.value.columns)[:2] == ["Model", "Test accuracy (%)"])
    assert list(table["Test accuracy (%)"]) == ["80.00 ± 1.00 (n = 2)", "83.00 ± 1.00 (n = 2)"]


def test_an_own_graph_is_added_offered_and_a_bad_one_is_refused(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    app = opened("graph", graph="own")

    def add(name: str, nodes: str) -> None:
        edges, table = (one for one in app.file_uploader if "CSV" in one.label)
        edges.set_value(("edges.csv", EXAMPLE_EDGES.encode(), "text/csv"))
        table.set_value(("nodes.csv", nodes.encode(), "text/csv"))
        next(one for one in app.text_input if one.label == "Name of the graph").set_value(name)
        ran(app)
        next(one for one in app.button if one.label == "Add this graph").click()
        ran(app)

    add("friends", EXAMPLE_NODES.replace("blue", "red"))
    assert any("from 2 to 10 classes; got 1" in one.value for one in app.error) and names() == []
    add("friends", EXAMPLE_NODES)
    assert any("12 nodes, 15 edges, 2 classes" in one.value for one in app.success) and names() == ["friends"]
    (offered,) = (one for one in app.selectbox if one.label == "My own graph")
    assert "friends" in offered.options and np.all([one.label != "Nodes" for one in app.number_input])
