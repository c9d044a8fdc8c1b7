"""CHGNet on many crystals at once, with one backward pass for forces and stresses.

Equation: E = Σ_i [MLP(LayerNorm(h_i)) + e_ref(Z_i)], with h_i from four rounds of gated messages over bonds within 6 Å and angles
between bonds within 3 Å. Source: B. Deng et al., Nature Machine Intelligence 5, 1031 (2023); the weights are those that the
`chgnet` package carries (version 0.3.0). Domain: inorganic solids of 89 elements near the relaxation paths of the Materials
Project, PBE or PBE+U with the project's corrections (MP2020) already in the energies.

Forces and stress come from the one gradient with respect to the bond vectors: with g = dE/dv for v = r_i - r_j - image,
F_i = -Σ g, F_j = +Σ g and dE/dε = Σ v ⊗ g.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase.data import chemical_symbols, covalent_radii
from torch import Tensor

from matsmith.core.errors import PotentialError
from matsmith.models.potentials.chgnet_layers import GraphTensors, Segments
from matsmith.models.potentials.chgnet_network import (
    ANGLE_CUTOFF_ANGSTROM,
    BOND_CUTOFF_ANGSTROM,
    CHGNetNetwork,
)
from matsmith.models.potentials.interface import (
    CrystalArrays,
    Evaluation,
    FloatArray,
    IntArray,
    PotentialRefusal,
    Refusal,
)
from matsmith.models.potentials.periodic_graph import (
    GraphBatch,
    NeighbourList,
    assemble,
    check_cell,
    find_neighbours,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

_WEIGHTS = {"0.3.0": "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"}
_NOT_TRAINED = frozenset(range(84, 89))  # Po At Rn Fr Ra: rows exist in the embedding, data did not
_COVERED = frozenset(range(1, 95)) - _NOT_TRAINED
_SKIN_ANGSTROM = 0.6
_RADII: FloatArray = np.asarray(covalent_radii, dtype=np.float64)
_CPU_BATCH_COST = 12_000  # keeps the rows of a layer in the cache
_GPU_BATCH_COST = 2_000_000


@dataclass(slots=True, eq=False)
class CHGNetState:
    """What is kept between evaluations of one moving crystal."""

    neighbours: NeighbourList | None = None


class BatchedCHGNet:
    """CHGNet as a `Potential`: float32 on CPU or GPU, batches filled by the number of bonds and angles."""

    name = "chgnet"

    def __init__(self, *, version: str = "0.3.0", device: str = "cpu", batch_cost: int | None = None) -> None:
        path = _weights_path(version)
        self.version = version
        self.weights_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        self.elements = frozenset(chemical_symbols[z] for z in _COVERED)
        self.device = torch.device(device)
        # weights_only: the checkpoint is a pickle by format, and nothing but tensors may come out of it.
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        self._network = CHGNetNetwork(checkpoint["model"]["state_dict"], device=self.device)
        self._atom_reference: FloatArray = self._network.atom_reference.cpu().double().numpy()
        default = _CPU_BATCH_COST if self.device.type == "cpu" else _GPU_BATCH_COST
        self.batch_cost = batch_cost or default

    def evaluate(
        self,
        structures: Sequence[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> list[Evaluation]:
        """Evaluate every crystal, in order.

        Raises PotentialRefusal for the first that overlaps, has collapsed, has an isolated atom or an element that the
        potential does not know; StructureError for a disordered one.
        """
        results: list[Evaluation] = []
        each = self.evaluate_each(structures, forces=forces, stress=stress, magnetic_moments=magnetic_moments)
        for index, result in enumerate(each):
            if isinstance(result, Refusal):
                raise PotentialRefusal(result, index=index)
            results.append(result)
        return results

    def evaluate_each(
        self,
        structures: Iterable[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> Iterator[Evaluation | Refusal]:
        """Evaluate every crystal, in order and as they come; a refusal stands in its place.

        Energies alone (no forces, no stress) need no backward pass and are several times faster.
        """
        crystals = (CrystalArrays.from_structure(structure) for structure in structures)
        return self.evaluate_arrays(crystals, forces=forces, stress=stress, magnetic_moments=magnetic_moments)

    def evaluate_arrays(
        self,
        crystals: Iterable[CrystalArrays],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> Iterator[Evaluation | Refusal]:
        """As `evaluate_each`, on plain arrays."""
        group: list[CrystalArrays] = []
        held: list[NeighbourList | Refusal] = []
        load = 0
        gradient = forces or stress
        for crystal in crystals:
            refusal = check_cell(crystal, covered=_COVERED)
            found = refusal or find_neighbours(crystal, reach_angstrom=BOND_CUTOFF_ANGSTROM)
            group.append(crystal)
            held.append(found)
            load += 0 if isinstance(found, Refusal) else _estimated_cost(found)
            if load >= self.batch_cost:
                yield from self._run(group, held, gradient=gradient, magnetic_moments=magnetic_moments)
                group, held, load = [], [], 0
        if group:
            yield from self._run(group, held, gradient=gradient, magnetic_moments=magnetic_moments)

    def new_state(self, crystal: CrystalArrays) -> CHGNetState:
        """An empty state; the neighbour list is built on first use."""
        del crystal
        return CHGNetState()

    def cost(self, crystal: CrystalArrays, state: CHGNetState) -> int:
        """Bonds and angles of the crystal, from its last evaluation, or guessed from its density before."""
        if state.neighbours is not None and state.neighbours.n_bonds:
            return 2 * state.neighbours.n_bonds + state.neighbours.n_angles
        return int(
            crystal.n_atoms * min(2000.0 * crystal.n_atoms / max(crystal.volume_angstrom3, 1e-3), 3000.0)
        )

    def evaluate_states(
        self,
        crystals: Sequence[CrystalArrays],
        states: Sequence[CHGNetState],
        *,
        magnetic_moments: bool = False,
    ) -> list[Evaluation | Refusal]:
        """Energy, forces and stress of moving crystals in one batch; neighbour lists are kept while they are valid."""
        held: list[NeighbourList | Refusal] = []
        for crystal, state in zip(crystals, states, strict=True):
            refusal = check_cell(crystal, covered=_COVERED)
            if refusal is not None:
                held.append(refusal)
                continue
            known = state.neighbours
            if known is None or not known.covers(crystal, cutoff_angstrom=BOND_CUTOFF_ANGSTROM):
                known = find_neighbours(crystal, reach_angstrom=BOND_CUTOFF_ANGSTROM + _SKIN_ANGSTROM)
                state.neighbours = known
            held.append(known)
        return self._run(crystals, held, gradient=True, magnetic_moments=magnetic_moments)

    def _run(
        self,
        crystals: Sequence[CrystalArrays],
        held: Sequence[NeighbourList | Refusal],
        *,
        gradient: bool,
        magnetic_moments: bool,
    ) -> list[Evaluation | Refusal]:
        """Evaluate one batch; refusals among `held`, and those found on the way, stand in their places."""
        results: list[Evaluation | Refusal | None] = [h if isinstance(h, Refusal) else None for h in held]
        live = [k for k, h in enumerate(held) if not isinstance(h, Refusal)]
        if live:
            batch, refused = assemble(
                [crystals[k] for k in live],
                [h for h in held if not isinstance(h, Refusal)],
                cutoff_angstrom=BOND_CUTOFF_ANGSTROM,
                angle_cutoff_angstrom=ANGLE_CUTOFF_ANGSTROM,
                radii_angstrom=_RADII,
            )
            evaluations: list[Evaluation] = []
            if len(refused) < len(live):
                evaluations = self._evaluate_batch(
                    batch, gradient=gradient, magnetic_moments=magnetic_moments
                )
            for n, k in enumerate(live):
                results[k] = refused[n] if n in refused else evaluations[n]
        return [r for r in results if r is not None]

    def _evaluate_batch(
        self, batch: GraphBatch, *, gradient: bool, magnetic_moments: bool
    ) -> list[Evaluation]:
        graph = self._tensors(batch)
        vectors = torch.as_tensor(batch.vector_angstrom, dtype=torch.float32).to(self.device)
        slope: FloatArray | None = None
        with torch.set_grad_enabled(gradient):
            vectors.requires_grad_(gradient)
            site_energy, moments = self._network(graph, vectors, magnetic_moments=magnetic_moments)
            if gradient:
                (slope_tensor,) = torch.autograd.grad(site_energy.sum(), vectors)
                slope = _to_numpy(slope_tensor)
        total = len(batch.n_atoms)
        site = _to_numpy(site_energy) + self._atom_reference[batch.numbers - 1]
        energy = np.bincount(batch.atom_owner, weights=site, minlength=total)
        forces, stress = _forces_and_stress(batch, slope) if slope is not None else (None, None)
        moment = _to_numpy(moments) if moments is not None else None
        end = np.cumsum(batch.n_atoms)
        spans = [slice(int(e - n), int(e)) for e, n in zip(end, batch.n_atoms, strict=True)]
        return [
            Evaluation(
                energy_ev=float(energy[k]),
                forces_ev_per_angstrom=None if forces is None else forces[span],
                stress_ev_per_angstrom3=None if stress is None else stress[k],
                magnetic_moments=None if moment is None else moment[span],
            )
            for k, span in enumerate(spans)
        ]

    def _tensors(self, batch: GraphBatch) -> GraphTensors:
        def tensor(array: IntArray) -> Tensor:
            return torch.as_tensor(array, dtype=torch.int64).to(self.device)

        def segments(index: IntArray, *, total: int) -> Segments:
            count = np.bincount(index, minlength=total)
            return Segments(
                order=tensor(np.argsort(index, kind="stable")), begin=tensor(np.cumsum(count) - count)
            )

        n, b, s = len(batch.numbers), len(batch.bond_i), batch.n_short
        first_bond, second_bond = batch.first % max(s, 1), batch.second % max(s, 1)
        ends = np.concatenate([batch.bond_i, batch.bond_j])
        by_end = segments(ends, total=n)
        return GraphTensors(
            atom_type=tensor(batch.numbers - 1),
            n_short=s,
            ends=tensor(ends),
            others=tensor(np.concatenate([batch.bond_j, batch.bond_i])),
            centre=tensor(batch.centre),
            first=tensor(batch.first),
            second=tensor(batch.second),
            first_bond=tensor(first_bond),
            second_bond=tensor(second_bond),
            by_end=by_end,
            by_other=Segments(order=(by_end.order + b) % max(2 * b, 1), begin=by_end.begin),
            by_centre=segments(batch.centre, total=n),
            by_first=segments(batch.first, total=2 * s),
            by_first_bond=segments(first_bond, total=s),
            by_second_bond=segments(second_bond, total=s),
        )


def _to_numpy(tensor: Tensor) -> FloatArray:
    return tensor.detach().cpu().double().numpy()


def _estimated_cost(neighbours: NeighbourList) -> int:
    return 4 * len(neighbours.i)


def _forces_and_stress(batch: GraphBatch, slope: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Forces (n, 3) in eV/Å and stresses (crystals, 3, 3) in eV/Å³ from the slope (b, 3) along the bond vectors."""
    n, m = len(batch.numbers), len(batch.n_atoms)
    forces = np.empty((n, 3))
    for k in range(3):
        pulled = np.bincount(batch.bond_j, weights=slope[:, k], minlength=n)
        forces[:, k] = pulled - np.bincount(batch.bond_i, weights=slope[:, k], minlength=n)
    virial = np.empty((m, 3, 3))
    for a in range(3):
        for b in range(3):
            weights = batch.vector_angstrom[:, a] * slope[:, b]
            virial[:, a, b] = np.bincount(batch.bond_owner, weights=weights, minlength=m)
    stress = 0.5 * (virial + virial.transpose(0, 2, 1)) / batch.volume_angstrom3[:, None, None]
    return forces, stress


def _weights_path(version: str) -> Path:
    if version not in _WEIGHTS:
        raise PotentialError(
            f"CHGNet has no version {version!r} here.", hint=f"Known: {', '.join(_WEIGHTS)}."
        )
    spec = importlib.util.find_spec("chgnet")
    if spec is None or not spec.submodule_search_locations:
        raise PotentialError(
            "The chgnet package is not installed.", hint="Install matsmith with its dependencies."
        )
    path = Path(spec.submodule_search_locations[0]) / _WEIGHTS[version]
    if not path.is_file():
        raise PotentialError("The chgnet package is installed without its weights.", hint="Reinstall chgnet.")
    return path
