"""The padding lab: can a convolution read where it is from the padding at the border?"""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from core import catalog
from core.claims.padding import CLAIMS
from core.data import red_green
from core.demos import convolution, receptive_field
from core.engine.records import Snapshot
from core.figures import images
from core.figures import padding as figures
from core.figures.results import accuracy_rows, against_published, as_table
from core.nn.padded import CONV_TYPES
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_buttons
from ui.noise import noise
from ui.plot import as_json, plot
from ui.results import Result, grid, origin, scores
from ui.scrub import scrubbed
from ui.tabs import tabs
from ui.words import words

EXPERIMENT = catalog.get("padding")
WORDS = words("padding")
CHARTS = {
    "Accuracy (%)": ("validation accuracy", "swapped-location accuracy"),
    "Cross-entropy (nats)": ("training loss", "validation loss"),
}
SPLITS = {"swapped": "test, swapped location", "test": "test, same location", "validation": "validation"}


def table(now: Snapshot | None) -> None:
    """The 6×2 table beside the published figures; a cell fills in as it trains."""
    results = grid(EXPERIMENT, settings.config, ("conv", "head"), now)
    rows = accuracy_rows({cell: scores(one, EXPERIMENT.summary) if one else None for cell, one in results.items()})
    plot(against_published(rows), "table figure", height=400)
    origins = (origin(results[row.conv, row.head]) for row in rows)
    st.table([line | {"From": one} for line, one in zip(as_table(rows), origins, strict=True)], hide_index=True)
    st.caption(WORDS["table"])
    noise({f"{conv}, {head}": one for (conv, head), one in results.items()}, "test accuracy", key="noise")


@st.cache_data
def samples(data: red_green.Draws) -> str:
    """Both classes, as trained and at the swapped location."""
    both = np.concatenate([red_green.splits(data)[split].images[:4] for split in ("test", "swapped")])
    return as_json(images.image_grid(both, ["red left", "green left"] * 4))


def why(result: Result, step: float | None) -> None:
    """Three direct measurements on a trained net, as of a moment of its training."""
    net = result.snapshot.run.config
    st.caption(f"Net: {net['conv']}, {net['head']}; {result.label}; measured on its first seed.")
    measurements = {
        "Where is it right?": lambda: position_map(result, step),
        "Can a probe read the place?": lambda: location_probe(result, step),
        "A filter at the border": lambda: at_the_border(result, step),
    }
    tabs(measurements, key="why")


def position_map(result: Result, step: float | None) -> None:
    """Accuracy over where the pair stands."""
    if found := ask(EXPERIMENT, result, "position_accuracy", step=step):
        trained_rows = [(row - 4, row + 3) for row in red_green.ROWS]  # first and last, of class 0 and 1
        figure = images.position_maps(found["accuracy"], found["rows"], found["columns"], trained_rows)
        plot(figure, "position map", height=380, caption=WORDS["position"])


def location_probe(result: Result, step: float | None) -> None:
    """How well a linear probe reads the place from each layer."""
    if found := ask(EXPERIMENT, result, "location_probe", step=step):
        folds = {net: {f"layer {n}": one for n, one in enumerate(layers, start=1)} for net, layers in found.items()}
        plot(figures.location_probe(folds), "location probe", height=320, caption=WORDS["probe"])


def at_the_border(result: Result, step: float | None) -> None:
    """A filter's response to a square that slides over the top border, a line a conv type; the others as they ended."""
    layer = st.segmented_control("Layer", [1, 2, 3, 4], default=4, required=True)
    position = np.arange(-red_green.SQUARE, red_green.SIZE // 2)
    nets = {conv: net for (conv,), net in grid(EXPERIMENT, settings.config, ("conv",), result.snapshot).items() if net}
    steps = {conv: step if net.snapshot.run.id == result.snapshot.run.id else None for conv, net in nets.items()}
    asked = {conv: ask(EXPERIMENT, net, "border_response", step=steps[conv], layer=layer) for conv, net in nets.items()}
    responses = {conv: one["red"][: len(position), int(one["channel"])] for conv, one in asked.items() if one}
    plot(figures.border_response(position, responses), "border response", height=320, caption=WORDS["border"])


def feature_maps(result: Result, step: float | None) -> None:
    """What every layer makes of one image, at any moment of training."""
    left, right = st.columns([1, 3])
    split = left.selectbox("Image from", list(SPLITS), format_func=SPLITS.__getitem__)
    index = left.number_input("Image number", 0, 999, 0, help="Even numbers are class 0, odd ones class 1.")
    with right:
        if found := ask(EXPERIMENT, result, "feature_maps", step=step, index=index, split=split):
            maps = [found[f"layer {number}"] for number in (1, 2, 3, 4)]
            plot(images.feature_maps(maps, found["image"]), "feature maps", height=520)
            st.caption(f"{images.verdict(found['logits'], int(found['label']))} Net: {result.label}.")


@st.fragment
def by_hand() -> None:
    """Convolution at a border pixel, every product on the table."""
    left, right = st.columns([1, 3])
    mode = left.selectbox("Padding", convolution.PAD_MODES)
    amount = left.slider("Amount (px)", 0, convolution.LARGEST_PADDING, 1)
    kernel = left.selectbox("Kernel", list(convolution.KERNELS), index=3)
    side = convolution.output_size(len(convolution.SAMPLE), 3, 1, amount)
    row, col = (left.slider(f"Output {name}", 0, side - 1, 0) for name in ("row", "column"))
    found = convolution.products(convolution.SAMPLE, convolution.KERNELS[kernel], amount, mode, row, col)
    with right:
        plot(figures.padded_image(found), "padded image", height=340)
        plot(figures.kernel_products(found), "products", height=280)
    st.caption(WORDS["by hand"])
    sizes = convolution.output_sizes(red_green.SIZE, layers := receptive_field.net_layers(settings.config.conv))
    plot(figures.layer_sizes(sizes, layers), "layer sizes", height=240)


@st.cache_data
def fields(conv: str) -> str:
    """Receptive fields to compare: the chosen conv type, another one, and self-attention."""
    other = "valid" if conv == "fconv" else "fconv"
    shown = {one: receptive_field.convolution_field(one) for one in CONV_TYPES if one in (conv, other)}
    return as_json(figures.receptive_fields({**shown, "self-attention": receptive_field.attention_field()}))


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], partial(training_curves, EXPERIMENT, charts=CHARTS))
if section("Six ways to pad, two heads, ten initialisations", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="conv", down="head")
    follow(EXPERIMENT, snapshot, table, key="table")
if section("The images", EXPERIMENT):
    plot(samples(settings.config.data), "samples", height=420, caption=WORDS["samples"])
if section("Why? Three direct measurements", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, why, key="why", otherwise="Press Run: three measurements appear here.")
if section("Feature maps", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, feature_maps, key="maps", otherwise="Press Run: the maps appear here.")
if section("By hand: a convolution at the border", EXPERIMENT):
    by_hand()
if section("How far does a unit see?", EXPERIMENT):
    plot(fields(settings.config.conv), "fields", height=380, caption=WORDS["fields"])
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
