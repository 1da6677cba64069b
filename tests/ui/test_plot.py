"""What a browser says was clicked is checked before anybody counts with it."""

from __future__ import annotations

import pytest

from ui.plot import Point, as_point


@pytest.mark.parametrize(
    ("said", "point"),
    [
        ({"trace": 0, "index": [3]}, Point(0, (3,))),
        ({"trace": 2, "index": [1, 0], "x": "ignored"}, Point(2, (1, 0))),
        (None, None),
        ("<script>", None),
        ({}, None),
        ({"trace": 0}, None),
        ({"trace": 0, "index": []}, None),
        ({"trace": 0, "index": [1, 2, 3]}, None),
        ({"trace": -1, "index": [0]}, None),
        ({"trace": True, "index": [0]}, None),
        ({"trace": 0, "index": [1.5]}, None),
        ({"trace": 0, "index": ["__proto__"]}, None),
    ],
)
def test_a_point_is_two_or_three_whole_numbers(said: object, point: Point | None) -> None:
    assert as_point(said) == point
