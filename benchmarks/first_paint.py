"""The page's weight and its first paint on loopback, by a real Chromium with an empty cache each time.

    python benchmarks/first_paint.py --times 7

Counts what the browser takes over the wire until nothing is asked for any more, the 3D library apart; the first contentful paint is the
browser's own mark, from the beginning of the navigation.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api_fuzz import server
from playwright.sync_api import sync_playwright

_LIBRARY = "3Dmol"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_PAINT = (
    "performance.getEntriesByType('paint').find((mark) => mark.name === 'first-contentful-paint')?.startTime"
)
GOAL_PAINT_MS = 1000.0
GOAL_MB = 1.5


def visit(browser: Any, address: str, path: str) -> tuple[float, float, float]:
    """First contentful paint in ms, MB of the page itself, MB of the 3D library."""
    weights: list[tuple[str, int]] = []
    context = browser.new_context(base_url=address)
    page = context.new_page()

    def note(request: Any) -> None:
        weights.append((str(request.url), _taken(request)))

    page.on("requestfinished", note)
    page.goto(path, wait_until="networkidle")
    paint = float(page.evaluate(_PAINT))
    context.close()
    library = sum(taken for url, taken in weights if _LIBRARY in url)
    return paint, (sum(taken for _, taken in weights) - library) / 1e6, library / 1e6


def _taken(request: Any) -> int:
    sizes = request.sizes()
    return int(sizes["responseBodySize"]) + int(sizes["responseHeadersSize"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=7)
    times = parser.parse_args().times
    chromium = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    print(
        f"{platform.machine()}, {platform.system()}, {datetime.now(UTC):%Y-%m-%d}; {times} visits each, empty cache"
    )
    with TemporaryDirectory() as folder, server(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in ("/", "/#/design", "/#/chat"):
            visits = [visit(browser, address, path) for _ in range(times)]
            paints, own, library = zip(*visits, strict=True)
            paint, most = statistics.median(paints), max(own)
            held = paint < GOAL_PAINT_MS and most < GOAL_MB
            print(
                f"{path:10} first paint {paint:6.0f} ms (worst {max(paints):.0f}), {most:.3f} MB, 3D library {max(library):.2f} MB, "
                f"{'within' if held else 'MISSES'} {GOAL_PAINT_MS:.0f} ms and {GOAL_MB} MB"
            )
        browser.close()


if __name__ == "__main__":
    main()
