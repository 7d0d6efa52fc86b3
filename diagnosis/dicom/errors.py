"""What can go wrong between this site and its neighbors, in words for the person who asked."""


class NeighborError(Exception):
    """Base of the errors here. code: stable, for scripts; the text is a sentence."""

    code = "neighbor"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Misconfigured(NeighborError):
    """The environment does not say what is needed, or says what cannot be used."""

    code = "misconfigured"


class NotConfigured(NeighborError):
    """No archive is named."""

    code = "no_archive"


class Unreachable(NeighborError):
    """The archive does not answer, or not with what was asked for."""

    code = "archive_unreachable"


class Refused(NeighborError):
    """The archive answers, and says no."""

    code = "archive_refused"


class NothingFound(NeighborError):
    """The archive has no such study, or no MR pictures in it."""

    code = "nothing_found"


class Ambiguous(NeighborError):
    """What was asked for means more than one study."""

    code = "ambiguous"


class TooMuch(NeighborError):
    """A study is larger than what is fetched at a time."""

    code = "too_much"


class InvalidAccession(NeighborError):
    """The accession number is none."""

    code = "invalid"


class NothingToSend(NeighborError):
    """The result cannot be put into DICOM objects."""

    code = "nothing_to_send"
