"""Which precursors make a target: for each element that has to be brought, a choice among the precursors known to bring it.

    P(precursor v brings element e | target, route) = softmax over those known for e of f_v(target, route)

f is a small network over the target's descriptors, one a fold; a set's share is the product over its elements, times how often two
of its members go together beyond that (pairs), summed over both routes. The templates by element follow Kim et al. 2022,
npj Comput. Mater. 8, 1 (element-wise retrosynthesis); weights and pairs were fitted here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.reactions import precursor_amounts
from matsmith.models.predictors.compositions import Compositions, FloatArray
from matsmith.models.predictors.synthesis.precursor_names import FREE, source_elements

FloatMatrix = NDArray[np.float32]
_LEAVES = frozenset(("Cl", "Br", "I", "S", "F"))
"""Elements of a precursor that may go away although the target has none of them."""
_BEAM = 40
_CHOICES = 8
_MOST_SPREAD = 6.0
ELEMENTS = 97


@dataclass(frozen=True, kw_only=True)
class PrecursorSet:
    """Precursors as they are mostly written, and the share of the probability that falls on this set."""

    precursors: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class PrecursorModel:
    """`names`, `keys` (v,), `known` (ELEMENTS, v) which bring an element, the layers of each fold, `pairs` (v, v) in log.

    Weights of one fold: `w0` (features, hidden), `b0`, `w1` (hidden, hidden), `b1`, `w2` (hidden, v), `b2`.
    """

    names: list[str]
    keys: list[str]
    known: NDArray[np.bool_]
    centre: FloatMatrix
    spread: FloatMatrix
    members: list[dict[str, NDArray[Any]]]
    pairs: FloatMatrix
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    sha256: str = ""

    def log_shares(self, features: FloatMatrix, *, members: Sequence[int] | None = None) -> FloatArray:
        """Logits (n, v) of the precursors, the mean over the members asked for."""
        wanted = range(len(self.members)) if members is None else members
        return np.mean([self._forward(self.members[one], features) for one in wanted], axis=0)

    def _forward(self, layers: Mapping[str, NDArray[Any]], features: FloatMatrix) -> FloatArray:
        found = features.astype(np.float32)
        for step in ("0", "1"):
            found = np.maximum(
                found @ layers[f"w{step}"].astype(np.float32) + layers[f"b{step}"].astype(np.float32), 0.0
            )
        return (found @ layers["w2"].astype(np.float32) + layers["b2"].astype(np.float32)).astype(np.float64)

    def sets(
        self, target: Mapping[str, float], by_route: Sequence[tuple[float, FloatArray]], *, count: int
    ) -> list[PrecursorSet]:
        """The likeliest sets for a target from the logits (v,) of each route with that route's chance; shares sum to at most 1."""
        totals: dict[frozenset[int], float] = {}
        for chance, logits in by_route:
            if chance < 1e-3:
                continue
            for members, logarithm in self._beam(target, logits).items():
                totals[members] = totals.get(members, 0.0) + chance * math.exp(logarithm)
        whole = sum(totals.values())
        ranked = sorted(totals.items(), key=lambda one: (-one[1], sorted(one[0])))
        return [
            PrecursorSet(precursors=tuple(self.names[v] for v in sorted(members, key=lambda v: self.names[v])), share=share / whole)
            for members, share in ranked[:count]
        ]  # fmt: skip

    def _beam(self, target: Mapping[str, float], logits: FloatArray) -> dict[frozenset[int], float]:
        """Sets with the log of their probability, normalised over those found."""
        wanted = source_elements(target)
        choices = {symbol: self._choices(symbol, target, logits) for symbol in wanted}
        if not wanted or not all(choices.values()):
            return {}
        beam: list[tuple[float, frozenset[int], frozenset[str]]] = [(0.0, frozenset(), frozenset())]
        for symbol in sorted(wanted, key=lambda one: len(choices[one])):
            grown: dict[tuple[frozenset[int], frozenset[str]], float] = {}
            for logarithm, members, covered in beam:
                if symbol in covered:
                    grown[members, covered] = max(grown.get((members, covered), -math.inf), logarithm)
                    continue
                for v, own in choices[symbol].items():
                    brought = {other for other in wanted if v in choices[other]} - covered
                    # One precursor for several elements is one event: its chance is at most that of the least likely.
                    joint = min(choices[other][v] for other in brought) if brought else own
                    together = sum(float(self.pairs[v, other]) for other in members)
                    place = (members | {v}, covered | brought)
                    grown[place] = max(grown.get(place, -math.inf), logarithm + joint + together)
            beam = sorted(((value, *place) for place, value in grown.items()), key=lambda one: -one[0])[
                :_BEAM
            ]
        found: dict[frozenset[int], float] = {}
        for logarithm, members, _ in beam:
            found[members] = max(found.get(members, -math.inf), logarithm)
        top = max(found.values())
        whole = top + math.log(sum(math.exp(value - top) for value in found.values()))
        return {members: value - whole for members, value in found.items()}

    def _choices(self, symbol: str, target: Mapping[str, float], logits: FloatArray) -> dict[int, float]:
        """The likeliest precursors that bring an element, with the log of their chance."""
        candidates = np.flatnonzero(self.known[SYMBOLS.index(symbol) + 1])
        fitting = [v for v in candidates.tolist() if self._fits(v, target)]
        if not fitting:
            return {}
        own = logits[fitting] - logits[fitting].max()
        own -= math.log(float(np.exp(own).sum()))
        order = np.argsort(-own)[:_CHOICES]
        return {
            fitting[place]: float(own[place])
            for place in order.tolist()
            if own[place] > own[order[0]] - _MOST_SPREAD
        }

    def _fits(self, v: int, target: Mapping[str, float]) -> bool:
        amounts = precursor_amounts(self.names[v]) or {}
        return set(amounts) <= set(target) | FREE | _LEAVES


def features_of(
    compositions: Compositions, columns: NDArray[np.float32], *, centre: FloatMatrix, spread: FloatMatrix, sol_gel: FloatArray
) -> FloatMatrix:  # fmt: skip
    """What the network sees, (n, features): scaled descriptors, fraction and presence of each element, the route."""
    shares = np.zeros((len(compositions), ELEMENTS), dtype=np.float32)
    rows = np.arange(len(compositions))[:, None]
    np.add.at(
        shares,
        (np.broadcast_to(rows, compositions.elements.shape), compositions.elements),
        compositions.fractions,
    )
    shares[:, 0] = 0.0
    scaled = np.clip((columns - centre) / spread, -4.0, 4.0)
    return np.concatenate(
        [scaled, 3.0 * shares, (shares > 0).astype(np.float32), sol_gel[:, None].astype(np.float32)], axis=1
    ).astype(np.float32)
