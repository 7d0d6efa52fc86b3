"""Why a review was not accepted. `code` is stable, the message is a sentence for the reader."""

from collections.abc import Mapping


class ReviewRefused(Exception):
    """The rule that a change of a review breaks."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class NotYourReading(ReviewRefused):
    """The person may not do this at all, whatever the review's state."""


class InvalidOpinion(ReviewRefused):
    """Some part of the opinion is missing or contradicts another. errors: a sentence by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("invalid", next(iter(errors.values())))
        self.errors = dict(errors)
