"""Fetches the public tables once: streamed, resumed where it broke off, checked, converted, put in place whole."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.matbench_files import DOWNLOADS, Download, convert

_CHUNK_BYTES = 1 << 16
_RESUMES = "Run `matsmith data get` again: it goes on where it stopped."
_OFFLINE = "Check the network, or copy the tables into the data folder by hand; matsmith works without them on what it ships."


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a download is; the total is None when the server does not tell it."""

    table: str
    received_bytes: int
    total_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A table in place. `new` is False when it was there already; nothing was then asked of the network."""

    table: str
    path: Path
    rows: int
    dropped: int
    new: bool


def get_data(
    data_dir: Path,
    *,
    names: Collection[str] | None = None,
    downloads: Collection[Download] = DOWNLOADS,
    progress: Callable[[Progress], None] | None = None,
    timeout_s: float = 30.0,
    force: bool = False,
) -> list[Fetched]:
    """Fetch tables into the data folder: those named, or all that the program uses. Tables that are there stay, unless forced.

    Tables that were fetched before a failure stay in place. Raises `UsageError` for a name that is not offered, and
    `DataError` when the network, the server, the file or the disk fails; `retryable` says whether it may work later.
    """
    offered = {download.table: download for download in downloads}
    unknown = [name for name in names or () if name not in offered]
    if unknown:
        raise UsageError(
            f"There is no table {unknown[0]!r} to fetch.", hint=f"Choose from {', '.join(offered)}."
        )
    chosen = [entry for entry in downloads if (entry.needed if names is None else entry.table in names)]
    partial = partial_folder(data_dir)
    done: list[Fetched] = []
    for download in chosen:
        target = data_dir / download.file
        if target.is_file() and not force:
            done.append(Fetched(table=download.table, path=target, rows=0, dropped=0, new=False))
            continue
        packed = partial / f"{download.table}.json.gz"
        fetch(
            download.url,
            packed,
            table=download.table,
            sha256=download.sha256,
            progress=progress,
            timeout_s=timeout_s,
        )
        try:
            made = convert(packed, target, download=download)
        finally:
            packed.unlink(missing_ok=True)
        done.append(
            Fetched(table=download.table, path=target, rows=made.rows, dropped=made.dropped, new=True)
        )
    return done


def partial_folder(data_dir: Path) -> Path:
    """Where files lie while they are received. Raises `DataError` where the data folder cannot be written."""
    partial = data_dir / ".downloads"
    try:
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The data folder {data_dir} cannot be written: {error.strerror}.",
            hint="Choose another: set MATSMITH_DATA.",
        ) from error
    return partial


def fetch(
    url: str,
    target: Path,
    *,
    table: str,
    sha256: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    timeout_s: float = 30.0,
) -> None:
    """Fetch one file to `target`. What was received stays in `target.part`, and the next call goes on from there.

    `table` is what the progress and a complaint call it; `timeout_s` is the longest silence that is waited for. Raises `DataError`.
    """
    part = target.with_name(f"{target.name}.part")
    mark = target.with_name(f"{target.name}.etag")
    try:
        _receive(url, part, mark, table=table, progress=progress, timeout_s=timeout_s)
        digest = hashlib.sha256()
        with part.open("rb") as held:
            while chunk := held.read(1 << 20):
                digest.update(chunk)
        if sha256 is not None and digest.hexdigest() != sha256:
            part.unlink()
            raise DataError(
                f"What {url} sent for {table} is not the file that matsmith knows.",
                hint="Run `matsmith data get` again; if it stays so, the public file has changed: report it.",
                retryable=True,
            )
        part.replace(target)
        mark.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        raise DataError(
            f"{url} answered {error.code}.",
            hint="Try again later."
            if error.code >= 500 or error.code == 429
            else "The address may have changed: report it.",
            retryable=error.code >= 500 or error.code == 429,
        ) from error
    except TimeoutError as error:
        raise DataError(f"{url} fell silent for {timeout_s:g} s.", hint=_RESUMES, retryable=True) from error
    except urllib.error.URLError as error:
        reason = "it fell silent" if isinstance(error.reason, TimeoutError) else str(error.reason)
        raise DataError(f"{url} cannot be reached: {reason}.", hint=_OFFLINE, retryable=True) from error
    except (ConnectionError, http.client.HTTPException) as error:
        raise DataError(f"The connection to {url} broke.", hint=_RESUMES, retryable=True) from error
    except OSError as error:
        raise DataError(
            f"{target} cannot be written: {error.strerror}.",
            hint="Free some space, or choose another data folder.",
        ) from error


def _receive(
    url: str,
    part: Path,
    mark: Path,
    *,
    table: str,
    progress: Callable[[Progress], None] | None,
    timeout_s: float,
) -> None:
    """Bring `part` to its full length."""
    held = part.stat().st_size if part.is_file() else 0
    version = mark.read_text(encoding="utf-8") if held and mark.is_file() else ""
    if not version:
        # Without the server's mark of the version, old bytes and new ones could be of two files.
        held = 0
    headers = {"User-Agent": "matsmith", "Accept-Encoding": "identity"}
    if held:
        headers |= {"Range": f"bytes={held}-", "If-Range": version}
    if not url.startswith(("https://", "http://")):
        raise UsageError(f"{url} is no address on the web.", hint="Give one that starts with https://.")
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (the scheme is checked above)
    try:
        answer: Any = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and held:
            # Nothing comes after what is held: it is no part of this file, or all of it; begin again.
            part.unlink()
            _receive(url, part, mark, table=table, progress=progress, timeout_s=timeout_s)
            return
        raise
    with answer:
        if url.startswith("https:") and not str(answer.url).startswith("https:"):
            raise DataError(f"{url} leads to an unprotected address.", hint="Report it.")
        goes_on = answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(
            f"bytes {held}-"
        )
        received = held if goes_on else 0
        length = answer.headers.get("Content-Length")
        total = received + int(length) if length and length.isdigit() else None
        mark.write_text(answer.headers.get("ETag") or "", encoding="utf-8")
        with part.open("ab" if goes_on else "wb") as target:
            # read1 hands over what has come, so that bytes before a break are kept.
            while chunk := answer.read1(_CHUNK_BYTES):
                target.write(chunk)
                received += len(chunk)
                if progress is not None:
                    progress(Progress(table=table, received_bytes=received, total_bytes=total))
    if total is not None and received != total:
        raise DataError(f"{url} broke off after {received} of {total} bytes.", hint=_RESUMES, retryable=True)
