"""core.nn.autoencoder: names, order of initialisation and values against plain layers; the stack against its nets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from core.nn.autoencoder import ACTIVATIONS, Activation, Autoencoder, LinearAutoencoder, StackedAutoencoder


def make(seed: int = 0, sizes: tuple[int, ...] = (9, 6, 4), activation: Activation = "tanh") -> Autoencoder:
    torch.manual_seed(seed)
    return Autoencoder(12, sizes, activation)


def test_layers_have_the_names_sizes_and_initial_weights_of_plain_ones():
    net = make(7)
    torch.manual_seed(7)
    pairs = [(12, 9), (9, 6), (6, 4), (4, 6), (6, 9), (9, 12)]
    names = ["encoder.0", "encoder.2", "encoder.4", "decoder.0", "decoder.2", "decoder.4"]
    plain = {name: nn.Linear(*pair) for name, pair in zip(names, pairs, strict=True)}
    expected = {f"{name}.{part}": getattr(one, part) for name, one in plain.items() for part in ("weight", "bias")}
    state = net.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert (net.input_size, net.latent) == (12, 4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activation_stands_between_layers_and_not_after_the_last(activation: Activation):
    net = make(activation=activation)
    inputs = torch.randn(5, 12)
    act = ACTIVATIONS[activation]()
    code = inputs
    for number in (0, 2, 4):
        code = net.encoder[number](code if number == 0 else act(code))
    assert torch.equal(net.encoder(inputs), code)
    out = code
    for number in (0, 2, 4):
        out = net.decoder[number](out if number == 0 else act(out))
    assert torch.equal(net(inputs), out)


def test_without_hidden_layers_there_is_one_each_way():
    assert list(Autoencoder(5, [3]).state_dict()) == [
        "encoder.0.weight",
        "encoder.0.bias",
        "decoder.0.weight",
        "decoder.0.bias",
    ]


@pytest.mark.parametrize("sizes", [[], [0], [4, -1]])
def test_sizes_below_one_are_refused(sizes: list[int]):
    with pytest.raises(ValueError, match=r"all from 1 up; got 5 and \[.*\]\. Try hidden_sizes=\[20\]\."):
        Autoencoder(5, sizes)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"activation must be one of identity, relu, .*; got 'step'"):
        Autoencoder(5, [3], "step")  # type: ignore[arg-type]


@pytest.mark.parametrize("seeds", [(3,), (3, 5, 8)])
@pytest.mark.parametrize("activation", ["identity", "gelu"])
def test_a_stack_computes_what_its_nets_compute_and_so_do_its_gradients(seeds: tuple[int, ...], activation: Activation):
    nets = [make(seed, activation=activation).double() for seed in seeds]
    stack = StackedAutoencoder(nets)
    shared = torch.randn(7, 12, dtype=torch.float64)
    own = torch.randn(len(seeds), 7, 12, dtype=torch.float64)
    for inputs in (shared, own):
        each = list(inputs.expand(len(seeds), 7, 12))
        expected = torch.stack([net(one) for net, one in zip(nets, each, strict=True)])
        torch.testing.assert_close(stack(inputs), expected, rtol=1e-12, atol=1e-12)
        codes = torch.stack([net.encoder(one) for net, one in zip(nets, each, strict=True)])
        torch.testing.assert_close(stack.encode(inputs), codes, rtol=1e-12, atol=1e-12)
    stack(own).square().sum().backward()
    for number, net in enumerate(nets):
        net(own[number]).square().sum().backward()
        for name, parameter in net.named_parameters():
            stacked = stack.get_parameter(name.replace(".", "_")).grad
            assert stacked is not None
            torch.testing.assert_close(stacked[number], parameter.grad, rtol=1e-10, atol=1e-10)


def test_a_stack_of_one_repeats_its_net_to_the_last_digit():
    net, inputs = make(), torch.randn(50, 12)
    assert torch.equal(StackedAutoencoder([net])(inputs)[0], net(inputs))


def test_a_stack_gives_each_net_back_as_a_copy():
    nets = [make(seed) for seed in (1, 2)]
    stack = StackedAutoencoder(nets)
    weights = stack.weights()
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.zero_()
    for one, net in zip(weights, nets, strict=True):
        assert list(one) == list(net.state_dict())
        assert all(np.array_equal(one[name], value.numpy()) for name, value in net.state_dict().items())


def test_a_linear_autoencoder_is_two_matrices_in_double_precision():
    net = LinearAutoencoder(6, 2)
    assert {name: (tuple(one.shape), one.dtype) for name, one in net.state_dict().items()} == {
        "encoder.weight": ((2, 6), torch.float64),
        "decoder.weight": ((6, 2), torch.float64),
    }
    inputs = torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(net(inputs), inputs @ net.encoder.weight.T @ net.decoder.weight.T)
