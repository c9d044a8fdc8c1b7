from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.tools.lammps.rendering import ScriptError, render, written

_BODY = "fix 1 all nvt temp {t} {t} 0.1\nrun {steps}"


def test_numbers_keep_every_digit_and_names_stay_as_they_are() -> None:
    script = render(
        "variable w equal ${x}*2\nfix 1 all npt temp {t} {t} 0.1 {shape} 0 0 1\ngroup g type {n}\nrun {steps}",
        {"t": 300.1, "shape": "iso", "n": 2, "steps": 10},
    )
    assert script.splitlines() == [
        "variable w equal ${x}*2",
        "fix 1 all npt temp 300.1 300.1 0.1 iso 0 0 1",
        "group g type 2",
        "run 10",
    ]


@given(st.floats(min_value=-1e12, max_value=1e12))
def test_a_number_comes_back_from_its_text(number: float) -> None:
    assert float(written(number)) == number


@given(st.text(max_size=40))
def test_no_text_brings_more_than_one_plain_word(text: str) -> None:
    try:
        word = written(text)
    except ScriptError:
        return
    assert word == text
    assert word.isascii()
    assert word.replace("_", "").isalnum()


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 1e16, 10**16, True, (), ("Cu", "sh")]
)
def test_values_that_are_no_plain_number_or_name_are_refused(value: object) -> None:
    with pytest.raises(ScriptError):
        render(_BODY, {"t": value, "steps": 1})  # pyright: ignore[reportArgumentType]


def test_a_placeholder_without_a_value_is_named() -> None:
    with pytest.raises(ScriptError, match="steps"):
        render(_BODY, {"t": 300.0})


@pytest.mark.parametrize(
    "line",
    [
        "fix a all ave/time 1 5 100 c_thermo_temp file temps.profile",
        "fix a all ave/chunk 1 5 100 layers density/number temp file layers.profile",
        "dump frames all custom 100 frames.dump id type xu yu zu",
        'variable e equal "pe / atoms"',
        "variable v equal lx/2",
        "compute s all stress/atom NULL virial",
        "change_box all triclinic",
        "run 100 upto",
        "fix l all setforce 0.0 0.0 NULL",
        "region r block INF INF 0 5.5 INF INF units box",
    ],
)
def test_what_protocols_need_passes(line: str) -> None:
    assert render(line, {}) == line + "\n"


@pytest.mark.parametrize(
    "line",
    [
        "fix a all ave/time 1 5 100 c_thermo_temp file /etc/passwd",
        "fix a all ave/time 1 5 100 c_thermo_temp file ../x.profile",
        "fix a all ave/time 1 5 100 c_thermo_temp file x.sh",
        "dump frames all custom 100 ../frames.dump id",
        "dump frames all image 100 frames.dump type type",
        "dump frames all custom 100 frames.dump.gz id",
        "fix p all print 1 text file x.profile",
        "fix i all imd 5678",
        "fix i all external pf/callback 1 1",
        "run 100 every 10 NULL",
        'run 100 every 10 "shell ls"',
        "variable v shell ls",
        "variable v file secrets",
        "variable v getenv HOME",
        "variable v python f",
        "variable v index a b c",
        "variable v equal is_file(secrets)",
        "variable v equal py_f(1)",
        "region r block INF INF 0 5 INF INF & shell ls",
        "group g id 1 # shell",
        "delete_atoms porosity all 0.1 1 file x",
    ],
)
def test_what_reaches_out_is_refused(line: str) -> None:
    with pytest.raises(ScriptError):
        render(line, {})
