"""The cost lab's own controls: one button measures several kernels, a bad list of lengths is said and not shown."""

from __future__ import annotations

import pytest

from core.engine.scheduler import Scheduler
from tests.apps import link, opened, ran

pytestmark = pytest.mark.usefixtures("page_engine")


def test_one_button_measures_several_kernels_and_shows_the_first(page_engine: Scheduler) -> None:
    app = opened("attention_cost", seeds="1", first_seed="80", lengths="128,256")
    app.button(key="attention_cost:measure").click()
    ran(app)
    live = [run for run in page_engine.live() if run.experiment == "attention_cost"]
    try:
        asked = sorted((run.config["kernel"], run.config["causal"]) for run in live)
        assert asked == [*((one, False) for one in ("favor", "linear")), ("linear", True),
                         *((one, False) for one in ("quadratic", "softmax", "written"))]  # fmt: skip
        assert {run.config["lengths"] for run in live} == {"128,256"}
        assert page_engine.snapshot(link(app)["run"]).run.config["kernel"] == "linear"
    finally:
        for run in live:
            page_engine.stop(run.id, run.owner)


def test_a_bad_list_of_lengths_is_an_error_in_words() -> None:
    app = opened("attention_cost")
    app.text_input(key="attention_cost:lengths").set_value("abc")
    app.run()
    assert not app.exception
    assert [one.value for one in app.error if "lengths must be 1 to 16 whole numbers from 128 to 65536" in one.value]


def test_a_link_with_bad_lengths_is_clamped_with_a_message() -> None:
    app = opened("attention_cost", lengths="70000")
    assert app.text_input(key="attention_cost:lengths").value.startswith("256,")
    assert any("lengths must be" in one.value for one in app.warning)


def test_only_backends_of_this_machine_are_offered() -> None:
    app = opened("attention_cost", kernel="softmax")
    options = app.get("selectbox") + app.get("radio")
    (backend,) = [one for one in options if one.key == "attention_cost:backend"]
    assert "cuDNN" not in backend.options and "torch's choice" in backend.options
