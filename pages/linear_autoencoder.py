"""The lab of the linear autoencoder: does it find the principal components, and what does weight decay add?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import catalog
from core.claims.linear_autoencoder import CLAIMS, SMALL
from core.data import gaussian
from core.engine.records import Snapshot
from core.experiments.linear_autoencoder import LinearAutoencoderConfig
from core.figures import linear_autoencoder as figures
from core.figures.curves import curves
from core.queries.subspace import expected_singular_values
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_button
from ui.noise import noise
from ui.panel import Panel, seed_text
from ui.plot import plot
from ui.results import Result, origin, points, result_for, scores
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("linear_autoencoder")
WORDS = words("linear_autoencoder")
CHARTS = {
    "Loss above the lowest": ("loss above the lowest",),
    "Largest principal angle (°)": ("largest principal angle",),
    "Loss": ("loss", "lowest loss"),
}
TABLE = ("loss above the lowest", "largest principal angle", "column overlap")
DECAYS = (0.0, 0.5, 1.0, 2.0, 8.0)  # held against each other, with that of the form
NOTHING = "Press Run: this appears here as soon as a net is trained."


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Loss and angle over training, and the lengths as they stand."""
    training_curves(EXPERIMENT, settings, now, CHARTS, logarithmic=CHARTS)
    if shown := Result.on_screen(now) if now else result_for(EXPERIMENT, settings.config):
        decay, (expected, variances) = config_of(shown).weight_decay, expected_of(config_of(shown))
        found = {name: lengths_of(shown, f"singular value {key}") for name, key in (("W₁", "W1"), ("W₂", "W2"))}
        figure = figures.lengths(found, expected, variances, decay)
        plot(figure, "lengths", height=240, caption=WORDS["lengths"])
        st.caption(f"{figures.fate(variances, decay)} {shown.label[0].upper()}{shown.label[1:]}.")


def config_of(result: Result) -> LinearAutoencoderConfig:
    """What a result was trained with."""
    return LinearAutoencoderConfig.parse(result.snapshot.run.config)


def lengths_of(result: Result, prefix: str) -> dict[int, list[float]]:
    """Seed -> the newest singular values of one matrix."""
    return figures.numbered(result.snapshot.summary(), prefix, config_of(result).latent)


def expected_of(config: LinearAutoencoderConfig) -> tuple[np.ndarray, np.ndarray]:
    """The singular values that the formula gives, and the data's variances along those axes: (latent,) each."""
    variances = gaussian.principal(config.ratio)[0][: config.latent]
    return expected_singular_values(variances, config.latent, config.weight_decay), variances


def by_decay(now: Snapshot | None) -> None:
    """Several λ beside one another, other settings as in the form."""
    every = sorted({*DECAYS, settings.config.weight_decay})
    configs = {decay: settings.config.model_copy(update={"weight_decay": decay}) for decay in every}
    with st.container(horizontal=True):
        for decay in configs:
            changes = [{"weight_decay": decay}]
            about = "Train it now, with the other settings of the form."
            train_button(Panel(EXPERIMENT, settings), f"λ = {decay:g}", f"decay:{decay}", changes, about)
    found = {decay: result_for(EXPERIMENT, config, now) for decay, config in configs.items()}
    measured = {decay: lengths_of(one, "singular value W2") for decay, one in found.items() if one and decay}
    expected = {decay: expected_of(configs[decay])[0] for decay in measured}
    shown = figures.lengths_by_decay(measured, expected, expected_of(settings.config)[1])
    plot(shown, "lengths by decay", height=320, caption=WORDS["by decay"])
    rows = [figures.table_row(key, scores(one, TABLE) if one else {}, origin(one)) for key, one in found.items()]
    st.table(rows, hide_index=True)
    st.caption(WORDS["table"])
    noise({f"λ = {decay:g}": one for decay, one in found.items()}, TABLE[-1], key="noise", unit="|cosine|")


def directions(result: Result, step: float | None) -> None:
    """How the columns of W₂ lie among the principal axes, and how much of each axis comes back."""
    if (found := ask(EXPERIMENT, result, "alignment", step=step)) is None:
        return
    best = expected_of(config_of(result))[0] ** 2
    best = np.pad(best, (0, len(found["kept"]) - len(best)))  # a code has at most 20 numbers, as many as axes are shown
    left, right = st.columns(2)
    with left:
        plot(figures.cosines(found["cosines"], found["variances"]), "cosines", height=420, caption=WORDS["cosines"])
    with right:
        plot(figures.kept(found["kept"], best, found["variances"]), "kept", height=420, caption=WORDS["kept"])
    st.caption(f"Net: first seed; {result.label}.")


def factors(result: Result, step: float | None) -> None:
    """The same product from other factors."""
    draw = st.columns([1, 3])[0].number_input(
        "Random C, number", 0, 999, key="linear_autoencoder:c", help="Each number is another C."
    )
    if found := ask(EXPERIMENT, result, "factorisations", step=step, draw=int(draw)):
        st.table(figures.factor_rows(found["losses"], found["changes"], found["same"]), hide_index=True)
        decay = config_of(result).weight_decay
        st.markdown(WORDS["with decay" if decay else "without decay"])
        st.caption(f"λ = {decay:g}. Net: first seed; {result.label}. {WORDS['factors']}")


def forms(now: Snapshot | None) -> None:
    """The penalty in the loss and SGD's weight_decay, seed by seed."""
    knob, paths, decay = EXPERIMENT.config.knob("form"), {}, settings.config.weight_decay or SMALL
    if decay != settings.config.weight_decay:
        st.caption(f"The form's λ is 0, where there is nothing to tell apart: this is for λ = {decay:g}.")
    with st.container(horizontal=True):
        for form in knob.choices:
            changes = {"form": form, "weight_decay": decay}
            paths[form] = result_for(EXPERIMENT, settings.config.model_copy(update=changes), now)
            train_button(Panel(EXPERIMENT, settings), f"Run: {knob.label_of(form)}", f"form:{form}", [changes])
    found = {knob.label_of(form): points(one.snapshot, "loss") for form, one in paths.items() if one}
    common = sorted(set.intersection(*map(set, found.values()))) if len(found) > 1 else []
    if not common:
        st.info("Train both forms with a seed in common: their losses are laid over one another here.")
        return
    drawn = {name: {common[0]: lines[common[0]]} for name, lines in found.items()}
    figure = curves(drawn, y="Loss", dashes=dict(zip(drawn, ("solid", "dash"), strict=True)), log=True)
    plot(figure, "forms", height=260, curves=True, caption=f"{seed_text((common[0],)).capitalize()}. {WORDS['forms']}")
    largest = max(figures.apart(*(lines[seed] for lines in found.values())) for seed in common)
    whence = " and ".join(dict.fromkeys(origin(one) for one in paths.values()))
    st.markdown(f"Largest difference at any moment, {seed_text(tuple(common))}: **{largest:.2g}** ({whence}).")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("What does λ do to the lengths?", EXPERIMENT):
    follow(EXPERIMENT, snapshot, by_decay, key="by decay")
if section("Which directions has it found?", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, directions, key="directions", otherwise=NOTHING)
if section("Two factorisations, one loss", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, factors, key="factors", otherwise=NOTHING)
if section("Two forms of decay, one path", EXPERIMENT):
    follow(EXPERIMENT, snapshot, forms, key="forms")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
