"""Claims about small language models, each with the measurement that decides it, on the text of the form."""

from __future__ import annotations

from core.claims.evidence import WORDS, Claim, Evidence, Finding, brief, higher, missing, near, opposite
from core.statistics import spread

HELD_OUT, FLOOR = "held-out loss", "entropy floor"
ROUNDING = 1e-12  # of distributions in double precision
CLEAR = 0.01  # of total variation: one guess in a hundred would come out another way
CLOSE = 0.15  # nats above the entropy
HOLDS = 0.05  # nats that count as no worse


def is_a_bag(evidence: Evidence) -> Finding:
    """A trained causal stack without positions: two layers or more."""
    found = evidence.ask("order", positions="none")
    if found is None:
        return missing("a net without positions")
    changes = found["trained"][1:, 0]
    if not len(changes):
        return Finding("cannot tell", "This net has one layer. Choose two or more.")
    because = (
        f"Its first {' and '.join(str(2 + place) for place in range(len(changes)))} layers, causal: the last guess "
        f"changes by {' and '.join(f'{one:.2g}' for one in changes)} (total variation) when the text before it is "
        "permuted. One net: the first seed's."
    )
    if changes.max() < ROUNDING:
        return Finding("supported", because)
    return Finding("contradicted" if changes.max() > CLEAR else "cannot tell", because)


def is_a_bag_where_it_is_true(evidence: Evidence) -> Finding:
    """One causal layer's last character, and full attention however deep; untrained nets and a trained one."""
    found = evidence.ask("order", positions="none")
    if found is None:
        return missing("a net without positions")
    none = list(found["positions"]).index("none")
    fresh, trained = found["untrained"][none], found["trained"]
    largest = max(fresh[0, 0], fresh[:, 1].max(), trained[0, 0], trained[:, 1].max())
    because = f"Largest change of the last guess: {largest:.1e}; up to {ROUNDING:g} is rounding in double precision."
    return Finding("supported" if largest < ROUNDING else "contradicted", because)


def positions_help(evidence: Evidence) -> Finding:
    """No positions against rotary ones."""
    none, rotary = (evidence.scores(HELD_OUT, positions=one) for one in ("none", "rotary"))
    return higher(none, rotary, ("Held-out loss in nats without positions:", "rotary:"), comparisons=2)


def rotary_is_better(evidence: Evidence) -> Finding:
    """Learned positions against rotary ones."""
    learned, rotary = (evidence.scores(HELD_OUT, positions=one) for one in ("absolute", "rotary"))
    return higher(learned, rotary, ("Held-out loss in nats, learned:", "rotary:"), comparisons=2)


def reads_longer(evidence: Evidence, kind: str) -> Finding:
    """Loss beyond the block against that of the block's second half, of one net, text by text."""
    found = evidence.ask("lengths", positions=kind)
    if found is None:
        return missing(f"a net with positions = {kind}")
    block, rise = int(found["block"]), found["rise"]
    within, beyond = found["loss"][block // 2 : block], found["loss"][block:]
    if not len(rise):
        return Finding("cannot tell", "The held-out text is no longer than a block. Choose a longer text.")
    because = (
        f"Nats per character: {within.mean():.3f} in the block's second half, {beyond.mean():.3f} beyond it, up to "
        f"{len(found['loss'])} characters; rise, text by text: {spread(rise.tolist())}. One net: the first seed's."
    )
    return Finding(WORDS[near(dict(enumerate(rise.tolist())), high=HOLDS)], because)


def linear_costs(evidence: Evidence) -> Finding:
    """Causal linear attention against softmax."""
    linear, softmax = (evidence.scores(HELD_OUT, kernel=one) for one in ("linear", "softmax"))
    return higher(linear, softmax, ("Held-out loss in nats, linear:", "softmax:"))


def deep_is_better(evidence: Evidence) -> Finding:
    """Wide against deep MLP of the same parameters."""
    wide, deep = (evidence.scores(HELD_OUT, mlp=one) for one in ("wide", "deep"))
    return higher(wide, deep, ("Held-out loss in nats, wide:", "deep:"))


def comes_near(evidence: Evidence) -> Finding:
    """How far the held-out loss is from the entropy of the text."""
    loss, floor = evidence.scores(HELD_OUT), evidence.scores(FLOOR)
    if not loss:
        return missing("the net of the form")
    if not floor:
        return Finding("cannot tell", "Nobody knows the entropy of this text. Choose the generated sentences.")
    above = {seed: value - floor[seed] for seed, value in loss.items()}
    because = f"{brief(above)} nats above the entropy of {next(iter(floor.values())):.3f}."
    return Finding(WORDS[near(above, high=CLOSE)], because)


def cannot_read_longer(evidence: Evidence) -> Finding:
    """The opposite, of learned positions."""
    return opposite(reads_longer(evidence, "absolute"))


OFTEN = "often said of transformers; a course assignment draws a bag of words"
CLAIMS = (
    Claim(
        "Without positions a transformer reads a bag of words: order is lost.",
        OFTEN,
        "A trained causal net without positions: change of its last guess when the text before is permuted, "
        "above rounding in double precision.",
        is_a_bag,
    ),
    Claim(
        "Of full attention, and of one causal layer, that is true.",
        "attention is a sum over a set; see Vaswani et al. 2017, section 3.5",
        "The same of one causal layer and of full attention with 1, 2 and 3 layers, fresh nets and a trained one.",
        is_a_bag_where_it_is_true,
    ),
    Claim(
        "Told where its characters stand, a net guesses better.",
        "Vaswani et al., NeurIPS 2017, section 3.5",
        "Held-out loss: none against rotary, same seeds.",
        positions_help,
    ),
    Claim(
        "Rotary positions do better than learned ones.",
        "Su et al. 2021",
        "Held-out loss: learned against rotary, same seeds.",
        rotary_is_better,
    ),
    Claim(
        "With rotary positions a net reads longer texts than it was trained on.",
        "often said; Su et al. 2021, section 3.4, call it flexibility of length",
        f"Held-out loss beyond the block, up to four of them, at most {HOLDS:g} nats above that of its second half.",
        lambda evidence: reads_longer(evidence, "rotary"),
    ),
    Claim(
        "With learned positions it cannot.",
        "Press et al., ICLR 2022, section 2",
        f"The same with learned positions: supported where the loss rises by {HOLDS:g} nats or more.",
        cannot_read_longer,
    ),
    Claim(
        "Linear attention costs likelihood.",
        "often said; Katharopoulos et al., ICML 2020, find little of it on pictures",
        "Held-out loss: causal linear (elu + 1) against softmax, same seeds.",
        linear_costs,
    ),
    Claim(
        "At equal parameters a deep MLP is worth more than a wide one.",
        "often said of deep nets",
        "Held-out loss: one hidden layer of 4 widths against two of 2 widths, same seeds.",
        deep_is_better,
    ),
    Claim(
        "A net of this size comes close to the best possible guess.",
        "own, of the generated sentences",
        f"Held-out loss at most {CLOSE:g} nats above the entropy of the text.",
        comes_near,
    ),
)
