"""The running local platform as its users see it: forge, API, URLs, cluster, registry. For demo and bench."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import httpx

from deploy.local.cluster import kubectl_path
from deploy.local.people import GiteaPeople
from environments import names
from environments.model import NamespaceName

LOCAL = Path(__file__).parents[2] / ".catalyst" / "local.json"
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.05
"""Between two questions to what can't be watched: an ingress, an API over HTTP."""
Json = dict[str, Any]
T = TypeVar("T")


class NotAsExpected(Exception):
    """Something didn't come; a sentence with what was seen instead."""


class Delivery(NamedTuple):
    """One webhook in the inbox; seconds since 1970."""

    received: float
    handed: float | None
    """None: Temporal hasn't taken it, or it was nobody's."""


class Platform:
    """Of `.catalyst/local.json`. Every method raises NotAsExpected when what it asks doesn't answer at all."""

    def __init__(self, local: Mapping[str, Any]) -> None:
        self.local = local
        self.people = GiteaPeople(local["forge_url"], local["forge_token"])
        token = {"Authorization": f"Bearer {local['api_token']}"}
        # Not through a proxy: everything here is on this machine.
        self._api = httpx.Client(base_url=local["api_url"], headers=token, timeout=30, trust_env=False)
        ingress = f"http://{local['ingress_address']}:{local['ingress_port']}"
        self._ingress = httpx.Client(base_url=ingress, timeout=ANSWER_SECONDS, trust_env=False)
        self._registry = httpx.Client(base_url=f"http://{local['registry']}", timeout=30, trust_env=False)

    @classmethod
    def running(cls) -> "Platform":
        """The one that `make up` of this checkout started."""
        try:
            return cls(json.loads(LOCAL.read_text()))
        except FileNotFoundError as error:
            raise NotAsExpected("No platform of this checkout runs: start it with `make up`.") from error

    # --- the product ---------------------------------------------------------------------------------------------

    def environment(self, namespace: str) -> Json | None:
        """As the API tells it; None while it knows none of that name."""
        answer = self._ask(self._api, f"/api/v1/environments/{namespace}")
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise NotAsExpected(f"The API answered {answer.status_code} about {namespace}: {answer.text[:300]}")
        found: Json = answer.json()
        return found

    def page(self, host: str, path: str = "/") -> str:
        """What `http://<host><path>` answers through the ingress; empty unless it is a 200."""
        try:
            answer = self._ingress.get(path, headers={"Host": host})
        except httpx.HTTPError:
            return ""  # pods come and go: the caller asks again
        return answer.text if answer.status_code == 200 else ""

    def first_delivery(self, repository_id: int, since: float) -> "Delivery | None":
        """The inbox's first webhook about the repository after `since` (seconds since 1970) that is worth a look."""
        path = str(self.local["database_url"]).partition(":///")[2]
        query = (
            "select received_at, handed_at, body from deliveries where forge = 'gitea'"
            " and (event like 'pull_request%' or event = 'push') and received_at >= ? order by id"
        )
        moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as inbox:
            for received, handed, body in inbox.execute(query, (moment,)):
                if json.loads(body)["repository"]["id"] == repository_id:
                    return Delivery(_seconds(received), _seconds(handed) if handed else None)
        return None

    # --- what is there -------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, given: str | None = None) -> str:
        """As administrator. Raises NotAsExpected with kubectl's own words."""
        command = self.kubectl_command(*words)
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotAsExpected(f"kubectl {' '.join(words)}: {done.stderr.strip()[:500]}")
        return done.stdout

    def kubectl_command(self, *words: str) -> list[str]:
        return [str(kubectl_path()), f"--kubeconfig={self.local['admin_kubeconfig']}", *words]

    def namespaces(self, name: str) -> list[str]:
        return self.kubectl("get", "namespace", name, "--ignore-not-found", "--output=name").split()

    def volumes(self, namespace: str) -> list[str]:
        """Persistent volumes claimed from there, bound or released."""
        found = json.loads(self.kubectl("get", "persistentvolumes", "--output=json"))["items"]
        return [
            str(each["metadata"]["name"])
            for each in found
            if (each["spec"].get("claimRef") or {}).get("namespace") == namespace
        ]

    def images(self, namespace: str) -> list[str]:
        """Repositories of the environment in the registry that still have a tag."""
        return [name for name in self._catalogue() if name.startswith(f"{namespace}/") and self._tags(name)]

    def _catalogue(self) -> Iterator[str]:
        path: str | None = "/v2/_catalog?n=500"
        while path:
            answer = self._ask(self._registry, path)
            yield from answer.json()["repositories"]
            path = answer.links.get("next", {}).get("url")

    def _tags(self, repository: str) -> list[str]:
        answer = self._ask(self._registry, f"/v2/{repository}/tags/list")
        return (answer.json().get("tags") or []) if answer.is_success else []

    def _ask(self, client: httpx.Client, path: str) -> httpx.Response:
        try:
            return client.get(path)
        except httpx.HTTPError as error:
            raise NotAsExpected(
                f"Nothing answers at {str(client.base_url).rstrip('/')}{path}: {error}. See `make status` and `make logs`."
            ) from error


def _seconds(moment: str) -> float:
    """Of a moment in the database, since 1970."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def host_of(namespace: str) -> str:
    return names.host(NamespaceName(namespace), "localhost")


def eventually(
    look: Callable[[], T | None], seconds: float, otherwise: Callable[[], str], every: float = POLL_SECONDS
) -> T:
    """The first answer of `look` that isn't None or False, asked every so many seconds. Raises NotAsExpected with `otherwise()`
    when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > deadline:
            raise NotAsExpected(f"{otherwise()} ({seconds:.0f} s passed.)")
        time.sleep(every)
