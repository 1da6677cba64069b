"""The form: a widget for every knob, links that carry every field, bad values said and never obeyed."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import catalog
from tests.apps import link, ran
from ui.form import REDRAWS, Seeds

OTHERS = {
    **{"water": "hard", "lid": "false", "fill": "1.5", "steps": "7", "rate": "0.03", "band": "range"},
    **{"seeds": "3", "first_seed": "10"},
}
DEFAULTS = {
    **{"water": "soft", "lid": "true", "fill": "0.5", "steps": "3", "rate": "0.01", "band": "std"},
    **{"seeds": "2", "first_seed": "0"},
}


def form_script() -> None:
    import streamlit as st

    from core import catalog
    from ui.form import form, new_seed, write_link

    kettle = catalog.get("kettle")
    st.button("New seed", key="new", on_click=new_seed, args=(kettle, 4))
    if st.session_state.get("elsewhere"):
        st.text("another page")
    else:
        settings = form(kettle)
        write_link(kettle, settings, st.session_state.get("run"))
        st.json({**settings.config.model_dump(), "numbers": settings.seeds})


def opened(**link: str) -> AppTest:
    """The form as a link opens it."""
    app = AppTest.from_function(form_script, default_timeout=60)
    app.query_params.update(link)
    return ran(app)


def says(app: AppTest) -> dict[str, Any]:
    """What the form returned."""
    import json

    return dict(json.loads(app.json[0].value))


def complaint(app: AppTest) -> str:
    return "\n".join(one.value for one in app.warning)


def test_without_a_link_the_form_shows_the_defaults_and_complains_of_nothing() -> None:
    app = opened()
    found = says(app)
    assert found.pop("numbers") == [0, 1]
    assert found == catalog.get("kettle").config().model_dump()
    assert complaint(app) == ""


def test_the_address_carries_every_field_and_the_run() -> None:
    app = opened()
    assert link(app) == DEFAULTS
    app.session_state["run"] = "abc"
    assert link(ran(app)) == {**DEFAULTS, "run": "abc"}


def test_a_link_sets_every_kind_of_widget() -> None:
    app = opened(
        water="hard", lid="false", fill="1.5", steps="7", rate="0.03", band="range", seeds="3", first_seed="10"
    )
    wanted = {"water": "hard", "lid": False, "fill": 1.5, "steps": 7, "rate": 0.03, "band": "range"}
    assert says(app) == {**wanted, "numbers": [10, 11, 12]}
    assert app.radio(key="kettle:water").value == "hard"
    assert app.toggle(key="kettle:lid").value is False
    assert app.number_input(key="kettle:fill").value == 1.5
    assert app.select_slider(key="kettle:rate").value == 0.03  # between the slider's even steps, and kept
    assert complaint(app) == ""


def test_a_link_that_the_form_wrote_opens_the_same_form() -> None:
    app = opened(water="hard", rate="0.03", steps="7")
    assert says(opened(**link(app))) == says(app)


@pytest.mark.parametrize(
    ("name", "value", "used"),
    [
        ("water", "nope", "soft"),
        ("lid", "perhaps", True),
        ("fill", "1e9", 2.0),
        ("fill", "-inf", 0.1),
        ("steps", "1000000", 1000),
        ("steps", "0", 1),
        ("steps", "2.5", 2),
        ("steps", "", 3),
        ("rate", "nan", 0.01),
        ("rate", "0", 1e-4),
    ],
)
def test_a_bad_value_is_replaced_by_the_nearest_and_said(name: str, value: str, used: object) -> None:
    app = opened(**{name: value})
    assert says(app)[name] == used
    said = complaint(app)
    assert f"{name} must be" in said
    assert repr(value) in said
    assert f"Used {catalog.get('kettle').config.knob(name).label_of(used)} instead." in said
    assert link(app) == DEFAULTS | {name: str(used).lower()}  # the address says what is in force


@pytest.mark.parametrize(("seeds", "used"), [("0", 1), ("1000", 20), ("two", 2)])
def test_a_bad_number_of_seeds_is_replaced_and_said(seeds: str, used: int) -> None:
    app = opened(seeds=seeds)
    assert says(app)["numbers"] == list(range(used))
    assert "seeds must be a whole number from 1 to 20" in complaint(app)


def test_a_negative_first_seed_is_replaced_and_said() -> None:
    app = opened(first_seed="-5")
    assert says(app)["numbers"] == [0, 1]
    assert "first_seed must be a whole number" in complaint(app)


def test_an_unknown_setting_is_left_out_and_said() -> None:
    app = opened(colour="red", water="hard")
    assert says(app)["water"] == "hard"
    assert "There is no setting called 'colour'; it was left out." in complaint(app)
    assert "colour" not in link(app)


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", "`<img src=x onerror=alert(1)>`", "$x$\n# **loud**"])
@pytest.mark.parametrize("as_name", [False, True])
def test_what_a_link_says_is_shown_as_text(bad: str, as_name: bool) -> None:
    app = opened(**{bad: "1"} if as_name else {"water": bad})
    (warning,) = app.warning
    (line,) = [one for one in warning.value.splitlines() if one.startswith("- ")]
    assert line.startswith("- `")
    assert line.endswith("`")
    assert line.count("`") == 2  # all of it is code: no Markdown, no formula, no HTML
    assert not any(one.proto.allow_html for one in app.markdown)


def test_a_class_that_cannot_be_used_is_said() -> None:
    app = opened(**{"class": "5b <Mondays>"})
    assert "class in this link must be at most 64 letters" in complaint(app)


def test_the_message_goes_when_it_was_read_and_stays_away() -> None:
    app = opened(water="nope")
    app.button(key="kettle:messages:read").click()
    assert complaint(ran(app)) == ""
    assert complaint(ran(app)) == ""


def test_a_widget_moves_the_settings_and_the_address() -> None:
    app = opened(steps="7")
    app.radio(key="kettle:water").set_value("hard")
    assert says(ran(app))["water"] == "hard"
    assert link(app) == DEFAULTS | {"water": "hard", "steps": "7"}


def test_values_survive_a_visit_to_another_page() -> None:
    app = opened(steps="7", seeds="3", first_seed="10")
    app.radio(key="kettle:water").set_value("hard")
    app.toggle(key="kettle:lid").set_value(False)
    before = says(ran(app))
    app.session_state["elsewhere"] = True
    app.query_params.clear()  # as the navigation does
    assert ran(app).text[0].value == "another page"
    app.session_state["elsewhere"] = False
    assert says(ran(app)) == before
    assert link(app) == DEFAULTS | {"water": "hard", "steps": "7", "lid": "false", "seeds": "3", "first_seed": "10"}


def test_reset_to_defaults_moves_every_knob_back() -> None:
    app = opened(
        water="hard", lid="false", fill="1.5", steps="7", rate="0.03", band="range", seeds="3", first_seed="10"
    )
    app.button(key="kettle:defaults").click()
    assert link(ran(app)) == DEFAULTS


def test_a_new_seed_is_another_one_and_leaves_the_other_knobs() -> None:
    app = opened(water="hard", seeds="4")
    drawn = set()
    for _ in range(3):
        app.button(key="new").click()
        found = says(ran(app))
        assert found["water"] == "hard"
        assert found["numbers"] == list(range(found["numbers"][0], found["numbers"][0] + 4))
        drawn.add(found["numbers"][0])
    assert len(drawn) > 1


def test_the_last_possible_seeds_can_be_trained() -> None:
    largest = Seeds.knob("first_seed").maximum
    assert largest is not None
    assert says(opened(seeds="20", first_seed=f"{largest:.0f}"))["numbers"][-1] < 2**31


def test_every_label_says_whether_it_retrains_or_redraws() -> None:
    app = opened()
    for one in (*catalog.get("kettle").config.knobs(), *Seeds.knobs()):
        (widget,) = [
            found
            for kind in ("radio", "toggle", "number_input", "select_slider")
            for found in app.get(kind)
            if found.key == f"kettle:{one.name}"
        ]
        assert (REDRAWS in widget.label) is not one.retrains
        assert widget.label.startswith(one.label)
        assert one.unit in widget.label


def pantry_script() -> None:
    import streamlit as st

    from core import catalog
    from ui.form import form, write_link

    pantry = catalog.get("pantry")
    settings = form(pantry)
    write_link(pantry, settings, None)
    st.json({**settings.config.model_dump(), "retraining": settings.config.retraining()})


def pantry(**link: str) -> AppTest:
    app = AppTest.from_function(pantry_script, default_timeout=60)
    app.query_params.update(link)
    return ran(app)


def test_a_knob_is_drawn_only_where_it_matters() -> None:
    app = pantry()
    assert [one.label for one in app.selectbox] == []
    app.radio(key="pantry:where").set_value("shelf")
    assert ran(app).selectbox(key="pantry:shelf").options == ["none", "low", "high"]
    app.selectbox(key="pantry:shelf").set_value("high")
    assert says(ran(app))["retraining"]["shelf"] == "high"
    app.radio(key="pantry:where").set_value("table")
    assert says(ran(app))["retraining"]["shelf"] == ""
    app.radio(key="pantry:where").set_value("shelf")
    assert says(ran(app))["shelf"] == "high"  # it was put aside, not lost


def test_a_text_travels_in_the_link_unless_it_is_empty() -> None:
    app = pantry(label="plums")
    assert says(app)["label"] == "plums" and link(app)["label"] == "plums" and "shelf" not in link(app)
    app.text_input(key="pantry:label").set_value("plum jam")
    assert "label must be a word; got 'plum jam'." in ran(app).error[0].value


def test_knobs_that_do_not_go_together_are_said_and_can_be_mended() -> None:
    app = pantry()
    app.number_input(key="pantry:rows").set_value(4)
    assert ran(app).error[0].value == "jars must fill the rows; got 6 and 4. Try 6 and 2."
    app.number_input(key="pantry:jars").set_value(8)
    assert not ran(app).error and says(app)["jars"] == 8


def test_a_link_whose_knobs_do_not_go_together_opens_with_the_defaults_and_says_so() -> None:
    app = pantry(rows="4")
    assert "Try 6 and 2. Used the defaults instead." in complaint(app)
    assert says(app)["rows"] == 2
