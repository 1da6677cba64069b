"""The home page: every lab as a card with its question, and the address for a class to join."""

from __future__ import annotations

import html
import os

import segno
import streamlit as st

from core.engine.scheduler import shared
from ui.address import with_fields
from ui.labs import Lab, labs
from ui.lesson import link_to_lesson
from ui.lesson_file import lessons


def card(lab: Lab) -> None:
    """A picture, the lab's name and its question; all of it leads to the lab. Below, its lessons."""
    with st.container(border=True, key=f"card-{lab.name}", gap="xsmall"):
        st.image(str(lab.picture), width="stretch", alt="")
        st.page_link(lab.link(), label=lab.title, query_params=with_fields(lesson=None))
        st.markdown(lab.question)
    with st.container(key=f"lessons-of-{lab.name}", gap="xxsmall"):
        for name, title in lessons(lab.name).items():
            link_to_lesson(lab.name, name, f"Lesson: {title}")


def invitation(address: str) -> None:
    """The address of this server, in words and as a QR code."""
    code = segno.make(address, error="m").svg_data_uri(scale=4, border=3, dark="#14191b", light="#ffffff")
    words = f"<strong>Join with your own device</strong>Scan the code or open<br><code>{html.escape(address)}</code>"
    with st.container(border=True, key="join"):
        st.html(f'<div class="layerlab-join"><img src="{code}" alt="QR code of this address"><div>{words}</div></div>')


st.title("Retrain real networks while you watch", anchor=False)
st.markdown(
    "Each lab asks one question about neural networks. Choose what to vary, press **Run**, and a real PyTorch network "
    "trains on this machine while its curves grow. Nothing is replayed unless it says so."
)
for problem in shared().store.problems:
    st.warning(problem)
shown = labs()
address = os.environ.get("LAYERLAB_PUBLIC_URL")
cells = [*shown, address] if address else shown
for column, cell in zip(st.columns(max(2, min(3, len(cells)))) * (1 + len(cells)), cells, strict=False):
    with column:
        if isinstance(cell, Lab):
            card(cell)
        else:
            invitation(cell)
if not shown:
    st.info("There is no lab yet: a lab appears when its page is in pages/ and its experiment or demo in core/.")
