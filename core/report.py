"""What the command line prints: JSON lines, a progress bar, a table of results."""

from __future__ import annotations

import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Sequence

from core.config import varied
from core.contract import Experiment
from core.engine.records import Snapshot
from core.statistics import spread

BAR_WIDTH = 30  # characters
DOING = 12  # characters by which a log tells one thing that is being done from the next
CLEAR = "\x1b[K"  # the rest of a terminal's line


class ProgressBar:
    """One line on stderr that redraws itself on a terminal; elsewhere a line every tenth."""

    def __init__(self, label: str) -> None:
        self.label, self.shown = label, (-1, "")

    def show(self, fraction: float, doing: str = "") -> None:
        """Draw the bar at a fraction from 0 to 1. doing: what goes on besides, in a sentence."""
        live = sys.stderr.isatty()
        mark = (int(fraction * (1000 if live else 10)), doing if live else doing[:DOING])
        if mark == self.shown:
            return
        self.shown = mark
        filled = round(fraction * BAR_WIDTH)
        bar = "█" * filled + "·" * (BAR_WIDTH - filled)
        start, end = ("\r", "") if live else ("", "\n")
        text = f"{self.label} {bar} {100 * fraction:3.0f} % {doing}".rstrip()
        print(f"{start}{text}{CLEAR if live else ''}", end=end, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line standing."""
        if sys.stderr.isatty():
            print(file=sys.stderr)


class Follower:
    """Prints what is new in each snapshot of a run, as JSON lines or as a progress bar."""

    def __init__(self, experiment: Experiment, *, as_json: bool) -> None:
        self.experiment, self.as_json = experiment, as_json
        self.bar = ProgressBar(experiment.key)
        self.seen: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.notes = 0
        self.preparing = ""

    def show(self, snapshot: Snapshot) -> None:
        """Report the points that the last snapshot did not have."""
        if self.as_json:
            for note in snapshot.notes[self.notes :]:
                print(json.dumps({"event": "note", "text": note}))
            self.notes = len(snapshot.notes)
            if snapshot.preparing not in ("", self.preparing):
                print(json.dumps({"event": "note", "text": snapshot.preparing}))
            self.preparing = snapshot.preparing
            for (seed, step), values in sorted(self._new_points(snapshot).items()):
                moment = int(step) if step.is_integer() else step
                print(json.dumps({"event": "metrics", "step": moment, "seeds": [seed], "values": values}))
            sys.stdout.flush()
        else:
            self.bar.show(snapshot.progress, snapshot.preparing)

    def finish(self, snapshot: Snapshot) -> None:
        """The last word: the summary, or why there is none."""
        run = snapshot.run
        measured = snapshot.summary(self.experiment.summary)
        if self.as_json:
            single = {name: [values.get(seed) for seed in run.seeds] for name, values in measured.items()}
            summary = {**single, **self._lists(snapshot), "seconds": round(run.seconds, 3)}
            word = {"event": run.state, "run": run.id, "summary": summary}
            print(json.dumps(word | ({"error": run.error} if run.error else {})), flush=True)
            return
        self.bar.close()
        print(f"{self.experiment.title}: {run.state}. {run.error}".strip())
        for name, values in measured.items():
            print(f"    {name}: {spread(list(values.values()))}")
        print(f"    run {run.id}, {run.seconds:.1f} s on {run.device_name}")

    def _lists(self, snapshot: Snapshot) -> dict[str, list[list[float | None]]]:
        """Numbered metrics, one list a seed: [[first, second, …], …]."""
        found: dict[str, list[list[float | None]]] = {}
        for name, prefix in self.experiment.lists.items():
            names = (f"{prefix} {number}" for number in itertools.count(1))
            numbered = itertools.takewhile(lambda name: name in snapshot.series, names)
            columns = snapshot.summary(list(numbered)).values()
            found[name] = [[values.get(seed) for values in columns] for seed in snapshot.run.seeds]
        return found

    def _new_points(self, snapshot: Snapshot) -> dict[tuple[int, float], dict[str, list[float]]]:
        rows: defaultdict[tuple[int, float], dict[str, list[float]]] = defaultdict(dict)
        for name, seeds in snapshot.series.items():
            for seed, series in seeds.items():
                start = self.seen[name, seed]
                for step, value in zip(series.steps[start:], series.values[start:], strict=True):
                    rows[seed, float(step)][name] = [float(value)]
                self.seen[name, seed] = len(series)
        return rows


def results_table(experiment: Experiment, snapshots: Sequence[Snapshot]) -> str:
    """Markdown: a row a run, the settings that differ between runs, then mean ± std (n) of every summary metric."""
    configs = [snapshot.run.config for snapshot in snapshots]
    fields = varied(configs)
    header = [*fields, *experiment.summary, "seconds"]
    rows = [header, ["---"] * len(header)]
    for snapshot, config in zip(snapshots, configs, strict=True):
        figures = [str(spread(list(values.values()))) for values in snapshot.summary(experiment.summary).values()]
        rows.append([*(str(config[name]) for name in fields), *figures, f"{snapshot.run.seconds:.0f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
