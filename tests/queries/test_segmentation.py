"""IoU against torchmetrics, and what is asked of a net that segments."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from core.data.scenes import BACKGROUND, CLASSES, scenes
from core.experiments.unet import UNetConfig
from core.queries.segmentation import (
    by_distance,
    confusion,
    digit_accuracy,
    edge,
    edge_accuracy,
    iou,
    mean_iou,
    segment,
)

CPU = torch.device("cpu")
CONFIG = UNetConfig(width=4)


class Says(nn.Module):
    """A net that gives every pixel of every scene one class."""

    def __init__(self, label: int) -> None:
        super().__init__()
        self.label = label

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(images), CLASSES, *images.shape[2:])
        logits[:, self.label] = 1
        return logits


def drawn(seed: int, classes: int = CLASSES) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, (5, 20, 20)).astype(np.uint8)
    guess = np.where(rng.random(target.shape) < 0.6, target, rng.integers(0, classes, target.shape)).astype(np.uint8)
    return target, guess


@pytest.mark.parametrize("classes", [CLASSES, 6])  # with 6, five classes are in neither
def test_iou_and_its_mean_are_those_of_torchmetrics(classes: int):
    target, guess = drawn(classes, classes)
    tensors = torch.from_numpy(guess).long(), torch.from_numpy(target).long()
    counts = confusion(target, guess)
    np.testing.assert_array_equal(counts, MulticlassConfusionMatrix(CLASSES)(*tensors).numpy())
    each = MulticlassJaccardIndex(CLASSES, average=None)(*tensors).double().numpy()
    np.testing.assert_allclose(np.nan_to_num(iou(counts)), each, rtol=1e-6)
    assert np.isnan(iou(counts)).sum() == CLASSES - classes
    assert mean_iou(iou(counts))[0] == pytest.approx(float(MulticlassJaccardIndex(CLASSES)(*tensors)), rel=1e-6)


def test_the_mean_without_background_leaves_out_the_last_class_alone():
    values = np.full(CLASSES, np.nan)
    values[[1, 4, BACKGROUND]] = 0.2, 0.4, 0.9
    assert mean_iou(values) == pytest.approx((0.5, 0.3))
    assert np.isnan(mean_iou(np.full(CLASSES, np.nan))).all()


def test_digit_accuracy_counts_what_is_a_digit_in_both():
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    counts[1, 1], counts[1, 7], counts[1, BACKGROUND], counts[BACKGROUND, 3] = 3, 1, 50, 60
    assert digit_accuracy(counts) == 75.0
    assert np.isnan(digit_accuracy(np.zeros_like(counts)))


def test_errors_are_counted_at_their_distance():
    target = np.full((2, 30, 30), BACKGROUND, np.uint8)
    target[:, :, :10] = 3  # one straight edge between columns 9 and 10
    columns = np.arange(30)
    distance = np.broadcast_to(np.where(columns < 10, 10 - columns, columns - 9).astype(np.float32), target.shape)
    guess = target.copy()
    guess[:, :15, 10] = 3  # half of the first background column strays
    guess[:, :10, 9] = 8  # a third of the first ink column is mistaken
    found = by_distance(target, guess, distance)
    at = dict(zip(found["distance"].tolist(), range(len(found["distance"])), strict=True))
    assert found["strayed"][at[1]] == pytest.approx(50) and found["strayed"].sum() == pytest.approx(50)
    assert found["mistaken"][at[-1]] == pytest.approx(100 / 3) and found["mistaken"].sum() == pytest.approx(100 / 3)
    assert found["pixels"].sum() == 2 * 900
    assert found["pixels"][at[-4]] == 2 * 7 * 30  # columns 0 to 6 are 4 px and more inside
    assert edge_accuracy(target, guess, distance) == pytest.approx((100 * 35 / 60, 100.0))
    assert by_distance(target[:1], guess[:1], distance[:1])["distance"].tolist() == [-4, 12]  # the others: 30 pixels


def test_a_net_that_says_background_everywhere_strays_on_all_ink_and_nowhere_else():
    found = edge(Says(BACKGROUND), CONFIG, device=CPU).arrays
    inside = found["distance"] < 0
    assert (found["strayed"][inside] == 100).all() and (found["strayed"][~inside] == 0).all()
    assert (found["mistaken"] == 0).all() and 0 not in found["distance"]


def test_a_test_scene_is_answered_with_its_target_and_iou():
    found = segment(Says(4), CONFIG, device=CPU, index=2).arrays
    test = scenes("digits")["test"]
    np.testing.assert_array_equal(found["target"], test.targets[2])
    assert (found["predicted"] == 4).all()
    present = set(np.unique(test.targets[2])) | {4}
    assert set(np.flatnonzero(np.isfinite(found["iou"]))) == present
    assert found["iou"][4] == pytest.approx((test.targets[2] == 4).mean())


def test_a_scene_of_ones_own_has_no_target():
    found = segment(Says(1), CONFIG, device=CPU, scene=np.zeros((1, 60, 60), np.uint8)).arrays
    assert set(found) == {"image", "predicted"} and found["predicted"].shape == (60, 60)


def test_what_is_no_scene_is_refused():
    with pytest.raises(ValueError, match=r"index must be from 0 to 199; got 200. Try index=0"):
        segment(Says(1), CONFIG, device=CPU, index=200)
    with pytest.raises(ValueError, match=r"uint8 of shape \(1, 60, 60\); got float64 of shape \(60, 60\)"):
        segment(Says(1), CONFIG, device=CPU, scene=np.zeros((60, 60)))
