"""What all that people do has in common: names are found, and GitHub is locked meanwhile."""

import functools
from collections.abc import Callable
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from emulators.github.model import Account, Actor, Comment, Issue, PullRequest, Repository
from emulators.github.state import GitHub
from emulators.github.views.scope import Scope

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Base")


def locked(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    def inner(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.github.lock:
            return method(self, *args, **kwargs)

    return functools.update_wrapper(inner, method)


class Webhook(NamedTuple):
    """Where deliveries go, and the secret that signs them (None: unsigned)."""

    url: str
    secret: str | None = None


class Base:
    """Accounts, and how the others find what they are told the name of."""

    def __init__(self, github: GitHub) -> None:
        self.github = github

    @locked
    def user(self, login: str) -> Account:
        return self.github.accounts.get(login.lower()) or self.github.add_account(login, "User")

    @locked
    def organization(self, login: str, admins: tuple[str, ...] = (), members: tuple[str, ...] = ()) -> Account:
        made = self.github.accounts.get(login.lower()) or self.github.add_account(login, "Organization")
        made.members |= {self.user(name).id: "admin" for name in admins}
        made.members |= {self.user(name).id: "member" for name in members}
        return made

    @locked
    def token(self, login: str) -> str:
        """A personal access token."""
        account = self.user(login)
        return self.github.add_token(Actor(account, name=account.login), "ghp")

    @locked
    def repository(self, owner: str, name: str) -> Repository:
        return self.github.repository(owner, name)

    @locked
    def issue(self, owner: str, name: str, number: int) -> Issue:
        return self.repository(owner, name).issues[number]

    @locked
    def pull(self, owner: str, name: str, number: int) -> PullRequest:
        found = self.repository(owner, name).issues[number]
        assert isinstance(found, PullRequest)
        return found

    @property
    def scope(self) -> Scope:
        return Scope(self.github, f"{self.github.url}/api/v3", self.github.url)

    def _comment(self, owner: str, name: str, comment_id: int) -> Comment:
        for issue in self.repository(owner, name).issues.values():
            if comment_id in issue.comments:
                return issue.comments[comment_id]
        raise KeyError(f"{owner}/{name} has no comment {comment_id}")

    def _who(self, repository: Repository, by: str | None) -> Account:
        return self._sender(repository.owner, by)

    def _sender(self, owner: Account, by: str | None) -> Account:
        return owner if by is None else self.user(by)
