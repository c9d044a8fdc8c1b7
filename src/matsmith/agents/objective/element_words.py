"""How elements, groups of elements and classes of compounds are called in English."""

from __future__ import annotations

from matsmith.agents.objective.word_sets import ordered, words
from matsmith.core.elements import SYMBOLS

_NAMES = ordered(
    """
    hydrogen helium lithium beryllium boron carbon nitrogen oxygen fluorine neon sodium magnesium
    aluminium silicon phosphorus sulfur chlorine argon potassium calcium scandium titanium vanadium
    chromium manganese iron cobalt nickel copper zinc gallium germanium arsenic selenium bromine
    krypton rubidium strontium yttrium zirconium niobium molybdenum technetium ruthenium rhodium
    palladium silver cadmium indium tin antimony tellurium iodine xenon caesium barium lanthanum
    cerium praseodymium neodymium promethium samarium europium gadolinium terbium dysprosium holmium
    erbium thulium ytterbium lutetium hafnium tantalum tungsten rhenium osmium iridium platinum gold
    mercury thallium lead bismuth polonium astatine radon francium radium actinium thorium
    protactinium uranium neptunium plutonium americium curium berkelium californium einsteinium
    fermium mendelevium nobelium lawrencium rutherfordium dubnium seaborgium bohrium hassium
    meitnerium darmstadtium roentgenium copernicium nihonium flerovium moscovium livermorium
    tennessine oganesson
    """
)

ELEMENT_NAMES: dict[str, str] = {
    **dict(zip(_NAMES, SYMBOLS, strict=True)),
    "aluminum": "Al",
    "sulphur": "S",
    "cesium": "Cs",
    "wolfram": "W",
    "columbium": "Nb",
    "phosphorous": "P",
}

# Symbols that are also words, units or variables: read as elements only in a list of elements or before an anion.
AMBIGUOUS_SYMBOLS = words(
    """
    H B C N O F P S K V Y I W U As At Be He In No Am Es Pa Ho Os La Ne Do Re Pm
    """
)
# Written without capitals these are words; elsewhere in a list of elements lower case is accepted.
LOWER_CASE_WORDS = words(
    """
    as at be he in no am es pa ho os la ne re i h b c n o f p s k v y w u pm mo ti er
    """
)


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LANTHANIDES = _symbols("La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu")
ACTINIDES = _symbols("Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr")
RARE_EARTHS = ("Sc", "Y", *LANTHANIDES)
ALKALI = _symbols("Li Na K Rb Cs Fr")
ALKALINE_EARTH = _symbols("Be Mg Ca Sr Ba Ra")
HALOGENS = _symbols("F Cl Br I")
CHALCOGENS = _symbols("S Se Te")
PNICTOGENS = _symbols("N P As Sb Bi")
NOBLE_GASES = _symbols("He Ne Ar Kr Xe Rn")
NOBLE_METALS = _symbols("Ru Rh Pd Ag Os Ir Pt Au")
PLATINUM_GROUP = _symbols("Ru Rh Pd Os Ir Pt")
TRANSITION_METALS = _symbols(
    "Sc Ti V Cr Mn Fe Co Ni Cu Zn Y Zr Nb Mo Tc Ru Rh Pd Ag Cd La Hf Ta W Re Os Ir Pt Au Hg"
)
THREE_D_METALS = _symbols("Sc Ti V Cr Mn Fe Co Ni Cu Zn")
FOUR_D_METALS = _symbols("Y Zr Nb Mo Tc Ru Rh Pd Ag Cd")
FIVE_D_METALS = _symbols("Hf Ta W Re Os Ir Pt Au Hg")
HEAVY_METALS = _symbols("Cr Ni Cu Zn As Cd Sb Hg Tl Pb Bi")
REFRACTORY_METALS = _symbols("Nb Mo Ta W Re")
METALLOIDS = _symbols("B Si Ge As Sb Te")
POST_TRANSITION = _symbols("Al Ga In Sn Tl Pb Bi")
RADIOACTIVE = ("Tc", "Pm", *SYMBOLS[83:])
NON_METALS = ("H", "B", "C", "N", "O", "Si", "P", "S", "As", "Se", "Te", "At", *HALOGENS, *NOBLE_GASES)
# Germanium and antimony count as metals here: they form alloys and intermetallics.
METALS = tuple(symbol for symbol in SYMBOLS[:103] if symbol not in NON_METALS)

GROUPS: dict[str, tuple[str, ...]] = {
    "transition metal": TRANSITION_METALS,
    "transition element": TRANSITION_METALS,
    "3 d transition metal": THREE_D_METALS,
    "3 d metal": THREE_D_METALS,
    "4 d transition metal": FOUR_D_METALS,
    "4 d metal": FOUR_D_METALS,
    "5 d transition metal": FIVE_D_METALS,
    "5 d metal": FIVE_D_METALS,
    "alkali metal": ALKALI,
    "alkali": ALKALI,
    "alkaline earth metal": ALKALINE_EARTH,
    "alkaline earth": ALKALINE_EARTH,
    "alkali earth": ALKALINE_EARTH,
    "rare earth": RARE_EARTHS,
    "rare earth element": RARE_EARTHS,
    "rare earth metal": RARE_EARTHS,
    "lanthanide": LANTHANIDES,
    "lanthanoid": LANTHANIDES,
    "actinide": ACTINIDES,
    "actinoid": ACTINIDES,
    "halogen": HALOGENS,
    "chalcogen": CHALCOGENS,
    "pnictogen": PNICTOGENS,
    "noble gas": NOBLE_GASES,
    "rare gas": NOBLE_GASES,
    "inert gas": NOBLE_GASES,
    "noble metal": NOBLE_METALS,
    "precious metal": NOBLE_METALS,
    "platinum group metal": PLATINUM_GROUP,
    "platinum metal": PLATINUM_GROUP,
    "pgm": PLATINUM_GROUP,
    "heavy metal": HEAVY_METALS,
    "refractory metal": REFRACTORY_METALS,
    "metalloid": METALLOIDS,
    "semimetal element": METALLOIDS,
    "post transition metal": POST_TRANSITION,
    "radioactive element": RADIOACTIVE,
    "radioactive": RADIOACTIVE,
    "nonmetal": NON_METALS,
    "non metal": NON_METALS,
}

_SIMPLE = {
    "oxide": "O", "nitride": "N", "carbide": "C", "boride": "B", "sulfide": "S", "sulphide": "S", "selenide": "Se",
    "telluride": "Te", "phosphide": "P", "arsenide": "As", "antimonide": "Sb", "bismuthide": "Bi", "silicide": "Si",
    "germanide": "Ge", "stannide": "Sn", "hydride": "H", "fluoride": "F", "chloride": "Cl", "bromide": "Br",
    "iodide": "I", "aluminide": "Al", "beryllide": "Be",
}  # fmt: skip
_OXYANIONS = {
    "phosphate": "P", "carbonate": "C", "silicate": "Si", "sulfate": "S", "sulphate": "S", "borate": "B", "nitrate": "N",
    "aluminate": "Al", "titanate": "Ti", "niobate": "Nb", "tantalate": "Ta", "tungstate": "W", "molybdate": "Mo",
    "vanadate": "V", "manganate": "Mn", "manganite": "Mn", "ferrite": "Fe", "zirconate": "Zr", "stannate": "Sn",
    "germanate": "Ge", "chromate": "Cr", "chromite": "Cr", "cuprate": "Cu", "nickelate": "Ni", "cobaltate": "Co",
    "arsenate": "As", "gallate": "Ga", "ruthenate": "Ru", "iridate": "Ir", "hafnate": "Hf", "bismuthate": "Bi",
    "antimonate": "Sb", "tellurate": "Te", "selenate": "Se", "iodate": "I", "zincate": "Zn", "pyrophosphate": "P",
    "hydroxide": "H", "peroxide": "O", "superoxide": "O",
}  # fmt: skip

# A class of compounds: the groups of which one element each must occur.
ANION_CLASSES: dict[str, tuple[tuple[str, ...], ...]] = {
    **{name: ((symbol,),) for name, symbol in _SIMPLE.items()},
    **{name: ((symbol,), ("O",)) if symbol != "O" else (("O",),) for name, symbol in _OXYANIONS.items()},
    "aluminosilicate": (("Al",), ("Si",), ("O",)),
    "thiophosphate": (("P",), ("S",)),
    "carbonitride": (("C",), ("N",)),
    "borocarbide": (("B",), ("C",)),
    "boronitride": (("B",), ("N",)),
    "oxynitride": (("O",), ("N",)),
    "oxysulfide": (("O",), ("S",)),
    "oxyfluoride": (("O",), ("F",)),
    "oxychloride": (("O",), ("Cl",)),
    "oxyhalide": (("O",), HALOGENS),
    "fluorophosphate": (("F",), ("P",), ("O",)),
    "halide": (HALOGENS,),
    "chalcogenide": (CHALCOGENS,),
    "pnictide": (PNICTOGENS,),
    "cyanide": (("C",), ("N",)),
}
# "free of carbonates" excludes what makes a carbonate one; without oxygen would say more than was said.
RATIO_PREFIXES = {
    "mono": 1, "di": 2, "tri": 3, "tetra": 4, "penta": 5, "hexa": 6, "sesqui": 1.5,
}  # fmt: skip
MATERIAL_NAMES: dict[str, str] = {
    "silica": "SiO2", "alumina": "Al2O3", "magnesia": "MgO", "zirconia": "ZrO2", "titania": "TiO2", "ceria": "CeO2",
    "hafnia": "HfO2", "yttria": "Y2O3", "boron nitride": "BN", "silicon carbide": "SiC", "gallium arsenide": "GaAs",
    "gallium nitride": "GaN", "tungsten carbide": "WC",
}  # fmt: skip
ALLOY_WORDS = ("alloy", "intermetallic", "intermetallic compound", "metal alloy")

# After the name of an element these say what it does or where it goes, not that the material contains it.
USES_OF_ELEMENTS = words(
    """
    storage evolution capture conductivity atmosphere embrittlement vacancy vacancies diffusion
    reduction transport uptake permeation fuel lamp sensor sensing ion ions production generation
    time sulfur-battery plating dendrite dendrites loss partial pressure splitting getter absorber
    isotope standard
    """
)
