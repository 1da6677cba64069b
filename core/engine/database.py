"""The SQLite side of the store: opening, schema, damage, and writes that wait in memory while the disk is full."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.engine.files import set_aside, write_file

Rows = Sequence[tuple[Any, ...]]

_FIRST = (
    """CREATE TABLE runs (
        id TEXT PRIMARY KEY, experiment TEXT NOT NULL, version INTEGER NOT NULL, identity TEXT NOT NULL,
        config TEXT NOT NULL, trainings TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, device TEXT NOT NULL,
        device_name TEXT NOT NULL, versions TEXT NOT NULL, created REAL NOT NULL, finished REAL,
        seconds REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '', keep INTEGER NOT NULL DEFAULT 0,
        total_steps REAL, server TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE trainings (
        id TEXT PRIMARY KEY, run TEXT NOT NULL, identity TEXT NOT NULL, seed INTEGER NOT NULL, state TEXT NOT NULL,
        created REAL NOT NULL, finished REAL, seconds REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
        weights_checksum INTEGER, server TEXT NOT NULL, changes INTEGER NOT NULL DEFAULT 0)""",
    # body: {name: value} of a Metrics, {"name", "seed", "checksum"} of an Arrays, the text of a Note
    """CREATE TABLE events (
        training TEXT NOT NULL, idx INTEGER NOT NULL, kind TEXT NOT NULL, step REAL, body TEXT NOT NULL,
        PRIMARY KEY (training, idx)) WITHOUT ROWID""",
    "CREATE INDEX runs_by_identity ON runs (identity)",
    "CREATE INDEX runs_by_time ON runs (created)",
    "CREATE INDEX trainings_by_identity ON trainings (identity, seed)",
)
_SECOND = (
    "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN deleted REAL",  # when it was marked; hidden from then on, removed later
    "ALTER TABLE trainings ADD COLUMN bytes INTEGER",  # of its files; NULL: not measured since it ended
    """CREATE TABLE guesses (
        identity TEXT NOT NULL, question TEXT NOT NULL, classroom TEXT NOT NULL, person TEXT NOT NULL,
        value REAL NOT NULL, created REAL NOT NULL, PRIMARY KEY (identity, question, classroom, person))""",
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND)
"""Statements that lead from schema version n to n + 1; the version is SQLite's user_version. Only ever add to it."""

_OVERLAY = (
    """CREATE TEMP VIEW runs_now AS SELECT * FROM temp.runs
       UNION ALL SELECT * FROM main.runs WHERE id NOT IN (SELECT id FROM temp.runs)""",
    """CREATE TEMP VIEW trainings_now AS SELECT * FROM temp.trainings
       UNION ALL SELECT * FROM main.trainings WHERE id NOT IN (SELECT id FROM temp.trainings)""",
    """CREATE TEMP VIEW events_now AS SELECT * FROM main.events
       UNION ALL SELECT * FROM temp.events AS waiting WHERE NOT EXISTS (SELECT 1 FROM main.events AS kept
                 WHERE kept.training = waiting.training AND kept.idx = waiting.idx)""",
    """CREATE TEMP VIEW guesses_now AS SELECT * FROM main.guesses
       UNION ALL SELECT * FROM temp.guesses AS waiting WHERE NOT EXISTS (SELECT 1 FROM main.guesses AS kept
                 WHERE kept.identity = waiting.identity AND kept.question = waiting.question
                   AND kept.classroom = waiting.classroom AND kept.person = waiting.person)""",
)
_TABLES = ("runs", "trainings", "events", "guesses")
_ON_DISK = {name: f"main.{name}" for name in _TABLES}
_WITH_WAITING = {name: f"temp.{name}_now" for name in _TABLES}

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreError(RuntimeError):
    """The store cannot do this; the message is a sentence for people."""


@dataclass(frozen=True)
class Write:
    """One change, all or nothing. statements: SQL with {db} before each table name, and its rows of parameters.

    files: written before the statements. runs, trainings: ids of the rows that it updates.
    """

    statements: tuple[tuple[str, Rows], ...]
    files: tuple[tuple[Path, bytes], ...] = ()
    runs: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()


class Database:
    """One SQLite file shared by threads (a lock) and processes (WAL). Make it while no other process does.

    A write that the disk refuses is applied to in-memory twins of the tables, which reads then see through, and waits
    in order; every later write, and a read once a second, tries again.
    """

    def __init__(self, path: Path) -> None:
        """Open or make it; a damaged one is set aside first. Raises StoreError for a newer home or an unusable one."""
        self.lock = threading.RLock()
        self.reports: list[str] = []
        self.trouble = ""
        self.generation = 0  # grows when the file was replaced, so that caches may be dropped
        self._path = path
        self._partial = path.parent / "partial"
        self._waiting: deque[Write] = deque()
        self._last_try = 0.0
        self._connection = self._open()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Rows of a SELECT whose tables are written {runs}, {trainings} and so on; waiting writes are seen."""
        with self.lock:
            if self._waiting and time.monotonic() - self._last_try > 1:
                self._write_waiting()
            rows: list[Any] = self._whatever_damage(lambda: self._rows(sql, parameters))
            return rows

    def write(self, change: Write) -> None:
        """Apply it now, or keep it in memory in its order while the disk refuses. Raises nothing for a full disk."""
        with self.lock:
            first = not self._waiting
            if first and self._try(change):
                return
            self._apply_in_memory(change)
            self._waiting.append(change)
            if not first:
                self._write_waiting()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Reads and writes of the file itself that belong together. Raises StoreError where the disk refuses."""
        with self.lock:
            if self._waiting and not self._write_waiting():
                raise StoreError(self.trouble)
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                self._roll_back()
                if isinstance(error, sqlite3.Error) and _refused(error):
                    self._make_room()
                    raise StoreError(self._sentence(error)) from error
                raise

    def waiting_file(self, path: Path) -> bytes | None:
        """The content of a file that could not be written yet."""
        with self.lock:
            for change in reversed(self._waiting):
                for one, content in change.files:
                    if one == path:
                        return content
        return None

    def size(self) -> int:
        """Bytes on disk."""
        parts = (Path(f"{self._path}{suffix}") for suffix in ("", "-wal", "-shm"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def close(self) -> None:
        """Write what waits, if the disk allows, and close. Harmless the second time."""
        with self.lock:
            self._write_waiting()
            self._connection.close()

    # --- writing

    def _try(self, change: Write) -> bool:
        """Whether it reached the disk; `trouble` says why not."""
        self._last_try = time.monotonic()
        try:
            self._whatever_damage(lambda: self._apply(change))
        except (OSError, sqlite3.Error) as error:
            if isinstance(error, sqlite3.Error) and not _refused(error):
                raise
            self.trouble = self._sentence(error)
            self._make_room()
            return False
        return True

    def _apply(self, change: Write) -> None:
        for path, content in change.files:
            write_file(path, content, self._partial)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, rows in change.statements:
                self._connection.executemany(sql.format(db="main"), rows)
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _make_room(self) -> None:
        """Move what the write-ahead log holds into the database, so that the log's space can be used again."""
        with contextlib.suppress(sqlite3.OperationalError):  # it may be refused as well, and is then tried again later
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # SQLite rolls back by itself after some errors
            self._connection.execute("ROLLBACK")

    def _apply_in_memory(self, change: Write) -> None:
        """The same statements on the in-memory twins, after the rows they change were copied there."""
        for table, ids in (("runs", change.runs), ("trainings", change.trainings)):
            copy = f"INSERT OR IGNORE INTO temp.{table} SELECT * FROM main.{table} WHERE id = ?"
            self._connection.executemany(copy, [(one,) for one in ids])
        for sql, rows in change.statements:
            self._connection.executemany(sql.format(db="temp"), rows)

    def _write_waiting(self) -> bool:
        """Write what waits, oldest first, up to the first that is refused; whether nothing waits any more."""
        while self._waiting:
            if not self._try(self._waiting[0]):
                return False
            self._waiting.popleft()
        if self.trouble:
            for table in _TABLES:
                self._connection.execute(f"DELETE FROM temp.{table}")
            self.trouble = ""
        return True

    def _sentence(self, error: Exception) -> str:
        number = getattr(error, "errno", None)
        if number in _FULL or (isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_FULL):
            why = f"The disk that holds {self._path.parent} is full"
        else:
            why = f"Results cannot be written to {self._path.parent} ({error})"
        return f"{why}. New results are kept in memory, and written once there is space again and writing is allowed."

    # --- reading

    def _rows(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        tables = _WITH_WAITING if self._waiting else _ON_DISK
        return self._connection.execute(sql.format(**tables), parameters).fetchall()

    def _whatever_damage(self, work: Any) -> Any:
        """Do it; if the file turns out to be damaged, set it aside, make a new one and do it there."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if _code(error) not in _DAMAGED:
                raise
            self._connection.close()
            self._replace(str(error))
            self._connection = self._open()
            for change in self._waiting:
                self._apply_in_memory(change)
            return work()

    # --- opening

    def _open(self) -> sqlite3.Connection:
        try:
            if self._path.exists() and self._path.stat().st_size == 0:
                self._replace("it is empty")
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if _code(error) not in _DAMAGED:
                    raise
                self._replace(str(error))
                return self._connect()
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreError(
                f"Results cannot be kept in {self._path.parent}: {error}. "
                "Make space there, or set LAYERLAB_HOME to a folder that you may write to."
            ) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None, check_same_thread=False)
        try:
            _check(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA temp_store = MEMORY")
            self._migrate(connection)
            _make_overlay(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise StoreError(
                f"The results in {self._path.parent} were written by a newer LayerLab (format {version}; this one "
                f"knows up to {len(MIGRATIONS)}). Update LayerLab, or set LAYERLAB_HOME to another folder."
            )
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")

    def _replace(self, reason: str) -> None:
        """Set the damaged file aside and say so."""
        aside = set_aside(self._path, companions=("-wal", "-shm"))
        self.generation += 1
        self.reports.append(
            f"The results database was damaged ({reason}). It was set aside as {aside.name}; a new one was made, "
            "so earlier runs are missing from the lists."
        )


def _check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError (SQLITE_CORRUPT) if the file is not sound."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _make_overlay(connection: sqlite3.Connection) -> None:
    """In-memory twins of the tables, and views that show both as one."""
    for table in _TABLES:
        (sql,) = connection.execute("SELECT sql FROM main.sqlite_master WHERE name = ?", (table,)).fetchone()
        connection.execute(sql.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
    for view in _OVERLAY:
        connection.execute(view)


def _code(error: sqlite3.Error) -> int:
    """The primary result code; SQLite puts details into the higher bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _refused(error: sqlite3.Error) -> bool:
    return _code(error) in _UNWRITABLE
