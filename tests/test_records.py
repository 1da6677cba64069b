import hashlib
import math

import numpy as np
import pytest

from core.engine.records import FINAL, STATES, RunRecord, Series, Snapshot, identity


def record(state="queued"):
    return RunRecord(
        id="r",
        experiment="padding",
        version=1,
        identity="i",
        config={},
        seeds=(3, 1),
        trainings={3: "a", 1: "b"},
        state=state,
        owner="me",
        device="cpu",
        device_name="CPU",
        versions={},
        created=0.0,
    )


def series(*values):
    return Series(np.arange(1.0, len(values) + 1), np.array(values, dtype=np.float64))


def test_identity_is_the_hash_of_the_canonical_text():
    text = '{"data":"","device":"cpu","experiment":"padding","settings":{"conv":"fconv","epochs":50},"version":1}'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert identity("padding", 1, {"epochs": 50, "conv": "fconv"}, "cpu") == expected


def test_identity_does_not_depend_on_the_order_of_settings():
    assert identity("e", 1, {"a": 1, "b": 2.5}, "cpu") == identity("e", 1, {"b": 2.5, "a": 1}, "cpu")


def test_identity_changes_with_every_part():
    base = ("e", 1, {"a": 1}, "cpu", "")
    changed = [
        ("f", 1, {"a": 1}, "cpu", ""),
        ("e", 2, {"a": 1}, "cpu", ""),
        ("e", 1, {"a": 2}, "cpu", ""),
        ("e", 1, {"b": 1}, "cpu", ""),
        ("e", 1, {"a": 1}, "cuda", ""),
        ("e", 1, {"a": 1}, "cpu", "fingerprint"),
    ]
    assert len({identity(*parts) for parts in [base, *changed]}) == 7


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, object()])
def test_identity_refuses_settings_that_have_no_canonical_text(value):
    with pytest.raises(TypeError, match=r"Settings must be finite numbers, text, true/false or lists of them; got"):
        identity("e", 1, {"a": value}, "cpu")


def test_final_states_are_the_four_after_which_nothing_happens():
    assert {"finished", "stopped", "failed", "interrupted"} == FINAL
    assert [state for state in STATES if record(state).final] == ["finished", "stopped", "failed", "interrupted"]


def test_summary_is_the_last_finite_value_of_each_seed():
    snapshot = Snapshot(
        run=record(),
        cursor=0,
        series={
            "loss": {3: series(2.0, 1.0, math.inf), 1: series(4.0)},
            "accuracy": {3: series(), 1: series(50.0, 75.0)},
        },
    )
    assert snapshot.summary(["accuracy", "loss"]) == {"accuracy": {1: 75.0}, "loss": {3: 1.0, 1: 4.0}}
    assert list(snapshot.summary(["accuracy", "loss"])) == ["accuracy", "loss"]
    assert snapshot.summary(["never measured"]) == {"never measured": {}}
    assert snapshot.summary() == snapshot.summary(["loss", "accuracy"])
