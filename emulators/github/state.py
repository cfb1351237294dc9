"""All that one GitHub knows, in memory; the git repositories are on disk."""

import itertools
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from emulators.github.answers import Answer
from emulators.github.clock import Clock
from emulators.github.errors import ApiError, Moved, custom, invalid, not_found
from emulators.github.git import Git
from emulators.github.limits import Limits
from emulators.github.model import ROLES, Account, Actor, App, Installation, Json, Permission, Repository
from emulators.github.webhooks import Webhooks

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FIRST_IDS = {"account": 9_000_001, "repository": 700_000_001, "issue": 1_900_000_001, "pull": 2_100_000_001}
_FIRST_IDS |= {"comment": 2_500_000_001, "status": 30_000_000_001, "label": 6_000_000_001, "app": 300_001}
_FIRST_IDS |= {"installation": 40_000_001, "check_run": 41_000_000_001, "check_suite": 33_000_000_001}
_FIRST_IDS |= {"deployment": 1_600_000_001, "deployment_status": 3_700_000_001, "reaction": 240_000_001}
_FIRST_IDS |= {"hook": 450_000_001, "delivery": 100_000_000_001, "environment": 1_200_000_001}
"""As large as GitHub's, and no two kinds alike: whoever takes one id for another finds nothing."""


MOST_ANSWERS = 10_000


class GitHub:
    """`root`: where the git repositories lie. `notify`: tells webhooks (notifying.notify). Reading and changing it needs `lock`."""

    def __init__(self, root: Path, notify: "Notify") -> None:
        self.root = root
        self.url = "http://127.0.0.1:1"
        """Where it is served; no path. Webhooks name it."""
        self.lock = threading.RLock()
        self.clock = Clock()
        self.limits = Limits(self.clock)
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[int, Repository] = {}
        self.names: dict[str, int] = {}
        self.old_names: dict[str, int] = {}
        self.tokens: dict[str, tuple[Actor, datetime | None]] = {}
        """What a token may, and until when (None: for ever)."""
        self.apps: dict[int, App] = {}
        self.installations: dict[int, Installation] = {}
        self.manifest_codes: dict[str, tuple[App, datetime]] = {}
        """Apps that came to be from a manifest, and when, until somebody fetches their keys."""
        self.signed_in: Account | None = None
        """Who looks at GitHub's pages."""
        self.token_lifetime: float = 3600
        """Seconds that the next installation tokens are valid for."""
        self.answers: deque[Answer] = deque(maxlen=MOST_ANSWERS)
        """To calls of the API, the newest last."""
        self.webhooks = Webhooks(self.clock, lambda: self.id("delivery"))
        self.notify: Notify = notify
        self.events: list[tuple[str, str | None, Json]] = []
        """What happened: event, action, records that it concerns."""
        self._ids: dict[str, Iterator[int]] = {kind: itertools.count(first) for kind, first in _FIRST_IDS.items()}

    def id(self, kind: str) -> int:
        return next(self._ids[kind])

    def now(self) -> datetime:
        return self.clock.now()

    def tell(self, event: str, action: str | None, sender: Account, **records: Any) -> None:
        """Something happened that webhooks may be told of."""
        known = {"sender": sender} | records
        self.events.append((event, action, known))
        self.notify(self, event, action, known)

    # Accounts
    def add_account(self, login: str, type: Literal["User", "Organization", "Bot"]) -> Account:
        """Raises ApiError when the name is taken or no name."""
        if login.lower() in self.accounts or not _NAME.fullmatch(login.removesuffix("[bot]")):
            raise custom("User", f"Username {login} is not available")
        account = Account(self.id("account"), login, type, self.now())
        self.accounts[login.lower()] = account
        return account

    def account(self, login: str) -> Account:
        """Raises ApiError (404)."""
        found = self.accounts.get(login.lower())
        if found is None:
            raise not_found()
        return found

    def add_token(self, actor: Actor, prefix: str, lifetime: timedelta | None = None) -> str:
        token = f"{prefix}_{secrets.token_hex(18)}"
        self.tokens[token] = (actor, None if lifetime is None else self.now() + lifetime)
        return token

    # Repositories
    def repository(self, owner: str, name: str) -> Repository:
        """Raises ApiError (404), or Moved when it had that name once."""
        full_name = f"{owner}/{name}".lower()
        if full_name in self.names:
            return self.repositories[self.names[full_name]]
        if full_name in self.old_names:
            raise Moved(self.old_names[full_name])
        raise not_found()

    def repository_by_id(self, repository_id: int) -> Repository:
        """Raises ApiError (404)."""
        if repository_id not in self.repositories:
            raise not_found()
        return self.repositories[repository_id]

    def git(self, repository: Repository) -> Git:
        return Git(repository.folder)

    def take_name(self, repository: Repository, owner: Account, name: str) -> None:
        """Also a name that led to another repository until now: a redirect gives way. Raises ApiError (422)."""
        full_name = f"{owner.login}/{name}".lower()
        if not _NAME.fullmatch(name) or name in (".", "..") or name.endswith(".git"):
            raise invalid("Repository", "name")
        if self.names.get(full_name, repository.id) != repository.id:
            raise custom("Repository", "name already exists on this account")
        self.release_name(repository)
        self.old_names.pop(full_name, None)
        self.names[full_name] = repository.id
        repository.owner, repository.name = owner, name

    def release_name(self, repository: Repository) -> None:
        """What it was called leads to it from now on."""
        full_name = repository.full_name.lower()
        if self.names.get(full_name) == repository.id:
            del self.names[full_name]
            self.old_names[full_name] = repository.id

    def forget(self, repository: Repository) -> None:
        del self.repositories[repository.id]
        for names in (self.names, self.old_names):
            for full_name in [name for name, id_ in names.items() if id_ == repository.id]:
                del names[full_name]

    # Who may what
    def role(self, account: Account | None, repository: Repository) -> Permission:
        """Of a person; the most of what ownership, membership, collaboration and publicity give."""
        given: list[Permission] = ["none" if repository.private else "read"]
        if account is not None:
            given.append(repository.collaborators.get(account.id, "none"))
            member = repository.owner.members.get(account.id)
            if repository.owner is account or member == "admin":
                given.append("admin")
            elif member:
                given.append("read")
        return max(given, key=ROLES.index)

    def reaches(self, installation: Installation, repository: Repository) -> bool:
        """Whether an App is installed on the repository."""
        ids = installation.repository_ids
        return repository.owner is installation.account and (ids is None or repository.id in ids)

    def sees(self, actor: Actor, repository: Repository) -> bool:
        if actor.app is not None and actor.installation is None:
            mine = (each for each in self.installations.values() if each.app is actor.app)
            return not repository.private or any(self.reaches(each, repository) for each in mine)
        if actor.installation is None:
            return self.role(actor.account, repository) != "none"
        return not repository.private or self.is_granted(actor, repository)

    def is_granted(self, actor: Actor, repository: Repository) -> bool:
        """Whether an installation token is one for this repository."""
        assert actor.installation is not None
        chosen = actor.repository_ids is None or repository.id in actor.repository_ids
        return chosen and self.reaches(actor.installation, repository)

    def allow(self, actor: Actor, repository: Repository, role: Permission, needs: tuple[str, ...]) -> None:
        """Raises ApiError unless the actor may: a person by `role`, an App by one of `needs` ("checks:write")."""
        if not self.sees(actor, repository):
            raise not_found()
        if actor.app is not None and actor.installation is None:
            return
        if actor.installation is not None:
            self._allow_app(actor, repository, needs)
        elif ROLES.index(self.role(actor.account, repository)) < ROLES.index(role):
            raise ApiError(403, "Must have admin rights to Repository.") if role == "admin" else not_found()
        elif actor.account is None and any(need.endswith(":write") for need in needs):
            raise ApiError(401, "Requires authentication")

    def _allow_app(self, actor: Actor, repository: Repository, needs: tuple[str, ...]) -> None:
        granted = dict(actor.permissions or {}) if self.is_granted(actor, repository) else {}
        if not repository.private:
            granted = {need.split(":")[0]: "read" for need in needs} | granted
        if needs and not any(_covers(granted.get(need.split(":")[0]), need.split(":")[1]) for need in needs):
            raise ApiError(403, "Resource not accessible by integration")


Notify = Callable[[GitHub, str, str | None, Json], None]
"""Of event, action, and the records that it concerns."""


def _covers(granted: str | None, wanted: str) -> bool:
    return granted == "write" or (granted == "read" and wanted == "read")
