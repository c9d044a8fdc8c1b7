"""Score the extraction of property values by rules on the hand-labelled passages of extraction_set.yaml.

    python benchmarks/extraction.py [--split tuning|held-out|all] [--show] [--json-out FILE]

A value is right when material, value (both ends of a range, the open side of a bound) and dimension agree with a label. Precision is
right / returned, recall right / labelled, by kind of passage. Every third passage of a kind is held out. Exit status 1 when a kind
of the split scored falls below precision 0.90 or recall 0.75. `--show` lists misses of the tuning split alone.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from matsmith.knowledge.literature.extraction.families import Family, family_of
from matsmith.knowledge.literature.extraction.materials import formula_key
from matsmith.knowledge.literature.extraction.rules import extract_values
from matsmith.knowledge.literature.extraction.units import to_unit
from matsmith.knowledge.literature.extraction.values import ExtractedValue
from matsmith.knowledge.literature.readers.markdown import read_markdown

HERE = Path(__file__).resolve().parent
MIN_PRECISION, MIN_RECALL = 0.90, 0.75
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_VALUE = re.compile(rf"([<>])?({_NUMBER})(?:\.\.({_NUMBER}))?")


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a passage says: material (any of its names), value in the registry's unit, relation."""

    materials: tuple[str, ...]
    low: float
    high: float
    relation: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """A labelled passage."""

    kind: str
    held_out: bool
    family: Family
    text: str
    labels: tuple[Label, ...]


@dataclass(kw_only=True)
class Score:
    """Counts of one kind."""

    passages: int = 0
    labelled: int = 0
    returned: int = 0
    right: int = 0
    misses: list[str] = field(default_factory=list[str])

    @property
    def precision(self) -> float:
        """Right among returned; 1 when nothing was returned."""
        return self.right / self.returned if self.returned else 1.0

    @property
    def recall(self) -> float:
        """Right among labelled."""
        return self.right / self.labelled if self.labelled else 1.0


def read_items(path: Path) -> Iterator[Item]:
    """The passages with their labels; every third of a kind is held out."""
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["passages"]:
        for index, item in enumerate(group["items"]):
            family = family_of(item["property"])
            yield Item(
                kind=group["kind"],
                held_out=index % 3 == 2,
                family=family,
                text=item["text"],
                labels=tuple(_label(line, family) for line in item["values"]),
            )


def _label(line: str, family: Family) -> Label:
    names, value, unit = (part.strip() for part in line.split("|"))
    match = _VALUE.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} in {line!r} is no value")
    low = _converted(float(match[2]), unit, family)
    high = low if match[3] is None else _converted(float(match[3]), unit, family)
    relation = {">": "above", "<": "below", None: "equal" if match[3] is None else "range"}[match[1]]
    return Label(materials=tuple(names.split("/")), low=low, high=high, relation=relation)


def _converted(value: float, unit: str, family: Family) -> float:
    converted = to_unit(value, unit, family.unit)
    if converted is None:
        raise ValueError(f"{unit!r} is no unit of a {family.title}")
    return converted


def score(items: list[Item]) -> dict[str, Score]:
    """Extract from every passage and count, by kind."""
    scores: dict[str, Score] = {}
    for item in items:
        counts = scores.setdefault(item.kind, Score())
        document = read_markdown(f"# Passage\n\n{item.text}".encode(), path="passage.md")
        found = extract_values(document, item.family)
        left = list(item.labels)
        wrong: list[ExtractedValue] = []
        for value in found:
            label = next((label for label in left if _agrees(value, label)), None)
            if label is None:
                wrong.append(value)
            else:
                left.remove(label)
        counts.passages += 1
        counts.labelled += len(item.labels)
        counts.returned += len(found)
        counts.right += len(found) - len(wrong)
        if wrong or left:
            said = "; ".join(f"{v.material} {v.relation} {v.low:g}..{v.high:g}" for v in wrong) or "nothing"
            missed = "; ".join(f"{label.materials[0]} {label.low:g}" for label in left) or "nothing"
            counts.misses.append(f"{item.text.strip()}\n      wrong: {said}   missed: {missed}")
    return scores


def _agrees(value: ExtractedValue, label: Label) -> bool:
    if value.relation != label.relation or not any(
        _same_material(value.material, n) for n in label.materials
    ):
        return False
    return _close(value.low, label.low) and _close(value.high, label.high)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)


def _same_material(one: str, other: str) -> bool:
    if _plain(one) == _plain(other):
        return True
    key = formula_key(one)
    return bool(key) and key == formula_key(other) and "doped" not in f"{one}{other}".casefold()


def _plain(name: str) -> str:
    return re.sub(r"[\s–—-]+", "-", name.casefold()).strip("-")


def main() -> int:
    """Score a split, print the table, return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", choices=("tuning", "held-out", "all"), default="all")
    parser.add_argument("--show", action="store_true", help="list the misses of the tuning split")
    parser.add_argument("--json-out", type=Path)
    options = parser.parse_args()
    items = list(read_items(HERE / "extraction_set.yaml"))
    result: dict[str, Any] = {}
    good = True
    for split in ("tuning", "held-out"):
        if options.split not in (split, "all"):
            continue
        chosen = [item for item in items if item.held_out == (split == "held-out")]
        started = time.perf_counter()
        scores = score(chosen)
        seconds = time.perf_counter() - started
        total = Score(
            passages=sum(s.passages for s in scores.values()),
            labelled=sum(s.labelled for s in scores.values()),
            returned=sum(s.returned for s in scores.values()),
            right=sum(s.right for s in scores.values()),
        )
        print(f"{split}: {len(chosen)} passages in {seconds:.1f} s")
        print(
            f"  {'kind':10} {'passages':>8} {'labelled':>8} {'returned':>8} {'right':>6} {'precision':>9} {'recall':>7}"
        )
        for kind, counts in [*scores.items(), ("all", total)]:
            print(
                f"  {kind:10} {counts.passages:8d} {counts.labelled:8d} {counts.returned:8d} {counts.right:6d} "
                f"{counts.precision:9.3f} {counts.recall:7.3f}"
            )
            good = good and counts.precision >= MIN_PRECISION and counts.recall >= MIN_RECALL
            result.setdefault(split, {})[kind] = {
                "passages": counts.passages,
                "precision": round(counts.precision, 4),
                "recall": round(counts.recall, 4),
            }
        if options.show and split == "tuning":
            for kind, counts in scores.items():
                for miss in counts.misses:
                    print(f"  [{kind}] {miss}")
    if options.json_out is not None:
        options.json_out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
