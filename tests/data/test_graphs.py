"""Graphs with classes: the club, made citations, Cora's text form, added edges and splits."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from core.contract import Explained
from core.data import graphs
from core.data.graphs import generated, karate, split, with_noise


def sound(graph: graphs.NodeGraph) -> None:
    """What every graph promises."""
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all()
    keys = graph.edges[:, 0] * graph.nodes + graph.edges[:, 1]
    assert (np.diff(keys) > 0).all()
    assert (np.diff(graph.word_of * graph.features + graph.words) > 0).all()
    assert np.bincount(graph.word_of, graph.weights, graph.nodes) == pytest.approx(1.0)
    assert set(graph.labels) == set(range(len(graph.classes))) and not graph.added.any()


def test_the_karate_club_is_zacharys():
    club = karate()
    sound(club)
    degrees = np.bincount(club.edges.ravel())
    assert (club.nodes, len(club.edges), degrees[0], degrees[33]) == (34, 78, 16, 17)
    assert club.classes == ("Mr. Hi", "Officer") and np.bincount(club.labels).tolist() == [17, 17]


@pytest.mark.parametrize("homophily", [0.0, 0.3, 0.8, 1.0])
def test_made_citations_keep_to_their_numbers(homophily: float):
    made = generated(900, 3, 6.0, homophily, 0.5)
    sound(made)
    assert np.bincount(made.labels).tolist() == [300, 300, 300]
    assert len(made.edges) == pytest.approx(2700, abs=5 * 2700**0.5)
    assert made.homophily == pytest.approx(homophily, abs=0.05)


def test_words_tell_the_class_without_noise_and_nothing_with_it():
    def overlap(noise: float) -> float:
        """How much more alike the mean words of two classes' halves are within a class than between."""
        made = generated(600, 2, 4.0, 0.8, noise)
        table = np.zeros((made.nodes, made.features))
        table[made.word_of, made.words] = made.weights
        first, second = (table[made.labels == one].mean(axis=0) for one in (0, 1))
        return float(np.abs(first - second).sum() / 2)  # total variation: 1 where no word is shared

    assert overlap(0.0) == pytest.approx(1.0)
    assert overlap(1.0) < 0.15


def test_the_same_settings_make_the_same_graph_again():
    again = generated.__wrapped__(200, 4, 4.0, 0.8, 0.5)
    assert np.array_equal(again.edges, generated(200, 4, 4.0, 0.8, 0.5).edges)
    assert not np.array_equal(again.edges, generated(200, 4, 4.0, 0.7, 0.5).edges)


def test_added_edges_are_marked_and_join_different_classes():
    club = karate()
    noisy = with_noise(club, 0.5)
    assert noisy.added.sum() == 39 and len(noisy.edges) == 117
    assert np.array_equal(noisy.edges[~noisy.added], club.edges)
    ends = noisy.labels[noisy.edges[noisy.added]]
    assert (ends[:, 0] != ends[:, 1]).all()
    assert np.array_equal(with_noise(club, 0.5).edges, noisy.edges) and with_noise(club, 0.0) is club


def test_no_more_edges_are_added_than_there_is_room_for():
    full = with_noise(karate(), 10.0)
    between = (full.labels[full.edges[:, 0]] != full.labels[full.edges[:, 1]]).sum()
    assert between == 17 * 17


def test_edges_are_added_at_once_where_nearly_all_nodes_share_a_class():
    club = karate()
    rare = replace(generated(600, 2, 4.0, 0.8, 0.5), labels=(np.arange(600) < 3).astype(np.int64))
    start = perf_counter()
    noisy = with_noise(rare, 3.0)
    assert perf_counter() - start < 5.0  # pair by pair: above ten seconds
    between = (noisy.labels[noisy.edges[:, 0]] != noisy.labels[noisy.edges[:, 1]]).sum()
    assert between == 3 * 597
    one_by_one, drawn = np.random.default_rng([graphs.SEED, 1]), set(map(tuple, club.edges.tolist()))
    while len(drawn) < 117:  # what recorded runs were trained on
        one, other = sorted(one_by_one.integers(0, 34, 2).tolist())
        drawn |= {(one, other)} if club.labels[one] != club.labels[other] else set()
    assert drawn == set(map(tuple, with_noise(club, 0.5).edges.tolist()))


@pytest.mark.parametrize("kind", ["public", "random", "stratified"])
def test_splits_are_disjoint_and_whole(kind: graphs.SplitKind):
    for graph in (karate(), generated(600, 4, 4.0, 0.8, 0.5)):
        parts = split(graph, kind, 20, 3)
        together = np.concatenate([parts.train, parts.validation, parts.test])
        assert np.array_equal(np.sort(together), np.arange(graph.nodes))
        assert min(len(parts.train), len(parts.validation), len(parts.test)) > 0
        other = split(graph, kind, 20, 4)
        assert np.array_equal(parts.train, other.train) is (kind == "public")


def test_a_stratified_split_has_so_many_labels_of_each_class_and_at_most_a_third():
    made = generated(600, 4, 4.0, 0.8, 0.5)
    assert np.bincount(made.labels[split(made, "stratified", 7, 0).train]).tolist() == [7] * 4
    assert np.bincount(karate().labels[split(karate(), "stratified", 20, 0).train]).tolist() == [5, 5]
    assert len(split(made, "random", 7, 0).train) == 31  # 140 of 2708


CLASSES = ("Theory", "Case_Based", "Neural_Networks")


def content(ids: list[str]) -> str:
    rng = np.random.default_rng(0)
    lines = []
    for index, one in enumerate(ids):
        words = ["0"] * graphs.CORA_WORDS
        for place in {0, *rng.integers(0, graphs.CORA_WORDS, 3).tolist()}:
            words[place] = "1"
        lines.append("\t".join([one, *words, CLASSES[index % 3]]))
    return "\n".join(lines) + "\n"


IDS = [str(10 * number) for number in range(graphs.CORA_NODES)]
CONTENT, CITES = content(IDS), "0\t10\n10\t0\n20\t20\n50\t30\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    (tmp_path / "Cora").mkdir()
    return tmp_path / "Cora"


def put(root: Path, content: str = CONTENT, cites: str = CITES) -> None:
    (root / "cora.content").write_text(content)
    (root / "cora.cites").write_text(cites)


def test_cora_is_read_from_its_text_form(root: Path):
    put(root)
    found = graphs.cora()
    assert list(graphs.fetch("cora")) == []
    assert found.edges.tolist() == [[0, 1], [3, 5]]  # both directions are one edge; a loop is none
    assert found.classes == ("Case_Based", "Neural_Networks", "Theory")  # sorted, whatever comes first
    assert found.labels[:4].tolist() == [2, 0, 1, 2]
    assert np.bincount(found.word_of, found.weights) == pytest.approx(1.0)
    assert len(graphs.fingerprint("cora")) == 128 and graphs.fingerprint("karate") == ""


def test_the_public_split_is_for_rows_in_its_order_alone(root: Path, monkeypatch: pytest.MonkeyPatch):
    put(root)
    found = graphs.cora()
    with pytest.raises(Explained, match=r"rows in the order of that split.*Choose the random or the stratified"):
        split(found, "public", 20, 0)
    assert len(split(found, "random", 20, 0).train) == 140
    monkeypatch.setattr(graphs, "PLANETOID_ORDER", hashlib.sha256(CONTENT.encode()).hexdigest())
    os.utime(root / "cora.content", ns=(1, 1))  # written anew, so read anew
    parts = split(graphs.cora(), "public", 20, 0)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [140, 500, 1000]
    assert parts.test[0] == 1708


@pytest.mark.parametrize(
    ("content", "cites", "says"),
    [
        (CONTENT.partition("\n")[2], CITES, "cora.content must have 2708 lines"),
        (CONTENT.replace("0\t", "0 0\t", 3), CITES, "cora.content must have 2708 lines"),
        (CONTENT.replace("\n10\t", "\n20\t"), CITES, "names a paper twice"),
        (CONTENT, CITES + "10\t7\n", r"must have two papers.*\['7'\]"),
        (CONTENT, CITES + "10\n", "must have two papers"),
        (CONTENT, CITES + "10 20 30\n", "must have two papers"),
    ],
)
def test_damaged_files_are_refused_with_the_remedy(root: Path, content: str, cites: str, says: str):
    put(root, content, cites)
    with pytest.raises(Explained, match=rf"^Cora in .*{says}.*Put whole files there, or delete them"):
        graphs.cora()


def test_a_missing_file_is_named_with_the_remedy(root: Path):
    (root / "cora.content").write_text(CONTENT)
    with pytest.raises(Explained, match=r"cora\.cites is not in .*choose a graph that is built in"):
        graphs.cora()
    assert graphs.fingerprint("cora") == ""


def test_an_archive_at_hand_is_unpacked(root: Path):
    with tarfile.open(root / "cora.tgz", "w:gz") as tar:
        for name, text in (("cora.content", CONTENT), ("cora.cites", CITES), ("README", "…")):
            about = tarfile.TarInfo(f"cora/{name}")
            about.size = len(text.encode())
            tar.addfile(about, io.BytesIO(text.encode()))
    list(graphs.fetch("cora"))
    assert len(graphs.cora().edges) == 2


def test_a_damaged_archive_says_what_to_do(root: Path):
    (root / "cora.tgz").write_bytes(b"no archive")
    with pytest.raises(Explained, match=r"cora\.tgz in .* cannot be unpacked.*Delete it"):
        list(graphs.fetch("cora"))


@pytest.mark.realdata
def test_the_real_cora_has_the_published_numbers():
    folder = os.environ.get("LAYERLAB_DATASETS")
    if not folder or not (Path(folder) / "Cora" / "cora.content").exists():
        pytest.skip("Cora is not in LAYERLAB_DATASETS")
    found = graphs.cora()
    sound(found)
    assert (found.nodes, len(found.edges), len(found.words), len(found.classes)) == (2708, 5278, 49216, 7)
    if found.public:
        assert np.bincount(found.labels[split(found, "public", 0, 0).train]).tolist() == [20] * 7
