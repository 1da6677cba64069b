"""Where runs stay: SQLite for what can be listed and drawn, files for arrays and weights, all under LAYERLAB_HOME.

Several threads and several processes may use one home. A process that dies loses nothing that was appended; what it
left unfinished is marked interrupted when the next store opens.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core import places
from core.engine import files
from core.engine.curves import Curve
from core.engine.database import Database, StoreError, Write
from core.engine.records import FINAL, RunRecord, SeedEvent, Series, Snapshot, State
from core.engine.rows import RUN_COLUMNS, UNFINISHED_SQL, progress, run_record, run_row
from core.engine.shelf import Shelf
from core.events import Arrays, Weights

__all__ = ["Store", "StoreError"]

_CURVES_KEPT = 512


class Store:
    """Runs and trainings of one home. Safe to use from several threads.

    While the disk is full or read-only, append, finish_training, set_run and create_run keep what they are given in
    memory, readers see it, and it is written in its order as soon as that works; `problems` says so meanwhile.
    """

    def __init__(self, home_folder: Path | None = None) -> None:
        """Open or make the home. Raises StoreError, a sentence, for a home that is newer or cannot be used."""
        self.home = Path(home_folder) if home_folder is not None else places.home()
        self._curves: OrderedDict[str, Curve] = OrderedDict()
        self._curves_of = 0
        self._closed = False
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with files.alone(self.home / "opening.lock"):
                self._database = Database(self.home / "results.sqlite")
                self._shelf = Shelf(self.home, self._database)
                self._mark = files.ServerMark(self.home / "servers")
                self._interrupt_runs_of_the_dead()
        except OSError as error:
            raise StoreError(
                f"Results cannot be kept in {self.home}: {error}. "
                "Make space there, or set LAYERLAB_HOME to a folder that you may write to."
            ) from error

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences for people: what was set aside, and whether the disk refuses new results at the moment."""
        now = (self._database.trouble,) if self._database.trouble else ()
        return (*self._database.reports, *now)

    @property
    def database(self) -> Database:
        """For the rooms next door (`library`, `listing`), which keep what belongs to runs beside their results."""
        return self._database

    def training_bytes(self, training: str) -> int:
        """Bytes of a training's files."""
        return self._shelf.size_of(training)

    # --- writing

    def create_run(
        self,
        *,
        experiment: str,
        version: int,
        identity: str,
        config: Mapping[str, Any],
        seeds: Sequence[int],
        reuse: Mapping[int, str],
        owner: str,
        device: str,
        device_name: str,
        versions: Mapping[str, str],
        keep: bool = False,
        total_steps: float | None = None,
    ) -> RunRecord:
        """A new queued run, with a new queued training for each seed that `reuse` (seed -> training) does not name.

        Raises ValueError for no seeds or equal ones, and if `reuse` names no training of that seed and identity.
        """
        self._check_reuse(identity, seeds, reuse)
        trainings = {seed: reuse.get(seed) or uuid.uuid4().hex for seed in seeds}
        record = RunRecord(
            id=uuid.uuid4().hex,
            experiment=experiment,
            version=version,
            identity=identity,
            config=dict(config),
            seeds=tuple(seeds),
            trainings=trainings,
            state="queued",
            owner=owner,
            device=device,
            device_name=device_name,
            versions=dict(versions),
            created=time.time(),
            keep=keep,
            total_steps=total_steps,
        )
        new = [
            (training, record.id, identity, seed, record.created, self._mark.id)
            for seed, training in trainings.items()
            if seed not in reuse
        ]
        self._database.write(
            Write(
                (
                    (
                        f"INSERT INTO {{db}}.runs ({RUN_COLUMNS}, server) VALUES ({'?, ' * 17}?)",
                        ((*run_row(record), self._mark.id),),
                    ),
                    (
                        "INSERT INTO {db}.trainings (id, run, identity, seed, state, created, server) "
                        "VALUES (?, ?, ?, ?, 'queued', ?, ?)",
                        new,
                    ),
                )
            )
        )
        return record

    def append(self, training: str, events: Sequence[SeedEvent]) -> None:
        """Store events in one transaction; an index already stored keeps its first event.

        Events of a training that was deleted meanwhile are dropped.
        """
        if not events or not self._knows(training):
            return
        rows, contents = self._shelf.pack_events(training, events)
        curve = self._curves.get(training)
        if curve is not None and curve.last >= min(one.index for one in events):
            self._curves.pop(training, None)  # it may miss what lies before its last event
        sql = "INSERT OR IGNORE INTO {db}.events (training, idx, kind, step, body) VALUES (?, ?, ?, ?, ?)"
        self._database.write(Write(((sql, rows),), files=tuple(contents)))

    def set_training(self, training: str, state: State) -> None:
        """The state of a training that has not ended: queued, running or paused."""
        sql = "UPDATE {db}.trainings SET state = ?, changes = changes + 1 WHERE id = ?"
        self._database.write(Write(((sql, ((state, training),)),), trainings=(training,)))

    def finish_training(
        self, training: str, state: State, seconds: float, weights: Weights | None, error: str = ""
    ) -> None:
        """The end of a training.

        seconds: how long it kept a worker busy, added to its run's seconds. weights: None if it has none.
        """
        packed = self._shelf.pack_weights(training, weights)
        checksum = zlib.crc32(packed) if packed is not None else None
        contents = ((self._shelf.weights_path(training), packed),) if packed is not None else ()
        makers = self._database.read("SELECT run FROM {trainings} WHERE id = ?", (training,))
        add = (
            "UPDATE {db}.runs SET changes = changes + 1, seconds = seconds + ? - "
            "(SELECT seconds FROM {db}.trainings WHERE id = ?) WHERE id = ?"
        )
        end = (
            "UPDATE {db}.trainings SET state = ?, seconds = ?, weights_checksum = ?, error = ?, finished = ?, "
            "changes = changes + 1 WHERE id = ?"
        )
        self._database.write(
            Write(
                (
                    (add, [(seconds, training, run) for (run,) in makers]),
                    (end, ((state, seconds, checksum, error, time.time(), training),)),
                ),
                files=contents,
                runs=tuple(run for (run,) in makers),
                trainings=(training,),
            )
        )

    def set_run(
        self, run_id: str, state: State, error: str = "", seconds: float | None = None, keep: bool | None = None
    ) -> None:
        """Set a run's state and error; seconds and keep only where given."""
        finished = time.time() if state in FINAL else None
        sql = (
            "UPDATE {db}.runs SET state = ?, error = ?, finished = ?, seconds = coalesce(?, seconds), "
            "keep = coalesce(?, keep), changes = changes + 1 WHERE id = ?"
        )
        self._database.write(Write(((sql, ((state, error, finished, seconds, keep, run_id),)),), runs=(run_id,)))

    def delete_run(self, run_id: str) -> None:
        """Forget a run, and those of its trainings that no other run uses, with their files.

        Raises StoreError for a run that is not final, and while the disk refuses.
        """
        record = self.run(run_id)
        if record is None:
            return
        if not record.final:
            raise StoreError(f"A run that is {record.state} cannot be deleted. Stop it first.")
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM main.runs WHERE id = ?", (run_id,))
            others = connection.execute("SELECT trainings FROM main.runs WHERE identity = ?", (record.identity,))
            used = {training for (text,) in others for training in json.loads(text).values()}
            unused = [(training,) for training in record.trainings.values() if training not in used]
            connection.executemany("DELETE FROM main.events WHERE training = ?", unused)
            connection.executemany("DELETE FROM main.trainings WHERE id = ?", unused)
        for (training,) in unused:
            self._curves.pop(training, None)
            self._shelf.remove(training)

    def close(self) -> None:
        """Write what waits, if the disk allows, and let go of the home. Harmless the second time."""
        if self._closed:
            return
        self._closed = True
        self._database.close()
        self._mark.release()

    # --- reading

    def finished_trainings(self, identity: str) -> dict[int, str]:
        """Seed -> the newest finished training of this identity, of runs that are not deleted."""
        sql = (
            "SELECT seed, id FROM {trainings} WHERE identity = ? AND state = 'finished' AND id IN "
            "(SELECT one.value FROM {runs} AS run, json_each(run.trainings) AS one "
            "WHERE run.identity = ? AND run.deleted IS NULL) ORDER BY seed, finished"
        )
        return dict(self._database.read(sql, (identity, identity)))

    def event_count(self, training: str) -> int:
        """How many events of a training are stored; 0 for an unknown one."""
        return int(self._database.read("SELECT count(*) FROM {events} WHERE training = ?", (training,))[0][0])

    def run(self, run_id: str) -> RunRecord | None:
        """One run, None if there is none of this id; also one that is marked as deleted."""
        rows = self._database.read(f"SELECT {RUN_COLUMNS} FROM {{runs}} WHERE id = ?", (run_id,))
        return run_record(rows[0]) if rows else None

    def runs(
        self,
        *,
        experiment: str | None = None,
        owner: str | None = None,
        identity: str | None = None,
        states: Iterable[State] | None = None,
        limit: int = 500,
    ) -> list[RunRecord]:
        """Runs that match everything given, newest first."""
        wanted = {"experiment": experiment, "owner": owner, "identity": identity}
        given = {name: value for name, value in wanted.items() if value is not None}
        terms = ["deleted IS NULL", *(f"{name} = ?" for name in given)]
        parameters: list[Any] = list(given.values())
        if states is not None:
            chosen = sorted(states)
            terms.append(f"state IN ({', '.join('?' * len(chosen))})")
            parameters += chosen
        sql = f"SELECT {RUN_COLUMNS} FROM {{runs}} WHERE {' AND '.join(terms)} ORDER BY created DESC, id LIMIT ?"
        return [run_record(row) for row in self._database.read(sql, (*parameters, limit))]

    def snapshot(self, run_id: str) -> Snapshot | None:
        """A stored run as it stands, None if there is none of this id. Cheap to ask again: only new events are read."""
        sql = f"SELECT {RUN_COLUMNS}, changes FROM {{runs}} WHERE id = ? AND deleted IS NULL"
        with self._database.lock:
            rows = self._database.read(sql, (run_id,))
            if not rows:
                return None
            record, cursor = run_record(rows[0]), int(rows[0][-1])
            states: dict[int, State] = {}
            series: dict[str, dict[int, Series]] = {}
            curves: dict[int, Curve] = {}
            for seed, training in record.trainings.items():
                about = self._database.read("SELECT state, changes FROM {trainings} WHERE id = ?", (training,))
                if not about:
                    continue  # deleted by another process
                states[seed] = about[0][0]
                curve = curves[seed] = self._curve(training)
                cursor += int(about[0][1]) + curve.count
                for name, points in curve.series().items():
                    series.setdefault(name, {})[seed] = points
        return Snapshot(
            run=record,
            cursor=cursor,
            progress=progress(record, states, curves),
            series=series,
            seed_states=states,
            notes=tuple(dict.fromkeys(note for curve in curves.values() for note in curve.notes)),
            moments={seed: tuple(curve.moments) for seed, curve in curves.items() if curve.moments},
            saved={seed: tuple(curve.saved) for seed, curve in curves.items() if curve.saved},
            problem=self._database.trouble,
        )

    def arrays(self, training: str, step: float) -> list[Arrays]:
        """The Arrays of one moment, in the order they came; damaged files are set aside, reported and left out."""
        sql = "SELECT idx, body FROM {events} WHERE training = ? AND kind = 'arrays' AND step = ? ORDER BY idx"
        found = []
        for index, body in self._database.read(sql, (training, step)):
            about = json.loads(body)
            forget = ("UPDATE {db}.events SET kind = 'lost' WHERE training = ? AND idx = ?", ((training, index),))
            content = self._shelf.content(self._shelf.arrays_path(training, index), about["checksum"], Write((forget,)))
            if content is None:
                self._curves.pop(training, None)
                continue
            found.append(Arrays(step, files.unpack_arrays(content), about["name"], about["seed"]))
        return found

    def moment(self, training: str, step: float) -> Weights | None:
        """Weights of a training as they were at a step; None as for `weights`."""
        sql = "SELECT idx, body FROM {events} WHERE training = ? AND kind = 'moment' AND step = ?"
        for index, body in self._database.read(sql, (training, step)):
            forget = ("UPDATE {db}.events SET kind = 'lost' WHERE training = ? AND idx = ?", ((training, index),))
            path, checksum = self._shelf.arrays_path(training, index), json.loads(body)["checksum"]
            content = self._shelf.content(path, checksum, Write((forget,)))
            if content is not None:
                return files.unpack_weights(content)
            self._curves.pop(training, None)
        return None

    def weights(self, training: str) -> Weights | None:
        """Weights of a training, name -> array. None if it has none, or they were damaged (set aside and reported)."""
        rows = self._database.read("SELECT weights_checksum FROM {trainings} WHERE id = ?", (training,))
        if not rows or rows[0][0] is None:
            return None
        sql = "UPDATE {db}.trainings SET weights_checksum = NULL, changes = changes + 1 WHERE id = ?"
        forget = Write(((sql, ((training,),)),), trainings=(training,))
        content = self._shelf.content(self._shelf.weights_path(training), rows[0][0], forget)
        if content is None:
            return None
        return files.unpack_weights(content)

    def used_bytes(self) -> int:
        """Bytes on disk: the database, arrays and weights."""
        return self._database.size() + self._shelf.size()

    # --- inside

    def _interrupt_runs_of_the_dead(self) -> None:
        """Mark as interrupted what servers that are gone left unfinished."""
        living = self._mark.living()
        gone = f"{UNFINISHED_SQL} AND server NOT IN ({', '.join('?' * len(living))})"
        left = {
            table: tuple(row[0] for row in self._database.read(f"SELECT id FROM {{{table}}} WHERE {gone}", living))
            for table in ("runs", "trainings")
        }
        now = time.time()
        statements = tuple(
            (
                f"UPDATE {{db}}.{table} SET state = 'interrupted', finished = ?, changes = changes + 1 WHERE id = ?",
                [(now, one) for one in ids],
            )
            for table, ids in left.items()
        )
        if any(left.values()):
            self._database.write(Write(statements, runs=left["runs"], trainings=left["trainings"]))
        if living == (self._mark.id,):  # nobody else is writing, so these are leftovers
            shutil.rmtree(self.home / "partial", ignore_errors=True)

    def _check_reuse(self, identity: str, seeds: Sequence[int], reuse: Mapping[int, str]) -> None:
        if not seeds or len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds must be one or more different numbers; got {tuple(seeds)}.")
        for seed, training in reuse.items():
            known = self._database.read("SELECT identity, seed FROM {trainings} WHERE id = ?", (training,))
            if seed not in seeds or known != [(identity, seed)]:
                raise ValueError(f"Training {training} is no stored training of seed {seed} of this run; leave it out.")

    def _knows(self, training: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM {trainings} WHERE id = ?", (training,)))

    def _curve(self, training: str) -> Curve:
        """Everything stored of a training by now; call it with the database's lock held."""
        if self._curves_of != self._database.generation:
            self._curves.clear()
            self._curves_of = self._database.generation
        curve = self._curves.setdefault(training, Curve())
        self._curves.move_to_end(training)
        while len(self._curves) > _CURVES_KEPT:
            self._curves.popitem(last=False)
        sql = "SELECT idx, kind, step, body FROM {events} WHERE training = ? AND idx > ? ORDER BY idx"
        curve.extend(self._database.read(sql, (training, curve.last)))
        return curve
