"""Model versions in the admin: register an artifact folder, choose the active version, see its metrics."""

from pathlib import Path
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from diagnosis.access.users import User
from diagnosis.admin import artifacts
from diagnosis.admin.base import Listed, pretty
from diagnosis.inference import model_versions
from diagnosis.models import ModelVersion
from ml.contracts import ModelUnavailable


class RegisterForm(forms.ModelForm):
    """One field: the artifact's folder. Validating the form verifies and registers the artifact."""

    actor: User
    folder = forms.CharField(
        max_length=500,
        widget=forms.TextInput(attrs={"size": 60, "autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = ModelVersion
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["folder"].help_text = artifacts.help_text()

    def clean_folder(self) -> Path:
        folder = artifacts.permitted(self.cleaned_data["folder"])
        if folder is None:
            raise forms.ValidationError(
                "Only artifacts in the folders listed below can be registered.", code="not_permitted"
            )
        return folder

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if folder := cleaned.get("folder"):
            try:
                # Whether the weights match the manifest is known only after registering has read them.
                self.instance = model_versions.register(path=folder, actor=self.actor)
            except ModelUnavailable as error:
                self.add_error("folder", forms.ValidationError(error.message, code=error.code))
        return cleaned

    def save(self, commit: bool = True) -> ModelVersion:
        return cast(ModelVersion, self.instance)

    def save_m2m(self) -> None:
        """Nothing to save: registering has written the row."""


@admin.register(ModelVersion)
class ModelVersionAdmin(Listed):
    """Registered artifacts are never edited; a changed artifact is a new version."""

    list_display = ("label", "active", "usable", "calibrated", "registered", "registered_by")
    list_select_related = ("registered_by",)
    list_filter = ("active", "registered")
    search_fields = ("name", "digest")
    actions = ("activate",)
    fieldsets = (
        (None, {"fields": ("label", "active", "usable", "digest", "path", "registered", "registered_by")}),
        ("Measured", {"fields": ("measured",)}),
        ("Manifest", {"fields": ("whole_manifest",), "classes": ("collapse",)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: ModelVersion | None = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else ((None, {"fields": ("folder",)}),)

    def get_form(
        self, request: HttpRequest, obj: ModelVersion | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        return type("RegisterForm", (RegisterForm,), {"actor": request.user})

    def save_model(self, request: HttpRequest, obj: ModelVersion, form: Any, change: bool) -> None:
        """Nothing to save: the form has registered the version."""

    def has_change_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        """Not while the version is active, and not while predictions refer to it."""
        needed = obj is not None and (obj.active or obj.predictions.exists())
        return super().has_delete_permission(request, obj) and not needed

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return cast(User, request.user).has_perm("diagnosis.change_modelversion")

    @admin.action(description="Activate the selected model version", permissions=["activate"])
    def activate(self, request: HttpRequest, rows: QuerySet[ModelVersion]) -> None:
        if len(rows) != 1:
            messages.error(request, "Select exactly one model version to activate.")
            return
        [version] = rows
        if problem := model_versions.problem(version):
            messages.error(request, f"{version} was not activated. {problem}")
            return
        model_versions.activate(version=version, actor=cast(User, request.user))
        messages.success(request, f"{version} is active: every new prediction uses it.")
        if settings.ML_MODEL:
            messages.warning(request, "ML_MODEL is set: the next start of the site activates the model that it names.")

    @admin.display(description="Model", ordering="name")
    def label(self, version: ModelVersion) -> str:
        return version.label

    @admin.display(boolean=True)
    def calibrated(self, version: ModelVersion) -> bool:
        return version.calibrated

    @admin.display(description="Usable")
    def usable(self, version: ModelVersion) -> SafeString:
        if problem := model_versions.problem(version):
            return format_html('<span class="problem">No: {}</span>', problem)
        return format_html("{}", "Yes")

    @admin.display(description="On held-out scans")
    def measured(self, version: ModelVersion) -> SafeString:
        return render_to_string("admin/diagnosis/modelversion/measured.html", artifacts.measured(version.manifest))

    @admin.display(description="Whole manifest")
    def whole_manifest(self, version: ModelVersion) -> SafeString | str:
        return pretty(version.manifest)
