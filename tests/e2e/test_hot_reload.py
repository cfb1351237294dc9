"""Sample `vite` on the platform, seen by a real browser: a push shows in the open page without loading it again."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser import page
from tests.e2e.world import Platform, sample

FILES = sample("vite")


def test_a_push_shows_in_the_open_page(platform: Platform, tmp_path: Path) -> None:
    preview = platform.opened(FILES)
    report = preview.becomes("Ready")
    preview.answers("hello from the vite sample", path="/greeting.js")
    pods = preview.pod_names()
    assert preview.runs("printenv CATALYST_URL").strip() == report["url"]

    # Chromium takes *.localhost for loopback; the ingress may listen elsewhere.
    ingress = f"MAP *.localhost {platform.local['ingress_address']}"
    with page(tmp_path, resolve=ingress) as visitor:
        visitor.goto(report["url"])
        expect(visitor.locator("#greeting")).to_have_text("hello from the vite sample")
        visitor.evaluate("window.wasHere = true")
        visitor.click("#counter")

        preview.pushed({"greeting.js": FILES["greeting.js"].replace("hello from", "hello again from")})
        expect(visitor.locator("#greeting")).to_have_text("hello again from the vite sample")
        visitor.wait_for_function("window.wasHere")
        expect(visitor.locator("#counter")).to_have_text("1")

    preview.becomes("Ready")
    assert preview.pod_names() == pods, "a push replaces no pod"
    preview.closed()
    preview.is_gone()
