"""The normalisation, regularisation and zero_grad pages: texts that cannot be read, ends of knobs, the patch."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.apps import link, opened, ran

pytestmark = pytest.mark.usefixtures("page_engine")


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.code, *app.info))


def test_a_tensor_is_edited_and_a_broken_one_said() -> None:
    app = opened("normalisation")
    assert "averages **12** of 24 numbers" in said(app) and "mean **2.5000**, variance **1.0833**" in said(app)
    app.text_input(key="normalisation:tensor").set_value("1 2 / 3 4")
    assert "averages **2** of 4 numbers" in said(ran(app)) and link(app)["tensor"] == "1 2 / 3 4"
    app.text_input(key="normalisation:tensor").set_value("1 NaN")
    assert "got `NaN`. Replace it. Shown is the example." in said(ran(app))
    alone = said(opened("normalisation", tensor="5", momentum="0"))
    assert "torch refuses" in alone and "the running mean never moves" in alone


def test_dropout_at_its_ends_and_rows_that_depend() -> None:
    app = opened("regularisation", keep="0", a1="0", a2="0", rows="repeated", x="1 2; 3")
    for part in ("no w is the best", "rank 0 of 1", "rank 4 of 5", "all parts must have the same shape"):
        assert part in said(app)
    assert "exact: no mask is left to chance" in said(app) and "makes it least" not in said(app)
    app.number_input(key="regularisation:keep").set_value(1.0)
    assert "that of least squares, exactly" in said(ran(app)) and "makes it least" in said(app)


def test_the_patch_and_recorded_numbers_are_there_at_once() -> None:
    app = opened("zero_grad")
    assert "+optimiser.zero_grad()" in said(app)
    assert any("(n = 5)" in str(one.value.to_numpy()) for one in app.table)


def test_the_lesson_is_ticked_by_what_was_done() -> None:
    app = opened("normalisation", lesson="norm-tensor")
    app.radio(key="lesson:guess:batch").set_value("12")
    ran(app).selectbox(key="normalisation:kind").set_value("layer")
    ran(app)
    assert any("2 of 6 steps" in str(one.proto) for one in app.get("progress"))
