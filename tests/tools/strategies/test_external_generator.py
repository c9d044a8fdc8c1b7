"""Other generators as a strategy, against a stand-in that speaks MatterGen's command line, and against a command of one's own."""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from matsmith.core.candidate import Candidate
from matsmith.core.errors import SettingsError, ToolError
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish, Target
from matsmith.tools.evaluation.samples import read_samples
from matsmith.tools.strategies.external_generator import STRATEGY, wanted_of
from matsmith.tools.strategies.generator_file import FILE, generators
from matsmith.tools.strategies.generator_process import Wanted, command_of, run_generator
from matsmith.tools.strategies.interface import StrategyRequest

STAND_IN = Path(__file__).with_name("mattergen_stand_in.py")
STABLE = Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05)
OXIDES = DesignSpec(
    targets=[STABLE],
    chemistry=Chemistry(required=["O"], allowed=["Mg", "O"], elements_min=2, elements_max=2),
    structure=StructureWish(atoms_max=8),
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("STAND_IN", raising=False)
    monkeypatch.setenv("MY_API_KEY", "geheim")
    state = tmp_path / "state"
    state.mkdir()
    return Settings(data_dir=tmp_path / "none", cache_dir=tmp_path / "cache", state_dir=state)


def name(settings: Settings, text: str) -> None:
    (settings.state_dir / FILE).write_text(text, encoding="utf-8")


def mattergen(
    settings: Settings, *, checkpoint: str = "chemical_system_energy_above_hull", more: str = ""
) -> None:
    name(
        settings,
        f'[mattergen]\npreset = "mattergen"\ncommand = ["{sys.executable}", "{STAND_IN}"]\n'
        f'checkpoint = "{checkpoint}"\nbatch = 4\nenvironment = ["STAND_IN"]\n{more}\n',
    )


def _first(spec: DesignSpec, settings: Settings, *, count: int = 6, **fields: object) -> list[Candidate]:
    request = StrategyRequest(spec=spec, count=count, **fields)  # pyright: ignore[reportArgumentType]
    return list(islice(STRATEGY.propose(request, settings=settings), count))


def test_nothing_runs_before_a_program_is_named(place: Settings) -> None:
    missing = STRATEGY.missing(place)
    assert missing is not None
    assert str(place.state_dir / FILE) in missing
    name(place, '[gone]\ncommand = ["/no/such/program"]\ncheckpoint = "x"\n')
    assert "/no/such/program" in str(STRATEGY.missing(place))


def test_mattergen_is_asked_for_elements_and_stability_and_its_crystals_name_the_checkpoint(
    place: Settings,
) -> None:
    mattergen(place)
    assert STRATEGY.missing(place) is None
    found = _first(OXIDES, place, count=6, seed=3, round=1)
    assert (
        len(found) == 6
    )  # of eight in two batches of four; read from the archive, not twice from the XYZ file
    assert {candidate.formula for candidate in found} == {"MgO"}
    note = found[0].lineage.note
    assert found[0].lineage.strategy == "external"
    assert "mattergen, checkpoint chemical_system_energy_above_hull" in note
    assert "O-Mg" in note
    assert "energy_above_hull 0" in note
    (asked,) = (place.cache_dir / "generators" / "mattergen").glob("*/asked.json")
    told = json.loads(asked.read_text())
    assert told["asked"] == {"chemical_system": "O-Mg", "energy_above_hull": 0.0}
    assert told["options"]["pretrained-name"] == "chemical_system_energy_above_hull"
    assert told["options"]["num_batches"] == "2"
    assert told["options"]["diffusion_guidance_factor"] == "2"


def test_the_program_sees_no_key_and_is_asked_once(place: Settings) -> None:
    mattergen(place)
    (one,) = generators(place)
    wanted = Wanted(count=2, elements=("Mg", "O"))
    folder = run_generator(one, wanted, settings=place)
    written = (folder / "asked.json").stat().st_mtime_ns
    assert run_generator(one, wanted, settings=place) == folder
    assert (folder / "asked.json").stat().st_mtime_ns == written
    # A made environment: what the program printed names the variables that it had.
    home = place.cache_dir / "generators" / "mattergen"
    assert not list(home.glob("call-*"))
    name(
        place,
        f'[spy]\ncommand = ["{sys.executable}", "-c", "import os; open(\'env.txt\', \'w\').write(chr(10).join(os.environ))"]\n'
        'checkpoint = "x"\n',
    )
    (spy,) = generators(place)
    seen = (run_generator(spy, wanted, settings=place) / "env.txt").read_text().split("\n")
    assert "MY_API_KEY" not in seen
    assert "PYTHONPATH" not in seen
    assert "PATH" in seen


def test_crystals_that_do_not_fit_or_cannot_be_read_are_left_out(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mattergen(place)
    without = OXIDES.model_copy(update={"chemistry": Chemistry(excluded=["Mg"])})
    assert _first(without, place) == []
    seen = frozenset(candidate.id for candidate in _first(OXIDES, place, count=2))
    assert len(seen) == 2
    assert not seen & {candidate.id for candidate in _first(OXIDES, place, count=8, seen=seen)}
    monkeypatch.setenv("STAND_IN", "rubbish")
    assert _first(OXIDES, place, seed=9) == []


def test_a_failing_program_is_told_and_not_asked_the_same_again(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mattergen(place)
    monkeypatch.setenv("STAND_IN", "fail")
    with pytest.warns(RuntimeWarning, match="CUDA out of memory"):
        assert _first(OXIDES, place) == []
    monkeypatch.delenv("STAND_IN")
    with pytest.warns(RuntimeWarning, match="status 3"):
        assert _first(OXIDES, place) == []
    assert STRATEGY.missing(place) is None
    monkeypatch.setenv("STAND_IN", "fail")
    with pytest.warns(RuntimeWarning, match="status 3"):
        assert _first(OXIDES, place, round=1) == []
    assert "failed 2 times" in str(STRATEGY.missing(place))
    # Correcting the file is a new chance.
    monkeypatch.delenv("STAND_IN")
    time.sleep(0.02)
    mattergen(place)
    assert STRATEGY.missing(place) is None
    assert len(_first(OXIDES, place, count=4)) == 4


def test_a_hanging_program_is_ended_with_its_children(
    place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mattergen(place, more="time_limit_s = 0.6")
    monkeypatch.setenv("STAND_IN", "hang")
    begun = time.monotonic()
    (one,) = generators(place)
    with pytest.raises(ToolError, match=r"longer than the 0\.6 s"):
        run_generator(one, Wanted(count=2), settings=place)
    assert time.monotonic() - begun < 40
    mine = [
        entry
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if entry.parent.name != str(os.getpid()) and str(place.cache_dir) in _text(entry)
    ]
    assert mine == []


def _text(entry: Path) -> str:
    try:
        return entry.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def test_any_program_takes_part_by_its_own_words(place: Settings) -> None:
    script = (
        "import sys; from pathlib import Path; "
        f"exec(open('{STAND_IN}').read().split('def main')[0]); "
        "Path(sys.argv[1], 'a.cif').write_text(CIF.format(edge=3.0, cation=sys.argv[2], anion='O'))"
    )
    name(
        place,
        f"""[mine]
command = ["{sys.executable}", "-c", {json.dumps(script)}, "{{out}}"]
formula = ["{{formula}}"]
elements = ["{{elements}}"]
conditions = ["{{conditions}}"]
properties = {{ bulk_modulus = "K_GPa" }}
checkpoint = "mine-2"
checkpoint_file = "{STAND_IN}"
""",
    )
    (one,) = generators(place)
    assert one.label.startswith("mine, checkpoint mine-2 (sha256 ")
    spec = DesignSpec(
        chemistry=Chemistry(required=["Mg", "O"]),
        targets=[Target(property="bulk_modulus", relation=Relation.BETWEEN, value=100, upper=200)],
    )
    wanted = wanted_of(spec, one, count=1, seed=4)
    assert wanted.conditions == {"K_GPa": 150.0}
    assert command_of(one, wanted, out=Path("/o"))[-3:] == ["/o", "O-Mg", "{'K_GPa': 150.0}"]
    wanted = Wanted(count=1, formula="Mg")
    (sample,) = read_samples(run_generator(one, wanted, settings=place))
    assert sample.crystal is not None
    assert sample.crystal.formula == "MgO"


def test_a_word_is_a_word_whatever_stands_in_it(place: Settings) -> None:
    code = "import sys, json; json.dump(sys.argv[1:], open('words.json', 'w'))"
    name(
        place,
        f'[mine]\ncommand = ["{sys.executable}", "-c", {json.dumps(code)}]\nformula = ["--formula={{formula}}"]\ncheckpoint = "x"\n',
    )
    (one,) = generators(place)
    nasty = "$(touch hacked); `touch hacked` && touch hacked | x"
    folder = run_generator(one, Wanted(count=1, formula=nasty), settings=place)
    assert json.loads((folder / "words.json").read_text()) == [f"--formula={nasty}"]
    assert not list(place.cache_dir.rglob("hacked"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no generator"),
        ("[a", "cannot be read"),
        ('[a]\ncommand = []\ncheckpoint = "x"\n', "command"),
        ('[a]\ncommand = ["x"]\n', "checkpoint"),
        ('[a]\ncommand = ["x {nothing}"]\ncheckpoint = "x"\n', "nothing"),
        ('[a]\ncommand = ["x"]\ncheckpoint = "x"\nproperties = { softness = "s" }\n', "softness"),
        ('[a]\ncommand = ["x"]\ncheckpoint = "x"\nenvironment = ["HF_TOKEN"]\n', "secret"),
        ('[a]\ncommand = ["x"]\ncheckpoint = "x"\ncheckpoint_file = "/no/file"\n', "/no/file"),
        ('[a]\npreset = "matergen"\n', "preset"),
        ("a = 3\n", "table"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(place: Settings, text: str, says: str) -> None:
    name(place, text)
    with pytest.raises(SettingsError, match=says):
        generators(place)
    assert says in str(STRATEGY.missing(place))
