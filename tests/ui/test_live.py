"""The run panel: who may do what, what is said, what is stale, what is stored. Runs wait in the queue meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.engine.records import RunRecord
from core.engine.scheduler import Limits, Scheduler
from tests.apps import link, ran
from tests.ui.idle import finished_run, idle_engine
from ui import panel
from ui.live import _duration, _progress_text
from ui.panel import seed_text
from ui.security import COOKIE

Read = Callable[[AppTest], AppTest]
ANNA, BEN = "anna-anna-anna-anna-22", "ben-ben-ben-ben-ben-22"


def panel_script() -> None:
    import streamlit as st

    from core import catalog
    from ui.form import form
    from ui.live import follow, live, train_buttons

    kettle = catalog.get("kettle")
    settings = form(kettle, ("training",) if st.session_state.get("hide") else ())
    snapshot = live(kettle, settings, lambda now: st.text(f"draws {now.run.id}" if now else "draws nothing"))
    train_buttons(kettle, settings, across="water", down="band")
    follow(kettle, snapshot, lambda now: st.text(f"follows {now.run.id}" if now else "follows nothing"), key="more")


def opened(owner: str = ANNA, **link: str) -> AppTest:
    app = AppTest.from_function(panel_script, default_timeout=60)
    app.session_state[COOKIE] = owner
    app.query_params.update(link)
    return ran(app)


def press(app: AppTest, name: str) -> AppTest:
    app.button(key=f"kettle:{name}").click()
    return ran(app)


def main_label(app: AppTest) -> str:
    return app.button(key="kettle:main").label


def disabled(app: AppTest) -> set[str]:
    return {name for name in ("step", "stop", "reset", "seed") if app.button(key=f"kettle:{name}").disabled}


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.warning, *app.info, *app.error))


def words(app: AppTest) -> str:
    return "\n".join(one.value for one in app.caption)


def state(engine: Scheduler, run: str) -> str:
    return record(engine, run).state


def record(engine: Scheduler, run: str) -> RunRecord:
    snapshot = engine.snapshot(run)
    assert snapshot is not None
    return snapshot.run


@pytest.fixture
def once_read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """Runs a page again after the time that a message stays."""

    def read(app: AppTest) -> AppTest:
        with monkeypatch.context() as patch:
            patch.setattr(panel, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + panel.READING_SECONDS))
            return ran(app)

    return read


def test_before_the_first_run_there_is_nothing_to_stop(engine: Scheduler) -> None:
    app = opened()
    assert main_label(app) == "Run"
    assert disabled(app) == {"step", "stop", "reset"}
    assert "Nothing trained here yet. Runs on CPU" in words(app)
    assert [one.value for one in app.text] == ["draws nothing", "follows nothing"]


def test_run_starts_what_the_form_says_and_everything_draws_it(engine: Scheduler) -> None:
    app = press(opened(water="hard", seeds="3", first_seed="4"), "main")
    run = link(app)["run"]
    started = record(engine, run)
    assert (started.config["water"], started.seeds, started.owner) == ("hard", (4, 5, 6), ANNA)
    assert [one.value for one in app.text] == [f"draws {run}", f"follows {run}"]
    assert main_label(app) == "Pause"
    assert disabled(app) == set()
    assert "Queued · 0 of 3 seeds done · 3 waiting · number 1 in the queue" in app.get("progress")[0].proto.text


def test_pause_and_resume_are_one_button(engine: Scheduler) -> None:
    app = press(opened(), "main")
    run = link(app)["run"]
    assert main_label(press(app, "main")) == "Resume"
    assert state(engine, run) == "paused"
    assert main_label(press(app, "main")) == "Pause"
    assert state(engine, run) == "queued"


def test_step_pauses(engine: Scheduler) -> None:
    app = press(opened(), "main")
    assert main_label(press(app, "step")) == "Resume"
    assert state(engine, link(app)["run"]) == "paused"


def test_stop_ends_the_run_and_keeps_it_on_screen(engine: Scheduler) -> None:
    app = press(opened(), "main")
    run = link(app)["run"]
    press(app, "stop")
    assert state(engine, run) == "stopped"
    assert app.get("progress")[0].proto.text.startswith("Stopped")
    assert link(app)["run"] == run
    assert main_label(app) == "Run"
    assert disabled(app) == {"step", "stop"}
    assert said(app) == ""


def test_reset_clears_the_run_and_keeps_the_seeds(engine: Scheduler) -> None:
    app = press(opened(first_seed="6"), "main")
    run = link(app)["run"]
    press(app, "reset")
    assert state(engine, run) == "stopped"
    assert "run" not in link(app)
    assert link(app)["first_seed"] == "6"
    assert app.text[0].value == "draws nothing"


def test_a_new_seed_clears_the_run_and_draws_other_seeds(engine: Scheduler) -> None:
    app = press(opened(first_seed="6", seeds="4"), "main")
    run, seeds = link(app)["run"], set()
    for _ in range(3):
        press(app, "seed")
        seeds.add(link(app)["first_seed"])
    assert state(engine, run) == "stopped"
    assert "run" not in link(app)
    assert len(seeds | {"6"}) > 2
    assert link(app)["seeds"] == "4"


def test_a_viewer_can_watch_but_neither_pause_nor_step_nor_stop(engine: Scheduler, once_read: Read) -> None:
    run = link(press(opened(), "main"))["run"]
    viewer = opened(BEN, run=run)
    assert viewer.text[0].value == f"draws {run}"
    for button, act in (("main", "pause it"), ("step", "step it"), ("stop", "stop it")):
        press(viewer, button)
        assert f"Somebody else started this run; only they can {act}." in said(viewer)
        assert state(engine, run) == "queued"
    assert "Somebody else" in said(ran(viewer))  # a poll does not take it away
    assert said(once_read(viewer)) == ""
    assert viewer.toggle(key=f"kettle:keep:{run}").disabled


def test_a_viewers_reset_leaves_the_run_to_its_owner(engine: Scheduler) -> None:
    owner = press(opened(), "main")
    run = link(owner)["run"]
    viewer = press(opened(BEN, run=run), "reset")
    assert "run" not in link(viewer)
    assert state(engine, run) == "queued"
    assert main_label(ran(owner)) == "Pause"


def test_the_same_training_is_joined_and_said(engine: Scheduler) -> None:
    run = link(press(opened(), "main"))["run"]
    second = press(opened(BEN), "main")
    assert link(second)["run"] == run
    assert "running already: you are watching it now" in said(second)
    assert len(engine.live()) == 1


def test_a_new_session_of_the_same_browser_finds_its_live_run(engine: Scheduler) -> None:
    run = link(press(opened(), "main"))["run"]
    assert link(opened(ANNA))["run"] == run
    assert "run" not in link(opened(BEN))


def test_keep_training_is_the_owners_switch(engine: Scheduler) -> None:
    app = press(opened(), "main")
    run = link(app)["run"]
    for on in (True, False):
        app.toggle(key=f"kettle:keep:{run}").set_value(on)
        ran(app)
        assert record(engine, run).keep is on
        assert app.toggle(key=f"kettle:keep:{run}").value is on


@pytest.mark.parametrize(
    ("knob", "kind", "value", "moved"),
    [
        ("water", "radio", "hard", "Water: soft water → hard water"),
        ("lid", "toggle", False, "Lid: on → off"),
        ("fill", "number_input", 1.5, "Fill: 0.5 l → 1.5 l"),
        ("steps", "number_input", 7, "Steps: 3 → 7"),
        ("seeds", "number_input", 3, "seeds: seeds 0, 1 → seeds 0–2"),
    ],
)
def test_curves_are_stale_once_a_knob_that_retrains_has_moved(
    engine: Scheduler, knob: str, kind: str, value: object, moved: str
) -> None:
    app = press(opened(), "main")
    run = link(app)["run"]
    getattr(app, kind)(key=f"kettle:{knob}").set_value(value)
    assert f"The curves are of earlier settings. Moved since: {moved}." in said(ran(app))
    press(app, "again")  # stops the old one and runs the new settings
    assert state(engine, run) == "stopped"
    assert link(app)["run"] != run
    assert said(app) == ""


def test_curves_are_not_stale_for_a_knob_that_only_redraws(engine: Scheduler) -> None:
    app = press(opened(), "main")
    app.radio(key="kettle:band").set_value("range")
    assert said(ran(app)) == ""
    assert link(app)["band"] == "range"


def test_a_stored_result_of_these_settings_is_offered_and_shown(engine: Scheduler) -> None:
    config = catalog.get("kettle").config()
    stored = finished_run(engine, "kettle", config, (0, 1, 2), {"heat": [1.0, 2.0]})
    app = opened()
    assert app.button(key="kettle:stored").label.startswith("Show stored result (seeds 0–2, ")
    press(app, "stored")
    assert link(app)["run"] == stored
    assert app.text[0].value == f"draws {stored}"
    assert not [one for one in app.button if one.key == "kettle:stored"]
    assert app.get("progress")[0].proto.text.startswith("Finished · 3 of 3 seeds done")


@pytest.mark.parametrize("link_of", [{"water": "hard"}, {"seeds": "5"}, {"first_seed": "2"}])
def test_no_stored_result_is_offered_for_other_settings_or_more_seeds(
    engine: Scheduler, link_of: dict[str, str]
) -> None:
    finished_run(engine, "kettle", catalog.get("kettle").config(), (0, 1, 2), {"heat": [1.0]})
    app = opened(**link_of)
    assert not [one for one in app.button if one.key == "kettle:stored"]


def test_seeds_that_are_stored_already_are_said(engine: Scheduler) -> None:
    finished_run(engine, "kettle", catalog.get("kettle").config(), (0, 1), {"heat": [1.0]})
    app = press(opened(seeds="3"), "main")
    assert "Stored already: seeds 0, 1. Only the others train." in said(app)


def test_an_unknown_run_in_a_link_is_said_and_forgotten(engine: Scheduler, once_read: Read) -> None:
    app = opened(run="<b>nothing</b>")
    assert "The run in this link is not stored on this machine." in said(app)
    assert "run" not in link(app)
    assert said(once_read(app)) == ""
    assert main_label(app) == "Run"


def test_run_after_a_stopped_run_shows_the_new_one(engine: Scheduler) -> None:
    app = press(press(opened(), "main"), "stop")
    old = link(app)["run"]
    new = link(press(app, "main"))["run"]
    assert new != old
    assert app.text[0].value == f"draws {new}"
    app.query_params["run"] = old  # the browser's back button
    assert ran(app).text[0].value == f"draws {old}"


def test_reset_does_not_bring_up_another_live_run_of_the_same_browser(engine: Scheduler) -> None:
    app = opened()
    engine.start("kettle", catalog.get("kettle").config(lid=False), (0,), ANNA)
    press(press(app, "main"), "reset")
    assert "run" not in link(app)
    assert len(engine.live()) == 1


def test_a_run_of_another_lab_is_said_and_forgotten(engine: Scheduler, once_read: Read) -> None:
    padding = catalog.get("padding")
    run = engine.start("padding", padding.config(), (0,), ANNA).run_id
    app = opened(run=run)
    assert "The run in this link belongs to another lab." in said(app)
    assert "run" not in link(app)
    assert said(once_read(app)) == ""


def test_a_button_of_the_table_sets_the_form_and_trains_that_cell(engine: Scheduler) -> None:
    app = press(opened(), "cell:range:hard")
    assert record(engine, link(app)["run"]).config["water"] == "hard"
    assert app.radio(key="kettle:water").value == "hard"
    assert app.radio(key="kettle:band").value == "range"
    assert said(app) == ""


def test_other_live_runs_of_this_browser_can_be_shown(engine: Scheduler) -> None:
    first = link(press(opened(), "main"))["run"]
    app = press(opened(ANNA, water="hard"), "main")
    second = link(app)["run"]
    (offer,) = [one for one in app.button if one.key.startswith("kettle:live:")]
    assert offer.label == "Also queued: soft. Show it"
    offer.click()
    assert link(ran(app))["run"] == first
    assert [one.key for one in app.button if one.key.startswith("kettle:live:")] == [f"kettle:live:{second}"]
    assert not [one for one in opened(BEN).button if one.key.startswith("kettle:live:")]


@pytest.fixture
def crowded(toys: None, tmp_path: Path) -> Iterator[Scheduler]:
    """An engine that lets everybody have one run."""
    with idle_engine(tmp_path / "home", Limits(per_owner=1)) as made:
        yield made


def test_beyond_the_limit_a_sentence_says_so(crowded: Scheduler) -> None:
    first = press(opened(), "main")
    run = link(first)["run"]
    press(first, "cell:std:hard")
    assert "At most 1 of your runs may be live at once, and 1 are. Stop one, or wait" in said(first)
    assert link(first)["run"] == run
    assert "run" in link(press(opened(BEN), "main"))  # somebody else may


def test_progress_counts_only_seeds_that_there_are(engine: Scheduler) -> None:
    config = catalog.get("kettle").config()
    snapshot = engine.snapshot(engine.start("kettle", config, (0, 1, 2), ANNA).run_id)
    assert snapshot is not None
    for states, text in (
        (("running", "running", "finished"), "Running · 1 of 3 seeds done · 2 training · 7 s left · a CPU"),
        (("running", "queued", "queued"), "Running · 0 of 3 seeds done · 1 training · 2 waiting · 7 s left · a CPU"),
    ):
        run = replace(snapshot.run, state="running", device_name="a CPU")
        seeds = dict(zip((0, 1, 2), states, strict=True))
        now = replace(snapshot, run=run, seed_states=seeds, seconds_left=7.2, queue_position=None, viewers=1)
        assert _progress_text(now) == text


def test_durations_and_seeds_read_well() -> None:
    assert [_duration(seconds) for seconds in (0.4, 99.0, 100.0, 3725.0)] == ["0 s", "99 s", "1 min 40 s", "62 min 5 s"]
    assert [seed_text(seeds) for seeds in ((4,), (1, 0), (2, 0, 1), (0, 2, 4))] == [
        "seed 4",
        "seeds 0, 1",
        "seeds 0–2",
        "seeds 0, 2, 4",
    ]


def test_a_new_seed_can_be_drawn_while_the_training_knobs_are_hidden(engine: Scheduler) -> None:
    app = opened(first_seed="6", seeds="4")
    app.session_state["hide"] = True  # as a lesson does; Streamlit then forgets what they were set to
    ran(ran(app))
    seeds = {link(press(app, "seed"))["first_seed"] for _ in range(3)}
    assert len(seeds | {"6"}) > 2
    assert link(app)["seeds"] == "4"
