"""Tabs of which only the open one is drawn: what the others would ask of a net is not asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from ui.lesson import note_opened


def tabs(parts: Mapping[str, Callable[[], None]], key: str) -> None:
    """Title -> what draws it. key: unique on the page."""
    for tab, (title, draw) in zip(st.tabs(list(parts), key=key, on_change="rerun"), parts.items(), strict=True):
        if tab.open:
            note_opened(title)
            with tab:
                draw()
