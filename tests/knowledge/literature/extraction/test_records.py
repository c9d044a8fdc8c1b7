from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.run import Evidence
from matsmith.knowledge.literature.extraction.families import family_of
from matsmith.knowledge.literature.extraction.records import (
    KIND,
    compare,
    evidence_of,
    quantity_of,
    read_values,
    record_of,
    write_values,
)
from matsmith.knowledge.literature.extraction.rules import extract_values
from matsmith.knowledge.literature.extraction.values import ExtractedValue
from matsmith.knowledge.literature.readers.markdown import read_markdown


def value_of(sentence: str, name: str = "bulk modulus") -> ExtractedValue:
    held = read_markdown(f"# A study\n\n{sentence}".encode(), path="paper.md")
    (value,) = extract_values(held, family_of(name))
    return value


MGO = "The measured bulk modulus of MgO is 160.2 ± 0.7 GPa."


def test_a_literature_record_is_kept_and_no_tool_can_take_it(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        (record,) = write_values(ledger, [value_of(MGO)])
        assert [held.id for held in read_values(ledger)] == [record.id]
        assert record.outcome.facts["literature"] is True
        assert ledger.record(record.id) is None
        assert ledger.finished(record.id) is None
        assert ledger.find_record(record.id[:8]) is None
        with pytest.raises(LedgerError, match="no record"):
            ledger.consume(record.id)
        assert ledger.verify().intact


def test_the_same_words_make_the_same_record_once(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert len(write_values(ledger, [value_of(MGO), value_of(MGO)])) == 1
        assert write_values(ledger, [value_of(MGO)]) == []
        assert len(list(ledger.entries(KIND))) == 1


def test_quotes_join_the_evidence_of_a_run_that_has_gathered_some_and_of_no_other(tmp_path: Path) -> None:
    with Ledger(tmp_path / "early.sqlite") as ledger:
        write_values(ledger, [value_of(MGO)])
        assert list(ledger.entries("evidence")) == []
    with Ledger(tmp_path / "later.sqlite") as ledger:
        ledger.append("evidence", "a", Evidence(id="a", quote="q", source="s", citation="c", start=0, end=1))
        write_values(ledger, [value_of(MGO)])
        quotes = [Evidence.model_validate_json(entry.body).quote for entry in ledger.entries("evidence")]
        assert quotes == ["q", MGO]


@pytest.mark.parametrize(
    ("sentence", "name", "value", "sigma"),
    [
        (MGO, "bulk modulus", 160.2, 0.7),
        ("The bulk modulus of CeO2 ranges from 204 to 236 GPa.", "bulk modulus", 220.0, 16.0),
        ("The bulk modulus of MgO is about 160 GPa.", "bulk modulus", 160.0, 16.0),
        ("The bulk modulus of MgO is 160 GPa.", "bulk modulus", 160.0, 0.5),
    ],
)
def test_sigma_is_what_the_text_leaves_open(sentence: str, name: str, value: float, sigma: float) -> None:
    quantity = quantity_of(value_of(sentence, name))
    assert quantity is not None
    assert (quantity.value, quantity.sigma) == pytest.approx((value, sigma))


def test_a_bound_is_no_quantity() -> None:
    assert quantity_of(value_of("The bulk modulus of TiC exceeds 200 GPa.")) is None


def test_a_prediction_is_set_beside_what_is_reported(tmp_path: Path) -> None:
    computed = Quantity(value=163.0, unit="GPa", sigma=8.0, truth=Truth.EXPERIMENT_300K)
    far = Quantity(value=300.0, unit="GPa", sigma=8.0, truth=Truth.DFT_0K)
    predictions = [
        ("MgO", "bulk_modulus", "equation_of_state", computed),
        ("Mg2O2", "bulk_modulus", "other", far),
        ("CaO", "bulk_modulus", "equation_of_state", computed),
    ]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        write_values(ledger, [value_of(MGO)])
        near, off = compare(predictions, read_values(ledger, formula="MgO"))
    assert (near.agrees, near.same_truth) == (True, True)
    assert near.deviations == pytest.approx(2.8 / (64.0 + 0.49) ** 0.5)
    assert (off.agrees, off.same_truth) == (False, False)


def test_a_retracted_source_checks_nothing() -> None:
    record = record_of(replace(value_of(MGO), retracted=True))
    computed = Quantity(value=163.0, unit="GPa", sigma=8.0)
    assert record.outcome.warnings
    assert compare([("MgO", "bulk_modulus", "tool", computed)], [record]) == []


def test_evidence_is_the_sentence_with_its_place() -> None:
    evidence = evidence_of(value_of(MGO))
    assert evidence.quote == MGO
    assert evidence.end - evidence.start == len(MGO)
