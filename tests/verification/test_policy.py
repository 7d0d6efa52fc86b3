"""Browser tests fail if a page breaks the Content-Security-Policy; this test shows that they would notice."""

import re

from playwright.sync_api import Page

from tests.verification.conftest import refused_by_policy
from tests.verification.services import Site


def test_a_violation_is_seen(page: Page, site: Site) -> None:
    assert page.context.browser
    window = page.context.browser.new_page(base_url=site.url)
    refused = refused_by_policy(window)
    window.goto("/login/")
    assert refused == []
    window.evaluate("document.body.setAttribute('style', 'color: red')")
    window.evaluate("document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    assert window.evaluate("window.ran") is None
    assert [re.findall("(style|script)-src", said)[0] for said in refused] == ["style", "script"]
