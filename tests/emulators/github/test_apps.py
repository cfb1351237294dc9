"""GitHub Apps: JSON web tokens, installations and their tokens."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from github import Auth, Github, GithubException, GithubIntegration

from emulators.github import GitHubServer, People
from emulators.github.model import App, Installation
from tests.emulators.github.conftest import client

PERMISSIONS = {"pull_requests": "write", "statuses": "write", "contents": "read"}


@pytest.fixture
def app(people: People) -> App:
    return people.create_app("acme", "Catalyst Preview", dict(PERMISSIONS))


@pytest.fixture
def installation(people: People, app: App) -> Installation:
    people.create_repository("acme", "secret", private=True, files={"a": "b"})
    people.create_repository("acme", "other", private=True, files={"a": "b"})
    return people.install(app, "acme", ["shop", "secret"])


@pytest.fixture
def as_app(server: GitHubServer, app: App) -> Iterator[GithubIntegration]:
    made = GithubIntegration(
        auth=Auth.AppAuth(app.id, app.private_key),
        base_url=server.api_url,
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
    yield made
    made.close()


@pytest.fixture
def installed(as_app: GithubIntegration, installation: Installation) -> Github:
    return as_app.get_github_for_installation(installation.id)


def test_pygithub_finds_app_installations_and_repositories(
    as_app: GithubIntegration, installation: Installation, installed: Github
) -> None:
    assert as_app.get_app().slug == "catalyst-preview"
    assert [each.id for each in as_app.get_installations()] == [installation.id]
    assert as_app.get_repo_installation("acme", "secret").id == installation.id
    assert as_app.get_org_installation("acme").id == installation.id
    found = as_app.get_app_installation(installation.id).get_repos()
    assert sorted(repository.full_name for repository in found) == ["acme/secret", "acme/shop"]
    with pytest.raises(GithubException, match="404"):
        as_app.get_repo_installation("acme", "other")


def test_an_app_does_what_it_was_granted_as_its_bot(installed: Github, people: People) -> None:
    shop, number = installed.get_repo("acme/shop"), people.open_pull_request("acme", "shop", "change", by="ada")
    made = shop.get_pull(number).create_issue_comment("hello")
    assert (made.user.login, made.user.type) == ("catalyst-preview[bot]", "Bot")
    assert made.raw_data["performed_via_github_app"]["slug"] == "catalyst-preview"
    made.edit("again")
    assert shop.get_commit("change").create_status("success").creator.login == "catalyst-preview[bot]"
    assert installed.get_repo("acme/secret").get_contents("a").decoded_content == b"b"  # type: ignore[union-attr]


def test_an_app_may_not_do_what_it_was_not_granted(installed: Github) -> None:
    shop = installed.get_repo("acme/shop")
    for act in (
        lambda: shop.create_file("x", "m", "y"),
        lambda: shop.edit(name="store"),
        lambda: shop.create_deployment("change"),
        lambda: installed.get_user().login,
    ):
        with pytest.raises(GithubException, match="Resource not accessible by integration") as refused:
            act()
        assert refused.value.status == 403


def test_what_is_private_and_not_the_installations_is_not_there(installed: Github) -> None:
    with pytest.raises(GithubException) as refused:
        installed.get_repo("acme/other")
    assert refused.value.status == 404


def test_repositories_join_and_leave_an_installation(
    installed: Github, installation: Installation, people: People
) -> None:
    people.choose_repositories(installation, added=["other"], removed=["secret"])
    assert installed.get_repo("acme/other").private
    with pytest.raises(GithubException, match="404"):
        installed.get_repo("acme/secret")


def test_a_token_ends_when_it_says(server: GitHubServer, people: People, app: App, as_app: GithubIntegration) -> None:
    installation = people.install(app, "acme")
    server.github.token_lifetime = 30
    given = as_app.get_access_token(installation.id)
    assert 25 < given.expires_at.timestamp() - time.time() <= 30
    with client(server, given.token) as caller:
        assert caller.get("/installation/repositories").json()["total_count"] == 1
        server.github.clock.advance(30)
        ended = caller.get("/installation/repositories")
        assert (ended.status_code, ended.json()["message"]) == (401, "Bad credentials")


def test_a_token_may_be_asked_for_less(server: GitHubServer, app: App, installation: Installation) -> None:
    with client(server, jwt_of(app)) as own:
        path = f"/app/installations/{installation.id}/access_tokens"
        less = own.post(path, json={"repositories": ["secret"], "permissions": {"contents": "read"}})
        assert (less.status_code, less.json()["permissions"]) == (201, {"metadata": "read", "contents": "read"})
        for asked in (
            {"repositories": ["other"]},
            {"permissions": {"issues": "write"}},
            {"permissions": {"contents": "write"}},
        ):
            assert own.post(path, json=asked).status_code == 422
    with client(server, less.json()["token"]) as caller:
        assert [each["name"] for each in caller.get("/installation/repositories").json()["repositories"]] == ["secret"]
        assert caller.get("/repos/acme/secret/pulls").status_code == 403
        assert caller.delete("/installation/token").status_code == 204
        assert caller.get("/installation/repositories").status_code == 401


def test_who_suspends_or_uninstalls_an_app_ends_its_tokens(
    server: GitHubServer, people: People, app: App, installation: Installation
) -> None:
    with client(server, people.installation_token(installation)) as caller, client(server, jwt_of(app)) as own:
        people.suspend(installation)
        assert caller.get("/installation/repositories").json()["message"] == "This installation has been suspended"
        assert own.post(f"/app/installations/{installation.id}/access_tokens").status_code == 403
        assert own.get(f"/app/installations/{installation.id}").json()["suspended_by"]["login"] == "acme"
        people.unsuspend(installation)
        assert caller.get("/installation/repositories").status_code == 200
        people.uninstall(installation)
        assert caller.get("/installation/repositories").status_code == 401
        assert own.post(f"/app/installations/{installation.id}/access_tokens").status_code == 404


def jwt_of(app: App) -> str:
    return Auth.AppAuth(app.id, app.private_key).create_jwt()


Claims = Callable[[int, App], dict[str, Any]]
REFUSED: dict[str, Claims] = {
    "too far in the future": lambda now, app: {"iat": now, "exp": now + 660, "iss": str(app.id)},
    "future time at which": lambda now, app: {"iat": now - 60, "exp": now - 1, "iss": str(app.id)},
    "must be an Integer": lambda now, app: {"iat": now + 300, "exp": now + 400, "iss": str(app.id)},
    "Missing 'issued at'": lambda now, app: {"exp": now + 300, "iss": str(app.id)},
    "Missing 'expiration'": lambda now, app: {"iat": now, "iss": str(app.id)},
    "Integration not found": lambda now, app: {"iat": now, "exp": now + 300, "iss": str(app.id + 1)},
}


@pytest.mark.parametrize("said", REFUSED)
def test_a_jwt_that_github_refuses(server: GitHubServer, app: App, said: str) -> None:
    token = jwt.encode(REFUSED[said](int(time.time()), app), app.private_key, "RS256")
    with client(server, token) as caller:
        answer = caller.get("/app")
        assert answer.status_code == 401 and said in answer.json()["message"]


def test_a_jwt_is_signed_with_the_apps_own_key_and_by_rs256(server: GitHubServer, app: App, people: People) -> None:
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 600, "iss": str(app.id)}
    other = people.create_app("acme", "Other", {})
    keys = [
        (app.private_key, "RS256", 200),
        (other.private_key, "RS256", 401),
        ("k" * 64, "HS256", 401),
        (app.private_key, "RS512", 401),
    ]
    for key, algorithm, status in keys:
        with client(server, jwt.encode(claims, key, algorithm)) as caller:
            assert caller.get("/app").status_code == status, algorithm
    by_client_id = jwt.encode(claims | {"iss": app.client_id}, app.private_key, "RS256")
    with client(server, by_client_id) as caller:
        assert caller.get("/app").status_code == 200
        assert caller.get("/repos/acme/shop/pulls").status_code == 401, "a JWT is for the App's own routes only"


def test_only_a_jwt_reaches_an_apps_own_routes(
    server: GitHubServer, people: People, installation: Installation
) -> None:
    for token in (None, people.token("ada"), people.installation_token(installation)):
        with client(server, token) as caller:
            assert caller.get("/app/installations").status_code == 401


def test_an_app_of_others_is_not_ours(server: GitHubServer, people: People, installation: Installation) -> None:
    other = people.create_app("acme", "Other", {})
    with client(server, jwt_of(other)) as caller:
        assert caller.get(f"/app/installations/{installation.id}").status_code == 404
        assert caller.get("/app/installations").json() == []
