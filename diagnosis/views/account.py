"""Login, password change, and the password again before rights change."""

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.views.decorators.http import require_http_methods

from diagnosis.access import audit, lockout, login_steps, passkeys, reauthentication, second_factor, sessions
from diagnosis.access.oidc import accounts
from diagnosis.access.refusals import Refused
from diagnosis.access.users import User
from diagnosis.access.webauthn import Purpose
from diagnosis.views.forms import ConfirmForm, LoginForm, NewPasswordForm
from diagnosis.views.passkey_form import passkey_form, with_error
from diagnosis.views.targets import safe_target


class Login(auth.LoginView):
    """User name and password, or a passkey alone."""

    redirect_authenticated_user = True
    form_class = LoginForm

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        """A passkey's answer, or the form."""
        if "passkey" not in request.POST:
            return super().post(request, *args, **kwargs)
        try:
            user = passkeys.identify(request, answer=request.POST["passkey"])
            accounts.check_local_login(user)
        except (Refused, lockout.Locked) as error:
            context = self.get_context_data(form=self.form_class(request), passkey_error=error.message)
            return with_error(self.render_to_response(context), error)
        target = self.get_success_url()
        login_steps.complete(request, user)
        return redirect(target)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | passkey_form(self.request) | {"sso": settings.OIDC}

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Logs in, or redirects to the page for the second factor."""
        user = form.get_user()
        if second_factor.of(user) is None:
            return super().form_valid(form)
        login_steps.ask_for_code(self.request, user, target=self.get_success_url())
        return redirect("login-code")

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """429 while the name or the address has to wait."""
        response = super().form_invalid(form)
        locked = getattr(form, "locked", None)
        return with_error(response, locked) if locked else response


class Logout(auth.LogoutView):
    """Ends the session, and continues to the identity provider's logout if the session began there."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.OIDC is None:
            return super().post(request, *args, **kwargs)
        from diagnosis.access.oidc import flows, provider  # its libraries are for sites with a provider alone
        from diagnosis.views.single_sign_on import to_provider

        token = flows.id_token(request)
        response = super().post(request, *args, **kwargs)
        back = request.build_absolute_uri(reverse("login"))
        url = provider.logout_url(token, back_to=back) if token else None
        return to_provider(request, url) if url else response


class PasswordChange(auth.PasswordChangeView):
    """Changes the password, which ends the user's other sessions."""

    success_url = reverse_lazy("history")
    form_class = NewPasswordForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"sso": settings.OIDC}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        sessions.start(self.request, form.user)
        audit.record("password.changed", actor=form.user, target=form.user)
        messages.success(self.request, "Your password is changed. Your other sessions were logged out.")
        return response


@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password or a passkey again. Pages that change rights redirect here, and this redirects back."""
    target = safe_target(request, request.POST.get("next", request.GET.get("next", "")))
    user = cast(User, request.user)
    context = _ways_to_confirm(request, user) | {"next": target}
    if "passkey" in request.POST:
        try:
            passkeys.check(request, user, purpose=Purpose.CONFIRM, answer=request.POST["passkey"])
        except (Refused, lockout.Locked) as error:
            context |= {"form": ConfirmForm(request=request), "passkey_error": error.message}
            return with_error(render(request, "registration/confirm.html", context), error)
    else:
        form = ConfirmForm(request.POST or None, request=request)
        if not form.is_valid():
            return render(request, "registration/confirm.html", context | {"form": form})
    reauthentication.remember(request)
    audit.record("user.confirmed", actor=user, target=user)
    return redirect(target)


def _ways_to_confirm(request: HttpRequest, user: User) -> dict[str, Any]:
    """How this person can show who they are, for the page's context."""
    return {
        "has_passkey": passkeys.of(user).exists(),
        "has_password": user.has_usable_password() and accounts.may_log_in_here(user),
        "sso": settings.OIDC if accounts.link_of(user) else None,
    } | passkey_form(request)
