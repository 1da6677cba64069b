"""The cost experiment: bytes that are known, what is refused and why, and what every setting changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.config import ConfigError
from core.contract import Explained
from core.events import Metrics, Note
from core.experiments import attention_cost
from core.experiments.attention_cost import KERNELS, AttentionCostConfig, estimated_bytes, form_at, run
from core.nn.cost import peak_bytes

CPU = torch.device("cpu")
Found = dict[str, dict[float, np.ndarray]]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls: no test looks at how long they took."""
    monkeypatch.setattr(attention_cost, "ENOUGH_SECONDS", 0.0)
    monkeypatch.setattr(attention_cost, "LEAST_CALLS", 1)


def measured(seeds: tuple[int, ...] = (0,), **settings: object) -> tuple[Found, list[str]]:
    """Metric -> length -> values, and the notes."""
    config = AttentionCostConfig.parse({"lengths": "128,200", "width": 8, "heads": 1, **settings})
    found: Found = {}
    notes = []
    for event in run(config, seeds, CPU):
        if isinstance(event, Metrics):
            for name, values in event.values.items():
                before = found.setdefault(name, {}).get(event.step, values)
                found[name][event.step] = np.where(np.isfinite(values), values, before)  # each seed comes by itself
        elif isinstance(event, Note):
            notes.append(event.text)
    return found, notes


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_is_measured_at_every_length_for_every_seed(kernel: str) -> None:
    found, notes = measured((0, 1), kernel=kernel, timed="both")
    assert not notes
    for metric in ("forward seconds", "backward seconds", "peak bytes", "exponent"):
        assert list(found[metric]) == [128, 200]
    assert all((values > 0).all() for name in ("forward seconds", "peak bytes") for values in found[name].values())
    assert np.isnan(found["exponent"][128]).all() and np.isfinite(found["exponent"][200]).all()
    assert ("softmax seconds" in found) == (kernel != "softmax")


def test_bytes_repeat_and_are_those_of_the_matrices() -> None:
    one, other = measured(kernel="written")[0], measured((5,), kernel="written")[0]
    for n in (128, 200):
        assert one["peak bytes"][n] == other["peak bytes"][n] == pytest.approx(8 * n * n, abs=100)


def test_both_ways_of_torch_compute_softmax() -> None:
    for backend in ("math", "auto"):
        found, _ = measured(kernel="softmax", backend=backend)
        assert found["difference from softmax"][200][0] < 1e-5
    assert measured(kernel="softmax", causal=True)[0]["difference from softmax"][200][0] < 1e-5
    assert measured(kernel="linear")[0]["difference from softmax"][200][0] > 1e-3


def test_settings_change_what_is_measured() -> None:
    base = measured(kernel="linear")[0]["peak bytes"][200][0]
    for change in ({"form": "pairs"}, {"causal": True}, {"width": 16}, {"heads": 2}, {"timed": "both"}):
        changed = measured(**{"kernel": "linear", **change})[0]["peak bytes"][200][0]
        assert changed != base, change


def test_the_cheaper_form_is_taken_unless_another_is_asked_for() -> None:
    assert form_at(AttentionCostConfig(kernel="quadratic"), 512) == "pairs"
    assert form_at(AttentionCostConfig(kernel="quadratic"), 8192) == "features"
    assert form_at(AttentionCostConfig(kernel="quadratic", form="features"), 512) == "features"
    assert form_at(AttentionCostConfig(kernel="rbf", form="features"), 512) == "pairs"  # it has no map


@pytest.mark.parametrize("kernel", ["softmax", "written", "linear", "quadratic", "favor", "rbf", "argmax", "window"])
@pytest.mark.parametrize("timed", ["forward", "both"])
@pytest.mark.parametrize("causal", [False, True])
def test_memory_is_estimated_high_enough_and_not_absurdly(kernel: str, timed: str, causal: bool) -> None:
    config = AttentionCostConfig(kernel=kernel, timed=timed, causal=causal, width=16)
    for n in (256, 1024):
        inputs = attention_cost.draw(config, n, 0, CPU)
        call = attention_cost.whole_call(config, inputs)
        call()
        assert 0.8 * peak_bytes(call, CPU) <= estimated_bytes(config, n, "cpu") <= 60 * peak_bytes(call, CPU)


def test_what_does_not_fit_is_refused_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_cost, "free_bytes", lambda device: 600_000)
    found, notes = measured(kernel="written", lengths="128,4096")
    assert np.isfinite(found["peak bytes"][128]).all() and np.isnan(found["peak bytes"][4096]).all()
    assert len(notes) == 1 and "n = 4,096 was left out" in notes[0] and "Choose fewer heads" in notes[0]


def test_nothing_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_cost, "free_bytes", lambda device: 0)
    with pytest.raises(Explained, match="No length could be measured"):
        measured(kernel="written")


def test_factors_of_long_texts_are_not_looked_for() -> None:
    found, notes = measured(kernel="low_rank", lengths="128,4096")
    assert np.isnan(found["peak bytes"][4096]).all() and "O(n³)" in notes[0]


def test_a_backend_that_is_not_here_is_named_with_those_that_are() -> None:
    with pytest.raises(Explained, match=r"'cudnn' does not run on this machine's CPU; those that do: auto, math"):
        measured(kernel="softmax", backend="cudnn")


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("128", (128,)), ("4096,256", (256, 4096)), ("128, 65536", (128, 65536)), (" 300,300 ", (300,))],
)
def test_lengths_are_read_and_ordered(text: str, sizes: tuple[int, ...]) -> None:
    assert AttentionCostConfig.parse({"lengths": text}).sizes == sizes


@pytest.mark.parametrize(
    "text", ["abc", "10", "127", "65537", "70000", "", ",", "128,", "128;256", "-256", "1e3", "256,10"]
)
def test_other_lengths_are_refused_with_the_rule(text: str) -> None:
    with pytest.raises(ConfigError, match="lengths must be 1 to 16 whole numbers from 128 to 65536"):
        AttentionCostConfig.parse({"lengths": text})


def test_a_width_of_nothing_and_a_causal_low_rank_are_refused() -> None:
    with pytest.raises(ConfigError, match="width must be a whole number from 1 to 256"):
        AttentionCostConfig.parse({"width": 0})
    with pytest.raises(ConfigError, match="Low-rank attention cannot be causal"):
        AttentionCostConfig.parse({"kernel": "low_rank", "causal": True})
    with pytest.raises(ConfigError, match="at most 100,000 features; the cubic kernel has 2,862,209 at width 256"):
        AttentionCostConfig.parse({"kernel": "cubic", "form": "features", "width": 256})


def test_the_work_that_estimates_rest_on_grows_with_what_is_measured() -> None:
    def work(**settings: object) -> float:
        config = AttentionCostConfig.parse(settings)
        return attention_cost.EXPERIMENT.total_steps(config) * attention_cost.EXPERIMENT.inputs(config)

    assert 1 < work() < 60  # about seconds
    assert work(lengths="256,65536", kernel="softmax") > 20 * work(lengths="256,8192", kernel="softmax")
    assert work(timed="both") > work() and work(kernel="written") > work(kernel="softmax")
