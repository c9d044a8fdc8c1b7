"""Which of many phases make up a scan, and in what weight fractions: a search with least squares of non-negative amounts.

Each phase is a profile: its lines (both of a Kα doublet) as pseudo-Voigt peaks of one width, its spacings free by an isotropic
strain, all angles by one zero shift. Phases are added one by one: every phase is tried against what is left, the best few are
fitted with those taken before, and the best of these stays if the scan is so much better explained that chance will not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.knowledge.diffraction.scans import Scan, background, line_width
from matsmith.knowledge.diffraction.sticks import Sticks

Floats = NDArray[np.float64]
Lines = tuple[tuple[float, float], ...]

STRAIN_LIMIT = 0.008
ZERO_LIMIT_DEG = 0.25
# Thermal expansion, composition and calibration rarely move spacings by more; used as a penalty, not as a limit.
_USUAL_STRAIN, _USUAL_ZERO_DEG = 0.003, 0.08
_STRAIN_PRICE = 0.03
_COARSE_STRAINS = np.linspace(-0.006, 0.006, 13)
_COARSE_WIDTH_DEG = 0.3
_BEST_FEW = 6
# Relative error of a calculated profile: texture, thermal motion, shapes. It keeps strong lines from deciding alone.
_MODEL_ERROR = 0.05
_LORENTZ_SHARE = 0.5
# A weak phase counts when it takes this share of the misfit under its stronger lines, and so much chi-squared in all.
# A phase of less than this share of the intensity has to show that it is needed when all shapes are fitted.
_WEAK_SHARE = 0.1
_UNDER_LINES, _LOCAL_IMPROVEMENT, _LEAST_DROP = 0.2, 0.6, 60.0
_BACKGROUND_TERMS = 4


@dataclass(frozen=True, kw_only=True)
class Part:
    """One phase of a mixture: share by weight, strain of its spacings, and what it explains of the intensity."""

    sticks: Sticks
    weight_fraction: float
    strain: float
    intensity_share: float


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """The phases found, largest first; `unexplained` is the share of the net intensity that none of them explains.

    `alternatives` are phases that explain the scan nearly as well in the place of one that was taken: (taken, other, worse by).
    `net` and `fitted` (n,) are the counts less their background and what the phases explain of them.
    """

    parts: tuple[Part, ...]
    zero_shift_deg: float
    width_deg: float
    unexplained: float
    misfit: float
    alternatives: tuple[tuple[str, str, float], ...]
    net: Floats
    fitted: Floats


@dataclass
class _Fit:
    phases: list[int]
    strains: Floats
    zero: float
    width: float
    scales: Floats
    cost: float
    misfit: Floats
    profiles: Floats


def _merit(fit: _Fit, before: float) -> float:
    """Misfit with what an unusual strain of the last phase takes off its gain: isostructural phases differ by it alone."""
    return (
        fit.cost + _STRAIN_PRICE * max(0.0, before - fit.cost) * float(fit.strains[-1] / _USUAL_STRAIN) ** 2
    )


class MixtureSearch:
    """A search of one scan against a list of phases."""

    def __init__(self, scan: Scan, phases: Sequence[Sticks], *, lines: Lines) -> None:
        if not phases:
            raise DataError(
                "There is no phase to look for.", hint="Name the elements more widely, or give structures."
            )
        self.scan = scan
        self.phases = list(phases)
        self.lines = lines
        level = background(scan)
        self.net = scan.counts - level
        if self.net.max() < 5.0 * np.sqrt(max(float(np.median(scan.counts)), 1.0)):
            raise DataError(
                "The scan has no line above its noise.", hint="It may be amorphous, or counted too shortly."
            )
        self.width = line_width(scan, self.net)
        positive = np.clip(self.net, 0.0, None)
        variance = np.clip(scan.counts, 1.0, None) + (_MODEL_ERROR * positive) ** 2
        # Far below the strongest line nothing is known better than to a thousandth of it.
        variance += (1e-3 * positive.max()) ** 2
        self.weight = 1.0 / np.sqrt(variance)
        place = np.linspace(-1.0, 1.0, scan.counts.size)
        terms: Floats = np.column_stack([np.cos(n * np.arccos(place)) for n in range(_BACKGROUND_TERMS)])
        self.slack = np.concatenate([terms, -terms], axis=1) * np.sqrt(np.median(variance))
        self._coarse: tuple[Floats, list[tuple[int, float]]] | None = None

    def run(self, *, most: int = 4, improvement: float, least_fraction: float = 0.01) -> Mixture:
        """Find up to `most` phases; each must lower the misfit by the share `improvement`."""
        found: _Fit | None = None
        cost = float(np.sum((self.weight * self.net) ** 2))
        ranked: list[tuple[float, int]] = []
        alternatives: list[tuple[str, str, float]] = []
        for _ in range(most):
            tried = [self._refined(found, phase, strain) for phase, strain in self._promising(found)]
            tried = [fit for fit in tried if fit.scales[-1] > 0]
            if not tried:
                break
            before = cost
            tried.sort(key=lambda fit: _merit(fit, before))
            best = tried[0]
            if not self._counts(found, best, improvement) or self._fractions(best).min() < least_fraction:
                break
            name = self.phases[best.phases[-1]].name
            for other in tried[1:]:
                worse = (_merit(other, before) - _merit(best, before)) / max(before - best.cost, 1e-12)
                if worse < 0.15:
                    alternatives.append((name, self.phases[other.phases[-1]].name, round(worse, 3)))
            found, cost = best, best.cost
            ranked.append((cost, best.phases[-1]))
        if found is None:
            raise DataError(
                "None of the phases explains the scan.",
                hint="Name other elements, give structures, or check radiation and angles.",
            )
        return self._told(self._pruned(found, improvement), alternatives)

    def _pruned(self, found: _Fit, improvement: float) -> _Fit:
        """The finished fit without weak phases that, all edges and widths being free, are no longer needed."""
        finished = self._finished(found)
        while len(found.phases) > 1:
            explained = (finished.profiles * finished.scales).sum(axis=0)
            weakest = int(explained.argmin())
            if explained[weakest] > _WEAK_SHARE * explained.sum():
                break
            fewer = self._without(found, weakest)
            without = self._finished(fewer)
            if self._counts(without, finished, improvement, place=weakest):
                break
            found, finished = fewer, without
        return finished

    def _without(self, found: _Fit, place: int) -> _Fit:
        phases = [phase for index, phase in enumerate(found.phases) if index != place]
        strains = np.delete(found.strains, place)
        misfit, scales, profiles = self._solved(phases, strains, found.zero, found.width)
        return replace(
            found,
            phases=phases,
            strains=strains,
            scales=scales,
            cost=float(misfit @ misfit),
            misfit=misfit,
            profiles=profiles,
        )

    def _finished(self, found: _Fit) -> _Fit:
        """The same phases with each independent cell edge strained on its own, and a width that grows with angle."""
        from scipy.optimize import least_squares  # pyright: ignore[reportUnknownVariableType]

        axes = [self.phases[phase].axis_response.shape[1] for phase in found.phases]
        ends = [sum(axes[:place]) for place in range(len(axes) + 1)]
        wide = float(np.log(found.width / self.width))
        first = [float(s) for s, count in zip(found.strains, axes, strict=True) for _ in range(count)]
        scale = np.array([1e-3] * ends[-1] + [0.05, 1.0, 1.0])
        limit = np.array([STRAIN_LIMIT] * ends[-1] + [ZERO_LIMIT_DEG, np.log(2.5), np.log(2.5)])

        def unpack(vector: Floats) -> tuple[list[Floats], float, tuple[float, float]]:
            raw = np.asarray(vector * scale, dtype=float)
            low, high = (self.width * float(np.exp(value)) for value in raw[-2:])
            return [raw[begin:end] for begin, end in pairwise(ends)], float(raw[-3]), (low, high)

        def residual(vector: Floats) -> Floats:
            strains, zero, widths = unpack(vector)
            misfit, _, _ = self._solved(found.phases, strains, zero, widths)
            penalties = [each / _USUAL_STRAIN for each in strains]
            return np.concatenate([misfit, *penalties, [zero / _USUAL_ZERO_DEG]])

        start = np.clip(np.array([*first, found.zero, wide, wide]), -0.98 * limit, 0.98 * limit)
        solver: Any = cast("Any", least_squares)
        answer = solver(
            residual,
            start / scale,
            bounds=(-limit / scale, limit / scale),
            diff_step=1e-2,
            max_nfev=30,
            xtol=1e-4,
            ftol=1e-4,
        )
        strains, zero, widths = unpack(np.asarray(answer.x, dtype=float))
        misfit, scales, profiles = self._solved(found.phases, strains, zero, widths)
        cost = float(misfit @ misfit)
        if cost > found.cost or not (scales > 0).all():
            return found
        means = [
            float(np.average(self.phases[phase].axis_response @ strain, weights=self.phases[phase].intensity))
            for phase, strain in zip(found.phases, strains, strict=True)
        ]
        return _Fit(
            phases=found.phases,
            strains=np.array(means),
            zero=zero,
            width=0.5 * sum(widths),
            scales=scales,
            cost=cost,
            misfit=misfit,
            profiles=profiles,
        )

    def _counts(self, before: _Fit | None, after: _Fit, improvement: float, *, place: int = -1) -> bool:
        """Whether a phase of a fit, the last one unless said otherwise, is there: it explains enough of the whole, or nearly all of what lies under its lines.

        The second is for phases that scatter weakly. What makes up for the shape of another's lines explains little there.
        """
        old = self.weight * self.net if before is None else before.misfit
        drop = float(old @ old) - after.cost
        if drop > improvement * float(old @ old):
            return True
        profile = after.profiles[:, place]
        under = profile > _UNDER_LINES * profile.max()
        local_before, local_after = (float(np.sum(each[under] ** 2)) for each in (old, after.misfit))
        return local_after < (1.0 - _LOCAL_IMPROVEMENT) * local_before and drop > _LEAST_DROP

    def _promising(self, found: _Fit | None) -> list[tuple[int, float]]:
        """The phases, each at its best strain, that explain most of what is left."""
        columns, labels = self._columns()
        taken: list[Floats] = [self.slack[:, :_BACKGROUND_TERMS]]
        held: set[int] = set()
        if found is not None:
            held = set(found.phases)
            taken.append(
                np.column_stack(
                    [
                        self._profile(phase, strain, found.zero, max(found.width, _COARSE_WIDTH_DEG))
                        for phase, strain in zip(found.phases, found.strains, strict=True)
                    ]
                )
            )
        weighted = self.weight[:, None] * np.concatenate(taken, axis=1)
        basis, _ = np.linalg.qr(weighted)
        smooth = self._blurred()
        target = self.weight * smooth
        rest = target - basis @ (basis.T @ target)
        scaled = columns * self.weight[:, None]
        along = scaled.T @ rest
        inside = basis.T @ scaled
        length = np.einsum("ij,ij->j", scaled, scaled) - np.einsum("ij,ij->j", inside, inside)
        gain = np.where((along > 0) & (length > 1e-9), along**2 / np.maximum(length, 1e-9), 0.0)
        best: dict[int, tuple[float, float]] = {}
        for (phase, strain), value in zip(labels, gain, strict=True):
            worth = float(value) * float(np.exp(-0.5 * (strain / (3 * _USUAL_STRAIN)) ** 2))
            if phase not in held and worth > best.get(phase, (0.0, 0.0))[0]:
                best[phase] = (worth, strain)
        order = sorted(best, key=lambda phase: -best[phase][0])[:_BEST_FEW]
        return [(phase, best[phase][1]) for phase in order]

    def _columns(self) -> tuple[Floats, list[tuple[int, float]]]:
        if self._coarse is None:
            width = max(self.width, _COARSE_WIDTH_DEG)
            labels = [(phase, float(s)) for phase in range(len(self.phases)) for s in _COARSE_STRAINS]
            columns = np.column_stack([self._profile(phase, strain, 0.0, width) for phase, strain in labels])
            self._coarse = (columns, labels)
        return self._coarse

    def _blurred(self) -> Floats:
        """The scan made as broad as the coarse profiles, so that shifted lines still overlap."""
        extra = np.sqrt(max(_COARSE_WIDTH_DEG**2 - self.width**2, 0.0)) / 2.3548 / self.scan.step_deg
        if extra < 0.3:
            return self.net
        reach = int(np.ceil(4 * extra))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / extra) ** 2)
        return _convolve(self.net, kernel / kernel.sum())

    def _refined(self, found: _Fit | None, phase: int, strain: float) -> _Fit:
        from scipy.optimize import least_squares  # pyright: ignore[reportUnknownVariableType]

        phases = [*([] if found is None else found.phases), phase]
        strains = [*([] if found is None else [float(s) for s in found.strains]), strain]
        zero = 0.0 if found is None else found.zero
        width = self.width if found is None else found.width
        count = len(phases)
        scale = np.array([1e-3] * count + [0.05, 1.0])
        limit = np.array([STRAIN_LIMIT] * count + [ZERO_LIMIT_DEG, np.log(2.5)])

        def unpack(vector: Floats) -> tuple[Floats, float, float]:
            raw = vector * scale
            return raw[:count], float(raw[count]), self.width * float(np.exp(raw[count + 1]))

        def residual(vector: Floats) -> Floats:
            values = unpack(vector)
            misfit, _, _ = self._solved(phases, *values)
            penalty = np.concatenate([values[0] / _USUAL_STRAIN, [values[1] / _USUAL_ZERO_DEG]])
            return np.concatenate([misfit, penalty])

        start = np.clip(np.array([*strains, zero, np.log(width / self.width)]), -0.98 * limit, 0.98 * limit)
        solver: Any = cast("Any", least_squares)
        answer = solver(
            residual,
            start / scale,
            bounds=(-limit / scale, limit / scale),
            diff_step=1e-2,
            max_nfev=25,
            xtol=1e-4,
            ftol=1e-4,
        )
        values = unpack(np.asarray(answer.x, dtype=float))
        misfit, scales, profiles = self._solved(phases, *values)
        return _Fit(
            phases=phases,
            strains=values[0],
            zero=values[1],
            width=values[2],
            scales=scales,
            cost=float(misfit @ misfit),
            misfit=misfit,
            profiles=profiles,
        )

    def _solved(
        self,
        phases: list[int],
        strains: Floats | Sequence[Floats],
        zero: float,
        width: float | tuple[float, float],
    ) -> tuple[Floats, Floats, Floats]:
        """Weighted misfit, non-negative scales (k,) and profiles (n, k) for given shifts."""
        from scipy.optimize import nnls  # pyright: ignore[reportUnknownVariableType]

        profiles = np.column_stack(
            [self._profile(phase, s, zero, width) for phase, s in zip(phases, strains, strict=True)]
        )
        norms = np.maximum(np.linalg.norm(profiles, axis=0), 1e-12)
        matrix = self.weight[:, None] * np.concatenate([profiles / norms, self.slack], axis=1)
        # The normal equations are small: as many rows as columns, instead of one a point of the scan.
        gram = matrix.T @ matrix
        gram += 1e-10 * np.trace(gram) / gram.shape[0] * np.eye(gram.shape[0])
        root = np.asarray(np.linalg.cholesky(gram), dtype=float).T
        wanted = np.asarray(matrix.T @ (self.weight * self.net), dtype=float)
        side = np.asarray(np.linalg.solve(root.T, wanted), dtype=float)
        solver: Any = cast("Any", nnls)
        amounts = np.asarray(solver(root, side)[0], dtype=float)
        misfit = self.weight * self.net - matrix @ amounts
        return misfit, amounts[: len(phases)] / norms, profiles

    def _profile(
        self, phase: int, strain: float | Floats, zero: float, width: float | tuple[float, float]
    ) -> Floats:
        """Intensity of one phase at each angle (n,), its lines spread by the pseudo-Voigt shape through a convolution.

        Of two widths the first holds at the first angle, the second at the last; a line between has a share of both shapes.
        """
        sticks = self.phases[phase]
        count, step, first = self.scan.counts.size, self.scan.step_deg, float(self.scan.two_theta_deg[0])
        widths = width if isinstance(width, tuple) else (width,)
        rows = np.zeros((len(widths), count + 1))
        for wavelength, share in self.lines:
            places = (sticks.two_theta(wavelength, strain=strain) + zero - first) / step
            inside = np.isfinite(places) & (places >= 0) & (places < count - 1)
            low = places[inside].astype(np.int64)
            part = places[inside] - low
            along = places[inside] / (count - 1)
            strength = share * sticks.intensity[inside]
            shares = [1.0 - along, along] if len(widths) == 2 else [np.ones_like(along)]
            for row, mixed in zip(rows, shares, strict=True):
                np.add.at(row, low, mixed * strength * (1 - part))
                np.add.at(row, low + 1, mixed * strength * part)
        spread = [_convolve(row[:count], self._shape(w)) for row, w in zip(rows, widths, strict=True)]
        return spread[0] if len(spread) == 1 else spread[0] + spread[1]

    def _shape(self, width: float) -> Floats:
        """Pseudo-Voigt shape of unit area on the grid of the scan."""
        step = self.scan.step_deg
        reach = min(self.scan.counts.size // 2, int(np.ceil(12 * width / step)))
        offset = np.arange(-reach, reach + 1) * step
        gauss = np.exp(-4 * np.log(2) * (offset / width) ** 2) * 2 * np.sqrt(np.log(2) / np.pi) / width
        lorentz = 1.0 / (1 + 4 * (offset / width) ** 2) * 2 / (np.pi * width)
        return _LORENTZ_SHARE * lorentz + (1 - _LORENTZ_SHARE) * gauss

    def _fractions(self, fit: _Fit) -> Floats:
        masses = np.array(
            [
                scale * self.phases[phase].mass_factor
                for phase, scale in zip(fit.phases, fit.scales, strict=True)
            ]
        )
        return masses / max(float(masses.sum()), 1e-300)

    def _told(self, fit: _Fit, alternatives: list[tuple[str, str, float]]) -> Mixture:
        fractions = self._fractions(fit)
        explained = fit.profiles * fit.scales
        total = float(np.clip(self.net, 0.0, None).sum())
        model = explained.sum(axis=1)
        left = float(np.clip(self.net - model, 0.0, None).sum())
        noise = float(np.sqrt(np.clip(self.scan.counts, 1.0, None)).sum()) * 0.4
        parts = [
            Part(
                sticks=self.phases[phase],
                weight_fraction=float(fractions[index]),
                strain=float(fit.strains[index]),
                intensity_share=float(explained[:, index].sum() / max(model.sum(), 1e-300)),
            )
            for index, phase in enumerate(fit.phases)
        ]
        taken = {part.sticks.name for part in parts}
        return Mixture(
            parts=tuple(sorted(parts, key=lambda part: -part.weight_fraction)),
            zero_shift_deg=fit.zero,
            width_deg=fit.width,
            unexplained=max(0.0, left - noise) / max(total, 1e-300),
            misfit=float(np.sqrt(fit.cost / self.net.size)),
            alternatives=tuple(one for one in alternatives if one[1] not in taken),
            net=self.net,
            fitted=model,
        )


def _convolve(row: Floats, kernel: Floats) -> Floats:
    from scipy.signal import fftconvolve  # pyright: ignore[reportUnknownVariableType]

    return np.asarray(cast("Any", fftconvolve)(row, kernel, mode="same"), dtype=float)
