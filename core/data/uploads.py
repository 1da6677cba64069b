"""Pictures and data sets that people send: every byte is taken for hostile until it has been decoded within limits.

A refusal says the rule, the value and the remedy. What it quotes of a file is cut short and stripped of every sign
that Markdown or HTML could take for its own.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import tempfile
import threading
import time
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from core.data.own import NAME, RULE, SPLITS
from core.places import size_text

PICTURE_BYTES = 5_000_000
LONGEST_SIDE = 4096  # px
MOST_SCANS = 40  # of a JPEG; cameras and programs write at most a dozen, and each one costs a pass over the picture
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
KINDS = (".png", ".jpg", ".jpeg")

ZIP_BYTES = 200_000_000
UNPACKED_BYTES = 500_000_000
MOST_PICTURES = 20_000
MOST_ENTRIES = 60_000  # with folders, and with the twin that a Mac adds to every file
MOST_PIXELS = 2_000_000_000  # in all, decoded to check them: about a minute
DIRECTORY_BYTES = 10_000_000  # no single read of the archive is larger; its list of entries is one read
DEEPEST = 4  # wrapping folder, train or test, class, picture
KEPT_FREE = 1_000_000_000  # bytes that stay free on the disk
LEFT_BEHIND_SECONDS = 3600.0  # a half-unpacked folder this old belongs to a server that was killed
CLASS = r"\w[\w .,'()+-]{0,59}"
CLASS_RULE = "letters, digits, spaces and . , ' ( ) + - _, at most 60, beginning with a letter or digit"
RESERVED = ("mnist", "fashionmnist", "cifar-10-batches-py", "cifar-10-python.tar.gz")  # other data sets live there
JUNK = re.compile(r"(^|/)(__MACOSX|\.[^/]*|Thumbs\.db|ehthumbs\.db|desktop\.ini)(/|$)", re.IGNORECASE)
LAYOUT = "It holds train/<class>/ and test/<class>/ with PNG or JPEG pictures in them."
_TEMPORARY = ".unpacking-"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # but for those without a segment
_PIECE = 1 << 16  # bytes read at a time

_ONE_AT_A_TIME = threading.Lock()  # a picture of 4,096 px a side takes 250 MB while it is decoded


class UploadError(ValueError):
    """What was sent is refused; the message says the rule, the value and the remedy, and may be shown as it is."""


def read_picture(content: bytes) -> NDArray[np.uint8]:
    """(height, width, 3): a PNG or JPEG, upright as its EXIF says, with what is transparent over black.

    The kind is told by the content, never by a name. Of a JPEG that carries more pictures (some cameras') the first
    counts; 16-bit greys keep their upper 8 bits. Raises UploadError for everything else: above 5 MB or 4,096 px a
    side, animated, damaged, cut off, or of another kind.
    """
    if not content:
        raise UploadError("A picture must have some content; this file has 0 bytes. Choose another file.")
    if len(content) > PICTURE_BYTES:
        raise UploadError(
            f"A picture must be at most {size_text(PICTURE_BYTES)}; this one has {size_text(len(content))}. "
            "Save it smaller and choose it again."
        )
    with _ONE_AT_A_TIME:
        return _decoded(_opened(content))


def fit(picture: NDArray[np.uint8], side: int, colour: bool) -> NDArray[np.uint8]:
    """(channels, side, side): the middle square of a (height, width, 3) picture, each new pixel the mean of its area.

    Three channels for colour, else one: its luminance (ITU-R 601). A smaller picture is enlarged without smoothing.
    """
    square = ImageOps.fit(Image.fromarray(picture), (side, side), Image.Resampling.BOX)
    if colour:
        return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))
    return np.array(square.convert("L"), dtype=np.uint8)[None]


def unpack(archive: bytes | BinaryIO, name: str, root: Path, report: Callable[[int, int], None] | None = None) -> str:
    """Put the pictures of a zip into root/name, all of them or none; returns the name.

    The zip holds train/<class>/ and test/<class>/, in one wrapping folder or none. Every picture is decoded once, to
    see that it can be. Pictures get new names, numbered in the order of their old ones; their bytes stay as they are.
    report: called with (pictures done, of how many). Raises UploadError for whatever breaks a rule, and then nothing
    of it stays.
    """
    place = _place(name, root)
    file = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    size = file.seek(0, io.SEEK_END)
    if size > ZIP_BYTES:
        raise UploadError(
            f"A zip must be at most {size_text(ZIP_BYTES)}; this one has {size_text(size)}. Take fewer or smaller "
            "pictures: the nets see them at 32×32."
        )
    with _open_zip(file) as opened:
        entries = _entries(opened)
        try:
            root.mkdir(parents=True, exist_ok=True)
            _clear_away(root)
            with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=root) as temporary:
                whole = Path(temporary) / "whole"
                _extract(opened, entries, whole, report or (lambda done, total: None))
                _refuse_existing(place)
                whole.rename(place)
        except OSError as error:
            raise UploadError(
                f"The pictures must fit on this server's disk; it said: {error.strerror or error}. Make room, or check "
                "the rights of the folder of data sets (LAYERLAB_DATASETS)."
            ) from error
    return name


def _opened(content: bytes) -> Image.Image:
    """The header read, nothing decoded. The decoders are called by name: Image.open would try dozens of kinds."""
    kind = PngImageFile if content.startswith(PNG) else JpegImageFile
    if not content.startswith((PNG, JPEG)):
        raise UploadError("A picture must be a PNG or JPEG; this file is neither. Save it as one and choose it again.")
    with _readable():
        opened = kind(io.BytesIO(content))
    if max(opened.size) > LONGEST_SIDE or min(opened.size) < 1:
        raise UploadError(
            f"A picture must have from 1 to {LONGEST_SIDE:,} px a side; this one has {opened.width:,}×"
            f"{opened.height:,}. Make it smaller and choose it again."
        )
    frames = getattr(opened, "n_frames", 1)
    if frames > 1:
        raise UploadError(f"A picture must have one frame; this one is animated with {frames}. Save a single frame.")
    if kind is JpegImageFile and (scans := _scans(content)) > MOST_SCANS:
        raise UploadError(
            f"A JPEG must have at most {MOST_SCANS} scans; this one has {scans:,}. Save it anew and choose it again."
        )
    return opened


def _scans(content: bytes) -> int:
    """Starts of scan (FF DA) of a JPEG, up to its end; what is appended, such as a phone's short film, is not read."""
    at, scans = 2, 0
    while found := _MARKER.search(content, at):
        at, marker = found.end(), content[found.end() - 1]
        if marker == 0xD9:  # end of image
            break
        scans += marker == 0xDA
        at += int.from_bytes(content[at : at + 2], "big")  # every other segment tells its length
    return scans


def _decoded(opened: Image.Image) -> NDArray[np.uint8]:
    with _readable():
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow would clip them to 255
            grey = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        if picture.has_transparency_data:
            clear = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", clear.size, (0, 0, 0, 255)), clear)
        return np.array(picture.convert("RGB"), dtype=np.uint8)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a decoder at damaged bytes raises whatever it likes
        raise UploadError(
            "A picture must be whole; this file is damaged or cut off. Save it anew and choose it again."
        ) from error


def _place(name: str, root: Path) -> Path:
    if not name or not re.fullmatch(NAME, name):
        raise UploadError(f"The name must be {RULE}; got {quoted(name)}. Choose another.")
    if name.lower() in RESERVED:
        raise UploadError(f"{quoted(name)} is kept for another data set. Choose another name.")
    place = root / name
    _refuse_existing(place)
    return place


def _refuse_existing(place: Path) -> None:
    if place.exists():
        raise UploadError(f"There is a data set called {quoted(place.name)} already. Choose another name.")


class _Bounded(io.BufferedIOBase):
    """A file of which no single read is large: an archive's list of entries is read at one go, however long it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self, size: int | None = -1, /) -> bytes:
        content = self.file.read(DIRECTORY_BYTES + 1 if size is None or size < 0 else min(size, DIRECTORY_BYTES + 1))
        if len(content) > DIRECTORY_BYTES:
            raise UploadError(f"A zip's list of files must be at most {size_text(DIRECTORY_BYTES)}. Take fewer files.")
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True


def _open_zip(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_Bounded(file))
    except UploadError:
        raise
    except Exception as error:  # hostile headers raise whatever they like
        raise UploadError(
            f"A data set must come as a zip; this file is none, or is damaged. Pack the folder as a zip. {LAYOUT}"
        ) from error


def _entries(opened: zipfile.ZipFile) -> list[tuple[str, str, zipfile.ZipInfo]]:
    """(split, class, entry) of every picture, sorted by name. Nothing is read yet."""
    every = opened.infolist()
    if len(every) > MOST_ENTRIES:
        raise UploadError(f"A zip must have at most {MOST_ENTRIES:,} entries; this one has {len(every):,}. Take fewer.")
    found: list[tuple[list[str], zipfile.ZipInfo]] = []
    for entry in every:
        path = _path(entry)
        _refuse_hostile(entry, path)
        if not path.endswith("/") and not JUNK.search(path):
            found.append((path.split("/"), entry))
    if len(found) > MOST_PICTURES:
        raise UploadError(f"A zip must have at most {MOST_PICTURES:,} files; this one has {len(found):,}. Take fewer.")
    firsts = {parts[0] for parts, _ in found}
    if len(firsts) == 1 and not firsts <= set(SPLITS):  # one folder around it all
        found = [(parts[1:], entry) for parts, entry in found]
    for parts, entry in found:
        _refuse_misplaced(parts, _path(entry))
    chosen = [(parts[0], parts[1], entry) for parts, entry in sorted(found, key=lambda one: one[0])]
    _refuse_classes(Counter((split, group) for split, group, _ in chosen))
    return chosen


def _path(entry: zipfile.ZipInfo) -> str:
    """The entry's name with slashes, its accents in one form. Macs write UTF-8 without saying so."""
    name = entry.filename
    if not entry.flag_bits & 0x800:  # not marked as UTF-8, so it was read as code page 437
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def _refuse_hostile(entry: zipfile.ZipInfo, path: str) -> None:
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        raise UploadError(f"Paths in a zip must stay inside it; got {quoted(path)}. Pack the folder itself.")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UploadError(
            f"A zip must hold files only; {quoted(path)} is a link or a device. Pack the pictures themselves."
        )
    if entry.flag_bits & 0x2041:  # any of the three marks of encryption
        raise UploadError(f"A zip must not be encrypted; {quoted(path)} is. Pack it without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UploadError(
            f"A zip must be packed in the usual way (deflate); {quoted(path)} uses method {entry.compress_type}. "
            "Pack it with your system's own zip."
        )
    if path.strip("/").count("/") >= DEEPEST:
        raise UploadError(f"A zip must be at most {DEEPEST} levels deep; got {quoted(path)}. {LAYOUT}")


def _refuse_misplaced(parts: list[str], path: str) -> None:
    if not path.lower().endswith(KINDS):
        raise UploadError(
            f"A data set must hold PNG and JPEG files alone; got {quoted(path)}. Convert it or leave it out."
        )
    if len(parts) != 3 or parts[0] not in SPLITS:
        raise UploadError(f"A picture must lie in train/<class>/ or test/<class>/; got {quoted(path)}. Move it there.")
    if not re.fullmatch(CLASS, parts[1]) or parts[1] != parts[1].strip():
        raise UploadError(f"The name of a class must have {CLASS_RULE}; got {quoted(parts[1])}. Rename its folder.")


def _refuse_classes(counts: Counter[tuple[str, str]]) -> None:
    train, test = ({group for split, group in counts if split == wanted} for wanted in SPLITS)
    if len(train) < 2:
        raise UploadError(f"A data set must have two classes or more in train; got {len(train)}. {LAYOUT}")
    if not test:
        raise UploadError(f"A data set must have pictures in test; got none. Move some of each class there. {LAYOUT}")
    if test - train:
        strange = ", ".join(quoted(one) for one in sorted(test - train)[:3])
        raise UploadError(f"Every class in test must be in train too; {strange} is not. Add pictures of it to train.")
    folded = Counter(group.casefold() for group in train)
    if folded.most_common(1)[0][1] > 1:
        twice = folded.most_common(1)[0][0]
        raise UploadError(f"Classes must differ by more than capitals; got {quoted(twice)} twice. Rename one.")


def _extract(
    opened: zipfile.ZipFile,
    entries: list[tuple[str, str, zipfile.ZipInfo]],
    whole: Path,
    report: Callable[[int, int], None],
) -> None:
    """Write every picture below `whole`, counting bytes and pixels as they come: a header's word is not trusted."""
    all_bytes = all_pixels = 0
    for number, (split, group, entry) in enumerate(entries):
        content = _content(opened, entry)
        all_bytes += len(content)
        if all_bytes > UNPACKED_BYTES:
            raise UploadError(f"Unpacked, a data set must be at most {size_text(UNPACKED_BYTES)}. Take fewer pictures.")
        try:
            height, width, _ = read_picture(content).shape
        except UploadError as error:
            raise UploadError(f"{quoted(_path(entry))}: {error}") from error
        all_pixels += height * width
        if all_pixels > MOST_PIXELS:
            raise UploadError(f"A data set must have at most {MOST_PIXELS:,} pixels in all. Take smaller pictures.")
        if number % 100 == 0 and shutil.disk_usage(whole.parent).free < KEPT_FREE:
            raise OSError(f"less than {size_text(KEPT_FREE)} free")
        file = whole / split / group / f"{number:05d}{'.png' if content.startswith(PNG) else '.jpg'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        report(number + 1, len(entries))


def _content(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        with opened.open(entry) as file:
            while piece := file.read(_PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > PICTURE_BYTES:
                    break
    except Exception as error:
        raise UploadError(f"A zip must be whole; {quoted(_path(entry))} in it is damaged. Pack it anew.") from error
    if size > PICTURE_BYTES:
        raise UploadError(
            f"Each file must be at most {size_text(PICTURE_BYTES)}; {quoted(_path(entry))} has more. Save it smaller."
        )
    return b"".join(pieces)


def _clear_away(root: Path) -> None:
    """What a server that was killed in the middle has left."""
    for one in root.glob(f"{_TEMPORARY}*"):
        if time.time() - one.stat().st_mtime > LEFT_BEHIND_SECONDS:
            shutil.rmtree(one, ignore_errors=True)


def quoted(text: str, longest: int = 60) -> str:
    """What somebody typed or packed, cut short, without signs that Markdown or HTML would read."""
    plain = re.sub(r"[^\w ./,'()+-]", "?", text)
    return f"“{plain if len(plain) <= longest else plain[: longest - 1] + '…'}”"
