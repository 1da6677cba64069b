"""A against B: pinning, changing one knob, what differs, and what seed noise says of it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.engine.scheduler import Scheduler
from tests.ui.idle import finished_run
from tests.ui.test_live import link, main_label, opened, press, ran, record, words


def stored(engine: Scheduler, values: list[list[float]], **settings: object) -> str:
    """A finished run of the kettle: one list of heats a seed, its last value counts."""
    return finished_run(engine, "kettle", catalog.get("kettle").config(**settings), (0, 1, 2, 3), {"heat": values})


def keys(app: AppTest) -> set[str]:
    return {str(one.key) for one in app.button}


def tables(app: AppTest) -> list[dict[str, list[object]]]:
    return [found for one in app.table if "B − A" in (found := one.value.to_dict("list"))]


def test_nothing_is_offered_to_compare_before_there_is_a_run(engine: Scheduler) -> None:
    assert not {"kettle:pin", "kettle:unpin", "kettle:train B"} & keys(opened())


def test_b_starts_with_as_seeds_and_one_knob_different(engine: Scheduler) -> None:
    app = press(opened(seeds="3", first_seed="6", fill="1.5"), "main")
    a = link(app)["run"]
    assert app.button(key="kettle:train B").disabled  # B would be A
    app.radio(key=f"kettle:B:{a}:water").set_value("hard")
    press(ran(app), "train B")
    b = link(app)["run"]
    assert b != a
    first, second = record(engine, a), record(engine, b)
    assert second.seeds == first.seeds == (6, 7, 8)
    assert {name for name in first.config if first.config[name] != second.config[name]} == {"water"}
    assert "**A → B** · Water: soft water → hard water" in "\n".join(one.value for one in app.markdown)
    assert (link(app)["water"], link(app)["seeds"], link(app)["fill"]) == ("hard", "3", "1.5")
    assert first.state == "queued" and main_label(app) == "Pause"  # both train


def test_any_knob_can_be_the_one(engine: Scheduler) -> None:
    app = press(opened(), "main")
    app.selectbox(key="kettle:B knob").set_value("fill")
    ran(app)
    app.number_input(key=f"kettle:B:{link(app)['run']}:fill").set_value(1.0)
    press(ran(app), "train B")
    assert record(engine, link(app)["run"]).config["fill"] == 1.0


def test_deltas_are_signed_and_judged_against_seed_noise(engine: Scheduler) -> None:
    a = stored(engine, [[1.0], [1.1], [0.9], [1.0]])
    b = stored(engine, [[5.0], [5.2], [4.9], [5.1]], water="hard")
    app = press(opened(run=a), "pin")
    assert "**A** is pinned" in words(app)
    app.query_params["run"] = b
    (found,) = tables(ran(app))
    assert found["B − A"] == ["+4.05"]
    assert found["A"] == ["1.00 ± 0.07 (n = 4)"]
    assert "bigger than seed noise" in str(found["Bigger than seed noise?"][0])
    press(app, "unpin")
    assert not tables(app)


def test_few_noisy_seeds_cannot_tell(engine: Scheduler) -> None:
    a = stored(engine, [[1.0], [3.0], [2.0], [4.0]])
    b = stored(engine, [[3.0], [1.0], [4.0], [2.5]], lid=False)
    app = press(opened(run=a), "pin")
    app.query_params["run"] = b
    (found,) = tables(ran(app))
    assert str(found["Bigger than seed noise?"][0]).startswith("Cannot tell with 4 seeds")


@pytest.mark.parametrize("other", ["0123456789abcdef", "<b>no</b>"])
def test_a_baseline_that_is_not_here_is_let_go_of(engine: Scheduler, other: str) -> None:
    app = opened(baseline=other)
    assert "kettle:unpin" not in keys(app)
    assert "baseline" not in link(app)


def test_a_link_carries_the_comparison(engine: Scheduler) -> None:
    a = stored(engine, [[1.0], [1.1], [0.9], [1.0]])
    b = stored(engine, [[5.0], [5.2], [4.9], [5.1]], water="hard")
    app = press(opened(run=a), "pin")
    assert link(app)["baseline"] == a
    other = opened(**(link(app) | {"run": b}))
    assert "Water: soft water → hard water" in "\n".join(one.value for one in other.markdown)
    assert not other.warning
    press(other, "unpin")
    assert "baseline" not in link(other)
