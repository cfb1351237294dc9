"""Rate limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from emulators.github.clock import Clock
from emulators.github.errors import ApiError
from emulators.github.model import Json

PRIMARY = (
    "API rate limit exceeded for {name}. If you reach out to GitHub Support for help, please include the request ID."
)
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class Window:
    """One hour of one caller."""

    limit: int
    reset: datetime
    used: int = 0

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)

    def told(self) -> Json:
        reset = int(self.reset.timestamp())
        return {"limit": self.limit, "used": min(self.used, self.limit), "remaining": self.remaining, "reset": reset}


@dataclass
class _Secondary:
    status: int
    retry_after: int | None
    times: int
    path: str


@dataclass
class Limits:
    """Per caller: 5000 an hour, 60 for anonymous ones, as GitHub's defaults are; tests set them and trip them."""

    clock: Clock
    authenticated: int = 5000
    anonymous: int = 60
    _windows: dict[str, Window] = field(default_factory=dict)
    _secondary: list[_Secondary] = field(default_factory=list)

    def window(self, name: str) -> Window:
        now, known = self.clock.now(), self._windows.get(name)
        if known is None or known.reset <= now:
            limit = self.anonymous if name == "anonymous" else self.authenticated
            known = self._windows[name] = Window(limit, now + timedelta(hours=1))
        return known

    def exhaust(self, name: str, reset_after: float = 3600) -> None:
        """Nothing is left to the caller (a user's login, an App's slug, or `installation ID <id>`) for that many seconds."""
        window = self.window(name)
        window.used, window.reset = window.limit, self.clock.now() + timedelta(seconds=reset_after)

    def refuse(self, times: int = 1, status: int = 403, retry_after: int | None = 60, path: str = "") -> None:
        """The next calls whose path contains `path` meet a secondary limit. `retry_after`: seconds, or no such header."""
        self._secondary.append(_Secondary(status, retry_after, times, path))

    def check(self, name: str, path: str) -> None:
        """Raises ApiError when a limit is met."""
        for tripped in self._secondary:
            if tripped.times > 0 and tripped.path in path:
                tripped.times -= 1
                headers = {} if tripped.retry_after is None else {"Retry-After": str(tripped.retry_after)}
                raise ApiError(tripped.status, SECONDARY, headers=headers)
        if self.window(name).remaining == 0:
            raise ApiError(403, PRIMARY.format(name=name))

    def spend(self, name: str) -> None:
        self.window(name).used += 1

    def headers(self, name: str) -> dict[str, str]:
        told = self.window(name).told() | {"resource": "core"}
        return {f"X-RateLimit-{key.capitalize()}": str(value) for key, value in told.items()}
