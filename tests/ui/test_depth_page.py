"""The depth lab's own controls: a button for each cell of its table, and one epoch where there is nothing to slide."""

from __future__ import annotations

import pytest

from core.engine.scheduler import Scheduler
from tests.apps import link, opened, ran

pytestmark = pytest.mark.usefixtures("page_engine")


def test_a_button_trains_its_depth_with_or_without_residual_connections(page_engine: Scheduler) -> None:
    app = opened("depth", seeds="1", first_seed="70", width="4")
    app.button(key="depth:cell:True:56").click()
    ran(app)
    record = page_engine.snapshot(link(app)["run"]).run
    try:
        assert (record.config["layers"], record.config["residual"], record.config["width"]) == (56, True, 4)
        assert record.seeds == (70,)
    finally:
        page_engine.stop(record.id, record.owner)


def test_nets_that_are_not_trained_are_named() -> None:
    said = [one.value for one in opened("depth", epochs="1").caption]
    assert any(
        "Not trained yet with 56 layers and the form's other settings: plain; residual; plain, no" in one
        for one in said
    )


def test_one_epoch_has_no_slider() -> None:
    assert not [one for one in opened("depth", epochs="1").select_slider if one.label == "Epoch"]
    assert [one.value for one in opened("depth").select_slider if one.label == "Epoch"] == [16]
