"""Which DICOM objects are analyzed: MR images as acquired. All others are set aside.

The reason names the deciding tag, so that whoever exported the files knows which ones to leave out.
"""

from pydicom.dataset import Dataset
from pydicom.uid import UID

from ml.contracts import UnreadableImage
from ml.readers.dicom.pixels import groups, items

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
"""Pictures of a screen. They are analyzed like a PNG, because some workstations export nothing else."""

_DICOMDIR = "1.2.840.10008.1.3.10"
_BRAIN_TERMS = ("BRAIN", "HEAD", "SKULL", "NEURO", "CRANIUM", "PITUITARY", "ORBIT", "IAC", "CEREBELLUM", "SELLA")
_MODALITIES = "CR CT DX ES MG NM OP PT PX RF RG SM US XA XC OCT ECG SR SEG RTDOSE RTPLAN RTSTRUCT RTIMAGE DOC KO PR"
_OTHER_PARTS = (
    "ABDOMEN ANKLE ARM BLADDER BREAST CHEST CLAVICLE COCCYX CSPINE CTSPINE EAR ELBOW EXTREMITY EYE FACE FEMUR FINGER "
    "FOOT HAND HEART HIP HUMERUS JAW KIDNEY KNEE LEG LIVER LSPINE LSSPINE NECK PANCREAS PELVIS PROSTATE RIB SHOULDER "
    "SPINE SSPINE STERNUM THORAX TLSPINE TSPINE UTERUS WRIST"
)
_COMPUTED_TERMS = (
    "MIP MINIP MPR PROJECTION ADC TRACE FA_ TENSOR FLOW_ MAP PERFUSION SUBTRACT PHASE_MAP REFORMATTED VOLUME"
)
"""Terms in the later values of Image Type that mark computed images: projections, reformats and parameter maps."""
_HOUNSFIELD = ("HU", "HU_MOD")
"""Rescale Type of a CT (PS3.3, C.11.1.1.2)."""
_UNSPECIFIC_PARTS = ("", "UNKNOWN", "OTHER", "NONE", "WHOLEBODY")


def check(dataset: Dataset) -> tuple[str, ...]:
    """Check that an object is to be analyzed. Returns notes on its type.

    Raises UnreadableImage with code `dicomdir`, `not_mr`, `no_pixels`, `localizer`, `derived` or `not_brain` and the
    reason.
    """
    uid = sop_class(dataset)
    if uid == _DICOMDIR:
        raise UnreadableImage("dicomdir", "This is a DICOMDIR, a list of files; it shows no picture itself.")
    modality = text_value(dataset, "Modality").upper()
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
        raise UnreadableImage("no_pixels", "The DICOM file holds no picture (Pixel Data, tag (7FE0,0010), is absent).")
    _check_body_part(dataset)
    if uid in CAPTURE_CLASSES:  # whose Image Type says DERIVED no matter what they show
        return (f"Read as a picture of a screen: {CAPTURE_CLASSES[uid]}.",)
    return _check_image_type(dataset)


def is_capture(dataset: Dataset) -> bool:
    """Whether it is a secondary capture: a picture of a screen."""
    return sop_class(dataset) in CAPTURE_CLASSES


def text_value(dataset: Dataset, keyword: str) -> str:
    """A value as text without padding; "" if absent or not text."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom converts on access and raises if the value does not fit its VR
        return ""
    return value.strip() if isinstance(value, str) else ""


def text_values(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an attribute as upper-case text; empty if absent or not text."""
    try:
        value = dataset.get(keyword)
    except Exception:
        return ()
    if isinstance(value, str):
        value = [value]
    return tuple(str(one).strip().upper() for one in value) if isinstance(value, (list, tuple)) or _many(value) else ()


def _many(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (bytes, Dataset))


def _check_image_type(dataset: Dataset) -> tuple[str, ...]:
    values = text_values(dataset, "ImageType")
    if any("LOCALIZER" in value or value == "SCOUT" for value in values[2:]):
        raise UnreadableImage("localizer", "Set aside: this is a localizer (Image Type, tag (0008,0008)).")
    if values[:1] != ("DERIVED",):
        return ()
    computed = next((name for name in _COMPUTED_TERMS.split() if any(name in value for value in values[2:])), None)
    if computed:
        raise UnreadableImage(
            "derived", f"Set aside: computed from other images (Image Type, tag (0008,0008), says {computed})."
        )
    return ("The file says it was derived from other images (Image Type).",)


def _check_units(dataset: Dataset) -> None:
    """Set aside gray values in Hounsfield units, whatever modality the file claims."""
    attributes = [dataset, *groups(dataset, 0)]
    attributes += [item for group in attributes for item in items(group, "PixelValueTransformationSequence")]
    if any(text_value(one, "RescaleType").upper() in _HOUNSFIELD for one in attributes):
        raise UnreadableImage(
            "not_mr", "Set aside: its gray values are Hounsfield units of a CT (Rescale Type, tag (0028,1054))."
        )


def _check_body_part(dataset: Dataset) -> None:
    part = text_value(dataset, "BodyPartExamined").upper()
    if part.replace(" ", "") in _UNSPECIFIC_PARTS or any(name in part for name in _BRAIN_TERMS):
        return
    raise UnreadableImage(
        "not_brain",
        f"Set aside: the body part examined is {_known(part, _OTHER_PARTS)}, not the brain (tag (0018,0015)).",
    )


def sop_class(dataset: Dataset) -> UID:
    """The SOP class from the dataset, else from the file meta information; "" if neither has it."""
    meta = getattr(dataset, "file_meta", None) or Dataset()
    return UID(text_value(dataset, "SOPClassUID") or text_value(meta, "MediaStorageSOPClassUID"))


def _known(value: str, names: str) -> str:
    """The value if it is one of `names`: any other might be something personal typed into the wrong field."""
    return value if value in names.split() else "another one"
