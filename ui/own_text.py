"""Bring your own text: pasted or a .txt file; it becomes a text on this server, which the knob then offers."""

from __future__ import annotations

import streamlit as st

from core.data.text import LARGEST, RULE, TextError, files, save
from core.places import size_text
from ui.keeping import may_add

NAME, PASTED, FILE, TOKEN, DONE = (f"own text:{name}" for name in ("name", "pasted", "file", "token", "done"))


def upload_text() -> None:
    """An expander: a name, a text or a file, a button. Where the server has an admin token, only who knows it adds."""
    with st.expander("Bring your own text", icon=":material/upload:", key="own text"):
        if done := st.session_state.pop(DONE, ""):
            st.success(f"**{done}** is there: choose it as the text.", icon=":material/check:")
        st.caption(
            f"UTF-8, at most {size_text(LARGEST)}; the last tenth is held out. **Everybody who reaches this server can "
            "then train on it.** Whoever runs the server removes a text by deleting its file in the folder `text` of "
            "`LAYERLAB_DATASETS`."
        )
        if may_add("texts", TOKEN):
            _fields()


def _fields() -> None:
    name = st.text_input("Name of the text", key=NAME, max_chars=64, help=f"It is {RULE}.").strip()
    file = st.file_uploader("A .txt file", type="txt", max_upload_size=LARGEST // 1_000_000, key=FILE)
    pasted = st.text_area("Or paste it", key=PASTED, max_chars=LARGEST)
    if there := files():
        st.caption("On this server: " + ", ".join(f"`{one}`" for one in there))
    content = file.getvalue() if file is not None else pasted.encode()
    ready = bool(name) and bool(content)
    why = None if ready else "Type a name, and choose a file or paste a text first."
    if st.button("Add this text", icon=":material/note_add:", disabled=not ready, help=why):
        try:
            st.session_state[DONE] = save(name, content)
        except TextError as error:
            st.error(str(error))
            return
        st.rerun()
