"""Notes and labels of a case. A note is never changed: a correction is another note."""

from collections.abc import Iterable
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from diagnosis.access import audit, ownership
from diagnosis.access.permissions import may_change, may_review
from diagnosis.access.users import User
from diagnosis.cases import naming
from diagnosis.cases.errors import CaseForbidden, CaseRefused, require_change
from diagnosis.cases.locking import locked
from diagnosis.models import Case, CaseLabel, CaseNote
from diagnosis.models.case_note import LONGEST_NOTE, MAX_LABELS, validate_label

_AGAIN = timedelta(minutes=1)
"""Within this time, the same text is a double click; later, the same words, such as *No change*, are another note."""


def may_write(user: User, case: Case) -> bool:
    """Everybody who may change or read a case may write a note on it."""
    return may_change(user, case) or may_review(user, case)


def add_note(case: Case, *, author: User, text: str) -> CaseNote:
    """Append a note, once if a double click sent it twice.

    Raises CaseForbidden, and CaseRefused for a text that is empty or too long.
    """
    if not may_write(author, case):
        raise CaseForbidden
    text = text.strip().replace("\r\n", "\n").replace("\0", "")
    if not text:
        raise CaseRefused("empty_note", "Write something first: the note is empty.")
    if len(text) > LONGEST_NOTE:
        raise CaseRefused("note_too_long", f"A note has at most {LONGEST_NOTE:,} characters; this has {len(text):,}.")
    with transaction.atomic():
        ownership.lock(author)  # two requests at once take turns
        last = case.notes.filter(created__gt=timezone.now() - _AGAIN).order_by("-id").first()
        if last is not None and (last.author_id, last.text) == (author.pk, text):
            return last
        note = CaseNote.objects.create(case=case, author=author, author_name=author.get_username(), text=text)
        audit.record("case.noted", actor=author, target=case, note=note.pk)
    return note


def change(case: Case, *, actor: User, reference: str | None = None, labels: Iterable[str] | None = None) -> None:
    """Rename and label a case, both or neither. Raises what `naming.rename` and `set_labels` do."""
    with transaction.atomic():
        if reference is not None:
            case = naming.rename(case, reference=reference, actor=actor)
        if labels is not None:
            set_labels(case, labels=labels, actor=actor)


def set_labels(case: Case, *, labels: Iterable[str], actor: User) -> list[str]:
    """Give a case these labels and no others. Returns them as they are kept: in small letters, sorted.

    Raises CaseForbidden, and CaseRefused for one that is not a label, or for too many.
    """
    chosen = sorted({" ".join(label.lower().split()) for label in labels} - {""})
    for label in chosen:
        try:
            validate_label(label)
        except ValidationError as error:
            raise CaseRefused("invalid_label", f"“{label}” is no label. {error.messages[0]}") from None
    if len(chosen) > MAX_LABELS:
        raise CaseRefused("too_many_labels", f"A case has at most {MAX_LABELS} labels; these are {len(chosen)}.")
    with transaction.atomic():
        [present] = locked(case)
        require_change(actor, present)
        former = list(CaseLabel.objects.filter(case=case).order_by("text").values_list("text", flat=True))
        if former != chosen:
            CaseLabel.objects.filter(case=case).exclude(text__in=chosen).delete()
            CaseLabel.objects.bulk_create([CaseLabel(case=case, text=text) for text in chosen if text not in former])
            audit.record("case.labeled", actor=actor, target=present, former=former, labels=chosen)
    return chosen
