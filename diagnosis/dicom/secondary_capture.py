"""The evidence in a form that any archive can show: a Secondary Capture per slice, map, box and text burned in."""

import io
import math

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom.dataset import Dataset

from diagnosis.dicom import results
from diagnosis.dicom.results import NOTICE, Result, SourceImage
from diagnosis.presentation import sentences
from ml.evidence import drawing, localize

SERIES_NUMBER = 9001
"""Higher than scanners count, so that viewers list the captures after the images."""

_READABLE_SIDE = 480  # pixels of the shorter side; smaller images are enlarged so that the text is readable


def capture(result: Result, source: SourceImage) -> Dataset:
    """The capture of one of the result's slices."""
    pixels = _drawn(result, source)
    letters = result.orientation_letters
    orientation = (letters[1], letters[3]) if len(letters) == 4 else None
    image = SCImage(
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=orientation or ("L", "P"),
        study_instance_uid=result.study,
        series_instance_uid=result.uid("capture"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=result.uid("capture", *result.parts_of(source)),
        instance_number=source.number,
        **results.patient_attributes(result),
        **results.series_attributes(result),
    )
    if orientation is None:
        image.PatientOrientation = []  # unknown, but highdicom requires a value
    image.Laterality = ""  # a head has no side
    image.ConversionType = "WSD"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.BurnedInAnnotation = "YES"
    image.ImageComments = f"{NOTICE}. {result.model}: {result.outcome_text}."
    image.DerivationDescription = f"Where {result.model} sees tumor, drawn over the image"[:1024]
    image.SourceImageSequence = [_reference(source)]
    image.DateOfSecondaryCapture, image.TimeOfSecondaryCapture = results.finished_at(result)
    results.mark_deidentified(image, result)
    return image


def _reference(source: SourceImage) -> Dataset:
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.sop_class, source.instance
    if source.frame is not None:
        item.ReferencedFrameNumber = source.frame
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def _drawn(result: Result, source: SourceImage) -> NDArray[np.uint8]:
    """(rows, columns, 3), RGB: the image with its evidence, enlarged if necessary, and the text below."""
    with Pillow.open(io.BytesIO(source.read_png())) as opened:
        scan = opened.convert("L")
    factor = max(1, min(math.ceil(_READABLE_SIDE / min(scan.size)), drawing.MAX_SIDE // max(scan.size)))
    scan = scan.resize((scan.width * factor, scan.height * factor), Pillow.Resampling.BILINEAR)
    evidence = localize.restore(source.evidence)
    if evidence is None:
        image = scan.convert("RGB")
    else:
        with Pillow.open(io.BytesIO(drawing.overlay_png(scan, evidence))) as overlay:
            image = overlay.convert("RGB")
    return np.asarray(_with_text(image, _text_lines(result, source)))


def _text_lines(result: Result, source: SourceImage) -> list[str]:
    outcome = "uncertain" if source.uncertain else "tumor" if source.outcome == "tumor" else "no tumor found"
    score = result.score_text
    lines = [NOTICE, f"{result.score_name} by {result.model}", f"This image: {outcome}, {score(source.probability)}"]
    if len(result.sources) > 1:
        lines.append(
            f"All {len(result.sources)} images: {result.outcome_text}, "
            f"{result.score_name.lower()} {score(result.probability)}"
        )
    if result.trained_on:
        lines.append(sentences.TRAINED_ON[0])
    return lines


def _with_text(image: Pillow.Image, lines: list[str]) -> Pillow.Image:
    """The text goes below the image, white on black, and hides none of it."""
    size = max(12, image.width // 36)
    font = ImageFont.load_default(size)
    while size > 6 and max(font.getlength(line) for line in lines) > image.width - size:
        size -= 1
        font = ImageFont.load_default(size)
    step = round(size * 1.4)
    page = Pillow.new("RGB", (image.width, image.height + step * len(lines) + size))
    page.paste(image, (0, 0))
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((size // 2, image.height + size // 2 + number * step), line, fill=(255, 255, 255), font=font)
    return page
