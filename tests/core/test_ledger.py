from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record, Status


def record(*, value: float = 1.0, retryable: bool | None = None, inputs: str = "a") -> Record:
    outcome = (
        Outcome(quantities={"density": Quantity(value=value, unit="g/cm3", sigma=0.1)})
        if retryable is None
        else Outcome.failed("exploded", "it flew apart", retryable=retryable)
    )
    return Record.of(
        outcome, tool="density", tool_version="1", inputs={"relaxed": inputs}, identity="w", seed=0
    )


def tamper(path: Path, statement: str, *, drop: str) -> None:
    """Change a ledger as somebody with a database tool would, past its own guards."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"DROP TRIGGER {drop}")
        connection.execute(statement)


def filled(path: Path) -> str:
    with Ledger(path) as ledger:
        ledger.append("run", "r", '{"a": 1}')
        ledger.write_record(record(inputs="a"))
        ledger.write_record(record(inputs="b"))
        return ledger.head


def test_a_new_ledger_is_intact_and_empty(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.sqlite") as ledger:
        found = ledger.verify()
    assert (found.intact, found.entries, found.records) == (True, 0, 0)


def test_entries_come_back_in_order_and_survive_reopening(tmp_path: Path) -> None:
    filled(tmp_path / "l.sqlite")
    with Ledger(tmp_path / "l.sqlite", create=False) as ledger:
        assert [entry.kind for entry in ledger.entries()] == ["run", "record", "record"]
        assert ledger.verify().records == 2


@pytest.mark.parametrize("statement", ["UPDATE entries SET body = 'x'", "DELETE FROM entries"])
def test_the_database_itself_refuses_changes(tmp_path: Path, statement: str) -> None:
    filled(tmp_path / "l.sqlite")
    with sqlite3.connect(tmp_path / "l.sqlite") as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "drop", "problem"),
    [
        (
            "UPDATE entries SET body = replace(body, '1.0', '9.9') WHERE seq = 2",
            "entries_keep",
            "content was changed",
        ),
        ("UPDATE entries SET key = 'other' WHERE seq = 3", "entries_keep", "content was changed"),
        ("UPDATE entries SET written_at = '2020-01-01' WHERE seq = 1", "entries_keep", "content was changed"),
        ("DELETE FROM entries WHERE seq = 2", "entries_stay", "missing before it"),
    ],
)
def test_verify_finds_what_was_changed(tmp_path: Path, statement: str, drop: str, problem: str) -> None:
    filled(tmp_path / "l.sqlite")
    tamper(tmp_path / "l.sqlite", statement, drop=drop)
    with Ledger(tmp_path / "l.sqlite") as ledger:
        found = ledger.verify()
    assert not found.intact
    assert any(problem in text for text in found.problems)


def test_verify_finds_entries_cut_off_at_the_end_by_the_reports_head(tmp_path: Path) -> None:
    head = filled(tmp_path / "l.sqlite")
    tamper(tmp_path / "l.sqlite", "DELETE FROM entries WHERE seq = 3", drop="entries_stay")
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.verify().intact
        assert not ledger.verify(head=head).intact


def test_a_forged_record_with_a_valid_chain_is_found_by_its_id(tmp_path: Path) -> None:
    forged = record().model_copy(update={"inputs": {"relaxed": "something else"}})
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.write_record(forged)
        assert "does not belong to its inputs" in ledger.verify().problems[0]


def test_only_success_is_consumed_and_only_final_results_are_reused(tmp_path: Path) -> None:
    good, failed, later = (
        record(inputs="g"),
        record(inputs="f", retryable=False),
        record(inputs="t", retryable=True),
    )
    with Ledger(tmp_path / "l.sqlite") as ledger:
        for entry in (good, failed, later):
            ledger.write_record(entry)
        assert ledger.consume(good.id).quantities["density"].value == 1.0
        for bad in (failed, later):
            with pytest.raises(LedgerError, match="failed"):
                ledger.consume(bad.id)
        assert ledger.finished(failed.id) is not None
        assert ledger.finished(later.id) is None
        ledger.write_record(record(inputs="t"))
        again = ledger.finished(later.id)
        assert again is not None
        assert again.status is Status.SUCCESS


def test_a_record_is_found_by_the_start_of_its_id(tmp_path: Path) -> None:
    entry = record()
    with Ledger(tmp_path / "l.sqlite") as ledger:
        ledger.write_record(entry)
        assert ledger.find_record(entry.id[:6]) == entry
        assert ledger.find_record("zz") is None


def test_append_many_writes_all_or_nothing(tmp_path: Path) -> None:
    def rows() -> object:
        yield ("a", "1", "{}")
        raise RuntimeError

    with Ledger(tmp_path / "l.sqlite") as ledger:
        with pytest.raises(RuntimeError):
            ledger.append_many(rows())  # pyright: ignore[reportArgumentType]
        assert list(ledger.entries()) == []
        ledger.append("b", "2", "{}")
        assert ledger.verify().intact


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(LedgerError, match="another program"):
        Ledger(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(LedgerError, match="damaged or no ledger"):
        Ledger(path)


def test_a_missing_ledger_is_not_made_where_one_is_expected(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        Ledger(tmp_path / "none.sqlite", create=False)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    filled(path)
    with Ledger(path) as ledger:
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]  # pyright: ignore[reportPrivateUsage]
        ledger._connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(LedgerError, match="disk is full") as caught:
            ledger.append("big", "1", "x" * 1_000_000)
        assert caught.value.retryable
        assert ledger.verify().entries == 3
        assert ledger.verify().intact


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=40)), max_size=12))
def test_any_text_is_kept_and_chained(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    clean = [tuple(part.encode("utf-8", "ignore").decode().replace("\0", "") for part in row) for row in rows]
    clean = [(kind, key, body) for kind, key, body in clean if kind != "record"]
    with Ledger(tmp_path_factory.mktemp("l") / "l.sqlite") as ledger:
        ledger.append_many(clean)
        assert [(entry.kind, entry.key, entry.body) for entry in ledger.entries()] == clean
        assert ledger.verify().intact
