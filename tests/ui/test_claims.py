"""How a claim's finding is written."""

from __future__ import annotations

import pytest

from ui.claims import NEGATIVE


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2.7e-15 apart, -3.60 points", "2.7e−15 apart, −3.60 points"),
        ("held-out loss of 3-5 layers in float-32", "held-out loss of 3-5 layers in float-32"),
        ("(-1 to 1)", "(−1 to 1)"),
    ],
)
def test_negative_numbers_have_a_minus_and_words_keep_their_hyphen(said: str, shown: str) -> None:
    assert NEGATIVE.sub("−", said) == shown
