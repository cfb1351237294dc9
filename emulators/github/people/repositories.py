"""Repositories and what is pushed to them."""

from collections.abc import Mapping, Sequence

from emulators.github import operations
from emulators.github.model import Deployment, Hook, Permission
from emulators.github.notifying import ping
from emulators.github.people.base import Base, Webhook, locked


class RepositoryPeople(Base):
    """Who makes repositories, moves them, and pushes."""

    @locked
    def create_repository(
        self,
        owner: str,
        name: str,
        private: bool = False,
        files: Mapping[str, str] | None = None,
        default_branch: str = "main",
    ) -> int:
        """Its id. With `files` (without: a README.md) in a first commit on the default branch."""
        made = operations.create_repository(self.github, self.user(owner), name, private, default_branch)
        self.push(owner, name, default_branch, {"README.md": name} if files is None else files, "first")
        return made.id

    @locked
    def fork(self, owner: str, name: str, by: str, new_name: str | None = None) -> int:
        """The fork's id; it belongs to `by`."""
        return operations.fork(self.github, self.repository(owner, name), self.user(by), new_name).id

    @locked
    def rename_repository(self, owner: str, name: str, new_name: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.rename_repository(self.github, found, new_name, self._who(found, by))

    @locked
    def transfer_repository(self, owner: str, name: str, new_owner: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.transfer_repository(self.github, found, self.user(new_owner), self._who(found, by))

    @locked
    def delete_repository(self, owner: str, name: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.delete_repository(self.github, found, self._who(found, by))

    @locked
    def add_collaborator(self, owner: str, name: str, login: str, role: Permission) -> None:
        self.repository(owner, name).collaborators[self.user(login).id] = role

    @locked
    def add_webhook(self, owner: str, name: str, webhook: Webhook, events: Sequence[str] = ("*",)) -> Hook:
        """A hook of the repository itself."""
        found = self.repository(owner, name)
        made = Hook(self.github.id("hook"), webhook.url, webhook.secret, list(events), self.github.now(), found.id)
        found.hooks[made.id] = made
        ping(self.github, made, found.owner, found)
        return made

    @locked
    def push(
        self,
        owner: str,
        name: str,
        branch: str,
        files: Mapping[str, str | None],
        message: str = "a change",
        by: str | None = None,
    ) -> str:
        """One commit with these files (None deletes one) on the branch; its SHA."""
        found = self.repository(owner, name)
        content = {path: None if text is None else text.encode() for path, text in files.items()}
        return operations.commit(self.github, found, branch, content, message, self._who(found, by))

    @locked
    def force_push(self, owner: str, name: str, branch: str, sha: str, by: str | None = None) -> None:
        """The branch is at a commit that the repository has already."""
        found = self.repository(owner, name)
        self.github.git(found).set_ref(f"refs/heads/{branch}", sha)
        operations.observe_push(self.github, found, self._who(found, by))

    @locked
    def delete_branch(self, owner: str, name: str, branch: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.delete_branch(self.github, found, branch, self._who(found, by))

    @locked
    def deployments(self, owner: str, name: str) -> list[Deployment]:
        """Oldest first; their `statuses` too."""
        return list(self.repository(owner, name).deployments.values())
