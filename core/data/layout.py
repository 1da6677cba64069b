"""Where to draw the nodes of a graph: a force-directed layout that takes a second for 3,000 nodes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SEED = 7
STEPS = 90
ROWS = 256  # nodes whose forces are worked out together: their distances stay in the processor's cache
GRAVITY = 0.6  # to the middle, so that parts without an edge between them do not fly apart
Floats = NDArray[np.float32]


def positions(edges: NDArray[np.int64], nodes: int) -> Floats:
    """(nodes, 2), each direction from −1 to 1, the same whenever it is asked. edges: (m, 2), each pair once.

    Linked nodes attract, all nodes repel each other, as in Fruchterman & Reingold 1991 (networkx.spring_layout), with a
    pull to the middle. Here all forces of a step are products of matrices, in blocks of rows; kept once made.
    """
    return _positions(np.ascontiguousarray(edges, dtype=np.int64).tobytes(), nodes).copy()


@lru_cache(maxsize=16)
def _positions(pairs: bytes, nodes: int) -> Floats:
    edges = np.frombuffer(pairs, dtype=np.int64).reshape(-1, 2)
    if nodes == 1:
        return np.zeros((1, 2), np.float32)
    places = _start(edges, nodes)
    length = np.float32(1 / np.sqrt(nodes))  # of an edge at rest
    for step in range(STEPS):
        force = _repulsion(places, length) + _attraction(places, edges, length) - GRAVITY * places
        size = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        longest = 0.1 * (1 - step / STEPS) ** 1.5 + 1e-4  # cools down
        places += force / size * np.minimum(size, longest)
    places -= places.mean(axis=0)
    radius = np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
    rim = 1.15 * np.quantile(radius, 0.95)  # beyond it only lonely nodes, which would make all others small
    places *= np.minimum(1, rim / radius)
    places -= (places.max(axis=0) + places.min(axis=0)) / 2
    found: Floats = (places / np.maximum(np.abs(places).max(axis=0), 1e-9)).astype(np.float32)
    return found


def _start(edges: NDArray[np.int64], nodes: int) -> Floats:
    """Two slow directions of a random walk on the graph, a little shaken: communities begin apart."""
    rng = np.random.default_rng(SEED)
    degrees = np.bincount(edges.ravel(), minlength=nodes) + 1.0
    found = rng.standard_normal((nodes, 2))
    for _ in range(60):
        heard = found.copy()
        for column in range(2):
            heard[:, column] += np.bincount(edges[:, 0], found[edges[:, 1], column], nodes)
            heard[:, column] += np.bincount(edges[:, 1], found[edges[:, 0], column], nodes)
        found = heard / degrees[:, None]
        found -= np.average(found, axis=0, weights=degrees)  # not the constant one
        found, _ = np.linalg.qr(found)
    found = found / np.maximum(found.std(axis=0), 1e-9)
    shaken: Floats = (0.25 * np.tanh(found) + 0.05 * rng.standard_normal((nodes, 2))).astype(np.float32)
    return shaken


def _repulsion(places: Floats, length: np.float32) -> Floats:
    """length² / distance from every other node, added up."""
    squares = (places**2).sum(axis=1)
    force = np.empty_like(places)
    for start in range(0, len(places), ROWS):
        block = places[start : start + ROWS]
        near = block @ (-2 * places.T)
        near += squares
        near += squares[start : start + ROWS, None]
        np.maximum(near, np.float32(1e-5), out=near)
        np.divide(length * length, near, out=near)
        force[start : start + ROWS] = block * near.sum(axis=1, keepdims=True) - near @ places
    return force


def _attraction(places: Floats, edges: NDArray[np.int64], length: np.float32) -> Floats:
    """distance² / length along every edge."""
    apart = places[edges[:, 1]] - places[edges[:, 0]]
    pull = apart * (np.linalg.norm(apart, axis=1, keepdims=True) / length)
    force = np.empty_like(places)
    for column in range(2):
        force[:, column] = np.bincount(edges[:, 0], pull[:, column], len(places))
        force[:, column] -= np.bincount(edges[:, 1], pull[:, column], len(places))
    return force
