"""What people write on a case: notes, which are only ever added, and labels, by which cases are found."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from diagnosis.models.case import Case

LONGEST_NOTE, LONGEST_LABEL, MAX_LABELS = 4000, 32, 12

_KEPT = rf"[a-z0-9](?:[a-z0-9 ._-]{{0,{LONGEST_LABEL - 2}}}[a-z0-9])?"
LABEL = _KEPT.replace("a-z", "A-Za-z")
"""A whole label as it may be written; it is kept in small letters."""

validate_label = RegexValidator(
    rf"\A{_KEPT}\Z",
    f"A label has 1 to {LONGEST_LABEL} letters, digits, spaces, dots, dashes or underscores, and starts and ends with "
    "a letter or digit. Use a topic, never a name.",
    code="invalid_label",
)


class CaseNote(models.Model):
    """A note is never changed; more to say is another note. The author's name outlives the account."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    author_name = models.CharField(max_length=150)
    text = models.TextField(max_length=LONGEST_NOTE)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-id",)
        constraints = (models.CheckConstraint(condition=~Q(text=""), name="case_note_not_empty"),)

    def __str__(self) -> str:
        return f"note of {self.author_name} on case {self.case_id}"


class CaseLabel(models.Model):
    """A short tag of a case, in small letters so that each is written in one way."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="labels", db_index=False)
    text = models.CharField(max_length=LONGEST_LABEL, db_index=True, validators=[validate_label])

    class Meta:
        ordering = ("text",)
        constraints = (
            models.UniqueConstraint(fields=("case", "text"), name="case_label_once"),
            models.CheckConstraint(condition=~Q(text="") & Q(text=Lower("text")), name="case_label_in_small_letters"),
        )

    def __str__(self) -> str:
        return self.text
