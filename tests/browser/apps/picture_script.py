"""A page with a field for pictures that says what arrived, and a page without."""

import json

import streamlit as st

from ui.picture import picture_input


def draw() -> None:
    """The mean of each quarter of the picture, and what else a test asks for."""
    st.title("Draw")
    colour = st.toggle("Colour")
    side = 32 if st.toggle("Larger") else 28
    st.button("Rerun", on_click=lambda: st.session_state.update(reruns=st.session_state.get("reruns", 0) + 1))
    found = picture_input("mine", side=side, colour=colour, prompt="Draw a digit")
    said = {"reruns": st.session_state.get("reruns", 0), "shape": None}
    if found is not None:
        half = side // 2
        quarters = [
            found[:, rows, columns]
            for rows in (slice(half), slice(half, side))
            for columns in (slice(half), slice(half, side))
        ]
        said["shape"] = list(found.shape)
        said["quarters"] = [round(float(one.mean()), 1) for one in quarters]
        said["channels"] = [round(float(one.mean()), 1) for one in found]
        said["values"] = len(set(found.ravel().tolist()))
    st.code(json.dumps(said), language=None)


def elsewhere() -> None:
    """Another page."""
    st.title("Elsewhere")


st.navigation([st.Page(draw, title="Draw", url_path="draw", default=True), st.Page(elsewhere, title="Elsewhere")]).run()
