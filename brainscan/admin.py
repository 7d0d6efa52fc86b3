"""Django's admin, with the site's own pages for login, logout and password change, so that each rule exists once.

Models are registered in `diagnosis.admin`.
"""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache

from brainscan import health
from diagnosis.access import reauthentication
from diagnosis.intake import free_space


class Site(admin.AdminSite):
    """Django's admin without its own login form."""

    site_title = "brainscan admin"
    site_header = "brainscan"
    index_title = "Administration"

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Every page of a model whose rows are accounts or rights asks for the password again, its list excepted."""

        def confirmed(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self._needs_confirmation(request) or reauthentication.is_recent(request):
                return view(request, *args, **kwargs)
            if request.method == "POST":
                messages.warning(request, "Nothing was changed: too much time has passed. Confirm, and send it again.")
            return redirect_to_login(request.path, login_url=resolve_url("confirm"))

        return super().admin_view(confirmed, cacheable)

    def _needs_confirmation(self, request: HttpRequest) -> bool:
        name = request.resolver_match.url_name or "" if request.resolver_match else ""
        if request.method in ("GET", "HEAD") and name.endswith(("_changelist", "_history")):
            return False
        models = (model for model in apps.get_models() if self.is_registered(model))
        guarded = (one._meta for one in models if getattr(self.get_model_admin(one), "asks_for_password", False))
        return name.startswith(tuple(f"{opts.app_label}_{opts.model_name}_" for opts in guarded))

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect visitors to the login page and back. A logged-in user who is not staff gets 403."""
        target = _target(request)
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(target, login_url=resolve_url("login"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With the free space on top, and what the site lacks."""
        problems = [
            (name, part["problem"]) for name, part in health.report().items() if not part["ready"] and name != "space"
        ]
        return super().index(request, {"space": free_space.status(), "problems": problems} | (extra_context or {}))

    @method_decorator(never_cache)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return LogoutView.as_view()(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("password_change"))


def _target(request: HttpRequest) -> str:
    """Where to go after login: `next` if it stays on this host and does not lead back here, else the index."""
    target = request.GET.get("next", "")
    index = reverse("admin:index")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe and not target.startswith(reverse("admin:login")) else index
