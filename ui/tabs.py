"""Tabs of which only the open one is drawn: what the others would ask of a net is not asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def tabs(parts: Mapping[str, Callable[[], None]], key: str) -> None:
    """Title -> what draws it. key: unique on the page."""
    for tab, draw in zip(st.tabs(list(parts), key=key, on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab:
                draw()
