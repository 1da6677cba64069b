"""A worker process: imports torch once, holds suspended units, advances the one it is told to, answers queries.

Started by core.engine.local as `python -m core.engine.worker PIPE LIFELINE PARENT DEVICE`. It ends when its pipe
closes and, even in the middle of a long native step, when its parent is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import itertools
import os
import select
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from core.engine.protocol import Broken, Command, Events, Ready, Reply, Told

if TYPE_CHECKING:
    import torch

NICENESS = 10
AUTOGROUP = "/proc/self/autogroup"
PARENT_CHECK_SECONDS = 2.0
IDLE_SECONDS = 3.0
MESSAGE_SECONDS = 0.05  # at most twenty messages a second
PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


def main(arguments: list[str]) -> None:
    """Serve until the pipe closes."""
    pipe, lifeline, parent = (int(one) for one in arguments[:3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when to stop
    _die_with(parent, lifeline)
    connection: Connection[Reply, Command] = Connection(pipe)
    try:
        device = _warm_up(arguments[3])
    except Exception as error:
        connection.send(Broken(f"{type(error).__name__}: {error}"))
        raise
    _give_way()  # only now: on a busy machine an import of torch that gives way takes a minute
    _serve(connection, device)


def _give_way() -> None:
    """Let the pages go first. Where Linux schedules whole sessions against each other, ours must be nice as well."""
    os.nice(NICENESS)
    with contextlib.suppress(OSError), open(AUTOGROUP, "w", encoding="ascii") as file:  # absent, or not ours to write
        file.write(str(NICENESS))


def _die_with(parent: int, lifeline: int) -> None:
    """Leave as soon as the parent has gone, whatever this process is doing then."""
    if sys.platform == "linux":
        # The kernel kills us even inside native code that holds the interpreter's lock.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent, lifeline), daemon=True, name="watchdog").start()


def _watch(parent: int, lifeline: int) -> None:
    """The lifeline's other end is held by the parent alone: it becomes readable (end of file) when the parent dies."""
    while os.getppid() == parent:
        if select.select([lifeline], [], [], PARENT_CHECK_SECONDS)[0]:
            break
    os._exit(0)


def _warm_up(wanted: str) -> torch.device:
    """Import what is slow to import and touch what is slow the first time."""
    import torch

    from core import catalog, devices
    from core.engine import unit

    device = devices.choose(wanted)
    torch.set_num_threads(1 if device.type == "cpu" else min(4, devices.usable_cores()))
    catalog.experiments()
    state = unit.fresh_state(0)
    with devices.isolated(state):
        images = torch.zeros(2, 3, 8, 8, device=device)
        torch.nn.Conv2d(3, 4, 3).to(device)(images).sum().backward()
    return device


class Outbox:
    """Sends events while the work goes on: a long step must not hold back what came before it."""

    def __init__(self, connection: Connection[Reply, Command]) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, Told]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._work, daemon=True, name="outbox").start()

    def put(self, unit: str, event: Told) -> None:
        """An event: it leaves within MESSAGE_SECONDS."""
        with self._changed:
            self._waiting.append((unit, event))
            self._changed.notify()

    def send(self, reply: Reply) -> None:
        """A reply, after the events before it."""
        with self._changed:
            self._flush()
            self._connection.send(reply)

    def _flush(self) -> None:
        for unit, told in itertools.groupby(self._waiting, key=lambda one: one[0]):
            self._connection.send(Events(unit, tuple(event for _, event in told)))
        self._waiting.clear()

    def _work(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                self._flush()
            pause.wait(MESSAGE_SECONDS)


def _serve(connection: Connection[Reply, Command], device: torch.device) -> None:
    from core import devices
    from core.engine.unit import Workbench

    outbox = Outbox(connection)
    workbench = Workbench(device, outbox.put, called=connection.poll)
    outbox.send(Ready(device.type, devices.describe(device), devices.usable_cores()))
    if not connection.poll(IDLE_SECONDS):  # seconds that the first optimiser would cost the first click
        threading.Thread(target=importlib.import_module, args=("torch._dynamo",), daemon=True, name="imports").start()
    while True:
        try:
            command = connection.recv()
        except EOFError:
            return
        reply = workbench.handle(command)
        if reply is not None:
            outbox.send(reply)


if __name__ == "__main__":
    main(sys.argv[1:])
