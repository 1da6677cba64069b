from __future__ import annotations

from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from core.figures import palette

WHITE, NIGHT = "#FFFFFF", "#0E1117"  # the two page backgrounds
VISION = {  # linear RGB as seen by protan, deutan and tritan viewers; Machado, Oliveira & Fernandes 2009, table 1
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
FIXED = {**palette.CONV_STYLES, **palette.METRIC_STYLES}


def linear(colour: str) -> np.ndarray:
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    dark, light = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020, from linear RGB."""
    to_cones = [[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]
    to_lab = [[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]
    return np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(rgb, 0, 1))


def test_contrast_is_21_between_black_and_white():
    assert contrast("#000000", WHITE) == pytest.approx(21)


@pytest.mark.parametrize("background", [WHITE, NIGHT])
def test_every_line_and_square_stands_out_from_both_backgrounds(background):
    colours = [one.colour for one in (*FIXED.values(), *palette.OTHER_STYLES)] + list(palette.SQUARES.values())
    assert min(contrast(colour, background) for colour in colours) >= 3


@pytest.mark.parametrize("family", [palette.CONV_STYLES, palette.METRIC_STYLES])
@pytest.mark.parametrize("viewer", VISION)
def test_colours_of_a_family_stay_apart_for_colour_blind_viewers(family, viewer):
    seen = [oklab(np.array(VISION[viewer]) @ linear(one.colour)) for one in family.values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.13  # 0.02 is just noticeable


def test_the_two_squares_differ_in_lightness_too():
    red, green = (oklab(linear(colour))[0] for colour in palette.SQUARES.values())
    assert abs(red - green) > 0.1


def test_a_colour_means_one_thing():
    colours = [one.colour for one in FIXED.values()] + list(palette.SQUARES.values())
    assert len(set(colours)) == len(colours)


def test_conv_types_also_differ_by_dash_and_by_symbol():
    assert len({one.dash for one in palette.CONV_STYLES.values()}) == 6
    assert len({one.symbol for one in palette.CONV_STYLES.values()}) == 6


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("training loss", "training"),
        ("validation accuracy", "validation"),
        ("same location accuracy", "same location"),
        ("swapped location", "swapped location"),
        ("test accuracy", "swapped location"),
    ],
)
def test_metrics_have_their_colour_whatever_is_measured(name, meaning):
    assert palette.style(name) == palette.METRIC_STYLES[meaning]


def test_unknown_names_take_styles_in_turn():
    chosen = palette.styles(dict.fromkeys(["run 1", "fconv", "run 2"]))
    assert chosen["fconv"] == palette.CONV_STYLES["fconv"]
    assert chosen["run 1"] != chosen["run 2"]


@pytest.mark.parametrize("viewer", VISION)
def test_the_sequential_scale_grows_lighter_for_every_viewer(viewer):
    lightness = [oklab(np.array(VISION[viewer]) @ linear(colour))[0] for _, colour in palette.SEQUENTIAL]
    assert (np.diff(lightness) > 0).all()


def test_the_diverging_scale_is_neutral_in_the_middle():
    lab = oklab(linear(dict(palette.DIVERGING)[0.5]))
    assert np.hypot(*lab[1:]) < 1e-3


def test_faded_keeps_the_colour():
    assert palette.faded("#0A10FF", 0.25) == "rgba(10, 16, 255, 0.25)"


def test_layout_is_themeable_and_labelled():
    drawn = go.Figure(layout=palette.layout("Title", "Epoch", "Loss (nats)", xaxis={"type": "log"})).to_plotly_json()
    made = drawn["layout"]
    assert made["xaxis"]["title"]["text"] == "Epoch"
    assert made["yaxis"]["title"]["text"] == "Loss (nats)"
    assert made["xaxis"]["type"] == "log"
    assert made["uirevision"] == "keep"
    assert made["paper_bgcolor"] == made["plot_bgcolor"] == "rgba(0, 0, 0, 0)"
    assert "color" not in made.get("font", {})
    assert "layout" not in made["template"]
