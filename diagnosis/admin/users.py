"""Users and groups in the admin: Django's own pages, except that only superusers hand out rights.

Who sets a password can log in as that person, renaming an account gives it what the site grants by name, and
activating one gives back the rights it had. So these are rights, too, and an address is one where single sign-on links
accounts by it (OIDC_LINK).
"""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import admin as auth
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path

from diagnosis.access import audit, sessions, token_revocation, tokens
from diagnosis.access.selectors import READERS
from diagnosis.admin.base import Listed, OfSuperusers
from diagnosis.cases import handing_over
from diagnosis.cases.errors import CaseRefused

User = get_user_model()
_ADMINISTERS = ("is_active", "is_staff", "is_superuser")
_RIGHTS = (*_ADMINISTERS, "groups", "user_permissions")

# Importing `auth` registers Django's admin pages; these replace them.
admin.site.unregister(User)
admin.site.unregister(Group)


class AccountForm(forms.ModelForm):
    """A new account that nobody can log in to until a superuser gives it a password."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")

    def save(self, commit: bool = True) -> Any:
        self.instance.set_unusable_password()
        return super().save(commit)


class PasswordForm(AdminPasswordChangeForm):
    """Django's, which tells validators of a new password alone; tokens and sessions end also without one."""

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        if not user.has_usable_password():
            token_revocation.shut_out(user)
        return user


class RemoveForm(forms.Form):
    """Who gets the cases, and what happens to the account."""

    to = forms.ModelChoiceField(User.objects.none(), label="Hand all cases over to", required=False)
    rename = forms.BooleanField(label="Rename cases whose reference the new owner has, too", required=False)
    delete = forms.TypedChoiceField(
        choices=((False, "Deactivate: nobody can log in, its name stays on what it did"), (True, "Delete")),
        coerce=lambda value: value == "True",
        widget=forms.RadioSelect,
        initial=False,
        label="The account",
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["to"]
        field.queryset = User.objects.filter(is_active=True).exclude(pk=user.pk).order_by("username")


@admin.register(User)
class UserAdmin(Listed, auth.UserAdmin):
    """Staff with the permission add accounts, without a password, and edit names. All else is for superusers.

    Nobody deactivates or demotes themselves: that takes another superuser.
    """

    asks_for_password = True
    change_password_form = PasswordForm
    change_form_template = "admin/auth/user/removable.html"
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "last_login")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if request.user.is_superuser:
            own = _ADMINISTERS if obj is not None and obj.pk == request.user.pk else ()
            return (*own, "last_login", "date_joined")  # what the site noted, and two fields whose parts have no labels
        named = ("username", "email") if settings.OIDC and settings.OIDC.link == "email" else ("username",)
        return (*named, *_RIGHTS, "last_login", "date_joined") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only superusers see the password's place, with its link to set another."""
        if request.user.is_superuser:
            return super().get_fieldsets(request, obj)
        if obj is None:
            return ((None, {"fields": AccountForm.Meta.fields}),)
        return ((None, {"fields": ("username",)}), *super().get_fieldsets(request, obj)[1:])

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None and not request.user.is_superuser:
            kwargs["form"] = AccountForm
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.rights_before = _rights(obj.pk) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Django's own entry names the fields that have changed, not what was given or taken."""
        super().save_related(request, form, formsets, change)
        after = _rights(form.instance.pk)
        changed = {name: value for name, value in after.items() if value != form.rights_before.get(name, value)}
        if changed:
            audit.record("user.rights_changed", actor=request.user, target=form.instance, **changed)
        if changed.get("active") is False:  # or they would be valid again once the account is active
            actor = cast(Any, request.user)
            tokens.revoke_all(form.instance, actor=actor)
            sessions.end(sessions.of(form.instance), actor=actor, reason="deactivated")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if not request.user.is_superuser:
            raise PermissionDenied
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST":
            sessions.go_on(request, request.user)  # it may have been their own
        return response

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes by Django's own page: `remove` does it, which hands the account's cases over first."""
        return False

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.remove)
        return [path("<int:user_id>/remove/", page, name="auth_user_remove"), *super().get_urls()]

    def remove(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Hand all cases over, then deactivate or delete the account. For superusers."""
        if not request.user.is_superuser:
            raise PermissionDenied
        user = get_object_or_404(User, pk=user_id)
        form = RemoveForm(request.POST or None, user=user)
        if request.method == "POST" and form.is_valid():
            try:
                count = handing_over.remove(user, actor=request.user, **form.cleaned_data)
            except CaseRefused as error:
                form.add_error(None, error.message)
            else:
                done = "deleted" if form.cleaned_data["delete"] else "deactivated"
                to = f" {count} cases now belong to {form.cleaned_data['to']}." if count else ""
                self.message_user(request, f"The account {user.get_username()} is {done}.{to}")
                return redirect("admin:auth_user_changelist")
        context = self.admin_site.each_context(request) | {
            "title": f"Remove {user.get_username()}",
            "form": form,
            "removed": user,
            "opts": self.opts,
            "cases": user.cases.count(),
        }
        return render(request, "admin/auth/user/remove.html", context)


@admin.register(Group)
class GroupAdmin(OfSuperusers, auth.GroupAdmin):
    """Membership and permissions are rights. The group of readers is known by its name, so it keeps it."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name",) if obj is not None and obj.name == READERS else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.name != READERS)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Audits the change for all members; Django's own entry does not say what they gain or lose."""
        before = _codenames(form.instance.permissions)
        super().save_related(request, form, formsets, change)
        after = _codenames(form.instance.permissions)
        if after != before:
            audit.record("group.rights_changed", actor=request.user, target=form.instance, permissions=after)


def _rights(user_id: int) -> dict[str, Any]:
    """What an account may do, in values that JSON holds."""
    user = User.objects.get(pk=user_id)
    flags = {"active": user.is_active, "staff": user.is_staff, "superuser": user.is_superuser}
    groups = user.groups.order_by("name").values_list("name", flat=True)
    return {**flags, "groups": list(groups), "permissions": _codenames(user.user_permissions)}


def _codenames(permissions: Any) -> list[str]:
    return list(permissions.order_by("codename").values_list("codename", flat=True))


def _may_edit(request: HttpRequest, obj: Any) -> bool:
    return bool(request.user.is_superuser or obj is None or not obj.is_superuser)
