"""core.devices: choosing where to compute, and keeping global state apart."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from core import devices
from core.devices import GlobalState, isolated, seed_everything


@pytest.fixture(autouse=True)
def _own_state():
    """Whatever a test does to the process, the next one does not see it."""
    ours = GlobalState.capture()
    yield
    ours.restore()


def _draws() -> tuple[float, float, float]:
    """The next number of each global stream."""
    return random.random(), float(np.random.random()), float(torch.rand(()))  # noqa: NPY002


def test_restoring_repeats_every_stream():
    seed_everything(3)
    state = GlobalState.capture()
    first = _draws()
    assert _draws() != first
    state.restore()
    assert _draws() == first


def test_restoring_puts_modes_back():
    state = GlobalState.capture()
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    state.restore()
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32


def test_a_block_runs_in_its_own_state_and_ours_is_back_after():
    seed_everything(1)
    expected = [_draws() for _ in range(4)]
    seed_everything(1)
    theirs = GlobalState.capture()
    seed_everything(2)
    undisturbed = [_draws() for _ in range(2)]
    seed_everything(2)
    with isolated(theirs):
        seen = [_draws(), _draws()]
    ours = [_draws()]
    with isolated(theirs):
        seen += [_draws(), _draws()]
    ours += [_draws()]
    assert seen == expected
    assert ours == undisturbed


def test_a_block_keeps_its_modes_for_its_next_turn_and_to_itself():
    state = GlobalState.capture()
    with isolated(state):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
    with isolated(state):
        assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() is torch.float64


def test_ours_is_back_even_when_the_block_fails():
    seed_everything(5)
    expected = _draws()
    seed_everything(5)
    state = GlobalState.capture()
    with pytest.raises(RuntimeError, match="diverged"), isolated(state):
        _draws()
        torch.set_grad_enabled(False)
        raise RuntimeError("diverged")
    assert torch.is_grad_enabled()
    assert _draws() == expected


def test_interleaved_generators_draw_what_they_draw_alone():
    def training(seed: int):
        seed_everything(seed)
        for _ in range(5):
            yield _draws()

    alone = [list(training(seed)) for seed in (0, 1, 2)]
    turns = [(training(seed), GlobalState.capture(), []) for seed in (0, 1, 2)]
    for _ in range(5):
        for generator, state, seen in turns:
            with isolated(state):
                seen.append(next(generator))
    assert [seen for _, _, seen in turns] == alone


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**32 + 5])
def test_a_seed_repeats_all_streams(seed: int):
    seed_everything(seed)
    first = _draws()
    seed_everything(seed)
    assert _draws() == first


def test_the_cpu_is_always_there_and_comes_last():
    assert devices.available()[-1] == "cpu"
    assert devices.choose("cpu") == torch.device("cpu")
    assert devices.choose("auto").type == devices.available()[0]


def test_faster_devices_are_chosen_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.available() == ("cuda", "mps", "cpu")
    assert devices.choose() == torch.device("cuda")


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device must be one of auto, cpu on this machine; got 'cuda'"):
        devices.choose("cuda")


def test_a_device_and_its_versions_have_names():
    assert devices.describe(torch.device("cpu")).startswith("CPU (")
    assert f"{devices.usable_cores()} cores" in devices.describe(torch.device("cpu"))
    assert devices.usable_cores() >= 1
    assert devices.versions()["torch"] == torch.__version__


def test_one_thread_is_for_what_is_inside_whatever_happens_there():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), devices.one_thread():
        assert torch.get_num_threads() == 1
        raise RuntimeError
    assert torch.get_num_threads() == before
