"""Texts to learn from, as rows of character numbers: a generated one, Grimm's tales, and texts of one's own.

Outside texts are read from the folder `text` of core.places.datasets(); Grimm's tales are downloaded where they are
missing. The last tenth of a text is held out.
"""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core import places
from core.config import knob
from core.contract import Explained
from core.data import grammar
from core.data.download import download
from core.places import size_text

Corpus = Literal["grammar", "grimm", "file"]
LABELS: dict[Corpus, str] = {"grammar": "generated sentences", "grimm": "Grimm's tales", "file": "a text of my own"}

GRIMM = "grimms_fairy_tales.txt"  # Project Gutenberg's eBook 2591, in any edition that has these very tales:
GRIMM_MD5 = "4b3806746f9f6c6341e8215e1548a0f0"
GRIMM_ADDRESSES = (
    "https://www.gutenberg.org/files/2591/2591-0.txt",
    "https://www.gutenberg.org/cache/epub/2591/pg2591.txt",
)
_TALES = re.compile(
    r"^\*\*\* ?START OF TH(?:IS|E) PROJECT GUTENBERG EBOOK.*?^(FAIRY TALES$.*?)"
    r"^(?:End of (?:the )?Project Gutenberg|\*\*\* ?END OF TH)",
    re.DOTALL | re.MULTILINE,
)

GRIMM_CHARACTERS, USUAL_CHARACTERS = 80, 100  # that Grimm's tales have, and that a text may have
GENERATED = 400_000  # characters
HELD_OUT = 0.1  # of a text, at its end
LARGEST = 5_000_000  # bytes of a text of one's own
SMOOTHING = 0.1  # added to every count of the bigram model
NAME = r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})?"  # no slash and no leading dot: never a way out of the folder
RULE = "the name of a text (letters, digits, dot, hyphen and underscore, at most 64)"
LOOK_SECONDS = 3.0  # between looks at a file that may have changed

Codes = NDArray[np.int64]


class TextError(ValueError):
    """A text that is refused; the message says the rule, the value and the remedy, and may be shown as it is."""


@dataclass(frozen=True, eq=False)
class Text:
    """A text as numbers: each is the place of a character among the sorted characters of the whole text.

    floor: its entropy in nats per character where that is known.
    """

    characters: tuple[str, ...]
    train: Codes
    held_out: Codes
    floor: float | None = None

    def encode(self, written: str) -> Codes:
        """The numbers of these characters. Raises ValueError that names those that the text does not have."""
        return encode(written, self.characters)


def encode(written: str, characters: Sequence[str]) -> Codes:
    """The places of these characters among those known. Raises ValueError that names the others."""
    places_of = {one: place for place, one in enumerate(characters)}
    strange = list(dict.fromkeys(one for one in written if one not in places_of))
    if strange:
        some = ", ".join(map(named, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        raise ValueError(f"This net has never seen {some}. It knows: {known(characters)}. Write it with these.")
    return np.array([places_of[one] for one in written], dtype=np.int64)


def named(character: str) -> str:
    """A character as a person can read it, safe in Markdown."""
    if character.isalnum():
        return f"“{character}”"
    names = {"\n": "line feed", "\t": "tabulator"}
    found = names.get(character) or unicodedata.name(character, "").lower()
    return found or f"the character U+{ord(character):04X}"


def known(characters: Sequence[str]) -> str:
    """Letters and digits as they are, the other characters counted."""
    plain = "".join(one for one in characters if one.isalnum())
    shown = plain if len(plain) <= 80 else plain[:79] + "…"
    others = len(characters) - len(plain)
    return f"{shown} and {others} signs" if others else shown


def file_knob() -> Any:
    """The field `file: str` of a lab whose knob `corpus` may be "file"."""
    return knob(
        "",
        "Text of my own",
        where={"corpus": ("file",)},
        pattern=NAME,
        rule=RULE,
        offered=files,
        help="A .txt in the folder text of the data sets; add one below.",
    )


def files() -> list[str]:
    """Names of the texts of one's own, without .txt."""
    root = _root()
    if not root.is_dir():
        return []
    names = (one.stem for one in root.iterdir() if one.suffix == ".txt" and one.name != GRIMM)
    return sorted(name for name in names if re.fullmatch(NAME, name))


def load(corpus: Corpus, file: str = "", block: int = 1) -> Text:
    """The text of this name. Raises Explained where it is missing, damaged, or too short for blocks of this size."""
    try:
        found = _numbered(corpus, file, fingerprint(corpus, file))
        check(found.characters, len(found.train) + len(found.held_out), block)
    except TextError as error:
        raise Explained(str(error)) from None
    return found


def count(corpus: Corpus, file: str = "") -> int:
    """How many characters a text knows; about a hundred where it is not there (yet), or no text."""
    if corpus == "grimm":
        return GRIMM_CHARACTERS
    try:
        return len(load(corpus, file).characters)
    except Explained:
        return USUAL_CHARACTERS


def prepare(corpus: Corpus) -> Iterator[str]:
    """Download what is missing, telling how far it is. Raises Explained with what to do where that fails."""
    if corpus == "grimm":
        yield from download(GRIMM_ADDRESSES, _root() / GRIMM, GRIMM_MD5, _checksum)


def fingerprint(corpus: Corpus, file: str = "") -> str:
    """What tells one's own text from another of the same name; the other texts are fixed."""
    if corpus != "file" or not file or not re.fullmatch(NAME, file):
        return ""
    return _fingerprint(str(_root() / f"{file}.txt"), int(time.monotonic() / LOOK_SECONDS))


def decode(content: bytes) -> str:
    """A text of one's own from its bytes, line ends as in Unix. Raises TextError for one that is none."""
    if len(content) > LARGEST:
        raise TextError(
            f"A text must be at most {size_text(LARGEST)}; this one has {size_text(len(content))}. Cut it shorter."
        )
    try:
        whole = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            f"A text must be UTF-8; byte {error.start + 1} of this file is not. Save it as UTF-8 and choose it again."
        ) from None
    whole = whole.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not whole.strip():
        raise TextError("A text must have some characters; this one is empty. Choose or paste another.")
    return whole


def check(characters: Sequence[str], length: int, block: int) -> None:
    """Raises TextError where a text of this length, of these characters, cannot be learnt from in blocks so large."""
    if len(characters) < 2:
        raise TextError(
            f"A text must have at least two different characters; this one has only {named(characters[0])}. "
            "There is nothing to guess in it: choose another."
        )
    least = int((block + 1) / HELD_OUT) + 1
    if length < least:
        raise TextError(
            f"A text must have at least {least:,} characters for blocks of {block}, so that the held-out tenth holds "
            f"one; this one has {length:,}. Take a smaller block or a longer text."
        )


def save(name: str, content: bytes) -> str:
    """Keep a text of one's own under a new name; returns the name. Raises TextError for what breaks a rule."""
    if not name or not re.fullmatch(NAME, name) or f"{name}.txt" == GRIMM:
        raise TextError(
            f"A text's name must be {RULE}, and not that of Grimm's tales; got {name[:60]!r}. Choose another."
        )
    whole = decode(content)
    check(sorted(set(whole)), len(whole), 1)
    place = _root() / f"{name}.txt"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place, "xb") as file:
            file.write(content)
    except FileExistsError:
        raise TextError(
            f"There is a text called {name} already; texts are never overwritten. Choose another name."
        ) from None
    except OSError as error:
        raise TextError(
            f"The text must fit on this server's disk; it said: {error.strerror or error}. Make room, or check the "
            "rights of the folder of data sets (LAYERLAB_DATASETS)."
        ) from error
    return name


def bigram_loss(found: Text) -> float:
    """Of a model that knows one character and guesses the next by counts, on the held-out part, in nats a character."""
    count = len(found.characters)
    pairs = np.bincount(found.train[:-1] * count + found.train[1:], minlength=count * count).reshape(count, count)
    smooth = pairs + SMOOTHING
    log = np.log(smooth / smooth.sum(axis=1, keepdims=True))
    return float(-log[found.held_out[:-1], found.held_out[1:]].mean())


def _root() -> Path:
    return places.datasets() / "text"


@lru_cache(maxsize=16)
def _fingerprint(path: str, tick: int) -> str:
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() and file.stat().st_size <= LARGEST else ""


@lru_cache(maxsize=4)
def _numbered(corpus: Corpus, file: str, fingerprint: str) -> Text:
    whole = _whole(corpus, file, fingerprint)
    points = np.frombuffer(whole.encode("utf-32-le"), dtype=np.uint32)
    known, codes = np.unique(points, return_inverse=True)
    cut = len(codes) - int(len(codes) * HELD_OUT)
    floor = grammar.floor() if corpus == "grammar" else None
    return Text(tuple(map(chr, known)), codes[:cut].astype(np.int64), codes[cut:].astype(np.int64), floor)


@lru_cache(maxsize=4)
def _whole(corpus: Corpus, file: str, fingerprint: str) -> str:
    if corpus == "grammar":
        return grammar.text(GENERATED)
    if corpus == "grimm":
        return _grimm()
    if not file:
        raise TextError(f"Choose a text first. In {_root()} there are: {', '.join(files()) or 'none'}. Add one below.")
    place = _root() / f"{file}.txt"
    if not place.is_file():
        raise TextError(
            f"There is no {file}.txt in {_root()}; there are: {', '.join(files()) or 'none'}. Add it below."
        )
    try:
        return decode(place.read_bytes() if place.stat().st_size <= LARGEST else bytes(LARGEST + 1))
    except OSError as error:
        raise TextError(f"{file}.txt cannot be read: {error.strerror or error}. Check its rights.") from error


def _grimm() -> str:
    place = _root() / GRIMM
    if not place.is_file():
        raise TextError(f"Grimm's tales are not here yet: {GRIMM} is missing in {_root()}. Press Run to download it.")
    found = tales(place)
    if _md5(found) != GRIMM_MD5:
        raise TextError(
            f"The tales of {GRIMM} in {_root()} must have the MD5 {GRIMM_MD5}; got {_md5(found)}: it is another "
            "edition. Put it there under another name and choose it as a text of your own."
        )
    return found


def tales(place: Path) -> str:
    """Grimm's tales from a file of Project Gutenberg, without who produced it and its licence; empty if it has none."""
    found = _TALES.search(place.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n"))
    return found[1].strip("\n") if found else ""


def _checksum(place: Path) -> str:
    return _md5(tales(place))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
