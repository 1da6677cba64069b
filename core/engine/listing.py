"""All stored runs, a page at a time: filtered and sorted by the database, so that thousands open as fast as ten."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.engine.records import RunRecord, State
from core.engine.rows import RUN_COLUMNS, run_record
from core.engine.store import Store

ORDERS: Mapping[str, str] = {
    "newest first": "created DESC, id",
    "oldest first": "created, id",
    "longest training first": "seconds DESC, created DESC, id",
    "pinned first": "pinned DESC, created DESC, id",
    "lab and newest": "experiment, created DESC, id",
    "state and newest": "state, created DESC, id",
}
WORDS_USED = 8  # of a filter's text
_SETTING = re.compile(r"(\w+)=(\S+)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII)
_COLUMNS = f"{RUN_COLUMNS}, note, pinned"
_EVENTS_AT_ONCE = 16
_SPELLINGS = {"true": "1", "on": "1", "false": "0", "off": "0"}  # as SQLite gives a truth value back


@dataclass(frozen=True)
class Wanted:
    """Which runs, in which order. Empty fields do not filter.

    text: words that all stand in a run's note or settings; `name=value` is one setting's exact value. order: of ORDERS.
    metric: sort by its mean over seeds instead, highest first (lowest where `lowest`); runs without it come last.
    """

    experiments: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    owner: str = ""
    text: str = ""
    order: str = "newest first"
    metric: str = ""
    lowest: bool = False


@dataclass(frozen=True)
class Entry:
    """A run as the list shows it."""

    run: RunRecord
    note: str
    pinned: bool


@dataclass(frozen=True)
class Page:
    """Some of the runs that were wanted. total: how many there are on all pages."""

    entries: tuple[Entry, ...]
    total: int


def page(store: Store, wanted: Wanted, number: int = 1, size: int = 100) -> Page:
    """The number-th page, counted from 1; beyond the last one it is empty."""
    where, parameters = _where(wanted)
    first = (number - 1) * size
    if wanted.metric:
        ids = _by_metric(store, where, parameters, wanted)
        found = {entry.run.id: entry for entry in entries(store, ids[first : first + size])}
        return Page(tuple(found[one] for one in ids[first : first + size] if one in found), len(ids))
    ((total,),) = store.database.read(f"SELECT count(*) FROM {{runs}} WHERE {where}", parameters)
    sql = f"SELECT {_COLUMNS} FROM {{runs}} WHERE {where} ORDER BY {ORDERS[wanted.order]} LIMIT ? OFFSET ?"
    return Page(_entries(store.database.read(sql, (*parameters, size, first))), int(total))


def entries(store: Store, runs: Iterable[str]) -> tuple[Entry, ...]:
    """These runs, in their order; those that are deleted or unknown are left out."""
    ids = tuple(runs)
    sql = f"SELECT {_COLUMNS} FROM {{runs}} WHERE deleted IS NULL AND id IN ({', '.join('?' * len(ids))})"
    found = {entry.run.id: entry for entry in _entries(store.database.read(sql, ids))}
    return tuple(found[run] for run in ids if run in found)


def experiments(store: Store) -> list[str]:
    """Keys of the experiments that have stored runs."""
    sql = "SELECT DISTINCT experiment FROM {runs} WHERE deleted IS NULL ORDER BY experiment"
    return [key for (key,) in store.database.read(sql)]


def summary(store: Store, run: RunRecord, names: tuple[str, ...]) -> dict[str, list[float]]:
    """Metric -> its last finite value of every seed that has one. Reads only the ends of the curves.

    What a run that is over once gave is remembered.
    """
    trainings = tuple(run.trainings.values())
    values = _remembered(store, trainings, names) if run.final else _last_values(store, trainings, names)
    return {name: list(numbers) for name, numbers in values.items()}


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    terms: list[str] = ["deleted IS NULL"]
    parameters: list[Any] = []
    for column, allowed in (("experiment", wanted.experiments), ("state", wanted.states)):
        if allowed:
            terms.append(f"{column} IN ({', '.join('?' * len(allowed))})")
            parameters += allowed
    if wanted.owner:
        terms.append("owner = ?")
        parameters.append(wanted.owner)
    for word in wanted.text.replace("\x00", "").split()[:WORDS_USED]:
        term, more = _word(word)
        terms.append(term)
        parameters += more
    return " AND ".join(terms), parameters


def _word(word: str) -> tuple[str, list[Any]]:
    """The condition that a word of the filter's text stands for; a number is found however it is written."""
    setting = _SETTING.fullmatch(word)
    if setting:
        place, value = f'$."{setting[1]}"', _SPELLINGS.get(setting[2].lower(), setting[2].lower())
        if _NUMBER.fullmatch(value):
            return "json_extract(config, ?) = ?", [place, float(value)]
        return "lower(CAST(json_extract(config, ?) AS TEXT)) = ?", [place, value]
    escaped = re.sub(r"([\\%_])", r"\\\1", word)
    return r"(note LIKE ? ESCAPE '\' OR config LIKE ? ESCAPE '\')", [f"%{escaped}%"] * 2


def _by_metric(store: Store, where: str, parameters: list[Any], wanted: Wanted) -> list[str]:
    """Ids of all runs that are wanted, by the mean of a metric."""
    sql = f"SELECT {RUN_COLUMNS} FROM {{runs}} WHERE {where} ORDER BY created DESC, id"
    keyed = []
    for row in store.database.read(sql, parameters):
        record = run_record(row)
        values = summary(store, record, (wanted.metric,))[wanted.metric]
        mean = math.fsum(values) / len(values) if values else math.inf
        keyed.append((mean if wanted.lowest or not values else -mean, record.id))
    return [run for _, run in sorted(keyed, key=lambda one: one[0])]


def _entries(rows: Iterable[tuple[Any, ...]]) -> tuple[Entry, ...]:
    return tuple(Entry(run_record(row), note=row[-2], pinned=bool(row[-1])) for row in rows)


@lru_cache(maxsize=20_000)
def _remembered(store: Store, trainings: tuple[str, ...], names: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    return _last_values(store, trainings, names)


def _last_values(store: Store, trainings: tuple[str, ...], names: tuple[str, ...]) -> dict[str, tuple[float, ...]]:
    seeds = [_ends(store, training, names) for training in trainings]
    return {name: tuple(one[name] for one in seeds if name in one) for name in names}


def _ends(store: Store, training: str, names: tuple[str, ...]) -> dict[str, float]:
    """The last finite value of each metric of one training."""
    found: dict[str, float] = {}
    below, missing = 1 << 62, set(names)
    sql = "SELECT idx, body FROM {events} WHERE training = ? AND kind = 'metrics' AND idx < ? ORDER BY idx DESC LIMIT ?"
    while missing and (rows := store.database.read(sql, (training, below, _EVENTS_AT_ONCE))):
        below = rows[-1][0]
        for _, body in rows:
            values = json.loads(body)
            found |= {name: float(values[name]) for name in missing if math.isfinite(values.get(name, math.nan))}
            missing -= found.keys()
    return found
