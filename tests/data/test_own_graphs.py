"""Graphs that people send as CSV: what is read, and every refusal with its rule, value and remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.contract import Explained
from core.data import own_graphs
from core.data.own_graphs import EXAMPLE_EDGES, EXAMPLE_NODES, keep, load, names, read
from core.data.uploads import UploadError

EDGES, NODES = EXAMPLE_EDGES.encode(), EXAMPLE_NODES.encode()


def test_the_example_on_the_page_is_read():
    graph = read(EDGES, NODES).graph
    assert (graph.nodes, graph.classes, len(graph.edges)) == (12, ("blue", "red"), 15)
    assert graph.labels.tolist() == [1] * 6 + [0] * 6 and (graph.edges[:, 0] < graph.edges[:, 1]).all()
    rows = np.zeros((12, 2))
    rows[graph.word_of, graph.words] = graph.weights
    assert rows[2].tolist() == [0.5, 0.5] and rows[3].tolist() == [0, 0]  # cid does both, dan neither


def test_loops_and_repeats_are_left_out_with_a_count_and_directions_do_not_matter():
    more = EDGES + b"ann,ann\nbob,bob\nbob,ann\nann,bob\n"
    found = read(more, NODES)
    assert found.graph.edges.tolist() == read(EDGES, NODES).graph.edges.tolist()
    assert [note.split(" (")[0] for note in found.notes] == [
        "Left out: 2 from a node to itself",
        "Left out: 2 named twice, in this direction or the other.",
    ]


def test_semicolons_quotes_blank_lines_and_a_byte_order_mark_are_fine():
    nodes = "\ufeff" + EXAMPLE_NODES.replace(",", ";").replace("ann;red", '"ann";" red"') + "\n\n"
    assert read(EDGES, nodes.encode()).graph.labels.tolist() == read(EDGES, NODES).graph.labels.tolist()


def test_without_features_every_node_is_its_own_word():
    plain = "".join(f"{','.join(line.split(',')[:2])}\n" for line in EXAMPLE_NODES.splitlines())
    graph = read(EDGES, plain.encode()).graph
    assert graph.features == 12 and graph.word_of.tolist() == graph.words.tolist() == list(range(12))


MANY = "node,label\n" + "".join(f"n{one},{'ab'[one % 2]}\n" for one in range(3001))
REFUSED: dict[str, tuple[bytes, bytes, str]] = {
    "unknown node": (EDGES + b"ann,zoe\n", NODES, "row 17 of edges.csv names “zoe”, which is not there"),
    "nan": (EDGES, NODES.replace(b"bob,red,1,0", b"bob,red,nan,0"), "row 3, column “plays” says “nan”"),
    "infinite": (EDGES, NODES.replace(b"bob,red,1,0", b"bob,red,1,inf"), "column “paints” says “inf”"),
    "no number": (EDGES, NODES.replace(b"bob,red,1,0", b"bob,red,,0"), "says “nothing”"),
    "one class": (EDGES, NODES.replace(b"blue", b"red"), "from 2 to 10 classes; got 1"),
    "rare class": (EDGES, NODES.replace(b"lee,blue", b"lee,grey"), "“grey” has 1"),
    "odd label": (EDGES, NODES.replace(b"blue", b"<b>"), "got “?b?”"),
    "no edges": (b"source,target\nann,ann\n", NODES, "has none"),
    "empty edges": (b"", NODES, "edges.csv must have a header and rows; this one has 0"),
    "empty nodes": (EDGES, b"node,label\n", "nodes.csv must have a header and rows; this one has 1"),
    "too few": (EDGES, b"node,label\nann,red\nbob,blue\n", "from 12 to 3,000 nodes; got 2. Take more"),
    "too many": (EDGES, MANY.encode(), "got 3,001. Take fewer"),
    "too large": (b"x" * 10_000_001, NODES, "at most 10"),
    "not UTF-8": (EDGES, NODES.replace(b"red", b"r\xe9d"), "byte 30 is none. Save it as “CSV UTF-8”"),
    "twice": (EDGES, NODES + b"ann,red,0,0\n", "“ann” is named twice"),
    "ragged": (EDGES, NODES + b"moe,red,0\n", "must have 4 cells, as its header; row 14 has 3"),
    "nameless": (EDGES, NODES + b",red,0,1\n", "row 14 of nodes.csv lacks one"),
    "columns of nodes": (EDGES, NODES.replace(b"node,label", b"name,kind"), "got “name, kind, plays”"),
    "columns of edges": (EDGES.replace(b"source", b"from"), NODES, "got “from, target”"),
    "after a blank row": (EDGES, NODES.replace(b"bob,red,1,0", b"\n,,\nbob,red,nan,0"), "row 5, column “plays”"),
    "half an edge": (EDGES + b"ann\n", NODES, "row 17 of edges.csv names 1"),
    "broken": (EDGES, NODES + b'"moe,red,0,1\n', "cannot be read"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_breaks_a_rule_is_refused_with_rule_value_and_remedy(fault: str):
    edges, nodes, said = REFUSED[fault]
    with pytest.raises(UploadError) as refusal:
        read(edges, nodes)
    assert said in str(refusal.value) and str(refusal.value).endswith((".", "”."))
    assert "must" in str(refusal.value)  # the rule


def test_numbers_of_edges_are_left_out_and_that_is_said():
    weighed = EDGES.replace(b"\n", b",2\n").replace(b"target,2", b"target,weight")
    found = read(weighed, NODES)
    assert np.array_equal(found.graph.edges, read(EDGES, NODES).graph.edges)
    assert {*found.notes} - {*read(EDGES, NODES).notes} == {
        "Left out: what stands behind source and target in edges.csv: edges have no numbers here."
    }


def test_a_graph_is_kept_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    assert names() == [] and own_graphs.fingerprint("friends") == ""
    with pytest.raises(UploadError, match="from 2 to 10 classes"):
        keep(EDGES, NODES.replace(b"blue", b"red"), "friends")
    assert names() == []
    keep(EDGES, NODES, "friends")
    assert names() == ["friends"] and load("friends").nodes == 12 and own_graphs.shape("friends") == (12, 2, 2)
    assert list((tmp_path / "graphs").iterdir()) == [tmp_path / "graphs" / "friends"]
    with pytest.raises(UploadError, match="already"):
        keep(EDGES, NODES, "friends")
    for name in ("", "../up", ".hidden"):
        with pytest.raises(UploadError, match="The name must be"):
            keep(EDGES, NODES, name)


def test_a_graph_that_is_gone_or_spoilt_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    with pytest.raises(Explained, match="Choose a graph of your own first"):
        load("")
    with pytest.raises(Explained, match="“friends” on this server; there are: none"):
        load("friends")
    keep(EDGES, NODES, "friends")
    (tmp_path / "graphs" / "friends" / "nodes.csv").write_text("node,label\n")
    with pytest.raises(Explained, match=r"cannot be read: nodes\.csv must have a header"):
        load("friends")
