"""Renaming a case, and opening one under a name."""

from django.core.exceptions import ValidationError
from django.db import transaction

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.cases.errors import CaseRefused, require_change
from diagnosis.cases.locking import locked
from diagnosis.models import Case, Prediction
from diagnosis.models.case import validate_reference


def rename(case: Case, *, reference: str, actor: User) -> Case:
    """Give a case and its predictions, which repeat it, another reference. Returns the renamed case.

    Raises CaseForbidden, and CaseRefused for an invalid reference, or one that another case of the owner has.
    """
    reference = checked(reference)
    with transaction.atomic():
        [present] = locked(case)
        require_change(actor, present)
        if present.deleted is not None:
            raise CaseRefused("in_trash", "The case is in the trash. Restore it first.")
        if reference == present.reference:
            return present
        refuse_taken(reference, owner=present.owner)
        write(present, reference=reference, actor=actor)
    return present


def write(case: Case, *, reference: str, actor: User) -> None:
    """Write a reference that is checked and free. The caller holds the locks of `locked`."""
    former, case.reference = case.reference, reference
    case.save(update_fields=["reference"])
    Prediction.objects.filter(scan__case=case).update(case_reference=reference)
    audit.record("case.renamed", actor=actor, target=case, former=former, reference=reference)


def checked(reference: str) -> str:
    """The reference without spaces around it. Raises CaseRefused for one that is not pseudonymous."""
    reference = reference.strip()
    try:
        validate_reference(reference)
    except ValidationError as error:
        raise CaseRefused("invalid_reference", error.messages[0]) from None
    return reference


def refuse_taken(reference: str, *, owner: User) -> None:
    """Raises CaseRefused if the owner has a case of this name. The caller holds the owner's lock."""
    taken = Case.objects.filter(owner=owner, reference=reference).first()
    if taken is None:
        return
    where = ", in the trash" if taken.deleted is not None else ""
    raise CaseRefused("reference_taken", f"{owner.get_username()} has a case {reference} already{where}.")
