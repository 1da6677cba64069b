"""The normalisation lab's parts: the tensor with its averaged cells, all four kinds, and running statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import streamlit as st

from core.contract import Demo
from core.demos import normalisation as demo
from core.demos.normalisation import NormalisationConfig
from core.figures import normalisation as figures
from ui.form import Settings, knob_here
from ui.plot import plot


def tensor(settings: Settings, words: Mapping[str, str]) -> None:
    """Input and output with the averaged cells framed, their statistics, and torch's difference."""
    config = cast(NormalisationConfig, settings.config)
    found = demo.look(config)
    if found.notes:
        st.info("\n\n".join(found.notes))
    height = 110 + 34 * found.x.shape[0] * found.x.shape[1]
    plot(figures.tensors(found), "averaged cells", height=height, caption=words["tensor"])
    kind = config.knob("kind").label_of(config.kind)
    one, two, three = (place + 1 for place in found.chosen)
    members = demo.sets(config.kind, cast(tuple[int, int, int], found.x.shape), _groups(config, found))
    here = members[found.chosen]
    value = found.output[found.chosen]
    st.markdown(
        f"{kind.capitalize()} averages **{found.lit.sum()}** of {found.x.size} numbers with sample {one}, channel "
        f"{two}, feature {three}: mean **{found.mean[here]:.4f}**, variance **{found.variance[here]:.4f}**, so "
        f"{found.x[found.chosen]:g} becomes **{value:.4f}**.".replace("-", "−")
    )
    st.markdown(_against_torch(found))
    st.table(figures.rows(found), hide_index=True)


def _groups(config: NormalisationConfig, found: demo.Normalised) -> int:
    return len(found.names) // found.x.shape[0] if config.kind == "group" else 1


def _against_torch(found: demo.Normalised) -> str:
    if found.torch is None:
        return "torch refuses to train on this: a set has a single number, whose variance says nothing."
    return f"Largest difference from torch's own, ε = 10⁻⁵ in both: **{found.difference:.1e}**.".replace("e-", "e−")


def all_kinds(settings: Settings) -> None:
    """Means and variances of the same tensor under all four."""
    config = cast(NormalisationConfig, settings.config)
    rows = []
    for kind in demo.KINDS:
        found = demo.look(config.model_copy(update={"kind": kind}))
        rows.append(
            {
                "Normalisation": config.knob("kind").label_of(kind),
                "Means": " ".join(f"{one:.4f}" for one in found.mean).replace("-", "−"),
                "Variances": " ".join(f"{one:.4f}" for one in found.variance),
                "From torch": "torch refuses" if found.torch is None else f"{found.difference:.1e}".replace("-", "−"),
            }
        )
    st.table(rows, hide_index=True)


def drift(topic: Demo, settings: Settings, words: Mapping[str, str]) -> None:
    """Running statistics behind a mean that moves, and what that does to outputs."""
    for column, name in zip(st.columns(3, vertical_alignment="bottom"), ("momentum", "drift", "seed"), strict=True):
        with column:
            knob_here(topic, settings, name)
    config = cast(NormalisationConfig, settings.config)
    found = demo.drifting(config.momentum, config.drift, config.seed)
    left, right = st.columns(2)
    with left:
        plot(figures.means(found), "normalisation means", height=300)
    with right:
        plot(figures.errors(found), "normalisation errors", height=300)
    st.caption(words["drift"])
    late = slice(demo.MOVING - 20, demo.MOVING)
    measured, formula = float(found.lag[late].mean()), float(found.expected_lag[late].mean())
    spread = float(np.std(found.lag[late] - found.expected_lag[late], ddof=1))
    st.markdown(
        f"Running minus true mean over the last 20 drifting batches: measured **{measured:.4f}** (deviation "
        f"{spread:.3f}, n = 20 batches), formula **{formula:.4f}**, difference {measured - formula:+.4f}. "
        f"{'m = 0: the running mean never moves.' if config.momentum == 0 else ''}".replace("-", "−")
    )
