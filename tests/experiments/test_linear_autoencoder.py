"""The linear autoencoder: its gradient against autograd, its end against PCA and against the formula for λ > 0."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.contract import Explained
from core.data import gaussian
from core.events import Checkpoint, Event, Metrics
from core.experiments import linear_autoencoder
from core.experiments.linear_autoencoder import EXPERIMENT, STEPS, LinearAutoencoderConfig

CPU = torch.device("cpu")
GOLDEN = {"version": 2, "loss": 72.3096, "largest principal angle": 77.261}  # one epoch, seed 0


def config_of(**changes: object) -> LinearAutoencoderConfig:
    return LinearAutoencoderConfig.parse({"epochs": 2, **changes})


def events(config: LinearAutoencoderConfig, seeds: tuple[int, ...] = (0,)) -> list[Event]:
    return list(linear_autoencoder.run(config, seeds, CPU))


def last(config: LinearAutoencoderConfig, seeds: tuple[int, ...] = (0,)) -> dict[str, np.ndarray]:
    return dict([event for event in events(config, seeds) if isinstance(event, Metrics)][-1].values)


def column(values: dict[str, np.ndarray], prefix: str) -> np.ndarray:
    """(k, seeds): numbered metrics."""
    return np.array([value for name, value in values.items() if name.startswith(f"{prefix} ")])


def test_the_gradient_and_the_loss_are_those_of_every_sample():
    samples = torch.from_numpy(gaussian.geometric(0.9)[:300])
    covariance = samples.T @ samples / len(samples)
    w1, w2 = linear_autoencoder.make_weights(config_of(), (3, 4), CPU)
    found, errors = (
        linear_autoencoder.gradients(w1, w2, covariance),
        linear_autoencoder.reconstruction_error(w1, w2, covariance),
    )
    for seed in range(2):
        one, two = w1[seed].clone().requires_grad_(), w2[seed].clone().requires_grad_()
        loss = F.mse_loss(samples @ one.T @ two.T, samples) * samples.shape[1]
        loss.backward()
        torch.testing.assert_close(found[0][seed], one.grad, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found[1][seed], two.grad, rtol=1e-9, atol=1e-9)
        assert errors[seed].item() == pytest.approx(loss.item(), rel=1e-10)


def test_without_decay_it_finds_the_principal_subspace_and_its_loss():
    values = last(config_of(latent=5, epochs=30, learning_rate=0.004), (0, 1))
    assert (values["largest principal angle"] < 2).all()
    assert values["loss"] == pytest.approx(values["PCA optimum"], rel=1e-3)
    assert values["loss above the lowest"] == pytest.approx(values["loss"] - values["PCA optimum"], abs=1e-9)
    assert values["PCA optimum"] == pytest.approx(gaussian.principal(0.9)[0][5:].sum())
    assert (np.abs(column(values, "singular value W2") - 1) > 0.1).any()  # the lengths are left free


def test_with_decay_the_singular_values_follow_the_formula_and_weak_directions_are_given_up():
    values = last(config_of(latent=12, weight_decay=4.0, epochs=20), (0, 1))
    variances = gaussian.principal(0.9)[0][:12]
    expected = np.sqrt(np.maximum(0, 1 - 4.0 / variances))
    assert (expected == 0).any() and (expected > 0).any()
    for name in ("W1", "W2"):
        assert column(values, f"singular value {name}") == pytest.approx(np.stack([expected] * 2, 1), abs=2e-2)
    assert column(values, "expected singular value")[:, 0] == pytest.approx(expected)
    assert values["loss"] == pytest.approx(values["lowest loss"], rel=1e-4)
    assert (values["largest principal angle"] < 1).all()  # of the directions that are kept


def test_decay_in_sgd_is_the_penalty_to_the_last_digits():
    penalty, sgd = (
        [event for event in events(config_of(weight_decay=0.7, form=form), (0, 1)) if isinstance(event, Checkpoint)]
        for form in ("penalty", "sgd")
    )
    for one, other in zip(penalty, sgd, strict=True):
        for ours, theirs in zip(one.weights, other.weights, strict=True):
            assert all(np.allclose(ours[name], theirs[name], rtol=1e-10, atol=1e-12) for name in ours)


def test_golden_run_has_the_numbers_of_its_version():
    values = last(config_of(epochs=1))
    measured = {name: float(values[name][0]) for name in ("loss", "largest principal angle")}
    assert {"version": EXPERIMENT.version} | measured == pytest.approx(GOLDEN, rel=1e-3), (
        "The linear autoencoder's numbers changed: raise EXPERIMENT.version and write the new ones here."
    )


def test_a_seed_does_not_depend_on_the_seeds_beside_it_and_a_run_repeats():
    together, again = last(config_of(), (3, 5)), last(config_of(), (3, 5))
    for place, seed in enumerate((3, 5)):
        alone = last(config_of(), (seed,))
        for name, value in together.items():
            assert value[place] == pytest.approx(alone[name][0], rel=1e-8, abs=1e-8)
    assert all(np.array_equal(together[name], again[name]) for name in together)


@pytest.mark.parametrize(
    ("field", "value"),
    [("latent", 4), ("weight_decay", 0.5), ("ratio", 0.8), ("learning_rate", 0.001), ("epochs", 3)],
)
def test_every_retraining_field_changes_the_loss(field: str, value: object):
    assert last(config_of())["loss"] != last(config_of(**{field: value}))["loss"]


def test_every_field_of_the_config_is_covered_here():
    covered = {"latent", "weight_decay", "form", "ratio", "learning_rate", "epochs"}  # form: the same path, see above
    assert {knob.name for knob in LinearAutoencoderConfig.knobs() if knob.retrains} == covered


def test_steps_begin_finely_and_end_at_the_total():
    config = config_of()
    steps = [event.step for event in events(config) if isinstance(event, Metrics)]
    assert steps == pytest.approx([0, *np.arange(0.1, 1, 0.1), 1, 2])
    assert steps[-1] == EXPERIMENT.total_steps(config)


def test_a_rate_that_overshoots_is_explained():
    with pytest.raises(Explained, match=rf"Diverged within {STEPS} steps: .* Turn down the learning rate \(0.1 now\)"):
        events(config_of(latent=1, learning_rate=0.1))


def test_the_cosine_between_columns():
    assert linear_autoencoder.overlap(np.array([[1.0, 1.0], [0.0, 1.0]])) == pytest.approx(np.sqrt(0.5))
    assert linear_autoencoder.overlap(np.eye(3)[:, :1]) == 0
    assert np.isnan(linear_autoencoder.overlap(np.zeros((3, 2))))
