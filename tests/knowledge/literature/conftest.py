"""What the tests of the literature wing share: PDF files made by hand, and a library without vectors."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.settings import Settings

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def pdf(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that writes plain PDF files."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("pdf_writer")


@pytest.fixture
def words_only(tmp_path: Path) -> Settings:
    """Settings under which nothing is embedded."""
    return Settings(embedding_model="none", cache_dir=tmp_path / "cache", library_dir=tmp_path / "library")


@pytest.fixture
def flate_bomb() -> Callable[[int], bytes]:
    """Makes a PDF of a few kilobytes whose page unpacks to that many megabytes of spaces."""
    return _flate_bomb


def _flate_bomb(megabytes: int) -> bytes:
    """A PDF of a few kilobytes whose page unpacks to this many megabytes of spaces."""
    packer = zlib.compressobj(9)
    head = packer.compress(b" " * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    inner = head + block * (megabytes - 1) + packer.flush()
    stream = zlib.compress(inner, 9)
    return (
        b"%%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n"
        b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >> endobj\n"
        b"4 0 obj << /Filter [/FlateDecode /FlateDecode] /Length %d >> stream\n%s\nendstream endobj\n"
        b"trailer << /Root 1 0 R >>\nstartxref\n0\n%%%%EOF\n" % (len(stream), stream)
    )
