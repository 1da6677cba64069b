"""Pictures that people bring, under AppTest: uploads shown or refused, drawings checked, data sets added."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.data import own
from core.data.uploads import UploadError
from tests.apps import ran
from ui import picture
from ui.picture import DRAWING_BYTES, from_browser


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def as_url(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


# What the canvas sends


def test_a_drawing_arrives_as_it_was_sent() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    found = from_browser(as_url(encoded(pixels)), 28, True)
    assert found is not None and np.array_equal(found, pixels.transpose(2, 0, 1))
    grey = np.repeat(pixels[:, :, :1], 3, axis=2)
    found = from_browser(as_url(encoded(grey)), 28, False)
    assert found is not None and np.array_equal(found[0], grey[:, :, 0])
    assert from_browser("", 28, False) is None


SMALL = np.zeros((8, 8, 3), np.uint8)
HOSTILE = {
    "number": (17, "must arrive as a PNG; got int. Draw a little more"),
    "list": (["data:image/png;base64,"], "got list"),
    "nothing": (None, "got NoneType"),
    "object": ({"picture": "x"}, "got dict"),
    "address": ("https://example.org/evil.png", "must arrive as a PNG; got str"),
    "svg": (as_url(b"<svg/>", "svg+xml"), "must arrive as a PNG; got str"),
    "no base64": ("data:image/png;base64,ä?!", "must arrive whole; this one is damaged. Draw a little more"),
    "half base64": ("data:image/png;base64,abc", "must arrive whole"),
    "jpeg": (as_url(encoded(SMALL, "JPEG")), "must arrive as a PNG; this one is none"),
    "text": (as_url(b"hello"), "must arrive as a PNG; this one is none"),
    "cut": (as_url(encoded(SMALL)[:40]), "A picture must be whole"),
    "other size": (as_url(encoded(SMALL)), "must have 28×28 px; got 8×8. Press Clear and draw again"),
    "too much": (as_url(bytes(DRAWING_BYTES + 3)), "at most 100 KB. Press Clear and draw again"),
}


@pytest.mark.parametrize("which", HOSTILE)
def test_anything_else_is_refused(which: str) -> None:
    sent, message = HOSTILE[which]
    with pytest.raises(UploadError, match=message):
        from_browser(sent, 28, False)


# The two ways to bring one


def picture_script() -> None:
    import streamlit as st

    from ui.picture import picture_input

    side, colour = st.session_state.get("form", (28, False))
    found = None
    if not st.checkbox("Elsewhere"):
        found = picture_input("mine", side=side, colour=colour, prompt="Draw a digit")
    st.session_state["found"] = found


def opened() -> AppTest:
    return ran(AppTest.from_function(picture_script, default_timeout=60))


def uploading() -> AppTest:
    app = opened()
    app.segmented_control[0].select("Upload")
    return ran(app)


def sending(app: AppTest, *files: tuple[str, bytes, str]) -> AppTest:
    app.file_uploader[0].set_value(files[0] if files else None)
    return ran(app)


def found(app: AppTest) -> Any:
    return app.session_state["found"]


def test_before_anything_was_brought_there_is_none() -> None:
    assert found(opened()) is None
    assert found(uploading()) is None


def test_an_uploaded_picture_is_fitted_and_stays_when_the_page_is_left() -> None:
    pixels = np.full((40, 60, 3), (0, 0, 255), np.uint8)
    app = sending(uploading(), ("blue.png", encoded(pixels), "image/png"))
    assert found(app).shape == (1, 28, 28) and (found(app) == 29).all()  # 0.114 · 255
    app.checkbox[0].check()
    assert found(ran(app)) is None
    app.checkbox[0].uncheck()
    assert (found(ran(app)) == 29).all()
    app.session_state["form"] = (32, True)
    assert found(ran(app))[:, 0, 0].tolist() == [0, 0, 255] and found(app).shape == (3, 32, 32)


def test_taking_the_file_away_takes_the_picture_away() -> None:
    app = sending(uploading(), ("grey.jpg", encoded(np.full((9, 9, 3), 90, np.uint8), "JPEG"), "image/jpeg"))
    assert found(app) is not None
    assert found(sending(app)) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"only text", "A picture must be a PNG or JPEG; this file is neither"),
        (b"", "this file has 0 bytes"),
        (encoded(SMALL)[:45], "this file is damaged or cut off"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, message: str) -> None:
    app = sending(uploading(), ("photo.png", content, "image/png"))
    assert [message in one.value for one in app.error] == [True]
    assert found(app) is None
    app = sending(app, ("better.png", encoded(SMALL), "image/png"))
    assert not app.error and found(app) is not None


class FakeCanvas:
    """Sends what a test tells it to, as a browser would."""

    picture: object = None

    def __call__(self, **options: Any) -> FakeCanvas:
        self.options = options
        return self


@pytest.fixture
def canvas(monkeypatch: pytest.MonkeyPatch) -> FakeCanvas:
    made = FakeCanvas()
    monkeypatch.setattr(picture, "_canvas", made)
    return made


def test_a_drawing_stays_when_the_page_is_left_and_goes_when_it_is_cleared(canvas: FakeCanvas) -> None:
    canvas.picture = as_url(encoded(np.full((28, 28, 3), 7, np.uint8)))
    app = opened()
    assert (found(app) == 7).all()
    app.checkbox[0].check()
    ran(app)
    canvas.picture = None  # a canvas that has just been mounted
    app.checkbox[0].uncheck()
    assert (found(ran(app)) == 7).all()
    assert canvas.options["data"]["known"] is True
    canvas.picture = ""
    assert found(ran(app)) is None


def test_another_size_is_asked_for_anew(canvas: FakeCanvas) -> None:
    canvas.picture = as_url(encoded(np.full((28, 28, 3), 7, np.uint8)))
    app = opened()
    first = canvas.options["key"]
    canvas.picture = None
    app.session_state["form"] = (32, False)
    assert found(ran(app)) is None
    assert canvas.options["key"] != first, "what was sent at the old size is not taken for the new one"
    assert canvas.options["data"]["known"] is False


def test_a_hostile_browser_gets_a_sentence_and_no_traceback(canvas: FakeCanvas) -> None:
    canvas.picture = {"__proto__": [1]}
    app = opened()
    assert found(app) is None
    assert [one.value for one in app.error] == ["A drawing must arrive as a PNG; got dict. Draw a little more."]


# A data set of one's own


def folder_script() -> None:
    from ui.own_pictures import upload_folder

    upload_folder()


def data_set(*classes: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for split in ("train", "test"):
            for level, group in enumerate(classes):
                archive.writestr(f"{split}/{group}/1.png", encoded(np.full((8, 8, 3), level, np.uint8)))
    return out.getvalue()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path / "sets"))
    monkeypatch.delenv("LAYERLAB_ADMIN_TOKEN", raising=False)
    return tmp_path / "sets"


def adding(content: bytes, name: str = "pets") -> AppTest:
    app = ran(AppTest.from_function(folder_script, default_timeout=60))
    assert app.button[0].disabled
    app.text_input[0].input(name)
    app.file_uploader[0].set_value((f"{name}.zip", content, "application/zip"))
    app.run()
    assert not app.button[0].disabled
    app.button[0].click()
    return ran(app)


def test_a_zip_is_added_named_and_offered(root: Path) -> None:
    app = adding(data_set("cat", "dog"))
    assert [one.value for one in app.success] == ["**pets** is there: choose it as the folder of pictures."]
    assert own.folders() == ["pets"] and own.load("pets").classes == ("cat", "dog")
    assert any(one.value == "On this server: `pets`" for one in app.caption)
    assert app.file_uploader[0].value is None, "the field is empty again"
    assert not ran(app).success, "said once"


def test_a_refused_zip_says_why_and_leaves_nothing(root: Path) -> None:
    app = adding(data_set("cat"))
    assert ["two classes or more in train; got 1" in one.value for one in app.error] == [True]
    assert not root.exists() or not list(root.iterdir())


def test_who_can_see_the_pictures_is_said(root: Path) -> None:
    app = ran(AppTest.from_function(folder_script, default_timeout=60))
    assert any("Everybody who reaches this server can then train on these pictures" in one.value for one in app.caption)


def test_where_there_is_an_admin_token_only_who_knows_it_may_add(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYERLAB_ADMIN_TOKEN", "sesame")
    app = ran(AppTest.from_function(folder_script, default_timeout=60))
    assert not app.file_uploader and not app.button
    app.text_input[0].input("seasame")
    assert [one.value for one in ran(app).warning] == [
        "This is not the admin token of this server. Look it up in LAYERLAB_ADMIN_TOKEN."
    ]
    assert not app.file_uploader
    app.text_input[0].input("sesame")
    assert ran(app).file_uploader and not app.warning
