"""Bring your own pictures: a zip becomes a data set on this server, which the knob for folders then offers."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import places
from core.data.own import RULE, folders
from core.data.uploads import (
    LONGEST_SIDE,
    MOST_PICTURES,
    PICTURE_BYTES,
    UNPACKED_BYTES,
    ZIP_BYTES,
    UploadError,
    unpack,
)
from ui.keeping import may_add

NAME, TOKEN, DONE, ROUND = "own pictures:name", "own pictures:token", "own pictures:done", "own pictures:round"
_LIMITS = (
    f"At most {places.size_text(ZIP_BYTES)}, unpacked {places.size_text(UNPACKED_BYTES)} and {MOST_PICTURES:,} "
    f"pictures; each at most {places.size_text(PICTURE_BYTES)} and {LONGEST_SIDE:,} px a side."
)
_EXAMPLE = """\
train/cats/one.jpg    train/dogs/two.png
test/cats/three.jpg   test/dogs/four.jpg"""


def upload_folder() -> None:
    """An expander: a name, a zip, a button. Where the server has an admin token, only who knows it may add one."""
    with st.expander("Bring your own pictures", icon=":material/upload:", key="own pictures"):
        if done := st.session_state.pop(DONE, ""):
            st.success(f"**{done}** is there: choose it as the folder of pictures.", icon=":material/check:")
        st.markdown("A zip with a folder for each class, once to train on and once to test on, PNG or JPEG:")
        st.code(_EXAMPLE, language=None)
        st.caption(
            f"{_LIMITS} The nets see the middle square at 32×32. **Everybody who reaches this server can then train on "
            "these pictures.** The files stay as they are, with whatever a camera wrote into them. Whoever runs the "
            "server removes a data set by deleting its folder in `LAYERLAB_DATASETS`."
        )
        if may_add("pictures", TOKEN):
            _fields()


def _fields() -> None:
    name = st.text_input("Name of the data set", key=NAME, max_chars=64, help=f"It is {RULE}.").strip()
    file = st.file_uploader(
        "Zip with the pictures",
        type="zip",
        max_upload_size=ZIP_BYTES // 1_000_000,
        key=f"own pictures:zip:{st.session_state.get(ROUND, 0)}",
    )
    there = folders()
    if there:
        st.caption("On this server: " + ", ".join(f"`{one}`" for one in there))
    ready = bool(name) and file is not None
    why = None if ready else "Type a name and choose a zip first."
    if st.button("Add these pictures", icon=":material/add_photo_alternate:", disabled=not ready, help=why) and file:
        _add(file, name)


def _add(file: UploadedFile, name: str) -> None:
    bar = st.progress(0.0, "Reading the zip")

    def report(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            bar.progress(done / total, f"{done:,} of {total:,} pictures checked")

    try:
        st.session_state[DONE] = unpack(file, name, places.datasets(), report)
    except UploadError as error:
        bar.empty()
        st.error(str(error))
        return
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1  # an empty field: the zip need not stay in memory
    st.rerun()
