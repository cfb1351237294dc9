"""The parts of GitHub's gateway that are pure: what answers say about limits and tokens, names, addresses."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from requests.structures import CaseInsensitiveDict

from gateways.forge.errors import MAX_WAIT, Answer, ForgeUnavailable
from gateways.forge.github import GitHubForge, web_origin
from gateways.forge.github_accounts import grant_from
from gateways.forge.github_api import has_next
from gateways.forge.github_limits import MARGIN, UNNAMED_WAIT, Limits, wait_of
from gateways.forge.github_reading import has_account_name
from gateways.forge.shared import origin

NOW = datetime(2026, 12, 1, 10, 0, 0, tzinfo=UTC)
EARLIER = "Tue, 01 Dec 2026 09:59:00 GMT"
PRIMARY = "API rate limit exceeded for installation ID 1."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


def answered(status: int, message: str = "", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, CaseInsensitiveDict(named), json.dumps({"message": message}))


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (answered(200, x_ratelimit_remaining="4999"), None),
        (answered(200, x_ratelimit_remaining="0", x_ratelimit_reset="1796119260"), timedelta(minutes=1) + MARGIN),
        (answered(304, x_ratelimit_remaining="0", x_ratelimit_reset="1796119260"), timedelta(minutes=1) + MARGIN),
        (
            answered(403, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="1796119260"),
            timedelta(minutes=1) + MARGIN,
        ),
        # Our clock is a minute ahead of GitHub's: the wait is GitHub's.
        (
            answered(403, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="1796119260", date=EARLIER),
            timedelta(minutes=2) + MARGIN,
        ),
        (answered(429, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="1999999999"), MAX_WAIT),
        (answered(403, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset="soon"), UNNAMED_WAIT),
        (answered(403, SECONDARY, retry_after="7"), timedelta(seconds=7)),
        (answered(429, SECONDARY, retry_after="7", x_ratelimit_remaining="4000"), timedelta(seconds=7)),
        (answered(403, SECONDARY), UNNAMED_WAIT),
        (answered(429), UNNAMED_WAIT),
        (answered(403, "Resource not accessible by integration", x_ratelimit_remaining="4000"), None),
        (answered(404, "Not Found", x_ratelimit_remaining="0", x_ratelimit_reset="1796119260"), None),
        (answered(503, retry_after="7"), None),
    ],
)
def test_what_an_answer_says_about_limits(answer: Answer, wait: timedelta | None) -> None:
    assert wait_of(answer, NOW) == wait


class TestParking:
    def test_only_that_account_waits_and_only_so_long(self) -> None:
        now = [100.0]
        limits = Limits(lambda: now[0])
        with pytest.raises(ForgeUnavailable, match="installation 1 .* waits for 30 s") as raised:
            limits.learn("installation 1", answered(403, SECONDARY, retry_after="30"), "GET /x")
        assert raised.value.retry_after == timedelta(seconds=30)
        limits.check("installation 2")
        now[0] += 10
        with pytest.raises(ForgeUnavailable, match="nothing was sent") as raised:
            limits.check("installation 1")
        assert raised.value.retry_after == timedelta(seconds=20)
        now[0] += 20
        limits.check("installation 1")

    def test_an_earlier_end_shortens_nothing(self) -> None:
        limits = Limits(lambda: 0.0)
        for seconds in ("60", "5"):
            with pytest.raises(ForgeUnavailable):
                limits.learn("a", answered(403, SECONDARY, retry_after=seconds), "GET /x")
        with pytest.raises(ForgeUnavailable) as raised:
            limits.check("a")
        assert raised.value.retry_after == timedelta(seconds=60)

    def test_the_last_request_that_is_granted_is_no_failure(self) -> None:
        limits = Limits(lambda: 0.0)
        reset = str(int(datetime.now(UTC).timestamp()) + 60)
        limits.learn("a", answered(200, x_ratelimit_remaining="0", x_ratelimit_reset=reset), "GET /x")
        with pytest.raises(ForgeUnavailable):
            limits.check("a")


def test_a_token_lasts_as_long_as_github_says_by_its_own_clock() -> None:
    body = json.dumps({"token": "t", "expires_at": "2026-12-01T10:59:00Z"})
    grant = grant_from(Answer(201, CaseInsensitiveDict({"Date": EARLIER}), body), 1000.0, NOW)
    assert grant == ("t", 1000.0 + 3600)
    assert grant_from(Answer(201, CaseInsensitiveDict({}), body), 1000.0, NOW).until == 1000.0 + 59 * 60


@pytest.mark.parametrize(
    ("base_url", "clone_url"),
    [
        ("https://api.github.com", "https://github.com/acme/shop.git"),
        ("https://api.github.com/", "https://github.com/acme/shop.git"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com/acme/shop.git"),
        ("https://git.acme.example/api/v3", "https://git.acme.example/acme/shop.git"),
        ("https://api.acme.example/api/v3", "https://api.acme.example/acme/shop.git"),
        ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/acme/shop.git"),
    ],
)
def test_where_repositories_are_cloned_from(base_url: str, clone_url: str) -> None:
    assert web_origin(base_url) == origin(clone_url)


def test_after_a_full_page_there_may_be_another_without_a_link() -> None:
    link = CaseInsensitiveDict({"Link": '<https://api.github.com/x?page=2>; rel="next"'})
    assert has_next(Answer(200, link, ""), 3)
    assert has_next(Answer(200, CaseInsensitiveDict(), ""), 100) and not has_next(
        Answer(200, CaseInsensitiveDict(), ""), 99
    )


@pytest.mark.parametrize("login", ["", ".", "..", "a/b", "a?b", "../../user", "a b", "-a", "ä"])
def test_no_account_name(login: str) -> None:
    assert not has_account_name(login)


@pytest.mark.parametrize("login", ["ada", "Ada-L", "ada_acme", "dependabot[bot]"])
def test_account_names(login: str) -> None:
    assert has_account_name(login)


@pytest.mark.parametrize("key", ["nonsense", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"])
def test_a_key_that_cant_sign_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="no RSA private key in PEM") as raised:
        GitHubForge.with_app("https://api.github.com", "1", key)
    assert "AAAA" not in str(raised.value)
