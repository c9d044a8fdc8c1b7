"""Structure types by name: how people call them, what they need, and their AFLOW label where there is one."""

from __future__ import annotations

from dataclasses import dataclass

_ANY_RATIO: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class PrototypeName:
    """A structure type. `ratios` are the sorted stoichiometries it takes; empty when it takes more than can be listed.

    `atoms` is the size of the primitive cell. `space_group` is given where a crystal of another one is not called so.
    """

    name: str
    synonyms: tuple[str, ...]
    atoms: int
    elements_min: int
    elements_max: int | None = None
    ratios: tuple[tuple[int, ...], ...] = _ANY_RATIO
    space_group: int | None = None
    aflow: str | None = None


_LISTED = (
    PrototypeName(
        name="perovskite", synonyms=("perovskite", "perovskite structure", "perovskite type", "abx3 perovskite"), atoms=5,
        elements_min=3, aflow="AB3C_cP5_221_a_c_b"),
    PrototypeName(
        name="rocksalt", synonyms=("rocksalt", "rock salt", "halite", "nacl type", "nacl structure"), atoms=2,
        elements_min=2, space_group=225, aflow="AB_cF8_225_a_b"),
    PrototypeName(name="spinel", synonyms=("spinel",), atoms=14, elements_min=2, aflow="A2BC4_cF56_227_d_a_e"),
    PrototypeName(name="garnet", synonyms=("garnet",), atoms=80, elements_min=3),
    PrototypeName(
        name="fluorite", synonyms=("fluorite", "caf2 type", "caf2 structure"), atoms=3, elements_min=2, space_group=225,
        aflow="AB2_cF12_225_a_c"),
    PrototypeName(
        name="antifluorite", synonyms=("antifluorite", "anti fluorite"), atoms=3, elements_min=2, space_group=225,
        aflow="AB2_cF12_225_a_c"),
    PrototypeName(
        name="wurtzite", synonyms=("wurtzite", "wurzite", "zincite"), atoms=4, elements_min=2,
        space_group=186, aflow="AB_hP4_186_b_b"),
    PrototypeName(
        name="zincblende", synonyms=("zincblende", "zinc blende", "sphalerite", "zinkblende"), atoms=2, elements_min=2,
        space_group=216, aflow="AB_cF8_216_c_a"),
    PrototypeName(
        name="caesium chloride", synonyms=("cscl type", "cscl structure", "caesium chloride structure",
                                           "cesium chloride structure", "b2 structure", "b2 phase"),
        atoms=2, elements_min=2, ratios=((1, 1),), space_group=221, aflow="AB_cP2_221_b_a"),
    PrototypeName(
        name="diamond", synonyms=("diamond structure", "diamond type", "diamond cubic", "diamond lattice"), atoms=2,
        elements_min=1, elements_max=1, space_group=227, aflow="A_cF8_227_a"),
    PrototypeName(name="rutile", synonyms=("rutile",), atoms=6, elements_min=2, aflow="A2B_tP6_136_f_a"),
    PrototypeName(
        name="anatase", synonyms=("anatase",), atoms=6, elements_min=2, ratios=((1, 2),), space_group=141,
        aflow="A2B_tI12_141_e_a"),
    PrototypeName(
        name="corundum", synonyms=("corundum",), atoms=10, elements_min=2, space_group=167, aflow="A2B3_hR10_167_c_e"),
    PrototypeName(name="ilmenite", synonyms=("ilmenite",), atoms=10, elements_min=3, aflow="AB3C_hR10_148_c_f_c"),
    PrototypeName(
        name="pyrite", synonyms=("pyrite",), atoms=12, elements_min=2, ratios=((1, 2),), aflow="AB2_cP12_205_a_c"),
    PrototypeName(name="marcasite", synonyms=("marcasite",), atoms=6, elements_min=2, aflow="AB2_oP6_58_a_g"),
    PrototypeName(name="chalcopyrite", synonyms=("chalcopyrite",), atoms=8, elements_min=3, aflow="ABC2_tI16_122_a_b_d"),
    PrototypeName(name="bixbyite", synonyms=("bixbyite",), atoms=40, elements_min=2, aflow="AB3C6_cI80_206_a_d_e"),
    PrototypeName(
        name="half-Heusler", synonyms=("half heusler", "semi heusler"), atoms=3, elements_min=3, ratios=((1, 1, 1),),
        space_group=216, aflow="ABC_cF12_216_b_c_a"),
    PrototypeName(
        name="Heusler", synonyms=("heusler", "full heusler"), atoms=4, elements_min=3, ratios=((1, 1, 2),),
        space_group=225, aflow="AB2C_cF16_225_a_c_b"),
    PrototypeName(name="skutterudite", synonyms=("skutterudite",), atoms=16, elements_min=2, aflow="A3B_cI32_204_g_c"),
    PrototypeName(
        name="delafossite", synonyms=("delafossite", "caswellsilverite", "alpha nafeo2"), atoms=4, elements_min=3,
        aflow="ABC2_hR4_166_a_b_c"),
    PrototypeName(name="calcite", synonyms=("calcite",), atoms=10, elements_min=3, aflow="ABC3_hR10_167_a_b_e"),
    PrototypeName(name="zircon", synonyms=("zircon",), atoms=12, elements_min=3, aflow="A4BC_tI24_141_h_b_a"),
    PrototypeName(
        name="nickel arsenide", synonyms=("nias type", "nias structure", "nickeline"), atoms=4, elements_min=2,
        space_group=194, aflow="AB_hP4_194_c_a"),
    PrototypeName(name="pyrochlore", synonyms=("pyrochlore",), atoms=22, elements_min=3),
    PrototypeName(name="olivine", synonyms=("olivine",), atoms=28, elements_min=3),
    PrototypeName(
        name="Laves phase", synonyms=("laves phase", "laves", "c15 laves phase", "c15"), atoms=6, elements_min=2,
        aflow="A2B_cF24_227_d_a"),
    PrototypeName(
        name="MAX phase", synonyms=("max phase",), atoms=8, elements_min=3, aflow="AB3C4_hP16_194_c_af_ef"),
    PrototypeName(
        name="A15", synonyms=("a15", "a15 phase", "a15 structure"), atoms=8, elements_min=2, ratios=((1, 3),),
        space_group=223, aflow="A3B_cP8_223_c_a"),
    PrototypeName(
        name="tungsten carbide", synonyms=("wc type", "wc structure"), atoms=2, elements_min=2, ratios=((1, 1),),
        space_group=187, aflow="AB_hP2_187_d_a"),
    PrototypeName(
        name="aluminium diboride", synonyms=("alb2 type", "alb2 structure"), atoms=3, elements_min=2, ratios=((1, 2),),
        space_group=191, aflow="AB2_hP3_191_a_d"),
    PrototypeName(
        name="cuprite", synonyms=("cuprite",), atoms=6, elements_min=2, ratios=((1, 2),), space_group=224,
        aflow="A2B_cP6_224_b_a"),
    PrototypeName(name="fcc", synonyms=("fcc", "face centred cubic", "face centered cubic"), atoms=1, elements_min=1,
                  aflow="A_cF4_225_a"),
    PrototypeName(name="bcc", synonyms=("bcc", "body centred cubic", "body centered cubic"), atoms=1, elements_min=1,
                  aflow="A_cI2_229_a"),
    PrototypeName(name="hcp", synonyms=("hcp", "hexagonal close packed"), atoms=2, elements_min=1, aflow="A_hP2_194_c"),
)  # fmt: skip

_RATIOS = {
    "perovskite": ((1, 1, 3),), "rocksalt": ((1, 1), (1, 1, 2)), "spinel": ((1, 2, 4), (3, 4)),
    "garnet": ((2, 3, 3, 12), (3, 5, 12), (1, 2, 3)), "fluorite": ((1, 2),), "antifluorite": ((1, 2),),
    "wurtzite": ((1, 1),), "zincblende": ((1, 1),), "rutile": ((1, 2),), "corundum": ((2, 3),),
    "ilmenite": ((1, 1, 3),), "chalcopyrite": ((1, 1, 2),), "calcite": ((1, 1, 3),), "zircon": ((1, 1, 4),),
    "delafossite": ((1, 1, 2),), "nickel arsenide": ((1, 1),), "marcasite": ((1, 2),), "skutterudite": ((1, 3),),
}  # fmt: skip

PROTOTYPES: dict[str, PrototypeName] = {entry.name: entry for entry in _LISTED}
PROTOTYPE_WORDS: dict[str, str] = {
    word: entry.name for entry in _LISTED for base in entry.synonyms for word in (base, f"{base} structured")
}


def ratios_of(name: str) -> tuple[tuple[int, ...], ...]:
    """Sorted stoichiometries that a structure type takes; empty when they cannot be listed or the type is unknown."""
    entry = PROTOTYPES.get(name)
    if entry is None:
        return ()
    return entry.ratios or _RATIOS.get(name, ())
