"""Kill a run with signal 9 at random moments, resume it, and check that nothing was lost or computed twice.

python benchmarks/kill.py --kills 20
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from matsmith.core.ledger import Ledger
from matsmith.core.record import Record, Status
from matsmith.core.run import Stop

OBJECTIVE = "a stable binary oxide with a bulk modulus above 180 GPa"


def matsmith(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the command line in a process group of its own."""
    command = [sys.executable, "-m", "matsmith.app.main", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def killed_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill the whole group after so many seconds; False when it had ended by itself."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def examine(folder: Path) -> tuple[int, int, list[str], str]:
    """Records, records computed twice, problems of the chain and how the run ended."""
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        records = [Record.model_validate_json(entry.body) for entry in ledger.entries("record")]
        finished = Counter(record.id for record in records if record.status is not Status.RETRYABLE)
        stop = next((Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")), None)
        found = ledger.verify()
    repeated = sum(count - 1 for count in finished.values())
    return len(finished), repeated, list(found.problems), stop.reason.value if stop else "no stop"


def main() -> int:
    """Run, kill, resume, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kills-per-run", type=int, default=4)
    parser.add_argument("--budget", default="75s")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    left, number, bad = options.kills, 0, 0
    print(
        f"{'run':>3} {'killed after (s, each session)':34s} {'records':>7} {'twice':>6} {'chain':>7}  ended"
    )
    with tempfile.TemporaryDirectory() as scratch:
        while left > 0:
            folder = Path(scratch) / f"run{number}"
            arguments = [
                "design",
                OBJECTIVE,
                "--yes",
                "--budget",
                options.budget,
                "--out",
                str(folder),
                "--seed",
                str(number),
            ]
            moments: list[float] = []
            for _ in range(min(options.kills_per_run, left)):
                moment = dice.uniform(2.0, 22.0)
                process = matsmith(*arguments)
                if not killed_after(process, moment):
                    break
                moments.append(moment)
                left -= 1
                began = (folder / "ledger.sqlite").is_file()
                arguments = ["resume", str(folder)] if began else arguments
            time.sleep(0.5)
            last = matsmith(*arguments)
            _, errors = last.communicate()
            records, twice, problems, ended = examine(folder)
            verified = subprocess.run(
                [sys.executable, "-m", "matsmith.app.main", "verify", str(folder)],
                capture_output=True,
                check=False,
            ).returncode
            good = not twice and not problems and verified == 0 and last.returncode in (0, 3)
            bad += not good
            shown = ", ".join(f"{moment:.1f}" for moment in moments)
            print(
                f"{number:>3} {shown:34s} {records:>7} {twice:>6} {'intact' if not problems and verified == 0 else 'BROKEN':>7}  {ended} (exit {last.returncode})"
            )
            if not good:
                print(errors.decode()[-2000:], problems)
            number += 1
    print(
        f"{options.kills - left} kills in {number} runs: {number - bad} completed with every record computed once and the chain intact"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
