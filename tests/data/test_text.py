"""Texts: the grammar's entropy against its own sentences, held-out parts, and every text that is refused."""

from __future__ import annotations

import hashlib
import math
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from core.contract import Explained
from core.data import grammar, text

TOY = {"sentence": {"<a><b>.": 1}, "a": {"x": 1, "yy": 3}, "b": {"": 1, "z": 1}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    (tmp_path / "text").mkdir()
    return tmp_path / "text"


def test_the_entropy_of_a_toy_is_that_of_all_its_sentences():
    chances = {"x.": 1 / 8, "xz.": 1 / 8, "yy.": 3 / 8, "yyz.": 3 / 8}
    exact = sum(-p * math.log(p) for p in chances.values())
    length = sum(p * len(one) for one, p in chances.items())
    assert grammar.entropy(TOY) == pytest.approx((exact, length))
    assert grammar.floor(TOY) == pytest.approx(exact / length)
    assert {one: grammar.derivations(one, TOY) for one in chances} == {one: [p] for one, p in chances.items()}
    assert grammar.derivations("xx.", TOY) == []


def test_the_entropy_is_the_mean_surprise_of_its_own_sentences():
    found = list(islice(grammar.sentences(np.random.default_rng(7)), 4000))
    chances = [grammar.derivations(one) for one in found]
    assert {len(one) for one in chances} == {1}  # one derivation each, so that these are the sentences' chances
    surprise = np.array([-math.log(one[0]) for one in chances])
    lengths = np.array([len(one) for one in found])
    nats, length = grammar.entropy()
    for sample, exact in ((surprise, nats), (lengths, length)):
        assert abs(sample.mean() - exact) < 4 * sample.std() / math.sqrt(len(sample))
    assert all(one.find(". ") == len(one) - 2 for one in found)  # so none is the beginning of another


def test_the_generated_text_repeats_and_is_split():
    found = text.load("grammar", block=64)
    whole = "".join(found.characters[one] for one in np.concatenate([found.train, found.held_out]))
    assert whole == grammar.text(text.GENERATED)
    assert len(found.held_out) == text.GENERATED // 10
    assert found.floor == pytest.approx(0.265, abs=0.001)
    assert list(found.characters) == sorted(found.characters)


def test_a_bigram_model_is_what_counting_says(home: Path):
    text.save("waltz", ("ab" * 40 + "aab" * 40).encode())
    found = text.load("file", "waltz", 8)
    held = found.held_out
    a_b, a_a, b_a, s = 40 + 33, 33, 40 + 33, text.SMOOTHING  # pairs of the first nine tenths, 180 characters
    after_a = {1: (a_b + s) / (a_a + a_b + 2 * s), 0: (a_a + s) / (a_a + a_b + 2 * s)}
    after_b = {0: (b_a + s) / (b_a + 2 * s)}
    exact = np.mean([-math.log((after_b if x else after_a)[y]) for x, y in pairwise(held)])
    assert text.bigram_loss(found) == pytest.approx(exact)
    assert text.bigram_loss(text.load("grammar")) > 5 * grammar.floor()


def test_signs_at_the_front_and_line_ends_are_those_of_one_system():
    assert text.decode("\ufeffone\r\ntwo\rthree\n".encode()) == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "A text must have some characters; this one is empty"),
        (b" \n ", "this one is empty"),
        ("café".encode("latin-1"), "A text must be UTF-8; byte 4 of this file is not. Save it as UTF-8"),
        (b"a" * 5_000_001, "A text must be at most 5 MB; this one has 5 MB. Cut it shorter."),
        (b"aaaa" * 100, "at least two different characters; this one has only “a”"),
        (b"ab", "must have at least 21 characters for blocks of 1"),
    ],
)
def test_what_is_no_text_is_refused(home: Path, content: bytes, message: str):
    with pytest.raises(text.TextError) as refusal:
        text.save("mine", content)
    assert message in str(refusal.value)
    assert text.files() == []


def test_names_that_lead_elsewhere_and_names_taken_are_refused(home: Path):
    for name in ("", "../mine", ".mine", "a/b", "grimms_fairy_tales"):
        with pytest.raises(text.TextError, match="name must be the name of a text"):
            text.save(name, b"abc" * 20)
    assert text.save("mine", b"abc" * 20) == "mine"
    with pytest.raises(text.TextError, match="never overwritten"):
        text.save("mine", b"abd" * 20)
    assert text.files() == ["mine"]
    assert "".join(text.load("file", "mine", 4).characters) == "abc"


def test_what_cannot_be_trained_on_says_what_to_do(home: Path):
    text.save("short", b"abc" * 50)
    for arguments, message in (
        (("file", "", 8), "Choose a text first.* there are: short"),
        (("file", "gone", 8), "There is no gone.txt in .*; there are: short"),
        (("file", "short", 64), "at least 651 characters for blocks of 64.* this one has 150"),
        (("grimm", "", 8), "grimms_fairy_tales.txt is missing in .* Press Run to download it"),
    ):
        with pytest.raises(Explained, match=message):
            text.load(*arguments)
    (home / text.GRIMM).write_text("another edition", encoding="utf-8")
    with pytest.raises(Explained, match="must have the MD5 4b3806"):
        text.load("grimm")


def test_how_many_characters_is_known_before_a_text_is_there(home: Path):
    assert text.count("grammar") == 27
    assert text.count("grimm") == 80 and text.count("file", "gone") == 100
    text.save("mine", b"abc" * 50)
    assert text.count("file", "mine") == 3


def test_a_text_that_changed_has_another_fingerprint(home: Path, monkeypatch: pytest.MonkeyPatch):
    text.save("mine", b"abc" * 50)
    monkeypatch.setattr(text, "LOOK_SECONDS", 1e-9)
    before = text.fingerprint("file", "mine")
    (home / "mine.txt").write_bytes(b"abd" * 50)
    assert before != text.fingerprint("file", "mine") != ""
    assert "d" in text.load("file", "mine", 8).characters
    assert text.fingerprint("grammar") == text.fingerprint("file", "none") == ""


def test_strange_characters_are_named():
    found = text.load("grammar")
    assert found.encode("the").tolist() == [found.characters.index(one) for one in "the"]
    with pytest.raises(ValueError, match=r"never seen “é”, “7”, asterisk. It knows: abcd.* and 4 signs"):
        found.encode("café 7*")
    with pytest.raises(ValueError, match=r"never seen fox face, line feed, the character U\+E000\. It"):
        found.encode("🦊\n\ue000")


TALES = "FAIRY TALES\n\nBy The Brothers Grimm\n\n\nTHE GOLDEN BIRD\n\nA certain king had a beautiful garden."
EDITIONS = {
    "2016": f"\ufeffThe EBook\n\n*** START OF THIS PROJECT GUTENBERG EBOOK GRIMMS’ FAIRY TALES ***\n\n\n\nProduced by "
    f"some\n\n\n{TALES}\n\n\nEnd of Project Gutenberg’s Tales\n\n*** END OF THIS PROJECT GUTENBERG EBOOK ***\nlicence",
    "later": f"The eBook\r\n*** START OF THE PROJECT GUTENBERG EBOOK 2591 ***\r\n\r\n{TALES}\r\n\r\n"
    "*** END OF THE PROJECT GUTENBERG EBOOK 2591 ***\r\nlicence",
}


@pytest.mark.parametrize("edition", EDITIONS)
def test_grimms_tales_are_downloaded_in_any_edition_that_has_these_tales(
    edition: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other, right = tmp_path / "other.txt", tmp_path / "right.txt"
    other.write_text(EDITIONS[edition].replace("golden bird", "golden fish").replace("king", "queen"), encoding="utf-8")
    right.write_text(EDITIONS[edition], encoding="utf-8", newline="")
    monkeypatch.setattr(text, "GRIMM_MD5", hashlib.md5(TALES.encode()).hexdigest())
    monkeypatch.setattr(text, "GRIMM_ADDRESSES", (other.as_uri(),))
    with pytest.raises(Explained, match=r"its checksum is .* put the file into"):
        list(text.prepare("grimm"))
    assert not (home / text.GRIMM).exists()
    monkeypatch.setattr(text, "GRIMM_ADDRESSES", (other.as_uri(), right.as_uri()))
    list(text.prepare("grimm"))
    found = text.load("grimm")
    assert "".join(found.characters[one] for one in np.concatenate([found.train, found.held_out])) == TALES
    assert list(text.prepare("grimm")) == []


@pytest.mark.skipif(not (text._root() / text.GRIMM).is_file(), reason="Grimm's tales are not in LAYERLAB_DATASETS")
def test_grimms_tales_are_cut_from_header_to_licence():
    found = text.load("grimm", block=512)
    whole = "".join(found.characters[one] for one in np.concatenate([found.train, found.held_out]))
    assert len(found.characters) == text.GRIMM_CHARACTERS
    assert whole.startswith("FAIRY TALES")
    assert "Gutenberg" not in whole and "Produced by" not in whole and len(whole) > 500_000
