"""Settings of an experiment: frozen, validated, and described well enough to build a form and a command line from.

A field made with `knob` carries its label, help, bounds, unit and group, and says whether turning it asks for a new
training ("retrains") or only for a new picture ("re-renders"). Defaults are typed here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

Group = Literal["lab", "training", "view"]
Band = Literal["std", "range"]
Kind = Literal["choice", "integer", "number", "switch", "text"]


class ConfigError(ValueError):
    """A setting that breaks its rule; the message names the field, the rule and the value, one line a field."""


@dataclass(frozen=True)
class Knob:
    """What a form or a command line must know of one field."""

    name: str
    label: str
    help: str
    unit: str
    group: Group
    retrains: bool
    kind: Kind
    default: Any
    choices: tuple[Any, ...] = ()
    choice_labels: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    logarithmic: bool = False
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rule: str = ""
    offered: Callable[[], Sequence[str]] | None = None
    usable: Callable[[], Sequence[str]] | None = None
    longest: int = 0

    def label_of(self, value: object) -> str:
        """How this value reads on screen, with its unit."""
        if self.kind == "choice":
            return self.choice_labels[self.choices.index(value)]
        if self.kind == "switch":
            return "on" if value else "off"
        if self.kind == "text":
            return str(value) or "none"
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{text} {self.unit}".strip()


def knob(
    default: object,
    label: str,
    *,
    help: str = "",
    unit: str = "",
    group: Group = "lab",
    retrains: bool = True,
    ge: float | None = None,
    le: float | None = None,
    labels: Mapping[Any, str] | None = None,
    logarithmic: bool = False,
    where: Mapping[str, tuple[Any, ...]] | None = None,
    pattern: str | None = None,
    rule: str = "",
    offered: Callable[[], Sequence[str]] | None = None,
    usable: Callable[[], Sequence[str]] | None = None,
    longest: int | None = None,
) -> Any:
    """A config field with everything a form needs.

    labels: choice -> how it reads on screen (default: the choice itself). ge, le: inclusive bounds, required for
    numbers. logarithmic: the form should offer even steps of the logarithm (learning rates). where: other field -> the
    values of it for which this one matters; elsewhere it counts as its default and is not drawn. usable: which
    choices a form should offer on this machine; all are valid, for results come from other machines too. Of a text:
    pattern, the whole of it must match; rule, the same in words; offered, what may be chosen here now; longest, in
    characters: of a link's longer one the beginning is used.
    """
    extra: dict[str, Any] = {
        "help": help,
        "unit": unit,
        "group": group,
        "retrains": retrains,
        "labels": dict(labels or {}),
        "logarithmic": logarithmic,
        "where": dict(where or {}),
        "rule": rule,
        "offered": offered,
        "usable": usable,
        "longest": longest or 0,
    }
    whole = f"^(?:{pattern})$" if pattern else None
    limits: dict[str, Any] = {"ge": ge, "le": le, "pattern": whole, "max_length": longest}
    return Field(default, title=label, **limits, allow_inf_nan=None, json_schema_extra={"knob": extra})


def band_knob(default: Band = "std") -> Any:
    """The field `band: Band` of a lab that draws curves over seeds."""
    return knob(
        default,
        "Band over seeds",
        group="view",
        retrains=False,
        help="What the shaded band shows around the mean over seeds.",
        labels={"std": "± 1 standard deviation", "range": "lowest to highest"},
    )


class Config(BaseModel):
    """Base of every experiment's settings. Frozen and hashable, so a config may key a cache."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def knobs(cls) -> tuple[Knob, ...]:
        """The fields in the order they were written."""
        return tuple(_knobs(cls).values())

    @classmethod
    def knob(cls, name: str) -> Knob:
        """The description of one field. Raises KeyError for a name that is none."""
        return _knobs(cls)[name]

    @classmethod
    def parse(cls, raw: Mapping[str, object]) -> Self:
        """Validate numbers, words or text ("50", "true") alike. Raises ConfigError, a line for each bad field."""
        try:
            return cls.model_validate(dict(raw))
        except ValidationError as error:
            raise ConfigError("\n".join(cls._explain(dict(one)) for one in error.errors())) from None

    @classmethod
    def clamp(cls, raw: Mapping[str, object]) -> tuple[Self, tuple[str, ...]]:
        """The nearest valid config to what a link asks for, and a sentence for everything that had to change."""
        values: dict[str, object] = {}
        messages: list[str] = []
        for name, value in raw.items():
            if name not in cls.model_fields:
                messages.append(f"There is no setting called {_quote(name)}; it was left out.")
                continue
            if fault := cls._fault(name, value):
                values[name] = _nearest(cls.knob(name), value)
                messages.append(f"{fault} Used {cls.knob(name).label_of(values[name])} instead.")
            else:
                values[name] = value
        try:
            return cls.parse(values), tuple(messages)
        except ConfigError as error:  # each is right, but not together
            return cls(), (*messages, f"{error} Used the defaults instead.")

    def matters(self, name: str) -> bool:
        """Whether this field changes anything while the others are as they are."""
        return all(getattr(self, other) in values for other, values in self.knob(name).where.items())

    def retraining(self) -> dict[str, Any]:
        """The fields that make a result what it is, by name; the others only redraw it."""
        fields = self._effective()
        return {one.name: fields[one.name] for one in self.knobs() if one.retrains}

    def differences(self, other: Config) -> dict[str, tuple[Any, Any]]:
        """Fields that are not equal: name -> (mine, theirs)."""
        mine, theirs = self._effective(), other._effective()
        return {name: (mine[name], theirs[name]) for name in mine if name in theirs and mine[name] != theirs[name]}

    def _effective(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) if self.matters(one.name) else one.default for one in self.knobs()}

    @classmethod
    def _fault(cls, name: str, value: object) -> str:
        """What is wrong with one field whatever the others are; empty where nothing is."""
        try:
            cls.model_validate({name: value})
        except ValidationError as error:
            return "\n".join(cls._explain(dict(one)) for one in error.errors() if one["loc"])
        return ""

    @classmethod
    def _explain(cls, error: Mapping[str, Any]) -> str:
        if not error["loc"]:  # a rule about several fields, in the config's own words
            return str(error["msg"]).removeprefix("Value error, ")
        name = str(error["loc"][0])
        if error["type"] == "extra_forbidden" or name not in cls.model_fields:
            known = ", ".join(cls.model_fields)
            return f"{_quote(name)} is not a setting; the settings are {known}."
        return f"{name} must be {_rule(cls.knob(name))}; got {_quote(error['input'])}."


def varied(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the settings that are not the same in all of these (dumped) configs, in their order."""
    return [name for name in configs[0] if any(config[name] != configs[0][name] for config in configs)]


@cache
def _knobs(config: type[Config]) -> dict[str, Knob]:
    """Described once a class: pages ask many times a second."""
    return {name: _describe(name, field) for name, field in config.model_fields.items()}


def _describe(name: str, field: FieldInfo) -> Knob:
    extra = field.json_schema_extra
    if not isinstance(extra, dict) or "knob" not in extra:
        raise TypeError(f"Config field {name!r} was not made with knob(); write {name}: ... = knob(default, label).")
    about: Any = extra["knob"]
    minimum, maximum = _bound(field, "ge"), _bound(field, "le")
    kind, choices = _kind(name, field.annotation)
    if kind == "text" and not about["rule"]:
        raise TypeError(f"Config field {name!r} is a text; give knob() a rule in words.")
    if kind in ("integer", "number") and (minimum is None or maximum is None):
        raise TypeError(f"Config field {name!r} is a number without bounds; give knob() both ge and le.")
    return Knob(
        name=name,
        label=field.title or name,
        help=about["help"],
        unit=about["unit"],
        group=about["group"],
        retrains=about["retrains"],
        kind=kind,
        default=field.default,
        choices=choices,
        choice_labels=tuple(about["labels"].get(choice, str(choice)) for choice in choices),
        minimum=minimum,
        maximum=maximum,
        logarithmic=about["logarithmic"],
        where=about["where"],
        rule=about["rule"],
        offered=about["offered"],
        usable=about["usable"],
        longest=about["longest"],
    )


def _kind(name: str, annotation: Any) -> tuple[Kind, tuple[Any, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    kinds: dict[Any, Kind] = {bool: "switch", int: "integer", float: "number", str: "text"}
    if annotation in kinds:
        return kinds[annotation], ()
    raise TypeError(f"Config field {name!r} has type {annotation}; use Literal, bool, int, float or str.")


def _bound(field: FieldInfo, which: Literal["ge", "le"]) -> float | None:
    for constraint in field.metadata:
        value = getattr(constraint, which, None)
        if not isinstance(value, NoneType):
            return float(value)
    return None


def _rule(knob: Knob) -> str:
    if knob.kind == "choice":
        return "one of " + ", ".join(map(str, knob.choices))
    if knob.kind == "switch":
        return "true or false"
    if knob.kind == "text":
        return knob.rule
    noun, digits = ("a whole number", ".0f") if knob.kind == "integer" else ("a number", "g")
    return f"{noun} from {knob.minimum:{digits}} to {knob.maximum:{digits}}" + (f" {knob.unit}" if knob.unit else "")


def _nearest(knob: Knob, value: object) -> Any:
    """The valid value closest to a refused one: the near bound, a long text's beginning, else the default."""
    if knob.longest and isinstance(value, str) and len(value) > knob.longest:
        return value[: knob.longest]
    if knob.kind not in ("integer", "number") or knob.minimum is None or knob.maximum is None:
        return knob.default
    try:
        number = float(str(value))
    except ValueError:
        return knob.default
    if math.isnan(number):
        return knob.default
    number = min(max(number, knob.minimum), knob.maximum)
    return round(number) if knob.kind == "integer" else number


def _quote(value: object, longest: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
