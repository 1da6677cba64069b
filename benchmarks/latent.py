"""How long an answer about a code takes, through the engine and a warm worker: what a moved slider waits for.

"decode" with a code not asked before, "directions" for a test sample not asked before, medians and slowest.

    python -m benchmarks.latent [--rounds 20] [--dataset gaussian,digits,mnist]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.engine.scheduler import Scheduler
from core.engine.store import Store
from core.experiments.autoencoder import AutoencoderConfig, build
from core.training import weights_of

NETS: Mapping[str, Mapping[str, Any]] = {
    "gaussian": {"dataset": "gaussian", "latent": 20},
    "digits": {"dataset": "digits", "latent": 16, "hidden": "32", "activation": "relu"},
    "mnist": {"dataset": "mnist", "latent": 96, "hidden": "256", "activation": "relu"},
}


def main() -> None:
    """Print milliseconds, a line a net and query."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--dataset", default="gaussian,digits")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        store = Store(Path(home))
        scheduler = Scheduler(store, device="cpu", workers=1)
        try:
            for dataset in options.dataset.split(","):
                config = AutoencoderConfig.parse(NETS[dataset])
                for query in ("decode", "directions"):
                    waits = sorted(answers(scheduler, config, query, options.rounds))
                    shown = f"median {statistics.median(waits):6.1f} ms   slowest {waits[-1]:6.1f} ms"
                    print(f"{dataset:<9} latent {config.latent:<4} {query:<11} {shown}   of {len(waits)}", flush=True)
        finally:
            scheduler.shutdown()
            store.close()


def answers(scheduler: Scheduler, config: AutoencoderConfig, query: str, rounds: int) -> list[float]:
    """Milliseconds of each answer, after two that warm up."""
    torch.manual_seed(0)
    weights = weights_of(build(config))
    codes = np.random.default_rng(0).standard_normal((rounds + 2, config.latent)).astype(np.float32)
    waits = []
    for number, code in enumerate(codes):
        asked: dict[str, Any] = {"code": code} if query == "decode" else {"index": number}
        start = time.perf_counter()
        about = {"key": f"benchmark {config.dataset}", "timeout": 120.0, **asked}
        scheduler.query_weights("autoencoder", config, weights, 0, query, **about)
        waits.append(1e3 * (time.perf_counter() - start))
    return waits[2:]


if __name__ == "__main__":
    main()
