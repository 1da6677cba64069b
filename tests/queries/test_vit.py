"""What a vision transformer looks at: rollout and distances against known values, and the queries themselves."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from core.data.pictures import fitted
from core.experiments.vit import VitConfig, build
from core.queries.vit import as_digit, attention, distance, distances, first_of_each, jumbled, pictures_of, rollout

CPU = torch.device("cpu")


def config(**changes: object) -> VitConfig:
    return VitConfig.parse({"depth": 2, "width": 32, "heads": 2, "test_pictures": 40, **changes})


def asked(question, settings: VitConfig, **arguments):
    torch.manual_seed(0)
    return question(build(settings).eval(), settings, device=CPU, **arguments).arrays


def test_rollout_of_a_class_token_that_looks_at_one_patch():
    looks = np.zeros((1, 1, 3, 3))
    looks[0, 0] = [[0, 1, 0], [0, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(rollout(looks, class_tokens=1), [[1.0, 0.0]])
    np.testing.assert_allclose(rollout(looks, class_tokens=0), [[1 / 6, 1 / 2, 1 / 3]])  # half stays, half is taken


def test_rollout_multiplies_layers_the_last_one_first():
    first, second = np.eye(3)[None], np.eye(3)[None]
    first, second = first.copy(), second.copy()
    first[0, 1] = [0, 0, 1]  # patch 1 takes from patch 2, then the class token from patch 1
    second[0, 0] = [0, 1, 0]
    np.testing.assert_allclose(rollout(np.stack([first, second]), 1), [[0, 0], [0.5, 0.5]])


def test_distance_of_heads_that_look_at_themselves_to_the_right_and_everywhere():
    across, cells = 3, 9
    right = np.zeros((cells, cells))
    for cell in range(cells):
        right[cell, cell + (1 if cell % across < across - 1 else 0)] = 1.0
    heads = np.stack([np.eye(cells), right, np.full((cells, cells), 1 / cells)])[None, None]
    own, beside, even = distance(heads, across, class_tokens=0)[0]
    places = [complex(*divmod(cell, across)) for cell in range(cells)]
    assert (own, beside) == (0.0, pytest.approx(2 / 3))
    assert even == pytest.approx(np.mean([abs(a - b) for a in places for b in places]))


def test_what_goes_to_the_class_token_does_not_count():
    weights = np.full((1, 1, 1, 5, 5), 0.2)
    towards = weights.copy()
    towards[..., 0], towards[..., 1:] = 0.8, 0.05
    assert distance(towards, 2, 1) == pytest.approx(distance(weights, 2, 1))
    towards[..., 0], towards[..., 1:] = 1.0, 0.0
    assert distance(towards, 2, 1) == 0.0


def test_fewer_pictures_of_each_class_are_a_part_of_more():
    labels = np.array([1, 0, 1, 1, 0, 2])
    assert first_of_each(labels, 1).tolist() == [0, 1, 5]
    assert first_of_each(labels, 2).tolist() == [0, 1, 2, 4, 5]
    assert first_of_each(labels, 0).tolist() == list(range(6))
    few = pictures_of(config(images_per_class=10)).train
    assert np.bincount(few.labels).tolist() == [10] * 10


@pytest.mark.parametrize("pooling", ["class token", "mean"])
def test_attention_to_a_test_picture(pooling: str):
    settings = config(pooling=pooling)
    found, more = asked(attention, settings, index=3), int(pooling == "class token")
    assert found["weights"].shape == (2, 2, 16 + more, 16 + more) and found["class tokens"] == more
    np.testing.assert_allclose(found["weights"].sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(found["rollout"].sum(axis=1), 1)
    test = pictures_of(settings).test
    assert found["label"] == test.labels[3] and np.array_equal(found["picture"], test.images[3])
    assert found["probabilities"].sum() == pytest.approx(1, rel=1e-5) and found["distance"].shape == (2, 2)


def test_a_picture_of_ones_own_becomes_as_coarse_as_the_digits():
    levels = np.round(np.random.default_rng(0).integers(0, 17, (1, 8, 8)) * (255 / 16)).astype(np.uint8)
    fine = levels.repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_array_equal(as_digit(fine), fitted(levels[None])[0])
    found = asked(attention, config(), picture=fine)
    assert found["label"] == -1 and np.array_equal(found["picture"], as_digit(fine))


def test_questions_that_cannot_be_answered_say_why():
    with pytest.raises(ValueError, match=re.escape("There is no test picture 40. Choose an index from 0 to 39.")):
        asked(attention, config(), index=40)
    with pytest.raises(ValueError, match=re.escape("picture must be (1, 32, 32) uint8; got (3, 8, 8) uint8.")):
        asked(attention, config(), picture=np.zeros((3, 8, 8), np.uint8))
    for question in (attention, distances):
        with pytest.raises(ValueError, match=r"a CNN, which has no attention to show\. Train a transformer"):
            asked(question, config(net="cnn"))


def test_distances_are_the_mean_over_pictures():
    whole = asked(distances, config(), count=2)
    each = [asked(attention, config(), index=index)["distance"] for index in (0, 1)]
    np.testing.assert_allclose(whole["distance"], np.mean(each, axis=0), rtol=1e-5)
    assert whole["patch"] == 8 and whole["count"] == 2 and whole["even"] == pytest.approx(2.008, abs=1e-3)


@pytest.mark.parametrize("net", ["vit", "cnn"])
def test_jumbled_pictures_hold_the_same_pixels(net: str):
    found = asked(jumbled, config(net=net, positions="none", patch=4))
    one, other = found["pictures"], found["shuffled pictures"]
    assert one.shape == other.shape == (12, 1, 32, 32)
    assert np.array_equal(np.sort(one.reshape(12, -1)), np.sort(other.reshape(12, -1))) and not np.array_equal(
        one, other
    )
    if net == "vit":
        assert found["accuracy"] == found["shuffled accuracy"] and np.array_equal(found["said"], found["said shuffled"])
