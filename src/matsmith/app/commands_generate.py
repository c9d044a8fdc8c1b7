"""`matsmith generate`: crystals from the diffusion model, as CIFs with a manifest."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import complain, guarded, stoppable
from matsmith.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matsmith.models.diffusion.motifs import Motif, Seed, Slab
    from matsmith.models.diffusion.steering import Steering
    from matsmith.models.diffusion.weights import ModelCard
    from matsmith.tools.crystal_wishes import CrystalWishes
    from matsmith.tools.generated_folder import Generation

_SHOWN = 20


@guarded
def generate(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="folder for the CIFs and the manifest; by default one named after what is asked, such as generated-BaTiO3",
            show_default=False,
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", metavar="N", help="how many crystals", min=1, max=1_000_000)] = 20,
    formula: Annotated[
        str, typer.Option("--formula", metavar="F", help="exactly this formula, such as LiCoO2")
    ] = "",
    elements: Annotated[
        str,
        typer.Option(
            "--elements", metavar="LIST", help="each of these, and no other unless the list has a +: Li,O,+"
        ),
    ] = "",
    allow: Annotated[
        str, typer.Option("--allow", metavar="LIST", help="elements that may come, but need not")
    ] = "",
    exclude: Annotated[
        str, typer.Option("--exclude", metavar="LIST", help="elements that must not come")
    ] = "",
    atoms: Annotated[
        int, typer.Option("--atoms", metavar="N", help="atoms in the cell; as in training by default", min=0)
    ] = 0,
    space_group: Annotated[
        int, typer.Option("--space-group", metavar="N", help="number of the space group, 1 to 230", min=0)
    ] = 0,
    density: Annotated[
        float | None, typer.Option("--density", metavar="X", help="aimed at, in g/cm³", show_default=False)
    ] = None,
    bulk_modulus: Annotated[
        float | None, typer.Option("--bulk-modulus", metavar="X", help="aimed at, in GPa", show_default=False)
    ] = None,
    energy_above_hull: Annotated[
        float | None,
        typer.Option("--energy-above-hull", metavar="X", help="aimed at, in eV/atom", show_default=False),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            metavar="NAME=VALUE",
            help="any other condition of the model, such as crystal_system=cubic; may be repeated",
            show_default=False,
        ),
    ] = None,
    guidance: Annotated[
        list[str] | None,
        typer.Option(
            "--guidance",
            metavar="[NAME=]X",
            help="strength of all conditions or of one: 1 follows the model, more exaggerates; may be repeated",
            show_default=False,
        ),
    ] = None,
    steer: Annotated[
        list[str] | None,
        typer.Option(
            "--steer",
            metavar="NAME[=VALUE]",
            help="select on the way by the composition model of a property: towards a value, or upwards",
            show_default=False,
        ),
    ] = None,
    motif: Annotated[
        str,
        typer.Option(
            "--motif",
            metavar="NAME|FILE",
            help="kagome, lieb, honeycomb, square, triangular, or a file of one flat layer",
        ),
    ] = "",
    slab: Annotated[
        str,
        typer.Option(
            "--slab",
            metavar="THICKNESS[,VACUUM]",
            help="a layer so thick, with empty space above, in Å: 5,15",
        ),
    ] = "",
    seed_structure: Annotated[
        Path | None,
        typer.Option("--seed-structure", metavar="FILE", help="a CIF to start from", show_default=False),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            "--keep", metavar="LIST", help="elements or numbers of sites of the seed that stay as they are"
        ),
    ] = "",
    keep_cell: Annotated[bool, typer.Option("--keep-cell", help="keep the cell of the seed")] = False,
    strength: Annotated[
        float,
        typer.Option(
            "--strength", metavar="X", help="how far to go from the seed: above 0 (nowhere) to 1 (forget it)"
        ),
    ] = 0.4,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="the same seed gives the same crystals", min=0)
    ] = 0,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", help="steps from noise to crystal", min=1, max=2000)
    ] = 100,
    sharpness: Annotated[
        float,
        typer.Option(
            "--sharpness",
            metavar="X",
            help="above 1 atoms keep nearer to their likeliest places, and crystals differ less",
            min=0.1,
            max=20.0,
        ),
    ] = 4.0,
    tries: Annotated[
        int,
        typer.Option(
            "--tries",
            metavar="N",
            help="draw a crystal at most so often: again where atoms are too close, charges do not balance, no symmetry is left or, of a formula, the structure came before; 1 takes all as they come",
            min=1,
            max=100,
        ),
    ] = 4,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="weights of your own in place of those that ship",
            show_default=False,
        ),
    ] = None,
    relax: Annotated[
        bool, typer.Option("--relax", help="relax them too, and tell their energies above the hull")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Generate crystals with the diffusion model.

    Writes a CIF a crystal, manifest.jsonl with a line each, and generate.json with what was asked. Elements, formula, number of atoms, space group, motifs and
    kept sites hold in every crystal; density, bulk modulus and the like are aimed at. A crystal is drawn again (--tries) where its atoms are too close, its charges do not
    balance, it has no symmetry or, of a formula, it came before; one that stays equal to another says so (same_as). Nothing is relaxed or checked for stability unless
    --relax is given. Called again with the same options it goes on where it stopped, with the same crystals.

    Exit status: 0, 1 when something failed, 2 for wrong use or a wish that no crystal can meet, 5 when interrupted.

    \b
    Examples:
      matsmith generate --formula BaTiO3 --n 20
      matsmith generate --elements Li,P,S --n 50 --density 2 --guidance 2 --out lps
      matsmith generate --motif kagome --elements Fe,Sn --out kagome
      matsmith generate --formula NaCl --space-group 225 --out rocksalt
      matsmith generate --seed-structure BaTiO3.cif --keep Ti,O --elements Ba,Sr,Ca,+ --out doped
    """
    from matsmith.core.settings import load_settings
    from matsmith.tools.crystal_model import crystal_model, usual_sampling
    from matsmith.tools.crystal_wishes import CrystalWishes, element_rules, unusual_conditions
    from matsmith.tools.generated_folder import Generation

    settings = load_settings()
    required, others = element_rules(_list(elements))
    excluded, _ = element_rules(_list(exclude))
    allowed, _ = element_rules(_list(allow))
    if formula and (required or allowed or excluded or others):
        raise UsageError(
            "--formula goes without --elements, --allow and --exclude.",
            hint="The formula says the elements already.",
        )
    model = crystal_model(settings, weights)
    given = {"density": density, "bulk_modulus": bulk_modulus, "energy_above_hull": energy_above_hull}
    words = [f"{name}={value}" for name, value in given.items() if value is not None]
    doped = seed_structure is not None and bool(required or allowed or excluded or others)
    wishes = CrystalWishes(
        formula=formula,
        # On the free sites of a seed there is seldom room for every element that is named.
        required=() if doped else required,
        allowed=(*required, *allowed) if doped else allowed,
        excluded=excluded,
        others=others,
        atoms=atoms,
        space_group=space_group,
        conditions=_conditions([*words, *(condition or [])], model.card),
        motif=_motif(motif),
        slab=_slab(slab),
        seed=_seed(seed_structure, keep=_list(keep), keep_cell=keep_cell, strength=strength, free=doped),
    )
    steering, steered_by = _steering(steer or [])
    job = Generation(
        model=model,
        wishes=wishes,
        count=n,
        seed=seed,
        settings=usual_sampling(
            _guidance(guidance or [], wishes, model.card), steps=steps, sharpness=sharpness
        ),
        steering=steering,
        steered_by=steered_by,
        tries=tries,
    )
    for sentence in unusual_conditions(wishes, model.card):
        complain(sentence)
    seed_name = "" if seed_structure is None else seed_structure.stem
    folder = out or Path(_usual_folder(motif, formula, seed_name, elements))
    lines = _work(job, folder)
    relaxed = _relaxed(folder) if relax else []
    _tell(lines, relaxed, out=folder, as_json=as_json)
    return 0


def _usual_folder(*asked: str) -> str:
    """A folder in this one, named after what is asked."""
    words = re.findall(r"[A-Za-z0-9.]+", " ".join(Path(each).stem if "/" in each else each for each in asked))
    return "-".join(["generated", *words])[:80].rstrip(".")


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _pair(text: str, *, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise UsageError(f"{option} cannot be {text!r}.", hint=f"Write {option} NAME=VALUE.")
    return name.strip(), value.strip()


def _number(text: str, *, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{option} takes a number, not {text!r}.", hint=f"Such as {option} 2.") from error


def _conditions(words: list[str], card: ModelCard) -> dict[str, float]:
    from matsmith.tools.crystal_wishes import condition_of, condition_value

    found: dict[str, float] = {}
    for word in words:
        name, text = _pair(word, option="--condition")
        known = condition_of(name, card)
        found[known] = condition_value(known, text)
    return found


def _guidance(words: list[str], wishes: CrystalWishes, card: ModelCard) -> dict[str, float]:
    from matsmith.tools.crystal_wishes import condition_of

    found: dict[str, float] = {}
    for word in words:
        name, sign, text = word.partition("=")
        names = [condition_of(name, card)] if sign else list(wishes.conditions)
        strength = _number(text if sign else word, option="--guidance")
        if not 0 <= strength <= 100:
            raise UsageError(f"A guidance of {strength:g} makes no crystals.", hint="Give one of 0 to 10.")
        if not names:
            raise UsageError(
                "--guidance has no condition to strengthen.", hint="Give one, such as --density 5."
            )
        found |= dict.fromkeys(names, strength)
    return found


def _steering(words: list[str]) -> tuple[Steering | None, str]:
    from matsmith.tools.crystal_wishes import steering_of

    if len(words) > 1:
        raise UsageError("--steer takes one property.", hint="Steer by one and filter by the other.")
    if not words:
        return None, ""
    name, sign, text = words[0].partition("=")
    wanted = _number(text, option="--steer") if sign else None
    return steering_of(name.strip(), wanted), words[0]


def _motif(name: str) -> Motif | None:
    from matsmith.tools.crystal_wishes import motif_called

    return motif_called(name) if name else None


def _slab(text: str) -> Slab | None:
    from matsmith.models.diffusion.motifs import Slab

    words = _list(text)
    if not words:
        return None
    if len(words) > 2:
        raise UsageError(f"--slab cannot be {text!r}.", hint="Give thickness and vacuum in Å, such as 5,15.")
    return Slab(*(_number(word, option="--slab") for word in words))


def _seed(path: Path | None, *, keep: list[str], keep_cell: bool, strength: float, free: bool) -> Seed | None:
    from matsmith.tools.crystal_wishes import seed_of
    from matsmith.tools.structure_files import read_structure

    if path is None:
        if keep or keep_cell:
            raise UsageError(
                "--keep and --keep-cell belong to a seed structure.", hint="Give one with --seed-structure."
            )
        return None
    return seed_of(read_structure(path), keep=keep, strength=strength, keep_cell=keep_cell, free=free)


def _work(job: Generation, out: Path) -> list[dict[str, Any]]:
    """Make the crystals with a line of progress a part."""
    from matsmith.tools.generated_folder import write_folder

    begun = [-1]

    def tell(done: int, total: int, seconds: float) -> None:
        if begun[0] < 0:
            begun[0] = done
        speed = (done - begun[0]) / seconds if seconds > 0 else 0.0
        rate = f", {speed:.1f} a second" if speed else ""
        if done:
            print(f"{done} of {total} crystals{rate}", file=sys.stderr, flush=True)

    lines: list[dict[str, Any]] = []
    with stoppable():
        try:
            lines.extend(write_folder(job, out, tell=tell))
        except KeyboardInterrupt:
            raise Interrupted(
                f"Stopped with {len(lines)} of {job.count} crystals made.",
                hint="Call it again with the same options: it goes on with the same crystals.",
            ) from None
    return sorted(lines, key=lambda line: line["number"])


def _relaxed(out: Path) -> list[dict[str, Any]]:
    """Relax every crystal of the folder and put its energy on the hull."""
    from matsmith.core.settings import load_settings
    from matsmith.tools.generated_relaxation import relax_generated

    def tell(done: int, total: int) -> None:
        if done == total or done % 10 == 0:
            print(f"{done} of {total} relaxed", file=sys.stderr, flush=True)

    with stoppable():
        try:
            return relax_generated(out, settings=load_settings(), tell=tell)
        except KeyboardInterrupt:
            raise Interrupted(
                "Stopped while relaxing.",
                hint="Call it again with the same options: what is finished is kept.",
            ) from None


def _tell(lines: list[dict[str, Any]], relaxed: list[dict[str, Any]], *, out: Path, as_json: bool) -> None:
    from matsmith.app.console import make_console, write_json

    by_file = {entry["file"]: entry for entry in relaxed}
    if as_json:
        merged = [
            line | ({"relaxed": by_file[line["file"]]} if line["file"] in by_file else {}) for line in lines
        ]
        write_json({"folder": str(out), "crystals": merged})
        return
    console = make_console()
    alike = Counter(line.get("same_as", line["file"]) for line in lines)
    different = [line for line in lines if "same_as" not in line]
    console.print(_table(different, by_file, alike))
    if len(different) > _SHOWN:
        console.print(f"... and {len(different) - _SHOWN} more", style="quiet")
    again = sum(line["tries"] > 1 for line in lines)
    if again:
        left = Counter(line["fault"] for line in lines if "fault" in line and "same_as" not in line)
        told = ", ".join(f"{count} with {fault}" for fault, count in left.most_common())
        console.print(
            f"{again} were drawn more than once; left are {told or 'sound ones alone'}.", style="quiet"
        )
    if len(different) < len(lines):
        console.print(
            f"{len(different)} of {len(lines)} are different; a lower --sharpness or other --atoms may give more such.",
            style="quiet",
        )
    console.print(f"{len(lines)} crystals in {out}; `matsmith evaluate {out}` judges them.", style="quiet")


def _table(
    lines: list[dict[str, Any]], relaxed: dict[str, dict[str, Any]], alike: Counter[str]
) -> RenderableType:
    from rich.text import Text

    from matsmith.app.console import plain_table

    numbers = ("Drawn", "Atoms", "Space group", "g/cm³", "Closest Å", "eV/atom above hull")
    columns = ["File", "Formula", *numbers[: 6 if relaxed else 5]]
    table = plain_table(*columns, right=frozenset(numbers))
    for line in lines[:_SHOWN]:
        cells = [
            Text(line["file"]),
            Text(line["formula"], style="label"),
            Text(f"{alike[line['file']]}×"),
            Text(str(line["atoms"])),
            Text(str(line["space_group"])),
            Text(f"{line['density_g_cm3']:.2f}"),
            Text(f"{line['closest_angstrom']:.2f}"),
        ]
        if relaxed:
            entry = relaxed.get(line["file"], {})
            hull = entry.get("energy_above_hull_ev_per_atom")
            cells.append(Text(str(entry.get("failure", "")) if hull is None else f"{hull:.3f}"))
        table.add_row(*cells)
    return table
