"""What people add to stored runs, and what the store may take: notes, pins, deletion with undo, storage, guesses.

Only whoever started a run, or an administrator, changes what belongs to it. Everything is kept in the store's database.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from core import places
from core.engine.database import StoreError, Write
from core.engine.records import FINAL, RunRecord
from core.engine.rows import RUN_COLUMNS, run_record
from core.engine.store import Store

log = logging.getLogger(__name__)

LONGEST_NOTE = 2000  # characters
LONGEST_NAME = 200  # characters: of a question, a classroom or a person who guesses
UNDO_SECONDS = 600.0
_FINAL_SQL = "state IN (" + ", ".join(f"'{state}'" for state in sorted(FINAL)) + ")"


class LibraryError(StoreError):
    """This may not be done; the message says the rule, what was met and what to do instead."""


@dataclass(frozen=True)
class Eviction:
    """What `Library.evict` did.

    removed: the runs, oldest first. before, after: bytes used. said: what was removed, in a sentence. full: why not
    enough could be removed, empty if it was.
    """

    removed: tuple[RunRecord, ...]
    before: int
    after: int
    said: str
    full: str


class Library:
    """Notes, pins, deletions, storage and guesses of one store. Safe to use from several threads.

    limit_bytes: what results may take (default: LAYERLAB_STORAGE_LIMIT). problem: what is wrong with that setting.
    said: what the last eviction removed, empty before the first. full: why results still take more than the limit,
    empty where they do not.
    """

    def __init__(self, store: Store, limit_bytes: int | None = None) -> None:
        configured, self.problem = places.storage_limit()
        self.limit_bytes = configured if limit_bytes is None else limit_bytes
        self.said = self.full = ""
        self._store = store
        self._database = store.database
        self._tidying = threading.Lock()
        if self.problem:
            log.warning(self.problem)

    # --- notes and pins

    def note(self, run: str, text: str, who: str, admin: bool = False) -> None:
        """Keep a note with a run; an empty one takes it away. Raises LibraryError beyond 2,000 characters."""
        text = text.strip()
        if len(text) > LONGEST_NOTE:
            raise LibraryError(
                f"A note may have at most {LONGEST_NOTE:,} characters; this one has {len(text):,}. "
                "It was not saved: shorten it and save again."
            )
        self._may_change(run, who, admin, "note something about it")
        self._set(run, "note", text.encode(errors="replace").decode())

    def notes(self, runs: Collection[str] = ()) -> dict[str, str]:
        """Run -> its note, of these runs (default: all) that have one and are not deleted."""
        rows = self._database.read("SELECT id, note FROM {runs} WHERE note != '' AND deleted IS NULL")
        return {run: note for run, note in rows if not runs or run in runs}

    def pin(self, run: str, on: bool, who: str, admin: bool = False) -> None:
        """Pinned runs are never removed to make space."""
        self._may_change(run, who, admin, "pin it")
        self._set(run, "pinned", int(on))

    # --- deletion, with undo

    def delete(self, run: str, who: str, admin: bool = False) -> None:
        """Hide a run at once; it can be restored for ten minutes. Raises LibraryError for one that is not over."""
        record = self._may_change(run, who, admin, "delete it")
        if not record.final:
            raise LibraryError(f"A run that is {record.state} cannot be deleted. Stop it first.")
        self._set(run, "deleted", time.time())

    def restore(self, run: str, who: str, admin: bool = False) -> None:
        """Undo `delete`. Raises LibraryError once ten minutes have passed."""
        rows = self._database.read("SELECT deleted FROM {runs} WHERE id = ?", (run,))
        if not rows or (rows[0][0] is not None and rows[0][0] < time.time() - UNDO_SECONDS):
            raise LibraryError(
                f"A deletion can be undone for {UNDO_SECONDS / 60:.0f} minutes, which are over. Train it anew."
            )
        self._may_change(run, who, admin, "restore it", hidden=True)
        self._set(run, "deleted", None)

    def restorable(self, who: str, admin: bool = False) -> list[tuple[RunRecord, float]]:
        """Runs that this person may still restore, last deleted first, and until when (Unix seconds)."""
        sql = (
            f"SELECT {RUN_COLUMNS}, deleted FROM {{runs}} WHERE deleted >= ? AND (owner = ? OR ?) ORDER BY deleted DESC"
        )
        rows = self._database.read(sql, (time.time() - UNDO_SECONDS, who, admin))
        return [(run_record(row), float(row[-1]) + UNDO_SECONDS) for row in rows]

    def purge(self) -> int:
        """Really remove runs that were deleted more than ten minutes ago; how many."""
        rows = self._database.read(
            "SELECT id FROM {runs} WHERE deleted < ? ORDER BY deleted", (time.time() - UNDO_SECONDS,)
        )
        for (run,) in rows:
            self._store.delete_run(run)
        return len(rows)

    # --- storage

    def used(self) -> int:
        """Bytes that results take: the database, and files as measured when their training ended. No file is looked at.

        Pages of the database that are free again are not counted: they are used before it grows.
        """
        pages = self._database.read(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        )
        files = self._database.read("SELECT coalesce(sum(bytes), 0) FROM {trainings}")
        return int(pages[0][0]) + int(files[0][0])

    def measure(self) -> None:
        """Note the bytes of trainings that have ended since the last time."""
        rows = self._database.read(f"SELECT id FROM {{trainings}} WHERE bytes IS NULL AND {_FINAL_SQL}")
        sizes = [(self._store.training_bytes(training), training) for (training,) in rows]
        if sizes:
            sql = "UPDATE {db}.trainings SET bytes = ? WHERE id = ?"
            self._database.write(Write(((sql, sizes),), trainings=tuple(training for _, training in sizes)))

    def evict(self, limit_bytes: int, spare: Collection[str] = ()) -> Eviction:
        """Remove the oldest runs that are over and not pinned until results take no more than the limit.

        spare: runs that stay, whatever their age. Deleted runs stay as long as they can be restored.
        Raises StoreError while the disk refuses.
        """
        before = used = self.used()
        removed: list[RunRecord] = []
        candidates = iter(self._evictable(spare) if used > limit_bytes else ())
        while used > limit_bytes and (record := next(candidates, None)):
            if self._evicted(record.id):
                removed.append(record)
                used = self.used()
        said = _removed_words(removed, before, used, limit_bytes)
        return Eviction(tuple(removed), before, used, said, _full_words(used, limit_bytes))

    def tidy(self, just_ended: str = "") -> None:
        """What is due after a run has ended and when the program starts: purge, measure, evict. Never in a page.

        Raises nothing: what the disk refuses now is tried again the next time.
        """
        with self._tidying:
            try:
                self.purge()
                self.measure()
                done = self.evict(self.limit_bytes, spare=(just_ended,))
            except StoreError as error:
                log.warning("Storage was not tidied: %s", error)
                return
        if done.said:
            self.said = done.said
            log.warning(done.said)
        if done.full and not self.full:
            log.warning(done.full)
        self.full = done.full

    # --- guesses

    def guess(self, identity: str, question: str, classroom: str, person: str, value: float) -> float:
        """Keep what a person expects of a result; the first guess stays. Returns the one that counts.

        Raises ValueError for a value that is no finite number, or a name of more than 200 characters.
        """
        if not math.isfinite(value):
            raise ValueError(f"A guess must be a finite number; got {value}. Enter another one.")
        for name in (question, classroom, person):
            if len(name) > LONGEST_NAME:
                raise ValueError(f"A name may have at most {LONGEST_NAME} characters; got {len(name):,}. Shorten it.")
        sql = "INSERT OR IGNORE INTO {db}.guesses VALUES (?, ?, ?, ?, ?, ?)"
        row = (identity, question, classroom, person, float(value), time.time())
        self._database.write(Write(((sql, (row,)),)))
        return self.guesses(identity, question, classroom)[person]

    def guesses(self, identity: str, question: str, classroom: str) -> dict[str, float]:
        """Person -> guess, in the order they came."""
        sql = (
            "SELECT person, value FROM {guesses} WHERE identity = ? AND question = ? AND classroom = ? "
            "ORDER BY created, person"
        )
        return dict(self._database.read(sql, (identity, question, classroom)))

    # --- inside

    def _may_change(self, run: str, who: str, admin: bool, words: str, hidden: bool = False) -> RunRecord:
        record = self._store.run(run)
        deleted = self._database.read("SELECT deleted FROM {runs} WHERE id = ?", (run,)) != [(None,)]
        if record is None or (deleted and not hidden):
            raise LibraryError("This run is not stored here any more: it was deleted. Choose another one.")
        if record.owner != who and not admin:
            raise LibraryError(
                f"Only whoever started a run may {words}; somebody else started this one. "
                "Run these settings yourself, or ask for the admin token."
            )
        return record

    def _set(self, run: str, column: str, value: object) -> None:
        sql = f"UPDATE {{db}}.runs SET {column} = ?, changes = changes + 1 WHERE id = ?"
        self._database.write(Write(((sql, ((value, run),)),), runs=(run,)))

    def _evictable(self, spare: Collection[str]) -> list[RunRecord]:
        sql = (
            f"SELECT {RUN_COLUMNS} FROM {{runs}} WHERE {_FINAL_SQL} AND pinned = 0 AND deleted IS NULL "
            "ORDER BY created, id"
        )
        records = (run_record(row) for row in self._database.read(sql))
        return [record for record in records if record.id not in spare]

    def _evicted(self, run: str) -> bool:
        """Remove it, unless it was pinned or deleted meanwhile."""
        with self._database.lock:
            rows = self._database.read("SELECT 1 FROM {runs} WHERE id = ? AND pinned = 0 AND deleted IS NULL", (run,))
            if rows:
                self._store.delete_run(run)
        return bool(rows)


def _removed_words(removed: list[RunRecord], before: int, after: int, limit: int) -> str:
    if not removed:
        return ""
    what = f"the {len(removed)} oldest runs" if len(removed) > 1 else "the oldest run"
    return (
        f"Results took {places.size_text(before)} and {places.LIMIT} allows {places.size_text(limit)}: {what} that no "
        f"one had pinned {'were' if len(removed) > 1 else 'was'} removed; {places.size_text(after)} are left."
    )


def _full_words(used: int, limit: int) -> str:
    if used <= limit:
        return ""
    return (
        f"Results take {places.size_text(used)} and {places.LIMIT} allows {places.size_text(limit)}, but all that is "
        "left is pinned, live, new or in use. Unpin or delete runs, or raise the limit."
    )
