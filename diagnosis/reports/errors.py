"""Why there is no report. `code` is stable, the message is a sentence for the reader."""


class NoReport(Exception):
    """There is nothing to report yet, or nothing that this person may know."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
