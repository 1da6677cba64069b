"""Distortions of all pairs: Gram form in chunks against all differences at once and scipy's pdist.

d = 1,000 to k = 273 dimensions, single precision (pdist has double alone). Sides take turns; medians in ms, ratios to
the chunks. All differences at once are n × n × d numbers, so that side is measured while they fit into 1 GB.

    python -m benchmarks.geometry [--rounds 5] [--points 200,500,2000,5000]
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import pdist

from core.demos.projections import Singles, cloud, matrix, pairs, stream_of

DIMENSION, K, EPSILON = 1000, 273, 0.5
MOST_BYTES = 1e9  # of an array of all differences
PDIST_POINTS = 2000  # up to which pdist is waited for


def main() -> None:
    """Print medians in ms and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", default="200,500,2000,5000")
    options = parser.parse_args()
    made = matrix("gaussian", K, DIMENSION, stream_of(0, 0)) * np.float32(1 / math.sqrt(K))
    for n in map(int, options.points.split(",")):
        every = sides(cloud("gaussian", n, DIMENSION, 0), made)
        spent: dict[str, list[float]] = {name: [] for name in every}
        for _ in range(options.rounds):
            for name, call in every.items():
                start = time.perf_counter()
                call()
                spent[name].append(time.perf_counter() - start)
        medians = {name: statistics.median(one) for name, one in spent.items()}
        words = [f"{name} {1e3 * one:.1f} ms ({one / medians['chunks']:.1f}x)" for name, one in medians.items()]
        print(f"n = {n:,}: {', '.join(words)}", flush=True)


def sides(x: Singles, made: Singles) -> dict[str, Callable[[], object]]:
    """What is measured of these points: name -> call."""
    found: dict[str, Callable[[], object]] = {"chunks": lambda: pairs(x, made, EPSILON)}
    if 4 * x.size * len(x) <= MOST_BYTES:
        found["all differences"] = lambda: _apart(x @ made.T) / _apart(x)
    if len(x) <= PDIST_POINTS:
        found["scipy pdist"] = lambda: pdist(x @ made.T, "sqeuclidean") / pdist(x, "sqeuclidean")
    return found


def _apart(x: Singles) -> Singles:
    """(n, n) + 1 on the diagonal, through (n, n, d)."""
    differences = x[:, None] - x
    found: Singles = (differences * differences).sum(axis=-1) + np.eye(len(x), dtype=np.float32)
    return found


if __name__ == "__main__":
    main()
