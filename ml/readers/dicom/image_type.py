"""What Image Type (0008,0008) and Frame Type (0008,9007) say about an image: acquired, or computed from others.

Sources of the terms: PS3.3 C.8.3.1.1.1 (MR), C.8.13.3.1.1 and C.8.16.1 (enhanced MR: image flavor and derived pixel
contrast), and what scanners of Siemens, Philips, GE and Canon write. Values are compared as whole words: COMPRESSED is
no MPR, IN_PHASE no phase image. A term that is not listed tells nothing.
"""

import re
from collections.abc import Sequence

_LOCALIZERS = frozenset(["LOCALIZER", "LOCALISER", "SCOUT", "SURVEY", "TOPOGRAM"])

_PARTS = "a real or imaginary part"
_COMPUTED = {
    "a projection": "MIP MIPS MINIP MNIP MAXIP MPVR PROJECTION PROJECTIONIMAGE MAXIMUM MINIMUM VRT VOLREN SSD "
    "VOLUMERENDER VOLUMERENDERING VOLUMERENDERED RENDERED RENDERING",
    "a reformat": "MPR CPR CSAMPR CSAPARALLEL CSARESAMPLED RESAMPLED REFORMAT REFORMATTED RESLICED",
    "a diffusion map": "ADC EADC DADC FA COLFA FAC MD FRACTIONALANISOTROPY ANISOTROPY TENSOR TRACE TRACEW "
    "TRACEWEIGHTED DIFFUSIONANISO DIFFUSIONATTNTD DIFFUSIONISO CALCBVALUE CALCBVAL EXPONENTIALADC TRACTOGRAPHY",
    "a perfusion map": "CBF CBV RCBF RCBV RELCBF RELCBV CORRCBV MTT RMTT RELMTT TTP RELTTP TMAX T0 NEI PBP GBP WASHIN "
    "WASHOUT KTRANS BLOODFLOW BLOODVOLUME CEREBRALBLOODFLOW CEREBRALBLOODVOLUME MEANTRANSITTIME TIMETOPEAK",
    "a parameter map": "MAP MAPS QUANTITY R2STAR RHO RCOEFFICIENT SCM TCS VELOCITY TEMPERATURE QSM FF PDFF "
    "FATFRACTION FATFRAC WATERFRACTION MTR DIVISION STDDEVIATION ACTIVATION CORRELATION ELASTOGRAM STIFFNESS",
    "a subtraction": "SUB SUBTRACT SUBTRACTED SUBTRACTION DSA",
    "a phase image": "P PHASE PHASEMAP PHASEIMAGE PHASEDIFFERENCE PHASEDIFF PFFE PPCA PSE PIR",
    _PARTS: "R REAL RFFE RSE RPCA RIR I IMAGINARY IFFE ISE IPCA IIR",
    "an image of fat alone": "FAT FATONLY FATIMAGE",
    "a label map": "SEGMENTATION SEGMENTED LABELMAP CONTOUR",
    "a plot or a report": "GRAPH PLOT REPORT CSAREPORT SPECTROSCOPY SPECTRUM",
}
"""Terms of images that do not show anatomy as it was acquired. Terms of several words stand here without spaces."""
_COMPUTED_IF_DERIVED = {
    "a perfusion map": "PERFUSION ASL",
    "a flow map": "FLOW FLOWENCODED",
    "an image of fat alone": "F",
}
"""Terms that tell this only after DERIVED: an acquired image may be one of a perfusion series."""
_WHOLE = frozenset("P PHASE PSE PIR R REAL RSE RIR I ISE IIR FAT F FF MD SUB T0 MAXIMUM MINIMUM".split())  # noqa: SIM905
"""Terms that count only as a whole value, not as one word of several: FAT SAT is no image of fat."""
_SIGNED = frozenset(["PSIR", "RIR", "IR", "CR"])
"""Beside one of these, a real part is the image that is read: inversion recovery, which keeps its sign."""


def is_localizer(values: Sequence[str]) -> bool:
    """Whether the values, in upper case, mark a localizer."""
    return any(not _LOCALIZERS.isdisjoint(re.findall(r"[A-Z]+", value)) for value in values)


def is_mosaic(values: Sequence[str]) -> bool:
    """Whether the values, in upper case, mark a Siemens mosaic: the slices of a volume, side by side in one image."""
    return "MOSAIC" in values


def computed(values: Sequence[str]) -> tuple[str, str] | None:
    """What a computed image is, such as `a projection`, and the term that says so; None for an acquired image.

    values: of Image Type or Frame Type, or Complex Image Component (0008,9208), in upper case.
    """
    known = _TERMS | _TERMS_IF_DERIVED if "DERIVED" in values[:1] else _TERMS
    for value in values:
        terms = _terms(value)
        term = next((one for one in terms if one in known), None)
        if term is None or (known[term] == _PARTS and _is_signed(values)):
            continue
        return known[term], value if term == terms[0] else term  # the rest of a value may be anything, even a name
    return None


def _is_signed(values: Sequence[str]) -> bool:
    terms = {term for value in values for term in _terms(value)}
    return bool(terms & _SIGNED) and terms.isdisjoint(("I", "IMAGINARY", "IIR"))


def _terms(value: str) -> list[str]:
    """The whole value without spaces, and its words. A value that ends in MAP is a map, whatever of."""
    words = re.findall(r"[A-Z0-9]+", value.replace("*", "STAR"))
    whole = "".join(words)
    ends = ["MAP"] if re.search(r"\wMAPS?$", whole) else []
    return [whole, *(word for word in words if word not in _WHOLE), *ends]


def _by_term(terms_by_name: dict[str, str]) -> dict[str, str]:
    return {term: name for name, terms in terms_by_name.items() for term in terms.split()}


_TERMS = _by_term(_COMPUTED)
_TERMS_IF_DERIVED = _by_term(_COMPUTED_IF_DERIVED)
