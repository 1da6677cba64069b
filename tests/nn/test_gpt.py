"""The language model's net: turns against complex numbers, kept against not kept, and no leak of the future."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.nn.gpt import SIZES, Cache, Gpt, Shape, mlp, rotary_turns, turned

TINY = Shape(2, 2, 16)
KINDS = [(kernel, positions) for kernel in ("softmax", "linear") for positions in ("none", "absolute", "rotary")]


def net(**changes: object) -> Gpt:
    """In double precision; weights large enough that attention is far from even."""
    torch.manual_seed(0)
    made = Gpt(**{"characters": 11, "block": 24, "shape": TINY, **changes}).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim >= 2:
                parameter.mul_(15)
    return made


def text(length: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(11, (2, length), generator=torch.Generator().manual_seed(seed))


def test_turns_are_multiplications_of_complex_numbers():
    x = torch.randn(3, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = turned(x, tuple(one.double() for one in rotary_turns(7, 12, 8)))
    numbers = x.numpy()[..., :4] + 1j * x.numpy()[..., 4:]
    angles = np.arange(7, 12)[:, None] * 10_000.0 ** (-np.arange(4) / 4)
    exact = numbers * np.exp(1j * angles)
    np.testing.assert_allclose(found.numpy(), np.concatenate([exact.real, exact.imag], axis=-1), atol=1e-6)


def test_only_the_distance_of_two_turned_places_counts():
    q, k = torch.randn(2, 1, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def product(place: int, other: int) -> float:
        turns = [tuple(part.double() for part in rotary_turns(one, one + 1, 16)) for one in (place, other)]
        return float((turned(q, turns[0]) * turned(k, turns[1])).sum())

    assert product(5, 2) == pytest.approx(product(105, 102), abs=1e-5)
    assert abs(product(5, 2) - product(5, 3)) > 1e-2


@pytest.mark.parametrize(("kernel", "positions"), KINDS)
def test_a_later_character_changes_no_earlier_guess(kernel: str, positions: str):
    model, read = net(similarity=kernel, positions=positions), text(20)
    changed = read.clone()
    changed[:, 12] = (changed[:, 12] + 1) % 11
    before, after = model(read), model(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12], rtol=0, atol=1e-12)
    assert (before[:, 12:] - after[:, 12:]).abs().amax(dim=(0, 2)).min() > 1e-6
    assert (model(read, False)[:, :12] - model(changed, False)[:, :12]).abs().max() > 1e-6


@pytest.mark.parametrize(("kernel", "positions"), KINDS)
def test_with_what_is_kept_the_guesses_are_the_same(kernel: str, positions: str):
    model, read, cache = net(similarity=kernel, positions=positions), text(20), Cache()
    parts = [model(read[:, :7], cache=cache)]
    parts += [model(read[:, place : place + 1], cache=cache) for place in range(7, 20)]
    torch.testing.assert_close(torch.cat(parts, dim=1), model(read), rtol=1e-9, atol=1e-9)
    assert cache.length == 20
    assert (cache.layers[0].sums is not None) == (kernel == "linear")


@pytest.mark.parametrize("kernel", ["softmax", "linear"])
def test_weights_are_those_that_the_net_uses(kernel: str):
    model, read = net(similarity=kernel, positions="rotary"), text(20)
    weights = model.weights(read)
    assert weights.shape == (2, 2, 2, 20, 20)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 2, 20).double())
    assert weights.triu(1).abs().max() == 0
    first = model.blocks[0]
    tokens, turns = model.read(read)
    normed = first.before_attention(tokens)
    values = first.attention.heads_of(normed, turns)[2]
    by_hand = first.attention.mix((weights[:, 0] @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(by_hand, first.attention(normed, turns))


def test_places_beyond_the_table_add_nothing():
    model = net(positions="absolute", block=8)
    tokens, _ = model.read(text(20))
    assert model(text(20)).shape == (2, 20, 11)
    torch.testing.assert_close(tokens[:, 8:], model.embed(text(20))[:, 8:])
    assert (tokens[:, :8] - model.embed(text(20))[:, :8]).abs().min() > 0


def test_turns_go_on_beyond_their_table():
    model, read = net(positions="rotary", block=4), text(20)  # the table has 16 places
    longer = net(positions="rotary", block=24)
    torch.testing.assert_close(model(read), longer(read), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [16, 48, 128])
def test_wide_and_deep_have_the_same_parameters(width: int):
    counts = {sum(one.numel() for one in mlp(width, shape).parameters()) for shape in ("wide", "deep")}
    assert counts == {8 * width**2}


def test_sizes_are_those_of_the_source():
    assert SIZES == {"nano": (3, 3, 48), "micro": (4, 4, 128), "mini": (6, 6, 384)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"shape": Shape(1, 3, 16), "positions": "none"},
            "width must be a multiple of heads; got 16 and 3. Try width=18.",
        ),
        ({"shape": Shape(1, 4, 20)}, "a head's width must be even; got 20 / 4 = 5. Try width=24"),
    ],
)
def test_what_cannot_be_built_is_explained(changes: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        net(**changes)


def test_dropout_is_silent_in_evaluation():
    model = net(dropout=0.5)
    torch.testing.assert_close(model(text(9)), model(text(9)), rtol=0, atol=0)
    model.train()
    assert not torch.equal(model(text(9)), model(text(9)))
