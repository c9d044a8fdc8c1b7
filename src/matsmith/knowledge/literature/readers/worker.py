"""The process in which foreign files are read: what crashes, hangs or eats memory there takes nothing else with it.

It reads requests as JSON lines, `{"path": ..., "shown": ..., "reader": ..., "number": ...}`, and answers each with a document or the reason why not.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

from matsmith.core.errors import MatsmithError
from matsmith.knowledge.literature.document_json import to_plain
from matsmith.knowledge.literature.readers.files import read_file

MEMORY_BYTES = 1_500_000_000
UNLIMITED = "MATSMITH_READER_UNLIMITED"
"""Set for a reader whose models need more memory than a paper does."""
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def answer(request: dict[str, Any], output: TextIO) -> None:
    """Answer one request."""

    def say(**message: Any) -> None:
        output.write(json.dumps({"number": request["number"], **message}) + "\n")
        output.flush()

    try:
        document = read_file(
            Path(request["path"]), shown=request["shown"], reader=request.get("reader", "pdfium")
        )
        say(document=to_plain(document))
    except MatsmithError as error:
        say(error=error.message, hint=error.hint)
    except (MemoryError, RecursionError):
        say(
            error=f"{request['shown']} needs more memory to read than any paper.",
            hint="Print it to a new PDF.",
        )
    except Exception as error:  # noqa: BLE001 - a defect in a reader costs one file, and is said
        traceback.print_exc(file=sys.stderr)
        say(
            error=f"{request['shown']} cannot be read ({type(error).__name__}: {str(error)[:200]}).",
            hint="Print it to a new PDF.",
        )
    say(done=True)


def limit_memory() -> None:
    """Let this process have no more memory than a paper needs, where the system can do that."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def serve() -> None:
    """Answer requests from standard input until it closes."""
    # Libraries print to standard output; only answers may go there.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if not os.environ.get(UNLIMITED):
        limit_memory()
    for line in sys.stdin:
        answer(json.loads(line), output)


if __name__ == "__main__":
    serve()
