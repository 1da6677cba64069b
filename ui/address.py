"""What an address carries besides a lab's settings and run: a lesson, presenting, a class. Read here, kept verbatim."""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

LESSON, PRESENT, CLASS = "lesson", "present", "class"
BASELINE = "baseline"  # names the run that is held against the one on screen
PASSING = (LESSON, PRESENT, CLASS)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def passing() -> dict[str, str]:
    """The passing fields of the address that are short and plain; the form neither reads nor drops them."""
    return {name: value for name, value in _raw() if _PLAIN.fullmatch(value)}


def newly_named(field: str, key: str) -> str | None:
    """What a field of a new address names; an address that we wrote ourselves says nothing new (see `written`).

    key: of whoever reads and writes this field, in the session state.
    """
    named = st.query_params.get(field)
    return None if named == st.session_state.get(f"{key}:linked") else named


def written(key: str, value: str | None) -> None:
    """Remember what we are about to name in the address ourselves."""
    st.session_state[f"{key}:linked"] = value


def asked_lesson() -> str:
    """The lesson that the address names, however odd its name is; empty where it names none."""
    return dict(_raw()).get(LESSON, "")


def classroom() -> str:
    """The class that the address names, whose guesses are shown together; empty for everybody else."""
    return passing().get(CLASS, "")


def odd() -> list[str]:
    """What the address carries that cannot be used, in sentences; of an odd lesson the lesson's own room speaks."""
    strange = [(name, value) for name, value in _raw() if name != LESSON and not _PLAIN.fullmatch(value)]
    rule = "must be at most 64 letters, digits, dots, hyphens or underscores"
    return [f"{name} in this link {rule}; it was left out." for name, _ in strange]


def presenting() -> bool:
    """Whether the page is shown to a room: large type, no chrome."""
    return passing().get(PRESENT) == "1"


def with_fields(**changes: str | None) -> dict[str, str]:
    """The passing fields for a link, some of them changed; None leaves a field out."""
    fields: Mapping[str, str | None] = {**passing(), **changes}
    return {name: value for name, value in fields.items() if value is not None}


def leave(name: str) -> None:
    """Take one passing field out of the address (in a callback)."""
    st.query_params.pop(name, None)


def _raw() -> list[tuple[str, str]]:
    return [(name, st.query_params[name]) for name in PASSING if name in st.query_params]
