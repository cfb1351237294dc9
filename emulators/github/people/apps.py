"""Apps, their installations, and what people click at their checks."""

from collections.abc import Sequence

from emulators.github import apps, checks
from emulators.github.model import App, CheckRun, Installation
from emulators.github.people.base import Base, Webhook, locked


class AppPeople(Base):
    """Who registers Apps, installs them, and clicks what they show."""

    @locked
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

    @locked
    def sign_in(self, login: str) -> None:
        """Who looks at GitHub's pages from now on."""
        self.github.signed_in = self.user(login)

    @locked
    def install(
        self, app: App, account: str, repositories: Sequence[str] | None = None, by: str | None = None
    ) -> Installation:
        """On all repositories of the account, also later ones, or on these (by name)."""
        owner = self.user(account)
        chosen = None if repositories is None else [self.repository(account, name) for name in repositories]
        return apps.install(self.github, app, owner, chosen, self._sender(owner, by))

    @locked
    def uninstall(self, installation: Installation, by: str | None = None) -> None:
        apps.uninstall(self.github, installation, self._sender(installation.account, by))

    @locked
    def suspend(self, installation: Installation, by: str | None = None) -> None:
        apps.suspend(self.github, installation, self._sender(installation.account, by))

    @locked
    def unsuspend(self, installation: Installation, by: str | None = None) -> None:
        apps.unsuspend(self.github, installation, self._sender(installation.account, by))

    @locked
    def accept_permissions(self, installation: Installation, by: str | None = None) -> None:
        """The account's owner agrees to what the App's `permissions` and `events` are by now."""
        apps.accept_permissions(self.github, installation, self._sender(installation.account, by))

    @locked
    def choose_repositories(
        self, installation: Installation, added: Sequence[str] = (), removed: Sequence[str] = (), by: str | None = None
    ) -> None:
        """Repositories of the account, by name, join an installation or leave it."""
        login = installation.account.login
        joining, leaving = ([self.repository(login, name) for name in names] for names in (added, removed))
        apps.choose(self.github, installation, joining, leaving, self._sender(installation.account, by))

    @locked
    def installation_token(self, installation: Installation) -> str:
        """As an App gets it by its JWT."""
        return apps.create_token(self.github, installation, {})[0]

    @locked
    def rerequest_check(self, owner: str, name: str, check_run_id: int, by: str) -> None:
        """Re-run is clicked at one check run."""
        checks.rerequest(self.github, self.check_run(owner, name, check_run_id), self.user(by))

    @locked
    def request_action(self, owner: str, name: str, check_run_id: int, identifier: str, by: str) -> None:
        """One of the check run's own buttons is clicked."""
        checks.request_action(self.github, self.check_run(owner, name, check_run_id), identifier, self.user(by))

    @locked
    def rerequest_checks(self, owner: str, name: str, check_run_id: int, by: str) -> None:
        """Re-run all checks is clicked: for the suite that this run is one of."""
        checks.rerequest_suite(self.github, self.check_run(owner, name, check_run_id).suite, self.user(by))

    @locked
    def check_run(self, owner: str, name: str, check_run_id: int) -> CheckRun:
        for run in self.check_runs(owner, name):
            if run.id == check_run_id:
                return run
        raise KeyError(f"{owner}/{name} has no check run {check_run_id}")

    @locked
    def check_runs(self, owner: str, name: str, sha: str | None = None) -> list[CheckRun]:
        """Of one commit, or of all; oldest first."""
        suites = self.repository(owner, name).suites.values()
        return [run for suite in suites if sha in (None, suite.head_sha) for run in suite.runs]
