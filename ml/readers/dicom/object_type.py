"""Which DICOM objects are analyzed: MR images as acquired. All others are set aside.

The reason names the deciding tag, so that the exporter of the files knows which ones to leave out.
"""

from pydicom.dataset import Dataset
from pydicom.uid import UID

from ml.contracts import UnreadableImage
from ml.readers.dicom import body_part, image_type
from ml.readers.dicom.attributes import groups, items, text_value, text_values

MR_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.4": "MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.3": "Enhanced MR Color Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR Image Storage",
}
CAPTURE_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture Image Storage",
}
"""Images of a screen. They are analyzed like a PNG, because some workstations export nothing else."""

_DICOMDIR = "1.2.840.10008.1.3.10"
_MODALITIES = "CR CT DX ES MG NM OP PT PX RF RG SM US XA XC OCT ECG SR SEG RTDOSE RTPLAN RTSTRUCT RTIMAGE DOC KO PR"
_PRINTS = {
    "1.2.840.10008.5.1.1.27": "Stored Print Storage",
    "1.2.840.10008.5.1.1.29": "Hardcopy Grayscale Image Storage",
    "1.2.840.10008.5.1.1.30": "Hardcopy Color Image Storage",
}
_HOUNSFIELD = ("HU", "HU_MOD")
"""Rescale Type of a CT (PS3.3, C.11.1.1.2)."""
_MOSAIC_COUNT = ("SIEMENS MR HEADER", 0x0A)
"""Creator and element of a private attribute of group 0019: the number of slices in a mosaic."""
_RAW_DATA_TYPE = ("GEMS_PARM_01", 0x2F)
"""Creator and element of a private attribute of group 0043. GE's Image Type does not tell these apart."""
_RAW_DATA_TYPES = {1: "PHASE", 2: "REAL", 3: "IMAGINARY"}


def check(dataset: Dataset) -> tuple[str, ...]:
    """Check that an object is to be analyzed. Returns notes on its type.

    Raises UnreadableImage with code `dicomdir`, `not_mr`, `no_pixels`, `mosaic`, `localizer`, `derived` or `not_brain`
    and the reason.
    """
    uid = sop_class(dataset)
    if uid == _DICOMDIR:
        raise UnreadableImage("dicomdir", "This is a DICOMDIR, a list of files; it shows no image itself.")
    modality = text_value(dataset, "Modality").upper()
    if uid in _PRINTS or modality == "HC":
        raise UnreadableImage(
            "not_mr",
            "Set aside: this is a film sheet, a print of several slices (SOP Class UID, tag (0008,0016), or Modality, "
            "tag (0008,0060)). Send the slices themselves.",
        )
    if uid not in MR_CLASSES and uid not in CAPTURE_CLASSES:
        class_name = uid.name if uid.name != str(uid) else "an unknown SOP class"
        raise UnreadableImage(
            "not_mr", f"Set aside: this is {class_name}, no MR image (SOP Class UID, tag (0008,0016))."
        )
    foreign = modality not in ("MR", "OT", "SC", "") if uid in CAPTURE_CLASSES else modality in _MODALITIES.split()
    if foreign:
        raise UnreadableImage(
            "not_mr", f"Set aside: its modality is {_known(modality, _MODALITIES)}, not MR (tag (0008,0060))."
        )
    _check_units(dataset)
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise UnreadableImage("no_pixels", "The DICOM file holds no image (Pixel Data, tag (7FE0,0010), is absent).")
    notes = body_part.check(dataset)
    notes += _check_image_type(dataset)
    if uid in CAPTURE_CLASSES:
        notes += (f"Read as an image of a screen: {CAPTURE_CLASSES[uid]}.",)
    return notes


def is_capture(dataset: Dataset) -> bool:
    """Whether it is a secondary capture: an image of a screen."""
    return sop_class(dataset) in CAPTURE_CLASSES


def frame_type(dataset: Dataset, index: int) -> tuple[str, ...]:
    """Frame Type (0008,9007) and Complex Image Component (0008,9208) of frame `index`, in upper case.

    Objects without functional groups have an Image Type (0008,0008) instead.
    """
    return tuple(value for _, values in _typed(dataset, index) for value in values)


def _typed(dataset: Dataset, index: int) -> list[tuple[str, tuple[str, ...]]]:
    """What says of which type frame `index` is: each attribute's name with its tag, and its values."""
    component = "Complex Image Component, tag (0008,9208),"
    found: list[tuple[str, tuple[str, ...]]] = []
    for group in groups(dataset, index):
        for item in items(group, "MRImageFrameTypeSequence"):
            of_frame = [
                ("Frame Type, tag (0008,9007),", text_values(item, "FrameType")),
                (component, text_values(item, "ComplexImageComponent")),
            ]
            found = of_frame if any(values for _, values in of_frame) else found
    if found:
        return found
    raw_data_type = _RAW_DATA_TYPES.get(_private_number(dataset, 0x0043, _RAW_DATA_TYPE))
    return [
        ("Image Type, tag (0008,0008),", text_values(dataset, "ImageType")),
        (component, text_values(dataset, "ComplexImageComponent")),
        ("Raw Data Type, tag (0043,xx2F),", (raw_data_type,) if raw_data_type else ()),
    ]


def _check_image_type(dataset: Dataset) -> tuple[str, ...]:
    values = text_values(dataset, "ImageType")
    if image_type.is_mosaic(values) or _private_number(dataset, 0x0019, _MOSAIC_COUNT) > 1:
        raise UnreadableImage(
            "mosaic",
            "Set aside: this is a Siemens mosaic, the slices of a volume side by side in one image (Image Type, tag "
            "(0008,0008)). Convert it to NIfTI or to single slices, for example with dcm2niix.",
        )
    if image_type.is_localizer(values):
        raise UnreadableImage("localizer", "Set aside: this is a localizer (Image Type, tag (0008,0008)).")
    frames = max(len(items(dataset, "PerFrameFunctionalGroupsSequence")), 1)
    computed = image_type.computed(frame_type(dataset, 0))
    if computed and all(image_type.computed(frame_type(dataset, index)) for index in range(1, frames)):
        derived, term = computed
        typed = _typed(dataset, 0)
        where = next((name for name, terms in typed if any(term in value for value in terms)), typed[0][0])
        raise UnreadableImage(
            "derived", f"Set aside: this is {derived}, not an image as acquired ({where} says {term})."
        )
    if "DERIVED" in values[:1] and not is_capture(dataset):  # whose type says so no matter what they show
        return ("The file says it was derived from other images (Image Type).",)
    return ()


def _private_number(dataset: Dataset, group: int, attribute: tuple[str, int]) -> int:
    """A private attribute, given by creator and element; 0 if it is absent or no number."""
    creator, element = attribute
    try:
        return int(dataset.private_block(group, creator)[element].value)
    except Exception:
        return 0


def _check_units(dataset: Dataset) -> None:
    """Set aside gray values in Hounsfield units, whatever modality the file claims."""
    attributes = [dataset, *groups(dataset, 0)]
    attributes += [item for group in attributes for item in items(group, "PixelValueTransformationSequence")]
    if any(text_value(one, "RescaleType").upper() in _HOUNSFIELD for one in attributes):
        raise UnreadableImage(
            "not_mr", "Set aside: its gray values are Hounsfield units of a CT (Rescale Type, tag (0028,1054))."
        )


def sop_class(dataset: Dataset) -> UID:
    """The SOP class from the dataset, else from the file meta information; "" if neither has it."""
    meta = getattr(dataset, "file_meta", None) or Dataset()
    return UID(text_value(dataset, "SOPClassUID") or text_value(meta, "MediaStorageSOPClassUID"))


def _known(value: str, names: str) -> str:
    """The value if it is one of `names`: any other might be something personal typed into the wrong field."""
    return value if value in names.split() else "another one"
