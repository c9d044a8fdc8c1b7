"""What quotes say of chemistries and prototypes, held against the targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.agents.leads import leads_of
from matsmith.agents.literature import search
from matsmith.core.quantity import Relation
from matsmith.core.run import Lead, LeadKind, Stance
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.notes import built_in_documents
from matsmith.knowledge.literature.readers.markdown import read_markdown

SPEC = DesignSpec(
    objective="stiff",
    targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0, unit="GPa")],
)


def document(name: str, text: str) -> SourceDocument:
    return read_markdown(text.encode(), path=f"{name}.md")


def leads(text: str) -> list[Lead]:
    source = document("x", f"# A report\n\n{text}\n")
    return [lead for passage in cut(source) for lead in leads_of(passage, document=source, spec=SPEC)]


@pytest.mark.parametrize(
    ("text", "name", "stance", "low", "high"),
    [
        ("The bulk modulus of MgO is 160 GPa.", "MgO", Stance.WORTH_TRYING, 160.0, 160.0),
        ("The bulk modulus of MgO is 1.6 Mbar.", "MgO", Stance.WORTH_TRYING, 160.0, 160.0),
        ("The bulk modulus of NaCl is 24 GPa.", "NaCl", Stance.KNOWN_TO_FAIL, 24.0, 24.0),
        ("The bulk modulus of CaO lies between 110 and 170 GPa.", "CaO", Stance.REPORTED, 110.0, 170.0),
    ],
)
def test_a_value_is_held_against_the_target(
    text: str, name: str, stance: Stance, low: float, high: float
) -> None:
    found = [lead for lead in leads(text) if lead.property]
    assert len(found) == 1
    lead = found[0]
    assert (lead.kind, lead.name, lead.stance, lead.unit) == (LeadKind.CHEMISTRY, name, stance, "GPa")
    assert lead.low == pytest.approx(low)
    assert lead.high == pytest.approx(high)
    assert lead.words in text


def test_what_no_solid_has_and_other_properties_are_left_out() -> None:
    assert leads("The bulk modulus of MgO is 9000 GPa.") == []
    assert leads("The band gap of MgO is 7.8 eV.") == []


def test_failures_and_prototypes_are_named() -> None:
    found = leads("The spinel MnO4X was sought. CsPbI3 decomposes in moist air.")
    assert [(lead.name, lead.stance) for lead in found if lead.kind is LeadKind.PROTOTYPE] == [
        ("spinel", Stance.REPORTED)
    ]
    failed = [lead for lead in found if lead.stance is Stance.KNOWN_TO_FAIL]
    assert [lead.words for lead in failed] == ["CsPbI3 decomposes in moist air."]


def test_the_users_library_is_searched_beside_the_notes(tmp_path: Path) -> None:
    mine = document(
        "mine", "# Stiff nitrides\n\nThe bulk modulus of cubic BN is 380 GPa by Brillouin scattering.\n"
    )
    with Library.open(tmp_path, create=True) as library:
        for one in (*built_in_documents(), mine):
            library.add(one)
    found = search(
        ["bulk modulus of cubic BN", "tolerance factor of perovskites"], spec=SPEC, folder=tmp_path
    )
    own = [evidence for evidence in found if "mine.md" in evidence.source]
    assert own
    assert any("built-in note" in evidence.source for evidence in found)
    values = [lead for lead in own[0].leads if lead.property]
    assert [(lead.low, lead.stance) for lead in values] == [(380.0, Stance.WORTH_TRYING)]
