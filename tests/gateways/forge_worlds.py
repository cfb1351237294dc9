"""The forge's contract suite in three worlds: people and what they see, the same on the fake, a real Gitea and an emulated GitHub."""

import uuid
from abc import ABC, abstractmethod
from typing import NamedTuple

from activities.protocols import Forge
from emulators.github import GitHubServer
from emulators.github.model import App
from environments.model import CommitSha, PullRequest, PullRequestKey, Repository
from gateways.forge.fake import InMemoryForge
from gateways.forge.gitea import GiteaForge
from gateways.forge.github import GitHubForge
from tests.gateways.gitea_server import GiteaProcess


class Status(NamedTuple):
    state: str
    description: str
    url: str


class World(ABC):
    """People and what they see, the same on all; one repository with one open pull request."""

    forge: Forge
    key: PullRequestKey

    @abstractmethod
    def push(self) -> str: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def reopen(self) -> None: ...

    @abstractmethod
    def merge(self) -> None: ...

    @abstractmethod
    def delete_repository(self) -> None: ...

    @abstractmethod
    def comments(self) -> list[str]: ...

    @abstractmethod
    def write(self, body: str) -> tuple[int, str]:
        """A person's comment; its id, and who wrote it."""

    @abstractmethod
    def reactions(self, comment: int) -> list[str]: ...

    @abstractmethod
    def write_base(self, path: str, text: str) -> str:
        """On the base branch, by a push; its new commit."""

    @abstractmethod
    def logins(self) -> tuple[str, str]:
        """Logins of somebody who may write, and of somebody who may only read."""

    @abstractmethod
    def status(self, sha: str) -> Status: ...

    async def look(self) -> PullRequest:
        found = await self.forge.pull_request(self.key.repository_id, self.key.number)
        assert found is not None
        return found


class FakeWorld(World):
    def __init__(self) -> None:
        self.forge = self._fake = InMemoryForge()
        self._repository: Repository = self._fake.create_repository("acme", "shop")
        self.key = self._fake.open_pull_request(self._repository, "a" * 40)
        self.push()

    def push(self) -> str:
        sha = uuid.uuid4().hex + "0" * 8
        self._fake.push(self.key, sha)
        self._fake.changed[self.key] = ("page.html",)
        return sha

    def close(self) -> None:
        self._fake.close(self.key)

    def reopen(self) -> None:
        self._fake.reopen(self.key)

    def merge(self) -> None:
        self._fake.merge(self.key)

    def delete_repository(self) -> None:
        self._fake.delete_repository(self._repository)

    def comments(self) -> list[str]:
        return list(self._fake.comments.get(self.key, {}).values())

    def write(self, body: str) -> tuple[int, str]:
        return self._fake.write(self.key, "ada", body), "ada"

    def reactions(self, comment: int) -> list[str]:
        return list(self._fake.reactions.get(comment, ()))

    def write_base(self, path: str, text: str) -> str:
        sha = uuid.uuid4().hex + "0" * 8
        for ref in ("main", sha):
            self._fake.files[self.key.repository_id, ref, path] = text
        self._fake.change(self.key, base_sha=CommitSha(sha))
        return sha

    def logins(self) -> tuple[str, str]:
        self._fake.writers.add((self.key.repository_id, "ada"))
        return "ada", "eve"

    def status(self, sha: str) -> Status:
        state, description, url = self._fake.statuses[CommitSha(sha)]
        return Status(state, description, url or "")


class GiteaWorld(World):
    def __init__(self, gitea: GiteaProcess) -> None:
        self.gitea, self.people = gitea, gitea.people()
        self.forge: GiteaForge = GiteaForge(gitea.access.url, gitea.access.token)
        self.owner, self.name = f"acme-{uuid.uuid4().hex[:8]}", "shop"
        repository_id = self.people.create_repository(self.owner, self.name)
        self.people.push(self.owner, self.name, "main", {"README.md": "shop"}, "first")
        self.push()
        number = self.people.open_pull_request(self.owner, self.name, "change")
        self.key = PullRequestKey(forge="gitea", repository_id=repository_id, number=number)

    @property
    def place(self) -> tuple[str, str, int]:
        return self.owner, self.name, self.key.number

    def push(self) -> str:
        return self.people.push(self.owner, self.name, "change", {"page.html": uuid.uuid4().hex}, "a change")

    def close(self) -> None:
        self.people.close(*self.place)

    def reopen(self) -> None:
        self.people.reopen(*self.place)

    def merge(self) -> None:
        self.people.merge(*self.place)

    def delete_repository(self) -> None:
        self.people.delete_repository(self.owner, self.name)

    def comments(self) -> list[str]:
        return [comment["body"] for comment in self.people.comments(*self.place)]

    def write(self, body: str) -> tuple[int, str]:
        ada = self.logins()[0]
        return self.people.acting_as(ada).comment(*self.place, body), ada

    def reactions(self, comment: int) -> list[str]:
        return self.people.reactions(self.owner, self.name, comment)

    def write_base(self, path: str, text: str) -> str:
        return self.people.push(self.owner, self.name, "main", {path: text}, "rules")

    def logins(self) -> tuple[str, str]:
        writer, reader = f"ada-{uuid.uuid4().hex[:8]}", f"eve-{uuid.uuid4().hex[:8]}"
        for login in (writer, reader):
            self.people.create_user(login, uuid.uuid4().hex)
        self.people.add_collaborator(self.owner, self.name, writer)
        return writer, reader

    def status(self, sha: str) -> Status:
        newest = self.people.statuses(self.owner, self.name, sha)[0]
        assert newest["context"] == "catalyst/preview"
        return Status(newest["status"], newest["description"], newest["target_url"])


PERMISSIONS = {"contents": "write", "pull_requests": "write", "statuses": "write"}
"""Of our App."""


class GitHubWorld(World):
    """An organisation that the App is installed on; each world has its own, and so its own rate limit."""

    def __init__(self, github: GitHubServer, app: App, private: bool = True) -> None:
        self.github, self.app, self.people = github, app, github.people
        self.owner, self.name = f"acme-{uuid.uuid4().hex[:8]}", "shop"
        self.people.organization(self.owner, admins=("ada",))
        repository_id = self.people.create_repository(self.owner, self.name, private=private)
        self.installation = self.people.install(app, self.owner)
        self.push()
        number = self.people.open_pull_request(self.owner, self.name, "change", by="ada")
        self.key = PullRequestKey(forge="github", repository_id=repository_id, number=number)
        self.forge: GitHubForge = GitHubForge.with_app(github.api_url, str(app.id), app.private_key)

    @property
    def place(self) -> tuple[str, str, int]:
        return self.owner, self.name, self.key.number

    def push(self) -> str:
        return self.people.push(self.owner, self.name, "change", {"page.html": uuid.uuid4().hex})

    def close(self) -> None:
        self.people.close(*self.place)

    def reopen(self) -> None:
        self.people.reopen(*self.place)

    def merge(self) -> None:
        self.people.merge(*self.place)

    def delete_repository(self) -> None:
        self.people.delete_repository(self.owner, self.name)

    def comments(self) -> list[str]:
        return [comment["body"] for comment in self.people.comments(*self.place)]

    def write(self, body: str) -> tuple[int, str]:
        ada = self.logins()[0]
        return self.people.comment(*self.place, body, by=ada), ada

    def reactions(self, comment: int) -> list[str]:
        return [each.content for each in self.people.issue(*self.place).comments[comment].reactions]

    def write_base(self, path: str, text: str) -> str:
        return self.people.push(self.owner, self.name, "main", {path: text})

    def logins(self) -> tuple[str, str]:
        writer, reader = f"ada-{uuid.uuid4().hex[:8]}", f"eve-{uuid.uuid4().hex[:8]}"
        self.people.add_collaborator(self.owner, self.name, writer, "write")
        self.people.add_collaborator(self.owner, self.name, reader, "read")
        return writer, reader

    def status(self, sha: str) -> Status:
        newest = self.people.statuses(self.owner, self.name, sha)[0]
        assert newest["context"] == "catalyst/preview"
        return Status(newest["state"], newest["description"], newest["target_url"])
