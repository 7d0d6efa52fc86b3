"""What an upload is made of, and what becomes of it."""

from dataclasses import dataclass, field
from typing import Protocol

from diagnosis.models import Case, Prediction, Scan
from ml.readers.packed import BinaryFile


class Upload(BinaryFile, Protocol):
    """What intake needs of an uploaded file, which stands at its beginning; Django's File has it."""

    name: str | None

    @property
    def size(self) -> int | None: ...


@dataclass(slots=True)
class Accepted:
    """One scan that was taken, called `name` in this upload, and from how many of its files. `duplicate_of` is the scan
    that showed the same before, if there was one; when it is `scan` itself, nothing was stored anew. `created`: the
    scan did not stand before, neither as a copy nor as a series that this file adds to."""

    name: str
    scan: Scan
    prediction: Prediction
    duplicate_of: Scan | None = None
    files: int = 1
    created: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """One file that was not taken: its name, the rule it broke, and a sentence for its uploader. confirmable: it is
    taken if the uploader says so."""

    name: str
    code: str
    detail: str
    confirmable: bool = False


@dataclass(slots=True)
class Receipt:
    """What became of an upload: each scan once, each file that was not taken, in order. `case` is None while nothing
    was accepted."""

    case: Case | None = None
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, accepted: Accepted) -> None:
        """A file that joined a series of this upload counts there. That something new came outweighs what repeats."""
        for known in self.accepted:
            if accepted.scan.gathers and known.scan.pk == accepted.scan.pk:
                known.files += 1
                known.scan, known.prediction = accepted.scan, accepted.prediction
                if accepted.duplicate_of is None:
                    known.duplicate_of = None
                return
        self.accepted.append(accepted)
