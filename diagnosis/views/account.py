"""Login, password change, and the password again before rights change."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from diagnosis.access import audit, login_steps, reauthentication, second_factor, sessions
from diagnosis.access.users import User
from diagnosis.views.forms import ConfirmForm, LoginForm, NewPasswordForm


class Login(auth.LoginView):
    """User name and password."""

    redirect_authenticated_user = True
    form_class = LoginForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Logs in, or leads to the page of the code where there is a second factor."""
        user = form.get_user()
        if second_factor.of(user) is None:
            return super().form_valid(form)
        login_steps.ask_for_code(self.request, user, target=self.get_success_url())
        return redirect("login-code")

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """429 while the name or the address has to wait."""
        response = super().form_invalid(form)
        if locked := getattr(form, "locked", None):
            response.status_code = 429
            response["Retry-After"] = str(locked.seconds)
        return response


class PasswordChange(auth.PasswordChangeView):
    """Changes the password, which ends the user's other sessions."""

    success_url = reverse_lazy("history")
    form_class = NewPasswordForm

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        sessions.start(self.request, form.user)
        audit.record("password.changed", actor=form.user, target=form.user)
        messages.success(self.request, "Your password is changed. Your other sessions were logged out.")
        return response


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password again; a page that changes rights sends people here and gets them back."""
    target = request.POST.get("next", request.GET.get("next", ""))
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = reverse("history")
    form = ConfirmForm(request.POST or None, request=request)
    if not form.is_valid():
        return render(request, "registration/confirm.html", {"form": form, "next": target})
    user = cast(User, request.user)
    reauthentication.remember(request)
    audit.record("user.confirmed", actor=user, target=user)
    return redirect(target)
