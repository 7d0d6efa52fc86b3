"""The evidence as an archive can show it: one Secondary Capture a slice, map, box and words burnt in."""

import io
import math

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom.dataset import Dataset

from diagnosis.dicom import results
from diagnosis.dicom.results import NOTICE, Result, Source
from ml.evidence import drawing, localize

SERIES_NUMBER = 9001
"""Above what scanners count to, so that the captures stand behind the pictures."""

_WIDE = 480  # pixels of the shorter side from which words can be read beside the picture


def capture(result: Result, source: Source) -> Dataset:
    """The capture of one of the result's slices."""
    pixels = _drawn(result, source)
    orientation = (result.letters[1], result.letters[3]) if len(result.letters) == 4 else None
    image = SCImage(
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=orientation or ("L", "P"),
        study_instance_uid=result.study,
        series_instance_uid=result.uid("capture"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result.uid("capture", source.instance, source.frame),
        instance_number=source.number,
        **results.of_patient(result),
        **results.common(result),
    )
    if orientation is None:
        image.PatientOrientation = []  # not known; highdicom insists on one
    image.Laterality = ""  # a head has no side
    image.ConversionType = "WSD"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.BurnedInAnnotation = "YES"
    image.ImageComments = f"{NOTICE}. {result.model}: {result.said}."
    image.DerivationDescription = f"Where {result.model} sees tumor, drawn over the picture"[:1024]
    image.SourceImageSequence = [_reference(source)]
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = results.moment(result)
    results.mark(image, result)
    return image


def _reference(source: Source) -> Dataset:
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.sop_class, source.instance
    if source.frame is not None:
        item.ReferencedFrameNumber = source.frame
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def _drawn(result: Result, source: Source) -> NDArray[np.uint8]:
    """(rows, columns, 3): the picture with its evidence, large enough for words, and a line of them below."""
    with Pillow.open(io.BytesIO(source.picture())) as opened:
        scan = opened.convert("L")
    factor = max(1, min(math.ceil(_WIDE / min(scan.size)), drawing.MAX_SIDE // max(scan.size)))
    scan = scan.resize((scan.width * factor, scan.height * factor), Pillow.Resampling.BILINEAR)
    found = localize.restore(source.evidence)
    if found is None:
        picture = scan.convert("RGB")
    else:
        with Pillow.open(io.BytesIO(drawing.overlay_png(scan, found))) as overlay:
            picture = overlay.convert("RGB")
    return np.asarray(_with_words(picture, _words(result, source)))


def _words(result: Result, source: Source) -> list[str]:
    said = "uncertain" if source.uncertain else "tumor" if source.outcome == "tumor" else "no tumor found"
    lines = [NOTICE, f"{result.measure} by {result.model}", f"This picture: {said}, {source.probability:.2f}"]
    if len(result.sources) > 1:
        lines.append(
            f"All {len(result.sources)} pictures: {result.said}, {result.measure.lower()} {result.probability:.2f}"
        )
    return lines


def _with_words(picture: Pillow.Image, lines: list[str]) -> Pillow.Image:
    """Below the picture, white on black: they hide nothing of it."""
    size = max(12, picture.width // 36)
    font = ImageFont.load_default(size)
    while size > 6 and max(font.getlength(line) for line in lines) > picture.width - size:
        size -= 1
        font = ImageFont.load_default(size)
    step = round(size * 1.4)
    page = Pillow.new("RGB", (picture.width, picture.height + step * len(lines) + size))
    page.paste(picture, (0, 0))
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((size // 2, picture.height + size // 2 + number * step), line, fill=(255, 255, 255), font=font)
    return page
