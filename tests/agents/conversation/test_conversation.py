from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedModel

from matsmith.agents.conversation.chat_tools import Confirmation
from matsmith.agents.conversation.conversation import Conversation
from matsmith.agents.conversation.pieces import RecordPiece, TablePiece, TextPiece
from matsmith.agents.conversation.run_process import StartedRuns
from matsmith.agents.conversation.thread_store import delete_thread, list_threads, thread_folder
from matsmith.agents.conversation.tool_loop import Ended, TurnResult
from matsmith.core.candidate import Candidate
from matsmith.core.errors import UsageError
from matsmith.core.executor import Executor
from matsmith.core.ledger import Ledger
from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.literature.ingest import ingest

Talk = Callable[..., Conversation]
MGO = """data_MgO
_cell_length_a 4.212
_cell_length_b 4.212
_cell_length_c 4.212
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
_symmetry_Int_Tables_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mg1 Mg 0 0 0
O1 O 0.5 0.5 0.5
"""


@pytest.fixture
def home(house: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Papers are found by words alone: nothing is embedded."""
    monkeypatch.setenv("MATSMITH_EMBEDDING_MODEL", "none")
    load_settings.cache_clear()
    yield house.model_copy(update={"library_dir": tmp_path / "library", "embedding_model": "none"})
    load_settings.cache_clear()


@pytest.fixture
def talk(home: Settings, worker: Executor) -> Iterator[Talk]:
    with ExitStack() as stack:

        def make(name: str = "main", **options: Any) -> Conversation:
            folder = thread_folder(name, settings=home)
            return stack.enter_context(Conversation(folder=folder, settings=home, executor=worker, **options))

        yield make


@pytest.fixture
def cif(tmp_path: Path) -> Path:
    path = tmp_path / "my oxide.cif"
    path.write_text(MGO, encoding="utf-8")
    return path


def yes(wish: Confirmation) -> bool:
    return bool(wish.sentence)


def no(wish: Confirmation) -> bool:
    return not wish.sentence


def texts(result: TurnResult) -> str:
    return "\n".join(piece.text for piece in result.pieces if isinstance(piece, TextPiece))


def rows(result: TurnResult) -> dict[str, str]:
    return {row[0]: row[1] for piece in result.pieces if isinstance(piece, TablePiece) for row in piece.rows}


def test_a_file_is_dropped_in_relaxed_and_questioned(talk: Talk, cif: Path) -> None:
    chat = talk()
    assert "Å" in rows(chat.say(str(cif).replace(" ", "\\ ")))["cell"]
    relaxed = chat.say(f"relax '{cif}'")
    assert relaxed.ended is Ended.ANSWERED, relaxed.error
    assert [call.name for call in relaxed.calls] == ["relax"]
    group = chat.say("what is its space group?")
    (piece,) = [piece for piece in group.pieces if isinstance(piece, RecordPiece)]
    assert piece.record.outcome.facts["space_group_number"] == 225
    assert piece.record.inputs["structure"] == relaxed.records[0]  # "its" is the relaxed one
    density = chat.say("and the density of it")
    (value,) = [
        p.record.quantities["density"].value
        for p in density.pieces
        if isinstance(p, RecordPiece) and p.record.tool == "density"
    ]
    assert value == pytest.approx(3.58, rel=0.05)
    assert f"[{density.records[-1][:8]}]" in density.text
    assert "{r:" in density.raw_text


def test_a_file_that_is_only_mentioned_again_is_not_shown_again(
    talk: Talk, cif: Path, tmp_path: Path
) -> None:
    table = tmp_path / "values.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    chat = talk()

    def shown(said: str) -> list[str]:
        return [piece.title for piece in chat.say(said).pieces if isinstance(piece, TablePiece)]

    assert shown(f"'{cif}' {table}") == ["my oxide.cif", "values.csv"]
    assert shown(f"thanks for '{cif}' and {table}") == []
    assert shown(f"what is in {table}?") == ["values.csv"]
    assert shown(f"'{cif}'") == ["my oxide.cif"]  # alone, it is asked to be seen
    cif.write_text(MGO.replace("4.212", "4.3"), encoding="utf-8")
    assert shown(f"thanks for '{cif}' and {table}") == ["my oxide.cif"]


def test_which_of_two_is_denser(talk: Talk) -> None:
    result = talk().say("Which is denser, MgO or NaCl?")
    assert result.ended is Ended.ANSWERED, result.error
    assert re.search(r"MgO \S+ is denser than NaCl \S+: 3\.\d+ .* against 2\.\d+", result.text)
    assert [call.name for call in result.calls].count("density") == 2


def test_every_number_of_an_answer_stands_in_the_threads_ledger(talk: Talk) -> None:
    chat = talk()
    result = chat.say("what is the density of diamond?")
    assert result.ended is Ended.ANSWERED, result.error
    assert "3.5" in result.text  # not graphite's
    with Ledger(chat.folder / "ledger.sqlite", create=False) as ledger:
        for name in result.records:
            assert ledger.record(name) is not None
        assert ledger.verify().intact


def test_asked_twice_is_computed_once(talk: Talk) -> None:
    chat = talk()
    first, second = chat.say("space group of NaCl"), chat.say("space group of NaCl")
    assert first.records == second.records
    records = list(chat.desk.ledger.entries("record"))
    assert len(records) == 1


def test_what_no_tool_measures_is_said(talk: Talk) -> None:
    result = talk().say("work function of tungsten")
    assert result.ended is Ended.FAILED
    assert "No " in result.error
    assert not result.records


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("relax nothing.cif", "no file"),
        ("bulk modulus of CsPbI3", "No structure of CsPbI3"),
        ("relax it", "no structure"),
        ("/run relux structure=MgO", "Did you mean relax"),
        ("/run relax structure=MgO max_steps=many", "max_steps"),
        ("/nonsense", "/help"),
        ("why was candidate 3 rejected?", "no design run"),
        ("/record deadbeef", "no record"),
        ("/set candidates=5", "no specification"),
        ("/cif", "which structure"),
        ("stop", "No run"),
    ],
)
def test_bad_input_is_one_sentence_and_the_thread_goes_on(said: str, words: str, talk: Talk) -> None:
    chat = talk()
    result = chat.say(said)
    assert result.ended is Ended.FAILED
    assert words in f"{result.error} {result.hint}"
    assert chat.say("hello").ended is Ended.ANSWERED


def test_nonsense_is_not_understood(talk: Talk) -> None:
    result = talk().say("colourless green ideas sleep furiously")
    assert result.ended is Ended.NOT_UNDERSTOOD
    assert "/help" in result.text


def test_a_plan_is_made_changed_and_only_started_when_agreed(talk: Talk, home: Settings) -> None:
    asked: list[Confirmation] = []

    def refuse(wish: Confirmation) -> bool:
        asked.append(wish)
        return False

    chat = talk(confirm=refuse)
    chat.say("a stable oxide with a bulk modulus above 150 GPa, no cobalt")
    chat.say("without nickel")
    chat.say("make it five candidates")
    chat.say("raise the bulk modulus to 200 GPa")
    chat.say("budget 20 minutes")
    spec = chat.desk.spec
    assert spec is not None
    assert spec.chemistry.excluded == ["Co", "Ni"]
    assert spec.candidates == 5
    assert spec.budget.wall_time_s == 1200
    assert [t.value for t in spec.targets if t.property == "bulk_modulus"] == [200.0]
    result = chat.say("start")
    assert result.ended is Ended.REFUSED
    assert [wish.tool for wish in asked] == ["start_design"]
    assert "20 min" in asked[0].sentence
    assert not home.runs_dir.exists()


def test_an_objective_may_name_its_time(talk: Talk) -> None:
    chat = talk()
    result = chat.say("a stable oxide with a bulk modulus above 150 GPa, two candidates, budget 4 minutes")
    assert chat.desk.spec is not None
    assert chat.desk.spec.budget.wall_time_s == 240
    assert chat.desk.spec.candidates == 2
    assert "Not understood" not in texts(result)


def test_an_impossible_plan_cannot_be_started(talk: Talk) -> None:
    chat = talk(confirm=yes)
    assert chat.say("an oxide with a bulk modulus above 5000 GPa").ended is Ended.REFUSED
    result = chat.say("start")
    assert result.ended is Ended.REFUSED
    assert not result.runs


def test_a_question_is_answered_from_quotes_or_not_at_all(talk: Talk, tmp_path: Path) -> None:
    chat = talk()
    paper = tmp_path / "note.md"
    paper.write_text(
        "# Garnets\n\nThe grain boundaries of zirfolite limit its ionic conductivity above all.\n",
        encoding="utf-8",
    )
    assert "taken into the library" in texts(chat.say("", files=[paper]))
    result = chat.say("what limits the ionic conductivity of zirfolite?")
    (found,) = result.literature
    assert found.answered
    assert "grain boundaries" in result.text
    assert all(quote.text for quote in found.quotes)


def test_what_the_papers_do_not_say_is_not_answered(talk: Talk, home: Settings, tmp_path: Path) -> None:
    paper = tmp_path / "note.md"
    paper.write_text(
        "# Garnets\n\nThe grain boundaries of zirfolite limit its conductivity.\n", encoding="utf-8"
    )
    ingest([paper], folder=home.library_dir, settings=home)
    result = talk().say("what limits the price of umbrellas in Paris?")
    assert result.ended is Ended.REFUSED
    assert "Cannot answer" in result.text


def test_a_table_is_shown_and_files_of_no_use_are_named(talk: Talk, tmp_path: Path) -> None:
    table = tmp_path / "oxides.csv"
    table.write_text("formula,K\nMgO,162\nCaO,114\n", encoding="utf-8")
    (tmp_path / "odd.bin").write_bytes(b"\x00\x01")
    (tmp_path / "bad.cif").write_text("nothing", encoding="utf-8")
    chat = talk()
    result = chat.say("", files=[table, tmp_path / "odd.bin", tmp_path / "bad.cif", tmp_path / "gone.cif"])
    assert [piece.title for piece in result.pieces if isinstance(piece, TablePiece)] == ["oxides.csv"]
    assert all(word in texts(result) for word in ("odd.bin", "bad.cif", "gone.cif"))
    assert "2 rows" in chat.say("show oxides.csv").text


def test_a_thread_is_kept_and_gone_on_with(talk: Talk, home: Settings, worker: Executor) -> None:
    folder = thread_folder("kept", settings=home)
    with Conversation(folder=folder, settings=home, executor=worker) as first:
        first.say("space group of NaCl")
        with pytest.raises(UsageError, match="Another process"), Conversation(folder=folder, settings=home):
            pass
    with Conversation(folder=folder, settings=home, executor=worker) as again:
        assert [turn.said for turn in again.turns()] == ["space group of NaCl"]
        assert isinstance(again.turns()[0].pieces[-1], RecordPiece)
        assert again.say("relax it").ended is Ended.ANSWERED
    assert [(one.name, one.turns) for one in list_threads(home)] == [("kept", 2)]
    delete_thread("kept", settings=home)
    assert list_threads(home) == []
    with pytest.raises(UsageError):
        delete_thread("kept", settings=home)


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 200, "end.", "nul\x00"])
def test_a_thread_has_a_plain_name(name: str, home: Settings) -> None:
    with pytest.raises(UsageError):
        thread_folder(name, settings=home)


def test_a_structure_is_written_as_cif(talk: Talk, tmp_path: Path) -> None:
    chat = talk(confirm=no)
    out = tmp_path / "out.cif"
    chat.say("show NaCl")
    assert chat.say(f"/cif NaCl {out}").ended is Ended.ANSWERED
    assert "Cl" in out.read_text(encoding="utf-8")
    assert chat.say(f"/cif NaCl {out}").ended is Ended.REFUSED  # it is not written over unasked


def test_a_model_works_with_the_same_tools(talk: Talk, cif: Path) -> None:
    model = ScriptedModel(
        [("list_structures", {})],
        [("relax", {"structure": "my oxide.cif"}), ("symmetry", {"structure": "my oxide.cif"})],
        "It is cubic, space group 225.",
        "Nothing more.",
        "Nothing at all.",
    )
    chat = talk(model=model)
    result = chat.say(f'relax "{cif}" and give its space group')
    assert result.ended is Ended.ANSWERED, result.error
    assert [call.ok for call in result.calls] == [True, True, True], result.calls
    assert result.text == "It is cubic, space group 225."
    system, user = model.requests[0][0], model.requests[0][-1]
    assert "colleague" in system["content"]
    assert "my oxide.cif" in user["content"]
    assert str(cif) not in user["content"]  # a model is told labels and no paths
    chat.say("and now?")
    chat.say("and then?")
    roles = [message["role"] for message in model.requests[-1]]
    assert roles == [
        "system",
        "user",
        *["assistant", "tool", "assistant", "tool", "tool", "assistant"],
        *["user", "assistant"],
        "user",
    ]
    asked = [message["content"] for message in model.requests[-1] if message["role"] == "user"]
    assert asked[1] == "and now?"
    assert str(asked).count("How the thread stands") == 1
    assert any(message["role"] == "tool" for message in model.requests[-1])


def test_a_model_reads_no_file_that_was_not_given(talk: Talk, cif: Path) -> None:
    model = ScriptedModel(
        [("relax", {"structure": str(cif)}), ("read_table", {"file": "/etc/passwd"})], "No."
    )
    result = talk(model=model).say("do something")
    assert [call.ok for call in result.calls] == [False, False]
    assert "root:" not in str(result.messages)


def test_arguments_out_of_range_come_back_as_failures(talk: Talk, cif: Path) -> None:
    model = ScriptedModel(
        [("relax", {"structure": "my oxide.cif", "max_steps": 10**9}), ("relax", {"atoms": 3})], "No."
    )
    result = talk(model=model).say("go", files=[cif])
    assert [call.ok for call in result.calls] == [False, False]
    assert "max_steps" in result.calls[0].error


def test_a_model_plans_but_starts_nothing_unasked(talk: Talk, home: Settings) -> None:
    model = ScriptedModel(
        [("plan_design", {"objective": "a stable oxide with a bulk modulus above 150 GPa"})],
        [("change_spec", {"changes": {"candidates": 2, "chemistry": {"excluded": ["Co"]}}})],
        [("start_design", {})],
        "I have not started it.",
    )
    chat = talk(model=model)
    result = chat.say("design me a stiff oxide")
    assert [call.ok for call in result.calls] == [True, True, False]
    assert result.calls[2].refused
    assert chat.desk.spec is not None
    assert chat.desk.spec.candidates == 2
    assert chat.desk.spec.chemistry.excluded == ["Co"]
    assert not home.runs_dir.exists()


def test_a_wrong_change_changes_nothing(talk: Talk) -> None:
    model = ScriptedModel(
        [("change_spec", {"changes": {"candidates": -1}}), ("change_spec", {"changes": {"colour": "red"}})],
        "No.",
    )
    chat = talk(model=model)
    chat.say("/plan a stable oxide")
    before = chat.desk.spec
    result = chat.say("change it")
    assert [call.ok for call in result.calls] == [False, False]
    assert chat.desk.spec == before


def test_a_model_may_repeat_what_stands_in_a_persons_files(talk: Talk, cif: Path, tmp_path: Path) -> None:
    table = tmp_path / "moduli.csv"
    table.write_text("formula,K (GPa),n\nMgO,162.34,31\nTiN,277.1,7\n", encoding="utf-8")
    true = (
        "The cell is cubic, 4.212 Å on an edge, of 74.7 Å³ and 2 atoms; the table has 162.3 GPa for n of 31."
    )
    false = "The cell has 4.3 Å, or 162.34 eV, or 31 GPa, or 163.0 GPa."
    chat = talk(model=ScriptedModel(true, false, last="I cannot say."))
    result = chat.say("what is in these?", files=[cif, table])
    assert (result.text, result.unbacked) == (true, [])
    assert result.sources == ["my oxide.cif", "moduli.csv"]
    result = chat.say("and else?")
    assert result.text == "I cannot say."
    chat.close()
    again = talk(model=ScriptedModel(true))  # whoever opens the thread later knows its files still
    assert again.say("once more").unbacked == []
    wrong = talk(name="other", model=ScriptedModel(true, true, last=true))
    assert {"4.212", "162.3", "31"} <= set(wrong.say("what is in these?").unbacked)


def test_a_long_thread_is_shown_in_short(talk: Talk) -> None:
    model = ScriptedModel(last="word " * 1800)
    chat = talk(model=model)
    for number in range(12):
        chat.say(f"say something long, part {number}")
    sizes = [sum(len(str(message.get("content"))) for message in request) for request in model.requests]
    assert max(sizes) < 90_000
    assert "earlier_turns" in str(model.requests[-1][-1]["content"])
    assert [message["role"] for message in model.requests[-1][:2]] == ["system", "user"]


def test_runs_and_candidates_are_explained_from_their_records(
    talk: Talk, home: Settings, made_candidate: Callable[..., Candidate]
) -> None:
    from explained import write_run

    write_run(home.runs_dir / "made-run", made_candidate)
    chat = talk()
    told = chat.say("which candidates meet the targets?")
    assert "MgO" in str([piece.rows for piece in told.pieces if isinstance(piece, TablePiece)])
    why = chat.say("why was candidate 2 rejected?")
    assert "does not meet the bulk modulus" in texts(why)
    assert "74.0 ± 8.0 GPa" in texts(why)
    assert why.records
    assert chat.desk.ledger.record(why.records[0]) is not None  # what was said keeps its ground in the thread
    met = chat.say("explain candidate 1")
    assert "was not rejected" in texts(met)
    gone = chat.say("why was CaO rejected?")
    assert "the cell collapsed" in texts(gone)
    taken = chat.say("space group of candidate 1")
    assert taken.ended is Ended.ANSWERED, taken.error
    assert chat.say("explain candidate 77").ended is Ended.FAILED


def test_a_run_at_work_is_not_called_broken_off(
    talk: Talk, home: Settings, made_candidate: Callable[..., Candidate], tmp_path: Path
) -> None:
    from explained import write_run

    write_run(home.runs_dir / "made-run", made_candidate)
    program = tmp_path / "program.py"
    program.write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    chat = talk()
    chat.desk.runs = StartedRuns(
        ledger=chat.desk.ledger, settings=home, command=[sys.executable, str(program)]
    )
    chat.desk.runs.resume(home.runs_dir / "made-run")
    told = chat.say("what did you find so far?")
    assert "is starting" in texts(told)
    assert "MgO" in str([piece.rows for piece in told.pieces if isinstance(piece, TablePiece)])
    stopped = chat.say("stop the run")
    assert "was stopped" in texts(stopped)
    assert chat.news() == []  # it was told, and is told once


def test_a_models_words_on_a_run_rest_on_the_runs_records(
    talk: Talk, home: Settings, made_candidate: Callable[..., Candidate]
) -> None:
    from explained import write_run

    record = write_run(home.runs_dir / "made-run", made_candidate)["Ba"]
    model = ScriptedModel(
        [("explain_candidate", {"candidate": "2"})],
        f"It is too soft: {record.reference('bulk_modulus')}, not 150 GPa.",
    )
    result = talk(model=model).say("why not the second?")
    assert result.unbacked == []
    assert f"74.0 ± 8.0 GPa [{record.id[:8]}]" in result.text


def test_a_model_orders_a_file_with_partly_occupied_sites_and_no_other(
    talk: Talk, tmp_path: Path, cif: Path
) -> None:
    mixed = tmp_path / "mixed.cif"
    mixed.write_text(
        "\n".join(
            [
                "data_mixed",
                *(f"_cell_length_{axis} 4.25" for axis in "abc"),
                *(f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")),
                "loop_",
                *(f"_atom_site_{name}" for name in ("label", "type_symbol")),
                *(f"_atom_site_fract_{axis}" for axis in "xyz"),
                "_atom_site_occupancy",
                "Mg1 Mg 0 0 0 0.5",
                "Ca1 Ca 0 0 0 0.5",
                "O1 O 0.5 0.5 0.5 1",
            ]
        ),
        encoding="utf-8",
    )
    model = ScriptedModel(
        [
            ("orderings", {"file": "mixed.cif", "relax": False, "max_atoms": 4}),
            ("orderings", {"file": str(cif)}),
        ],
        "Ordered.",
    )
    result = talk(model=model).say("order it", files=[mixed])
    assert [call.ok for call in result.calls] == [True, False], result.calls
    assert "The person gave no file" in str(result.calls[1].error)
