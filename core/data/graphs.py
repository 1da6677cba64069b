"""Graphs whose nodes have a class: Zachary's karate club, citations made here, and Cora from its plain-text form.

All are undirected and kept as sorted pairs. The first two need no network. Cora is read from core.places.datasets(), as
Cora/cora.content and Cora/cora.cites, and downloaded where it is missing.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core import places
from core.contract import Explained
from core.data.download import download

GraphSet = Literal["karate", "generated", "cora", "own"]
SplitKind = Literal["public", "random", "stratified"]
Indices = NDArray[np.int64]

SEED = 42  # of what is the same for every seed of a training: made graphs, added edges, fixed splits
CORA_NODES, CORA_WORDS = 2708, 1433
# Paper ids are row numbers here, and rows stand in the order of the public split (Yang et al., ICML 2016).
PLANETOID_ORDER = "ce4efe3e3b0c68c3eaf6b00ad6142020bcc65e82590793554f3695042f1b08a5"  # SHA-256 of cora.content
PUBLIC = (slice(0, 140), slice(140, 640), slice(1708, 2708))
ADDRESS = "https://linqs-data.soe.ucsc.edu/public/lbc/cora.tgz"
ARCHIVE_MD5 = "2fc040bee8ce3d920e4204effd1e9214"
FILES = ("cora.content", "cora.cites")
WORDS, WORDS_A_NODE, WORDS_A_CLASS = 200, 12, 40  # of made citations: dictionary, on a node, typical of a class
PUBLIC_LABELS = 20  # of a class
DRAWN_AT_ONCE = 1 << 16  # pairs of nodes
RANDOM_TRAINING, VALIDATION = 140, 500  # of Cora; smaller graphs take as large a share, or a third


@dataclass(frozen=True)
class NodeGraph:
    """edges: (m, 2) int64, each pair once, the smaller node first, no loops; labels: (n,), numbered as `classes`.

    word_of, words: (k,) each, sorted: node and column of the features that are not 0; weights: (k,) float32, rows sum
    to 1. added: (m,) bool, edges that `with_noise` put in. public: whether rows stand in the order of the public split.
    """

    name: GraphSet
    edges: Indices
    labels: Indices
    classes: tuple[str, ...]
    word_of: Indices
    words: Indices
    weights: NDArray[np.float32]
    features: int
    added: NDArray[np.bool_]
    public: bool = False

    @property
    def nodes(self) -> int:
        """How many."""
        return len(self.labels)

    @property
    def homophily(self) -> float:
        """The share of edges whose ends have the same class."""
        return float((self.labels[self.edges[:, 0]] == self.labels[self.edges[:, 1]]).mean())


@dataclass(frozen=True)
class NodeSplit:
    """Node numbers of three disjoint sets."""

    train: Indices
    validation: Indices
    test: Indices


@lru_cache(maxsize=1)
def karate() -> NodeGraph:
    """34 members of a club and who met outside it; class: the side taken when it split. Source: Zachary 1977.

    A node's only word is its own number: there is nothing else to go by.
    """
    import networkx as nx  # here alone: every worker would start a little later

    club = nx.karate_club_graph()
    sides = sorted({club.nodes[node]["club"] for node in club})
    labels = np.array([sides.index(club.nodes[node]["club"]) for node in range(len(club))], dtype=np.int64)
    own = np.arange(len(club), dtype=np.int64)
    return _graph("karate", np.array(club.edges, dtype=np.int64), labels, tuple(sides), own, own, len(club))


@lru_cache(maxsize=16)
def generated(nodes: int, classes: int, degree: float, homophily: float, feature_noise: float) -> NodeGraph:
    """Citations from a stochastic block model, with words; the same for every seed of a training.

    Classes are equally large, up to one node. degree: neighbours of a node, on average. homophily: the share of edges
    within a class. Of a node's words each is, with probability feature_noise, drawn from the whole dictionary, else
    from its class's own.
    """
    rng = np.random.default_rng(SEED)
    labels = np.arange(nodes, dtype=np.int64) % classes
    rng.shuffle(labels)
    one, other = np.triu_indices(nodes, 1)
    same = labels[one] == labels[other]
    wanted = degree * nodes / 2
    chance = np.where(same, wanted * homophily / same.sum(), wanted * (1 - homophily) / max(1, (~same).sum()))
    joined = rng.random(len(one)) < chance
    first = labels[:, None] * WORDS // classes  # a class's words follow one another, round the dictionary's end
    typical = (first + rng.integers(0, WORDS_A_CLASS, (nodes, WORDS_A_NODE))) % WORDS
    any_word = rng.integers(0, WORDS, (nodes, WORDS_A_NODE))
    drawn = np.where(rng.random((nodes, WORDS_A_NODE)) < feature_noise, any_word, typical)
    places_drawn = np.unique(np.arange(nodes)[:, None] * WORDS + drawn)
    names = tuple(f"topic {number}" for number in range(1, classes + 1))
    edges = np.column_stack([one[joined], other[joined]]).astype(np.int64)
    return _graph("generated", edges, labels, names, places_drawn // WORDS, places_drawn % WORDS, WORDS)


def fetch(graph: GraphSet) -> Iterator[str]:
    """Download what is not on this machine yet, saying how far it is. Raises Explained where that cannot be."""
    folder = _folder()
    if graph == "cora" and not all((folder / name).exists() for name in FILES):
        archive = folder / "cora.tgz"
        yield from download([ADDRESS], archive, ARCHIVE_MD5)
        _unpack(archive)


def cora() -> NodeGraph:
    """2708 papers on machine learning, 1433 words, 7 subjects. Source: Sen et al. 2008; McCallum et al. 2000.

    Rows of the features sum to 1. Raises Explained where files are missing or damaged.
    """
    folder = _folder()
    try:
        return _cora(str(folder), *((folder / name).stat().st_mtime_ns for name in FILES))
    except FileNotFoundError as error:
        missing = Path(error.filename or FILES[0]).name
        raise Explained(
            f"Cora's file {missing} is not in {folder}. Connect this machine to the network and press Run again, or "
            "put cora.content and cora.cites there, or choose a graph that is built in."
        ) from error
    except (OSError, ValueError, IndexError) as error:
        raise Explained(
            f"Cora in {folder} cannot be read ({(str(error) or 'not in the format expected').splitlines()[0]}). Put "
            "whole files there, or delete them and press Run again, or choose a graph that is built in."
        ) from error


def fingerprint(graph: GraphSet) -> str:
    """What tells one text form of Cora, whose rows may stand in another order, from another; "" without files."""
    if graph != "cora":
        return ""
    try:
        found = [(_folder() / name).stat() for name in FILES]
    except OSError:
        return ""
    return _checksum(str(_folder()), *(one.st_mtime_ns for one in found))


def with_noise(graph: NodeGraph, share: float) -> NodeGraph:
    """With irrelevant neighbours: pairs of different classes, drawn at random, as many as this share of the edges."""
    count = round(share * len(graph.edges))
    if not count:
        return graph
    rng = np.random.default_rng([SEED, 1])
    known = graph.edges[:, 0] * graph.nodes + graph.edges[:, 1]
    _, sizes = np.unique(graph.labels, return_counts=True)
    within = int((graph.labels[graph.edges[:, 0]] != graph.labels[graph.edges[:, 1]]).sum())
    room = (graph.nodes**2 - int((sizes**2).sum())) // 2 - within
    new = np.empty(0, dtype=np.int64)
    while len(new) < min(count, room):  # many at once: where nearly all nodes share a class, few pairs will do
        one, other = np.sort(rng.integers(0, graph.nodes, (DRAWN_AT_ONCE, 2)), axis=1).T
        found = (one * graph.nodes + other)[graph.labels[one] != graph.labels[other]]
        new = np.concatenate([new, found[~np.isin(found, known)]])
        new = new[np.sort(np.unique(new, return_index=True)[1])]  # each once, in the order they were drawn
    new = new[: min(count, room)]
    pairs = np.concatenate([graph.edges, np.column_stack(np.divmod(new, graph.nodes))])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    added = np.arange(len(pairs)) >= len(graph.edges)
    return replace(graph, edges=pairs[order], added=added[order])


def split(graph: NodeGraph, kind: SplitKind, labels_per_class: int, seed: int) -> NodeSplit:
    """Which nodes train, which choose the weights and which test.

    public: one split for all seeds; of Cora the published one, of the others 20 of each class. random: 140 nodes, of
    smaller graphs as large a share. stratified: so many of each class, at most a third of it. Of the rest up to 500
    validate, at most a third, and the others test. Raises Explained where Cora's rows do not stand in that order.
    """
    if kind == "public" and graph.name == "cora":
        if not graph.public:
            raise Explained(
                "The public split needs cora.content with its rows in the order of that split; the one here has "
                "another checksum. Choose the random or the stratified split."
            )
        train, validation, test = (np.arange(graph.nodes)[part] for part in PUBLIC)
        return NodeSplit(train, validation, test)
    order = np.random.default_rng(SEED if kind == "public" else [SEED, 2, seed]).permutation(graph.nodes)
    if kind == "random":
        classes = len(graph.classes)
        count = min(RANDOM_TRAINING, max(2 * classes, round(RANDOM_TRAINING * graph.nodes / CORA_NODES)))
        chosen = order[:count]
    else:
        count = PUBLIC_LABELS if kind == "public" else labels_per_class
        chosen = np.concatenate([_some(order[graph.labels[order] == one], count) for one in _present(graph)])
    rest = order[~np.isin(order, chosen)]
    held = min(VALIDATION, len(rest) // 3)
    return NodeSplit(np.sort(chosen), np.sort(rest[:held]), np.sort(rest[held:]))


def _some(nodes: Indices, count: int) -> Indices:
    return nodes[: max(1, min(count, len(nodes) // 3))]


def _present(graph: NodeGraph) -> list[int]:
    found: list[int] = np.unique(graph.labels).tolist()
    return found


def _graph(
    name: GraphSet,
    edges: Indices,
    labels: Indices,
    classes: tuple[str, ...],
    word_of: Indices,
    words: Indices,
    features: int,
) -> NodeGraph:
    """Edges put in order, loops and repeats left out, and words weighed so that rows sum to 1."""
    nodes = len(labels)
    low, high = edges.min(axis=1), edges.max(axis=1)
    pairs = np.unique((low * nodes + high)[low != high])
    counts = np.bincount(word_of, minlength=nodes)
    weights = (1 / counts[word_of]).astype(np.float32)
    found = np.column_stack([pairs // nodes, pairs % nodes])
    added = np.zeros(len(found), dtype=bool)
    return NodeGraph(name, found, labels, classes, word_of, words, weights, features, added)


def _folder() -> Path:
    return places.datasets() / "Cora"


@lru_cache(maxsize=2)
def _cora(folder: str, *written: int) -> NodeGraph:
    """written: when the files were, so that others in their place are read anew."""
    papers, marks, subjects = [], [], []
    for line in (Path(folder) / FILES[0]).read_text("utf-8").splitlines():
        paper, _, rest = line.partition("\t")
        words, _, subject = rest.rpartition("\t")
        papers.append(paper)
        marks.append(words.encode())
        subjects.append(subject)
    if len(papers) != CORA_NODES or {len(one) for one in marks} != {2 * CORA_WORDS - 1}:
        raise ValueError(f"{FILES[0]} must have {CORA_NODES} lines, each an id, {CORA_WORDS} zeros and ones, a class")
    number = {paper: index for index, paper in enumerate(papers)}
    if len(number) != len(papers):
        raise ValueError(f"{FILES[0]} names a paper twice")
    classes = sorted(set(subjects))
    labels = np.array([classes.index(subject) for subject in subjects], dtype=np.int64)
    table = np.frombuffer(b"\t".join(marks) + b"\t", dtype=np.uint8).reshape(CORA_NODES, 2 * CORA_WORDS)[:, ::2]
    word_of, columns = np.nonzero(table != ord("0"))
    cites = [line.split() for line in (Path(folder) / FILES[1]).read_text("utf-8").splitlines() if line]
    unknown = sorted({paper for pair in cites for paper in pair[:2]} - number.keys())
    if unknown or any(len(pair) != 2 for pair in cites):
        raise ValueError(f"{FILES[1]} must have two papers of {FILES[0]} a line; {unknown[:1] or 'a line'} is not so")
    edges = np.array([[number[one], number[other]] for one, other in cites], dtype=np.int64).reshape(-1, 2)
    found = _graph("cora", edges, labels, tuple(classes), word_of, columns, CORA_WORDS)
    return replace(found, public=_checksum(folder, *written).startswith(PLANETOID_ORDER))


@lru_cache(maxsize=4)
def _checksum(folder: str, *written: int) -> str:
    """SHA-256 of both files, one after the other."""
    return "".join(hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest() for name in FILES)


def _unpack(archive: Path) -> None:
    """The two files out of the archive, each put in place when whole."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes()), mode="r:gz") as tar:
            for name in FILES:
                found = tar.extractfile(f"cora/{name}")
                content = found.read() if found else b""
                part = archive.with_name(f".{name}.part")
                part.write_bytes(content)
                part.replace(archive.with_name(name))
    except (OSError, EOFError, KeyError, zlib.error, tarfile.TarError) as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise Explained(
            f"{archive.name} in {archive.parent} cannot be unpacked ({reason}). Delete it and press Run again, or "
            "choose a graph that is built in."
        ) from error
