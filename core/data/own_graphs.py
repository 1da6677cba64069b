"""One's own graphs: an edge list and a table of nodes as CSV, checked, and kept below core.places.datasets()/graphs.

edges.csv: a header, then two node names a row. nodes.csv: a header `node,label,<feature>,…`, then a name, a class and
numbers a row. Without features each node's only word is itself. What is refused says the rule, the value, the remedy.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core import places
from core.config import knob
from core.contract import Explained
from core.data.graphs import NodeGraph
from core.data.own import NAME
from core.data.uploads import CLASS, CLASS_RULE, UploadError, quoted

FOLDER, FILES = "graphs", ("edges.csv", "nodes.csv")
RULE = "the name of a graph (letters, digits, dot, hyphen and underscore, at most 64)"
MOST_BYTES = 10_000_000
LEAST_NODES, MOST_NODES, MOST_EDGES, MOST_FEATURES = 12, 3000, 100_000, 2000
MOST_CLASSES, LEAST_OF_A_CLASS = 10, 3
LARGEST = 1e6  # of a feature: float32 holds what is computed from it
EXAMPLE_EDGES = """\
source,target
ann,bob
ann,cid
bob,cid
cid,dan
dan,eve
eve,fay
fay,ann
fay,gil
gil,hal
gil,ida
hal,ida
ida,jon
jon,kim
kim,lee
lee,gil
"""
EXAMPLE_NODES = """\
node,label,plays,paints
ann,red,1,0
bob,red,1,0
cid,red,1,1
dan,red,0,0
eve,red,1,0
fay,red,1,1
gil,blue,0,1
hal,blue,0,1
ida,blue,1,1
jon,blue,0,1
kim,blue,0,0
lee,blue,0,1
"""


@dataclass(frozen=True)
class Read:
    """A graph that was sent, and what was left out of it, a sentence each."""

    graph: NodeGraph
    notes: tuple[str, ...]


def graph_knob() -> Any:
    """The field `own: str` of an experiment whose knob `graph` may be "own"."""
    return knob(
        "",
        "My own graph",
        where={"graph": ("own",)},
        pattern=NAME,
        rule=RULE,
        offered=names,
        help="Added below, under “Bring your own graph”.",
    )


def read(edges: bytes, nodes: bytes) -> Read:
    """A graph from the content of both files. Raises UploadError for whatever breaks a rule.

    Loops and edges that are named twice are left out and counted; the direction of an edge does not matter. Features
    are divided by the sum of their sizes, node by node, as words are.
    """
    names, labels, classes, features = _nodes(_rows(nodes, FILES[1]))
    pairs, notes = _edges(_rows(edges, FILES[0]), {name: place for place, name in enumerate(names)})
    table = features if features.shape[1] else np.eye(len(names))
    sizes = np.abs(table).sum(axis=1, keepdims=True)
    table = np.divide(table, sizes, out=np.zeros_like(table), where=sizes > 0)
    word_of, words = np.nonzero(table)
    graph = NodeGraph(
        "own",
        pairs,
        labels,
        classes,
        word_of.astype(np.int64),
        words.astype(np.int64),
        table[word_of, words].astype(np.float32),
        table.shape[1],
        np.zeros(len(pairs), dtype=bool),
    )
    return Read(graph, notes)


def keep(edges: bytes, nodes: bytes, name: str) -> Read:
    """Put both files below graphs/<name>, or neither. Raises UploadError for what breaks a rule."""
    if not name or not re.fullmatch(NAME, name):
        raise UploadError(f"The name must be {RULE}; got {quoted(name)}. Choose another.")
    found = read(edges, nodes)
    root = _root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=root) as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            for file, content in zip(FILES, (edges, nodes), strict=True):
                (whole / file).write_bytes(content)
            if (root / name).exists():
                raise UploadError(f"There is a graph called {quoted(name)} already. Choose another name.")
            whole.rename(root / name)
    except OSError as error:
        raise UploadError(
            f"The graph must fit on this server's disk; it said: {error.strerror or error}. Make room, or check the "
            "rights of the folder of data sets (LAYERLAB_DATASETS)."
        ) from error
    return found


def names() -> list[str]:
    """What was added on this server."""
    root = _root()
    if not root.is_dir():
        return []
    return sorted(
        one.name
        for one in root.iterdir()
        if re.fullmatch(NAME, one.name) and all((one / file).is_file() for file in FILES)
    )


def load(name: str) -> NodeGraph:
    """The graph of this name. Raises Explained where it is not there, or is no graph any more."""
    here = ", ".join(names()) or "none"
    if not name:
        raise Explained(f"Choose a graph of your own first. On this server there are: {here}. Add one on the page.")
    if name not in names():
        raise Explained(f"There is no graph called {quoted(name)} on this server; there are: {here}. Choose another.")
    try:
        return _load(str(_root() / name), fingerprint(name))
    except (UploadError, OSError) as error:
        raise Explained(f"The graph {quoted(name)} cannot be read: {error}") from error


def shape(name: str) -> tuple[int, int, int]:
    """Nodes, features and classes; those of a graph of 34 nodes where it is not there (yet)."""
    try:
        found = load(name)
    except Explained:
        return 34, 34, 2
    return found.nodes, found.features, len(found.classes)


def fingerprint(name: str) -> str:
    """Changes with the content of both files; "" where they are not there."""
    if not name or not re.fullmatch(NAME, name):
        return ""
    try:
        found = [(_root() / name / file).stat() for file in FILES]
    except OSError:
        return ""
    return _checksum(str(_root() / name), *(one.st_mtime_ns for one in found))


def _root() -> Path:
    return places.datasets() / FOLDER


@lru_cache(maxsize=16)
def _checksum(place: str, *written: int) -> str:
    return hashlib.sha256(b"".join((Path(place) / file).read_bytes() for file in FILES)).hexdigest()


@lru_cache(maxsize=4)
def _load(place: str, mark: str) -> NodeGraph:
    return read(*((Path(place) / file).read_bytes() for file in FILES)).graph


class Row(NamedTuple):
    """A row of a CSV, and the line of the file on which it ends."""

    line: int
    cells: list[str]


def _rows(content: bytes, file: str) -> list[Row]:
    """The rows of a CSV, its header first, blank ones left out."""
    if len(content) > MOST_BYTES:
        raise UploadError(
            f"{file} must be at most {places.size_text(MOST_BYTES)}; this one has {places.size_text(len(content))}. "
            "Take fewer nodes or features."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UploadError(
            f"{file} must be text in UTF-8; byte {error.start + 1:,} is none. Save it as “CSV UTF-8”."
        ) from error
    separator = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        rows = [Row(reader.line_num, cells) for row in reader if any(cells := [cell.strip() for cell in row])]
    except csv.Error as error:
        raise UploadError(f"{file} must be a CSV; it cannot be read ({error}). Save it anew as CSV.") from error
    if len(rows) < 2:
        raise UploadError(f"{file} must have a header and rows; this one has {len(rows)} in all. Fill it.")
    return rows


def _nodes(
    rows: list[Row],
) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]], tuple[str, ...], np.ndarray[Any, np.dtype[np.float64]]]:
    """Names, labels, classes and features (n, width)."""
    (_, header), *rest = rows
    if len(header) < 2 or [one.lower() for one in header[:2]] != ["node", "label"]:
        raise UploadError(
            f"{FILES[1]} must begin with the columns node and label; got {quoted(', '.join(header[:3]))}. Name them so."
        )
    if len(header) - 2 > MOST_FEATURES:
        raise UploadError(f"A node must have at most {MOST_FEATURES:,} features; got {len(header) - 2:,}. Take fewer.")
    if not LEAST_NODES <= len(rest) <= MOST_NODES:
        raise UploadError(
            f"A graph must have from {LEAST_NODES} to {MOST_NODES:,} nodes; got {len(rest):,}. Take "
            f"{'more' if len(rest) < LEAST_NODES else 'fewer'}."
        )
    for line, cells in rest:
        if len(cells) != len(header):
            raise UploadError(
                f"Every row of {FILES[1]} must have {len(header)} cells, as its header; row {line:,} has {len(cells)}. "
                "Mend it."
            )
        if not cells[0] or not cells[1]:
            raise UploadError(f"A node must have a name and a label; row {line:,} of {FILES[1]} lacks one. Add it.")
    names = [row.cells[0] for row in rest]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UploadError(f"Node names must be there once; {quoted(twice[0])} is named twice. Leave one row out.")
    counts = Counter(row.cells[1] for row in rest)
    _refuse_classes(counts)
    classes = tuple(sorted(counts))
    labels = np.array([classes.index(row.cells[1]) for row in rest], dtype=np.int64)
    return names, labels, classes, _features(rest, header)


def _refuse_classes(counts: Counter[str]) -> None:
    if not 2 <= len(counts) <= MOST_CLASSES:
        raise UploadError(
            f"Labels must name from 2 to {MOST_CLASSES} classes; got {len(counts)}. "
            f"{'With one class there is nothing to tell apart.' if len(counts) == 1 else 'Join some.'}"
        )
    rare = min(counts, key=lambda one: (counts[one], one))
    if counts[rare] < LEAST_OF_A_CLASS:
        raise UploadError(
            f"Every class must have at least {LEAST_OF_A_CLASS} nodes; {quoted(rare)} has {counts[rare]}. Add some, or "
            "leave the class out."
        )
    for one in sorted(counts):
        if not re.fullmatch(CLASS, one):
            raise UploadError(f"A label must have {CLASS_RULE}; got {quoted(one)}. Rename it.")


def _features(rows: Sequence[Row], header: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = np.empty((len(rows), len(header) - 2))
    for place, row in enumerate(rows):
        for column, cell in enumerate(row.cells[2:]):
            try:
                value = float(cell)
            except ValueError:
                value = math.nan
            if not abs(value) <= LARGEST:
                raise UploadError(
                    f"Features must be numbers between −1,000,000 and 1,000,000; row {row.line:,}, column "
                    f"{quoted(header[column + 2])} says {quoted(cell or 'nothing')}. Put a number there, 0 say."
                )
            found[place, column] = value
    return found


def _edges(rows: list[Row], number: dict[str, int]) -> tuple[np.ndarray[Any, np.dtype[np.int64]], tuple[str, ...]]:
    """Sorted pairs (m, 2), and what was left out."""
    (_, header), *rest = rows
    if [one.lower() for one in header[:2]] != ["source", "target"]:
        raise UploadError(
            f"The columns of {FILES[0]} must be source and target; got {quoted(', '.join(header[:3]))}. Name them so."
        )
    if len(rest) > MOST_EDGES:
        raise UploadError(f"A graph must have at most {MOST_EDGES:,} edges; got {len(rest):,}. Take fewer.")
    for line, cells in rest:
        if len(cells) < 2:
            raise UploadError(
                f"An edge must name two nodes; row {line:,} of {FILES[0]} names {len(cells)}. Add the other."
            )
        if strange := [one for one in cells[:2] if one not in number]:
            raise UploadError(
                f"Edges must be between nodes of {FILES[1]}; row {line:,} of {FILES[0]} names {quoted(strange[0])}, "
                "which is not there. Add it, or leave the edge out."
            )
    ends = np.array([[number[row.cells[0]], number[row.cells[1]]] for row in rest], dtype=np.int64)
    loops = ends[:, 0] == ends[:, 1]
    pairs = np.unique(np.sort(ends[~loops], axis=1), axis=0)
    if not len(pairs):
        raise UploadError(f"A graph must have an edge between two different nodes; {FILES[0]} has none. Add some.")
    twice = int((~loops).sum()) - len(pairs)
    said = {
        f"{int(loops.sum()):,} from a node to itself (the knob Self term adds them)": loops.any(),
        f"{twice:,} named twice, in this direction or the other": twice,
        f"what stands behind source and target in {FILES[0]}: edges have no numbers here": any(
            any(row.cells[2:]) for row in rest
        ),
    }
    return pairs, tuple(f"Left out: {text}." for text, some in said.items() if some)
