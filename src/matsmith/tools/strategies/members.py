"""Compounds known to take the ternary structure types of the library, besides the type's own compound.

They are textbook members of each family (Muller and Roy, The Major Ternary Structural Families, Springer, 1974, for the oxides,
fluorides and chalcogenides; Barsoum, Prog. Solid State Chem. 28, 201, 2000, for the MAX phases; Graf, Felser and Parkin, Prog.
Solid State Chem. 39, 1, 2011, for the Heusler compounds). They tell which formulas look like which type, nothing more.
"""

from __future__ import annotations

MEMBERS: dict[str, tuple[str, ...]] = {
    "AB3C_cP5_221_a_c_b": (
        "SrTiO3", "BaTiO3", "BaZrO3", "BaSnO3", "SrHfO3", "KTaO3", "KNbO3", "NaTaO3", "LaAlO3", "LaMnO3", "LaCoO3",
        "KMgF3", "KMnF3", "KNiF3", "CsPbBr3", "CsSnI3", "RbCaF3",
    ),
    "AB3C_oP20_62_c_cd_a": (
        "GdFeO3", "YAlO3", "LaFeO3", "NdGaO3", "LaCrO3", "YFeO3", "DyScO3", "SrZrO3", "CaZrO3", "CaSnO3", "NdNiO3",
        "SrRuO3", "NaMgF3", "LaScO3", "LuFeO3", "SmAlO3",
    ),
    "AB3C_hR10_148_c_f_c": ("MgTiO3", "MnTiO3", "NiTiO3", "CoTiO3", "CdTiO3", "MgSiO3", "MgGeO3", "NaSbO3"),
    "ABC3_hR10_161_a_a_b": ("LiTaO3",),
    "ABC3_hR10_167_a_b_e-CaCO3": ("MgCO3", "MnCO3", "FeCO3", "CdCO3", "ZnCO3", "NaNO3", "LiNO3", "ScBO3", "InBO3", "LuBO3"),
    "A2BC4_cF56_227_d_a_e": (
        "ZnAl2O4", "FeAl2O4", "CoAl2O4", "MnAl2O4", "MgCr2O4", "ZnCr2O4", "FeCr2O4", "CoCr2O4", "ZnFe2O4", "NiFe2O4",
        "CoFe2O4", "MgFe2O4", "ZnGa2O4", "MgGa2O4", "NiGa2O4", "CdIn2O4", "LiMn2O4", "LiTi2O4", "Mg2TiO4", "Zn2TiO4",
        "Zn2SnO4", "Mg2SnO4", "Mg2SiO4", "Fe2SiO4", "Ni2SiO4", "Mg2GeO4", "Ni2GeO4", "Mg2VO4", "CdCr2Se4", "ZnCr2S4",
        "MgIn2S4", "CuCr2S4",
    ),
    "AB2C4_tI14_139_a_e_ce": (
        "K2NiF4", "K2MgF4", "K2ZnF4", "Sr2TiO4", "Sr2RuO4", "Sr2SnO4", "Sr2IrO4", "La2NiO4", "La2CoO4", "Ba2SnO4", "Nd2CuO4",
    ),
    "A4BC_tI24_141_h_b_a": ("HfSiO4", "ThSiO4", "YPO4", "ScPO4", "LuPO4", "YVO4", "ScVO4", "LuVO4", "GdVO4", "CaCrO4", "YAsO4"),
    "AB4C_tI12_82_c_g_a": ("BAsO4",),
    "ABC2_hR4_166_a_b_c": (
        "NaFeO2", "LiCoO2", "LiNiO2", "LiCrO2", "NaCrO2", "NaNiO2", "NaScO2", "NaInO2", "LiVO2", "CuAlO2", "CuFeO2", "CuCrO2",
        "AgFeO2", "LiTiS2", "NaTiS2", "KCrS2", "TlBiTe2",
    ),
    "ABC2_tI16_122_a_b_d": (
        "CuGaS2", "CuInSe2", "CuInS2", "CuAlS2", "AgGaS2", "AgGaSe2", "ZnSiP2", "ZnGeP2", "CdGeAs2", "CdSnP2", "ZnSnAs2",
    ),
    "A2BC4_tI14_82_bc_a_g": ("CdGa2S4", "ZnGa2Se4", "HgGa2S4", "CdAl2Se4", "ZnAl2Se4"),
    "ABC_cF12_216_b_c_a": (
        "TiNiSn", "ZrNiSn", "HfNiSn", "TiCoSb", "ZrCoSb", "NbFeSb", "VFeSb", "NiMnSb", "LiAlSi", "LiMgN", "LiZnP", "LiMgP",
    ),
    "AB2C_cF16_225_a_c_b": ("Co2MnSi", "Co2MnGe", "Co2FeSi", "Co2CrAl", "Ni2MnGa", "Fe2VAl", "Ni2MnIn", "Cu2MnSn", "Pd2MnSn", "Co2TiAl"),
    "ABC2_hP8_194_d_a_f": (
        "Ti2AlC", "V2AlC", "Nb2AlC", "Ta2AlC", "Ti2AlN", "Ti2GaC", "Ti2GaN", "Ti2SnC", "Zr2SnC", "Ti2GeC", "V2GeC", "Cr2GeC",
        "Cr2GaC", "Ti2CdC", "Zr2InC", "Hf2SnC", "Nb2SnC", "V2GaC", "Ti2InC",
    ),
    "AB3C4_hP16_194_c_af_ef": ("Nb4AlC3", "Ta4AlC3", "V4AlC3"),
    "ABC_tP6_129_c_a_c": ("BaClF", "SrClF", "CaClF", "BiClO", "LaClO", "BiBrO", "YClO", "UOS", "ThOS"),
    "A3B4C_cP8_215_d_e_a": ("Cu3NbS4", "Cu3TaS4", "Cu3TaSe4", "Cu3NbSe4"),
    "ABCD_tP8_129_c_b_a_c": ("LaFeAsO", "LaFePO", "CeFeAsO", "LaCuSO", "LaNiPO"),
    "AB2C_oC16_63_c_2c_c": ("CaCuO2",),
    "A2BC4D_tI16_121_d_a_i_b": ("Cu2ZnSnS4", "Cu2CdSnS4", "Cu2ZnSnSe4", "Cu2CdSnSe4", "Cu2ZnGeS4"),
}  # fmt: skip
