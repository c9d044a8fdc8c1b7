"""Names and abbreviations of common materials, of cations, anions and oxoanions, and the usual oxidation states."""

from __future__ import annotations

# formula: name; other names; abbreviations in capitals
_KNOWN_TEXT = """
BaTiO3: barium titanate; BTO
SrTiO3: strontium titanate; STO
PbTiO3: lead titanate; PTO
CaTiO3: calcium titanate
PbZr0.5Ti0.5O3: lead zirconate titanate; PZT
BiFeO3: bismuth ferrite; BFO
KNbO3: potassium niobate
LiNbO3: lithium niobate
LiTaO3: lithium tantalate
K0.5Na0.5NbO3: potassium sodium niobate; KNN
LaAlO3: lanthanum aluminate; LAO
LaMnO3: lanthanum manganite
LaCoO3: lanthanum cobaltite
La0.7Sr0.3MnO3: lanthanum strontium manganite; LSMO
La0.6Sr0.4Co0.2Fe0.8O3: lanthanum strontium cobalt ferrite; LSCF
Li7La3Zr2O12: lithium lanthanum zirconate; lithium lanthanum zirconium oxide; LLZO
Li0.5La0.5TiO3: lithium lanthanum titanate; LLTO
Li10GeP2S12: lithium germanium thiophosphate; LGPS
Li6PS5Cl: lithium argyrodite; argyrodite chloride
Li3PS4: lithium thiophosphate; LPS
Li3PO4: lithium phosphate
Li3YCl6: lithium yttrium chloride; LYC
Li3InCl6: lithium indium chloride
Li1.3Al0.3Ti1.7(PO4)3: lithium aluminium titanium phosphate; LATP
Li1.5Al0.5Ge1.5(PO4)3: lithium aluminium germanium phosphate; LAGP
Na3Zr2Si2PO12: sodium zirconium silicon phosphate; NASICON
LiFePO4: lithium iron phosphate; LFP
LiMnPO4: lithium manganese phosphate
LiCoO2: lithium cobalt oxide; lithium cobaltate; LCO
LiNiO2: lithium nickel oxide; lithium nickelate
LiMn2O4: lithium manganese oxide; lithium manganese spinel; LMO
LiMnO2: lithium manganite
Li2MnO3: lithium-rich manganese oxide
Li4Ti5O12: lithium titanate; LTO
LiNi0.5Mn1.5O4: lithium nickel manganese spinel; LNMO
LiNi0.33Mn0.33Co0.33O2: lithium nickel manganese cobalt oxide; NMC111; NCM111
LiNi0.8Mn0.1Co0.1O2: nickel-rich NMC; NMC811; NCM811
LiNi0.8Co0.15Al0.05O2: lithium nickel cobalt aluminium oxide; NCA
LiPF6: lithium hexafluorophosphate
TiO2: titanium dioxide; titania; titanium oxide
ZrO2: zirconium dioxide; zirconia; zirconium oxide
HfO2: hafnium dioxide; hafnia; hafnium oxide
CeO2: cerium dioxide; ceria; cerium oxide
ThO2: thorium dioxide; thoria
UO2: uranium dioxide; urania
SiO2: silicon dioxide; silica; quartz; silicon oxide
GeO2: germanium dioxide; germania
SnO2: tin dioxide; tin oxide; stannic oxide
MnO2: manganese dioxide
VO2: vanadium dioxide
RuO2: ruthenium dioxide
IrO2: iridium dioxide
Al2O3: aluminium oxide; alumina; corundum; sapphire
Y2O3: yttrium oxide; yttria
La2O3: lanthanum oxide; lanthana
Sc2O3: scandium oxide; scandia
In2O3: indium oxide
Ga2O3: gallium oxide
Cr2O3: chromium oxide; chromia
Fe2O3: iron oxide; ferric oxide; hematite; haematite
Fe3O4: magnetite; iron(II,III) oxide
FeO: wuestite; ferrous oxide
Cu2O: cuprous oxide; copper(I) oxide
CuO: cupric oxide; copper(II) oxide
NiO: nickel oxide
CoO: cobalt oxide
Co3O4: cobalt(II,III) oxide
MgO: magnesium oxide; magnesia; periclase
CaO: calcium oxide; quicklime
BeO: beryllium oxide; beryllia
ZnO: zinc oxide
V2O5: vanadium pentoxide
Nb2O5: niobium pentoxide
Ta2O5: tantalum pentoxide
WO3: tungsten trioxide; tungsten oxide
MoO3: molybdenum trioxide
ReO3: rhenium trioxide
MgAl2O4: magnesium aluminate; magnesium aluminate spinel
ZnFe2O4: zinc ferrite
NiFe2O4: nickel ferrite
CoFe2O4: cobalt ferrite
ZnGa2O4: zinc gallate
Y3Al5O12: yttrium aluminium garnet; YAG
Gd3Ga5O12: gadolinium gallium garnet; GGG
Y3Fe5O12: yttrium iron garnet; YIG
Ca3Al2Si3O12: grossular
Mg3Al2Si3O12: pyrope
Mg2SiO4: forsterite; magnesium silicate
MgSiO3: bridgmanite; enstatite
CaSiO3: wollastonite; calcium silicate
Ca3SiO5: tricalcium silicate; alite; C3S
Ca2SiO4: dicalcium silicate; belite; C2S
Ca3Al2O6: tricalcium aluminate; C3A
ZrSiO4: zircon; zirconium silicate
CaCO3: calcium carbonate; calcite; aragonite
YBa2Cu3O7: yttrium barium copper oxide; yttrium barium cuprate; YBCO
Bi2Sr2CaCu2O8: bismuth strontium calcium copper oxide; BSCCO
CsPbBr3: caesium lead bromide
CsPbI3: caesium lead iodide
CsSnI3: caesium tin iodide
Cs2AgBiBr6: caesium silver bismuth bromide
CuInSe2: copper indium selenide; CIS
CuIn0.7Ga0.3Se2: copper indium gallium selenide; CIGS
Cu2ZnSnS4: copper zinc tin sulfide; kesterite; CZTS
CdTe: cadmium telluride
CdS: cadmium sulfide
CdSe: cadmium selenide
ZnS: zinc sulfide; sphalerite
ZnSe: zinc selenide
ZnTe: zinc telluride
PbS: lead sulfide; galena
PbSe: lead selenide
PbTe: lead telluride
SnSe: tin selenide
SnTe: tin telluride
GeTe: germanium telluride
Ge2Sb2Te5: germanium antimony telluride; GST
Bi2Te3: bismuth telluride
Bi2Se3: bismuth selenide
Sb2Te3: antimony telluride
Mg2Si: magnesium silicide
Mg3Sb2: magnesium antimonide
CoSb3: cobalt antimonide
MoS2: molybdenum disulfide; molybdenite
MoSe2: molybdenum diselenide
WS2: tungsten disulfide
WSe2: tungsten diselenide
TiS2: titanium disulfide
FeS2: iron disulfide; pyrite
GaAs: gallium arsenide
GaN: gallium nitride
GaP: gallium phosphide
InP: indium phosphide
InAs: indium arsenide
InSb: indium antimonide
InN: indium nitride
AlN: aluminium nitride
BN: boron nitride
Si3N4: silicon nitride
TiN: titanium nitride
ZrN: zirconium nitride
HfN: hafnium nitride
VN: vanadium nitride
NbN: niobium nitride
TaN: tantalum nitride
CrN: chromium nitride
SiC: silicon carbide; carborundum
TiC: titanium carbide
ZrC: zirconium carbide
HfC: hafnium carbide
TaC: tantalum carbide
NbC: niobium carbide
VC: vanadium carbide
WC: tungsten carbide
B4C: boron carbide
Fe3C: iron carbide; cementite
TiB2: titanium diboride
ZrB2: zirconium diboride
HfB2: hafnium diboride
MgB2: magnesium diboride
ReB2: rhenium diboride
WB4: tungsten tetraboride
LaB6: lanthanum hexaboride
Ti3SiC2: titanium silicon carbide
Ti2AlC: titanium aluminium carbide
Ti3AlC2: titanium aluminium carbide MAX phase
Nd2Fe14B: neodymium iron boron; neodymium magnet; NdFeB
SmCo5: samarium cobalt; samarium-cobalt magnet
Sm2Co17: samarium cobalt 2:17
BaFe12O19: barium hexaferrite; barium ferrite
SrFe12O19: strontium hexaferrite; strontium ferrite
NiTi: nitinol; nickel titanium; nickel titanium alloy
Ni3Al: nickel aluminide
TiAl: titanium aluminide
NaCl: sodium chloride; halite
CaF2: calcium fluoride
LiF: lithium fluoride
MgF2: magnesium fluoride
"""

ELEMENT_NAMES = {
    "Li": "lithium", "Be": "beryllium", "B": "boron", "Na": "sodium", "Mg": "magnesium", "Al": "aluminium",
    "Si": "silicon", "K": "potassium", "Ca": "calcium", "Sc": "scandium", "Ti": "titanium", "V": "vanadium",
    "Cr": "chromium", "Mn": "manganese", "Fe": "iron", "Co": "cobalt", "Ni": "nickel", "Cu": "copper", "Zn": "zinc",
    "Ga": "gallium", "Ge": "germanium", "As": "arsenic", "Rb": "rubidium", "Sr": "strontium", "Y": "yttrium",
    "Zr": "zirconium", "Nb": "niobium", "Mo": "molybdenum", "Ru": "ruthenium", "Rh": "rhodium", "Pd": "palladium",
    "Ag": "silver", "Cd": "cadmium", "In": "indium", "Sn": "tin", "Sb": "antimony", "Cs": "caesium", "Ba": "barium",
    "La": "lanthanum", "Ce": "cerium", "Pr": "praseodymium", "Nd": "neodymium", "Sm": "samarium", "Eu": "europium",
    "Gd": "gadolinium", "Tb": "terbium", "Dy": "dysprosium", "Ho": "holmium", "Er": "erbium", "Tm": "thulium",
    "Yb": "ytterbium", "Lu": "lutetium", "Hf": "hafnium", "Ta": "tantalum", "W": "tungsten", "Re": "rhenium",
    "Os": "osmium", "Ir": "iridium", "Pt": "platinum", "Au": "gold", "Hg": "mercury", "Tl": "thallium", "Pb": "lead",
    "Bi": "bismuth", "Th": "thorium", "U": "uranium",
}  # fmt: skip

ANIONS = {
    "O": ("oxide", 2), "S": ("sulfide", 2), "Se": ("selenide", 2), "Te": ("telluride", 2), "N": ("nitride", 3),
    "P": ("phosphide", 3), "As": ("arsenide", 3), "Sb": ("antimonide", 3), "F": ("fluoride", 1), "Cl": ("chloride", 1),
    "Br": ("bromide", 1), "I": ("iodide", 1), "B": ("boride", 3), "C": ("carbide", 4), "Si": ("silicide", 4),
    "H": ("hydride", 1),
}  # fmt: skip
"""Anions: the ending of the name, and the charge."""

OXOANIONS = {
    "Ti": ("titanate", "TiO3", 2), "Zr": ("zirconate", "ZrO3", 2), "Hf": ("hafnate", "HfO3", 2),
    "Sn": ("stannate", "SnO3", 2), "Nb": ("niobate", "NbO3", 1), "Ta": ("tantalate", "TaO3", 1),
    "W": ("tungstate", "WO4", 2), "Mo": ("molybdate", "MoO4", 2), "V": ("vanadate", "VO4", 3),
    "P": ("phosphate", "PO4", 3), "C": ("carbonate", "CO3", 2), "S": ("sulfate", "SO4", 2), "N": ("nitrate", "NO3", 1),
    "Fe": ("ferrite", "FeO2", 1), "Al": ("aluminate", "AlO2", 1), "Ga": ("gallate", "GaO2", 1),
    "Cr": ("chromite", "CrO2", 1), "Mn": ("manganite", "MnO3", 3), "Co": ("cobaltite", "CoO3", 3),
}  # fmt: skip
"""Oxoanions: the word, the unit in the formula that the word usually stands for, and its charge."""

STATES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Ag"), (1,)),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Ni", "Pb"), (2,)),
    **dict.fromkeys(
        ("B", "Al", "Ga", "In", "Sc", "Y", "La", "Nd", "Sm", "Gd", "Dy", "Ho", "Er", "Lu", "Bi"), (3,)
    ),
    **dict.fromkeys(("Zr", "Hf", "Si", "Th"), (4,)),
    "Ti": (4, 3),
    "Fe": (3, 2),
    "Co": (2, 3),
    "Cu": (2, 1),
    "Mn": (4, 2, 3),
    "Cr": (3, 6),
    "V": (5, 4, 3),
    "Nb": (5,),
    "Ta": (5,),
    "Mo": (6, 4),
    "W": (6, 4),
    "Sn": (4, 2),
    "Ce": (4, 3),
}
"""Oxidation states, most usual first; a name without amounts is only read when there is one."""

KNOWN: dict[str, tuple[str, ...]] = {
    formula: tuple(name.strip() for name in names.split(";"))
    for formula, _, names in (line.partition(":") for line in _KNOWN_TEXT.strip().splitlines())
}
"""Formula -> names and abbreviations, most usual first."""
