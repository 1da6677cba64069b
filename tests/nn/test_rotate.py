"""Turned pictures against SciPy and torchvision, and against what must hold whatever the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as tv

from core.nn.rotate import circle, rotate
from core.nn.small_cnn import SmallCnn

PICTURES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8))
ANGLES = (7.0, 45.0, 133.5, 210.0, 359.0)


def scipy_rotated(image: np.ndarray, angle: float, mode: str, level: float = 0.0) -> np.ndarray:
    """(h, w): about the middle, counter-clockwise, bilinear."""
    return ndimage.rotate(image.astype(float), angle, order=1, reshape=False, mode=mode, cval=level)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize(("fill", "mode"), [("black", "grid-constant"), ("reflect", "mirror")])
def test_scipy_turns_them_alike(angle: float, fill: str, mode: str):
    ours = rotate(PICTURES, angle, fill=fill).numpy().astype(float)  # type: ignore[arg-type]
    for picture, expected in zip(ours, PICTURES.numpy(), strict=True):
        for channel, original in zip(picture, expected, strict=True):
            np.testing.assert_allclose(
                channel, scipy_rotated(original, angle, mode), atol=0.51
            )  # half a level: rounding


@pytest.mark.parametrize("angle", ANGLES)
def test_a_mean_fill_is_scipys_constant(angle: float):
    colour = torch.tensor([10.0, 100.0, 200.0])
    ours = rotate(PICTURES, angle, fill="mean", colour=colour).numpy().astype(float)
    for channel, level in enumerate(colour.tolist()):
        expected = scipy_rotated(PICTURES[1, channel].numpy(), angle, "grid-constant", level)
        np.testing.assert_allclose(ours[1, channel], expected, atol=0.51)


def test_torchvision_turns_the_same_way():
    smooth = torch.nn.functional.avg_pool2d(PICTURES.float(), 9, 1, 4).to(torch.uint8)
    theirs = tv.rotate(smooth, 30.0, InterpolationMode.BILINEAR).int()
    inside = circle(32)
    assert ((rotate(smooth, 30.0).int() - theirs).abs()[..., inside] <= 1).all()


@pytest.mark.parametrize("turns", range(-3, 5))
def test_quarter_turns_move_pixels_and_nothing_else(turns: int):
    expected = torch.rot90(PICTURES, turns, (2, 3))
    assert torch.equal(rotate(PICTURES, 90.0 * turns), expected)
    assert torch.equal(rotate(PICTURES, torch.full((3,), 90.0 * turns)), expected)


def test_every_picture_turns_by_its_own_angle():
    angles = torch.tensor([0.0, 77.0, 300.0])
    together = rotate(PICTURES, angles, fill="reflect")
    for index, angle in enumerate(angles.tolist()):
        alone = rotate(PICTURES[index : index + 1], angle, fill="reflect").int()
        assert ((together[index : index + 1].int() - alone).abs() <= 1).all()  # a level on the border of rounding


@given(angle=st.floats(0, 360), level=st.integers(0, 255))
def test_a_plain_picture_stays_plain_where_nothing_black_comes_in(angle: float, level: int):
    plain = torch.full((1, 1, 32, 32), level, dtype=torch.uint8)
    assert (rotate(plain, angle, fill="reflect") == level).all()
    assert (rotate(plain, angle, fill="mean", colour=torch.tensor([float(level)])) == level).all()
    assert (rotate(plain, angle)[..., circle(32)] == level).all()  # no fill reaches the circle


def test_the_mask_is_the_inscribed_circle_and_black_outside():
    inside = circle(32)
    assert inside.sum().item() == pytest.approx(np.pi * 15.5**2, rel=0.03)
    assert torch.equal(inside, torch.rot90(inside)) and not inside[0, 0] and inside[16, 16]
    for angle in (0.0, 45.0):
        masked = rotate(PICTURES, angle, mask=True)
        assert (masked[..., ~inside] == 0).all()
        assert torch.equal(masked[..., inside], rotate(PICTURES, angle)[..., inside])


def test_what_cannot_be_turned_is_said():
    with pytest.raises(ValueError, match=r"must be \(n, channels, side, side\); got \(1, 1, 4, 5\)"):
        rotate(torch.zeros(1, 1, 4, 5, dtype=torch.uint8), 10.0)
    with pytest.raises(ValueError, match=r'The fill "mean" needs a colour; got none'):
        rotate(PICTURES, 10.0, fill="mean")


def test_the_small_net_has_the_sizes_of_its_source():
    net = SmallCnn()
    weights = {name: tuple(value.shape) for name, value in net.named_parameters() if name.endswith("weight")}
    assert list(weights.values()) == [(32, 3, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 1024), (10, 64)]
    assert sum(one.numel() for one in net.parameters()) == 122_570
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    images = torch.rand(4, 3, 32, 32)
    layers = [layer for layer in net.features if isinstance(layer, torch.nn.Conv2d)]
    maps = images
    for layer in layers:
        maps = torch.nn.functional.max_pool2d(torch.relu(layer(maps)), 2)  # the order of the source
    assert torch.equal(net.features(images), maps)
    assert SmallCnn(1, 7)(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
