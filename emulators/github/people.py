"""What people do on GitHub and see there: how tests act, without HTTP."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from emulators.github import apps, checks, issues, operations, pulls
from emulators.github.model import (
    Account,
    Actor,
    App,
    CheckRun,
    Comment,
    Deployment,
    Hook,
    Installation,
    Issue,
    Json,
    Permission,
    PullRequest,
    Repository,
)
from emulators.github.notifying import ping
from emulators.github.state import GitHub
from emulators.github.views.commits import status as status_view
from emulators.github.views.issues import comment as comment_view
from emulators.github.views.pulls import pull_request as pull_view
from emulators.github.views.scope import Scope

P = ParamSpec("P")
T = TypeVar("T")


def _locked(method: "Callable[Concatenate[People, P], T]") -> "Callable[Concatenate[People, P], T]":
    def inner(self: "People", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.github.lock:
            return method(self, *args, **kwargs)

    return functools.update_wrapper(inner, method)


class Webhook(NamedTuple):
    """Where deliveries go, and the secret that signs them (None: unsigned)."""

    url: str
    secret: str | None = None


class People:
    """Repositories are named by owner and name, people by login; `by` is who does it (without: the repository's owner).
    Accounts come to be when they are first named. Everything raises ApiError where GitHub would refuse."""

    def __init__(self, github: GitHub) -> None:
        self.github = github

    # Accounts
    @_locked
    def user(self, login: str) -> Account:
        return self.github.accounts.get(login.lower()) or self.github.add_account(login, "User")

    @_locked
    def organization(self, login: str, admins: tuple[str, ...] = (), members: tuple[str, ...] = ()) -> Account:
        made = self.github.accounts.get(login.lower()) or self.github.add_account(login, "Organization")
        made.members |= {self.user(name).id: "admin" for name in admins}
        made.members |= {self.user(name).id: "member" for name in members}
        return made

    @_locked
    def token(self, login: str) -> str:
        """A personal access token."""
        account = self.user(login)
        return self.github.add_token(Actor(account, name=account.login), "ghp")

    # Apps
    @_locked
    def create_app(
        self,
        owner: str,
        name: str,
        permissions: dict[str, str],
        events: Sequence[str] = (),
        webhook: Webhook | None = None,
    ) -> App:
        """A GitHub App; its key, id and secrets are fields of what this returns."""
        made = apps.create_app(self.github, self.user(owner), name, permissions, list(events))
        if webhook is not None:
            apps.set_webhook(self.github, made, *webhook)
        return made

    @_locked
    def sign_in(self, login: str) -> None:
        """Who looks at GitHub's pages from now on."""
        self.github.signed_in = self.user(login)

    @_locked
    def install(
        self, app: App, account: str, repositories: Sequence[str] | None = None, by: str | None = None
    ) -> Installation:
        """On all repositories of the account, also later ones, or on these (by name)."""
        owner = self.user(account)
        chosen = None if repositories is None else [self.repository(account, name) for name in repositories]
        return apps.install(self.github, app, owner, chosen, self._sender(owner, by))

    @_locked
    def uninstall(self, installation: Installation, by: str | None = None) -> None:
        apps.uninstall(self.github, installation, self._sender(installation.account, by))

    @_locked
    def suspend(self, installation: Installation, by: str | None = None) -> None:
        apps.suspend(self.github, installation, self._sender(installation.account, by))

    @_locked
    def unsuspend(self, installation: Installation, by: str | None = None) -> None:
        apps.unsuspend(self.github, installation, self._sender(installation.account, by))

    @_locked
    def accept_permissions(self, installation: Installation, by: str | None = None) -> None:
        """The account's owner agrees to what the App's `permissions` and `events` are by now."""
        apps.accept_permissions(self.github, installation, self._sender(installation.account, by))

    @_locked
    def choose_repositories(
        self, installation: Installation, added: Sequence[str] = (), removed: Sequence[str] = (), by: str | None = None
    ) -> None:
        """Repositories of the account, by name, join an installation or leave it."""
        login = installation.account.login
        joining, leaving = ([self.repository(login, name) for name in names] for names in (added, removed))
        apps.choose(self.github, installation, joining, leaving, self._sender(installation.account, by))

    @_locked
    def installation_token(self, installation: Installation) -> str:
        """As an App gets it by its JWT."""
        return apps.create_token(self.github, installation, {})[0]

    # Repositories
    @_locked
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

    @_locked
    def fork(self, owner: str, name: str, by: str, new_name: str | None = None) -> int:
        """The fork's id; it belongs to `by`."""
        return operations.fork(self.github, self.repository(owner, name), self.user(by), new_name).id

    @_locked
    def repository(self, owner: str, name: str) -> Repository:
        return self.github.repository(owner, name)

    @_locked
    def rename_repository(self, owner: str, name: str, new_name: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.rename_repository(self.github, found, new_name, self._who(found, by))

    @_locked
    def transfer_repository(self, owner: str, name: str, new_owner: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.transfer_repository(self.github, found, self.user(new_owner), self._who(found, by))

    @_locked
    def delete_repository(self, owner: str, name: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.delete_repository(self.github, found, self._who(found, by))

    @_locked
    def add_collaborator(self, owner: str, name: str, login: str, role: Permission) -> None:
        self.repository(owner, name).collaborators[self.user(login).id] = role

    @_locked
    def add_webhook(self, owner: str, name: str, webhook: Webhook, events: Sequence[str] = ("*",)) -> Hook:
        """A hook of the repository itself."""
        found = self.repository(owner, name)
        made = Hook(self.github.id("hook"), webhook.url, webhook.secret, list(events), self.github.now(), found.id)
        found.hooks[made.id] = made
        ping(self.github, made, found.owner, found)
        return made

    # Git
    @_locked
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

    @_locked
    def force_push(self, owner: str, name: str, branch: str, sha: str, by: str | None = None) -> None:
        """The branch is at a commit that the repository has already."""
        found = self.repository(owner, name)
        self.github.git(found).set_ref(f"refs/heads/{branch}", sha)
        operations.observe_push(self.github, found, self._who(found, by))

    @_locked
    def delete_branch(self, owner: str, name: str, branch: str, by: str | None = None) -> None:
        found = self.repository(owner, name)
        operations.delete_branch(self.github, found, branch, self._who(found, by))

    # Pull requests
    @_locked
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

    @_locked
    def pull(self, owner: str, name: str, number: int) -> PullRequest:
        found = self.repository(owner, name).issues[number]
        assert isinstance(found, PullRequest)
        return found

    @_locked
    def close(self, owner: str, name: str, number: int, by: str | None = None) -> None:
        pull = self.pull(owner, name, number)
        pulls.close(self.github, pull, self._who(pull.repository, by))

    @_locked
    def reopen(self, owner: str, name: str, number: int, by: str | None = None) -> None:
        pull = self.pull(owner, name, number)
        pulls.reopen(self.github, pull, self._who(pull.repository, by))

    @_locked
    def merge(self, owner: str, name: str, number: int, by: str | None = None) -> str:
        """By a merge commit; its SHA."""
        pull = self.pull(owner, name, number)
        sha = pulls.merge(self.github, pull, self._who(pull.repository, by))
        operations.observe_push(self.github, pull.repository, self._who(pull.repository, by))
        return sha

    @_locked
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

    @_locked
    def set_draft(self, owner: str, name: str, number: int, draft: bool, by: str | None = None) -> None:
        pull = self.pull(owner, name, number)
        pulls.set_draft(self.github, pull, draft, self._who(pull.repository, by))

    # Conversation
    @_locked
    def open_issue(self, owner: str, name: str, title: str, by: str | None = None) -> int:
        """A plain issue's number; pull requests count with it."""
        found = self.repository(owner, name)
        return issues.open_issue(self.github, found, title, None, self._who(found, by)).number

    @_locked
    def issue(self, owner: str, name: str, number: int) -> Issue:
        return self.repository(owner, name).issues[number]

    @_locked
    def comment(self, owner: str, name: str, number: int, body: str, by: str) -> int:
        """The comment's id."""
        account = self.user(by)
        return issues.comment(self.github, self.issue(owner, name, number), body, Actor(account, name=account.login)).id

    @_locked
    def edit_comment(self, owner: str, name: str, comment_id: int, body: str, by: str) -> None:
        issues.edit_comment(self.github, self._comment(owner, name, comment_id), body, self.user(by))

    @_locked
    def delete_comment(self, owner: str, name: str, comment_id: int, by: str) -> None:
        issues.delete_comment(self.github, self._comment(owner, name, comment_id), self.user(by))

    @_locked
    def add_label(self, owner: str, name: str, number: int, label: str, by: str | None = None) -> None:
        found = self.issue(owner, name, number)
        issues.add_label(self.github, found, label, self._who(found.repository, by))

    @_locked
    def remove_label(self, owner: str, name: str, number: int, label: str, by: str | None = None) -> None:
        found = self.issue(owner, name, number)
        issues.remove_label(self.github, found, label, self._who(found.repository, by))

    # Checks
    @_locked
    def rerequest_check(self, owner: str, name: str, check_run_id: int, by: str) -> None:
        """Re-run is clicked at one check run."""
        checks.rerequest(self.github, self.check_run(owner, name, check_run_id), self.user(by))

    @_locked
    def request_action(self, owner: str, name: str, check_run_id: int, identifier: str, by: str) -> None:
        """One of the check run's own buttons is clicked."""
        checks.request_action(self.github, self.check_run(owner, name, check_run_id), identifier, self.user(by))

    @_locked
    def rerequest_checks(self, owner: str, name: str, check_run_id: int, by: str) -> None:
        """Re-run all checks is clicked: for the suite that this run is one of."""
        checks.rerequest_suite(self.github, self.check_run(owner, name, check_run_id).suite, self.user(by))

    @_locked
    def check_run(self, owner: str, name: str, check_run_id: int) -> CheckRun:
        for run in self.check_runs(owner, name):
            if run.id == check_run_id:
                return run
        raise KeyError(f"{owner}/{name} has no check run {check_run_id}")

    # What people see
    @_locked
    def check_runs(self, owner: str, name: str, sha: str | None = None) -> list[CheckRun]:
        """Of one commit, or of all; oldest first."""
        suites = self.repository(owner, name).suites.values()
        return [run for suite in suites if sha in (None, suite.head_sha) for run in suite.runs]

    @_locked
    def deployments(self, owner: str, name: str) -> list[Deployment]:
        """Oldest first; their `statuses` too."""
        return list(self.repository(owner, name).deployments.values())

    @_locked
    def comments(self, owner: str, name: str, number: int) -> list[Json]:
        """As the API tells them, oldest first."""
        return [comment_view(self.scope, each) for each in self.issue(owner, name, number).comments.values()]

    @_locked
    def statuses(self, owner: str, name: str, sha: str) -> list[Json]:
        """As the API tells them, newest first."""
        found = self.repository(owner, name)
        return [status_view(self.scope, found, each) for each in reversed(found.statuses) if each.sha == sha]

    @_locked
    def pull_request(self, owner: str, name: str, number: int) -> Json:
        """As the API tells it."""
        return pull_view(self.scope, self.pull(owner, name, number))

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
