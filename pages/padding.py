"""The padding lab: can a convolution read where it is from the padding at the border?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import catalog
from core.data import red_green
from core.demos import convolution, receptive_field
from core.engine.records import Snapshot
from core.figures import images
from core.figures import padding as figures
from core.figures.results import accuracy_rows, against_published, as_table
from core.nn.padded import CONV_TYPES
from ui.charts import training_curves
from ui.form import form
from ui.live import follow, live, train_buttons
from ui.plot import plot
from ui.results import ask, grid, result_for, scores
from ui.words import words

EXPERIMENT = catalog.get("padding")
WORDS = words("padding")
CHARTS = {
    "Accuracy (%)": ("validation accuracy", "swapped-location accuracy"),
    "Cross-entropy (nats)": ("training loss", "validation loss"),
}
TRAINED_ROWS = [(row - 4, row + 3) for row in red_green.ROWS]  # first and last, of class 0 and 1
SPLITS = {"swapped": "test, swapped location", "test": "test, same location", "validation": "validation"}


def curves(now: Snapshot | None) -> None:
    """Accuracy and loss over epochs."""
    training_curves(EXPERIMENT, settings, now, CHARTS)


def table(now: Snapshot | None) -> None:
    """The 6×2 table beside the published figures; a cell fills in as it trains."""
    results = grid(EXPERIMENT, settings.config, ("conv", "head"), now)
    rows = accuracy_rows({cell: scores(one, EXPERIMENT.summary) if one else None for cell, one in results.items()})
    plot(against_published(rows), "table figure", height=400)
    origins = [one.label if (one := results[row.conv, row.head]) else "press Run to train it" for row in rows]
    lines = [line | {"From": origin} for line, origin in zip(as_table(rows), origins, strict=True)]
    st.dataframe(lines, hide_index=True)
    st.caption(WORDS["table"])


def samples() -> None:
    """Both classes, as trained and at the swapped location."""
    splits = red_green.splits(settings.config.data)
    both = np.concatenate([splits["test"].images[:4], splits["swapped"].images[:4]])
    names = ["red left", "green left"] * 2 + ["red left, swapped", "green left, swapped"] * 2
    plot(images.image_grid(both, names), "samples", height=420, caption=WORDS["samples"])


@st.fragment
def why(now: Snapshot | None) -> None:
    """Three direct measurements on a trained net."""
    result = result_for(EXPERIMENT, settings.config, now)
    if result is None:
        st.info("Nothing is trained with these settings yet. Press Run, and the three measurements appear here.")
        return
    st.caption(f"Net: {settings.config.conv}, {settings.config.head}; {result.label}; measured on its first seed.")
    where, probe, border = st.tabs(["Where is it right?", "Can a probe read the place?", "A filter at the border"])
    with where:
        if answer := ask(EXPERIMENT, result, "position_accuracy"):
            found = answer.arrays
            figure = images.position_maps(found["accuracy"], found["rows"], found["columns"], TRAINED_ROWS)
            plot(figure, "position map", height=380, caption=WORDS["position"])
    with probe:
        if answer := ask(EXPERIMENT, result, "location_probe"):
            folds = {
                net: {f"layer {number}": accuracy for number, accuracy in enumerate(layers, start=1)}
                for net, layers in answer.arrays.items()
            }
            plot(figures.location_probe(folds), "location probe", height=320, caption=WORDS["probe"])
    with border:
        at_the_border(now)


def at_the_border(now: Snapshot | None) -> None:
    """One filter's response to a square that slides over the top border, a line a conv type."""
    layer = st.segmented_control("Layer", [1, 2, 3, 4], default=4, required=True)
    position, responses = np.arange(-red_green.SQUARE, red_green.SIZE // 2), {}
    for (conv,), net in grid(EXPERIMENT, settings.config, ("conv",), now).items():
        if net and (answer := ask(EXPERIMENT, net, "border_response", layer=layer)):
            responses[conv] = answer.arrays["red"][: len(position), int(answer.arrays["channel"])]
    figure = figures.border_response(position, responses, x="Top edge of a red square (px; 0 touches the border)")
    plot(figure, "border response", height=320, caption=WORDS["border"])


def feature_maps(now: Snapshot | None) -> None:
    """What every layer makes of one image, also while the net trains."""
    left, right = st.columns([1, 3])
    with left:
        split = st.selectbox("Image from", list(SPLITS), format_func=SPLITS.__getitem__)
        index = st.number_input("Image number", 0, 999, 0, help="Even numbers are class 0, odd ones class 1.")
    result = result_for(EXPERIMENT, settings.config, now)
    with right:
        if result is None:
            st.info("Press Run: the maps appear with the first epoch.")
        elif answer := ask(EXPERIMENT, result, "feature_maps", index=index, split=split):
            maps = [answer.arrays[f"layer {number}"] for number in (1, 2, 3, 4)]
            plot(images.feature_maps(maps, answer.arrays["image"]), "feature maps", height=520)
            guess = int(np.argmax(answer.arrays["logits"]))
            verdict = "right" if guess == int(answer.arrays["label"]) else "wrong"
            st.caption(f"The net says **{images.CLASS_NAMES[guess]}**: {verdict}. Net: {result.label}.")


@st.fragment
def by_hand() -> None:
    """Convolution at a border pixel, every product on the table."""
    left, right = st.columns([1, 3])
    with left:
        mode = st.selectbox("Padding", convolution.PAD_MODES)
        amount = st.slider("Amount (px)", 0, convolution.LARGEST_PADDING, 1)
        kernel = st.selectbox("Kernel", list(convolution.KERNELS), index=3)
        side = convolution.output_size(len(convolution.SAMPLE), 3, 1, amount)
        row, col = (st.slider(f"Output {name}", 0, side - 1, 0) for name in ("row", "column"))
    found = convolution.products(convolution.SAMPLE, convolution.KERNELS[kernel], amount, mode, row, col)
    with right:
        plot(figures.padded_image(found), "padded image", height=340)
        plot(figures.kernel_products(found), "products", height=280)
    st.caption(WORDS["by hand"])
    layers = receptive_field.net_layers(settings.config.conv)
    plot(figures.layer_sizes(convolution.output_sizes(red_green.SIZE, layers), layers), "layer sizes", height=240)


@st.cache_data
def fields(conv: str) -> dict[str, receptive_field.Effective]:
    """Receptive fields to compare: the chosen conv type, another one, and self-attention."""
    other = "valid" if conv == "fconv" else "fconv"
    shown = {one: receptive_field.convolution_field(one) for one in CONV_TYPES if one in (conv, other)}
    return {**shown, "self-attention": receptive_field.attention_field()}


st.title(EXPERIMENT.title, anchor=False)
st.markdown(f"**{EXPERIMENT.question}** {WORDS['introduction']}")
knobs, run = st.columns([1, 2.4], gap="large")
with knobs:
    settings = form(EXPERIMENT)
with run:
    snapshot = live(EXPERIMENT, settings, curves)
st.subheader("Six ways to pad, two heads, ten initialisations", anchor=False)
train_buttons(EXPERIMENT, settings, across="conv", down="head")
follow(EXPERIMENT, snapshot, table, key="table")
st.subheader("The images", anchor=False)
samples()
st.subheader("Why? Three direct measurements", anchor=False)
why(snapshot)
st.subheader("Feature maps", anchor=False)
follow(EXPERIMENT, snapshot, feature_maps, key="feature maps")
st.subheader("By hand: a convolution at the border", anchor=False)
by_hand()
st.subheader("How far does a unit see?", anchor=False)
plot(figures.receptive_fields(fields(settings.config.conv)), "fields", height=380, caption=WORDS["fields"])
st.subheader("What the sources claim, and what to hold against it", anchor=False)
st.markdown(WORDS["claims"])
