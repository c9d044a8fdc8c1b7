"""The CHGNet network over a batch of bonds and angles, on tensors, differentiable in the bond vectors alone."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from matsmith.models.potentials.chgnet_layers import (
    WIDTH,
    AngleUpdate,
    AtomConvolution,
    BondConvolution,
    GatedWeights,
    GraphTensors,
)

BOND_CUTOFF_ANGSTROM = 6.0
ANGLE_CUTOFF_ANGSTROM = 3.0
_ENVELOPE_POWER = 8


class CHGNetNetwork:
    """Fused weights of one CHGNet checkpoint."""

    def __init__(self, weights: dict[str, Tensor], *, device: torch.device) -> None:
        self._w = {
            key: value.detach().to(device=device, dtype=torch.float32) for key, value in weights.items()
        }
        w = self._w
        self.atom_reference = w["composition_model.fc.weight"][0]
        self._embedding = w["atom_embedding.embedding.weight"]
        self._wide_frequencies = w["bond_basis_expansion.rbf_expansion_ag.frequencies"]
        self._near_frequencies = w["bond_basis_expansion.rbf_expansion_bg.frequencies"]
        self._angle_frequencies = w["angle_basis_expansion.fourier_expansion.frequencies"]
        self._atom_convolutions = [
            self._gated(f"atom_conv_layers.{n}", inner="twoBody_atom", parts=3, first=0, second=3, out=True)
            for n in range(4)
        ]
        self._bond_convolutions = [
            self._gated(f"bond_conv_layers.{n}", inner="twoBody_bond", parts=4, first=0, second=3, out=True)
            for n in range(3)
        ]
        embedding = w["bond_embedding.weight"].t()
        self._folded = [(embedding @ gated.inputs[1]).contiguous() for gated in self._atom_convolutions]
        # The third angle update feeds nothing and is left out.
        self._angle_updates = [
            self._gated(f"angle_layers.{n}", inner="twoBody_bond", parts=4, first=1, second=None, out=False)
            for n in range(2)
        ]

    def _gated(
        self, name: str, *, inner: str, parts: int, first: int, second: int | None, out: bool
    ) -> GatedWeights:
        w, path = self._w, f"{name}.{inner}"

        def layer(half: str, index: int, kind: str) -> Tensor:
            return w[f"{path}.mlp_{half}.layers.{index}.{kind}"]

        joined = torch.cat([layer("core", first, "weight"), layer("gate", first, "weight")])
        inputs = tuple(joined[:, k * WIDTH : (k + 1) * WIDTH].t().contiguous() for k in range(parts))
        deeper = None
        if second is not None:
            deeper = [
                (layer(h, second, "weight").t().contiguous(), layer(h, second, "bias"))
                for h in ("core", "gate")
            ]
        return GatedWeights(
            inputs=inputs,
            bias=torch.cat([layer("core", first, "bias"), layer("gate", first, "bias")]),
            core=deeper[0] if deeper else None,
            gate=deeper[1] if deeper else None,
            core_norm=(w[f"{path}.bn1.weight"], w[f"{path}.bn1.bias"]),
            gate_norm=(w[f"{path}.bn2.weight"], w[f"{path}.bn2.bias"]),
            out=w[f"{name}.mlp_out.layers.1.weight"].t().contiguous() if out else None,
        )

    def __call__(
        self, graph: GraphTensors, vectors: Tensor, *, magnetic_moments: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Site energies (n,) in eV without the atomic reference, and magnetic moments (n,) in Bohr magnetons.

        `vectors` (b, 3) are the bond vectors in Å.
        """
        w, s = self._w, graph.n_short
        length = vectors.square().sum(dim=1).sqrt()
        wide = _radial_basis(length, self._wide_frequencies, cutoff=BOND_CUTOFF_ANGSTROM)
        weight = wide @ w["bond_weights_ag.weight"].t()
        near = wide[:s] @ w["bond_embedding.weight"].t()
        atoms = self._embedding[graph.atom_type]
        moments: Tensor | None = None
        angles: Tensor | None = None
        near_weight = weight[:0]
        if len(graph.first):
            basis = _radial_basis(length[:s], self._near_frequencies, cutoff=ANGLE_CUTOFF_ANGSTROM)
            near_weight = basis @ w["bond_weights_bg.weight"].t()
            cosine = _cosines(vectors[:s] / length[:s, None], graph)
            angles = (
                _angle_basis(torch.acos(cosine), self._angle_frequencies) @ w["angle_embedding.weight"].t()
            )
        for n in range(4):
            atoms = _apply(
                AtomConvolution, atoms, near, wide, weight, graph, self._atom_convolutions[n], self._folded[n]
            )
            if n == 2 and magnetic_moments:
                moments = functional.linear(atoms, w["site_wise.weight"], w["site_wise.bias"]).abs()[:, 0]
            if n < 3 and angles is not None:
                near = _apply(
                    BondConvolution, atoms, near, angles, near_weight, graph, self._bond_convolutions[n]
                )
                if n < 2:
                    angles = _apply(AngleUpdate, atoms, near, angles, graph, self._angle_updates[n])
        return self._read_out(atoms), moments

    def _read_out(self, atoms: Tensor) -> Tensor:
        w = self._w
        x = functional.layer_norm(atoms, (WIDTH,), w["readout_norm.weight"], w["readout_norm.bias"])
        for k in (0, 2, 4):
            x = functional.silu(functional.linear(x, w[f"mlp.layers.{k}.weight"], w[f"mlp.layers.{k}.bias"]))
        return functional.linear(x, w["mlp.layers.7.weight"], w["mlp.layers.7.bias"])[:, 0]


def _apply(layer: Any, *inputs: Any) -> Tensor:
    """`layer.apply` is untyped; this says what comes out."""
    return layer.apply(*inputs)


def _cosines(unit: Tensor, graph: GraphTensors) -> Tensor:
    """Cosines (a,) of the angles between directed bonds, kept inside what acos can take a slope of."""
    both = torch.cat([unit, -unit])
    pair = both.index_select(0, graph.first) * both.index_select(0, graph.second)
    return pair.sum(dim=1) * (1 - 1e-6)


def _radial_basis(length: Tensor, frequencies: Tensor, *, cutoff: float) -> Tensor:
    """Bessel functions times a polynomial envelope that goes smoothly to zero at the cutoff; shape (b, 31)."""
    p = _ENVELOPE_POWER
    x = (length / cutoff)[:, None]
    x_p = x**p
    envelope = 1 + x_p * (-(p + 1) * (p + 2) / 2 + x * (p * (p + 2) - x * (p * (p + 1) / 2)))
    return math.sqrt(2 / cutoff) * torch.sin(frequencies * x) / length[:, None] * envelope


def _angle_basis(angle: Tensor, frequencies: Tensor) -> Tensor:
    """Fourier series of the angle; shape (a, 31)."""
    phase = torch.outer(angle, frequencies)
    constant = torch.full_like(angle, 1 / math.sqrt(2))[:, None]
    return torch.cat([constant, torch.sin(phase), torch.cos(phase)], dim=1) / math.sqrt(math.pi)
