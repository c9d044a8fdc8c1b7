"""Several processes that train one network, one GPU each, as `torchrun` starts them; alone, everything here is a formality."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from matsmith.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Team:
    """Which process this is (`rank`, from 0) of how many; the first one writes files and speaks."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def share(self, network: nn.Module) -> nn.Module:
        """Return a network whose gradients are averaged over the team; alone, the network itself."""
        if self.size == 1:
            return network
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(network)

    def agree(self, number: int, *, device: torch.device) -> int:
        """Return the first process's number to all."""
        if self.size == 1:
            return number
        told = torch.tensor(number, device=device)
        torch.distributed.broadcast(told, 0)
        return int(told)

    def any(self, here: bool, *, device: torch.device) -> bool:
        """Whether it holds for any process. Every process must ask at the same step."""
        if self.size == 1:
            return here
        flag: Tensor = torch.tensor(float(here), device=device)
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
        return bool(flag)


def join_team(device: torch.device) -> tuple[Team, torch.device]:
    """Join the processes that `torchrun` started beside this one; return the team and this process's own device."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team(), device
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise UsageError(
                f"{size} processes were started for {torch.cuda.device_count()} GPUs.",
                hint="Give torchrun --nproc-per-node the number of GPUs of this machine.",
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Team(rank, size), device


def leave_team() -> None:
    """Part from the other processes, if there are any."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
