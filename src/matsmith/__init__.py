"""matsmith turns a materials-design objective written in plain language into verified crystals."""

from __future__ import annotations

__version__ = "0.1.0"
