"""Errors of the exchange with scanners and archives, worded for the person who asked."""


class PacsError(Exception):
    """Base class. code: stable, for scripts. message: a sentence for a person."""

    code = "pacs"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Misconfigured(PacsError):
    """A required setting is missing or unusable."""

    code = "misconfigured"


class NotConfigured(PacsError):
    """No archive is configured."""

    code = "no_archive"


class Unreachable(PacsError):
    """The archive did not answer, or its answer made no sense."""

    code = "archive_unreachable"


class Refused(PacsError):
    """The archive answered with an error."""

    code = "archive_refused"


class NothingFound(PacsError):
    """The archive has no such study, or the study has no MR images."""

    code = "nothing_found"


class Ambiguous(PacsError):
    """Several studies match the request."""

    code = "ambiguous"


class TooMuch(PacsError):
    """The archive holds more than is fetched at a time."""

    code = "too_much"


class InvalidAccession(PacsError):
    """The text is not a valid accession number."""

    code = "invalid"


class NothingToSend(PacsError):
    """The result cannot be expressed as DICOM objects."""

    code = "nothing_to_send"


class NotReadYet(PacsError):
    """The result is hidden from the reader until they have committed an opinion."""

    code = "not_read_yet"


class SendForbidden(PacsError):
    """The user may see the result, but not send it."""

    code = "permission_denied"
