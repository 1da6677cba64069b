"""Bring your own graph: two CSV files become a graph on this server, which the knob then offers."""

from __future__ import annotations

import streamlit as st

from core import places
from core.data import own_graphs
from core.data.own_graphs import EXAMPLE_EDGES, EXAMPLE_NODES, MOST_BYTES, RULE
from core.data.uploads import UploadError
from ui.keeping import may_add

NAME, TOKEN, DONE, ROUND = "own graph:name", "own graph:token", "own graph:done", "own graph:round"
_LIMITS = (
    f"At most {places.size_text(MOST_BYTES)} a file, {own_graphs.LEAST_NODES} to {own_graphs.MOST_NODES:,} nodes, "
    f"{own_graphs.MOST_EDGES:,} edges, {own_graphs.MOST_FEATURES:,} features, 2 to {own_graphs.MOST_CLASSES} classes "
    f"of at least {own_graphs.LEAST_OF_A_CLASS} nodes."
)


def upload_graph() -> None:
    """An expander: a name, two files, a button. Where the server has an admin token, only who knows it may add one."""
    with st.expander("Bring your own graph", icon=":material/upload:", key="own graph"):
        for done in st.session_state.pop(DONE, ()):
            st.success(done, icon=":material/check:")
        st.markdown(
            "Two CSV files in UTF-8. **Edges**: the columns `source` and `target`, a row an edge; the direction does "
            "not matter. **Nodes**: the columns `node` and `label` (the class), then one column a feature, numbers; "
            "without any, each node is known by itself alone."
        )
        with st.container(horizontal=True):
            for name, content in zip(own_graphs.FILES, (EXAMPLE_EDGES, EXAMPLE_NODES), strict=True):
                st.download_button(f"Example: {name}", content, name, "text/csv", icon=":material/download:")
        st.caption(
            f"{_LIMITS} Edges from a node to itself, and edges named twice, are left out and counted. **Everybody who "
            "reaches this server can then train on this graph.** Whoever runs the server removes it by deleting its "
            "folder below `graphs` in `LAYERLAB_DATASETS`."
        )
        if may_add("graphs", TOKEN):
            _fields()


def _fields() -> None:
    name = st.text_input("Name of the graph", key=NAME, max_chars=64, help=f"It is {RULE}.").strip()
    number, most = st.session_state.get(ROUND, 0), MOST_BYTES // 1_000_000
    edges, nodes = (
        st.file_uploader(label, type="csv", max_upload_size=most, key=f"own graph:{label}:{number}")
        for label in ("Edges (CSV)", "Nodes (CSV)")
    )
    there = own_graphs.names()
    if there:
        st.caption("On this server: " + ", ".join(f"`{one}`" for one in there))
    ready = bool(name) and edges is not None and nodes is not None
    why = None if ready else "Type a name and choose both files first."
    if st.button("Add this graph", icon=":material/add:", disabled=not ready, help=why) and edges and nodes:
        _add(edges.getvalue(), nodes.getvalue(), name)


def _add(edges: bytes, nodes: bytes, name: str) -> None:
    try:
        found = own_graphs.keep(edges, nodes, name)
    except UploadError as error:
        st.error(str(error))
        return
    size = f"{found.graph.nodes:,} nodes, {len(found.graph.edges):,} edges, {len(found.graph.classes)} classes"
    st.session_state[DONE] = (f"**{name}** is there ({size}): choose it as *My own graph*.", *found.notes)
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    st.rerun()
