"""Claims about vision transformers, each with the measurement that decides it, on the pictures of the form.

Sources: Dosovitskiy et al., ICLR 2021 (data, positions, distances); Katharopoulos et al., ICML 2020, and Choromanski et
al., ICLR 2021 (kernels in place of the softmax); Su et al. 2021 (rotary positions).
"""

from __future__ import annotations

from core.claims.evidence import WORDS, Claim, Evidence, Finding, both, higher, missing, near
from core.statistics import spread

ACCURACY, SHUFFLED = "test accuracy", "shuffled accuracy"
NEAREST, FARTHEST, DISTANCE = "nearest head of layer 1", "farthest head of layer 1", "attention distance {}"
FEW, MANY = 10, 1000  # training pictures a class
ALIKE = 1.0  # points of accuracy that count as the same
THE_SAME = 0.5  # points: shuffling adds up in another order, which may turn a single picture
VARIED = 0.5  # patches between the nearest and the farthest head


def blind_without_positions(evidence: Evidence) -> Finding:
    """Accuracy on ordinary and on shuffled pictures, seed by seed."""
    ordinary, mixed = (evidence.scores(metric, net="vit", positions="none") for metric in (ACCURACY, SHUFFLED))
    if not ordinary:
        return missing("a transformer without positions")
    apart = {seed: mixed[seed] - value for seed, value in ordinary.items() if seed in mixed}
    because = (
        f"Without positions: {spread(list(ordinary.values())).with_unit('%')}; patches shuffled: "
        f"{spread(list(mixed.values())).with_unit('%')}."
    )
    return Finding(WORDS[near(apart, -THE_SAME, THE_SAME)], because)


def positions_help(evidence: Evidence) -> Finding:
    """Learned positions against none."""
    learned, none = (evidence.scores(ACCURACY, net="vit", positions=one) for one in ("absolute", "none"))
    return higher(learned, none, ("learned positions:", "no positions:"))


def rotary_is_better(evidence: Evidence) -> Finding:
    """Rotary positions against learned ones."""
    rotary, learned = (evidence.scores(ACCURACY, net="vit", positions=one) for one in ("rotary", "absolute"))
    return higher(rotary, learned, ("rotary:", "learned:"))


def costs(kernel: str, evidence: Evidence) -> Finding:
    """Softmax against another kernel."""
    softmax, other = (evidence.scores(ACCURACY, net="vit", kernel=one) for one in ("softmax", kernel))
    return higher(softmax, other, ("softmax:", f"{kernel}:"), comparisons=2)


def favor_is_as_good(evidence: Evidence) -> Finding:
    """Whether the difference to softmax lies within a point, seed by seed."""
    softmax, favor = (evidence.scores(ACCURACY, net="vit", kernel=one) for one in ("softmax", "favor"))
    if not softmax or not favor:
        return missing("a transformer with FAVOR+" if softmax else "a transformer with softmax")
    apart = {seed: favor[seed] - softmax[seed] for seed in favor if seed in softmax}
    difference = spread(list(apart.values()))
    because = (
        f"softmax: {spread(list(softmax.values())).with_unit('%')}, FAVOR+: "
        f"{spread(list(favor.values())).with_unit('%')}; difference, same seeds: {difference.with_unit('points')}."
    )
    return Finding(WORDS[near(apart, -ALIKE, ALIKE)], because)


def cnn_is_ahead_with_few(evidence: Evidence) -> Finding:
    """CNN against transformer with few pictures."""
    cnn, vit = (evidence.scores(ACCURACY, net=one, images_per_class=FEW) for one in ("cnn", "vit"))
    return higher(cnn, vit, (f"CNN, {FEW} a class:", f"transformer, {FEW} a class:"))


def gap_closes(evidence: Evidence) -> Finding:
    """The CNN's lead with few pictures against its lead with many, seed by seed."""
    leads = []
    for count in (FEW, MANY):
        cnn, vit = (evidence.scores(ACCURACY, net=one, images_per_class=count) for one in ("cnn", "vit"))
        if not cnn or not vit:
            return missing(f"CNN and transformer with {count:,} pictures a class")
        leads.append({seed: cnn[seed] - vit[seed] for seed in cnn if seed in vit})
    few, many = leads
    return higher(few, many, (f"The CNN's lead in points, {FEW} a class:", f"{MANY:,} a class:"))


def first_layer_is_varied(evidence: Evidence) -> Finding:
    """How many patches lie between the nearest and the farthest head of the first layer."""
    if getattr(evidence.config, "heads", 1) == 1:
        return Finding("cannot tell", "This net has one head. Choose two or more.")
    nearest, farthest = (evidence.scores(metric, net="vit") for metric in (NEAREST, FARTHEST))
    if not nearest:
        return missing("the transformer of the form")
    apart = {seed: farthest[seed] - value for seed, value in nearest.items()}
    because = (
        f"Nearest head: {spread(list(nearest.values())).with_unit('patches')}, farthest: "
        f"{spread(list(farthest.values())).with_unit('patches')}; at least {VARIED:g} apart counts as both."
    )
    return Finding(WORDS[near(apart, low=VARIED)], because)


def looks_farther_later(evidence: Evidence) -> Finding:
    """Mean distance of the last layer against that of the first."""
    depth = getattr(evidence.config, "depth", 1)
    if depth == 1:
        return Finding("cannot tell", "This net has one layer. Choose two or more.")
    first, last = (evidence.scores(DISTANCE.format(layer), net="vit") for layer in (1, depth))
    if not first:
        return missing("the transformer of the form")
    return higher(last, first, (f"In patches: layer {depth}", "layer 1"))


def cnn_needs_order(evidence: Evidence) -> Finding:
    """Ordinary against shuffled, of the CNN."""
    ordinary, mixed = (evidence.scores(metric, net="cnn") for metric in (ACCURACY, SHUFFLED))
    transformer = evidence.scores(SHUFFLED, net="vit", positions="absolute")
    lower = higher(ordinary, mixed, ("CNN:", "CNN, patches shuffled:"))
    return both(lower, higher(transformer, mixed, ("Shuffled: transformer", "CNN"), comparisons=2))


DOSOVITSKIY = "Dosovitskiy et al., ICLR 2021"
CLAIMS = (
    Claim(
        "Without positions a transformer cannot tell shuffled patches from ordered ones.",
        "attention does not know the order of its tokens; see Vaswani et al. 2017, section 3.5",
        f"Positions none: accuracy with shuffled patches within {THE_SAME:g} points of the ordinary one.",
        blind_without_positions,
    ),
    Claim(
        "A transformer that is not told where its patches stand is worse.",
        f"{DOSOVITSKIY}, appendix D.4",
        "Test accuracy: learned positions against none, same seeds.",
        positions_help,
    ),
    Claim(
        "Rotary positions do better than learned ones.",
        "Su et al. 2021, of language models",
        "Test accuracy: rotary against learned, same seeds.",
        rotary_is_better,
    ),
    Claim(
        "Linear attention costs accuracy.",
        "often said; Katharopoulos et al., ICML 2020, find little of it",
        "Test accuracy: softmax against linear (elu + 1), same seeds.",
        lambda evidence: costs("linear", evidence),
    ),
    Claim(
        "The quadratic kernel costs accuracy.",
        "often said of polynomial kernels",
        "Test accuracy: softmax against quadratic, same seeds.",
        lambda evidence: costs("quadratic", evidence),
    ),
    Claim(
        "FAVOR+ is as good as the softmax it stands for.",
        "Choromanski et al., ICLR 2021",
        f"Test accuracy with 64 random features within {ALIKE:g} point of softmax, seed noise included.",
        favor_is_as_good,
    ),
    Claim(
        "With few pictures a CNN is ahead of a vision transformer.",
        f"{DOSOVITSKIY}, section 4.3",
        f"Test accuracy with {FEW} pictures a class: CNN against transformer, same pictures, epochs and seeds.",
        cnn_is_ahead_with_few,
    ),
    Claim(
        "With more pictures the transformer catches up.",
        f"{DOSOVITSKIY}, section 4.3",
        f"The CNN's lead with {FEW} pictures a class against its lead with {MANY:,} (of the digits: all, about 144).",
        gap_closes,
    ),
    Claim(
        "Heads of the first layer look both near and far.",
        f"{DOSOVITSKIY}, section 4.5",
        f"The nearest and the farthest head of layer 1 are at least {VARIED:g} patches apart in mean distance.",
        first_layer_is_varied,
    ),
    Claim(
        "The deeper the layer, the farther it looks.",
        f"{DOSOVITSKIY}, section 4.5",
        "Mean attention distance over heads: last layer against first, same seeds.",
        looks_farther_later,
    ),
    Claim(
        "A CNN cannot do without the order of the patches; a transformer bears it better.",
        "Naseer et al., NeurIPS 2021, of large nets",
        "CNN: ordinary against shuffled; shuffled: transformer with learned positions against CNN.",
        cnn_needs_order,
    ),
)
