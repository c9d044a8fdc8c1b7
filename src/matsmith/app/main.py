"""The entry point of the command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from matsmith import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare()
    if words in (["--version"], ["-V"]):
        print(f"matsmith {__version__}")
        return 0
    from matsmith.app.application import make_app

    try:
        make_app()(words, prog_name="matsmith")
    except SystemExit as ending:
        return _flushed(ending.code if isinstance(ending.code, int) else int(ending.code is not None))
    return _flushed(0)


def _prepare() -> None:
    """Make output safe on terminals that lack letters, and numerics fast."""
    # OpenBLAS' threads fight torch's, and the variable counts only before numpy loads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Threads of torch that spin while they wait are ten times slower where anything else runs beside them.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # spglib's C code writes to the terminal what it also answers.
    os.environ.setdefault("SPGLIB_WARNING", "OFF")
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            with contextlib.suppress(OSError, ValueError):
                reconfigure(errors="replace")


def _flushed(status: int) -> int:
    """Flush while a closed pipe can still be met quietly."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        from matsmith.app.guard import leave_quietly

        leave_quietly()
    return status


if __name__ == "__main__":
    sys.exit(main())
