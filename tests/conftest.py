"""Property-based tests draw the same examples on every machine of a check, and fresh ones at a desk."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")
