"""The process that owns the cores: reads requests as JSON lines, streams outcomes back.

Started by `ProcessExecutor`; it ends when its parent does, even in the middle of a computation.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from importlib import import_module
from queue import SimpleQueue
from typing import Any, TextIO

from matsmith.core.crystal import Crystal
from matsmith.core.record import Record
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool

# OpenBLAS' threads fight torch's: CHGNet is 2.8 times slower unless this is set before numpy loads.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # Threads that spin while they wait are ten times slower where anything else runs beside them.
    "OMP_WAIT_POLICY": "passive",
    "PYTHONUNBUFFERED": "1",
    "MPLBACKEND": "Agg",
}


def request_for(
    tool: str,
    calls: list[dict[str, Any]],
    *,
    inputs: dict[str, Crystal | Record],
    settings: Settings,
    seed: int,
) -> dict[str, Any]:
    """Make the request that `serve` understands; secrets stay behind."""
    public = settings.model_dump(mode="json", exclude={"openai_api_key", "mp_api_key"}, exclude_none=True)
    return {
        "tool": tool,
        "calls": calls,
        "crystals": {
            key: value.model_dump(mode="json") for key, value in inputs.items() if isinstance(value, Crystal)
        },
        "records": {
            key: value.model_dump(mode="json") for key, value in inputs.items() if isinstance(value, Record)
        },
        "settings": public,
        "seed": seed,
    }


def work(request: dict[str, Any], output: TextIO) -> None:
    """Answer one request."""
    number = request["number"]

    def say(**message: Any) -> None:
        output.write(json.dumps({"number": number, **message}) + "\n")
        output.flush()

    try:
        tool = get_tool(request["tool"])
        inputs: dict[str, Crystal | Record] = {
            **{key: Crystal.model_validate(value) for key, value in request["crystals"].items()},
            **{key: Record.model_validate(value) for key, value in request["records"].items()},
        }
        # `_env_file` is a keyword of BaseSettings and no field: what the parent has settled is not read again from a file.
        settings = Settings(**request["settings"], _env_file=None)  # pyright: ignore[reportCallIssue]
        deps = Deps(settings=settings, inputs=inputs, seed=request["seed"], note=lambda text: say(note=text))
        batch = [tool.args.model_validate(call) for call in request["calls"]]
        for index, outcome in tool.run_many(batch, deps=deps):
            say(index=index, outcome=outcome.model_dump(mode="json"))
        say(done=True)
    except Exception as error:  # noqa: BLE001 - a defect is reported to the parent, which raises it there
        traceback.print_exc(file=sys.stderr)
        say(crash=f"{type(error).__name__}: {error}")


def serve() -> None:
    """Answer requests from standard input until it closes."""
    # Libraries print to standard output; only answers may go there.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(line)
        os._exit(0)  # the parent is gone: nobody waits for what is still running

    threading.Thread(target=read, daemon=True).start()
    threading.Thread(target=_preload, daemon=True).start()
    while True:
        work(json.loads(requests.get()), output)


def _preload() -> None:
    """Load the heavy libraries while the parent still plans."""
    for name in ("pymatgen.core", "torch", "matsmith.models.potentials.chgnet_batch"):
        import_module(name)


if __name__ == "__main__":
    serve()
