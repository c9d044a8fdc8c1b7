"""One potential for all tests of this folder, on one thread, and crystals whose answers are known."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from matsmith.models.potentials.chgnet_batch import BatchedCHGNet


@pytest.fixture(scope="session")
def potential() -> BatchedCHGNet:
    torch.set_num_threads(1)
    return BatchedCHGNet()


@pytest.fixture
def mgo() -> Structure:
    cell = 4.21 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Structure(cell, ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture
def rutile() -> Structure:
    return Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
    )


@pytest.fixture
def shaken_perovskite() -> Structure:
    cell = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.905), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    )
    generator = np.random.default_rng(3)
    lattice = cell.lattice.matrix @ (np.eye(3) + 0.02 * generator.normal(size=(3, 3)))
    return Structure(lattice, cell.species, cell.frac_coords + 0.01 * generator.normal(size=(5, 3)))
