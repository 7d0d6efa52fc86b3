"""Moving a scan that was uploaded to the wrong case.

Its predictions repeat the case's name and owner, and follow in the same transaction; reviews stay with the scan. A
series that still gets slices is not moved, because those that come next would look for it where it was.
"""

from django.db import transaction
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.cases import naming
from diagnosis.cases.errors import CaseRefused, require_change
from diagnosis.cases.locking import locked
from diagnosis.models import Case, Prediction, Scan
from diagnosis.models.prediction import ACTIVE


def move_by_reference(scan: Scan, *, reference: str, actor: User, open_new: bool = False) -> Case:
    """Move a scan to its owner's case of this name, and return that case.

    open_new: open one under this name if there is none. Raises what `move` does, and CaseRefused if there is none.
    """
    reference = naming.checked(reference)
    with transaction.atomic():
        [source] = locked(scan.case)
        require_change(actor, source)
        target = Case.objects.filter(owner=source.owner, reference=reference).first()
        if target is None:
            if not open_new:
                raise CaseRefused("unknown_case", f"{source.owner.get_username()} has no case {reference}.")
            target = Case.objects.create(owner=source.owner, reference=reference, simulated=source.simulated)
            audit.record("case.opened", actor=actor, target=target)
        move(scan, to=target, actor=actor)
    return target


def move(scan: Scan, *, to: Case, actor: User) -> None:
    """Move a scan to another case, whose owner may be another one.

    Raises CaseForbidden unless the actor may change both cases; CaseRefused if either is in the trash, if the case has
    these pixels already, or while slices of the series arrive.
    """
    with transaction.atomic():
        source, target = locked(scan.case, to)
        require_change(actor, source)
        require_change(actor, target)
        _check(scan, source, target)
        if not Scan.objects.filter(pk=scan.pk, case=source, deleted=None).update(case=target):
            raise CaseRefused("gone", "The scan is no longer in this case.")
        owner = target.owner
        Prediction.objects.filter(scan=scan.pk).update(
            owner=owner, owner_name=owner.get_username(), case_reference=target.reference
        )
        names = {"former": source.reference, "case": target.reference}
        audit.record("scan.moved", actor=actor, target=scan, **names, former_id=source.pk, case_id=target.pk)
    scan.case = target


def _check(scan: Scan, source: Case, target: Case) -> None:
    """Raises CaseRefused."""
    if source.pk == target.pk:
        raise CaseRefused("same_case", f"The scan is in the case {target.reference} already.")
    for case in (source, target):
        if case.deleted is not None:
            raise CaseRefused("case_in_trash", f"The case {case.reference} is in the trash. Restore it first.")
    if source.simulated != target.simulated:
        raise CaseRefused("simulated", "Simulated images and real ones are not mixed in one case.")
    same = Scan.objects.filter(case=target, pixel_sha256=scan.pixel_sha256).first()
    if same is not None:
        where = ", in its trash" if same.deleted is not None else ""
        raise CaseRefused("already_there", f"The case {target.reference} has this image, as {same.name}{where}.")
    arriving = Prediction.objects.filter(scan=scan.pk, state__in=ACTIVE, not_before__gt=timezone.now())
    if scan.is_multi_file and arriving.exists():
        raise CaseRefused("still_arriving", "Slices of this series are still arriving. Try again in a few seconds.")
