"""The attributes that say how pixels are stored (Image Pixel Module, PS3.3 C.7.6.3), checked before any is decoded.

A value that is absent or odd is named with its tag. One that can be only one thing is set, and noted.
"""

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import parse_basic_offsets
from pydicom.tag import Tag

from ml.contracts import UnreadableImage
from ml.readers.dicom.attributes import has_value, numbers, text_value

_BITS = (1, 8, 16, 32, 64)
_COLORS = {
    1: ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"),
    3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT"),
}
"""Photometric interpretations that are read, by samples per pixel."""


def check(dataset: FileDataset) -> tuple[str, ...]:
    """Check the description of the pixels. Returns notes.

    Raises UnreadableImage with code `dicom_pixels` and the tag that is absent or odd, or `no_pixels`.
    """
    try:
        empty = "PixelData" in dataset and not dataset["PixelData"].value
    except Exception as error:  # its VR is damaged
        damaged = f"The DICOM file is damaged: {_named('PixelData')} cannot be read."
        raise UnreadableImage("dicom_pixels", damaged) from error
    if empty:
        raise UnreadableImage("no_pixels", f"The DICOM file holds no image: {_named('PixelData')} is empty.")
    samples = _one_of(dataset, "SamplesPerPixel", tuple(_COLORS))
    _check_colors(dataset, samples)
    allocated = _one_of(dataset, "BitsAllocated", _BITS)
    notes = _check_bits(dataset, allocated) if "PixelData" in dataset else ()
    return notes + _count_frames(dataset, samples * allocated)


def size(dataset: FileDataset, keyword: str) -> int:
    """Rows, Columns or another count, at least 1. Raises UnreadableImage with code `dicom_damaged`."""
    found = numbers(dataset, keyword)
    if not found or found[0] < 1 or found[0] % 1:
        why = "is no usable number" if has_value(dataset, keyword) else "is absent"
        raise UnreadableImage("dicom_damaged", f"The DICOM file is damaged: {_named(keyword)} {why}.")
    return int(found[0])


def _check_colors(dataset: FileDataset, samples: int) -> None:
    interpretation = text_value(dataset, "PhotometricInterpretation").upper()
    if not has_value(dataset, "PhotometricInterpretation"):
        raise _unusable("PhotometricInterpretation", "is absent")
    if not any(interpretation in known for known in _COLORS.values()):
        raise _unusable("PhotometricInterpretation", "is not one that is read")
    if interpretation not in _COLORS[samples]:
        raise _unusable(
            "PhotometricInterpretation", f"is {interpretation}, but {_named('SamplesPerPixel')} is {samples}"
        )
    dataset.PhotometricInterpretation = interpretation
    if samples > 1:
        _one_of(dataset, "PlanarConfiguration", (0, 1))
    if interpretation == "PALETTE COLOR":
        for color in ("Red", "Green", "Blue"):
            table = f"{color}PaletteColorLookupTable"
            for kept in ((f"{table}Descriptor",), (f"{table}Data", f"Segmented{table}Data")):
                if not any(keyword in dataset for keyword in kept):
                    raise _unusable(kept[0], "is absent")


def _check_bits(dataset: FileDataset, allocated: int) -> tuple[str, ...]:
    """Bits Stored, High Bit and Pixel Representation. High Bit can only be one less than Bits Stored."""
    stored = _one_of(dataset, "BitsStored", tuple(range(1, allocated + 1)), f"between 1 and {allocated}")
    _one_of(dataset, "PixelRepresentation", (0, 1))
    high = numbers(dataset, "HighBit")
    if high[:1] == [stored - 1]:
        return _widened(dataset, allocated, stored)
    if high and stored < allocated:
        raise _unusable("HighBit", f"is {high[0]:g}, where {_named('BitsStored')} of {stored} needs {stored - 1}")
    dataset.add_new("HighBit", "US", stored - 1)  # an assignment would read the value that is replaced
    return (f"{_named('HighBit')} was taken as {stored - 1}, as Bits Stored is {stored}.",)


def _widened(dataset: FileDataset, allocated: int, stored: int) -> tuple[str, ...]:
    """Set Bits Stored to all bits where values take more than it claims, as where a program writes pixels into the file
    of another image, or where the value of the padding does: read as claimed, they wrap around. Overlays and the like
    in the unused bits are left out.
    """
    element = dataset["PixelData"]
    if allocated != 16 or stored == allocated or element.is_undefined_length or not isinstance(element.value, bytes):
        return ()
    order = ">" if dataset.original_encoding[1] is False else "<"
    words = np.frombuffer(element.value, f"{order}u2", len(element.value) // 2)
    columns = size(dataset, "Columns")
    rows = words[: len(words) // columns * columns].reshape(-1, columns)
    signed = dataset.PixelRepresentation == 1
    beyond = rows >= 1 << (stored - signed)
    if signed:  # where the sign goes on through the unused bits, they say nothing else
        beyond &= rows < (1 << 16) - (1 << (stored - 1))
        lower = beyond & (rows < 1 << stored)  # positive numbers, or negative ones whose sign ends there
        if np.count_nonzero(lower) > _MOST_POSITIVE * lower.size:
            beyond &= ~lower
    at = np.flatnonzero(beyond.any(axis=1))[:_COMPARED]
    if not at.size:
        return ()
    padding = [int(value) % (1 << 16) for value in numbers(dataset, "PixelPaddingValue")[:1] if np.isfinite(value)]
    if not np.isin(rows[at][beyond[at]], padding).all() and not _wraps(rows[at].astype(np.int64), stored, signed):
        return ()
    dataset.BitsStored, dataset.HighBit = allocated, allocated - 1
    return (f"{_named('BitsStored')} was taken as {allocated}, as the values take more than {stored} bits.",)


_MOST_POSITIVE = 0.5
"""Fraction of values that may be positive numbers too large for Bits Stored: they are the bright part of a slice. Of a
background below 0, whose sign ends with Bits Stored, there are more."""
_CLEARLY = 0.9
"""Fraction of the roughness below which values are smoother for certain."""
_COMPARED = 4096
"""Rows with values beyond Bits Stored that are looked at."""
_CLOSER = 0.1
"""Fraction of the neighbors with different unused bits that must be closer with them. Values that wrap around are: the
fraction is above 0.3 in most images. At the edge of an overlay or of padding, hardly any are."""
_MANY = 8
"""More values of the unused bits than this are no overlays. Neighbors are no closer where values take many times the
range."""


def _wraps(rows: NDArray[np.int64], stored: int, signed: bool) -> bool:
    """Whether values read without the unused bits wrap around. rows: of 16 bits.

    Of 100 images of the data tables, written with values too large in ten ways, 6% were missed; with regions, outlines,
    text or padding above 12 bits, in eleven ways, none was mistaken.
    """
    whole, claimed = rows, rows % (1 << stored)
    if signed:
        whole, claimed = _signed(whole, 16), _signed(claimed, stored)
    if _roughness(whole) >= _CLEARLY * _roughness(claimed):
        return False
    with_them, without = np.abs(np.diff(whole, axis=1)), np.abs(np.diff(claimed, axis=1))
    closer = np.count_nonzero(with_them < without) > _CLOSER * np.count_nonzero(with_them != without)
    return bool(closer) or len(np.unique(rows >> stored)) > _MANY


def _signed(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    return values - ((values >> (bits - 1)) << bits)


def _roughness(rows: NDArray[np.int64]) -> float:
    """How far neighbors differ, as a fraction of how far all pixels do (von Neumann's ratio)."""
    return float((np.diff(rows, axis=1).astype(np.float64) ** 2).sum() / max(rows.var(), 1e-9))


def _count_frames(dataset: FileDataset, bits: int) -> tuple[str, ...]:
    """Set Number of Frames where it is absent or 0: to as many as the pixel data holds. bits: of a pixel."""
    claimed = numbers(dataset, "NumberOfFrames")
    if not claimed and has_value(dataset, "NumberOfFrames"):
        raise UnreadableImage(
            "dicom_damaged", f"The DICOM file is damaged: {_named('NumberOfFrames')} is no usable number."
        )
    frames, rest = _frames_held(dataset, bits)
    if claimed and claimed[0]:
        if frames > claimed[0] or (frames == claimed[0] and rest > 1):  # one byte makes an odd length even
            return (f"{_named('PixelData')} is longer than what the file describes; the rest was left out.",)
        return ()
    dataset.add_new("NumberOfFrames", "IS", frames if frames > 1 and rest <= 1 else 1)
    if dataset.NumberOfFrames > 1:
        return (f"{_named('NumberOfFrames')} does not say so, but the pixel data holds {frames} frames.",)
    return ()


def _frames_held(dataset: FileDataset, bits: int) -> tuple[int, int]:
    """Frames that the pixel data holds, by its length or its offset table, and bytes that are left over."""
    data = dataset.get("PixelData") or b""
    if data and dataset["PixelData"].is_undefined_length:  # encapsulated: compressed frames
        try:
            return len(parse_basic_offsets(data)), 0
        except Exception:  # damaged; decoding says how
            return 0, 0
    return divmod(len(data), max(size(dataset, "Rows") * size(dataset, "Columns") * bits // 8, 1))


def _one_of(dataset: Dataset, keyword: str, allowed: tuple[int, ...], choices: str = "") -> int:
    found = numbers(dataset, keyword)
    if not found:
        raise _unusable(keyword, "is no number" if has_value(dataset, keyword) else "is absent")
    if found[0] not in allowed:
        choices = choices or f"{', '.join(map(str, allowed[:-1]))} or {allowed[-1]}"
        raise _unusable(keyword, f"is {found[0]:g}, and only {choices} is read")
    return int(found[0])


def _unusable(keyword: str, why: str) -> UnreadableImage:
    return UnreadableImage("dicom_pixels", f"The DICOM file's pixels cannot be read: {_named(keyword)} {why}.")


def _named(keyword: str) -> str:
    """For example `Bits Stored (0028,0101)`."""
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X})"
