"""Results as DICOM objects, made from the rows of a prediction: to download, or to send to the archive."""

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
from diagnosis.access.permissions import may_change
from diagnosis.access.users import AnyUser, User
from diagnosis.dicom.dicomweb import configured_client
from diagnosis.dicom.errors import NothingToSend, NotReadYet, SendForbidden
from diagnosis.dicom.results import Result, SourceImage
from diagnosis.models import Prediction, SliceResult
from diagnosis.models.prediction import Outcome, State
from diagnosis.reports import readings
from diagnosis.reports.readings import Reading

REPORT, CAPTURES = "sr", "sc"
OBJECT_TYPES = (REPORT, CAPTURES)
"""Structured report and secondary captures."""


def result_of(user: AnyUser, prediction: Prediction) -> Result:
    """The result of a prediction that `user` may see.

    Raises NothingToSend, NotReadYet, and FileNotFoundError if the scan's file is missing from the storage.
    """
    scan, version = prediction.scan, prediction.model_version
    if prediction.blinded:
        raise NotReadYet("The result leaves this site once you have read the scan: it is hidden from you until then.")
    if prediction.state != State.DONE or version is None or prediction.finished is None:
        raise NothingToSend(f"The prediction is {prediction.state}: only finished results can be sent.")
    if scan.format != "DICOM":
        raise NothingToSend(f"The scan came as {scan.format}: only results on DICOM images can be sent as DICOM.")
    header = _header(scan.file)
    if not all(header.get(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
        raise NothingToSend("The scan's file lacks the UIDs that a DICOM object must refer to.")
    rows = selectors.slice_results(user).filter(prediction=prediction).exclude(outcome=Outcome.REFUSED)
    sources = [_slice_source(row, header) for row in rows] if scan.is_series else [_scan_source(prediction, header)]
    reviews = readings.reviews_by_scan(user, scans=[scan.pk])[scan.pk]
    signed = tuple(one for one in readings.of_reviews(reviews, scan=scan) if one.signed and one.current)
    return Result(
        study=str(header.StudyInstanceUID),
        series=str(header.SeriesInstanceUID),
        patient=scan.case.reference,
        orientation_letters=scan.letters,
        sources=tuple(sources),
        outcome=prediction.outcome,
        uncertain=prediction.uncertain,
        probability=prediction.tumor_probability or 0.0,
        calibrated=version.calibrated,
        tumor_type=prediction.likely_type,
        model=version.label,
        finished=prediction.finished,
        key=f"{prediction.pk} {prediction.finished.isoformat()}",
        trained_on=prediction.trained_on,
        readings=signed,
        verified=any(_verifies(one, prediction) for one in signed),
    )


def _verifies(reading: Reading, prediction: Prediction) -> bool:
    """Whether this signature holds for the scan, and was given while this very result was shown."""
    if not reading.holds or reading.outdated or reading.run != prediction.pk:
        return False
    return reading.signed is not None and prediction.finished is not None and reading.signed >= prediction.finished


def objects(result: Result, *, object_types: tuple[str, ...] = OBJECT_TYPES) -> Iterator[tuple[str, Dataset]]:
    """The report and the captures with their file names, made one at a time because they are large."""
    # Imported here because highdicom takes a second to load, and most processes never need it.
    from diagnosis.dicom import secondary_capture, structured_report

    if REPORT in object_types:
        yield "report.dcm", structured_report.report(result)
    if CAPTURES in object_types:
        for source in result.sources:
            yield f"capture-{source.number:04}.dcm", secondary_capture.capture(result, source)


def pack(result: Result, *, object_types: tuple[str, ...] = OBJECT_TYPES) -> IO[bytes]:
    """A ZIP archive of the objects, in a temporary file."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            for name, dataset in objects(result, object_types=object_types):
                buffer = io.BytesIO()
                dataset.save_as(buffer, enforce_file_format=True)
                archive.writestr(name, buffer.getbuffer())
    except BaseException:
        packed.close()
        raise
    packed.seek(0)
    return packed


def download(
    *, user: AnyUser, prediction: Prediction, object_types: tuple[str, ...] = OBJECT_TYPES
) -> tuple[IO[bytes], str]:
    """The objects as a ZIP archive, and its file name. Audited.

    Raises NothingToSend, NotReadYet, and FileNotFoundError if the scan's file is missing from the storage.
    """
    packed = pack(result_of(user, prediction), object_types=object_types)
    audit.record("dicom.downloaded", actor=user, target=prediction, kinds=list(object_types))
    return packed, f"prediction-{prediction.pk}-dicom.zip"


def send(*, user: User, prediction: Prediction) -> int:
    """Store the report and the captures in the configured archive. Returns the number of objects.

    The same result always gives the same objects, so sending it again replaces them.

    Raises SendForbidden, NotConfigured, NothingToSend, NotReadYet, what `DicomWebClient.store` raises, and
    FileNotFoundError if the scan's file is missing from the storage.
    """
    if not may_change(user, prediction.scan.case):
        raise SendForbidden("Only the case's owner or an administrator may send its results.")
    with configured_client() as client:
        result = result_of(user, prediction)
        sent = 0
        try:
            for _, dataset in objects(result):
                client.store(dataset)
                sent += 1
        finally:
            if sent:
                audit.record("result.sent", actor=user, target=prediction, objects=sent, of=len(result.sources) + 1)
    return sent


def _header(file: FieldFile) -> Dataset:
    with default_storage.open(str(file.name), "rb") as stored:
        return dcmread(stored, stop_before_pixels=True)


def _png_reader(file: FieldFile) -> Callable[[], bytes]:
    def read() -> bytes:
        with default_storage.open(str(file.name), "rb") as stored:
            return bytes(stored.read())

    return read


def _scan_source(prediction: Prediction, header: Dataset) -> SourceImage:
    frame = prediction.scan.frame + 1 if int(header.get("NumberOfFrames") or 1) > 1 else None
    preview = prediction.scan.preview
    return _source(prediction, header, instance=str(header.SOPInstanceUID), number=1, frame=frame, preview=preview)


def _slice_source(row: SliceResult, header: Dataset) -> SourceImage:
    """header: of the scan's file. Slices with files of their own have the same SOP class and size."""
    one = row.slice
    instance, frame = (one.instance_uid, None) if one.file else (str(header.SOPInstanceUID), one.frame + 1)
    return _source(row, header, instance=instance, number=one.index + 1, frame=frame, preview=one.preview)


def _source(
    judged: Prediction | SliceResult,
    header: Dataset,
    *,
    instance: str,
    number: int,
    frame: int | None,
    preview: FieldFile,
) -> SourceImage:
    return SourceImage(
        sop_class=str(header.SOPClassUID),
        instance=instance,
        number=number,
        frame=frame,
        rows=int(header.Rows),
        columns=int(header.Columns),
        read_png=_png_reader(preview),
        evidence=judged.evidence,
        outcome=judged.outcome,
        uncertain=judged.uncertain,
        probability=judged.tumor_probability or 0.0,
    )
