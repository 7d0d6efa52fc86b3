"""Results on their way out: from the rows of a prediction to DICOM objects, as a download or to the archive."""

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from typing import IO

from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from pydicom import dcmread
from pydicom.dataset import Dataset

from diagnosis.access import audit, selectors
from diagnosis.access.users import AnyUser, User
from diagnosis.dicom.dicomweb import Archive
from diagnosis.dicom.errors import NothingToSend
from diagnosis.dicom.results import Result, Source
from diagnosis.models import Prediction, SliceResult
from diagnosis.models.prediction import Outcome, State

REPORT, CAPTURES = "sr", "sc"
KINDS = (REPORT, CAPTURES)


def result_of(user: AnyUser, prediction: Prediction) -> Result:
    """What `prediction`, which `user` may see, says.

    Raises NothingToSend, and FileNotFoundError if the storage has lost the scan.
    """
    scan, version = prediction.scan, prediction.model_version
    if prediction.state != State.DONE or version is None or prediction.finished is None:
        raise NothingToSend(f"The prediction is {prediction.state}: only results that are done can be sent.")
    if scan.format != "DICOM":
        raise NothingToSend(f"The scan came as {scan.format}: only results on DICOM pictures can be sent as DICOM.")
    header = _header(scan.file)
    if not all(header.get(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
        raise NothingToSend("The scan's file came without the UIDs that a DICOM object refers to.")
    rows = selectors.slice_results(user).filter(prediction=prediction).exclude(outcome=Outcome.REFUSED)
    sources = [_slice(row, header) for row in rows] if scan.is_series else [_whole(prediction, header)]
    return Result(
        study=str(header.StudyInstanceUID),
        series=str(header.SeriesInstanceUID),
        patient=scan.case.reference,
        letters=scan.letters,
        sources=tuple(sources),
        outcome=prediction.outcome,
        uncertain=prediction.uncertain,
        probability=prediction.tumor_probability or 0.0,
        calibrated=version.calibrated,
        tumor_type=prediction.likely_type,
        model=version.label,
        finished=prediction.finished,
        key=f"{prediction.pk} {prediction.finished.isoformat()}",
    )


def objects(result: Result, *, kinds: tuple[str, ...] = KINDS) -> Iterator[tuple[str, Dataset]]:
    """The report and the captures, each with a file name; made one at a time, as they are large."""
    # Here, as highdicom takes a second to load, and most processes make no objects.
    from diagnosis.dicom import secondary_capture, structured_report

    if REPORT in kinds:
        yield "report.dcm", structured_report.report(result)
    if CAPTURES in kinds:
        for source in result.sources:
            yield f"capture-{source.number:04}.dcm", secondary_capture.capture(result, source)


def pack(result: Result, *, kinds: tuple[str, ...] = KINDS) -> IO[bytes]:
    """A ZIP archive of the objects, in a temporary file."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as into:
            for name, dataset in objects(result, kinds=kinds):
                written = io.BytesIO()
                dataset.save_as(written, enforce_file_format=True)
                into.writestr(name, written.getbuffer())
    except BaseException:
        packed.close()
        raise
    packed.seek(0)
    return packed


def send(*, user: User, prediction: Prediction, archive: Archive) -> int:
    """Store report and captures in the archive; how many objects.

    The same result always makes the same objects, so that sending again replaces them.

    Raises NothingToSend, FileNotFoundError and what `Archive` raises.
    """
    result = result_of(user, prediction)
    sent = 0
    try:
        for _, dataset in objects(result):
            archive.store(dataset)
            sent += 1
    finally:
        if sent:
            audit.record("result.sent", actor=user, target=prediction, objects=sent, of=len(result.sources) + 1)
    return sent


def _header(file: FieldFile) -> Dataset:
    with default_storage.open(str(file.name), "rb") as stored:
        return dcmread(stored, stop_before_pixels=True)


def _picture(file: FieldFile) -> Callable[[], bytes]:
    def read() -> bytes:
        with default_storage.open(str(file.name), "rb") as stored:
            return bytes(stored.read())

    return read


def _whole(prediction: Prediction, header: Dataset) -> Source:
    return Source(
        sop_class=str(header.SOPClassUID),
        instance=str(header.SOPInstanceUID),
        number=1,
        frame=1 if "NumberOfFrames" in header else None,
        rows=int(header.Rows),
        columns=int(header.Columns),
        picture=_picture(prediction.scan.preview),
        evidence=prediction.evidence,
        outcome=prediction.outcome,
        uncertain=prediction.uncertain,
        probability=prediction.tumor_probability or 0.0,
    )


def _slice(row: SliceResult, header: Dataset) -> Source:
    """header: of the scan's own file. Slices with files of their own are of the same class and size."""
    own = bool(row.slice.file)
    return Source(
        sop_class=str(header.SOPClassUID),
        instance=row.slice.instance_uid if own else str(header.SOPInstanceUID),
        number=row.slice.index + 1,
        frame=None if own else row.slice.frame + 1,
        rows=int(header.Rows),
        columns=int(header.Columns),
        picture=_picture(row.slice.preview),
        evidence=row.evidence,
        outcome=row.outcome,
        uncertain=row.uncertain,
        probability=row.tumor_probability or 0.0,
    )
