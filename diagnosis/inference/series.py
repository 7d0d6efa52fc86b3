"""A series in the worker: its slices put in order, analyzed one by one, and summarized.

Each slice's result is a row of its own, written at once. A run that was interrupted finds these rows and analyzes only
the remaining slices.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from itertools import chain, islice, takewhile
from typing import Any

from django.db.models import Q
from django.utils import timezone

import ml
from diagnosis.inference import image_files
from diagnosis.models import Prediction, Scan, Slice, SliceResult
from diagnosis.models.discarded_file import discard
from diagnosis.models.embedding import pack
from diagnosis.models.prediction import Outcome, State
from diagnosis.models.scan import OTHER_PATIENT, combined_digest
from ml import readers
from ml.contracts import Analysis, Image, ModelUnavailable, UnreadableImage
from ml.inference.series_pooling import SliceOutcome
from ml.inference.series_summary import summarize as summarize_findings
from ml.readers import Slices
from ml.readers.dicom import geometry, series, slice_facts
from ml.readers.dicom.slice_facts import SliceFacts

BATCH = 4
"""Slices in one forward pass, whose results are written together. A worker that dies loses a few times as many: those
in passes at the time, and those read ahead."""


def slice_at(scan: Scan, index: int) -> Slice | None:
    """The slice at this index of the viewing order."""
    return Slice.objects.filter(scan=scan, index=index).first()


def facts_of(row: Slice, *, scan: Scan) -> SliceFacts:
    """What tells a slice that came in a file of its own from others.

    For rows stored before these facts were, only the position and what the stack's name says are known.
    """
    if row.facts is not None:
        return slice_facts.from_dict(row.facts, instance=row.instance_uid)
    assert scan.normal is not None and row.along is not None
    position = geometry.lying_at(scan.normal, row.along)
    size, labels = (scan.width, scan.height), _labels(scan.stack)
    return SliceFacts(size, position, labels=labels, instance=row.instance_uid, turn_known=False)


_OLD_LABELS = {
    "e": "EchoTime",
    "i": "InversionTime",
    "b": "DiffusionBValue",
    "t": "TemporalPositionIdentifier",
    "u": "TemporalPositionIndex",
}
"""Letters in the name of a stack, as earlier versions made it: `128x128 e90 b0`."""


def _labels(stack: str) -> dict[str, str]:
    found = (re.fullmatch(r"([eibtu])(-?[\d.e+-]+)", word) for word in stack.split()[1:])
    return {_OLD_LABELS[one[1]]: f"{float(one[2]):.4g}" for one in found if one}


def part_notes(scan: Scan) -> tuple[str, ...]:
    """What tells the scan from other parts of its series, as the name of its stack says."""
    return series.part_notes(scan.stack.partition(" ")[2])


def arrange(scan: Scan) -> UnreadableImage | None:
    """Put the slices that arrived one by one into viewing order; the middle one gives the series its preview.

    Returns why the scan must not be judged, or None.
    """
    arrived = list(Slice.objects.filter(scan=scan).order_by("pk"))
    facts = [facts_of(row, scan=scan) for row in arrived]
    found = series.one_stack(facts, pixels=[row.pixel_sha256 for row in arrived])
    rows = [arrived[index] for index in found.slices]
    moved = [row for index, row in enumerate(rows) if row.index != index]
    for index, row in enumerate(rows):
        row.index = index
    Slice.objects.bulk_update(moved, ["index"], batch_size=200)
    middle, shown = rows[len(rows) // 2], (str(scan.preview.name), str(scan.thumbnail.name))
    scan.frames, scan.spacing = len(rows), found.spacing
    scan.pixel_sha256 = combined_digest(scan.stack_key, [row.pixel_sha256 for row in rows])
    scan.preview, scan.thumbnail = middle.preview, middle.thumbnail
    on_its_case = [note for note in scan.notes if note == OTHER_PATIENT]
    scan.notes = [*middle.notes, *found.notes, *part_notes(scan), *on_its_case]
    scan.save(update_fields=["frames", "spacing", "pixel_sha256", "preview", "thumbnail", "notes"])
    discard(shown)  # scans from before had previews of their own
    return found.problem


def analyze_remaining(claimed: Prediction, model: ml.Model, *, until: datetime) -> Iterator[int]:
    """Analyze the slices that have no result yet: at least BATCH, and more until that time.

    Yields, after each batch, how many slices have a result. Raises FileMissing, StorageUnavailable, ModelUnavailable.
    """
    if model.series is None:
        raise ModelUnavailable("no_series", "The active model cannot judge a series, only single images.")
    rows = list(Slice.objects.filter(~Q(results__prediction=claimed), scan=claimed.scan_id).order_by("index"))
    done = claimed.scan.frames - len(rows)
    volume = readers.open_file(image_files.read(claimed.scan.file)) if any(not row.file for row in rows) else None
    # Nothing is taken after the first that is left out, even if the clock is set back: results go by order.
    in_time = chain(rows[:BATCH], takewhile(lambda row: timezone.now() < until, rows[BATCH:]))
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
    results = SliceResult.objects.filter(prediction=claimed, slice__scan=claimed.scan_id)
    rows = list(results.select_related("slice").order_by("slice__index"))
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
        "series": {
            "accepted": found.accepted,
            "top": list(found.top),
            "extent": found.extent and list(found.extent),
            "runs": [list(run) for run in found.runs],
        },
        "key_slice": key.slice if key else None,
        "engine": model.engine.name,
        "milliseconds": times,
        "progress": len(rows),
        "vector": key.vector if key else None,
    }


def _finding(row: SliceResult) -> SliceOutcome:
    gate, evidence = row.gate or {}, row.evidence or {}
    square = evidence.get("square")
    return SliceOutcome(
        accepted=row.outcome != Outcome.REFUSED,
        tumor_probability=row.tumor_probability,
        type_probabilities=row.type_probabilities,
        reason=gate.get("reason"),
        message=gate.get("message"),
        heat=tuple(evidence["heat"]) if evidence.get("heat") else None,
        side=square[2] - square[0] if square else None,
    )


def copy_results(earlier: Prediction, claimed: Prediction) -> None:
    """Copy an earlier result's slices to a prediction on the same series, uploaded as another scan."""
    if not claimed.scan.is_series:
        return
    slices = dict(Slice.objects.filter(scan=claimed.scan_id).values_list("index", "pk"))
    # A run that was at work while slices left its scan may have written a result of one of them after they had gone.
    results = SliceResult.objects.filter(prediction=earlier, slice__scan=earlier.scan_id).select_related("slice")
    SliceResult.objects.filter(prediction=claimed).delete()
    copies = [SliceResult(**_copied(row), prediction=claimed, slice_id=slices[row.slice.index]) for row in results]
    SliceResult.objects.bulk_create(copies, batch_size=200)


def _copied(row: SliceResult) -> dict[str, Any]:
    names = ("outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate", "trained_on")
    return {name: getattr(row, name) for name in (*names, "milliseconds", "vector")}
