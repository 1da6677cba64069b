"""What a linear autoencoder is held against: formulas at their limits, angles of known subspaces, equal losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.data import gaussian
from core.experiments.linear_autoencoder import LinearAutoencoderConfig, build
from core.nn.autoencoder import LinearAutoencoder
from core.queries import subspace

CPU = torch.device("cpu")
VARIANCES = np.array([8.0, 4.0, 2.0, 1.0])


def principal_net(config: LinearAutoencoderConfig) -> LinearAutoencoder:
    """The optimum: the first axes, of the lengths that weight decay leaves them."""
    variances, axes = gaussian.principal(config.ratio)
    length = subspace.expected_singular_values(variances, config.latent, config.weight_decay)
    net = build(config)
    with torch.no_grad():
        net.decoder.weight.copy_(torch.from_numpy(axes[:, : config.latent] * length))
        net.encoder.weight.copy_(torch.from_numpy((axes[:, : config.latent] * length).T))
    return net


def test_expected_singular_values_go_from_1_to_0_as_decay_grows():
    assert subspace.expected_singular_values(VARIANCES, 3, 0.0).tolist() == [1, 1, 1]
    assert subspace.expected_singular_values(VARIANCES, 3, 2.0) == pytest.approx(np.sqrt([0.75, 0.5, 0]))
    assert subspace.expected_singular_values(VARIANCES, 3, 9.0).tolist() == [0, 0, 0]


def test_the_lowest_loss_is_pcas_without_decay_and_all_variance_with_too_much():
    assert subspace.lowest_loss(VARIANCES, 2, 0.0) == 3
    assert subspace.lowest_loss(VARIANCES, 2, 9.0) == VARIANCES.sum()


@pytest.mark.parametrize("weight_decay", [0.0, 1.0, 8.0])
def test_the_formulas_belong_together(weight_decay: float):
    config = LinearAutoencoderConfig(latent=6, weight_decay=weight_decay)
    net, variances = principal_net(config), gaussian.principal(config.ratio)[0]
    loss = subspace.loss_of(
        net.encoder.weight.detach().numpy(),
        net.decoder.weight.detach().numpy(),
        gaussian.geometric(config.ratio),
        weight_decay,
    )
    assert loss == pytest.approx(subspace.lowest_loss(variances, 6, weight_decay), rel=1e-9)


@pytest.mark.parametrize("degrees", [1e-6, 10.0, 60.0, 90.0])
def test_the_angle_of_a_subspace_that_was_turned_by_it(degrees: float):
    angle = np.radians(degrees)
    axes = np.eye(5)[:, :2]
    turned = np.array([[1, 0, 0, 0, 0], [0, np.cos(angle), np.sin(angle), 0, 0]]).T
    mixed = turned @ np.array([[2.0, 1.0], [0.5, 3.0]])  # the same span
    assert subspace.largest_angle(mixed, axes) == pytest.approx(degrees, rel=1e-6)


def test_an_angle_needs_as_many_directions_as_it_is_held_against():
    assert np.isnan(subspace.largest_angle(np.zeros((5, 2)), np.eye(5)[:, :2]))
    assert np.isnan(subspace.largest_angle(np.eye(5)[:, :2], np.eye(5)[:, :0]))
    assert subspace.largest_angle(np.eye(5)[:, :3], np.eye(5)[:, :3]) == 0


def test_two_factorisations_lose_the_same_and_decay_allows_rotations_alone():
    net = principal_net(LinearAutoencoderConfig())
    for weight_decay in (0.0, 0.5):
        config = LinearAutoencoderConfig(weight_decay=weight_decay)
        found = subspace.factorisations(net, config, device=CPU).arrays
        losses = found["losses"]
        assert losses[2] == pytest.approx(losses[0], rel=1e-9)
        assert np.isclose(losses[1], losses[0], rtol=1e-9) == (weight_decay == 0)
        assert losses[1] >= losses[0] - 1e-9
        assert (found["changes"] > 0.1).all()
        assert found["same"].tolist() == [weight_decay == 0, True]
        again = subspace.factorisations(net, config, device=CPU, draw=1).arrays
        assert not np.allclose(again["c"], found["c"]) and again["losses"][0] == losses[0]


def test_alignment_with_the_axes_themselves_is_whole():
    config = LinearAutoencoderConfig(latent=3)
    found = subspace.alignment(principal_net(config), config, device=CPU, count=5).arrays
    assert found["cosines"] == pytest.approx(np.eye(5)[:, :3], abs=1e-9)
    assert found["kept"] == pytest.approx([1, 1, 1, 0, 0], abs=1e-9)
    assert found["variances"] == pytest.approx(gaussian.principal(0.9)[0][:5])


def test_alignment_refuses_a_count_that_is_none():
    with pytest.raises(ValueError, match=r"count must be from 1 to 100; got 0\. Try count=20\."):
        subspace.alignment(build(LinearAutoencoderConfig()), LinearAutoencoderConfig(), device=CPU, count=0)
