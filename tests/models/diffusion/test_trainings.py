"""Trainings as a person asks for them: a property added to frozen weights, weights to begin from, two processes at once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion.batches import to_batch
from matsmith.models.diffusion.beginnings import begin_from
from matsmith.models.diffusion.data_format import CrystalTable, save_table
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig, Prediction, State
from matsmith.models.diffusion.objective import TrainingConfig
from matsmith.models.diffusion.training import CURVE, WEIGHTS, train
from matsmith.models.diffusion.trainings import go_on, named, sizes, train_adapter
from matsmith.models.diffusion.weights import DiffusionModel, load_weights, save_weights

QUICK = TrainingConfig(steps=30, batch=16, rate=1e-2, decay=0.5)


def _state(model: DiffusionModel, table: CrystalTable, value: float) -> State:
    batch = to_batch(
        table, size=2, network=model.card.network, scale=model.card.lattice, scalars=model.card.scalars
    ).rows(torch.arange(12))
    scalars = torch.full_like(batch.scalars, torch.nan)
    scalars[:, -1:] = value
    return State(
        batch.numbers,
        batch.frac,
        batch.lattice,
        batch.present,
        torch.linspace(0.05, 1, 12),
        scalars,
        batch.categories,
    )


def _silent(_: str) -> None: ...


def _parts(found: Prediction) -> tuple[torch.Tensor, ...]:
    return found.coordinates, found.lattice, found.logits


@torch.no_grad()
def test_an_adapter_leaves_the_base_bit_for_bit_alone_and_acts_when_its_property_is_given(
    toy_table: CrystalTable, random_model: DiffusionModel, tmp_path: Path
) -> None:
    data, base = tmp_path / "toy.npz", tmp_path / "base.safetensors"
    save_table(toy_table, data)
    save_weights(random_model.network, random_model.card, base)
    with torch.enable_grad():
        outcome = train_adapter(
            data,
            tmp_path / "out",
            base=base,
            name="edge_a",
            config=QUICK,
            device="cpu",
            report=_silent,
        )
    assert outcome.finished
    before, after = load_weights(base), load_weights(tmp_path / "out" / WEIGHTS)
    assert after.card.network.scalars == (*before.card.network.scalars, "edge_a")
    assert after.card.scalars.mean[:2] == before.card.scalars.mean
    assert (after.card.lattice, after.card.sizes) == (before.card.lattice, before.card.sizes)
    assert after.card.trained_on["adapters"][0]["property"] == "edge_a"
    old = before.network.state_dict()
    assert all(torch.equal(after.network.state_dict()[name], value) for name, value in old.items())
    state = _state(after, toy_table, torch.nan)
    asked = before.network(replace(state, scalars=state.scalars[:, :2]))
    assert all(torch.equal(a, b) for a, b in zip(_parts(asked), _parts(after.network(state)), strict=True))
    told = after.network(_state(after, toy_table, 2.0))
    assert float((told.lattice - asked.lattice).abs().max()) > 1e-3
    # A second one beside the first.
    with torch.enable_grad():
        table = replace(
            toy_table, properties={**toy_table.properties, "more": toy_table.properties["edge_a"] ** 2}
        )
        save_table(table, data)
        train_adapter(
            data, tmp_path / "two", base=tmp_path / "out" / WEIGHTS, name="more", config=QUICK, device="cpu",
            report=_silent,
        )  # fmt: skip
    both = load_weights(tmp_path / "two" / WEIGHTS)
    assert both.card.network.adapters == 2
    state = _state(both, toy_table, torch.nan)
    assert all(torch.equal(a, b) for a, b in zip(_parts(asked), _parts(both.network(state)), strict=True))


def test_an_adapter_goes_on_from_its_own_base_alone_and_wrong_properties_are_refused(
    toy_table: CrystalTable, random_model: DiffusionModel, tmp_path: Path
) -> None:
    data, base, out = tmp_path / "toy.npz", tmp_path / "base.safetensors", tmp_path / "out"
    save_table(toy_table, data)
    save_weights(random_model.network, random_model.card, base)
    quiet: dict[str, Any] = {"device": "cpu", "report": _silent}
    for name, match in (("density_g_cm3", "already"), ("crystal_system", "already")):
        with pytest.raises(UsageError, match=match):
            train_adapter(data, out, base=base, name=name, config=QUICK, **quiet)
    with pytest.raises(DataError, match="no property hardness"):
        train_adapter(data, out, base=base, name="hardness", config=QUICK, **quiet)
    train_adapter(
        data, out, base=base, name="edge_a", config=replace(QUICK, steps=100_000), minutes=0.005, **quiet
    )
    assert go_on(data, out, base=base, minutes=0.005, device="cpu", report=_silent).step > 1
    with torch.no_grad():
        random_model.network.lattice_out.bias.add_(1)
    save_weights(random_model.network, random_model.card, base)
    with pytest.raises(DataError, match="other weights"):
        go_on(data, out, base=base, minutes=0.005, device="cpu", report=_silent)


def test_weights_to_begin_from_are_matched_by_the_names_of_their_conditions(
    random_model: DiffusionModel,
) -> None:
    wanted = replace(
        random_model.card.network,
        scalars=("band_gap_ev", "hardness_gpa"),
        categories=(("space_group", 231), ("crystal_system", 7)),
    )
    network = CrystalNetwork(wanted, random_model.card.lattice)
    begin_from(random_model, network, adapter=False)
    old = random_model.network.state_dict()
    assert torch.equal(network.scalar_in[0], old["scalar_in"][1])
    assert not bool(network.scalar_in[1].any())
    assert torch.equal(network.state_dict()["category_in.1"], old["category_in.0"])
    assert torch.equal(network.layers[1].state_dict()["ends.weight"], old["layers.1.ends.weight"])
    for other in (replace(wanted, width=16), replace(wanted, layers=1)):
        with pytest.raises(DataError, match="another architecture"):
            begin_from(random_model, CrystalNetwork(other, random_model.card.lattice), adapter=False)


def test_categories_are_told_from_numbers() -> None:
    network = sizes(("density_g_cm3", "crystal_system"), width=16, layers=1)
    assert (network.scalars, network.categories) == (("density_g_cm3",), (("crystal_system", 7),))


def test_two_processes_train_one_network_and_the_first_alone_writes(
    toy_table: CrystalTable, tmp_path: Path
) -> None:
    """Both end with the same weights, which are not those of one process: each saw crystals of its own."""
    if not torch.distributed.is_available():
        pytest.skip("this torch has no distributed package")
    data, out = tmp_path / "toy.npz", tmp_path / "run"
    save_table(toy_table, data)
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path; "
        "from matsmith.models.diffusion.trainer import Trainer; from matsmith.models.diffusion.training_command import main; "
        "old = Trainer.validate; kept = []\n"
        "def first(self, *a):\n    kept.append(self); return old(self, *a)\n"
        "Trainer.validate = first\n"
        "step = Trainer.step\n"
        "def noted(self):\n    kept.append(self); return step(self)\n"
        "Trainer.step = noted\n"
        "status = main(sys.argv[2:])\n"
        "total = sum(float(p.detach().double().sum()) for p in kept[-1].network.parameters())\n"
        "Path(sys.argv[1]).write_text(f'{status} {total:.12f} {kept[-1].team.size}')\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = [
        "--data",
        str(data),
        "--out",
        str(out),
        "--device",
        "cpu",
        "--steps",
        "6",
        "--batch",
        "8",
        "--width",
        "16",
    ]
    asked += ["--layers", "1", "--conditions", "edge_a", "--log-every", "3"]
    processes: list[subprocess.Popen[str]] = []
    for rank in range(2):
        env = {
            **os.environ,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": "2",
            "OMP_NUM_THREADS": "1",
        }
        env |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        call = [sys.executable, "-c", code, str(tmp_path / f"end-{rank}"), *asked]
        processes.append(
            subprocess.Popen(call, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    ends = [(tmp_path / f"end-{rank}").read_text().split() for rank in range(2)]
    assert ends[0] == ends[1]
    assert ends[0][2] == "2"
    assert "step 6" in told[0][0]
    assert "saved" not in told[1][0]
    assert {WEIGHTS, CURVE} <= {path.name for path in out.iterdir()}
    network = NetworkConfig(width=16, layers=1, hidden=24, condition_width=8, scalars=("edge_a",))
    config = TrainingConfig(steps=6, batch=8)
    train(
        toy_table,
        tmp_path / "one",
        network=network,
        config=config,
        device="cpu",
        data=named(data),
        report=_silent,
    )
    alone = load_weights(tmp_path / "one" / WEIGHTS).network.state_dict()
    shared = load_weights(out / WEIGHTS).network.state_dict()
    assert any(not torch.equal(alone[name], shared[name]) for name in alone)
