"""Finding runs on the Runs page: filters, the list with its pages, and which runs are chosen, across pages."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import streamlit as st

from core.engine import listing
from core.engine.listing import Entry, Wanted
from core.engine.records import STATES
from core.engine.scheduler import shared
from ui.runs import metrics_of, rows, title_of
from ui.security import owner

PAGE_SIZE = 100
ROW_PX, MOST_ROWS = 35, 10  # of the list; it scrolls beyond
CHOSEN = "runs:chosen"
FILTERS = ("labs", "states", "order", "text", "mine")


def filters() -> Wanted:
    """Draw the filters; what they say."""
    stored = listing.experiments(shared().store)
    left, middle, right = st.columns(3)
    experiments = left.multiselect("Lab", stored, format_func=title_of, placeholder="All", **_kept("labs", stored))
    states = middle.multiselect("State", STATES, format_func=str.capitalize, placeholder="All", **_kept("states"))
    alone = experiments or stored
    orders = _orders(alone[0] if len(alone) == 1 else "")
    order = right.selectbox("Sort", list(orders), **_kept("order", list(orders)))
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    text = left.text_input(
        "Search notes and settings",
        placeholder="for example: reflect epochs=50",
        help="Words that must all occur. name=value asks for one setting's exact value.",
        max_chars=200,
        **_kept("text"),
    )
    mine = right.toggle("Only mine", **_kept("mine"))
    metric, lowest = orders[order]
    return Wanted(
        experiments=tuple(experiments),
        states=tuple(states),
        owner=owner() if mine else "",
        text=text,
        order="newest first" if metric else order,
        metric=metric,
        lowest=lowest,
    )


def clear_filters() -> None:
    """Every run is wanted again."""
    for name in FILTERS:
        st.session_state.pop(f"runs:{name}", None)


def chosen() -> tuple[Entry, ...]:
    """The runs that are chosen, in the order of their choice; those that have gone are forgotten."""
    found = listing.entries(shared().store, st.session_state.get(CHOSEN, ()))
    st.session_state[CHOSEN] = [entry.run.id for entry in found]
    return found


def choose(runs: list[str]) -> None:
    """Choose these and no others."""
    st.session_state[CHOSEN] = runs
    st.session_state["runs:generation"] = st.session_state.get("runs:generation", 0) + 1  # the list shows it anew


def pick(wanted: Wanted) -> int:
    """Draw the page of the list that is open; its ticked rows are chosen. Returns how many runs are wanted in all."""
    number = st.session_state.get("runs:page", 1)
    found = listing.page(shared().store, wanted, number, PAGE_SIZE)
    pages = max(1, math.ceil(found.total / PAGE_SIZE))
    if number > pages:  # there were more when it was opened
        number = st.session_state["runs:page"] = pages
        found = listing.page(shared().store, wanted, number, PAGE_SIZE)
    if found.entries:
        _table(found.entries)
    if pages > 1:
        st.pagination(pages, key="runs:page", max_visible_pages=5, persist_state="session")
    return found.total


def _table(entries: tuple[Entry, ...]) -> None:
    """A table's state belongs to the runs it shows: with others, the ticks are set from what is chosen."""
    ids = [entry.run.id for entry in entries]
    generation = st.session_state.get("runs:generation", 0)
    digest = hashlib.sha256("".join(ids).encode()).hexdigest()[:16]
    key = f"runs:table:{generation}:{digest}"
    ticked = [row for row, run in enumerate(ids) if run in st.session_state.get(CHOSEN, ())]
    st.dataframe(
        rows(entries, owner()),
        height=ROW_PX * (min(len(entries), MOST_ROWS) + 1) + 3,
        hide_index=True,
        column_config={
            "Settings": st.column_config.TextColumn(width="medium", help="Those that are not the default ones."),
            "Note": st.column_config.TextColumn(width="medium"),
        },
        key=key,
        on_select=lambda: _ticked(key, ids),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": ticked}},
        alt="Stored runs. Tick rows to compare them.",
    )


def _ticked(key: str, ids: list[str]) -> None:
    """Keep the choices of other pages; take this page's from its ticks."""
    ticks = [ids[row] for row in st.session_state[key]["selection"]["rows"] if row < len(ids)]
    before = [run for run in st.session_state.get(CHOSEN, ()) if run not in ids or run in ticks]
    st.session_state[CHOSEN] = [*before, *(run for run in ticks if run not in before)]


def _orders(experiment: str) -> dict[str, tuple[str, bool]]:
    """What the list may be sorted by -> a metric, where it is one, and whether its lowest value comes first."""
    plain = dict.fromkeys(listing.ORDERS, ("", False))
    metrics = metrics_of(experiment)
    highest = {f"highest {metric}": (metric, False) for metric in metrics}
    return plain | highest | {f"lowest {metric}": (metric, True) for metric in metrics}


def _kept(name: str, options: list[str] | None = None) -> dict[str, Any]:
    """Key of a filter that survives a visit elsewhere; a value that is no option any more is forgotten."""
    key = f"runs:{name}"
    value = st.session_state.get(key)
    if options is not None and any(one not in options for one in (value if isinstance(value, list) else [value])):
        st.session_state.pop(key, None)
    return {"key": key, "persist_state": "session", "on_change": _first_page}


def _first_page() -> None:
    st.session_state["runs:page"] = 1
