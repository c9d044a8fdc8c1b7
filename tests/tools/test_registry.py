"""The list of tools and the list of properties agree, and naming a tool costs no heavy import."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from matsmith.core.errors import ToolError
from matsmith.core.properties import PROPERTIES
from matsmith.core.settings import Settings
from matsmith.tools.registry import get_tool, tool_names, tools_for


@pytest.mark.parametrize("name", tool_names())
def test_every_tool_is_declared_under_its_name(name: str) -> None:
    tool = get_tool(name)
    assert tool.name == name
    assert tool.cost_s > 0
    assert tool.description
    assert tool.args.reference_fields() or {"elements", "formula"} & tool.args.model_fields.keys()
    assert set(tool.measures) <= set(PROPERTIES)


def test_every_property_names_tools_that_measure_it() -> None:
    for name, entry in PROPERTIES.items():
        for tool_name in entry.tools:
            assert name in get_tool(tool_name).measures, (name, tool_name)


def test_looking_up_comes_before_computing(plain: Settings) -> None:
    for name in PROPERTIES:
        dear = [tool.needs_worker for tool in tools_for(name, settings=plain)]
        assert dear == sorted(dear), name


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("relaxx", "relax"), ("symetry", "symmetry"), ("equation_of_stat", "equation_of_state")],
)
def test_an_unknown_tool_is_answered_with_the_nearest(asked: str, meant: str) -> None:
    with pytest.raises(ToolError) as caught:
        get_tool(asked)
    assert caught.value.hint == f"Did you mean {meant}?"


def test_a_name_like_none_is_answered_with_all() -> None:
    with pytest.raises(ToolError) as caught:
        get_tool("qqqq")
    assert all(name in caught.value.hint for name in tool_names())


def test_a_tool_that_lacks_its_tables_is_not_offered(plain: Settings, tmp_path: Path) -> None:
    without = [tool.name for tool in tools_for("bulk_modulus", settings=plain)]
    assert without == ["known_crystal", "composition_prediction", "equation_of_state"]
    (tmp_path / "mp_log10_bulk_modulus.csv.gz").write_bytes(
        gzip.compress(b"formula,log10_K_VRH_GPa\nMgO,2.19\n", mtime=0)
    )
    furnished = Settings(data_dir=tmp_path, cache_dir=tmp_path)
    assert "known_property" in [tool.name for tool in tools_for("bulk_modulus", settings=furnished)]
    assert tools_for("work_function", settings=furnished) == []


def test_declarations_are_read_without_torch() -> None:
    code = (
        "import sys\n"
        "from matsmith.tools.registry import get_tool, tool_names\n"
        "for name in tool_names(): get_tool(name)\n"
        "sys.exit(int('torch' in sys.modules or 'chgnet' in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert done.returncode == 0
