"""A passkey from adding it to removing it, in Chromium with its virtual authenticator."""

from playwright.sync_api import Page, expect

from tests.verification.services import PASSKEY_DEVICE, PASSWORD, Site
from tests.verification.test_accessibility import violations


def test_a_passkey_is_added_logs_in_and_is_removed(page: Page, site: Site) -> None:
    made = f"User.objects.create_user('keys', password={PASSWORD!r})"
    site.manage("shell", "-c", f"from django.contrib.auth.models import User; {made}")
    home = site.url.replace("127.0.0.1", "localhost")
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    device = browser.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEY_DEVICE})

    _type_password(page, home)
    page.goto(f"{home}/second-factor/")
    page.fill("#passkey-name", "Ward laptop")
    page.keyboard.press("Enter")
    expect(page.locator(".account-codes li")).to_have_count(8)
    expect(page.get_by_text("never used")).to_be_visible()

    page.fill("#passkey-name", "The same again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("already keeps a passkey of yours")

    page.context.clear_cookies()
    _type_password(page, home)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/history/")

    page.goto(f"{home}/confirm/?next=/second-factor/")
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_text("last used")).to_be_visible()
    assert violations(page) == []  # that test knows the page without passkeys

    page.context.clear_cookies()
    page.goto(f"{home}/login/?next=/second-factor/")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.get_by_role("button", name="Remove Ward laptop").click()
    expect(page.get_by_text("Ward laptop is removed")).to_be_visible()

    page.context.clear_cookies()
    page.goto(f"{home}/login/")
    page.get_by_role("button", name="Log in with a passkey").click()  # the device still has it, the site does not
    expect(page.get_by_role("alert")).to_contain_text("not accepted here")

    browser.send("WebAuthn.removeVirtualAuthenticator", device)
    browser.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEY_DEVICE | {"isUserVerified": False}})
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")


def _type_password(page: Page, home: str) -> None:
    page.goto(f"{home}/login/")
    page.fill("#id_username", "keys")
    page.fill("#id_password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
