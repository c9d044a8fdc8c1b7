"""Where the weights of a training come from when they are not drawn at random: those of another model, its conditions matched by name."""

from __future__ import annotations

from typing import cast

import torch

from matsmith.core.errors import DataError
from matsmith.models.diffusion.network import CrystalNetwork
from matsmith.models.diffusion.weights import DiffusionModel


def begin_from(base: DiffusionModel, network: CrystalNetwork, *, adapter: bool) -> None:
    """Fill a network from another's weights, conditions by their names; those that are new begin without effect.

    With `adapter` everything else must be there, and only the last adapter is new.
    """
    state, old = base.network.state_dict(), base.card.network
    if not adapter and old.adapters == network.config.adapters == 0:
        rows, categories = state.pop("scalar_in"), {}
        with torch.no_grad():
            for column, name in enumerate(network.config.scalars):
                if name in old.scalars:
                    network.scalar_in[column] = rows[old.scalars.index(name)]
        for index, _ in enumerate(old.categories):
            categories[old.categories[index]] = state.pop(f"category_in.{index}")
        for index, kind in enumerate(network.config.categories):
            if kind in categories:
                state[f"category_in.{index}"] = categories[kind]
    new = ("scalar_in", "category_in.") if not adapter else (f"adapters.{network.config.adapters - 1}.",)
    problem = DataError(
        "The weights to begin from are of another architecture.", hint="Name others, or none."
    )
    try:
        found = cast("tuple[list[str], list[str]]", network.load_state_dict(state, strict=False))
    except RuntimeError as error:
        raise problem from error
    missing, strange = found
    if strange or not all(name.startswith(new) for name in missing):
        raise problem
