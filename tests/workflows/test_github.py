"""A pull request on GitHub from its webhook to nothing left: the API, the workflows and PyGithub's gateway, unmodified, on the emulated
GitHub (issue 6)."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from pydantic import SecretStr
from temporalio.client import Client

from api.app import create_app
from api.parts import ApiParts
from emulators.github import GitHubServer
from emulators.github.model import App
from emulators.github.people import Webhook
from environments.messages import COMMENT_MARKER
from environments.model import Phase, PullRequestKey, Repository
from gateways.forge.github import GitHubForge
from settings.settings import GitHubSettings, Settings
from store.audit import DatabaseAudit
from store.database import open_database
from store.deliveries import Deliveries
from store.index import DatabaseIndex
from store.overrides import DatabaseOverrides
from store.tokens import Tokens
from tests.gateways.forge_worlds import PERMISSIONS
from tests.workflows.world import DOCKERFILE, Preview, World
from worker.assembly import Gateways

SECRET = uuid.uuid4().hex
EVENTS = ("pull_request", "push", "issue_comment")


@pytest.fixture(scope="module")
def github() -> Iterator[GitHubServer]:
    with GitHubServer() as server:
        yield server


class OnGitHub(World):
    """The same world, whose forge is the emulated GitHub."""

    github: GitHubForge

    def _gateways(self) -> Gateways:
        return replace(super()._gateways(), forges={"github": self.github})


@pytest_asyncio.fixture
async def place(steady_client: Client, github: GitHubServer, tmp_path: Path) -> AsyncIterator["Place"]:
    """An organisation with the App installed, whose webhooks come to an API of ours."""
    world = OnGitHub(steady_client, tmp_path)
    async with api_beside(world, tmp_path) as port:
        hook = Webhook(f"http://127.0.0.1:{port}/webhooks/github", SECRET)
        name = f"Catalyst {world.team}"
        permissions = PERMISSIONS | {"issues": "write"}
        app = github.people.create_app("catalyst", name, permissions, events=EVENTS, webhook=hook)
        world.github = GitHubForge.with_app(github.api_url, str(app.id), app.private_key)
        await world.start_worker()
        yield Place(world, github, app)
        await world.stop_worker()
        await world.replay()
        await world.github.aclose()


@asynccontextmanager
async def api_beside(world: World, folder: Path) -> AsyncIterator[int]:
    """The API on a free port of loopback."""
    database = await open_database(f"sqlite+aiosqlite:///{folder}/catalyst.db")
    settings = Settings(github=GitHubSettings(webhook_secret=SecretStr(SECRET), token=SecretStr("a-token")))
    parts = ApiParts(
        settings=settings,
        deliveries=Deliveries(database),
        index=DatabaseIndex(database),
        tokens=Tokens(database),
        audit=DatabaseAudit(database),
        overrides=DatabaseOverrides(database),
        owners=world.owners,
        logs=world.logs,
        cluster=world.cluster,
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(parts), log_level="warning"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        yield int(listener.getsockname()[1])
        server.should_exit = True
        await serving
    await database.aclose()


class Place:
    """One organisation's repository."""

    def __init__(self, world: OnGitHub, github: GitHubServer, app: App) -> None:
        self.world, self.people, self.app = world, github.people, app
        self.webhooks = github.github.webhooks
        self.owner, self.name = world.team, "shop"
        self.people.organization(self.owner, admins=("ada",))
        self.repository = self.people.create_repository(self.owner, self.name)
        self.people.install(app, self.owner)

    def push(self, files: dict[str, str] = DOCKERFILE, owner: str | None = None, branch: str = "change") -> str:
        """A commit whose files the fake source knows."""
        content = {**files, "page.html": uuid.uuid4().hex}
        sha = self.people.push(owner or self.owner, self.name, branch, content, by="ada" if owner is None else "eve")
        self.world.source.push(self.repository, sha, content)
        return sha

    def open(self, head: str = "change", by: str = "ada", draft: bool = False) -> Preview:
        number = self.people.open_pull_request(self.owner, self.name, head, by=by, draft=draft)
        repository = Repository(
            id=self.repository, owner_id=1, owner=self.owner, name=self.name, clone_url="", default_branch="main"
        )
        return Preview(
            self.world, repository, PullRequestKey(forge="github", repository_id=self.repository, number=number)
        )

    def comments(self, preview: Preview) -> list[str]:
        return [each["body"] for each in self.people.comments(self.owner, self.name, preview.key.number)]

    async def says(self, preview: Preview, text: str) -> None:
        def comment() -> str:
            return next((each for each in self.comments(preview) if COMMENT_MARKER in each), "")

        await self.world.until(lambda: text in comment(), lambda: f"a comment with {text!r}; it is {comment()!r}")

    async def has_status(self, sha: str, state: str) -> None:
        def newest() -> str:
            return next((each["state"] for each in self.people.statuses(self.owner, self.name, sha)), "")

        await self.world.until(lambda: newest() == state, lambda: f"the status {state}; it is {newest()!r}")

    async def reacts(self, preview: Preview, comment: int) -> None:
        def ours() -> list[str]:
            written = self.people.issue(self.owner, self.name, preview.key.number).comments[comment]
            return [each.content for each in written.reactions]

        await self.world.until(lambda: ours() == ["eyes", "+1"], lambda: f"seen, then done; it is {ours()}")


async def test_opened_pushed_closed_gone(place: Place) -> None:
    first = place.push()
    preview = place.open()
    report = await preview.becomes(Phase.READY, first)
    await place.says(preview, str(report.url))
    await place.has_status(first, "success")
    second = place.push()
    await preview.becomes(Phase.READY, second)
    await place.has_status(second, "success")
    place.people.close(place.owner, place.name, preview.key.number)
    await preview.is_over()
    await place.says(preview, "Torn down")
    assert len(place.comments(preview)) == 1


async def test_a_fork_waits_for_somebody_who_may_write(place: Place) -> None:
    place.people.user("eve")
    place.people.fork(place.owner, place.name, by="eve")
    sha = place.push(owner="eve")
    preview = place.open("eve:change", by="eve")
    await place.says(preview, f"/preview approve {sha}")
    assert preview.resource is None and not place.world.source.calls
    where = place.owner, place.name, preview.key.number
    place.people.comment(*where, f"/preview approve {sha}", by="eve")
    await place.world.until(
        lambda: any("write permission" in each for each in place.comments(preview)), "it is refused"
    )
    approval = place.people.comment(*where, f"/preview approve {sha}", by="ada")
    await place.reacts(preview, approval)
    await preview.becomes(Phase.READY, sha)


async def test_a_draft_until_it_is_ready_for_review(place: Place) -> None:
    place.people.push(place.owner, place.name, "main", {".catalyst.yaml": "previews: {drafts: never}\n"})
    sha = place.push()
    preview = place.open(draft=True)
    await place.says(preview, "It is a draft")
    assert preview.resource is None
    place.people.set_draft(place.owner, place.name, preview.key.number, False)
    await preview.becomes(Phase.READY, sha)


async def test_a_webhook_that_was_lost_is_made_up_for(place: Place) -> None:
    sha = place.push()
    place.webhooks.lose(1, "pull_request")
    preview = place.open()
    await asyncio.to_thread(place.webhooks.settle)
    assert not place.comments(preview)
    await place.world.reconcile()
    await preview.becomes(Phase.READY, sha)
