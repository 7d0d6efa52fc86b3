"""Gray values of one frame, as the file says they are to be displayed.

The steps are those of the standard (PS3.4, N.2): stored values, modality LUT or rescale, VOI LUT or window, photometric
interpretation. The route names each step, and each that had to be replaced because the file's data is unusable.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from ml.contracts import UnreadableImage
from ml.readers.dicom import lookup_tables, streams, windows
from ml.readers.dicom.attributes import groups, items, numbers, text_value
from ml.readers.outliers import without_outliers
from ml.readers.values import Window

Plane = NDArray[Any]

_LARGEST = 1e30
"""Largest magnitude of a gray value; beyond it, sums and differences may overflow float32."""


@dataclass(frozen=True, slots=True)
class Gray:
    """One frame.

    plane: (height, width), float32 or uint8; higher values are brighter. route: the steps taken, in order. rgb: the
    image in color, before it was reduced to gray, or None.
    """

    plane: Plane
    route: tuple[str, ...]
    rgb: Pillow.Image | None = None


def frame(dataset: Dataset, index: int, *, window: int | None = 0, as_shown: bool = True) -> Gray:
    """Frame `index`, from 0. window: which of the file's windows or VOI LUTs to apply; None for the full range.
    as_shown: False leaves MONOCHROME1 as it is, low values bright, so that the file's windows still fit.

    Raises UnreadableImage with code `dicom_pixels`, `dicom_truncated`, `transfer_syntax` or `not_finite`.
    """
    plane = stored(dataset, index)
    if plane.ndim == 3:
        return _from_color(dataset, plane)
    attributes = _of_frame(dataset, index)
    if str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR":
        return _from_color(dataset, through_palette(dataset, plane), "palette")
    inverted = is_inverted(dataset)
    values, route = _modality(plane, attributes)
    values, shown = windows.apply(values, attributes, window)
    values = _without_padding(values, plane, dataset, inverted=inverted)
    route += shown
    if not (np.abs(values) < _LARGEST).all():  # also False for NaN
        raise UnreadableImage("not_finite", "The DICOM file holds gray values that are no usable numbers.")
    inside = without_outliers(values) if shown[0].startswith(windows.FULL_RANGE) else values
    if inside is not values:
        values, route = inside, (*route, "outliers brought to the edge of the others")
    if inverted and as_shown:
        values, route = values.max() + values.min() - values, (*route, "MONOCHROME1 inverted")
    return Gray(np.ascontiguousarray(values, np.float32), route)


def is_inverted(dataset: Dataset) -> bool:
    """Whether low values are bright."""
    return text_value(dataset, "PhotometricInterpretation") == "MONOCHROME1"


def linear_windows(dataset: Dataset, index: int, values: Plane) -> tuple[Window, ...]:
    """The usable windows of frame `index`."""
    return windows.linear(values, _of_frame(dataset, index))


def stored(dataset: Dataset, index: int) -> Plane:
    """Frame `index` as stored: (height, width), or (height, width, 3) as RGB.

    Raises UnreadableImage with code `dicom_pixels`, `dicom_truncated` or `transfer_syntax`.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(streams.decode(dataset, index))
    except (MemoryError, UnreadableImage):
        raise
    except Exception as error:
        text = str(error).lower()
        if "less than the expected" in text or "number of bytes" in text or "actual length" in text:
            raise UnreadableImage(
                "dicom_truncated", "The DICOM file is cut off: Pixel Data (7FE0,0010) is shorter than it claims."
            ) from error
        if any(phrase in text for phrase in ("unable to decompress", "is not supported", "does not support")):
            name = syntax.name if syntax.name != str(syntax) else "one that is not known"
            raise UnreadableImage(
                "transfer_syntax", f"The DICOM file's transfer syntax, {name}, cannot be decoded (tag (0002,0010))."
            ) from error
        raise UnreadableImage(
            "dicom_pixels", "The DICOM file is damaged: Pixel Data (7FE0,0010) cannot be decoded."
        ) from error


def through_palette(dataset: Dataset, plane: Plane) -> Plane:
    """Stored values of a PALETTE COLOR image as RGB, (height, width, 3), uint8. Raises UnreadableImage."""
    colors = _guarded(lambda: apply_color_lut(plane, dataset), "its palette cannot be read")
    return (colors >> 8).astype(np.uint8) if colors.dtype == np.uint16 else colors


def _of_frame(dataset: Dataset, index: int) -> Dataset:
    """The attributes of a frame that affect gray values; enhanced objects keep them in functional groups."""
    merged = Dataset()
    for keyword in ("BitsStored", "PixelRepresentation", "PhotometricInterpretation", *_VALUE_KEYWORDS):
        if keyword in dataset:
            merged[keyword] = dataset[keyword]
    for group in groups(dataset, index):
        for sequence in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for item in items(group, sequence):
                for element in item:
                    merged[element.tag] = element
    return merged


_VALUE_KEYWORDS = (
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "VOILUTSequence"),
)


def _modality(stored: Plane, attributes: Dataset) -> tuple[Plane, tuple[str, ...]]:
    if not any(name in attributes for name in ("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept")):
        return stored.astype(np.float64), ("stored values",)
    unusable = stored.astype(np.float64), ("stored values; the rescale in the file is unusable",)
    if tables := items(attributes, "ModalityLUTSequence"):
        try:
            return lookup_tables.through(stored, tables[0]), ("modality LUT",)
        except Exception:  # gray values keep their order without it
            return unusable
    slope, intercept = numbers(attributes, "RescaleSlope"), numbers(attributes, "RescaleIntercept")
    if not slope or not intercept or not np.isfinite([slope[0], intercept[0]]).all() or slope[0] == 0:
        return unusable
    return stored.astype(np.float64) * slope[0] + intercept[0], ("rescale",)


def _without_padding(values: Plane, stored: Plane, dataset: Dataset, *, inverted: bool) -> Plane:
    """Show padding pixels as dark as the darkest of the others (PS3.3, C.7.5.1.1.2). inverted: high values are dark."""
    low = _padding_value(dataset, "PixelPaddingValue")
    if low is None:
        return values
    high = _padding_value(dataset, "PixelPaddingRangeLimit")
    high = low if high is None else high
    padding = (stored >= min(low, high)) & (stored <= max(low, high))
    if padding.all() or not padding.any():
        return values
    others = values[~padding]
    return np.where(padding, others.max() if inverted else others.min(), values)


def _padding_value(dataset: Dataset, keyword: str) -> int | None:
    """A padding value as Pixel Representation (0028,0103) says, whatever its VR: 63536 in signed pixels is -2000."""
    found = numbers(dataset, keyword)
    if not found or not np.isfinite(found[0]):
        return None
    span = 1 << int(dataset.get("BitsAllocated", 16))
    value = int(found[0]) % span
    signed = dataset.get("PixelRepresentation") == 1 and value >= span // 2
    return value - span if signed else value


def _from_color(dataset: Dataset, colors: Plane, source: str = "color") -> Gray:
    if colors.dtype != np.uint8:
        bits = int(dataset.get("BitsStored", 8 * colors.dtype.itemsize))
        colors = (colors.astype(np.float64) * 255 / (2**bits - 1)).clip(0, 255).astype(np.uint8)
    image = Pillow.fromarray(np.ascontiguousarray(colors[..., :3]))
    return Gray(np.asarray(image.convert("L")), (f"{source} reduced to gray",), image)


def _guarded(call: Any, why: str) -> Plane:
    try:
        return np.asarray(call())
    except Exception as error:
        raise UnreadableImage("dicom_pixels", f"The DICOM file is damaged: {why}.") from error
