"""From a file's bytes to what may be stored: decoded, rendered, checked for text, and de-identified.

A file that cannot be decoded is refused here, with the rule that it broke. One that decodes but is useless (blank, too
small) is stored, and the pipeline refuses it with a reason.
"""

import threading
from collections.abc import Container
from dataclasses import replace

from django.conf import settings

from diagnosis.deid import dicom as clean_dicom
from diagnosis.deid import raster as clean_raster
from diagnosis.deid.slice_facts import clean as clean_facts
from diagnosis.intake import previews
from diagnosis.intake.decoded import Decoded, RenderedSlice
from diagnosis.intake.rejections import no_slices
from ml import readers
from ml.contracts import Image
from ml.readers import burned_in_text, dicom, sniffing
from ml.readers.dicom import description, series, slice_facts
from ml.readers.dicom.header import attributes

RASTER = "Kept: the image and its orientation"
VOLUME = "Kept: voxels, axes and scaling; free text and extensions dropped"

_one_at_a_time = threading.Semaphore(1)
"""In each process: a decoded image may take a hundred megabytes, a volume more."""


def decode(data: bytes, *, name: str) -> list[Decoded]:
    """What a file holds: one scan, or several if a multi-frame object has stacks in different directions.

    Raises UnreadableImage, with code `no_slices` if nothing of it is left to judge.
    """
    with _one_at_a_time:
        found = [one for one in _decode(data, name) if one.slices]
    if not found:  # nobody must take a file of which nothing was stored for one that was stored
        raise no_slices()
    return found


def _decode(data: bytes, name: str) -> list[Decoded]:
    file_format = sniffing.sniff(data)
    if file_format == sniffing.DICOM:
        return _from_dicom(name, data)
    if file_format in sniffing.VOLUMES:
        return [_from_volume(name, data, file_format)]
    return [_from_raster(name, data)]


def _from_raster(name: str, data: bytes) -> Decoded:
    image = readers.read(data)
    rendered, has_text = _render(image), _has_text(image)
    file_format, orientation = image.format, image.orientation
    del image  # frees the pixels before those of the cleaned file are decoded and compared
    cleaned = clean_raster.clean(
        data,
        file_format=file_format,
        orientation=orientation,
        pixel_sha256=rendered.pixel_sha256,
        preview=rendered.preview,
    )
    return Decoded(
        name,
        cleaned.data,
        cleaned.format,
        (rendered,),
        deidentified={"method": RASTER, "dropped": list(cleaned.dropped)},
        has_text=has_text,
        text_at=0 if has_text else None,
    )


def _from_volume(name: str, data: bytes, file_format: str) -> Decoded:
    # Few sites upload volumes, and nibabel costs the web process tens of megabytes.
    from diagnosis.deid import nifti as clean_nifti
    from ml.readers import volumes

    opened = volumes.open_file(data, file_format=file_format, max_pixels=readers.MAX_PIXELS)
    slices, text_at = _render_all(opened, search=_sample(opened.frames))
    return Decoded(
        name,
        clean_nifti.clean(opened),
        opened.stored_format,
        slices,
        notes=opened.notes,
        spacing=opened.thickness if opened.sides_known else None,
        letters="".join(opened.orientation_letters or ()),
        deidentified={"method": VOLUME},
        has_text=text_at is not None,
        text_at=text_at,
    )


def _from_dicom(name: str, data: bytes) -> list[Decoded]:
    opened = dicom.open_file(data, max_pixels=readers.MAX_PIXELS)
    raw_facts = slice_facts.read(opened.dataset, opened.frames)
    series.anatomy(raw_facts)  # before the frames are decoded
    search = range(opened.frames) if dicom.captured(opened.dataset) else _sample(opened.frames)
    slices, text_at = _render_all(opened, search=search)
    cleaned = clean_dicom.clean(opened.dataset, secret=settings.DEID_SECRET)
    kept = attributes(cleaned.data)  # title and windows come from what was kept, never from the original
    facts = [
        clean_facts(one, series=cleaned.series, instance=cleaned.instance, secret=settings.DEID_SECRET)
        for one in raw_facts
    ]
    common = Decoded(
        description.title(kept, facts[0].position),
        cleaned.data,
        "DICOM",
        slices,
        series=cleaned.series,
        instance=cleaned.instance,
        patient=cleaned.patient,
        windows=description.windows(kept),
        deidentified={
            "method": clean_dicom.METHOD,
            "kept": list(cleaned.kept),
            "dropped": cleaned.dropped,
            **({"patient": cleaned.patient} if cleaned.patient else {}),
        },
        has_text=text_at is not None or dicom.burned_in(opened.dataset),
        text_at=text_at,
    )
    position = facts[0].position
    if opened.frames == 1 and position is not None and cleaned.series:
        return [replace(common, facts=facts[0], letters="".join(position.orientation_letters))]
    stacks = series.of_frames(facts, pixels=lambda index: slices[index].pixel_sha256)
    return [_stack(common, stack, description.title(kept, facts[stack.slices[0]].position)) for stack in stacks]


def _stack(common: Decoded, stack: series.Stack, title: str) -> Decoded:
    """common: the file, with all its frames."""
    return replace(
        common,
        name=title,
        slices=tuple(common.slices[index] for index in stack.slices),
        notes=stack.notes,
        spacing=stack.spacing,
        letters="".join(stack.orientation_letters or ()),
        problem=stack.problem,
    )


def _sample(frames: int) -> tuple[int, ...]:
    """The slices of a series that are searched for text: the first, the middle and the last.

    A station that burns in text does so in every slice. Each search may be wrong, so searching hundreds of slices would
    stop many a clean series.
    """
    return 0, frames // 2, frames - 1


def _render_all(opened: readers.Slices, *, search: Container[int]) -> tuple[tuple[RenderedSlice, ...], int | None]:
    """Every slice of a file, and the first of those in `search` that has text. One is decoded at a time."""
    rendered: list[RenderedSlice] = []
    text_at: int | None = None
    for index in range(opened.frames):
        image = opened.image(index)
        if text_at is None and index in search and _has_text(image):
            text_at = index
        rendered.append(_render(image, frame=index))
    return tuple(rendered), text_at


def _has_text(image: Image) -> bool:
    return burned_in_text.find_text(image) is not None


def _render(image: Image, *, frame: int = 0) -> RenderedSlice:
    preview, thumbnail = previews.render(image)
    rows, columns = image.pixels.shape
    return RenderedSlice(
        image.pixel_sha256(),
        preview,
        thumbnail,
        image.width,
        image.height,
        ratio=columns / rows,
        notes=image.notes,
        frame=frame,
    )
