"""What became of an upload, file by file. The page and the API show it."""

from dataclasses import dataclass, field

from diagnosis.models import Case, Prediction, Scan


@dataclass(slots=True)
class Accepted:
    """One scan that was taken.

    name: the file's name in this upload. files: how many files of this upload belong to the scan.
    duplicate_of: the scan that showed the same before, if there is one; `scan` itself if nothing new was stored.
    created: the scan is new, neither a duplicate nor a series that this file extends. notes: on what of this upload was
    left out. at: the place of its first file among those of the upload.
    """

    name: str
    scan: Scan
    prediction: Prediction
    duplicate_of: Scan | None = None
    files: int = 1
    created: bool = False
    notes: tuple[str, ...] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """One file that was not accepted.

    code: of the rule that it broke. detail: a sentence for its uploader, see `rejections`. confirmable: accepted if
    the uploader confirms that the text in it identifies nobody. sha256: of such a file's bytes, as they came. image:
    JPEG bytes of it, empty if the caller asked for none.
    """

    name: str
    code: str
    detail: str
    confirmable: bool = False
    sha256: str = ""
    image: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Receipt:
    """Each scan once, and each rejected file, in order. case: None if nothing was accepted."""

    case: Case | None = None
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def all_too_large(self) -> bool:
        """Whether nothing was accepted, and size was the only reason."""
        return not self.accepted and {rejected.code for rejected in self.rejected} == {"too_large"}
