"""A picture that a person draws or uploads, ready for a net. What a browser sends is checked as if it were hostile."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.data.uploads import KINDS, PICTURE_BYTES, PNG, UploadError, fit, read_picture
from ui.plot import assets

DRAWING_BYTES = 100_000
DRAW, UPLOAD = "Draw", "Upload"
SHOWN_PX = 160  # side of the preview
_DATA_URL = "data:image/png;base64,"


def picture_input(key: str, *, side: int, colour: bool, prompt: str) -> NDArray[np.uint8] | None:
    """(channels, side, side) of what was drawn or uploaded; None while there is nothing.

    key: unique on the page; what was drawn or uploaded under it stays while the session lasts. side: in px. colour:
    three channels and a palette, else one channel and a white pen. prompt: what to draw, in a few words; it names the
    picture to a screen reader. What cannot be used is said here.
    """
    chosen = st.segmented_control(
        prompt, (DRAW, UPLOAD), key=f"{key}:how", default=DRAW, required=True, persist_state="session"
    )
    try:
        return _uploaded(key, side, colour) if chosen == UPLOAD else _drawn(key, side, colour, prompt)
    except UploadError as error:
        st.error(str(error))
        return None


def from_browser(sent: object, side: int, colour: bool) -> NDArray[np.uint8] | None:
    """(channels, side, side) of what the canvas sent; None for an empty one. Raises UploadError for anything else."""
    if sent == "":
        return None
    if not isinstance(sent, str) or not sent.startswith(_DATA_URL):
        raise UploadError(f"A drawing must arrive as a PNG; got {type(sent).__name__}. Draw a little more.")
    if len(sent) > DRAWING_BYTES * 4 // 3:
        raise UploadError(f"A drawing must be at most {DRAWING_BYTES // 1000} KB. Press Clear and draw again.")
    try:
        content = base64.b64decode(sent.removeprefix(_DATA_URL), validate=True)
    except ValueError as error:  # no base64, or not even ASCII
        raise UploadError("A drawing must arrive whole; this one is damaged. Draw a little more.") from error
    if not content.startswith(PNG):
        raise UploadError("A drawing must arrive as a PNG; this one is none. Draw a little more.")
    picture = read_picture(content)
    if picture.shape != (side, side, 3):
        height, width, _ = picture.shape
        raise UploadError(f"A drawing must have {side}×{side} px; got {width}×{height}. Press Clear and draw again.")
    return fit(picture, side, colour)


def _drawn(key: str, side: int, colour: bool, prompt: str) -> NDArray[np.uint8] | None:
    """The canvas keeps its strokes in the browser; what it sent last is kept here, for a page that is come back to."""
    kept: dict[str, Any] = st.session_state.setdefault(f"{key}:drawing", {})
    form = f"{side}:{colour}"
    data = {"key": key, "side": side, "colour": colour, "prompt": prompt, "known": form in kept}
    sent = _canvas(key=f"{key}:canvas:{form}", data=data, on_picture_change=_nothing).picture
    if sent is not None:
        kept.clear()
        picture = from_browser(sent, side, colour)
        if picture is not None:
            kept[form] = picture
    return kept.get(form)


def _uploaded(key: str, side: int, colour: bool) -> NDArray[np.uint8] | None:
    """Streamlit forgets a file when its page is left; it is kept here."""
    field, kept = f"{key}:file", f"{key}:content"

    def take() -> None:
        file = st.session_state[field]
        st.session_state[kept] = None if file is None else file.getvalue()

    st.file_uploader(
        f"A PNG or JPEG of at most {PICTURE_BYTES // 1_000_000} MB",
        type=[kind.removeprefix(".") for kind in KINDS],
        max_upload_size=PICTURE_BYTES // 1_000_000,
        key=field,
        on_change=take,
    )
    content = st.session_state.get(kept)
    if content is None:
        return None
    picture = _fitted(content, side, colour)
    enlarged = np.kron(picture.transpose(1, 2, 0), np.ones((-(-SHOWN_PX // side),) * 2 + (1,), np.uint8))
    st.image(enlarged.squeeze(), caption=f"As the net gets it: {side}×{side}", width=SHOWN_PX)
    return picture


@st.cache_data(max_entries=64, show_spinner=False)
def _fitted(content: bytes, side: int, colour: bool) -> NDArray[np.uint8]:
    return fit(read_picture(content), side, colour)


def _nothing() -> None:
    """With a callback for it, the component's state always holds a picture, None before the first."""


def _shim() -> str:
    """The inline part: the canvas itself comes from an address that a browser keeps."""
    urls = {name: assets()[f"canvas.{name}"].url for name in ("js", "css")}
    return f"""
const urls = {json.dumps(urls)};
export default async function (component) {{
  const at = (path) => new URL(path, location.origin).href;
  const code = await import(at(urls.js));
  return code.render(component, at(urls.css));
}}
"""


_canvas = st.components.v2.component("layerlab_canvas", js=_shim(), isolate_styles=False)
