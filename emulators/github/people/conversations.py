"""Pull requests, issues, comments and labels."""

from emulators.github import issues, operations, pulls
from emulators.github.model import Actor, Json
from emulators.github.people.base import Base, locked
from emulators.github.views.commits import status as status_view
from emulators.github.views.issues import comment as comment_view
from emulators.github.views.pulls import pull_request as pull_view


class ConversationPeople(Base):
    """Who opens pull requests, and talks about them."""

    @locked
    def open_pull_request(
        self,
        owner: str,
        name: str,
        head: str,
        base: str | None = None,
        title: str = "A change",
        body: str | None = None,
        draft: bool = False,
        by: str | None = None,
    ) -> int:
        """Its number. `head`: a branch, or `owner:branch` of a fork. `base`: the default branch, unless named."""
        found = self.repository(owner, name)
        wanted = pulls.Wanted(title, head, base or found.default_branch, body, draft)
        return pulls.open_pull_request(self.github, found, wanted, self._who(found, by)).number

    @locked
    def close(self, owner: str, name: str, number: int, by: str | None = None) -> None:
        pull = self.pull(owner, name, number)
        pulls.close(self.github, pull, self._who(pull.repository, by))

    @locked
    def reopen(self, owner: str, name: str, number: int, by: str | None = None) -> None:
        pull = self.pull(owner, name, number)
        pulls.reopen(self.github, pull, self._who(pull.repository, by))

    @locked
    def merge(self, owner: str, name: str, number: int, by: str | None = None) -> str:
        """By a merge commit; its SHA."""
        pull = self.pull(owner, name, number)
        sha = pulls.merge(self.github, pull, self._who(pull.repository, by))
        operations.observe_push(self.github, pull.repository, self._who(pull.repository, by))
        return sha

    @locked
    def edit_pull_request(
        self,
        owner: str,
        name: str,
        number: int,
        title: str | None = None,
        body: str | None = None,
        base: str | None = None,
        by: str | None = None,
    ) -> None:
        pull = self.pull(owner, name, number)
        pulls.edit(self.github, pull, self._who(pull.repository, by), title, body, base)

    @locked
    def set_draft(self, owner: str, name: str, number: int, draft: bool, by: str | None = None) -> None:
        pull = self.pull(owner, name, number)
        pulls.set_draft(self.github, pull, draft, self._who(pull.repository, by))

    @locked
    def open_issue(self, owner: str, name: str, title: str, by: str | None = None) -> int:
        """A plain issue's number; pull requests count with it."""
        found = self.repository(owner, name)
        return issues.open_issue(self.github, found, title, None, self._who(found, by)).number

    @locked
    def comment(self, owner: str, name: str, number: int, body: str, by: str) -> int:
        """The comment's id."""
        account = self.user(by)
        return issues.comment(self.github, self.issue(owner, name, number), body, Actor(account, name=account.login)).id

    @locked
    def edit_comment(self, owner: str, name: str, comment_id: int, body: str, by: str) -> None:
        issues.edit_comment(self.github, self._comment(owner, name, comment_id), body, self.user(by))

    @locked
    def delete_comment(self, owner: str, name: str, comment_id: int, by: str) -> None:
        issues.delete_comment(self.github, self._comment(owner, name, comment_id), self.user(by))

    @locked
    def add_label(self, owner: str, name: str, number: int, label: str, by: str | None = None) -> None:
        found = self.issue(owner, name, number)
        issues.add_label(self.github, found, label, self._who(found.repository, by))

    @locked
    def remove_label(self, owner: str, name: str, number: int, label: str, by: str | None = None) -> None:
        found = self.issue(owner, name, number)
        issues.remove_label(self.github, found, label, self._who(found.repository, by))

    @locked
    def comments(self, owner: str, name: str, number: int) -> list[Json]:
        """As the API tells them, oldest first."""
        return [comment_view(self.scope, each) for each in self.issue(owner, name, number).comments.values()]

    @locked
    def statuses(self, owner: str, name: str, sha: str) -> list[Json]:
        """As the API tells them, newest first."""
        found = self.repository(owner, name)
        return [status_view(self.scope, found, each) for each in reversed(found.statuses) if each.sha == sha]

    @locked
    def pull_request(self, owner: str, name: str, number: int) -> Json:
        """As the API tells it."""
        return pull_view(self.scope, self.pull(owner, name, number))
