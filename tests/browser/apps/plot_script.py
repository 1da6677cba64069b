"""Charts whose data change under a button and under a fragment's clock."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ui.plot import clickable, plot


def curves(points: int, shift: float) -> go.Figure:
    """Two curves over steps; the first one starts with a zero."""
    steps = np.arange(points)
    wave = np.sin(steps / 4) * 20 + 50 + shift
    wave[0] = 0.0
    figure = go.Figure(
        layout={"title": "Validation accuracy", "xaxis": {"title": "Epoch"}, "yaxis": {"title": "Accuracy (%)"}}
    )
    figure.add_scatter(x=steps, y=wave, name="fconv")
    figure.add_scatter(x=steps, y=wave / 2 + 10, name="valid")
    return figure


st.session_state.setdefault("points", 40)
with st.container(horizontal=True):
    if st.button("More points"):
        st.session_state["points"] += 10
    if st.button("Nothing new"):
        st.session_state["clicks"] = st.session_state.get("clicks", 0) + 1
    without_map = st.button("Take the map away")

st.caption(f"{st.session_state.get('clicks', 0)} times nothing new")

plot(curves(st.session_state["points"], 0.0), "curves", curves=True, caption="Accuracy of two convolutions.")


@st.fragment(run_every=0.3)
def clock() -> None:
    """A live figure."""
    st.session_state["ticks"] = st.session_state.get("ticks", 0) + 1
    plot(curves(40, st.session_state["ticks"] % 7), "live", height=260, curves=True)


clock()

grid = np.arange(64 * 64, dtype=np.float32).reshape(64, 64) / 7
heat = go.Figure(
    go.Heatmap(z=grid),
    layout={"title": "Activity by position", "xaxis": {"title": "Column"}, "yaxis": {"title": "Row"}},
)
if not without_map:
    plot(heat, "heat")

plot(go.Figure(layout={"title": "Loss", "xaxis": {"title": "Epoch"}, "yaxis": {"title": "Loss (nats)"}}), "empty")

matrix = go.Figure(go.Heatmap(z=[[1, 2, 3], [4, 5, 6]]), layout={"title": "A matrix to click"})
st.text(f"Clicked: {clickable(matrix, 'matrix', height=200)}")
