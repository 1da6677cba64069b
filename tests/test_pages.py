"""Every page, whichever there are: it runs, links carry everything, bad ones are clamped, what is set stays set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from torchvision.datasets import MNIST

from core import catalog
from core.config import Knob
from core.contract import Experiment, Topic
from core.engine.scheduler import Scheduler
from tests.apps import link, opened, ran, visited
from tests.ui.idle import idle_engine
from ui.form import sheets
from ui.labs import ROOT

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
LABS = [name for name in PAGES if any(one.lab == name for one in catalog.topics().values())]
TRAINING = [name for name in LABS if isinstance(catalog.topic_of(name), Experiment)]


@pytest.fixture(scope="module", autouse=True)
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    with idle_engine(tmp_path_factory.mktemp("home")) as made:
        yield made


def topic_of(lab: str) -> Topic:
    """What a lab's page opens with."""
    found = catalog.topic_of(lab)
    assert found
    return found


def seeds(topic: Topic, number: int) -> dict[str, object]:
    """How many seeds, where anything trains."""
    return {"seeds": number} if isinstance(topic, Experiment) else {}


def texts(fields: dict[str, object]) -> dict[str, str]:
    """As a link carries them."""
    return {name: str(value) for name, value in fields.items()}


def values(app: AppTest, topic: Topic) -> dict[str, object]:
    """What the form says of every field, drawn or not."""
    found = app.session_state[f"{topic.key}:saved"]
    return {name: found[name] for name in (*topic.config.model_fields, *seeds(topic, 1))}


def bad_value(one: Knob) -> str:
    """A text that breaks the rule of this knob."""
    if one.longest:
        return "a " * one.longest
    return {"choice": "nope", "switch": "perhaps", "integer": "1000000000000", "number": "nan", "text": "../up"}[
        one.kind
    ]


def other_value(one: Knob, topic: Topic) -> object:
    """A valid value that is not the default."""
    if one.kind == "text":
        return next(text for text in ("mine", "12", "256") if not topic.config.clamp({one.name: text})[1])
    if one.kind == "choice":
        return next(choice for choice in one.choices if choice != one.default)
    return (not one.default) if one.kind == "switch" else one.minimum if one.default != one.minimum else one.maximum


def test_there_are_pages() -> None:
    assert {"home", "padding"} <= set(PAGES)
    assert "padding" in LABS


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_and_has_one_title(page: str) -> None:
    app = opened(page)
    assert len(app.title) == 1
    assert not app.error
    assert not app.warning


@pytest.mark.parametrize("page", ["home", "padding"])
def test_a_damaged_database_is_set_aside_and_said_on_every_page(page: str, tmp_path: Path) -> None:
    (tmp_path / "results.sqlite").write_bytes(b"no database at all" * 300)
    with idle_engine(tmp_path):
        said = "\n".join(one.value for one in opened(page).warning)
    assert "results.sqlite" in said and "set aside" in said


@pytest.mark.parametrize("lab", LABS)
def test_the_address_of_a_lab_carries_every_field(lab: str) -> None:
    topic, found = topic_of(lab), link(opened(lab))
    empty = {one.name for one in topic.config.knobs() if one.default == ""}  # browsers drop an empty field
    assert set(found) == {name for sheet in sheets(topic) for name in sheet.model_fields} - empty
    fields = {name: found[name] for name in topic.config.model_fields if name in found}
    assert topic.config.parse(fields) == topic.config()


@pytest.mark.parametrize("lab", LABS)
def test_bad_values_in_a_link_are_clamped_with_a_message_each(lab: str) -> None:
    topic = topic_of(lab)
    bad = {one.name: bad_value(one) for one in topic.config.knobs()}
    bad |= {"seeds": "0", "first_seed": "-1"} if seeds(topic, 0) else {}
    app = opened(lab, **bad, no_such_setting="<script>alert(1)</script>")
    said = "\n".join(one.value for one in app.warning)
    assert all(f"{name} must be" in said for name in bad)
    assert "There is no setting called 'no_such_setting'" in said
    found = link(app)
    topic.config.parse({name: found[name] for name in topic.config.model_fields if name in found})
    assert found.get("seeds") == ("1" if seeds(topic, 1) else None)
    assert "no_such_setting" not in found


@pytest.mark.parametrize("lab", LABS)
def test_html_in_a_link_is_never_more_than_text(lab: str) -> None:
    topic, attack = topic_of(lab), "<img src=x onerror=alert(1)>"
    app = opened(lab, **dict.fromkeys(topic.config.model_fields, attack), run=attack, **{attack: attack})
    assert any(attack[:20] in one.value for one in app.warning)
    assert not any("onerror" in one.value and one.proto.allow_html for one in app.markdown)
    assert not any("onerror" in one.proto.body for one in app.get("html"))


@pytest.mark.parametrize("lab", LABS)
def test_values_survive_a_visit_to_the_home_page(lab: str) -> None:
    topic = topic_of(lab)
    wanted = {one.name: other_value(one, topic) for one in topic.config.knobs()} | seeds(topic, 3)
    app = opened(lab, **texts(wanted))
    assert not app.warning
    assert values(app, topic) == wanted
    before = link(app)
    app.query_params.clear()  # as the navigation does
    visited(app, "home")
    assert link(visited(app, lab)) == before
    assert values(app, topic) == wanted


@pytest.mark.parametrize("lab", TRAINING)
def test_a_run_that_is_not_here_is_said_and_forgotten(lab: str) -> None:
    app = opened(lab, run="0123456789abcdef")
    assert any("not stored on this machine" in one.value for one in app.warning)
    assert "run" not in link(app)
    assert "run" not in link(ran(app))


@pytest.mark.parametrize("lab", TRAINING)
def test_run_queues_what_the_form_says_and_the_address_names_it(lab: str, engine: Scheduler) -> None:
    experiment = topic_of(lab)
    app = opened(lab, seeds="3", first_seed="40")
    app.button(key=f"{experiment.key}:main").click()
    ran(app)
    run = link(app)["run"]
    record = engine.snapshot(run).run
    try:
        assert (record.experiment, record.seeds) == (experiment.key, (40, 41, 42))
        assert experiment.config.parse(record.config) == experiment.config()
        assert app.button(key=f"{experiment.key}:main").label == "Pause"
        assert not app.error
    finally:
        engine.stop(run, record.owner)


def test_the_padding_labs_own_bad_link() -> None:
    app = opened("padding", conv="nope", epochs="1000000", learning_rate="nan", seeds="0")
    found = link(app)
    assert (found["conv"], found["epochs"], found["learning_rate"], found["seeds"]) == ("fconv", "200", "1.0", "1")
    (warning,) = app.warning
    assert "conv must be one of valid, sconv, fconv, reflect, replicate, circular; got 'nope'." in warning.value
    assert "epochs must be a whole number from 1 to 200; got '1000000'. Used 200 instead." in warning.value
    assert "learning_rate must be a number from 1e-05 to 10; got 'nan'. Used 1 instead." in warning.value


@pytest.mark.parametrize("content", [None, b"no digits"], ids=["half there", "damaged"])
@pytest.mark.parametrize("page", [one for one in LABS if "dataset" in topic_of(one).config.model_fields])
def test_files_of_a_data_set_that_are_missing_or_damaged_break_no_page(
    page: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERLAB_DATASETS", str(tmp_path))
    names = [name.removesuffix(".gz") for name, _ in MNIST.resources]
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for name in names if content is not None else names[-1:]:
        (tmp_path / "MNIST" / "raw" / name).write_bytes(content or b"")
    app = opened(page, dataset="mnist")
    assert values(app, topic_of(page))["dataset"] == "mnist"
