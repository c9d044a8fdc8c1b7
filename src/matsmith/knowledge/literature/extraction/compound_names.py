"""Names of materials that are no formulas: elements, minerals, named compounds and laboratory shorthand, with their formulas.

Shorthand stands for what the field means by it; "" where a name stands for a class or a mixture without one formula.
"""

from __future__ import annotations

import re

from matsmith.core.elements import SYMBOLS

_ELEMENT_NAMES = [
    "hydrogen",
    "helium",
    "lithium",
    "beryllium",
    "boron",
    "carbon",
    "nitrogen",
    "oxygen",
    "fluorine",
    "neon",
    "sodium",
    "magnesium",
    "aluminium",
    "silicon",
    "phosphorus",
    "sulfur",
    "chlorine",
    "argon",
    "potassium",
    "calcium",
    "scandium",
    "titanium",
    "vanadium",
    "chromium",
    "manganese",
    "iron",
    "cobalt",
    "nickel",
    "copper",
    "zinc",
    "gallium",
    "germanium",
    "arsenic",
    "selenium",
    "bromine",
    "krypton",
    "rubidium",
    "strontium",
    "yttrium",
    "zirconium",
    "niobium",
    "molybdenum",
    "technetium",
    "ruthenium",
    "rhodium",
    "palladium",
    "silver",
    "cadmium",
    "indium",
    "tin",
    "antimony",
    "tellurium",
    "iodine",
    "xenon",
    "caesium",
    "barium",
    "lanthanum",
    "cerium",
    "praseodymium",
    "neodymium",
    "promethium",
    "samarium",
    "europium",
    "gadolinium",
    "terbium",
    "dysprosium",
    "holmium",
    "erbium",
    "thulium",
    "ytterbium",
    "lutetium",
    "hafnium",
    "tantalum",
    "tungsten",
    "rhenium",
    "osmium",
    "iridium",
    "platinum",
    "gold",
    "mercury",
    "thallium",
    "lead",
    "bismuth",
    "polonium",
    "astatine",
    "radon",
    "francium",
    "radium",
    "actinium",
    "thorium",
    "protactinium",
    "uranium",
    "neptunium",
    "plutonium",
]
ELEMENTS: dict[str, str] = {
    **dict(zip(_ELEMENT_NAMES, SYMBOLS, strict=False)),
    "aluminum": "Al", "sulphur": "S", "cesium": "Cs", "wolfram": "W",
}  # fmt: skip

MINERALS: dict[str, str] = {
    "diamond": "C", "graphite": "C", "graphene": "C", "quartz": "SiO2", "cristobalite": "SiO2", "stishovite": "SiO2",
    "coesite": "SiO2", "rutile": "TiO2", "anatase": "TiO2", "brookite": "TiO2", "corundum": "Al2O3", "sapphire": "Al2O3",
    "periclase": "MgO", "haematite": "Fe2O3", "hematite": "Fe2O3", "magnetite": "Fe3O4", "wurtzite ZnS": "ZnS",
    "zincite": "ZnO", "galena": "PbS", "pyrite": "FeS2", "cassiterite": "SnO2", "calcite": "CaCO3", "aragonite": "CaCO3",
    "fluorite": "CaF2", "halite": "NaCl", "cementite": "Fe3C", "cordierite": "Mg2Al4Si5O18", "mullite": "Al6Si2O13",
    "forsterite": "Mg2SiO4", "hydroxyapatite": "Ca5P3O13H", "black phosphorus": "P", "hard carbon": "C",
    "sodium alanate": "NaAlH4", "lithium borohydride": "LiBH4", "sodium borohydride": "NaBH4",
    "alumina": "Al2O3", "silica": "SiO2", "magnesia": "MgO", "zirconia": "ZrO2", "titania": "TiO2", "ceria": "CeO2",
    "hafnia": "HfO2", "yttria": "Y2O3", "thoria": "ThO2", "urania": "UO2", "baddeleyite": "ZrO2", "ice": "H2O",
}  # fmt: skip

SHORTHAND: dict[str, str] = {
    "YSZ": "", "8YSZ": "", "3Y-TZP": "", "PZT": "", "PMN-PT": "", "KNN": "", "ITO": "", "FTO": "", "AZO": "", "IGZO": "",
    "LLZO": "Li7La3Zr2O12", "LATP": "", "LAGP": "", "LGPS": "Li10GeP2S12", "LPSCl": "Li6PS5Cl", "NASICON": "",
    "LISICON": "", "LiPON": "", "LFP": "LiFePO4", "LCO": "LiCoO2", "LMO": "LiMn2O4", "LTO": "Li4Ti5O12", "LNO": "LiNiO2",
    "NMC": "", "NCM": "", "NMC811": "LiNi0.8Mn0.1Co0.1O2", "NCM811": "LiNi0.8Mn0.1Co0.1O2", "NCA": "", "LSCF": "",
    "LSM": "", "LSGM": "", "GDC": "", "CGO": "", "SDC": "", "BTO": "BaTiO3", "STO": "SrTiO3", "BFO": "BiFeO3",
    "PTO": "PbTiO3", "YAG": "Y3Al5O12", "GGG": "Gd3Ga5O12", "YIG": "Y3Fe5O12", "YBCO": "YBa2Cu3O7", "BSCCO": "",
    "CZTS": "Cu2ZnSnS4", "CIGS": "", "MAPI": "", "MAPbI3": "", "GST": "Ge2Sb2Te5", "hBN": "BN", "h-BN": "BN", "cBN": "BN",
    "c-BN": "BN", "w-BN": "BN", "TCP": "", "MOF-5": "", "ZIF-8": "", "ZIF-67": "", "UiO-66": "", "HKUST-1": "",
}  # fmt: skip

_ANIONS = {
    "oxide": ("O", 2), "nitride": ("N", 3), "carbide": ("C", 4), "boride": ("B", 0), "sulfide": ("S", 2),
    "sulphide": ("S", 2), "selenide": ("Se", 2), "telluride": ("Te", 2), "phosphide": ("P", 3), "arsenide": ("As", 3),
    "antimonide": ("Sb", 3), "silicide": ("Si", 0), "germanide": ("Ge", 0), "hydride": ("H", 1), "fluoride": ("F", 1),
    "chloride": ("Cl", 1), "bromide": ("Br", 1), "iodide": ("I", 1),
}  # fmt: skip
_OXYANIONS = (
    "titanate|zirconate|hafnate|niobate|tantalate|tungstate|molybdate|vanadate|manganite|ferrite|cobaltite|nickelate|"
    "stannate|aluminate|silicate|phosphate|borate|carbonate|sulfate|germanate|gallate|ruthenate|iridate|cuprate"
)
_COUNTS = r"(?:mono|di|tri|tetra|penta|hexa|dodeca|sesqui|hemi)?"
# The only compound, or the one always meant, of the two elements named.
COMPOUNDS: dict[str, str] = {
    "boron nitride": "BN", "aluminium nitride": "AlN", "aluminum nitride": "AlN", "gallium nitride": "GaN",
    "indium nitride": "InN", "silicon nitride": "Si3N4", "titanium nitride": "TiN", "silicon carbide": "SiC",
    "boron carbide": "B4C", "tungsten carbide": "WC", "titanium carbide": "TiC", "tantalum carbide": "TaC",
    "hafnium carbide": "HfC", "zirconium carbide": "ZrC", "gallium arsenide": "GaAs", "indium phosphide": "InP",
    "gallium phosphide": "GaP", "zinc oxide": "ZnO", "magnesium oxide": "MgO", "calcium oxide": "CaO",
    "beryllium oxide": "BeO", "aluminium oxide": "Al2O3", "aluminum oxide": "Al2O3", "titanium dioxide": "TiO2",
    "silicon dioxide": "SiO2", "zirconium dioxide": "ZrO2", "hafnium dioxide": "HfO2", "cerium dioxide": "CeO2",
    "tin dioxide": "SnO2", "uranium dioxide": "UO2", "zinc sulfide": "ZnS", "cadmium sulfide": "CdS",
    "cadmium selenide": "CdSe", "cadmium telluride": "CdTe", "lead telluride": "PbTe", "lead selenide": "PbSe",
    "lead sulfide": "PbS", "bismuth telluride": "Bi2Te3", "tin selenide": "SnSe", "barium titanate": "BaTiO3",
    "strontium titanate": "SrTiO3", "lead titanate": "PbTiO3", "calcium titanate": "CaTiO3", "bismuth ferrite": "BiFeO3",
    "lithium niobate": "LiNbO3", "lithium tantalate": "LiTaO3", "sodium chloride": "NaCl", "lithium fluoride": "LiF",
    "calcium fluoride": "CaF2", "magnesium fluoride": "MgF2", "magnesium diboride": "MgB2", "titanium diboride": "TiB2",
    "zirconium diboride": "ZrB2", "hafnium diboride": "HfB2", "rhenium diboride": "ReB2", "molybdenum disulfide": "MoS2",
    "tungsten disulfide": "WS2", "lithium cobalt oxide": "LiCoO2", "lithium iron phosphate": "LiFePO4",
    "yttrium aluminium garnet": "Y3Al5O12", "yttrium aluminum garnet": "Y3Al5O12", "gallium oxide": "Ga2O3",
    "sodium aluminium hydride": "NaAlH4", "sodium aluminum hydride": "NaAlH4", "lithium aluminium hydride": "LiAlH4",
    "lithium aluminum hydride": "LiAlH4", "magnesium hydride": "MgH2",
    "indium oxide": "In2O3", "boron arsenide": "BAs", "indium antimonide": "InSb", "gallium antimonide": "GaSb",
}  # fmt: skip
_ELEMENT = "|".join(sorted(ELEMENTS, key=len, reverse=True))
NAMED_COMPOUND = re.compile(
    rf"(?<![\w-])(?:(?:{_ELEMENT})[ -]){{1,3}}{_COUNTS}(?:{'|'.join(_ANIONS)}|{_OXYANIONS})(?![\w])",
    re.IGNORECASE,
)
STABILISED = re.compile(
    r"(?<![\w-])(?:yttria|calcia|magnesia|ceria|scandia|gadolinia)[- ](?:stabili[sz]ed|doped) (?:zirconia|ceria)(?!\w)",
    re.IGNORECASE,
)
MINERAL = re.compile(
    rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, MINERALS), key=len, reverse=True))})(?![\w-])",
    re.IGNORECASE,
)
ELEMENT_NAME = re.compile(rf"(?<![\w-])(?:{_ELEMENT})(?![\w-])", re.IGNORECASE)


def formula_of_name(name: str) -> str:
    """The formula that a name always means; "" when it means a class, a mixture or is not known.

    >>> formula_of_name("Barium titanate"), formula_of_name("LLZO"), formula_of_name("yttria-stabilised zirconia")
    ('BaTiO3', 'Li7La3Zr2O12', '')
    """
    low = name.casefold()
    return SHORTHAND.get(name) or MINERALS.get(low) or COMPOUNDS.get(low) or ELEMENTS.get(low) or ""
