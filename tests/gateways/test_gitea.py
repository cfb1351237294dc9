"""What only a real Gitea can show: other people, forks, pages, git with our credential, set-up that runs again; and its refusals."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from activities.protocols import ForgeRefused, GatewayError
from deploy.local import forge_setup
from deploy.local.forge_server import ForgeSecrets
from environments.model import CommitSha, PullRequestKey
from environments.policy import Refuse, Wishes, decide
from gateways.forge.errors import MAX_WAIT, ForgeGone, ForgeUnavailable, retry_after
from gateways.forge.gitea import MAX_DESCRIPTION, GiteaForge
from gateways.source.git import GitSource
from tests.gateways.forge_worlds import GiteaWorld
from tests.gateways.git_server import git
from tests.gateways.gitea_server import GiteaProcess

MARKER = "<!-- catalyst-preview-deployment -->"
PASSWORD = "Correct-horse-1"


def another_person(world: GiteaWorld, name: str) -> str:
    """Their login; an account without any right to the repository but to read it."""
    login = f"{name}-{world.owner}"
    world.people.create_user(login, PASSWORD)
    return login


class TestPeople:
    async def test_other_peoples_comments_are_left_alone(self, gitea_world: GiteaWorld) -> None:
        mallory = gitea_world.people.acting_as(another_person(gitea_world, "mallory"))
        forged = f"{MARKER}\nSend your password to mallory."
        mallory.comment(*gitea_world.place, forged)
        gitea_world.people.comment(*gitea_world.place, "Ours, without the marker.")
        for text in ("Building", "Ready"):
            await gitea_world.forge.put_comment(gitea_world.key, MARKER, f"{MARKER}\n{text}")
        assert gitea_world.comments() == [forged, "Ours, without the marker.", f"{MARKER}\nReady"]

    async def test_a_fork_is_known_by_its_own_id(self, gitea_world: GiteaWorld) -> None:
        people, owner, rivals = gitea_world.people, gitea_world.owner, f"rivals-{gitea_world.owner}"
        people.create_organisation(rivals)
        fork_id = people.fork(owner, "shop", rivals)
        people.push(rivals, "shop", "theirs", {"page.html": "theirs"}, "from a fork")
        number = people.open_pull_request(owner, "shop", f"{rivals}:theirs")
        found = await gitea_world.forge.pull_request(gitea_world.key.repository_id, number)
        assert found is not None and found.is_from_fork and found.head_repository_id == fork_id
        people.delete_repository(rivals, "shop")
        found = await gitea_world.forge.pull_request(gitea_world.key.repository_id, number)
        assert found is not None and found.is_from_fork and found.head_repository_id is None

    async def test_a_push_to_refs_for_is_not_the_teams(self, gitea_world: GiteaWorld, tmp_path: Path) -> None:
        """Everybody who can read a repository may open a pull request so, and Gitea calls the base repository its head."""
        login = another_person(gitea_world, "mallory")
        place = f"{login}:{PASSWORD}@127.0.0.1:{gitea_world.gitea.server.port}/{gitea_world.owner}/shop.git"
        git(tmp_path, "clone", "--quiet", f"http://{place}", "shop")
        (tmp_path / "shop/page.html").write_text("theirs")
        git(tmp_path / "shop", "add", "--all")
        git(tmp_path / "shop", "commit", "--quiet", "--message=theirs")
        git(tmp_path / "shop", "push", "--quiet", "origin", "HEAD:refs/for/main", "-o", "topic=theirs")
        found = await gitea_world.forge.pull_request(gitea_world.key.repository_id, gitea_world.key.number + 1)
        assert found is not None and found.is_open and found.is_from_fork
        assert isinstance(decide(found, Wishes()), Refuse)

    async def test_drafts_labels_and_author(self, gitea_world: GiteaWorld) -> None:
        gitea_world.people.edit(*gitea_world.place, title="WIP: a change")
        gitea_world.people.label(*gitea_world.place, "preview")
        found = await gitea_world.look()
        assert found.is_draft and found.labels == ("preview",) and found.author == gitea_world.gitea.access.user
        assert found.url == f"{gitea_world.gitea.access.url}/{gitea_world.owner}/shop/pulls/1"

    async def test_a_renamed_repository_is_still_the_same(self, gitea_world: GiteaWorld) -> None:
        before = await gitea_world.look()
        gitea_world.people.rename_repository(gitea_world.owner, "shop", "store")
        gitea_world.name = "store"
        after = await gitea_world.look()
        assert after.key == before.key and after.repository.name == "store"
        await gitea_world.forge.put_comment(gitea_world.key, MARKER, MARKER)
        assert gitea_world.comments() == [MARKER]

    async def test_another_repository_of_the_former_name_is_not_written_to(self, gitea_world: GiteaWorld) -> None:
        people, owner = gitea_world.people, gitea_world.owner
        sha = (await gitea_world.look()).head_sha
        await gitea_world.forge.put_comment(gitea_world.key, MARKER, f"{MARKER} before")
        people.rename_repository(owner, "shop", "store")
        people.create_repository(owner, "shop")
        people.push(owner, "shop", "main", {"x": "1"}, "first")
        people.push(owner, "shop", "change", {"x": "2"}, "change")
        people.open_pull_request(owner, "shop", "change")
        await gitea_world.forge.put_status(gitea_world.key, sha, "success", "Ready", None)
        await gitea_world.forge.put_comment(gitea_world.key, MARKER, f"{MARKER} after")
        assert people.comments(owner, "shop", 1) == []
        people.delete_repository(owner, "shop")
        gitea_world.name = "store"
        assert gitea_world.comments() == [f"{MARKER} after"]
        assert gitea_world.status(sha).state == "success"

    async def test_a_comment_that_was_deleted_is_written_anew(self, gitea_world: GiteaWorld) -> None:
        await gitea_world.forge.put_comment(gitea_world.key, MARKER, f"{MARKER} before")
        [comment] = gitea_world.people.comments(*gitea_world.place)
        gitea_world.people.delete_comment(gitea_world.owner, "shop", comment["id"])
        await gitea_world.forge.put_comment(gitea_world.key, MARKER, f"{MARKER} after")
        assert gitea_world.comments() == [f"{MARKER} after"]


class TestApi:
    async def test_every_page_is_read(self, gitea_world: GiteaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gateways.forge.gitea_api.PAGE", 1)
        people, owner = gitea_world.people, gitea_world.owner
        for branch in ("second", "third"):
            people.push(owner, "shop", branch, {"x": branch}, branch)
            people.open_pull_request(owner, "shop", branch)
        people.create_repository(owner, "empty")
        listed = await gitea_world.forge.open_pull_requests()
        ours = [each.key.number for each in listed if each.key.repository_id == gitea_world.key.repository_id]
        people.delete_repository(owner, "empty")
        assert ours == [1, 2, 3]

    async def test_a_long_description_is_cut(self, gitea_world: GiteaWorld) -> None:
        sha = (await gitea_world.look()).head_sha
        await gitea_world.forge.put_status(gitea_world.key, sha, "failure", "x" * 5000, None)
        text = gitea_world.status(sha).description
        assert len(text) == MAX_DESCRIPTION and text.endswith("x…")

    async def test_our_credential_opens_a_private_repository(self, gitea_world: GiteaWorld, tmp_path: Path) -> None:
        people, owner, source = gitea_world.people, gitea_world.owner, GitSource(tmp_path)
        repository_id = people.create_repository(owner, "secret", private=True)
        people.push(owner, "secret", "main", {"page.html": "1"}, "first")
        sha = people.push(owner, "secret", "change", {"page.html": "2"}, "change")
        number = people.open_pull_request(owner, "secret", "change")
        found = await gitea_world.forge.pull_request(repository_id, number)
        assert found is not None and found.repository.is_private and found.head_sha == sha
        with pytest.raises(GatewayError):
            await source.checkout(repository_id, found.repository.clone_url, found.head_sha, None)
        credential = await gitea_world.forge.clone_credential(repository_id, found.repository.clone_url)
        folder = await source.checkout(repository_id, found.repository.clone_url, found.head_sha, credential)
        people.delete_repository(owner, "secret")
        assert (folder / "page.html").read_text() == "2"

    async def test_a_wrong_token_is_no_missing_pull_request(self, gitea_world: GiteaWorld) -> None:
        forge = GiteaForge(gitea_world.gitea.access.url, "0" * 40)
        with pytest.raises(ForgeRefused, match=r"401.*token") as refused:
            await forge.pull_request(gitea_world.key.repository_id, 1)
        assert not isinstance(refused.value, ForgeGone)
        await forge.aclose()

    async def test_nobody_there_is_worth_another_try(self) -> None:
        forge = GiteaForge("http://127.0.0.1:9", "token")
        with pytest.raises(ForgeUnavailable):
            await forge.pull_request(1, 1)
        await forge.aclose()


class TestSetUp:
    def test_again_after_a_crash_it_is_the_same(self, gitea: GiteaProcess) -> None:
        before = gitea.access
        gitea.restart()
        assert gitea.access == before and len(hooks(gitea)) == 1

    def test_cut_off_before_the_token_was_kept(self, gitea: GiteaProcess) -> None:
        made = ForgeSecrets.read(gitea.server.secrets)
        made.model_copy(update={"token": ""}).write(gitea.server.secrets)
        again = forge_setup.configure(gitea.server)
        assert again.token not in ("", gitea.access.token) and again.password == gitea.access.password
        made.write(gitea.server.secrets)

    def test_secrets_are_roots_alone(self, gitea: GiteaProcess) -> None:
        assert gitea.server.secrets.stat().st_mode & 0o777 == 0o600
        assert (gitea.server.folder / "app.ini").stat().st_mode & 0o007 == 0

    def test_it_listens_on_loopback_only(self, gitea: GiteaProcess) -> None:
        table = subprocess.run(["cat", "/proc/net/tcp", "/proc/net/tcp6"], check=False, capture_output=True, text=True)
        sockets = [line.split()[1] for line in table.stdout.splitlines() if f":{gitea.server.port:04X} " in line]
        listening = [each for each in sockets if each.endswith(f":{gitea.server.port:04X}")]
        assert listening and all(each.startswith("0100007F:") for each in listening)

    def test_the_web_pages_have_their_assets(self, gitea: GiteaProcess) -> None:
        with httpx.Client(base_url=gitea.access.url, trust_env=False) as browser:
            page = browser.get("/user/login").text
            assets = {part.partition('"')[0] for part in page.split('"/assets/')[1:]}
            assert any(name.endswith(".js") for name in assets)
            assert all(browser.get(f"/assets/{name}").status_code == 200 for name in assets)


def hooks(gitea: GiteaProcess) -> list[object]:
    headers = {"Authorization": f"token {gitea.access.token}"}
    answer = httpx.get(f"{gitea.access.url}/api/v1/admin/hooks?type=all", headers=headers, trust_env=False)
    return list(answer.raise_for_status().json())


def answering(respond: Callable[[httpx.Request], httpx.Response]) -> GiteaForge:
    client = httpx.AsyncClient(base_url="http://forge.test/api/v1", transport=httpx.MockTransport(respond))
    return GiteaForge("http://forge.test", "token", client)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, ForgeRefused),
        (403, ForgeRefused),
        (422, ForgeRefused),
        (302, ForgeUnavailable),
        (429, ForgeUnavailable),
        (500, ForgeUnavailable),
        (503, ForgeUnavailable),
    ],
)
async def test_refusals(status: int, error: type[GatewayError]) -> None:
    forge = answering(lambda request: httpx.Response(status, json={"message": "because"}, headers={"Retry-After": "7"}))
    with pytest.raises(error, match=f"{status} to GET /repositories/1: because") as raised:
        await forge.pull_request(1, 1)
    assert raised.value.retry_after == (timedelta(seconds=7) if error is ForgeUnavailable else None)
    await forge.aclose()


async def test_something_else_at_that_address() -> None:
    forge = answering(lambda request: httpx.Response(200, text="<html>"))
    with pytest.raises(ForgeUnavailable, match="not the forge's API"):
        await forge.pull_request(1, 1)
    await forge.aclose()


async def test_a_proxys_404_is_no_missing_pull_request() -> None:
    """Taken for the forge's word, every preview would be removed while the forge is down behind its proxy."""
    forge = answering(lambda request: httpx.Response(404, text="404 page not found"))
    with pytest.raises(ForgeUnavailable, match="no answer of the forge's API"):
        await forge.pull_request(1, 1)
    await forge.aclose()


async def test_our_comment_is_found_on_a_later_page() -> None:
    """Gitea answers all comments at once; a forge that pages them says so by its Link header."""
    edited: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            edited.append(request.url.path)
        if request.url.path.endswith("/comments"):
            page = int(request.url.params["page"])
            link = {"Link": f'<{request.url}>; rel="next"'} if page < 3 else {}
            author = {"id": 7 if page == 3 else 8}
            return httpx.Response(200, json=[{"id": page, "user": author, "body": MARKER}], headers=link)
        repository = {"owner": {"login": "acme"}, "name": "shop"}
        return httpx.Response(200, json={"id": 7} if request.url.path.endswith("/user") else repository)

    forge = answering(respond)
    await forge.put_comment(PullRequestKey(forge="gitea", repository_id=1, number=1), MARKER, f"{MARKER} new")
    await forge.aclose()
    assert edited == ["/api/v1/repos/acme/shop/issues/comments/3"]


async def test_an_edit_asks_for_nothing_that_is_known() -> None:
    """A report costs two requests: comment and status (a rollout tells itself twice, and many are under way at once)."""
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path.removeprefix('/api/v1')}")
        repository = {"owner": {"login": "acme"}, "name": "shop", "id": 7}
        is_list = request.method == "GET" and request.url.path.endswith("/comments")
        return httpx.Response(200, json=[] if is_list else repository)

    forge, key, sha = answering(respond), PullRequestKey(forge="gitea", repository_id=1, number=1), CommitSha("a" * 40)
    for text in ("Pending", "Ready"):
        await forge.put_comment(key, MARKER, f"{MARKER} {text}")
        await forge.put_status(key, sha, "pending", text, None)
    await forge.aclose()
    assert asked[-2:] == ["PATCH /repos/acme/shop/issues/comments/7", f"POST /repos/acme/shop/statuses/{sha}"]
    assert len(asked) == 7


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("999999999", MAX_WAIT),
        ("Wed, 25 Nov 2026 10:00:30 GMT", timedelta(seconds=30)),
        ("Wed, 25 Nov 2026 09:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after(header: str, wait: timedelta | None) -> None:
    assert retry_after({"Retry-After": header}, datetime(2026, 11, 25, 10, 0, 0, tzinfo=UTC)) == wait
