"""The thread that owns the workers: gives turns, takes in events, cares for deaths and deadlines.

It sleeps in one wait for all pipes and a bell that others ring, so it uses no processor time while nothing happens.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from multiprocessing.connection import wait

from core.engine import turns
from core.engine.ledger import Ledger
from core.engine.live import Limits, LiveRun, LiveUnit
from core.engine.local import Job, Worker
from core.engine.pool import Pool
from core.engine.protocol import (
    UNSEEN,
    Advance,
    Answer,
    Ask,
    Broken,
    Close,
    Closed,
    Drop,
    Events,
    Open,
    Ready,
    Refusal,
    Reply,
    Turn,
)
from core.engine.question import NOTHING_SAVED, Question

log = logging.getLogger(__name__)

TURN_SECONDS = 0.15
SILENCE_SECONDS = 1.0  # after a stop; then the worker is replaced


class Dispatcher:
    """The pool of workers, the questions that wait, and the thread between them and the live runs."""

    def __init__(self, ledger: Ledger, device: str, workers: int | None, limits: Limits) -> None:
        self.ledger = ledger
        self.pool = Pool(device, workers, ledger.logs / "workers.log")
        self.limits = limits
        self.closing = False
        self._questions: deque[Question] = deque()
        self._released: deque[str] = deque()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._work, daemon=True, name="dispatcher")
        self._thread.start()

    # --- called by any thread

    def ring(self) -> None:
        """Make the dispatcher look again, now. Never blocks."""
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            return  # it has been rung often enough
        except OSError:
            if not self.closing:
                raise

    def add(self, run: LiveRun) -> None:
        """Let a run in. The lock is held."""
        self.pool.try_again()
        self.ledger.add(run)
        self.ring()

    def ask(self, question: Question) -> None:
        """Put a query before the next turn."""
        with self.ledger.lock:
            if self.closing:
                question.settle(Refusal("The engine is shutting down."))
            else:
                self._questions.append(question)
        self.ring()

    def release(self, viewer: str) -> None:
        """This viewer has gone. Marks only."""
        self._released.append(viewer)
        self.ring()

    def set_pause(self, run: LiveRun, paused: bool) -> None:
        """Pause or resume, as its owner asked or because somebody looks again. The lock is held."""
        run.paused = "owner" if paused else ""
        for unit in run.units:
            unit.steps_owed = 0
        self.ledger.refresh(run)
        self.ring()

    def step(self, run: LiveRun) -> None:
        """One event more of each seed that is being trained, then pause. The lock is held."""
        run.paused = "owner"
        for unit in run.begun(1 if run.experiment.exclusive else self.pool.at_once):
            unit.steps_owed += 1
        self.ledger.refresh(run)
        self.ring()

    def stop(self, run: LiveRun, failure: str = "") -> None:
        """Close every unit and keep what was measured. The lock is held."""
        run.stopping = True
        run.failure = run.failure or failure
        for unit in run.unfinished():
            if unit.worker is None:
                self.ledger.end(run, unit, "stopped")
            elif unit.closing_since is None:
                unit.closing_since = time.monotonic()
                unit.worker.give(Close(unit.id))
        self.ring()

    def close(self) -> None:
        """End all workers, mark what was unfinished as interrupted, write everything down."""
        with self.ledger.lock:
            self.closing = True
        self.ring()
        self._thread.join()
        self.ledger.journal.close()
        self.ledger.upkeep.close()
        self._bell.close()
        self._ear.close()

    # --- the thread

    def _work(self) -> None:
        try:
            while not self.closing:
                try:
                    self._once()
                except Exception:
                    log.exception("The dispatcher met an error that it did not expect; it goes on.")
                    threading.Event().wait(0.1)  # an error that repeats must not take a whole core
        finally:
            with self.ledger.lock:
                self.closing = True
                self._refuse_given("The engine is shutting down.")
                self.pool.end()
                for run in self.ledger.rotation():
                    for unit in run.unfinished():
                        self.ledger.end(run, unit, "interrupted")
                self._refuse_questions("The engine is shutting down.")

    def _once(self) -> None:
        """See to everything that can be done now, then wait until something happens and take it in."""
        with self.ledger.lock:
            self._forget_released()
            self._see_to_deadlines(time.monotonic())
            self._staff()
            self._put_questions()
            self._hand_out()
            patience = self._sleep_seconds()
        ready = wait([self._ear, *(worker.connection for worker in self.pool.workers)], patience)
        if self._ear in ready:
            self._hear()
        replies = [(one, _receive(one)) for one in self.pool.workers if one.connection in ready]
        with self.ledger.lock:
            for worker, reply in replies:
                if reply is None:
                    self._mourn(worker, kill=False)
                else:
                    self._handle(worker, reply)

    def _hear(self) -> None:
        try:
            while self._ear.recv(4096):
                pass
        except BlockingIOError:
            return

    def _sleep_seconds(self) -> float | None:
        deadlines = [self._silent_at(worker) for worker in self.pool.workers]
        deadlines += [self._unwatched_at(run) for run in self.ledger.rotation()]
        known = [one for one in deadlines if one is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def _handle(self, worker: Worker, reply: Reply) -> None:
        match reply:
            case Ready():
                self.pool.warm(worker, reply)
            case Broken():
                self.pool.tell_reason(reply.reason)
            case Events():
                found = self.ledger.find(reply.unit)
                if found:
                    self._take_in(*found, reply, worker.jobs[0])
            case Turn():
                worker.done()
                found = self.ledger.find(reply.unit)
                if found:
                    self._end_turn(*found, reply)
            case Closed():
                worker.done()
                found = self.ledger.find(reply.unit)
                if found:
                    self.ledger.end(*found, "stopped", reply.weights)
            case Answer() | Refusal():
                question = worker.done().tag
                if isinstance(question, Question):
                    question.settle(reply)
                if isinstance(reply, Refusal):
                    self.ledger.keep_trace("queries", reply.trace)

    # --- turns and questions

    def _staff(self) -> None:
        """Launch workers that are missing, send away those that were for a unit that is over."""
        for worker in [one for one in self.pool.workers if one.reserved_for and not one.jobs]:
            if self.ledger.find(worker.reserved_for) is None:
                self.pool.dismiss(worker)
        for run in self.ledger.rotation():
            for unit in run.unfinished():
                if unit.suspect and unit.worker is None:
                    self.pool.reserve(unit.id)
        self.pool.fill()
        if self.pool.broken:
            self._refuse_questions(self.pool.broken)
            for run in self.ledger.rotation():
                if run.unfinished():
                    self.stop(run, failure=self.pool.broken)

    def _hand_out(self) -> None:
        workers, now = self.pool.workers, time.monotonic()
        while True:
            if turn := turns.choose(self.ledger.rotation(), workers, self.pool.at_once, now):
                self._advance(*turn)
            elif move := turns.to_move(self.ledger.rotation(), workers, now):
                self._move(*move)
            else:
                return

    def _move(self, run: LiveRun, unit: LiveUnit, worker: Worker) -> None:
        """Let a unit start again on a less crowded worker."""
        if unit.worker is not None:
            unit.worker.tell(Drop(unit.id))
        unit.lose_worker()
        self._open(run, unit, worker)

    def _open(self, run: LiveRun, unit: LiveUnit, worker: Worker) -> None:
        config = dict(run.record.config)
        first = run.record.seeds[0] in unit.seeds
        worker.tell(Open(unit.id, run.record.experiment, config, unit.seeds, unit.delivered, keep_moments=first))
        unit.worker = worker

    def _advance(self, run: LiveRun, unit: LiveUnit, worker: Worker) -> None:
        if unit.worker is None:
            self._open(run, unit, worker)
            self.ledger.begin(unit)
        step = bool(run.paused) and unit.steps_owed > 0
        limit = 1 if step else 0 if run.paused else None
        worker.give(Advance(unit.id, TURN_SECONDS, limit), tag="step" if step else None)
        unit.in_flight = True
        self.ledger.runs.move_to_end(run.record.id)
        self.ledger.refresh(run)

    def _take_in(self, run: LiveRun, unit: LiveUnit, told: Events, job: Job) -> None:
        if job.tag == "step":
            seen = sum(not isinstance(event, UNSEEN) for event in told.events)
            unit.steps_owed = max(0, unit.steps_owed - seen)
        self.ledger.keep(run, unit, told.events)

    def _end_turn(self, run: LiveRun, unit: LiveUnit, turn: Turn) -> None:
        unit.in_flight = False
        unit.seconds += turn.seconds
        unit.behind = turn.behind
        if turn.outcome == "ended":
            self.ledger.end(run, unit, "finished", turn.weights)
        elif turn.outcome == "failed":
            self.ledger.keep_trace(run.record.id, turn.trace)
            self._fail(run, unit, turn.error, turn)

    def _fail(self, run: LiveRun, unit: LiveUnit, error: str, turn: Turn | None = None) -> None:
        self.ledger.end(run, unit, "failed", turn.weights if turn else None, error)
        self.stop(run)

    def _put_questions(self) -> None:
        for question in list(self._questions):
            if question.abandoned or self._put(question):
                self._questions.remove(question)

    def _put(self, question: Question) -> bool:
        """Give a question to a worker that can answer it; False if it has to wait for one, which is told so."""
        if turns.exclusive(self.ledger.rotation()) and any(one.jobs for one in self.pool.workers):
            return False
        able = [one for one in self.pool.workers if one.ready and not one.reserved_for]
        if question.ask.unit:
            found = self.ledger.find(question.ask.unit)
            if found is None or found[1].worker is None:
                question.settle(Refusal(NOTHING_SAVED, missing=found is None))
                return True
            able = [found[1].worker]
        if idle := next((one for one in able if one.idle), None):
            idle.give(question.ask, tag=question)
            return True
        for worker in able:
            worker.hurry()
        return False

    def _refuse_questions(self, reason: str) -> None:
        while self._questions:
            self._questions.popleft().settle(Refusal(reason))

    def _refuse_given(self, reason: str) -> None:
        """Those that workers have in hand: whoever asked must not wait out their patience."""
        for job in (job for worker in self.pool.workers for job in worker.jobs):
            if isinstance(job.tag, Question):
                job.tag.settle(Refusal(reason))

    # --- deaths and deadlines

    def _mourn(self, worker: Worker, kill: bool) -> None:
        """A worker has died or must: charge the unit it was advancing, let the others start again elsewhere."""
        head = worker.jobs[0].command if worker.jobs else None
        if kill:
            self.pool.dismiss(worker)
        how = "it did not answer" if kill else self.pool.bury(worker)
        for job in worker.jobs:
            if isinstance(job.tag, Question):
                late = kill and job.command is head  # its patience is over; whoever asked may have noticed first
                ended = Refusal(f"The process that was to answer ended ({how}). Ask again.")
                job.tag.settle(job.tag.overdue if late else ended)
        for run in self.ledger.rotation():
            for unit in run.unfinished():
                if unit.worker is worker:
                    charged = isinstance(head, Advance) and head.unit == unit.id
                    self._orphan(run, unit, charged, how)

    def _orphan(self, run: LiveRun, unit: LiveUnit, charged: bool, how: str) -> None:
        if unit.closing_since is not None:
            self.ledger.end(run, unit, "stopped")
        elif charged and unit.suspect:
            self._fail(run, unit, f"The process that trained this ended twice ({how}).")
        else:
            unit.lose_worker()
            unit.suspect = unit.suspect or charged
            run.changed()

    def _see_to_deadlines(self, now: float) -> None:
        for worker in list(self.pool.workers):
            silent_at = self._silent_at(worker)
            if silent_at is not None and now >= silent_at:
                self._mourn(worker, kill=True)
        for run in self.ledger.rotation():
            deadline = self._unwatched_at(run)
            if deadline is None or now < deadline:
                continue
            if now - run.watched_at >= self.limits.drop_after_seconds:
                self.stop(run)
            else:
                run.paused = "unwatched"
                self.ledger.refresh(run)

    def _silent_at(self, worker: Worker) -> float | None:
        """When to give a worker up: only while it owes an answer to a stop or to a query."""
        if not worker.jobs:
            return None
        head = worker.jobs[0]
        if isinstance(head.command, Ask):
            return head.since + (head.tag.patience_seconds if isinstance(head.tag, Question) else SILENCE_SECONDS)
        if isinstance(head.command, Close):
            return head.since + SILENCE_SECONDS
        found = self.ledger.find(head.command.unit)
        if found is None or found[1].closing_since is None:
            return None  # a long step is no fault while nobody asked it to end
        return max(head.since, found[1].closing_since) + SILENCE_SECONDS

    def _unwatched_at(self, run: LiveRun) -> float | None:
        """When this run should be paused or dropped unless somebody looks at it."""
        kept = run.record.keep and run.paused != "owner"  # what its owner has paused trains nothing
        if kept or run.waiters or run.stopping or not run.unfinished():
            return None
        after = self.limits.drop_after_seconds
        if not run.paused:
            after = min(after, self.limits.pause_after_seconds)
        return run.watched_at + after

    def _forget_released(self) -> None:
        while self._released:
            viewer = self._released.popleft()
            for run in self.ledger.rotation():
                if run.viewers.pop(viewer, None) is not None:
                    run.changed()


def _receive(worker: Worker) -> Reply | None:
    """The next message; None if the worker has died."""
    try:
        return worker.connection.recv()
    except (EOFError, OSError):
        return None
