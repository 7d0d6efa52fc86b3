"""Base class of refusals: a sentence for the person that names the rule, and a stable code for scripts."""


class Refused(Exception):
    """Why nothing was done."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
