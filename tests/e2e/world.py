"""A small language for tests on the running platform: people act on the forge, and what comes of it is waited for.

Every wait is a poll with a limit; past it the test fails with what it waited for, the report, the comment and the logs.
"""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import httpx
import pytest

from deploy.local.people import GiteaPeople, PeopleRefused
from environments import names
from environments.messages import COMMENT_MARKER
from environments.model import EnvironmentKey, PullRequestKey
from tests.e2e.machine import CommandFailed, Json, Machine
from tests.patience import PATIENCE_SECONDS

T = TypeVar("T")
Files = Mapping[str, str]

SAMPLES = Path(__file__).parents[2] / "samples"
READY_SECONDS = 180
"""From a push to its end: some seconds on an idle machine; this is for one that does three of them and compiles besides."""
GONE_SECONDS = 120
PAUSE_SECONDS = 0.3
HTTP_SECONDS = 20
TIMES = 25
"""Requests that must all be answered by the new pods; with an old one left, half of them would not be."""


def sample(name: str) -> dict[str, str]:
    root = SAMPLES / name
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


class Platform:
    """The running platform; remembers what tests opened, so that nothing is left running after them."""

    def __init__(self, local: Mapping[str, Any]) -> None:
        self.local = local
        self.machine = Machine(local)
        self.people = GiteaPeople(local["forge_url"], local["forge_token"])
        token = {"Authorization": f"Bearer {local['api_token']}"}
        self.api = httpx.Client(base_url=local["api_url"], headers=token, timeout=HTTP_SECONDS, trust_env=False)
        address = f"http://{local['ingress_address']}:{local['ingress_port']}"
        self.ingress = httpx.Client(base_url=address, timeout=HTTP_SECONDS, trust_env=False)
        self._previews: list[Preview] = []

    def repository(self, team: str | None = None, name: str = "shop") -> "Repository":
        """A new one with one commit; of a new team, unless one is named."""
        team = team or new_team()
        id = self.people.create_repository(team, name)
        self.people.push(team, name, "main", {"README.md": "A repository of the tests.\n"}, "first commit")
        return Repository(self, team, name, id)

    def opened(self, files: Files) -> "Preview":
        """A pull request in a new repository of a new team."""
        return self.repository().opened(files)

    def deliver(self, event: str, payload: Json, delivery: str, secret: str | None = None) -> httpx.Response:
        """A webhook as the forge sends it, signed by hand."""
        body = json.dumps(payload).encode()
        key = (secret or self.local["webhook_secret"]).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Gitea-Event": event,
            "X-Gitea-Delivery": delivery,
            "X-Gitea-Signature": hmac.new(key, body, hashlib.sha256).hexdigest(),
        }
        return httpx.post(
            self.local["webhook_url"], content=body, headers=headers, timeout=HTTP_SECONDS, trust_env=False
        )

    def note(self, preview: "Preview") -> None:
        self._previews.append(preview)

    def is_answering(self) -> bool:
        try:
            return self.api.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def tidy_up(self) -> None:
        for preview in self._previews:
            if preview.is_open:
                preview.closed()
        self.people.close_connections()
        self.api.close()
        self.ingress.close()
        self.machine.close()


class Repository:
    def __init__(self, platform: Platform, team: str, name: str, id: int) -> None:
        self.platform, self.team, self.name, self.id = platform, team, name, id

    def opened(self, files: Files, branch: str = "change") -> "Preview":
        """A pull request with these files is opened."""
        people = self.platform.people
        head = people.push(self.team, self.name, branch, files, "a change")
        number = people.open_pull_request(self.team, self.name, branch, title=f"Change {branch}")
        return Preview(self, branch, number, head)


class Preview:
    """One pull request and what comes of it."""

    def __init__(self, repository: Repository, branch: str, number: int, head: str) -> None:
        self.repository, self.branch, self.number, self.head = repository, branch, number, head
        self.is_open = True
        self.platform = repository.platform
        self.machine = self.platform.machine
        environment = names.preview_name(number)
        self.home = names.project_namespace(repository.team, repository.name)
        self.namespace = names.environment_namespace(repository.team, repository.name, environment)
        self.resource = EnvironmentKey(namespace=self.home, name=environment)
        self.key = PullRequestKey(forge="gitea", repository_id=repository.id, number=number)
        self.host = names.host(self.namespace, "localhost")
        self.platform.note(self)

    # --- what people do ------------------------------------------------------------------------------------------

    def pushed(self, files: Files) -> str:
        self.head = self.platform.people.push(*self._where(), self.branch, files, "another change")
        return self.head

    def closed(self) -> None:
        self.platform.people.close(*self._where(), self.number)
        self.is_open = False

    def reopened(self) -> None:
        self.platform.people.reopen(*self._where(), self.number)
        self.is_open = True

    def asked(self, command: str, /, **body: Any) -> str:
        """`retry`, `stop`, `override`, `push` through the API; its answer's sentence."""
        answer = self.platform.api.post(f"/api/v1/environments/{self.namespace}/{command}", json=body)
        assert answer.status_code in (200, 202), f"{command} of {self.namespace} was answered {answer.text}"
        return str(answer.json()["message"])

    def runs(self, command: str, seconds: float = 60) -> str:
        """Output of a shell command in its container. Raises CommandFailed."""
        words = ("exec", "--namespace", self.namespace, "deployment/web", "--container=app", "--")
        return self.machine.kubectl(*words, "bash", "-c", command, seconds=seconds)

    # --- what comes of it ----------------------------------------------------------------------------------------

    def report(self) -> Json:
        """As the API tells it; empty while it knows none, or doesn't answer."""
        try:
            answer = self.platform.api.get(f"/api/v1/environments/{self.namespace}")
        except httpx.TransportError:
            return {}
        return dict(answer.json()) if answer.status_code == 200 else {}

    def becomes(self, phase: str, within: float = READY_SECONDS) -> Json:
        """The report, once the newest commit is in that phase."""

        def look() -> Json | None:
            report = self.report()
            return report if (report.get("phase"), report.get("commit")) == (phase, self.head) else None

        return self.until(look, within, f"{self.namespace} is {phase} at {self.head[:7]}")

    def fetch(self, path: str = "/") -> httpx.Response | None:
        """None: nothing took the request."""
        try:
            return self.platform.ingress.get(path, headers={"Host": self.host})
        except httpx.TransportError:
            return None

    def answers(self, text: str, path: str = "/") -> str:
        """What its URL answers, once that contains the text."""

        def look() -> str | None:
            answer = self.fetch(path)
            return answer.text if answer is not None and answer.status_code == 200 and text in answer.text else None

        return self.until(look, PATIENCE_SECONDS, f"http://{self.host}{path} answers {text!r}")

    def answers_only(self, text: str) -> None:
        """No pod of an older commit answers any more."""
        said = [answer.text if (answer := self.fetch()) else "nothing" for _ in range(TIMES)]
        others = sorted({each[:100] for each in said if text not in each})
        assert not others, f"{self.host} is Ready at {self.head[:7]} but also answers {others}"

    def comment(self) -> str:
        """Our only comment; empty while there is none."""
        comments = [each["body"] for each in self.platform.people.comments(*self._where(), self.number)]
        ours = [body for body in comments if COMMENT_MARKER in body]
        assert len(ours) <= 1, f"{len(ours)} comments on pull request {self.number}, one is edited in place: {ours}"
        return ours[0] if ours else ""

    def says(self, *texts: str, within: float = PATIENCE_SECONDS) -> str:
        """The comment, once it contains all of them."""

        def look() -> str | None:
            comment = self.comment()
            return comment if all(text in comment for text in texts) else None

        return self.until(look, within, f"the comment says {texts}")

    def has_status(self, state: str, *texts: str, within: float = PATIENCE_SECONDS) -> Json:
        """The newest status of the head, once it is that."""

        def look() -> Json | None:
            found = self.platform.people.statuses(*self._where(), self.head)
            newest = found[0] if found else {"status": "none", "description": ""}
            is_it = newest["status"] == state and all(text in newest["description"] for text in texts)
            return newest if is_it else None

        return self.until(look, within, f"the status of {self.head[:7]} is {state} and says {texts}")

    def is_removed(self, within: float = GONE_SECONDS) -> None:
        """Namespace, volumes, images and resource are gone; its pull request may be open."""
        self.until(lambda: not self.remains(), within, f"nothing of {self.namespace} is left")

    def is_gone(self, within: float = GONE_SECONDS) -> None:
        """Removed, and its workflows ended well."""
        self.is_removed(within)
        self.until(lambda: not self.running(), within, f"the workflows of {self.namespace} have completed")

    def remains(self) -> list[str]:
        machine = self.machine
        found = [f"PersistentVolume {name}" for name in machine.volumes_of(self.namespace)]
        found += [f"image {name}" for name in machine.images_of(self.namespace)]
        found += ["Environment"] if machine.get("environments", self.resource.name, self.home) else []
        return found + (["Namespace"] if machine.get("namespace", self.namespace) else [])

    def workflow_ids(self) -> tuple[str, str]:
        """Its pull request's and its environment's."""
        return names.pull_request_workflow_id(self.key), names.environment_workflow_id(self.resource)

    def running(self) -> list[str]:
        """Workflows that have not completed, with their status."""
        found = [(each, (self.machine.workflow(each) or {}).get("status", "")) for each in self.workflow_ids()]
        return [f"{each}: {status}" for each, status in found if not status.endswith("COMPLETED")]

    def pods(self) -> list[Json]:
        return self.machine.every("pods", self.namespace)

    def pod_names(self) -> set[str]:
        return {str(pod["metadata"]["name"]) for pod in self.pods()}

    def log(self, name: str) -> str:
        """`build`, `install`, `container` or `command`, of the newest rollout."""
        return self.platform.api.get(f"/api/v1/environments/{self.namespace}/logs/{name}").text

    def uid(self) -> str:
        """Of its namespace."""
        found = self.machine.get("namespace", self.namespace)
        return str(found["metadata"]["uid"]) if found else ""

    def payload(self, action: str) -> Json:
        """Of a webhook about it, with as much as the product reads."""
        return {
            "action": action,
            "number": self.number,
            "pull_request": {"number": self.number},
            "repository": {"id": self.repository.id, "full_name": f"{self.repository.team}/{self.repository.name}"},
            "sender": {"login": self.platform.local["forge_user"]},
        }

    # --- waiting -------------------------------------------------------------------------------------------------

    def until(self, look: Callable[[], T | None], within: float, what: str) -> T:
        return until(look, within, what, self.evidence)

    def evidence(self) -> str:
        parts = {
            "report": _said(lambda: json.dumps(self.report(), indent=1)),
            "comment": _said(self.comment),
            "left in the cluster": _said(lambda: str(self.remains())),
            "workflows not completed": _said(lambda: str(self.running())),
            "worker": _said(lambda: self.machine.log_tail("worker")),
        }
        return "\n\n".join(f"--- {name}\n{text}" for name, text in parts.items())

    def _where(self) -> tuple[str, str]:
        return self.repository.team, self.repository.name


def until(look: Callable[[], T | None], within: float, what: str, evidence: Callable[[], str] = str) -> T:
    """What `look` finds, as soon as it finds something; past the limit the test fails with the evidence. A look that fails found
    nothing: what it asks may be away for a while."""
    deadline, failure = time.monotonic() + within, ""
    while True:
        try:
            if found := look():
                return found
        except (CommandFailed, PeopleRefused, httpx.TransportError) as error:
            failure = f" The last look that failed: {error}"
        if time.monotonic() > deadline:
            _fail(f"Not so within {within:g} s: {what}.{failure}\n\n{evidence()}")
        time.sleep(PAUSE_SECONDS)


def new_team() -> str:
    return f"e2e-{uuid.uuid4().hex[:8]}"


def _said(tell: Callable[[], str]) -> str:
    """Evidence must not hide the failure that it is for."""
    try:
        return tell()
    except (CommandFailed, PeopleRefused, httpx.HTTPError, AssertionError) as error:
        return f"couldn't be read: {error}"


def _fail(text: str) -> NoReturn:
    pytest.fail(text, pytrace=False)
