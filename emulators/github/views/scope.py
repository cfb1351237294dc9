"""What every view needs: whose answer it is, and under which address the caller reached us."""

import base64
from dataclasses import dataclass
from datetime import datetime

from emulators.github.model import ANONYMOUS, Account, Actor, Repository
from emulators.github.state import GitHub


@dataclass(frozen=True)
class Scope:
    github: GitHub
    api: str
    """Where API paths begin, without a last slash; with /api/v3 where the caller used it."""
    html: str
    """Where pages and git repositories begin."""
    actor: Actor = ANONYMOUS
    webhook: bool = False
    """Payloads of webhooks have some fields more, or fewer, than the API's answers."""

    def of_account(self, account: Account) -> str:
        return f"{self.api}/users/{account.login.replace('[', '%5B').replace(']', '%5D')}"

    def of(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def page_of(self, repository: Repository) -> str:
        return f"{self.html}/{repository.full_name}"


def time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else time(moment)


def node_id(kind: str, id_: int | str) -> str:
    return base64.b64encode(f"0:{kind}{id_}".encode()).decode()
