"""The Runs page: finding, choosing, comparing, noting, pinning and deleting stored runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from core.engine import library
from core.engine.library import LONGEST_NOTE
from core.engine.scheduler import Scheduler
from tests.apps import ran
from tests.engine.helpers import eventually
from tests.ui.idle import finished_run
from ui import picking, runs
from ui.labs import ROOT
from ui.security import COOKIE

ATTACK = "<img src=x onerror=alert(1)> **bold** ![x](y) :red[z] </script>"


def opened(owner: str = "the tests") -> AppTest:
    """The page through the router. `finished_run` stores runs of an owner called "the tests"."""
    app = AppTest.from_file(str(ROOT / "ui" / "router.py"), default_timeout=60)
    app.session_state[COOKIE] = owner
    ran(app)
    return ran(app.switch_page("../pages/runs.py"))


def stored(engine: Scheduler, seeds: tuple[int, ...] = (0,), heat: float = 1.0, **settings: object) -> str:
    kettle = catalog.get("kettle")
    return finished_run(engine, "kettle", kettle.config(**settings), seeds, {"heat": [heat / 2, heat]})


def listed(app: AppTest) -> list[dict[str, str]]:
    """The rows of the list."""
    tables = [one for one in app.dataframe if "runs:table" in (one.key or "")]
    return [row for one in tables for row in one.value.to_dict("records")]


def tick(app: AppTest, *rows: int) -> AppTest:
    """Tick these rows of the list and no others."""
    (table,) = (one for one in app.dataframe if "runs:table" in (one.key or ""))
    app.session_state[picking.CHOSEN] = [ids(app)[row] for row in rows]
    app.session_state[table.key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return ran(app)


def ids(app: AppTest) -> list[str]:
    from core.engine.listing import Wanted, page
    from core.engine.scheduler import shared

    return [entry.run.id for entry in page(shared().store, Wanted()).entries]


def press(app: AppTest, label: str) -> AppTest:
    (button,) = (one for one in app.button if one.label == label)
    button.click()
    return ran(app)


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.warning, *app.info, *app.success, *app.error, *app.caption, *app.text))


def chart(app: AppTest) -> dict[str, object]:
    (component,) = app.get("bidi_component")
    return json.loads(json.loads(component.proto.json)["figure"])


def lines(app: AppTest) -> list[str]:
    return [trace["name"] for trace in chart(app)["data"] if trace["meta"]["role"] == "mean"]


# --- finding


def test_where_nothing_is_stored_the_page_says_what_to_do(engine: Scheduler) -> None:
    app = opened()
    assert "Nothing is stored yet. Open a lab and press Run" in said(app)
    assert [one.label for one in app.get("page_link")] != []
    assert listed(app) == []


def test_the_list_holds_settings_results_and_whose_run_it_is(engine: Scheduler) -> None:
    stored(engine, (0, 1), heat=4.0, water="hard", steps=7)
    run = stored(engine)
    engine.library.note(run, ATTACK, "the tests")
    engine.library.pin(run, True, "the tests")
    newest, oldest = listed(opened())
    assert (newest["Settings"], newest["heat"]) == ("defaults", "1.00 (n = 1)")
    assert (newest["Note"], newest["Pinned"], newest["By"]) == (ATTACK, "pinned", "you")
    assert (oldest["Settings"], oldest["heat"]) == ("hard, Steps 7", "4.00 ± 0.00 (n = 2)")
    assert (oldest["Note"], oldest["State"]) == ("", "finished")
    assert listed(opened("somebody"))[0]["By"] == "somebody else"


def test_filters_and_sorting_by_a_metric(engine: Scheduler) -> None:
    for heat, water in ((3.0, "hard"), (1.0, "soft"), (2.0, "hard")):
        stored(engine, heat=heat, water=water)
    app = opened()
    app.selectbox(key="runs:order").set_value("highest heat")
    assert [row["heat"][:4] for row in listed(ran(app))] == ["3.00", "2.00", "1.00"]
    app.text_input(key="runs:text").set_value("water=hard")
    assert [row["heat"][:4] for row in listed(ran(app))] == ["3.00", "2.00"]
    app.multiselect(key="runs:states").set_value(["failed"])
    assert "No run matches all filters." in said(ran(app))
    assert len(listed(press(app, "Clear all filters"))) == 3
    app.toggle(key="runs:mine").set_value(True)
    assert len(listed(ran(app))) == 3
    other = opened("somebody")
    other.toggle(key="runs:mine").set_value(True)
    assert listed(ran(other)) == []


def test_pages_keep_what_was_chosen_on_others(engine: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picking, "PAGE_SIZE", 2)
    for heat in (1.0, 2.0, 3.0):
        stored(engine, heat=heat)
    app = tick(opened(), 0)
    assert "3 runs, 1 chosen." in said(app)
    app.get("pagination")[0].set_value(2)
    assert [row["heat"][:4] for row in listed(ran(app))] == ["1.00"]
    assert "3 runs, 1 chosen." in said(app)


def test_a_page_whose_last_run_was_deleted_is_left(engine: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picking, "PAGE_SIZE", 2)
    oldest, *_ = [stored(engine, heat=heat) for heat in (1.0, 2.0, 3.0)]
    app = opened()
    app.get("pagination")[0].set_value(2)
    assert [row["heat"][:4] for row in listed(ran(app))] == ["1.00"]
    engine.library.delete(oldest, "the tests")
    assert [row["heat"][:4] for row in listed(ran(app))] == ["3.00", "2.00"]


def test_a_page_that_a_filter_emptied_is_left(engine: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picking, "PAGE_SIZE", 2)
    for steps in (1, 2, 3):
        stored(engine, steps=steps)
    app = opened()
    app.get("pagination")[0].set_value(2)
    assert [row["Settings"] for row in listed(ran(app))] == ["Steps 1"]
    app.text_input(key="runs:text").set_value("steps=2")
    assert [row["Settings"] for row in listed(ran(app))] == ["Steps 2"]


def test_ticks_replace_those_of_this_page_only(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {picking.CHOSEN: ["elsewhere", "a", "b"], "table": {"selection": {"rows": [1, 2, 9]}}}
    monkeypatch.setattr(picking.st, "session_state", state)
    picking._ticked("table", ["a", "b", "c"])
    assert state[picking.CHOSEN] == ["elsewhere", "b", "c"]


# --- comparing


def test_chosen_runs_are_overlaid_under_names_of_what_differs(engine: Scheduler) -> None:
    stored(engine, water="soft", steps=2, lid=False)
    stored(engine, water="hard", steps=2, lid=False)
    app = tick(opened(), 0, 1)
    assert lines(app) == ["hard", "soft"]
    assert len({trace["line"]["color"] for trace in chart(app)["data"] if trace["meta"]["role"] == "mean"}) == 2
    table = app.dataframe[1].value.to_dict("records")
    assert [list(row) for row in table] == [["Run", "Water", "heat", "State"]] * 2
    assert [row["Water"] for row in table] == ["hard water", "soft water"]


def test_equal_runs_are_told_apart_by_seeds_or_time(engine: Scheduler) -> None:
    stored(engine, seeds=(0,))
    stored(engine, seeds=(0, 1))
    record = engine.store.runs()[0]
    assert runs.names(engine.store.runs()) == ["seeds 0, 1", "seed 0"]
    twins = [record, replace(record, id="f" * 32)]
    assert len(set(runs.names(twins))) == 2


def test_runs_of_several_experiments_name_them_and_say_where_a_setting_is_none(engine: Scheduler) -> None:
    stored(engine)
    padding = catalog.get("padding")
    finished_run(engine, "padding", padding.config(conv="valid"), (0,), {"test accuracy": [1.0, 2.0]})
    records = engine.store.runs()
    assert [name.split(",")[0] for name in runs.names(records)] == ["Padding and location", "Kettle"]
    first, second = runs.comparison(records)
    assert (first["Convolution type"], second["Convolution type"]) == ("valid: none", runs.NOT_THERE)
    assert (first["test accuracy"], first["heat"]) == ("2.00 (n = 1)", "–")
    app = tick(opened(), 0, 1)
    assert len(listed(app)[0]["Result"]) > 0
    assert chart(app)["layout"]["yaxis"]["title"]["text"] == "Test accuracy (%)"


def test_a_single_run_shows_all_its_settings_and_opens_in_its_lab(engine: Scheduler) -> None:
    padding = catalog.get("padding")
    run = finished_run(engine, "padding", padding.config(conv="valid"), (3, 4), {"test accuracy": [1.0]})
    app = tick(opened(), 0)
    settings = {row["Setting"]: row["Value"] for row in app.dataframe[1].value.to_dict("records")}
    assert settings["Convolution type"] == "valid: none" and len(settings) == len(padding.config.model_fields)
    (link,) = (one for one in app.get("page_link") if one.label.startswith("Open in"))
    assert all(part in link.proto.query_string for part in (f"run={run}", "conv=valid", "seeds=2", "first_seed=3"))


def test_a_run_of_an_unknown_experiment_is_still_listed_and_can_be_deleted(engine: Scheduler) -> None:
    stored(engine)
    gone = engine.store.create_run(
        experiment="gone",
        version=1,
        identity="gone",
        config={"old": 1, "x": "<b>"},
        seeds=(0,),
        reuse={},
        owner="the tests",
        device="cpu",
        device_name="CPU",
        versions={},
    )
    engine.store.set_run(gone.id, "stopped")
    app = tick(opened(), 0, 1)
    assert {row["Lab"] for row in listed(app)} == {"gone", "Kettle"}
    assert "not part of this program any more" in said(app)
    press(app, "Delete all 2 chosen runs")
    assert engine.store.runs() == []


def test_more_than_twenty_runs_show_the_first_twenty(engine: Scheduler) -> None:
    for steps in range(1, 23):
        stored(engine, steps=steps)
    app = tick(opened(), *range(22))
    assert len(lines(app)) == 20
    assert "Curves of the first 20 of 22 chosen runs" in said(app)
    assert {trace["meta"]["role"] for trace in chart(app)["data"]} == {"mean"}


# --- notes


def noting(engine: Scheduler, text: str, owner: str = "the tests") -> AppTest:
    """The page after somebody typed a note about the only run, and saved it."""
    app = tick(opened(owner), 0)
    app.text_area[0].set_value(text)
    return press(ran(app), "Save note")


def test_a_note_is_saved_and_never_more_than_text(engine: Scheduler) -> None:
    run = stored(engine)
    app = noting(engine, ATTACK)
    assert "The note is saved." in said(app)
    assert engine.library.notes() == {run: ATTACK}
    app = tick(opened(), 0)
    assert app.text_area[0].value == listed(app)[0]["Note"] == ATTACK
    drawn = [*app.markdown, *app.caption, *app.warning, *app.info, *app.success]
    assert not any("onerror" in one.value for one in drawn)
    assert not any("onerror" in one.proto.body for one in app.get("html"))


def test_a_note_of_a_megabyte_is_refused_and_nothing_is_lost(engine: Scheduler) -> None:
    run = stored(engine)
    engine.library.note(run, "old", "the tests")
    text = "n" * 2**20
    app = noting(engine, text)
    assert f"A note may have at most {LONGEST_NOTE:,} characters; this one has 1,048,576. It was not saved" in said(app)
    assert engine.library.notes() == {run: "old"}
    assert app.text_area[0].value == text


def test_only_the_owner_notes_something(engine: Scheduler) -> None:
    stored(engine)
    assert "Only whoever started a run may note something about it" in said(noting(engine, "mine", owner="somebody"))
    assert engine.library.notes() == {}


# --- pins, deletion, administration


def test_a_run_is_pinned_and_let_go(engine: Scheduler) -> None:
    stored(engine)
    app = press(tick(opened(), 0), "Pin")
    assert listed(app)[0]["Pinned"] == "pinned"
    assert listed(press(app, "Unpin"))[0]["Pinned"] == ""


def test_deleting_hides_and_undo_brings_back(engine: Scheduler) -> None:
    first, second, third = stored(engine, steps=1), stored(engine, steps=2), stored(engine, steps=3)
    app = press(tick(opened(), 0, 1), "Delete all 2 chosen runs")
    assert [row["Settings"] for row in listed(app)] == ["Steps 1"]
    assert [run.id for run in engine.store.runs()] == [first]
    assert "2 runs deleted. You can undo this until" in said(app)
    app = press(app, "Undo")
    assert {run.id for run in engine.store.runs()} == {first, second, third}
    assert "3 runs, 2 chosen." in said(app) and "deleted" not in said(app)


def test_undo_is_still_there_after_a_reload_and_gone_for_others(engine: Scheduler) -> None:
    run = stored(engine)
    engine.library.delete(run, "the tests")
    assert "Undo" not in [one.label for one in opened("somebody").button]
    press(opened(), "Undo")
    assert [one.id for one in engine.store.runs()] == [run]


def test_undo_that_comes_too_late_says_so(engine: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.library.delete(stored(engine), "the tests")
    app = opened()
    monkeypatch.setattr(library, "UNDO_SECONDS", -1.0)
    assert "which are over. Train it anew." in said(press(app, "Undo"))


def test_runs_of_others_stay_and_the_rest_goes(engine: Scheduler) -> None:
    stored(engine)
    app = press(tick(opened("somebody"), 0), "Delete this run")
    assert "Only whoever started a run may delete it" in said(app)
    assert len(engine.store.runs()) == 1


def test_the_admin_token_lets_one_delete_what_others_started(
    engine: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [one for one in opened().text_input if one.key == "runs:token"] == []
    monkeypatch.setenv("LAYERLAB_ADMIN_TOKEN", "open sesame")
    stored(engine)
    app = tick(opened("somebody"), 0)
    app.text_input(key="runs:token").set_value("open barley")
    assert "This is not the admin token" in said(ran(app))
    assert "Only whoever started" in said(press(app, "Delete this run"))
    app.text_input(key="runs:token").set_value("open sesame")
    press(ran(app), "Delete this run")
    assert engine.store.runs() == []


def test_without_a_token_in_the_configuration_nobody_is_administrator(
    engine: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERLAB_ADMIN_TOKEN", "")
    stored(engine)
    app = opened("somebody")
    app.session_state["runs:token"] = ""
    press(tick(app, 0), "Delete this run")
    assert len(engine.store.runs()) == 1


# --- storage


def test_storage_used_and_what_was_evicted_are_shown(engine: Scheduler) -> None:
    stored(engine)
    assert engine._ledger.upkeep.flush()  # what is due at the start is done
    engine.library.limit_bytes = 1
    engine.library.tidy()
    app = opened()
    assert "the oldest run that no one had pinned was removed" in said(app)
    assert "of 1 B" in app.get("progress")[0].proto.text


def test_a_run_that_ends_evicts_the_oldest(engine: Scheduler) -> None:
    old = stored(engine, steps=1)
    assert engine._ledger.upkeep.flush()
    engine.library.limit_bytes = 1
    kettle = catalog.get("kettle")
    started = engine.start("kettle", kettle.config(), (0,), "the tests")
    engine.stop(started.run_id, "the tests")
    eventually(lambda: engine.store.run(old) is None)
    assert [run.id for run in engine.store.runs()] == [started.run_id]
