"""Claims about attention, the wrong ones included. Nothing need be trained: each is decided at once by a demo.

Sources: Vaswani et al., NeurIPS 2017; Katharopoulos et al., ICML 2020; Choromanski et al., ICLR 2021; course material.
"""

from __future__ import annotations

import numpy as np
import torch

from core.claims.evidence import Claim, Evidence, Finding, higher
from core.demos import equivalences, features, scaling
from core.demos.attention import AttentionConfig, look, ranks
from core.nn.kernels import Rbf

COURSE = "course material"
EXACT = 1e-9  # two forms of one number in float64
WIDTH = 64
GAIN = 20.0
POINTS = (4, 8, 16)  # tokens on a line, one apart


def divide_by_d_squared(evidence: Evidence) -> Finding:
    """What dividing by √d and by d² leave of the variance at d = 64, with μ = 0 and σ = 1."""
    found = scaling.products(0.0, 1.0, _config(evidence).seed)
    place = found.widths.index(WIDTH)
    low, high = found.low[place], found.high[place]
    root, square = found.variance[place] / WIDTH, found.variance[place] / WIDTH**4
    because = (
        f"At d = {WIDTH}, μ = 0, σ = 1: variance of q·k {found.variance[place]:.3g} ({low:.3g} to {high:.3g}); divided "
        f"by √d it is {root:.3g}, by d² {square:.2g}. The variance is d, its root √d."
    )
    if low / WIDTH <= 1.0 <= high / WIDTH:
        return Finding("contradicted", because)
    return Finding("supported" if low / WIDTH**4 <= 1.0 <= high / WIDTH**4 else "cannot tell", because)


def twice_at_the_end(evidence: Evidence) -> Finding:
    """The last token sees only the one before it, whose weight softmax makes 1."""
    x = equivalences.signal(_config(evidence).seed)
    last = float(equivalences.convolution((2.0, 0.0, 1.0), x, zero_ends=False).attended[-1])
    twice, thrice = 2 * float(x[-2]), 3 * float(x[-2])
    because = f"xₙ₋₂ = {x[-2]:g}: attention gives {last:.4g}; 2xₙ₋₂ = {twice:.4g}, 3xₙ₋₂ = {thrice:.4g}."
    if abs(last - thrice) < EXACT < abs(last - twice):
        return Finding("contradicted", f"{because} Softmax renormalises: the one weight left is 1, and W_V = 3.")
    return Finding("supported" if abs(last - twice) < EXACT < abs(last - thrice) else "cannot tell", because)


def large_gain_is_max_pooling(evidence: Evidence) -> Finding:
    """Against the window's maximum, token by token, by the sign of x."""
    found = equivalences.pooling(equivalences.signal(_config(evidence).seed), 1, GAIN)
    apart = np.abs(found.attended - found.largest)
    worst = {sign: float(apart[found.regime == sign].max(initial=0.0)) for sign in (1, 0, -1)}
    because = (
        f"Gain {GAIN:g}, largest distance from the window's maximum: {worst[1]:.2g} where xᵢ > 0, {worst[0]:.2g} where "
        f"xᵢ = 0 (there it is the mean), {worst[-1]:.2g} where xᵢ < 0 (there it is the minimum)."
    )
    return Finding("contradicted" if max(worst[0], worst[-1]) > 0.01 else "supported", because)


def rbf_needs_an_infinite_map(evidence: Evidence) -> Finding:
    """A map of C numbers cannot give more than C independent rows of similarities, however many tokens there are."""
    found = {}
    for count in POINTS:
        points = torch.arange(count, dtype=torch.float64)[:, None]
        found[count] = ranks(Rbf().similarity(points, points).numpy())[0]
    because = "Rank of the similarities of n tokens of width 1: " + ", ".join(
        f"{r} at n = {n}" for n, r in found.items()
    )
    every = all(rank == count for count, rank in found.items())
    text = f"{because}. A map of C numbers allows C at most; it grows with n, as far as this went."
    return Finding("supported" if every else "cannot tell", text)


def cosine_has_no_finite_map(evidence: Evidence) -> Finding:
    """1 + ε + cos through the direction and a constant."""
    seen = look(_config(evidence).model_copy(update={"kernel": "cosine"}))
    because = (
        f"Through {seen.features} numbers a token, its direction and √(1 + ε), the output differs from the n×n form by "
        f"{seen.difference:.1e} of the largest."
    )
    exact = seen.difference is not None and seen.difference < EXACT
    return Finding("contradicted" if exact else "cannot tell", because)


def argmax_learns(evidence: Evidence) -> Finding:
    """Autograd's gradients in the example of four keys."""
    found, soft = scaling.worked(None), scaling.worked(1.0)
    largest = float(max(np.abs(found.to_q).max(), np.abs(found.to_k).max()))
    because = (
        f"Largest gradient to q or k: {largest:g} with argmax, {np.abs(soft.to_q).max():.2g} with softmax. The output "
        f"is ({', '.join(f'{one:g}' for one in found.output)}) and stays so while q and k move a little."
    )
    return Finding("contradicted" if largest == 0 else "supported", because)


def any_similarity_will_do(evidence: Evidence) -> Finding:
    """A weighted mean lies among what it averages; these do not."""
    found = features.sign_changes(8, _config(evidence).seed)
    signed = {name: one for name, one in found.items() if not features.positive(name)}
    worst = max(signed, key=lambda name: float(signed[name].growth.max()))
    mild = max(float(one.growth.max()) for name, one in found.items() if name not in signed)
    because = (
        f"{worst}: outputs up to {signed[worst].growth.max():.3g} times the largest value, row sums down to "
        f"{signed[worst].sums.min():.1g} of the absolute values'; those that stay above 0: {mild:.2g} times at most."
    )
    return Finding("contradicted" if signed[worst].growth.max() > 1 else "cannot tell", because)


def favor_approaches_softmax(evidence: Evidence) -> Finding:
    """Errors with the fewest and the most features, over draws of the directions."""
    tokens = AttentionConfig(tokens="random", projections="random", seed=_config(evidence).seed)
    found = features.favor_errors(tokens)
    few, most = features.COUNTS[0], features.COUNTS[-1]
    return higher(found[few], found[most], (f"Error with {few:,} features:", f"with {most:,}:"))


def low_rank_saves_the_matrix(evidence: Evidence) -> Finding:
    """What finding the factors costs, beside the product that they replace."""
    found = equivalences.low_rank(_config(evidence).seed)
    factors, exact = 1e3 * found.seconds_factors, 1e3 * found.seconds_exact
    because = (
        f"n = {equivalences.LOW_TOKENS}: the exact product takes {exact:.2g} ms, finding the factors {factors:.2g} ms, "
        "and they are found from the n×n weights. Only what comes after is O(nkd)."
    )
    return Finding("contradicted" if factors > exact else "cannot tell", because)


def heads_cost_more(evidence: Evidence) -> Finding:
    """Multiplications and patterns of one head of width D and of h of width D/h."""
    config = _config(evidence)
    found = scaling.heads(config)
    count, (one, several) = len(found.several), found.multiplications
    because = (
        f"D = {found.width}: {one:,} multiplications counted for one head, {several:,} for {count}. "
        f"Independent patterns of mixing: {found.patterns[0]} against {found.patterns[1]}."
    )
    return Finding("supported" if several > one else "contradicted", because)


def _config(evidence: Evidence) -> AttentionConfig:
    """The form's; another lab's evidence counts as the defaults."""
    return evidence.config if isinstance(evidence.config, AttentionConfig) else AttentionConfig()


CLAIMS = (
    Claim(
        "Scores are divided by d², which keeps their variance at 1.",
        COURSE,
        f"Variance of q·k over {scaling.SAMPLES:,} random pairs with its 95 % interval, at d = {WIDTH}.",
        divide_by_d_squared,
    ),
    Claim(
        "With scores ln 2 and 0, attention gives 2xₙ₋₂ at the last position.",
        COURSE,
        "The attention itself, on the signal of the section above.",
        twice_at_the_end,
    ),
    Claim(
        "With a large gain, attention in a window is max pooling.",
        COURSE,
        f"Distance from the window's maximum at gain {GAIN:g}, by the sign of xᵢ.",
        large_gain_is_max_pooling,
    ),
    Claim(
        "The RBF kernel needs an infinite feature map.",
        "Katharopoulos et al. 2020",
        "Rank of the similarities of ever more tokens on a line, length scale 1.",
        rbf_needs_an_infinite_map,
    ),
    Claim(
        "Of the usual kernels, elu + 1, the quadratic and the polynomial ones have a finite map; cosine has none.",
        COURSE,
        "The n×n form against a map of d + 1 numbers, on the form's tokens.",
        cosine_has_no_finite_map,
    ),
    Claim(
        "Argmax in place of softmax still passes gradients to queries and keys.",
        COURSE,
        "Autograd's gradients of the output's sum, in the example of four keys.",
        argmax_learns,
    ),
    Claim(
        "Any similarity will do: dividing by the row's sum makes its weights a mean.",
        COURSE,
        "Largest |output| over the largest |value|, 480 rows of random tokens a kernel; a mean cannot exceed 1.",
        any_similarity_will_do,
    ),
    Claim(
        "FAVOR+ comes closer to softmax with more random features.",
        "Choromanski et al. 2021",
        f"Error on random tokens, {features.COUNTS[0]} and {features.COUNTS[-1]} features, {features.SEEDS} draws.",
        favor_approaches_softmax,
    ),
    Claim(
        "Attention of rank k costs O(nkd), so the n×n matrix is never needed.",
        COURSE,
        "Measured time of finding the factors against that of the product they replace, on this machine.",
        low_rank_saves_the_matrix,
    ),
    Claim(
        "Several heads cost more than one.",
        COURSE,
        "Multiplications of scores and mixing at the same total width D, counted; projections cost the same.",
        heads_cost_more,
    ),
)
