"""One pull request on the local forge and its preview, with times measured from the webhook on."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.demo.platform import POLL_SECONDS, Delivery, Json, NotAsExpected, Platform, eventually, host_of
from environments import names

SAMPLES = Path(__file__).parents[2] / "samples"
BRANCH = "change"
ROLLOUT_SECONDS = 240
GONE_SECONDS = 120
COMMENT_SECONDS = 30
ASK_EVERY = 0.25
"""Seconds between two questions to the API while the URL is asked all the time."""

OnProgress = Callable[[Json], None]


def sample(name: str) -> dict[str, str]:
    """The files of `samples/<name>`, by path."""
    root = SAMPLES / name
    return {str(file.relative_to(root)): file.read_text() for file in sorted(root.rglob("*")) if file.is_file()}


class PullRequest:
    """Made in a repository of its own. Methods raise NotAsExpected and PeopleRefused.

    The clock starts when the forge's first webhook about the change arrives (its time in the inbox): Gitea looks for what was
    pushed every two seconds only. Where that webhook was lost, it starts when the forge has answered whoever changed something.
    """

    def __init__(self, platform: Platform, owner: str, name: str) -> None:
        self.platform, self.owner, self.name = platform, owner, name
        self.number = 0
        self.sha = ""
        self.repository_id = 0
        self._asked = self._answered = self._glanced = 0.0

    @property
    def namespace(self) -> str:
        return names.environment_namespace(self.owner, self.name, names.preview_name(self.number))

    @property
    def web_page(self) -> str:
        return f"{self.platform.local['forge_url']}/{self.owner}/{self.name}/pulls/{self.number}"

    # --- what people do ------------------------------------------------------------------------------------------

    def open(self, files: Mapping[str, str]) -> None:
        people = self.platform.people
        self.repository_id = people.create_repository(self.owner, self.name)
        people.push(self.owner, self.name, "main", {"README.md": f"# {self.name}\n"}, "Begin")
        self.sha = people.push(self.owner, self.name, BRANCH, files, "The change")
        self._asked = time.time()
        self.number = people.open_pull_request(self.owner, self.name, BRANCH, title="Try the change")
        self._answered = time.time()

    def push(self, files: Mapping[str, str]) -> None:
        self._asked = time.time()
        self.sha = self.platform.people.push(self.owner, self.name, BRANCH, files, "Another change")
        self._answered = time.time()

    def close(self) -> None:
        self._asked = time.time()
        self.platform.people.close(self.owner, self.name, self.number)
        self._answered = time.time()

    def remove_repository(self) -> None:
        self.platform.people.delete_repository(self.owner, self.name)

    # --- what comes of it ----------------------------------------------------------------------------------------

    def answered(self, text: str, progress: OnProgress | None = None, path: str = "/") -> float:
        """Seconds until that path of the preview's URL answered with that text in it. `progress` is told what the API says meanwhile."""
        host = host_of(self.namespace)

        def look() -> float | None:
            if text in self.platform.page(host, path):
                return time.time()
            self._refuse_failure(self._glance(progress))
            return None

        answered = eventually(
            look, ROLLOUT_SECONDS, lambda: f"http://{host}{path} never answered {text!r}: {self._seen()}"
        )
        return answered - self._began()

    def reached(self, phase: str, progress: OnProgress | None = None) -> float:
        """Seconds until the API says that the newest commit is in that phase."""

        def look() -> Json | None:
            found = self._environment(progress)
            if phase != "Failed":
                self._refuse_failure(found)
            return found if found and found["commit"] == self.sha and found["phase"] == phase else None

        eventually(look, ROLLOUT_SECONDS, lambda: f"{self.namespace} never became {phase}: {self._seen()}")
        return time.time() - self._began()

    def gone(self, progress: OnProgress | None = None) -> float:
        """Seconds until the namespace was gone; then volumes and images must be too, and the API say so."""
        platform, namespace = self.platform, self.namespace
        words = ("wait", "--for=delete", f"namespace/{namespace}", f"--timeout={GONE_SECONDS}s")
        quiet = subprocess.DEVNULL
        # Its exit code says nothing: that there is nothing to wait for is an error to kubectl.
        with subprocess.Popen(platform.kubectl_command(*words), stdout=quiet, stderr=quiet) as waiting:
            while waiting.poll() is None:
                self._glance(progress)
                time.sleep(POLL_SECONDS)
        seconds = time.time() - self._began()
        eventually(lambda: not platform.namespaces(namespace), 5, lambda: f"The namespace {namespace} is still there.")
        eventually(lambda: not platform.volumes(namespace), 30, lambda: f"{namespace} left volumes behind.")
        eventually(lambda: not platform.images(namespace), 30, lambda: f"{namespace} left images behind.")
        eventually(lambda: self._is_deleted(progress), 30, lambda: f"The API doesn't call it Deleted: {self._seen()}")
        return seconds

    def comment(self, containing: str) -> str:
        """The product's comment once that text stands in it."""

        def look() -> str | None:
            bodies = [str(each["body"]) for each in self.platform.people.comments(self.owner, self.name, self.number)]
            return next((body for body in bodies if containing in body), None)

        return eventually(look, COMMENT_SECONDS, lambda: f"No comment on {self.web_page} says {containing!r}.")

    def _glance(self, progress: OnProgress | None) -> Json | None:
        """At the API, if it wasn't asked just now."""
        if time.monotonic() - self._glanced < ASK_EVERY:
            return None
        self._glanced = time.monotonic()
        return self._environment(progress)

    def _environment(self, progress: OnProgress | None) -> Json | None:
        found = self.platform.environment(self.namespace)
        if progress and found and found["commit"] == self.sha:
            progress(found)
        return found

    def _refuse_failure(self, found: Json | None) -> None:
        if found and found["commit"] == self.sha and found["phase"] == "Failed":
            raise NotAsExpected(f"{self.namespace} failed: {found['message']} See {self.web_page}.")

    def _is_deleted(self, progress: OnProgress | None) -> bool:
        found = self._environment(progress)
        return found is not None and found["phase"] == "Deleted"

    def first_delivery(self) -> Delivery | None:
        """Of the newest thing that people did to it."""
        return self.platform.first_delivery(self.repository_id, self._asked)

    def _began(self) -> float:
        delivered = self.first_delivery()
        return delivered.received if delivered else self._answered

    def _seen(self) -> str:
        found = self.platform.environment(self.namespace)
        if found is None:
            return "the API knows no such environment (`make logs p=api` shows the webhooks)."
        return f"it is {found['phase']} at {str(found['commit'])[:7]}. {found['message']}"
