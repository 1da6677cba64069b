"""What a person does with stored runs: notes, pins, deletion with undo; and what storage they take.

Messages quote nothing that a person typed; notes go into text fields and cells only, never into Markdown or HTML.
"""

from __future__ import annotations

import hmac

import streamlit as st

from core import places
from core.engine.library import LibraryError
from core.engine.listing import Entry
from core.engine.scheduler import shared
from ui import runs
from ui.picking import CHOSEN, choose
from ui.security import owner

SAID, DELETED, TOKEN = "runs:said", "runs:deleted", "runs:token"


def admin(key: str = TOKEN) -> bool:
    """Whether the token that was typed is the one of the configuration. key: of the field it was typed into."""
    token = places.admin_token()
    return bool(token) and hmac.compare_digest(st.session_state.get(key, "").encode(), token.encode())


def may_add(what: str, key: str) -> bool:
    """Whether this reader may add something to the server; asks for the token (key: its field) where there is one."""
    if not places.admin_token():
        return True
    st.text_input("Admin token", type="password", key=key, help=f"This server lets only its admin add {what}.")
    if not admin(key) and st.session_state.get(key):
        st.warning("This is not the admin token of this server. Look it up in LAYERLAB_ADMIN_TOKEN.")
    return admin(key)


def say(sentence: str, good: bool = False) -> None:
    """A sentence for the next time the page is drawn."""
    st.session_state[SAID] = (sentence, good)


def said() -> None:
    """What the last action has to say."""
    sentence, good = st.session_state.pop(SAID, ("", False))
    if sentence:
        (st.success if good else st.warning)(sentence)


def save_note(run: str) -> None:
    """Keep what stands in the note's field."""
    try:
        shared().library.note(run, st.session_state[f"runs:note:{run}"], owner(), admin())
        say("The note is saved.", good=True)
    except LibraryError as error:
        say(str(error))


def pin(run: str, on: bool) -> None:
    """Pin a run, or let it go."""
    try:
        shared().library.pin(run, on, owner(), admin())
    except LibraryError as error:
        say(str(error))


def delete(ids: list[str]) -> None:
    """Delete what may be deleted, and say why the rest was not."""
    deleted, refused = [], []
    for run in ids:
        try:
            shared().library.delete(run, owner(), admin())
            deleted.append(run)
        except LibraryError as error:
            refused.append(str(error))
    st.session_state[DELETED] = deleted or st.session_state.get(DELETED, [])
    choose([run for run in ids if run not in deleted])
    if refused:
        say(" ".join([f"{len(refused)} of {len(ids)} not deleted.", *dict.fromkeys(refused)]))


def restore(ids: list[str]) -> None:
    """Undo a deletion."""
    try:
        for run in ids:
            shared().library.restore(run, owner(), admin())
        choose([*st.session_state.get(CHOSEN, ()), *ids])
    except LibraryError as error:
        say(str(error))


def storage() -> None:
    """How much is used of how much, and what was removed to make space."""
    library = shared().library
    used, limit = library.used(), library.limit_bytes
    text = f"Storage: {places.size_text(used)} of {places.size_text(limit)}. Beyond that, the oldest unpinned runs go."
    st.progress(min(used / limit, 1.0), text=text)
    if library.said:
        st.info(library.said)
    for problem in (library.problem, library.full, *shared().store.problems):
        if problem:
            st.warning(problem)


def undo() -> None:
    """What was deleted lately, while it can be restored."""
    deleted = shared().library.restorable(owner(), admin())
    if not deleted:
        return
    ids = [run.id for run, _ in deleted]
    last = [run for run in st.session_state.get(DELETED, ()) if run in ids] or ids[:1]
    until = runs.when(min(end for run, end in deleted if run.id in last))[-5:]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="runs:undo"):
        plural = "s" * (len(last) != 1)
        st.text(f"{len(last)} run{plural} deleted. You can undo this until {until}.")
        st.button("Undo", icon=":material/undo:", on_click=restore, args=(last,))


def manage(entries: tuple[Entry, ...]) -> None:
    """Note, pin, open, delete."""
    names = dict(zip([entry.run.id for entry in entries], runs.names([entry.run for entry in entries]), strict=True))
    which = st.selectbox("Run", list(names), format_func=names.__getitem__) if len(names) > 1 else next(iter(names))
    entry = next(one for one in entries if one.run.id == which)
    key = f"runs:note:{which}"
    st.session_state.setdefault(key, entry.note)
    st.text_area("Note", key=key, persist_state="session", help="Plain text, at most 2,000 characters.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Save note", icon=":material/save:", on_click=save_note, args=(which,))
        label = "Unpin" if entry.pinned else "Pin"
        help = "Pinned runs are never removed to make space."
        st.button(label, icon=":material/keep:", on_click=pin, args=(which, not entry.pinned), help=help)
        runs.open_link(entry.run)
    count = len(entries)
    label = "Delete this run" if count == 1 else f"Delete all {count} chosen runs"
    st.button(
        label, icon=":material/delete:", on_click=delete, args=(list(names),), help="Can be undone for 10 minutes."
    )


def administration() -> None:
    """Where a token is configured, whoever knows it may change other people's runs."""
    if places.admin_token():
        with st.expander("Administration"):
            st.text_input("Admin token", type="password", key=TOKEN, help="Lets you change other people's runs.")
            if st.session_state.get(TOKEN) and not admin():
                st.warning("This is not the admin token of this server. Look it up in LAYERLAB_ADMIN_TOKEN.")
