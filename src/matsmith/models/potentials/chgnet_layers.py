"""The three message-passing layers of CHGNet, forward and backward by hand, with frozen weights.

A gated perceptron is out = silu(LN(core)) · sigmoid(LN(gate)). Its first layer acts on concatenated features of atoms, bonds and
angles; here it is split by what it acts on and applied before the features are gathered, so no wide row is built per bond or
angle. Going forward, every layer keeps the derivatives it will need in place of the values they come from; sums over
neighbours run over sorted segments, so they are the same on every run, on a GPU too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

WIDTH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Rows grouped by the segment they add to: `order` (rows,) sorts them, `begin` (segments,) is where each group starts."""

    order: Tensor
    begin: Tensor

    def sum(self, rows: Tensor) -> Tensor:
        """Sum of the rows (rows, width) of every segment, shape (segments, width)."""
        return functional.embedding_bag(self.order, rows, self.begin, mode="sum")


@dataclass(frozen=True, slots=True, eq=False)
class GraphTensors:
    """A batch on its device; n atoms, b bonds of which the first `n_short` = s are short, a angles, indices int64.

    `ends` and `others` (2·b,): near and far atom of each directed bond, first all seen from i, then all from j.
    `centre` (2·s,): atom of each directed short bond. `first`, `second` (a,): directed short bonds of each angle;
    `first_bond`, `second_bond` (a,): the same without their direction. The `by_...` are the sums over those indices.
    """

    atom_type: Tensor
    n_short: int
    ends: Tensor
    others: Tensor
    centre: Tensor
    first: Tensor
    second: Tensor
    first_bond: Tensor
    second_bond: Tensor
    by_end: Segments
    by_other: Segments
    by_centre: Segments
    by_first: Segments
    by_first_bond: Segments
    by_second_bond: Segments


@dataclass(frozen=True, slots=True, eq=False)
class GatedWeights:
    """Weights of one gated perceptron, matrices transposed, core and gate side by side in the first layer.

    `inputs`: one (64, 128) block for each kind of feature. `core`, `gate`: (64, 64) and bias, None where there is one layer only.
    """

    inputs: tuple[Tensor, ...]
    bias: Tensor
    core: tuple[Tensor, Tensor] | None
    gate: tuple[Tensor, Tensor] | None
    core_norm: tuple[Tensor, Tensor]
    gate_norm: tuple[Tensor, Tensor]
    out: Tensor | None


@dataclass(slots=True, eq=False)
class _Kept:
    """What the backward pass of a gated perceptron needs."""

    core: tuple[Tensor, Tensor, Tensor]
    gate: tuple[Tensor, Tensor, Tensor]
    slope_core: Tensor
    slope_gate: Tensor
    slope_hidden: Tensor | None


def _gated_forward(w: GatedWeights, hidden: Tensor, *, keep: bool) -> tuple[Tensor, _Kept | None]:
    """Output (rows, 64) from the summed first layer (rows, 128), which is overwritten."""
    slope_hidden = None
    if w.core is not None and w.gate is not None:
        sigma = torch.sigmoid(hidden)
        hidden.mul_(sigma)
        core = torch.addmm(w.core[1], hidden[:, :WIDTH], w.core[0])
        gate = torch.addmm(w.gate[1], hidden[:, WIDTH:], w.gate[0])
        if keep:  # silu'(x) = σ + silu(x)·(1 - σ)
            slope_hidden = hidden.addcmul_(hidden, sigma, value=-1).add_(sigma)
    else:
        core, gate = hidden[:, :WIDTH].contiguous(), hidden[:, WIDTH:].contiguous()
    core_out, core_mean, core_scale = torch.native_layer_norm(core, (WIDTH,), *w.core_norm, 1e-5)
    gate_out, gate_mean, gate_scale = torch.native_layer_norm(gate, (WIDTH,), *w.gate_norm, 1e-5)
    sigma_core, open_gate = torch.sigmoid(core_out), gate_out.sigmoid_()
    silu = core_out.mul_(sigma_core)
    out = silu * open_gate
    if not keep:
        return out, None
    slope_core = silu.addcmul_(silu, sigma_core, value=-1).add_(sigma_core).mul_(open_gate)
    slope_gate = torch.addcmul(out, out, open_gate, value=-1, out=open_gate)
    kept = _Kept(
        core=(core, core_mean, core_scale),
        gate=(gate, gate_mean, gate_scale),
        slope_core=slope_core,
        slope_gate=slope_gate,
        slope_hidden=slope_hidden,
    )
    return out, kept


def _gated_backward(w: GatedWeights, kept: _Kept, slope: Tensor) -> Tensor:
    """Slope (rows, 128) on the summed first layer from the slope (rows, 64) on the output."""
    core = _layer_norm_backward(kept.slope_core.mul_(slope), kept.core, w.core_norm)
    gate = _layer_norm_backward(kept.slope_gate.mul_(slope), kept.gate, w.gate_norm)
    if w.core is None or w.gate is None or kept.slope_hidden is None:
        return torch.cat([core, gate], dim=1)
    hidden = core.new_empty(len(core), 2 * WIDTH)
    torch.mm(core, w.core[0].t(), out=hidden[:, :WIDTH])
    torch.mm(gate, w.gate[0].t(), out=hidden[:, WIDTH:])
    return hidden.mul_(kept.slope_hidden)


def _layer_norm_backward(
    slope: Tensor, kept: tuple[Tensor, Tensor, Tensor], norm: tuple[Tensor, Tensor]
) -> Tensor:
    values, mean, scale = kept
    operator: Any = torch.ops.aten.native_layer_norm_backward
    return operator(slope, values, (WIDTH,), mean, scale, *norm, (True, False, False))[0]


def _out(w: GatedWeights) -> Tensor:
    if w.out is None:
        raise TypeError("this gated perceptron has no output layer")
    return w.out


class AtomConvolution(torch.autograd.Function):
    """h_i += W Σ_j weight_ij · gated(h_i, bond_ij, h_j), over all bonds.

    `near` (s, 64) are features of the short bonds; those of the far ones are linear in the radial basis, and `folded` (31, 128)
    takes `wide` (b, 31) straight to the first layer.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        atoms: Tensor,
        near: Tensor,
        wide: Tensor,
        weight: Tensor,
        graph: GraphTensors,
        w: GatedWeights,
        folded: Tensor,
    ) -> Tensor:
        """New features; what the slope needs stays on `ctx` when a slope will be asked for."""
        b, s = len(wide), graph.n_short
        of_bond = wide.new_empty(b, 2 * WIDTH)
        torch.mm(near, w.inputs[1], out=of_bond[:s])
        torch.mm(wide[s:], folded, out=of_bond[s:])
        hidden = torch.addmm(w.bias, atoms, w.inputs[0]).index_select(0, graph.ends)
        hidden.add_((atoms @ w.inputs[2]).index_select(0, graph.others))
        hidden.view(2, b, 2 * WIDTH).add_(of_bond)
        out, kept = _gated_forward(w, hidden, keep=any(ctx.needs_input_grad))
        if kept is not None:
            ctx.kept, ctx.out, ctx.weight, ctx.graph, ctx.w, ctx.folded = kept, out, weight, graph, w, folded
            message = out.view(2, b, WIDTH) * weight
        else:
            message = out.view(2, b, WIDTH).mul_(weight)
        return torch.addmm(atoms, graph.by_end.sum(message.view(2 * b, WIDTH)), _out(w))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Slopes on the tensors that went in, from the slope on what came out."""
        graph, w, weight = ctx.graph, ctx.w, ctx.weight
        b, s = len(weight), graph.n_short
        message = (slope @ _out(w).t()).index_select(0, graph.ends)
        on_weight = ctx.out.mul_(message).view(2, b, WIDTH).sum(dim=0)
        message.view(2, b, WIDTH).mul_(weight)
        hidden = _gated_backward(w, ctx.kept, message)
        on_atoms = torch.addmm(slope, graph.by_end.sum(hidden), w.inputs[0].t())
        on_atoms.addmm_(graph.by_other.sum(hidden), w.inputs[2].t())
        on_bond = hidden.view(2, b, 2 * WIDTH).sum(dim=0)
        on_wide = on_bond.new_zeros(b, len(ctx.folded))
        torch.mm(on_bond[s:], ctx.folded.t(), out=on_wide[s:])
        return on_atoms, on_bond[:s] @ w.inputs[1].t(), on_wide, on_weight, None, None, None


def _angle_hidden(
    w: GatedWeights, graph: GraphTensors, atoms: Tensor, near: Tensor, angles: Tensor
) -> Tensor:
    """First layer (a, 128) of a perceptron over (bond, bond, angle, atom)."""
    of_first = torch.addmm(w.bias, atoms, w.inputs[3]).index_select(0, graph.centre)
    of_first.view(2, -1, 2 * WIDTH).add_(near @ w.inputs[0])
    hidden = angles @ w.inputs[2]
    hidden.add_(of_first.index_select(0, graph.first))
    return hidden.add_((near @ w.inputs[1]).index_select(0, graph.second_bond))


def _angle_hidden_backward(
    w: GatedWeights, graph: GraphTensors, hidden: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Slopes on atoms, short bonds and angles from the slope on the first layer (a, 128)."""
    on_first = graph.by_first.sum(hidden)
    on_atoms = graph.by_centre.sum(on_first) @ w.inputs[3].t()
    on_near = on_first.view(2, -1, 2 * WIDTH).sum(dim=0) @ w.inputs[0].t()
    on_near.addmm_(graph.by_second_bond.sum(hidden), w.inputs[1].t())
    return on_atoms, on_near, hidden @ w.inputs[2].t()


class BondConvolution(torch.autograd.Function):
    """bond_u += W Σ weight_u · weight_v · gated(bond_u, bond_v, angle, h_centre), over the angles at both ends of u."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        atoms: Tensor,
        near: Tensor,
        angles: Tensor,
        weight: Tensor,
        graph: GraphTensors,
        w: GatedWeights,
    ) -> Tensor:
        """New features; what the slope needs stays on `ctx` when a slope will be asked for."""
        hidden = _angle_hidden(w, graph, atoms, near, angles)
        out, kept = _gated_forward(w, hidden, keep=any(ctx.needs_input_grad))
        message = weight.index_select(0, graph.second_bond).mul_(out)
        total = graph.by_first_bond.sum(message)
        if kept is not None:
            ctx.kept, ctx.out, ctx.weight, ctx.graph, ctx.w, ctx.total = kept, out, weight, graph, w, total
        return torch.addmm(near, total * weight, _out(w))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Slopes on the tensors that went in, from the slope on what came out."""
        graph, w, weight = ctx.graph, ctx.w, ctx.weight
        on_total = slope @ _out(w).t()
        message = (on_total * weight).index_select(0, graph.first_bond)
        on_weight = graph.by_second_bond.sum(ctx.out.mul_(message)).addcmul_(on_total, ctx.total)
        message.mul_(weight.index_select(0, graph.second_bond))
        on_atoms, on_near, on_angles = _angle_hidden_backward(w, graph, _gated_backward(w, ctx.kept, message))
        return on_atoms, on_near.add_(slope), on_angles, on_weight, None, None


class AngleUpdate(torch.autograd.Function):
    """angle += gated(bond_u, bond_v, angle, h_centre)."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, atoms: Tensor, near: Tensor, angles: Tensor, graph: GraphTensors, w: GatedWeights
    ) -> Tensor:
        """New features; what the slope needs stays on `ctx` when a slope will be asked for."""
        hidden = _angle_hidden(w, graph, atoms, near, angles)
        out, kept = _gated_forward(w, hidden, keep=any(ctx.needs_input_grad))
        ctx.kept, ctx.graph, ctx.w = kept, graph, w
        return out.add_(angles)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Slopes on the tensors that went in, from the slope on what came out."""
        hidden = _gated_backward(ctx.w, ctx.kept, slope)
        on_atoms, on_near, on_angles = _angle_hidden_backward(ctx.w, ctx.graph, hidden)
        return on_atoms, on_near, on_angles.add_(slope), None, None
