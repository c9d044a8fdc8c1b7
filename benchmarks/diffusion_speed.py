"""How fast the diffusion model that ships makes crystals on a CPU, and the memory that takes, without guidance and without relaxation.

Crystals a second at 100 steps, each a predictor step and a corrector step (200 calls of the network) or a predictor step alone, for cells of a given number of
atoms and several batches; the peak memory is that of the whole process, weights and libraries with it, each batch in a process of its own. Beside
it the same network at its full size (256 wide, 6 layers, weights at random), which a training on a GPU gives.

    python benchmarks/diffusion_speed.py --threads 2 --atoms 8
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

GOAL = 10.0
"""Crystals of 8 atoms a second on two cores."""


def measure(
    batch: int, *, atoms: int, threads: int, full: bool, corrector_steps: int, repeats: int
) -> dict[str, float]:
    """Return crystals a second of wall time and of processor time, and the peak memory in MB."""
    import torch

    from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
    from matsmith.models.diffusion.requests import CrystalRequest
    from matsmith.models.diffusion.sampling import SamplingSettings, generate
    from matsmith.models.diffusion.weights import DiffusionModel, load_shipped

    torch.set_num_threads(threads)
    model = load_shipped()
    if full:
        network = CrystalNetwork(NetworkConfig(), model.card.lattice).eval()
        card = type(model.card)(
            network=network.config,
            lattice=model.card.lattice,
            sizes=model.card.sizes,
            elements=model.card.elements,
        )
        model = DiffusionModel(network, card)
    settings = SamplingSettings(steps=100, corrector_steps=corrector_steps, batch=batch)
    requests = [CrystalRequest(atoms=atoms)] * batch
    generate(model, requests, settings=SamplingSettings(steps=2, batch=batch), seed=1)
    wall, processor = time.perf_counter(), time.process_time()
    for seed in range(repeats):
        generate(model, requests, settings=settings, seed=seed)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "wall": repeats * batch / wall,
        "processor": repeats * batch / processor,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description="Speed and memory of sampling on a CPU.")
    parser.add_argument("--atoms", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", default="1,16,64,256")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        batch, full, corrector = (int(word) for word in given.one.split(","))
        found = measure(
            batch,
            atoms=given.atoms,
            threads=given.threads,
            full=bool(full),
            corrector_steps=corrector,
            repeats=given.repeats,
        )
        print(json.dumps(found))
        return 0
    rows: list[dict[str, float | str]] = []
    for full, corrector in ((0, 1), (0, 0), (1, 0)):
        name = f"{'full size' if full else 'shipped'}, {200 if corrector else 100} calls"
        for batch in given.batches.split(","):
            call = [
                sys.executable,
                __file__,
                "--one",
                f"{batch},{full},{corrector}",
                "--atoms",
                str(given.atoms),
            ]
            call += ["--threads", str(given.threads), "--repeats", str(given.repeats)]
            env = {**os.environ, "OMP_NUM_THREADS": str(given.threads), "OPENBLAS_NUM_THREADS": "1"}
            told = subprocess.run(call, env=env, capture_output=True, text=True, check=True).stdout
            row: dict[str, float] = json.loads(told.splitlines()[-1])
            rows.append({"network": name, "batch": float(batch), **row})
            print(
                f"{name:<22} batch {batch:>4}: {row['wall']:7.1f} crystals of {given.atoms} atoms a second "
                f"({row['processor']:.1f} per second of processor time; goal {GOAL:.0f}), peak {row['peak_mb']:.0f} MB",
                flush=True,
            )
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
