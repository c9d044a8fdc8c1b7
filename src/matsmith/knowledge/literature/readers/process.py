"""Reads files in a process of its own, with a limit on time; it starts again after a file has killed it."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from matsmith.core.errors import BudgetExceeded, DataError, WorkerError
from matsmith.core.executor import ProcessExecutor
from matsmith.knowledge.literature.document_json import from_plain
from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.readers.files import PdfReader
from matsmith.knowledge.literature.readers.worker import ENVIRONMENT, UNLIMITED

SECONDS_A_FILE: dict[PdfReader, float] = {"pdfium": 300.0, "docling": 3600.0}


class ReaderProcess:
    """Use as a context; the process ends with it."""

    def __init__(
        self,
        *,
        reader: PdfReader = "pdfium",
        seconds: float | None = None,
        module: str = "matsmith.knowledge.literature.readers.worker",
    ) -> None:
        self._reader = reader
        self._seconds = SECONDS_A_FILE[reader] if seconds is None else seconds
        more = {} if reader == "pdfium" else {UNLIMITED: "1"}
        self._executor = ProcessExecutor.python_module(module, environment=ENVIRONMENT | more)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.close()

    def read(self, path: Path, *, shown: str) -> SourceDocument:
        """The document in a file; DataError when it cannot be read, takes too long, or brings the reader down."""
        request = {"path": str(path), "shown": shown, "reader": self._reader}
        document: SourceDocument | None = None
        failure: DataError | None = None
        try:
            for reply in self._executor.stream(request, deadline=time.monotonic() + self._seconds):
                if "error" in reply:
                    failure = DataError(str(reply["error"]), hint=str(reply.get("hint", "")))
                elif "document" in reply:
                    document = from_plain(reply["document"])
        except BudgetExceeded as error:
            raise DataError(
                f"Reading {shown} took longer than {self._seconds:.0f} seconds and was stopped.",
                hint="Print it to a new PDF.",
            ) from error
        except WorkerError as error:
            raise DataError(
                f"{shown} brought the reader down ({error.message.rstrip('.')}): it is damaged, or unpacks to more than any paper holds.",
                hint="Print it to a new PDF.",
            ) from error
        if failure is not None:
            raise failure
        if document is None:
            raise DataError(f"Nothing came of {shown}.", hint="Print it to a new PDF.")
        return document
