"""The forms of the pages. What they accept is decided where the data comes in; here stands only what they ask."""

from typing import Any

from django import forms

from diagnosis.models.case import new_reference


class MultipleFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class UploadForm(forms.Form):
    """Case reference and files. Both are judged by `intake`, which names each file's fault on its own."""

    case = forms.CharField(
        label="Case",
        required=False,
        max_length=200,
        help_text="A pseudonym, never a name.",
        widget=forms.TextInput(attrs={"list": "recent-cases", "autocomplete": "off", "spellcheck": "false"}),
    )
    files = forms.FileField(  # type: ignore[assignment]  # the field's name is the API's; Django's own `files` stays
        label="Scans",
        required=False,
        widget=MultipleFiles(),
    )
    confirmed = forms.BooleanField(label="There are no names in these pictures", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("case", new_reference())
        super().__init__(*args, **kwargs)
