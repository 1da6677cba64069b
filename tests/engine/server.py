"""A server to be killed: python -m tests.engine.server HOME TROUBLE. Prints its run, its workers and who trains."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from core.engine.scheduler import Scheduler
from core.engine.store import Store
from tests.engine.helpers import counts, eventually, pid, see, slow


def main(home: str, trouble: str) -> None:
    scheduler = Scheduler(Store(Path(home)), device="cpu", workers=2)
    run = scheduler.start("clock", slow(trouble=trouble, at=20, milliseconds=20), [0], "me").run_id
    eventually(lambda: len(counts(see(scheduler, run))) >= 10, 150)
    eventually(lambda: len(scheduler.processes) == 2, 150)
    print(json.dumps({"run": run, "workers": scheduler.processes, "trains": pid(see(scheduler, run))}), flush=True)
    threading.Event().wait(180)
    scheduler.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
