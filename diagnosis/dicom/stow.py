"""Store over the web, STOW-RS (PS3.18, 10.5): a multipart body to intake, and intake's answer as the standard's.

The answer names objects by the UIDs that came in the same request; nothing here keeps them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from diagnosis.access.users import User
from diagnosis.dicom import ingest, multipart
from diagnosis.dicom.identity import HEAD, NotDicom, identify
from diagnosis.dicom.ingest import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, Arrival, Fate
from diagnosis.dicom.spool import Spool, TooLarge

DICOM = "application/dicom"
OTHER_STUDY = 0xA901
"""Failure reason for an object of another study than the address names (one of A9xx, PS3.18, I.2.2)."""


class TooMany(Exception):
    """The request holds more parts than one may."""


@dataclass(slots=True)
class Stored:
    """What became of a request's parts. nameless: failure reasons of those that are no DICOM objects."""

    fates: list[Fate]
    nameless: list[int]

    @property
    def status(self) -> int:
        """200: all were taken; 202: some; 409: none (PS3.18, table 10.5.3-1)."""
        taken = sum(fate.reason is None for fate in self.fates)
        if taken == len(self.fates) + len(self.nameless):
            return 200 if taken else 409
        return 202 if taken else 409

    def as_json(self) -> dict[str, Any]:
        """The Store Instances Response in the DICOM JSON model (PS3.18, I.2 and F.2)."""
        taken = [_item(fate) | {"00081190": {"vr": "UR"}} for fate in self.fates if fate.reason is None]
        failed = [_item(fate) | _failure(fate.reason) for fate in self.fates if fate.reason is not None]
        found: dict[str, Any] = {"00081190": {"vr": "UR"}}
        for tag, items in (("00081198", failed), ("00081199", taken), ("0008119A", list(map(_failure, self.nameless)))):
            if items:
                found[tag] = {"vr": "SQ", "Value": items}
        return found


def store(*, user: User, read: Callable[[int], bytes], boundary: str, study: str = "") -> Stored:
    """Take the objects of a request into cases of `user`. study: the only study whose objects are taken.

    Raises multipart.Malformed, TooMany and intake.Busy, before anything is stored.
    """
    most = settings.MAX_ARCHIVE_MB * 1024 * 1024
    fates: list[Fate | None] = []
    waiting: list[Arrival] = []
    nameless: list[int] = []
    with Spool() as spool:
        for number, part in enumerate(multipart.parts(read, boundary), start=1):
            if number > settings.DATA_UPLOAD_MAX_NUMBER_FILES:
                raise TooMany
            if part.content_type not in (DICOM, ""):
                nameless.append(CANNOT_UNDERSTAND)
                continue
            try:
                piece = spool.add(f"stored-{number:04}.dcm", part.chunks, most=most)
                identity = identify(piece.read(HEAD))
                piece.seek(0)
            except TooLarge:
                nameless.append(OUT_OF_RESOURCES)
            except NotDicom:
                nameless.append(CANNOT_UNDERSTAND)
            else:
                if study and identity.study != study:
                    fates.append(Fate(identity, OTHER_STUDY))
                else:
                    fates.append(None)
                    waiting.append(Arrival(identity, piece))
        judged = iter(ingest.hand_in(user, waiting)[0])
    return Stored([fate or next(judged) for fate in fates], nameless)


def _item(fate: Fate) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [fate.identity.sop_class]},
        "00081155": {"vr": "UI", "Value": [fate.identity.instance]},
    }


def _failure(reason: int) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [reason]}}
