"""Workers as subprocesses of this machine. Never multiprocessing's spawn or forkserver: they would run app.py again."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO

from core.engine.protocol import Advance, Ask, Close, Command, Hurry, Ready, Reply

ROOT = Path(__file__).resolve().parents[2]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# glibc gives every large activation back to the system and asks for it again; keeping them is worth a factor of 1.4.
GLIBC_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
LARGEST_LOG = 1_000_000  # bytes


@dataclass(eq=False)
class Job:
    """A command that the worker will answer.

    since: when the worker came to it. tag: the sender's own. hurried: it was told that somebody waits.
    """

    command: Advance | Close | Ask
    since: float = 0.0
    tag: object = None
    hurried: bool = False


@dataclass(eq=False)
class Worker:
    """One worker process: its pipe, and the commands it has not answered yet, oldest first."""

    process: subprocess.Popen[bytes]
    connection: Connection[Command, Reply]
    lifeline: int
    ready: Ready | None = None
    reserved_for: str = ""  # the suspect unit that this worker was started for; no other may share it
    jobs: deque[Job] = field(default_factory=deque)

    @classmethod
    def launch(cls, device: str, log: Path, reserved_for: str = "") -> Worker:
        """Start a process; it says Ready once torch is imported. Raises OSError where the system refuses one."""
        ours, theirs = Pipe(duplex=True)
        watched, lifeline = os.pipe()
        try:
            numbers = [str(theirs.fileno()), str(watched), str(os.getpid())]
            with _opened(log) as errors:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "core.engine.worker", *numbers, device],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    env=environment(),
                    pass_fds=(theirs.fileno(), watched),
                    start_new_session=True,  # Ctrl-C in a terminal goes to the server alone, which then ends us
                )
        except BaseException:
            ours.close()
            os.close(lifeline)
            raise
        finally:
            theirs.close()
            os.close(watched)
        return cls(process, ours, lifeline, reserved_for=reserved_for)

    @property
    def idle(self) -> bool:
        """Whether it is warm and has nothing to do."""
        return self.ready is not None and not self.jobs

    def tell(self, command: Command) -> None:
        """Send a command that is not answered."""
        try:
            self.connection.send(command)
        except (BrokenPipeError, ConnectionResetError):
            return  # it has died: reading its pipe says so next, and there the units are cared for

    def give(self, command: Advance | Close | Ask, tag: object = None) -> None:
        """Send a command that is answered, after those before it."""
        job = Job(command, tag=tag)
        if not self.jobs:
            job.since = time.monotonic()
        self.jobs.append(job)
        self.tell(command)

    def hurry(self) -> None:
        """Let it end its turn at the next event."""
        if self.jobs and not self.jobs[0].hurried:
            self.jobs[0].hurried = True
            self.tell(Hurry())

    def done(self) -> Job:
        """The oldest command has been answered; the next one's time begins."""
        job = self.jobs.popleft()
        if self.jobs:
            self.jobs[0].since = time.monotonic()
        return job

    def kill(self) -> None:
        """End it at once. Its process is to be waited for later: the system may take a moment."""
        self.process.kill()
        self._let_go()

    def bury(self, seconds: float = 2.0) -> str:
        """It has died, for its pipe is closed: how it ended, for a person. Killed if it does not end in `seconds`."""
        self._let_go()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it had to be killed"
        if code >= 0:
            return f"exit status {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return name + (", perhaps out of memory" if -code == signal.SIGKILL else "")

    def _let_go(self) -> None:
        self.connection.close()
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1


def environment() -> dict[str, str]:
    """What a worker finds in its environment: our import path, one thread, an allocator that keeps its memory."""
    found = dict(os.environ)
    # Files beside the user's working folder must not shadow modules, hence -P and an explicit path.
    paths = [str(ROOT), *(os.path.abspath(one) for one in sys.path)]
    found["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    found["PYTHONFAULTHANDLER"] = "1"
    found.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    if platform.libc_ver()[0] == "glibc":
        found.update(GLIBC_MALLOC)
    return found


def _opened(log: Path) -> IO[bytes]:
    """The workers' log, begun anew when it has grown large."""
    log.parent.mkdir(parents=True, exist_ok=True)
    large = log.exists() and log.stat().st_size > LARGEST_LOG
    return open(log, "wb" if large else "ab")
