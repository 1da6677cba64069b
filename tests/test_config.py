"""core.config: every rule of a setting, and every sentence that says it was broken."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, model_validator

from core.config import Config, ConfigError, knob


class Sample(Config):
    """One field of every kind."""

    mode: Literal["zeros", "reflect"] = knob("zeros", "Padding", help="What lies outside", labels={"zeros": "Zeros"})
    depth: Literal[20, 56] = knob(20, "Layers")
    epochs: int = knob(50, "Epochs", ge=1, le=200, group="training")
    rate: float = knob(0.5, "Learning rate", ge=0.001, le=1.0, unit="per step", group="training", logarithmic=True)
    shuffle: bool = knob(False, "Shuffle")
    position: int = knob(3, "Position", ge=0, le=31, unit="px", group="view", retrains=False)


RULES = {
    "mode": "mode must be one of zeros, reflect",
    "depth": "depth must be one of 20, 56",
    "epochs": "epochs must be a whole number from 1 to 200",
    "rate": "rate must be a number from 0.001 to 1 per step",
    "shuffle": "shuffle must be true or false",
    "position": "position must be a whole number from 0 to 31 px",
}
REFUSED = [
    *(("mode", value) for value in ("mirror", "", "ZEROS", None, 1, "<script>alert(1)</script>")),
    *(("depth", value) for value in (21, "many", None, math.nan)),
    *(("epochs", value) for value in (0, 201, -1, 2.5, "2.5", "", "ten", "1e2", None, [1], math.nan, math.inf, "nan")),
    *(("rate", value) for value in (0, 1.01, -0.5, "", "fast", None, math.nan, math.inf, -math.inf, "nan", "inf")),
    *(("shuffle", value) for value in ("perhaps", "", 2, None, math.nan)),
    *(("position", value) for value in (-1, 32, "0x1f")),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_a_bad_value_is_refused_with_field_rule_and_value(name: str, value: object):
    with pytest.raises(ConfigError) as caught:
        Sample.parse({name: value})
    assert str(caught.value) == f"{RULES[name]}; got {value!r}."


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("mode", "reflect", "reflect"),
        ("epochs", "1", 1),
        ("epochs", "200", 200),
        ("epochs", 7.0, 7),
        ("rate", "1e-3", 0.001),
        ("rate", 1, 1.0),
        ("shuffle", "true", True),
        ("shuffle", "False", False),
        ("shuffle", "1", True),
        ("shuffle", "off", False),
        ("position", "0", 0),
    ],
)
def test_text_is_read_as_the_field_means_it(name: str, text: object, value: object):
    found = getattr(Sample.parse({name: text}), name)
    assert found == value
    assert type(found) is type(value)


def test_every_bad_field_has_its_own_line():
    with pytest.raises(ConfigError) as caught:
        Sample.parse({"epochs": 0, "mode": "mirror", "colour": "red"})
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "epochs must be a whole number from 1 to 200; got 0." in lines
    assert "'colour' is not a setting; the settings are mode, depth, epochs, rate, shuffle, position." in lines


def test_a_very_long_value_is_cut_in_the_message():
    with pytest.raises(ConfigError) as caught:
        Sample.parse({"mode": "x" * 5000})
    assert len(str(caught.value)) < 150
    assert "…" in str(caught.value)


def test_defaults_alone_are_valid_and_obey_the_bounds():
    assert Sample.parse({}) == Sample()
    with pytest.raises(ValidationError):
        _with_field(int, knob(0, "Epochs", ge=1, le=9))()


def test_a_config_is_frozen_and_keys_a_cache():
    config = Sample(epochs=3)
    with pytest.raises(ValidationError, match="frozen"):
        config.epochs = 4  # type: ignore[misc]
    assert {config: "found"}[Sample(epochs=3)] == "found"
    assert config != Sample(epochs=4)


@pytest.mark.parametrize(
    ("raw", "name", "value", "message"),
    [
        ({"epochs": "999"}, "epochs", 200, "epochs must be a whole number from 1 to 200; got '999'. Used 200 instead."),
        ({"epochs": "-5"}, "epochs", 1, "epochs must be a whole number from 1 to 200; got '-5'. Used 1 instead."),
        ({"epochs": "2.6"}, "epochs", 3, "epochs must be a whole number from 1 to 200; got '2.6'. Used 3 instead."),
        ({"epochs": "nan"}, "epochs", 50, "epochs must be a whole number from 1 to 200; got 'nan'. Used 50 instead."),
        ({"epochs": "inf"}, "epochs", 200, "epochs must be a whole number from 1 to 200; got 'inf'. Used 200 instead."),
        ({"rate": "-inf"}, "rate", 0.001, f"{RULES['rate']}; got '-inf'. Used 0.001 per step instead."),
        ({"rate": "fast"}, "rate", 0.5, f"{RULES['rate']}; got 'fast'. Used 0.5 per step instead."),
        ({"position": "77"}, "position", 31, f"{RULES['position']}; got '77'. Used 31 px instead."),
        ({"mode": "mirror"}, "mode", "zeros", f"{RULES['mode']}; got 'mirror'. Used Zeros instead."),
        ({"shuffle": "perhaps"}, "shuffle", False, f"{RULES['shuffle']}; got 'perhaps'. Used off instead."),
    ],
)
def test_clamp_takes_the_nearest_value_and_says_so(raw: dict[str, object], name: str, value: object, message: str):
    config, messages = Sample.clamp(raw)
    assert getattr(config, name) == value
    assert messages == (message,)


def test_clamp_keeps_the_good_and_leaves_out_the_unknown():
    config, messages = Sample.clamp({"epochs": "10", "colour": "red", "mode": "reflect"})
    assert config == Sample(epochs=10, mode="reflect")
    assert messages == ("There is no setting called 'colour'; it was left out.",)
    assert Sample.clamp({"rate": "0.25"}) == (Sample(rate=0.25), ())


@pytest.mark.parametrize("raw", [{"mode": "<b>x</b>\n\n# y"}, {"<img src=x>\n": "1"}, {"epochs": "`x`\r\n* y"}])
def test_text_from_a_link_stays_one_quoted_line(raw: dict[str, object]):
    (message,) = Sample.clamp(raw)[1]
    assert len(message.splitlines()) == 1
    (text,) = (
        text for text in (*raw, *raw.values()) if isinstance(text, str) and not text.isidentifier() and text != "1"
    )
    assert repr(text) in message


anything = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers()))


@given(st.dictionaries(st.one_of(st.sampled_from(list(RULES)), st.text()), anything))
def test_clamp_never_fails_and_explains_every_change(raw: dict[str, object]):
    config, messages = Sample.clamp(raw)
    assert Sample.parse(config.model_dump()) == config
    try:
        assert Sample.parse(raw) == config
        assert messages == ()
    except ConfigError as error:
        assert len(messages) == len(str(error).split("\n"))


def test_knobs_come_in_order_with_all_that_a_form_needs():
    assert [one.name for one in Sample.knobs()] == list(RULES)
    assert [one.kind for one in Sample.knobs()] == ["choice", "choice", "integer", "number", "switch", "integer"]
    rate = Sample.knob("rate")
    assert (rate.minimum, rate.maximum, rate.default, rate.logarithmic) == (0.001, 1.0, 0.5, True)
    assert (rate.label, rate.unit, rate.group, rate.retrains) == ("Learning rate", "per step", "training", True)
    mode = Sample.knob("mode")
    assert (mode.choices, mode.choice_labels) == (("zeros", "reflect"), ("Zeros", "reflect"))
    assert mode.help == "What lies outside"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("mode", "zeros", "Zeros"),
        ("mode", "reflect", "reflect"),
        ("shuffle", True, "on"),
        ("shuffle", False, "off"),
        ("rate", 0.001, "0.001 per step"),
        ("position", 4, "4 px"),
        ("epochs", 50, "50"),
    ],
)
def test_values_read_as_people_write_them(name: str, value: object, text: str):
    assert Sample.knob(name).label_of(value) == text


def test_only_retraining_fields_make_a_result():
    assert Sample(position=9).retraining() == Sample(position=1).retraining()
    assert "position" not in Sample().retraining()
    assert Sample(rate=0.25).retraining() != Sample().retraining()


def test_differences_name_both_values():
    assert Sample(epochs=3).differences(Sample(epochs=5, mode="reflect")) == {
        "epochs": (3, 5),
        "mode": ("zeros", "reflect"),
    }
    assert Sample().differences(Sample()) == {}


def _with_field(kind: Any, field: Any) -> type[Config]:
    return type("Odd", (Config,), {"__annotations__": {"size": kind}, "size": field})


@pytest.mark.parametrize(
    ("kind", "field", "message"),
    [
        (int, knob(1, "Size"), "'size' is a number without bounds; give knob.. both ge and le"),
        (int, knob(1, "Size", ge=0), "'size' is a number without bounds"),
        (float, knob(1.0, "Size", le=2), "'size' is a number without bounds"),
        (list, knob("a", "Size"), "'size' has type <class 'list'>; use Literal, bool, int, float or str"),
        (int, 3, "'size' was not made with knob"),
    ],
)
def test_a_field_that_no_form_could_show_is_refused(kind: Any, field: Any, message: str):
    with pytest.raises(TypeError, match=message):
        _with_field(kind, field).knobs()


def test_an_unknown_knob_is_a_key_error():
    with pytest.raises(KeyError):
        Sample.knob("colour")


class Related(Config):
    source: Literal["built in", "folder"] = knob("built in", "Source")
    folder: str = knob("", "Folder", pattern=r"[a-z]*", rule="a name in small letters", where={"source": ("folder",)})
    heads: int = knob(4, "Heads", ge=1, le=8)
    width: int = knob(16, "Width", ge=1, le=64)

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; got {self.width} and {self.heads}. Try 16 and 4.")
        return self


def test_a_text_is_checked_against_its_rule():
    assert Related.knob("folder").kind == "text" and Related.parse({"folder": "pets"}).folder == "pets"
    with pytest.raises(ConfigError, match=r"folder must be a name in small letters; got '\.\./etc'\."):
        Related.parse({"folder": "../etc"})
    found, messages = Related.clamp({"folder": "../etc"})
    assert found.folder == "" and messages == (
        "folder must be a name in small letters; got '../etc'. Used none instead.",
    )


def test_a_field_that_does_not_matter_counts_as_its_default():
    elsewhere = Related(source="built in", folder="pets")
    assert not elsewhere.matters("folder") and elsewhere.retraining() == Related().retraining()
    assert elsewhere.differences(Related()) == {}
    assert Related(source="folder", folder="pets").retraining()["folder"] == "pets"


def test_a_rule_about_several_fields_speaks_for_itself():
    with pytest.raises(ConfigError, match=r"^width must be a multiple of heads; got 16 and 5\. Try 16 and 4\.$"):
        Related.parse({"heads": 5})
    assert Related.clamp({"heads": "5", "width": "20"})[0].width == 20  # right together, though not one by one
    found, messages = Related.clamp({"heads": 5})
    assert found == Related() and messages[0].endswith("Used the defaults instead.")


def test_a_text_that_is_too_long_is_cut_with_a_message():
    class Spoken(Config):
        words: str = knob("", "Words", longest=5, rule="at most 5 characters")

    assert Spoken.knob("words").longest == 5
    config, (message,) = Spoken.clamp({"words": "abcdefgh"})
    assert config.words == "abcde"
    assert message == "words must be at most 5 characters; got 'abcdefgh'. Used abcde instead."
    with pytest.raises(ConfigError, match="words must be at most 5 characters"):
        Spoken.parse({"words": "abcdef"})
