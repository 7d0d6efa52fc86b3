"""STOW-RS, storing over the web (PS3.18, 10.5): a multipart body goes to intake, whose verdicts become the response.

The response names objects by the UIDs of the same request; they are not kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFilesSent

from diagnosis.access.users import User
from diagnosis.dicom import ingest, multipart
from diagnosis.dicom.identity import HEAD_BYTES, NotDicom, identify
from diagnosis.dicom.ingest import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, InstanceOutcome, ReceivedInstance
from diagnosis.dicom.spool import Spool, TooLarge
from diagnosis.intake import free_space

DICOM = "application/dicom"
OTHER_STUDY = 0xA901
"""Failure reason for an object of another study than the URL names (one of A9xx, PS3.18, I.2.2)."""


@dataclass(slots=True)
class StoreResponse:
    """What became of the parts of a request. other_failures: failure reasons of parts that are not DICOM objects."""

    outcomes: list[InstanceOutcome]
    other_failures: list[int]

    @property
    def status(self) -> int:
        """200 if all objects were stored, 202 if some were, 409 if none was (PS3.18, table 10.5.3-1)."""
        stored = sum(outcome.failure is None for outcome in self.outcomes)
        if not stored:
            return 409
        return 200 if stored == len(self.outcomes) + len(self.other_failures) else 202

    def as_json(self) -> dict[str, Any]:
        """The Store Instances Response in the DICOM JSON model (PS3.18, I.2 and F.2)."""
        stored = [_reference(one) | {"00081190": {"vr": "UR"}} for one in self.outcomes if one.failure is None]
        failed = [_reference(one) | _failure(one.failure) for one in self.outcomes if one.failure is not None]
        others = [_failure(reason) for reason in self.other_failures]
        response: dict[str, Any] = {"00081190": {"vr": "UR"}}
        for tag, items in (("00081198", failed), ("00081199", stored), ("0008119A", others)):
            if items:
                response[tag] = {"vr": "SQ", "Value": items}
        return response


def store(*, user: User, read: Callable[[int], bytes], boundary: str, study: str = "") -> StoreResponse:
    """Store the objects of a request in cases of `user`. study: reject objects of any other study.

    Raises multipart.Malformed, Django's TooManyFilesSent, intake.Busy and intake.NoRoom, all before anything is stored.
    """
    free_space.require()
    max_bytes = settings.MAX_ARCHIVE_MB * 1024 * 1024
    outcomes: list[InstanceOutcome | None] = []  # None: to be decided by intake
    received: list[ReceivedInstance] = []
    other_failures: list[int] = []
    with Spool() as spool:
        for number, part in enumerate(multipart.parts(read, boundary=boundary), start=1):
            if number > settings.DATA_UPLOAD_MAX_NUMBER_FILES:
                raise TooManyFilesSent
            if part.content_type not in (DICOM, ""):
                other_failures.append(CANNOT_UNDERSTAND)
                continue
            try:
                file = spool.add(f"stored-{number:04}.dcm", part.chunks, max_bytes=max_bytes)
                identity = identify(file.read(HEAD_BYTES))
                file.seek(0)
            except TooLarge:
                other_failures.append(OUT_OF_RESOURCES)
            except NotDicom:
                other_failures.append(CANNOT_UNDERSTAND)
            else:
                if study and identity.study != study:
                    outcomes.append(InstanceOutcome(identity, OTHER_STUDY))
                else:
                    outcomes.append(None)
                    received.append(ReceivedInstance(identity, file))
        decided = iter(ingest.submit(received, user=user)[0])
    return StoreResponse([outcome or next(decided) for outcome in outcomes], other_failures)


def _reference(outcome: InstanceOutcome) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [outcome.identity.sop_class]},
        "00081155": {"vr": "UI", "Value": [outcome.identity.instance]},
    }


def _failure(reason: int) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [reason]}}
