"""Paging, entity tags, limits and errors."""

import re
from urllib.parse import urlsplit

import httpx
import pytest
from github import GithubException, RateLimitExceededException
from github.Repository import Repository

from emulators.github import GitHubServer, People
from tests.emulators.github.conftest import client

SHOP = "/repos/acme/shop"


@pytest.fixture
def thirteen(people: People) -> None:
    for at in range(13):
        people.open_issue("acme", "shop", f"issue {at}")


def links(answer: httpx.Response) -> list[tuple[str, str]]:
    """Name and query of each page, in order."""
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("Link", ""))
    return [(name, urlsplit(url).query) for url, name in found]


@pytest.mark.usefixtures("thirteen")
def test_pages_lead_to_each_other(ada: httpx.Client, shop: Repository) -> None:
    first = ada.get(f"{SHOP}/issues?per_page=5")
    assert links(first) == [("next", "per_page=5&page=2"), ("last", "per_page=5&page=3")]
    middle = ada.get(first.links["next"]["url"])
    assert links(middle) == [
        ("prev", "per_page=5&page=1"),
        ("next", "per_page=5&page=3"),
        ("last", "per_page=5&page=3"),
        ("first", "per_page=5&page=1"),
    ]
    last = ada.get(middle.links["last"]["url"])
    assert [name for name, _ in links(last)] == ["prev", "first"]
    assert [each["number"] for page in (first, middle, last) for each in page.json()] == [*range(13, 0, -1)]
    assert urlsplit(first.links["next"]["url"]).path == f"/api/v3/repositories/{shop.id}/issues"


@pytest.mark.usefixtures("thirteen")
def test_one_page_has_no_links_and_nonsense_is_the_default(ada: httpx.Client) -> None:
    for query in ("", "?per_page=13", "?per_page=100&page=1", "?per_page=0&page=-1", "?per_page=x&page=y"):
        answer = ada.get(f"{SHOP}/issues{query}")
        assert (len(answer.json()), "Link" in answer.headers) == (13, False), query
    assert ada.get(f"{SHOP}/issues?per_page=5&page=9").json() == []


def test_a_page_has_a_hundred_at_most(ada: httpx.Client, people: People) -> None:
    for at in range(101):
        people.comment("acme", "shop", 1, f"{at}", by="ada") if at else people.open_issue("acme", "shop", "busy")
    people.comment("acme", "shop", 1, "last", by="ada")
    answer = ada.get(f"{SHOP}/issues/1/comments?per_page=1000")
    assert (len(answer.json()), [name for name, _ in links(answer)]) == (100, ["next", "last"])


@pytest.mark.usefixtures("thirteen")
def test_paging_goes_on_when_the_repository_is_renamed(ada: httpx.Client, people: People) -> None:
    first = ada.get(f"{SHOP}/issues?per_page=10")
    people.rename_repository("acme", "shop", "store")
    assert len(ada.get(first.links["next"]["url"]).json()) == 3


def test_what_one_has_already_costs_nothing(ada: httpx.Client, people: People) -> None:
    first = ada.get(SHOP)
    assert re.fullmatch(r'W/"[0-9a-f]{64}"', first.headers["ETag"])
    for known in (first.headers["ETag"], first.headers["ETag"].removeprefix("W/"), f'"x", {first.headers["ETag"]}'):
        again = ada.get(SHOP, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    people.open_issue("acme", "shop", "new")
    changed = ada.get(SHOP, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["X-RateLimit-Used"]) == (200, "2")


def test_pygithub_notices_that_nothing_changed(shop: Repository, people: People) -> None:
    assert not shop.update()
    people.open_issue("acme", "shop", "new")
    assert shop.update()


def test_each_caller_has_limits_of_its_own(server: GitHubServer, people: People) -> None:
    with (
        client(server, people.token("ada")) as ada,
        client(server, people.token("bob")) as bob,
        client(server) as nobody,
    ):
        ada.get("/users/ada")
        told = [int(each.get("/users/ada").headers["X-RateLimit-Remaining"]) for each in (ada, bob, nobody)]
        assert told == [4998, 4999, 59]
        assert ada.get("/rate_limit").json()["rate"]["remaining"] == 4998
        assert ada.get("/rate_limit").headers["X-RateLimit-Remaining"] == "4998"


def test_who_has_used_all_is_refused_until_the_reset(server: GitHubServer, ada: httpx.Client, shop: Repository) -> None:
    server.github.limits.exhaust("ada", reset_after=90)
    refused = ada.get(SHOP)
    assert refused.status_code == 403 and "API rate limit exceeded" in refused.json()["message"]
    assert refused.headers["X-RateLimit-Remaining"] == "0" and "Retry-After" not in refused.headers
    assert 85 <= int(refused.headers["X-RateLimit-Reset"]) - server.github.now().timestamp() <= 90
    with pytest.raises(RateLimitExceededException):
        shop.get_pulls().totalCount  # noqa: B018
    server.github.clock.advance(91)
    assert ada.get(SHOP).headers["X-RateLimit-Remaining"] == "4999"


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_is_met_as_often_as_it_is_set(server: GitHubServer, ada: httpx.Client, status: int) -> None:
    server.github.limits.refuse(times=2, status=status, retry_after=7, path="/issues")
    assert ada.get(SHOP).status_code == 200
    for _ in range(2):
        refused = ada.get(f"{SHOP}/issues")
        assert (refused.status_code, refused.headers["Retry-After"]) == (status, "7")
        assert "secondary rate limit" in refused.json()["message"]
    assert ada.get(f"{SHOP}/issues").status_code == 200


def test_every_answer_has_a_request_id_of_its_own(ada: httpx.Client) -> None:
    ids = [ada.get(path).headers["X-GitHub-Request-Id"] for path in ("/user", "/user", "/nowhere", "/repos/no/body")]
    assert len(set(ids)) == 4 and all(re.fullmatch(r"[0-9A-F]+(:[0-9A-F]+){4}", each) for each in ids)


def test_what_is_no_json_is_refused(ada: httpx.Client) -> None:
    said = {
        b"{": "Problems parsing JSON",
        b"[]": "Body should be a JSON object",
        b"[" * 100_000: "Problems parsing JSON",
    }
    for body, message in said.items():
        answer = ada.post(f"{SHOP}/issues", content=body)
        assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert ada.post(f"{SHOP}/issues", content=b" " * (10 * 1024 * 1024 + 1)).status_code == 413
    assert ada.post(f"{SHOP}/issues", json={"title": 1}).status_code == 422
    assert ada.post(f"{SHOP}/issues", json={}).status_code == 422


def test_wrong_credentials_are_refused_also_for_what_is_public(server: GitHubServer) -> None:
    for header in ("Bearer ghp_wrong", "token x", "Basic !", "Basic eDp5", "Digest x", "Bearer a.b.c"):
        answer = httpx.get(f"{server.api_url}{SHOP}", headers={"Authorization": header})
        assert answer.status_code == 401, header
    assert httpx.get(f"{server.api_url}{SHOP}").status_code == 200


def test_a_limit_is_an_error_of_its_own_to_pygithub(server: GitHubServer, shop: Repository) -> None:
    server.github.limits.refuse(retry_after=1)
    with pytest.raises(GithubException) as refused:
        shop.get_branch("main")
    assert isinstance(refused.value, RateLimitExceededException)
