"""Pictures and zips that people send: what is taken, and every refusal with its rule, value and remedy."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import datasets

from core.data import own, uploads
from core.data.uploads import UploadError, fit, read_picture, unpack

RNG = np.random.default_rng(0)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def plain(colour: tuple[int, int, int] = (200, 100, 0), size: tuple[int, int] = (6, 4), kind: str = "PNG") -> bytes:
    return encoded(Image.new("RGB", size, colour), kind)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return uploads.PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def many_scans(count: int) -> bytes:
    """A progressive JPEG that repeats its last scan until it has so many."""
    content = encoded(Image.effect_noise((16, 16), 50), "JPEG", progressive=True)
    scans = [found.start() for found in re.finditer(b"\xff\xda", content)]
    return content[:-2] + content[scans[-1] : -2] * (count - len(scans)) + content[-2:]


# One picture


def test_a_png_comes_back_exactly() -> None:
    pixels = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    found = read_picture(encoded(Image.fromarray(pixels)))
    assert found.dtype == np.uint8 and np.array_equal(found, pixels)


def test_a_jpeg_comes_back_nearly() -> None:
    found = read_picture(plain((200, 100, 0), (6, 4), "JPEG"))
    assert found.shape == (4, 6, 3)
    assert np.abs(found.astype(int) - (200, 100, 0)).max() < 8


def test_the_content_tells_the_kind_and_a_camera_s_turn_is_undone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, :2] = 250  # left half bright: after the turn the top half
    found = read_picture(encoded(Image.fromarray(pixels), exif=exif))
    assert found.shape == (4, 2, 3)
    assert (found[:2] == 250).all() and (found[2:] == 0).all()


@pytest.mark.parametrize(("mode", "clear"), [("RGBA", (255, 255, 255, 0)), ("LA", (255, 0))])
def test_what_is_transparent_is_black(mode: str, clear: tuple[int, ...]) -> None:
    assert (read_picture(encoded(Image.new(mode, (3, 3), clear))) == 0).all()


def test_half_transparent_white_over_black_is_grey() -> None:
    found = read_picture(encoded(Image.new("RGBA", (3, 3), (255, 255, 255, 128))))
    assert (found == 128).all()


def test_a_palette_may_be_transparent_too() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 255, 255, 10, 20, 30])
    picture.putpixel((1, 0), 1)
    assert read_picture(encoded(picture, transparency=0))[0].tolist() == [[0, 0, 0], [10, 20, 30]]


def test_sixteen_bits_keep_the_upper_eight() -> None:
    deep = np.array([[0, 255, 256, 0x8001, 0xFFFF]], np.uint16)
    assert read_picture(encoded(Image.fromarray(deep)))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    assert uploads._scans(plain(kind="JPEG")) == 1
    assert read_picture(many_scans(40)).shape == (16, 16, 3)
    film = b"\xff\xda" * 1000  # a phone appends a short film to a picture
    assert read_picture(plain(kind="JPEG") + film).shape == (4, 6, 3)


def test_black_and_white_and_ink_colours_are_read() -> None:
    assert read_picture(encoded(Image.new("1", (2, 2), 1))).tolist() == [[[255] * 3] * 2] * 2
    assert read_picture(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG")).min() > 250


GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
FRAMES = [Image.new("RGB", (4, 4), (level, 0, 0)) for level in (0, 99)]
REFUSED = {
    "nothing": (b"", r"must have some content; this file has 0 bytes\. Choose another file"),
    "text": (b"no picture at all", "must be a PNG or JPEG; this file is neither. Save it as one"),
    "gif": (GIF, "must be a PNG or JPEG; this file is neither"),
    "svg": (SVG, "must be a PNG or JPEG; this file is neither"),
    "webp": (plain(kind="WEBP"), "must be a PNG or JPEG; this file is neither"),
    "bmp": (plain(kind="BMP"), "must be a PNG or JPEG; this file is neither"),
    "bomb": (png_header(60_000, 60_000), "from 1 to 4,096 px a side; this one has 60,000×60,000. Make it smaller"),
    "wide": (png_header(4097, 1), "from 1 to 4,096 px a side; this one has 4,097×1"),
    "signature alone": (uploads.PNG, "must be whole; this file is damaged or cut off. Save it anew"),
    "jpeg signature alone": (uploads.JPEG, "must be whole; this file is damaged or cut off"),
    "too little data": (png_header(500, 500), "must be whole; this file is damaged or cut off"),
    "cut png": (encoded(Image.effect_noise((64, 64), 50))[:-900], "must be whole"),
    "cut jpeg": (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:-900], "must be whole"),
    "animated": (
        encoded(FRAMES[0], save_all=True, append_images=FRAMES[1:]),
        "must have one frame; this one is animated with 2. Save a single frame",
    ),
    "heavy": (uploads.PNG + bytes(5_000_000), r"must be at most 5 MB; this one has 5 MB\. Save it smaller"),
    "scans": (many_scans(41), "at most 40 scans; this one has 41. Save it anew"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_everything_else_is_refused_with_rule_value_and_remedy(which: str) -> None:
    content, message = REFUSED[which]
    with pytest.raises(UploadError, match=message):
        read_picture(content)


@given(
    cut=st.integers(0, 2000), at=st.integers(0, 2000), value=st.integers(0, 255), kind=st.sampled_from(["PNG", "JPEG"])
)
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_give_a_picture_or_an_upload_error(cut: int, at: int, value: int, kind: str) -> None:
    content = bytearray(encoded(Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(20, 20, 3)), kind))
    content[at % len(content)] = value
    try:
        found = read_picture(bytes(content[: len(content) - cut % 200]))
    except UploadError:
        return
    assert found.ndim == 3 and found.shape[2] == 3


def test_fit_takes_the_middle_square_and_means_of_areas() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:4] = 100  # left half of the middle square
    pixels[0, 4:6] = (0, 200, 0)
    found = fit(pixels, 2, True)
    assert found.shape == (3, 2, 2) and found.flags.c_contiguous
    assert found[0].tolist() == [[100, 0], [100, 0]]
    assert found[1].tolist() == [[100, 100], [100, 0]]


def test_fit_without_colour_is_luminance_and_enlarges_as_it_is() -> None:
    pixels = np.full((3, 3, 3), (255, 0, 0), np.uint8)
    found = fit(pixels, 6, False)
    assert found.shape == (1, 6, 6) and (found == 76).all()  # 0.299 · 255
    assert np.array_equal(fit(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 4, True)[0, ::2, ::2], [[0, 3], [6, 9]])


# A zip

GOOD = {
    "train/cat/b.png": plain((1, 1, 1)),
    "train/cat/a.jpg": plain((2, 2, 2), kind="JPEG"),
    "train/dog/1.PNG": plain((3, 3, 3)),
    "test/cat/1.png": plain((4, 4, 4)),
    "test/dog/1.png": plain((5, 5, 5)),
}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_entry(name: str, *, mode: int = 0o100644, content: bytes = b"x") -> bytes:
    """The good data set and one more entry with these rights."""
    out = io.BytesIO(packed(GOOD))
    with zipfile.ZipFile(out, "a") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, content)
    return out.getvalue()


def marked(flag: int) -> bytes:
    """The good data set with a flag set in every header."""
    content = bytearray(packed(GOOD))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(signature), bytes(content)):
            content[found.start() + offset] |= flag
    return bytes(content)


def left(root: Path) -> list[str]:
    return sorted(one.name for one in root.iterdir()) if root.exists() else []


@pytest.mark.parametrize("wrap", ["", "my animals/"])
def test_a_zip_becomes_a_folder_that_is_offered_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: str
) -> None:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path / "sets"))
    junk = {".DS_Store": b"?", "__MACOSX/train/._a.jpg": b"?", "train/cat/Thumbs.db": b"?", "train/cat/": b""}
    told: list[tuple[int, int]] = []
    archive = packed({wrap + name: content for name, content in (GOOD | junk).items()})
    assert unpack(archive, "pets", tmp_path / "sets", lambda done, total: told.append((done, total))) == "pets"
    assert told == [(number, 5) for number in range(1, 6)]
    assert own.folders() == ["pets"] and left(tmp_path / "sets") == ["pets"]
    found = own.load("pets")
    assert found.classes == ("cat", "dog")
    assert found.train.images[:, 0, 0, 0].tolist() == [2, 1, 3], "in the order of the names, a.jpg before b.png"
    assert found.test.labels.tolist() == [0, 1]


def test_a_file_object_will_do_and_the_bytes_stay_as_they_are(tmp_path: Path) -> None:
    unpack(io.BytesIO(packed(GOOD, zipfile.ZIP_STORED)), "pets", tmp_path)
    kept = {file.read_bytes() for file in (tmp_path / "pets").rglob("*.*")}
    assert kept == set(GOOD.values())
    assert [one.suffix for one in sorted((tmp_path / "pets/train/cat").iterdir())] == [".jpg", ".png"]


def test_names_of_a_mac_and_of_windows_are_understood(tmp_path: Path) -> None:
    names = {name.replace("cat", "Bär").replace("/", "\\"): content for name, content in GOOD.items()}
    content = packed(names)  # Python marks them as UTF-8
    unmarked = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        for found in re.finditer(re.escape(signature), content):
            unmarked[found.start() + offset] &= ~0x08
    unpack(bytes(unmarked), "pets", tmp_path)
    assert left(tmp_path / "pets" / "train") == ["Bär", "dog"]


@pytest.mark.parametrize("name", ["", "../pets", "a/b", ".pets", "x" * 65, "a b", "pets\n"])
def test_a_name_must_be_one_of_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UploadError, match=r"The name must be the name of a folder .*; got .* Choose another\."):
        unpack(packed(GOOD), name, tmp_path)
    assert left(tmp_path) == []


def test_names_of_other_data_sets_and_names_that_are_taken_are_refused(tmp_path: Path) -> None:
    others = {datasets.MNIST.__name__, datasets.FashionMNIST.__name__}
    others |= {datasets.CIFAR10.base_folder, datasets.CIFAR10.filename}
    assert {name.lower() for name in others} == set(uploads.RESERVED)
    for name in others:
        with pytest.raises(UploadError, match=r"is kept for another data set\. Choose another name"):
            unpack(packed(GOOD), name, tmp_path)
    unpack(packed(GOOD), "pets", tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    with pytest.raises(UploadError, match=r"There is a data set called “pets” already\. Choose another name"):
        unpack(packed(GOOD), "pets", tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def without(*starts: str) -> dict[str, bytes]:
    return {name: content for name, content in GOOD.items() if not name.startswith(starts)}


PICTURE = plain()
SLIP = "must stay inside it; got “.*”. Pack the folder itself"
KIND = "must hold PNG and JPEG files alone; got “.*”. Convert it or leave it out"
PLACE = r"must lie in train/<class>/ or test/<class>/; got “.*”\. Move it there"
REFUSED_ZIPS = {
    "no zip": (b"PK, but no zip", "must come as a zip; this file is none, or is damaged. Pack the folder as a zip"),
    "nothing": (b"", "must come as a zip; this file is none"),
    "cut off": (packed(GOOD)[:-30], "must come as a zip; this file is none, or is damaged"),
    "up": (with_entry("../evil.png"), SLIP),
    "up inside": (with_entry("train/cat/../../../evil.png"), SLIP),
    "up in junk": (with_entry("__MACOSX/../../evil.png"), SLIP),
    "absolute": (with_entry("/etc/evil.png"), SLIP),
    "drive": (with_entry("C:/evil.png"), SLIP),
    "backslashes": (with_entry("train\\..\\..\\evil.png"), SLIP),
    "symlink": (
        with_entry("train/cat/link.png", mode=stat.S_IFLNK | 0o777, content=b"/etc/passwd"),
        r"must hold files only; “train/cat/link\.png” is a link or a device\. Pack the pictures themselves",
    ),
    "device": (with_entry("train/cat/tty.png", mode=stat.S_IFCHR | 0o666), "is a link or a device"),
    "encrypted": (marked(0x01), r"must not be encrypted; “.*” is\. Pack it without a password"),
    "strongly encrypted": (marked(0x40), "must not be encrypted"),
    "lzma": (packed(GOOD, zipfile.ZIP_LZMA), r"in the usual way \(deflate\); “.*” uses method 14\. Pack it with"),
    "too deep": (packed(GOOD | {"a/b/train/cat/1.png": PICTURE}), "at most 4 levels deep; got “a/b/train/cat/1.png”"),
    "program": (packed(GOOD | {"train/cat/run.exe": b"MZ"}), KIND),
    "svg": (packed(GOOD | {"train/cat/1.svg": SVG}), KIND),
    "notes": (packed(GOOD | {"README.txt": b"hello"}), KIND),
    "no class": (packed(GOOD | {"train/1.png": PICTURE}), PLACE),
    "another split": (packed(GOOD | {"val/cat/1.png": PICTURE}), PLACE),
    "odd class": (
        packed(GOOD | {"train/<b>cat/1.png": PICTURE}),
        r"name of a class must have letters, .* at most 60.*; got “\?b\?cat”\. Rename its folder",
    ),
    "padded class": (packed(GOOD | {"train/cat /1.png": PICTURE}), "name of a class must have"),
    "one class": (packed(without("train/dog", "test/dog")), r"two classes or more in train; got 1\. It holds train/"),
    "empty": (packed({}), r"two classes or more in train; got 0\."),
    "no test": (packed(without("test")), "must have pictures in test; got none. Move some of each class there"),
    "new in test": (packed(GOOD | {"test/cow/1.png": PICTURE}), "in test must be in train too; “cow” is not. Add"),
    "capitals": (packed(GOOD | {"train/Cat/1.png": PICTURE}), "differ by more than capitals; got “cat” twice. Rename"),
    "renamed text": (packed(GOOD | {"train/cat/1.png": b"text"}), "“train/cat/1.png”: A picture must be a PNG or JPEG"),
    "picture bomb": (
        packed(GOOD | {"train/cat/1.png": png_header(50_000, 50_000)}),
        "“train/cat/1.png”: A picture must have from 1 to 4,096 px a side",
    ),
    "cut picture": (
        packed(GOOD | {"train/cat/1.png": REFUSED["cut png"][0]}),
        "“train/cat/1.png”: A picture must be whole",
    ),
    "heavy file": (
        packed(GOOD | {"train/cat/1.png": bytes(6_000_000)}),
        r"Each file must be at most 5 MB; “train/cat/1\.png” has more\. Save it smaller",
    ),
}


@pytest.mark.parametrize("which", REFUSED_ZIPS)
def test_a_zip_that_breaks_a_rule_is_refused_and_leaves_nothing(tmp_path: Path, which: str) -> None:
    content, message = REFUSED_ZIPS[which]
    root = tmp_path / "deep" / "sets"
    with pytest.raises(UploadError, match=message):
        unpack(content, "pets", root)
    assert left(root) == []
    assert not list(tmp_path.rglob("evil*"))


def test_a_header_that_lies_about_the_size_is_not_trusted(tmp_path: Path) -> None:
    """The entry says 10 bytes and holds 6 MB; or says 6 MB and holds ten bytes."""
    for true, said in ((bytes(6_000_000), 10), (b"0123456789", 6_000_000)):
        content = packed(GOOD | {"train/cat/1.png": true})
        wrong = content.replace(struct.pack("<I", len(true)), struct.pack("<I", said))
        assert wrong != content
        with pytest.raises(UploadError, match=r"must be whole; “train/cat/1\.png” in it is damaged|1\.png”: A picture"):
            unpack(wrong, "pets", tmp_path)
        assert left(tmp_path) == []


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    content = bytearray(packed(GOOD, zipfile.ZIP_STORED))
    content[content.index(GOOD["train/dog/1.PNG"]) + 20] ^= 1
    with pytest.raises(UploadError, match=r"must be whole; “train/dog/1\.PNG” in it is damaged\. Pack it anew"):
        unpack(bytes(content), "pets", tmp_path)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("ZIP_BYTES", 500, r"A zip must be at most 500 B; this one has .* KB\. Take fewer or smaller"),
        ("UNPACKED_BYTES", 200, r"Unpacked, a data set must be at most 200 B\. Take fewer pictures"),
        ("MOST_PICTURES", 4, r"at most 4 files; this one has 5\. Take fewer"),
        ("MOST_ENTRIES", 4, r"at most 4 entries; this one has 5\. Take fewer"),
        ("MOST_PIXELS", 100, r"at most 100 pixels in all\. Take smaller pictures"),
        ("DIRECTORY_BYTES", 100, r"list of files must be at most 100 B\. Take fewer files"),
        ("KEPT_FREE", 1 << 60, r"must fit on this server's disk; it said: less than .* free\. Make room"),
    ],
)
def test_every_limit_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, message: str
) -> None:
    monkeypatch.setattr(uploads, limit, value)
    with pytest.raises(UploadError, match=message):
        unpack(packed(GOOD), "pets", tmp_path)
    assert left(tmp_path) == []


def test_the_limits_are_those_that_are_said() -> None:
    assert (uploads.PICTURE_BYTES, uploads.LONGEST_SIDE) == (5_000_000, 4096)
    assert (uploads.ZIP_BYTES, uploads.UNPACKED_BYTES) == (200_000_000, 500_000_000)
    assert (uploads.MOST_PICTURES, uploads.DEEPEST) == (20_000, 4)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "sets").write_text("a file where the folder should be")
    with pytest.raises(UploadError, match=r"must fit on this server's disk; it said: .*LAYERLAB_DATASETS"):
        unpack(packed(GOOD), "pets", tmp_path / "sets")


def test_an_interruption_leaves_nothing_and_old_leftovers_go(tmp_path: Path) -> None:
    old, new = tmp_path / ".unpacking-old", tmp_path / ".unpacking-new"
    for one in (old, new):
        (one / "whole" / "train").mkdir(parents=True)
    long_ago = time.time() - 2 * uploads.LEFT_BEHIND_SECONDS
    os.utime(old, (long_ago, long_ago))

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(packed(GOOD), "pets", tmp_path, stop)
    assert left(tmp_path) == [".unpacking-new"], "another one may be at work there"


def test_two_at_once_never_mix(tmp_path: Path) -> None:
    """The second one finishes while the first is still at work: the first is refused and changes nothing."""

    def meanwhile(done: int, total: int) -> None:
        if done == 1:
            unpack(packed(GOOD), "pets", tmp_path)

    with pytest.raises(UploadError, match="already"):
        unpack(packed(GOOD | {"train/cow/1.png": PICTURE}), "pets", tmp_path, meanwhile)
    assert left(tmp_path) == ["pets"] and left(tmp_path / "pets" / "train") == ["cat", "dog"]
