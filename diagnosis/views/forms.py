"""The forms of the pages. They hold no rules about uploads: `intake` validates cases and files."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest

from diagnosis.access import lockout, second_factor
from diagnosis.access.users import User
from diagnosis.models.case import REFERENCE, new_reference, validate_reference


class MultipleFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class UploadForm(forms.Form):
    """Case reference and files. `intake` validates both, and reports a problem for each file separately."""

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
    confirmed = forms.BooleanField(label="No text in these images is a name", required=False)
    own_case = forms.BooleanField(label="Open a case of my own with this reference", required=False)
    reference_rule = {"pattern": REFERENCE, "message": validate_reference.message}
    """The rule that `intake` checks, so that the page can say on the field what is wrong before it sends anything."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("case", new_reference())
        super().__init__(*args, **kwargs)


class LoginForm(AuthenticationForm):
    """Django's, which says how long to wait after too many failures."""

    locked: lockout.Locked | None = None

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except lockout.Locked as error:
            self.locked = error
            raise forms.ValidationError(error.message, "locked") from None


class NewPasswordForm(PasswordChangeForm):
    """Django's; the old password is checked as at a login, so that the same limits hold."""

    def clean_old_password(self) -> str:
        password = str(self.cleaned_data["old_password"])
        if not _is_password_of(self.user, password):
            raise forms.ValidationError(self.error_messages["password_incorrect"], "password_incorrect")
        return password


def _is_password_of(user: Any, password: str) -> bool:
    """Raises ValidationError while the person has to wait."""
    try:
        return bool(authenticate(username=user.get_username(), password=password) == user)
    except lockout.Locked as error:
        raise forms.ValidationError(error.message, "locked") from None


class ConfirmForm(forms.Form):
    """The password of the logged-in user, checked as at a login, so that the same limits hold."""

    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True})
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self._request = request
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not _is_password_of(self._request.user, password):
            raise forms.ValidationError("This is not your password.", "wrong_password")
        return password


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=64,
        error_messages={"required": "Type the code."},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
    )
    locked: lockout.Locked | None = None

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self._user = user
        super().__init__(*args, **kwargs)

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"])
        try:
            right = second_factor.check(self._user, code)
        except lockout.Locked as error:
            self.locked = error
            raise forms.ValidationError(error.message, "locked") from None
        if not right:
            raise forms.ValidationError("This code is not valid, or was used already. Type the next one.", "wrong_code")
        return code
