"""Cases with the same name: a reference is unique for each owner, not on the site.

So two people may each have a case "CA-1", of one subject or of two. Users who may see the other case are warned before
they open a second one of that name. Others learn nothing: even "this name is taken" would tell anyone who tries names
which subjects are on the site. Users who see both cases tell them apart by their owner.
"""

from django.db.models import QuerySet

from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.models import Case


class ReferenceInUse(Exception):
    """Another owner's case, which the uploader may see, has the reference. cases: those cases."""

    code = "reference_in_use"

    def __init__(self, reference: str, cases: list[Case]) -> None:
        self.reference, self.cases = reference, cases
        owners = " and ".join(sorted({case.owner.get_username() for case in cases}))
        super().__init__(
            f"{owners} already has a case {reference}. "
            "Use another reference, or say that you mean a case of your own with the same one."
        )


def of(user: User, *, reference: str) -> QuerySet[Case]:
    """Cases of other owners with this reference, as far as `user` may see them."""
    return selectors.cases(user).filter(reference=reference).exclude(owner=user.pk)


def check(user: User, *, reference: str) -> None:
    """Raises ReferenceInUse if an upload would open a second case of this name. One's own case is never in question."""
    others = list(of(user, reference=reference)[:5]) if reference else []
    if others and not Case.objects.filter(owner=user, reference=reference).exists():
        raise ReferenceInUse(reference, others)
