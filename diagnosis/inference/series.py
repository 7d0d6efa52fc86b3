"""A series on its way through the pipeline: its order, its slices one by one, and what they say together.

Each slice's result is a row of its own, written as soon as it is known. A run that starts again finds them and reads
only what is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import Q
from django.db.models.fields.files import FieldFile
from django.utils import timezone

import ml
from diagnosis.inference import model_versions
from diagnosis.models import Prediction, Scan, Slice, SliceResult
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import Outcome, State
from diagnosis.models.scan import combined_digest
from ml import readers
from ml.contracts import Analysis, Image, ModelUnavailable, UnreadableImage
from ml.inference.series_summary import SliceFinding
from ml.inference.series_summary import summarize as summarized
from ml.readers import Slices
from ml.readers.dicom import geometry

BATCH = 4
"""Slices in one forward pass, or more where the engine gains by it; their results are written together. The work of a
few times as many is lost when a worker dies: what passes at once are at, and what was read ahead."""


class StorageFault(Exception):
    """The storage did not give a file; every storage has errors of its own."""


def stored(file: FieldFile) -> bytes:
    """A stored file's bytes. Raises FileNotFoundError and StorageFault."""
    try:
        with file.open("rb") as opened:
            return bytes(opened.read())
    except (FileNotFoundError, SoftTimeLimitExceeded):
        raise
    except Exception as error:
        raise StorageFault(str(error)) from error


def decoded(file: FieldFile) -> Image:
    """The picture in a stored file; raises what `stored` does, UnreadableImage, and SoftTimeLimitExceeded."""
    data = stored(file)
    return _in_time(lambda: readers.read(data))


def _in_time(read: Callable[[], Image]) -> Image:
    """The time limit may fall into a decoder, which takes it for damage of the file; it is no word on the picture."""
    try:
        return read()
    except UnreadableImage as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, SoftTimeLimitExceeded):
                raise SoftTimeLimitExceeded from error
            cause = cause.__cause__ or cause.__context__
        raise


def at(scan: Scan, index: int) -> Slice | None:
    """The slice at a place of the viewing order."""
    return Slice.objects.filter(scan=scan, index=index).first()


def arrange(scan: Scan) -> None:
    """Bring the slices that have gathered into their order, and let the middle one stand for the series."""
    rows = sorted(Slice.objects.filter(scan=scan), key=lambda row: (row.along, row.pk))
    moved = [row for index, row in enumerate(rows) if row.index != index]
    for index, row in enumerate(rows):
        row.index = index
    Slice.objects.bulk_update(moved, ["index"], batch_size=200)
    spacing, gaps = geometry.steps([row.along for row in rows if row.along is not None])
    middle = rows[len(rows) // 2]
    scan.frames, scan.spacing = len(rows), spacing
    scan.pixel_sha256 = combined_digest(scan.gathering, [row.pixel_sha256 for row in rows])
    scan.preview, scan.thumbnail = middle.preview, middle.thumbnail
    scan.notes = list(middle.notes)
    if gaps:
        scan.notes.append(f"Slices are missing in {gaps} {'place' if gaps == 1 else 'places'}.")
    scan.save(update_fields=["frames", "spacing", "pixel_sha256", "preview", "thumbnail", "notes"])


def outstanding(claimed: Prediction, model: ml.Model, *, until: datetime) -> Iterator[int]:
    """Read the slices that have no result yet, at least a batch, and more until that time; after each batch, how many
    have a result.

    Raises FileNotFoundError and StorageFault.
    """
    if model.series is None:
        raise ModelUnavailable("no_series", "The active model cannot judge a series, only single pictures.")
    rows = list(Slice.objects.filter(~Q(results__prediction=claimed), scan=claimed.scan_id).order_by("index"))
    done = claimed.scan.frames - len(rows)
    whole = readers.open_file(stored(claimed.scan.file)) if any(not row.file for row in rows) else None
    batch = max(BATCH, model_versions.batch(model))
    some_rows = (row for number, row in enumerate(rows) if number < batch or timezone.now() < until)
    analyses = ml.analyze_each(model, (partial(_decoded, row, whole) for row in some_rows), batch=batch)
    read = (_result(claimed, row, analysis) for row, analysis in zip(rows, analyses, strict=False))
    while some := list(islice(read, batch)):
        # A run that was canceled and taken up again may still be at work elsewhere, and says the same.
        SliceResult.objects.bulk_create(some, ignore_conflicts=True)
        done += len(some)
        yield done


def _decoded(row: Slice, whole: Slices | None) -> Image:
    return decoded(row.file) if whole is None or row.file else _in_time(partial(whole.image, row.frame))


def _result(claimed: Prediction, row: Slice, analysis: Analysis) -> SliceResult:
    fields = analysis.as_dict()
    for name in ("model", "engine"):
        del fields[name]
    vector = None if analysis.embedding is None else pack(analysis.embedding)
    return SliceResult(prediction=claimed, slice=row, vector=vector, **fields)


def summarize(claimed: Prediction, model: ml.Model) -> dict[str, Any]:
    """What all slices say together: the fields of the prediction, and `vector` of the most telling slice."""
    assert model.series is not None
    rows = list(SliceResult.objects.filter(prediction=claimed).select_related("slice").order_by("slice__index"))
    found = summarized(model.series, [_finding(row) for row in rows], threshold=model.manifest.threshold)
    key = rows[found.top[0]] if found.top else None
    times: dict[str, float] = {}
    for row in rows:
        for stage, milliseconds in row.milliseconds.items():
            times[stage] = round(times.get(stage, 0.0) + milliseconds, 3)
    return {
        "state": State.REFUSED if found.outcome == "refused" else State.DONE,
        "outcome": found.outcome,
        "uncertain": found.uncertain,
        "tumor_probability": found.tumor_probability,
        "type_probabilities": found.type_probabilities,
        "evidence": key.evidence if key else None,
        "gate": asdict(found.gate),
        "trained_on": any(row.trained_on for row in rows),
        "series": {"accepted": found.accepted, "top": list(found.top), "extent": found.extent and list(found.extent)},
        "key_slice": key.slice if key else None,
        "engine": model.engine.name,
        "milliseconds": times,
        "progress": len(rows),
        "vector": key.vector if key else None,
    }


def _finding(row: SliceResult) -> SliceFinding:
    gate = row.gate or {}
    return SliceFinding(
        accepted=row.outcome != Outcome.REFUSED,
        tumor_probability=row.tumor_probability,
        type_probabilities=row.type_probabilities,
        reason=gate.get("reason"),
        message=gate.get("message"),
    )


def copy_results(earlier: Prediction, claimed: Prediction) -> None:
    """The results of the same slices under the same model, of another scan, become this one's."""
    if not claimed.scan.is_series:
        return
    rows = dict(Slice.objects.filter(scan=claimed.scan_id).values_list("index", "pk"))
    known = SliceResult.objects.filter(prediction=earlier).select_related("slice")
    SliceResult.objects.filter(prediction=claimed).delete()
    copies = [SliceResult(**_copied(row), prediction=claimed, slice_id=rows[row.slice.index]) for row in known]
    SliceResult.objects.bulk_create(copies, batch_size=200)


def _copied(row: SliceResult) -> dict[str, Any]:
    names = ("outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate", "trained_on")
    return {name: getattr(row, name) for name in (*names, "milliseconds", "vector")}
