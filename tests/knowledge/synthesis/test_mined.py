"""Reading mined reactions: words tell the steps apart, what is no composition is counted, damaged files are refused."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from mined_reactions import REACTIONS, operation, raw, write_reactions

from matsmith.core.errors import DataError, UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.synthesis.adoption import adopt, here
from matsmith.knowledge.synthesis.mined import clean, files_identity, read_mined
from matsmith.knowledge.synthesis.steps import highest_c, kind_of, longest_h
from matsmith.knowledge.synthesis.table import synthesis_table


def test_steps_are_told_apart_by_their_words() -> None:
    kinds = [kind_of(word) for word in ("calcinated", "pre-calcined", "presintered", "prefired", "annealing", "melted", "reheated")]  # fmt: skip
    assert kinds == [
        "calcination",
        "calcination",
        "preheating",
        "preheating",
        "annealing",
        "melting",
        "heating",
    ]
    made = clean(
        [raw("MgO", ["MgCO3"], operation("calcined", temperature=80.0), operation("calcined", temperature=900.0), doi="10.1/a")],
        route="solid state",
    ).reactions[0]  # fmt: skip
    # 80 C dries, whatever it is called.
    assert [step.kind for step in made.steps] == ["drying", "calcination"]
    assert made.highest_c("calcination") == 900.0


def test_units_and_impossible_numbers() -> None:
    assert highest_c([{"values": [1273.15, 1173.15], "units": "K"}]) == 1000.0
    assert highest_c([{"values": None, "max_value": 800.0, "units": "°C"}]) == 800.0
    assert highest_c([{"values": [9999.0], "units": "C"}, None, "x"]) is None
    assert longest_h([{"values": [2.0], "units": "day"}, {"values": [30.0], "units": "min"}]) == 48.0
    assert longest_h(None) is None


def test_the_time_is_that_of_the_hottest_step() -> None:
    steps = (
        operation("calcined", temperature=700.0, time=24.0),
        operation("calcined", temperature=900.0, time=2.0),
    )
    made = clean([raw("MgO", ["MgCO3"], *steps, doi="10.1/a")], route="solid state").reactions[0]
    assert made.longest_h("calcination") == 2.0


def test_what_is_left_out_is_counted() -> None:
    bad = [
        raw("BaxTiO3", ["BaCO3", "TiO2"], doi="10.1/a"),
        raw("MgO", [], doi="10.1/b"),
        raw("MgO", ["MgCO3"], doi="nowhere"),
        "no reaction",
        REACTIONS[0],
        REACTIONS[0],
    ]
    found = clean(bad, route="solid state")
    assert len(found.reactions) == 1
    assert found.dropped == {
        "target is no composition": 1,
        "precursors without a formula": 1,
        "no DOI": 1,
        "no reaction": 1,
        "told twice": 1,
    }
    assert found.reactions[0].year == 2007


@pytest.mark.parametrize("content", [b"", b"not xz", lzma.compress(b"[{"), lzma.compress(b'{"a": 1}')])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "solid_state_synthesis.json.xz"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_mined(path, route="solid state")
    assert caught.value.hint


def test_clean_reactions_are_kept_under_the_hash_of_their_file(tmp_path: Path) -> None:
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    assert synthesis_table(data, cache_dir=cache) is None
    write_reactions(data)
    first = synthesis_table(data, cache_dir=cache)
    assert first is not None
    (kept,) = cache.glob("synthesis-*.json.gz")
    from matsmith.knowledge.synthesis import table as module

    module._loaded.cache_clear()  # pyright: ignore[reportPrivateUsage]
    again = synthesis_table(data, cache_dir=cache)
    assert again is not None
    assert again.reactions == first.reactions
    module._loaded.cache_clear()  # pyright: ignore[reportPrivateUsage]
    kept.write_bytes(b"damaged")
    once_more = synthesis_table(data, cache_dir=cache)
    assert once_more is not None
    assert once_more.reactions == first.reactions
    before = files_identity(data)
    write_reactions(data, REACTIONS[:1])
    assert files_identity(data) != before


def test_a_downloaded_file_is_taken_in(tmp_path: Path) -> None:
    public = tmp_path / "sol-gel_dataset.json"
    public.write_text(
        json.dumps({"release": "x", "reactions": [{**one, "synthesis_type": "sol-gel"} for one in REACTIONS]})
    )
    made = adopt(public, tmp_path / "data")
    assert (made.route, made.reactions) == ("sol-gel", 5)
    assert set(here(tmp_path / "data")) == {"sol-gel"}
    table = synthesis_table(tmp_path / "data")
    assert table is not None
    assert {one.route for one in table.reactions} == {"sol-gel"}
    other = tmp_path / "other.json"
    other.write_text("[1, 2]")
    with pytest.raises(DataError, match="no mined reactions"):
        adopt(other, tmp_path / "data")
    with pytest.raises(UsageError):
        adopt(tmp_path / "absent.json", tmp_path / "data")


def test_real_files_if_here() -> None:
    settings = Settings()
    if not files_identity(settings.data_dir):
        pytest.skip("the mined reactions are not here")
    table = synthesis_table(settings.data_dir, cache_dir=settings.cache_dir)
    assert table is not None
    assert len(table) > 30_000
    assert any(one.reaction.highest_c("calcination") for one in table.of("BaTiO3"))
    assert table.dropped["target is no composition"] < 0.06 * len(table)
