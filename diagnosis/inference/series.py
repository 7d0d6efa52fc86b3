"""A series in the worker: its slices put in order, analyzed one by one, and summarized.

Each slice's result is a row of its own, written at once. A run that was interrupted finds these rows and analyzes only
the remaining slices.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, cast

from django.db.models import Q
from django.utils import timezone

import ml
from diagnosis.inference import image_files
from diagnosis.models import Prediction, Scan, Slice, SliceResult
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import Outcome, State
from diagnosis.models.scan import combined_digest
from ml import readers
from ml.contracts import Analysis, Image, ModelUnavailable
from ml.inference.series_summary import SliceOutcome
from ml.inference.series_summary import summarize as summarize_findings
from ml.readers import Slices
from ml.readers.dicom import slice_order

BATCH = 4
"""Slices in one forward pass, whose results are written together. A worker that dies loses a few times as many: those
in passes at the time, and those read ahead."""


def slice_at(scan: Scan, index: int) -> Slice | None:
    """The slice at this index of the viewing order."""
    return Slice.objects.filter(scan=scan, index=index).first()


def arrange(scan: Scan) -> None:
    """Put the slices that arrived one by one into viewing order; the middle one gives the series its preview."""
    arrived = list(Slice.objects.filter(scan=scan).order_by("pk"))
    offsets = [cast(float, row.along) for row in arrived]  # never null in a scan that is assembled from files
    order = slice_order.viewing_order(offsets)
    rows = [arrived[index] for index in order]
    moved = [row for index, row in enumerate(rows) if row.index != index]
    for index, row in enumerate(rows):
        row.index = index
    Slice.objects.bulk_update(moved, ["index"], batch_size=200)
    spacing, gaps = slice_order.spacing_and_gaps([offsets[index] for index in order])
    middle = rows[len(rows) // 2]
    scan.frames, scan.spacing = len(rows), spacing
    scan.pixel_sha256 = combined_digest(scan.stack_key, [row.pixel_sha256 for row in rows])
    scan.preview, scan.thumbnail = middle.preview, middle.thumbnail
    scan.notes = [*middle.notes, *slice_order.gaps_note(gaps)]
    scan.save(update_fields=["frames", "spacing", "pixel_sha256", "preview", "thumbnail", "notes"])


def analyze_remaining(claimed: Prediction, model: ml.Model, *, until: datetime) -> Iterator[int]:
    """Analyze the slices that have no result yet: at least BATCH, and more until that time.

    Yields, after each batch, how many slices have a result. Raises FileMissing, StorageUnavailable, ModelUnavailable.
    """
    if model.series is None:
        raise ModelUnavailable("no_series", "The active model cannot judge a series, only single pictures.")
    rows = list(Slice.objects.filter(~Q(results__prediction=claimed), scan=claimed.scan_id).order_by("index"))
    done = claimed.scan.frames - len(rows)
    volume = readers.open_file(image_files.read(claimed.scan.file)) if any(not row.file for row in rows) else None
    in_time = (row for number, row in enumerate(rows) if number < BATCH or timezone.now() < until)
    analyses = ml.analyze_each(model, (partial(_decode, row, volume) for row in in_time), batch=BATCH)
    results = (_result(claimed, row, analysis) for row, analysis in zip(rows, analyses, strict=False))
    while batch := list(islice(results, BATCH)):
        # A run that was canceled and retried may still be at work in another process, and write the same rows.
        SliceResult.objects.bulk_create(batch, ignore_conflicts=True)
        done += len(batch)
        yield done


def _decode(row: Slice, volume: Slices | None) -> Image:
    if volume is None or row.file:
        return image_files.decode(row.file)
    return image_files.reraise_time_limit(partial(volume.image, row.frame))


def _result(claimed: Prediction, row: Slice, analysis: Analysis) -> SliceResult:
    fields = analysis.as_dict()
    for name in ("model", "engine"):
        del fields[name]
    vector = None if analysis.embedding is None else pack(analysis.embedding)
    return SliceResult(prediction=claimed, slice=row, vector=vector, **fields)


def summarize(claimed: Prediction, model: ml.Model) -> dict[str, Any]:
    """The result of the whole series: the prediction's fields, and as `vector` the embedding of the key slice."""
    assert model.series is not None
    rows = list(SliceResult.objects.filter(prediction=claimed).select_related("slice").order_by("slice__index"))
    found = summarize_findings(model.series, [_finding(row) for row in rows], threshold=model.manifest.threshold)
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


def _finding(row: SliceResult) -> SliceOutcome:
    gate = row.gate or {}
    return SliceOutcome(
        accepted=row.outcome != Outcome.REFUSED,
        tumor_probability=row.tumor_probability,
        type_probabilities=row.type_probabilities,
        reason=gate.get("reason"),
        message=gate.get("message"),
    )


def copy_results(known: Prediction, claimed: Prediction) -> None:
    """Copy a known result's slices to a prediction on the same series, uploaded as another scan."""
    if not claimed.scan.is_series:
        return
    slices = dict(Slice.objects.filter(scan=claimed.scan_id).values_list("index", "pk"))
    results = SliceResult.objects.filter(prediction=known).select_related("slice")
    SliceResult.objects.filter(prediction=claimed).delete()
    copies = [SliceResult(**_copied(row), prediction=claimed, slice_id=slices[row.slice.index]) for row in results]
    SliceResult.objects.bulk_create(copies, batch_size=200)


def _copied(row: SliceResult) -> dict[str, Any]:
    names = ("outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate", "trained_on")
    return {name: getattr(row, name) for name in (*names, "milliseconds", "vector")}
