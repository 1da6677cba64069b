"""The form of a topic, built from its config's fields; its values survive page changes and travel in the link."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.config import Config, ConfigError, Knob, knob
from core.contract import Experiment, Topic
from ui.address import BASELINE, PASSING, odd, passing

REDRAWS = "only redraws"  # said beside a knob; the others take effect with the next run
AT_ONCE = "Every knob takes effect at once: nothing trains here."
RUN = "run"  # the link's field that names a run
FEW_CHOICES = 3
LOG_STEPS = (1, 2, 5)


class Seeds(Config):
    """Which seeds to train: `seeds` of them, counted from the first."""

    seeds: int = knob(2, "Seeds", group="training", ge=1, le=20, help="How many initialisations to train.")
    first_seed: int = knob(0, "First seed", group="training", ge=0, le=2**31 - 21, help="Seeds count from here.")

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Seeds:
        """The fields that come closest to some seeds, which need not count up one by one."""
        return cls.clamp({"seeds": len(numbers), "first_seed": min(numbers)})[0]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The seeds themselves."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))


def sheets(topic: Topic) -> tuple[type[Config], ...]:
    """The configs whose fields are the form: of what trains, with the seeds."""
    return (topic.config, Seeds) if isinstance(topic, Experiment) else (topic.config,)


@dataclass(frozen=True)
class Settings:
    """What the form says now. seeds: none where nothing trains."""

    config: Any
    seeds: tuple[int, ...]


def form(topic: Topic, hidden: Collection[str] = ()) -> Settings:
    """Draw the knobs, grouped: what the lab is about, then training, then view. Returns their validated values.

    A link's values come first: checked before any widget is made, clamped with a message where they break a rule.
    hidden: names of knobs and groups that are not drawn; what they are set to stays, and the address says it.
    """
    _take_link(topic)
    _restore(topic)
    _messages(topic)
    trains = isinstance(topic, Experiment)
    st.caption(f"Knobs take effect with the next run; one that {REDRAWS} says so." if trains else AT_ONCE)
    lab, training, view = (_drawn(topic, group, hidden) for group in ("lab", "training", "view"))
    for one in lab:
        widget(topic.key, one)
    if training:
        with st.expander("Training", icon=":material/model_training:"):
            for one in training:
                widget(topic.key, one)
    for one in view:
        widget(topic.key, one)
    st.button("Reset to defaults", key=f"{topic.key}:defaults", on_click=to_defaults, args=(topic,))
    try:
        return _read(topic, {one.name for one in (*lab, *training, *view)})
    except ConfigError as error:  # knobs that are right one by one, but not together
        st.error(str(error))
        st.stop()


def write_link(topic: Topic, settings: Settings, run: str | None, baseline: str | None = None) -> None:
    """Put every field, and the run on screen, into the address, so that it can be shared and reloaded.

    What the address carries besides (a lesson, say) stays as it is.
    """
    fields = link_fields(settings)
    runs = {name: one for name, one in ((RUN, run), (BASELINE, baseline)) if one}
    link = fields | runs | passing()
    st.session_state[f"{topic.key}:link"] = fields
    if dict(st.query_params) != link:
        st.query_params.from_dict(link)


def link_fields(settings: Settings) -> dict[str, str]:
    """Every field and the seeds, as a link carries them."""
    seeds = {"seeds": len(settings.seeds), "first_seed": settings.seeds[0]} if settings.seeds else {}
    fields = {**settings.config.model_dump(), **seeds}
    return {name: _as_text(value) for name, value in fields.items() if value != ""}  # browsers drop an empty field


def set_values(topic: Topic, values: Mapping[str, Any]) -> None:
    """Move knobs, before the form is drawn (in a callback)."""
    for name, value in values.items():
        st.session_state[_name(topic.key, name)] = value
    _put_aside(topic, values)


def knob_moved(topic: Topic, name: str, value: Any) -> None:
    """In a callback of a part of the page that is drawn alone: the form and the address hear of a knob that moved."""
    set_values(topic, {name: value})
    link = f"{topic.key}:link"
    if name in st.query_params:
        st.session_state[link] = {**st.session_state.get(link, {}), name: _as_text(value)}
        st.query_params[name] = _as_text(value)


def has_settings(topic: Topic) -> bool:
    """Whether the address says anything about the knobs."""
    return any(name in st.query_params for one in sheets(topic) for name in one.model_fields)


def to_defaults(topic: Topic, **changes: Any) -> None:
    """Move every knob to its default, some to another value (before the form is drawn)."""
    set_values(topic, {**_defaults(topic), **changes})


def new_seed(topic: Topic, seeds: int) -> None:
    """Draw another first seed. seeds: how many count up from it."""
    set_values(topic, {"first_seed": random.SystemRandom().randrange(10**6) // seeds * seeds})


def _take_link(topic: Topic) -> None:
    """Read the address once for every new address; an address that we wrote ourselves says nothing new."""
    if strange := odd():  # the address is written anew without it
        st.session_state[f"{topic.key}:messages"] = tuple(strange)
    raw = {name: value for name, value in st.query_params.items() if name not in (RUN, BASELINE, *PASSING)}
    if not raw or raw == st.session_state.get(f"{topic.key}:link"):
        return
    values, messages, left = {}, list(strange), dict(raw)
    for one in reversed(sheets(topic)):  # the topic's own config last: it says which names nobody knows
        own = left if one is topic.config else {name: left.pop(name) for name in one.model_fields if name in left}
        found, changed = one.clamp(own)
        values |= found.model_dump()
        messages += changed
    set_values(topic, values)
    st.session_state[f"{topic.key}:messages"] = tuple(messages)
    st.session_state[f"{topic.key}:link"] = raw


def _restore(topic: Topic) -> None:
    """Streamlit forgets a widget's value when its page is left; ours come back."""
    for name, value in _aside(topic).items():
        st.session_state.setdefault(_name(topic.key, name), value)


def _aside(topic: Topic) -> dict[str, Any]:
    """Every field as it was last, whether its knob is drawn or not."""
    saved: dict[str, Any] = st.session_state.get(f"{topic.key}:saved", {})
    return {**_defaults(topic), **saved}


def _defaults(topic: Topic) -> dict[str, Any]:
    return {name: value for one in sheets(topic) for name, value in one().model_dump().items()}


def _put_aside(topic: Topic, values: Mapping[str, Any]) -> None:
    st.session_state[f"{topic.key}:saved"] = {**_aside(topic), **values}


def _read(topic: Topic, drawn: Collection[str]) -> Settings:
    """What the knobs say, drawn or not.

    One that is not drawn leaves the session's state: Streamlit drops what a widget made of it, and the value that it
    had before there was a widget would come back.
    """
    now = st.session_state
    values = {name: now[_name(topic.key, name)] for name in _aside(topic)}
    _put_aside(topic, values)
    for name in values.keys() - drawn:
        del now[_name(topic.key, name)]
    trains = Seeds in sheets(topic)
    seeds = Seeds.parse({name: values.pop(name) for name in Seeds.model_fields}).numbers if trains else ()
    return Settings(topic.config.parse(values), seeds)


def _messages(topic: Topic) -> None:
    key = f"{topic.key}:messages"
    if st.session_state.get(key):
        st.warning("This link asked for something that cannot be.\n" + _bullets(st.session_state[key]))
        st.button("Understood", key=f"{key}:read", on_click=st.session_state.pop, args=(key,))


def _drawn(topic: Topic, group: str, hidden: Collection[str]) -> list[Knob]:
    """The knobs of a group that are to be seen; those of the seeds stand with the training."""
    if group in hidden:
        return []
    knobs = [one for sheet in sheets(topic) for one in sheet.knobs()]
    return [one for one in knobs if one.group == group and one.name not in hidden and _matters(topic, one)]


def _matters(topic: Topic, one: Knob) -> bool:
    """Whether a knob changes anything while the others stand as they do."""
    now = st.session_state
    return all(now[_name(topic.key, other)] in values for other, values in one.where.items())


def knobs_here(topic: Topic, settings: Settings, *names: str) -> None:
    """Some of them beside one another."""
    for column, name in zip(st.columns(len(names), vertical_alignment="bottom"), names, strict=True):
        with column:
            knob_here(topic, settings, name)


def knob_here(topic: Topic, settings: Settings, name: str) -> None:
    """Draw one knob where the page wants it; the form must leave it out (`hidden`) and hears of every change."""
    key = _name(topic.key, f"{name}:here")
    st.session_state[key] = getattr(settings.config, name)
    one, more = topic.config.knob(name), {"key": key, "on_change": _take_over, "args": (topic, name, key)}
    if one.kind not in ("integer", "number") or one.logarithmic:
        widget(topic.key, one, **more)
        return
    number, label = int if one.kind == "integer" else float, f"{one.label} ({one.unit})" if one.unit else one.label
    ends = {"min_value": number(one.minimum or 0), "max_value": number(one.maximum or 0)}
    st.slider(label, **ends, step=number(1) if number is int else 0.1, help=one.help or None, **more)


def _take_over(topic: Topic, name: str, key: str) -> None:
    set_values(topic, {name: st.session_state[key]})


def widget(key: str, one: Knob, /, **more: Any) -> None:
    """The control of one knob; its value is in the session state under "key:name", which must hold one already.

    more: for the control, such as another key.
    """
    note = ", ".join(part for part in (one.unit, "" if one.retrains else REDRAWS) if part)
    common: dict[str, Any] = {
        "label": f"{one.label} ({note})" if note else one.label,
        "key": _name(key, one.name),
        "help": one.help or None,
        **more,
    }
    if one.kind == "switch":
        st.toggle(**common)
    elif one.kind == "choice":
        options = _usable(one, st.session_state[common["key"]])
        choose = st.radio if len(options) <= FEW_CHOICES else st.selectbox
        choose(options=options, format_func=one.label_of, **common)
    elif one.kind == "text":
        _text(one, common)
    elif one.logarithmic:
        value = st.session_state[common["key"]]
        steps = _log_steps(one, value)
        start = one.default if one.default in steps else value  # where a drawing is cut short; else the lowest
        st.select_slider(options=steps, value=start, format_func=lambda number: f"{number:g}", **common)
    elif one.kind == "integer":
        st.number_input(min_value=int(one.minimum or 0), max_value=int(one.maximum or 0), step=1, **common)
    else:
        st.number_input(min_value=one.minimum, max_value=one.maximum, step=one.default or None, format="%g", **common)


def _usable(one: Knob, value: object) -> list[Any]:
    """The choices that this machine has, and the one that a link has set."""
    here = one.choices if one.usable is None else one.usable()
    return [choice for choice in one.choices if choice in here or choice == value]


def _text(one: Knob, common: dict[str, Any]) -> None:
    """A name to choose where some are offered, else to type."""
    value = st.session_state[common["key"]]
    offered = list(one.offered()) if one.offered else []
    if one.offered is None:
        st.text_input(**common, max_chars=one.longest or None)
    else:
        options = offered if value in offered else [value, *offered]
        st.selectbox(options=options, format_func=one.label_of, **common)


def _log_steps(one: Knob, value: float) -> list[float]:
    """1, 2, 5, 10 … between the bounds, and the value itself, which a link may have set in between."""
    assert one.minimum and one.maximum  # a logarithmic knob has positive bounds
    exponents = range(math.floor(math.log10(one.minimum)), math.ceil(math.log10(one.maximum)) + 1)
    steps = {float(f"{digit}e{exponent}") for exponent in exponents for digit in LOG_STEPS}
    return sorted({step for step in steps if one.minimum <= step <= one.maximum} | {value})


def _name(key: str, field: str) -> str:
    return f"{key}:{field}"


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bullets(lines: tuple[str, ...]) -> str:
    """Messages quote what a link says: as code, nothing in them is Markdown or HTML."""
    return "\n".join("- `" + line.replace("`", "'").replace("\n", " ") + "`" for line in lines)
