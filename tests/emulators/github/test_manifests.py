"""An App that registers itself: manifest, button, code, keys; and its installation."""

import json
import re
import time
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from emulators.github import GitHubServer, People
from tests.emulators.github.conftest import client

MANIFEST = {
    "name": "Catalyst <acme>",
    "url": "https://catalyst.example.org",
    "hook_attributes": {"url": "http://127.0.0.1:9/webhooks/github"},
    "redirect_url": "http://127.0.0.1:9/back?from=github",
    "setup_url": "http://127.0.0.1:9/done",
    "default_permissions": {"checks": "write"},
    "default_events": ["push"],
}


def submit(server: GitHubServer, page: httpx.Response, **changed: str) -> httpx.Response:
    """Click the page's only button."""
    fields = {name: unescape(value) for name, value in re.findall(r'name="?(\w+)"? value="([^"]*)"', page.text)}
    action = unescape(re.findall(r'action="([^"]*)"', page.text)[0])
    return httpx.post(server.url + action, data=fields | changed)


def test_from_a_manifest_to_an_installed_app(server: GitHubServer, people: People) -> None:
    people.sign_in("ada")
    new = f"{server.url}/organizations/acme/settings/apps/new?state=s1"
    page = httpx.post(new, data={"manifest": json.dumps(MANIFEST)})
    assert "Create GitHub App for acme" in page.text and "<acme>" not in page.text
    sent = submit(server, page)
    back = urlsplit(sent.headers["Location"])
    query = parse_qs(back.query)
    assert (sent.status_code, back.netloc, query["state"], query["from"]) == (302, "127.0.0.1:9", ["s1"], ["github"])
    with client(server) as nobody:
        told = nobody.post(f"/app-manifests/{query['code'][0]}/conversions")
        assert nobody.post(f"/app-manifests/{query['code'][0]}/conversions").status_code == 404
    app, now = told.json(), int(time.time())
    assert (told.status_code, app["slug"], app["owner"]["login"]) == (201, "catalyst-acme", "acme")
    assert (
        app["permissions"] == {"metadata": "read", "checks": "write"} and app["webhook_secret"] and app["client_secret"]
    )
    token = jwt.encode({"iat": now, "exp": now + 300, "iss": app["client_id"]}, app["pem"], "RS256")
    installing = f"{server.url}/apps/catalyst-acme/installations/new"
    done = httpx.post(installing, data={"account": "acme"})
    with client(server, token) as own:
        (installation,) = own.get("/app/installations").json()
        assert own.get("/app/hook/config").json()["url"] == MANIFEST["hook_attributes"]["url"]  # type: ignore[index]
    assert (
        done.headers["Location"] == f"http://127.0.0.1:9/done?installation_id={installation['id']}&setup_action=install"
    )
    assert "<option>acme</option>" in httpx.get(installing).text


def test_a_code_ends_after_an_hour(server: GitHubServer, people: People) -> None:
    people.sign_in("ada")
    page = httpx.post(f"{server.url}/settings/apps/new", data={"manifest": json.dumps(MANIFEST)})
    code = parse_qs(urlsplit(submit(server, page, name="Mine").headers["Location"]).query)["code"][0]
    server.github.clock.advance(3601)
    with client(server) as nobody:
        assert nobody.post(f"/app-manifests/{code}/conversions").status_code == 404


def test_only_admins_register_for_an_organisation(server: GitHubServer, people: People) -> None:
    new = f"{server.url}/organizations/acme/settings/apps/new"
    assert httpx.post(new, data={"manifest": json.dumps(MANIFEST)}).status_code == 401
    people.sign_in("eve")
    assert httpx.post(new, data={"manifest": json.dumps(MANIFEST)}).status_code == 404
    forged = {"manifest": json.dumps(MANIFEST), "owner": "acme"}
    assert httpx.post(f"{server.url}/settings/apps/manifest", data=forged).status_code == 404
    assert server.github.apps == {}


@pytest.mark.parametrize("manifest", [
    "no json",
    "[]",
    json.dumps(MANIFEST | {"url": None}),
    json.dumps(MANIFEST | {"redirect_url": "javascript:alert(1)"}),
    json.dumps(MANIFEST | {"hook_attributes": {}}),
    json.dumps(MANIFEST | {"default_permissions": []}),
])  # fmt: skip
def test_a_manifest_with_something_wrong_is_refused(server: GitHubServer, people: People, manifest: str) -> None:
    people.sign_in("ada")
    for path in ("/settings/apps/new", "/settings/apps/manifest"):
        assert httpx.post(server.url + path, data={"manifest": manifest}).status_code == 422
    assert server.github.apps == {}


def test_a_manifest_has_a_megabyte_at_most(server: GitHubServer) -> None:
    assert httpx.post(f"{server.url}/settings/apps/new", data={"manifest": "x" * 1024 * 1024}).status_code == 413
