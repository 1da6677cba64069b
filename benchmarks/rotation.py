"""Turned pictures: our batches on the device against a loop over pictures with PIL, and how long a query takes.

All sides measure accuracy at the same angles on the same test pictures with the same net, on one thread. ours: a batch
is turned at once and read in channels-last pieces of 100. pil: each picture goes through PIL's rotate and back into an
array, then batches of 100 are read as they come (NCHW). one: each picture is read as soon as PIL has turned it.
The sides alternate; ratios are of medians. "turn" is the turning alone. Query: first 200 pictures at an angle not asked
before, through the engine and a warm worker.

    python -m benchmarks.rotation [--rounds 7] [--angles 12] [--dataset digits]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from core.engine.scheduler import Scheduler
from core.engine.store import Store
from core.experiments.rotation import RotationConfig, build
from core.nn.small_cnn import SmallCnn
from core.queries.rotation import BATCH, pictures_of, read, turn_of
from core.training import percent_right, weights_of


def main() -> None:
    """Print medians in ms and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--angles", type=int, default=12)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--folder", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = RotationConfig.parse({"dataset": options.dataset, "folder": options.folder})
    found = pictures_of(config)
    images, labels = torch.from_numpy(found.test.images[:360]), torch.from_numpy(found.test.labels[:360])
    torch.manual_seed(0)
    net = build(config).eval()
    fast = build(config).eval()
    fast.load_state_dict(net.state_dict())
    fast.to(memory_format=torch.channels_last)
    angles = np.linspace(5, 355, options.angles)
    turn = turn_of(config, found)

    def right(logits: torch.Tensor) -> float:
        return percent_right(logits.argmax(dim=1), labels)

    sides: dict[str, Callable[[], object]] = {
        "curve, ours": lambda: [right(read(fast, images, float(angle), turn)) for angle in angles],
        "curve, pil": lambda: [right(read_pil(net, images, angle)) for angle in angles],
        "curve, one": lambda: [right(read_pil(net, images, angle, 1)) for angle in angles],
        "turn, ours": lambda: [turn(images, float(angle)) for angle in angles],
        "turn, pil": lambda: [pil_turned(images, angle) for angle in angles],
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(options.rounds + 1):
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    print(f"{len(images)} pictures of {options.dataset} at {len(angles)} angles, medians of {options.rounds} rounds")
    for what, side in (("curve", "pil"), ("curve", "one"), ("turn", "pil")):
        ours, theirs = (statistics.median(seconds[f"{what}, {one}"]) for one in ("ours", side))
        print(f"{what:<6} ours {1e3 * ours:8.1f} ms   {side} {1e3 * theirs:8.1f} ms   ratio {theirs / ours:.2f}")
    waits = sorted(queries(config, net, 20))
    print(f"query  median {statistics.median(waits):.1f} ms, slowest {waits[-1]:.1f} ms, of {len(waits)}")


def pil_turned(images: Tensor, angle: float) -> Tensor:
    """(n, channels, side, side) float from 0 to 1, picture by picture."""
    turned = []
    for image in images:
        pixels = image.permute(1, 2, 0).squeeze().numpy()
        picture = Image.fromarray(pixels).rotate(angle, Image.Resampling.BILINEAR)
        array = np.atleast_3d(np.array(picture)).transpose(2, 0, 1)
        turned.append(torch.from_numpy(array).float() / 255)
    return torch.stack(turned)


def read_pil(net: SmallCnn, images: Tensor, angle: float, batch: int = BATCH) -> Tensor:
    """Logits, a batch of turned pictures after the other."""
    with torch.inference_mode():
        return torch.cat([net(pil_turned(piece, angle)) for piece in images.split(batch)])


def queries(config: RotationConfig, net: SmallCnn, count: int) -> list[float]:
    """Milliseconds of each query through the engine, after two that warm up."""
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        scheduler = Scheduler(store, device="cpu", workers=1)
        try:
            waits = []
            for number in range(count + 2):
                start = time.perf_counter()
                about = {"key": "benchmark", "angle_deg": 7.0 + 11 * number, "timeout": 120.0}
                scheduler.query_weights("rotation", config, weights_of(net), 0, "turned", **about)
                waits.append(1e3 * (time.perf_counter() - start))
            return waits[2:]
        finally:
            scheduler.shutdown()
            store.close()


if __name__ == "__main__":
    main()
