"""Code and repositories that take all they can get: each ends with a sentence, and its neighbour doesn't notice (issue 5)."""

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from tests.e2e.world import Platform, Preview, sample

SERVES = 'CMD ["sh", "-c", "httpd -p 8080 -h /www; {greed}"]'
DOCKERFILE = "FROM busybox:1.35\nRUN mkdir /www && echo hello > /www/index.html\nEXPOSE 8080\n"
ENDS_SECONDS = 400
ANSWERS_WITHIN = 5.0
"""Seconds for one request of the neighbour, on two cores that the greedy one may share in."""
LINES = 100_000
MANY_FILES = 200_000
HUGE_BYTES = 2 << 30
LOG_BYTES = 9 << 20
"""CATALYST_LOGS__MAX_BYTES and the end that is kept besides, with room for the marks between."""


@pytest.fixture
def neighbour(chaos: Platform) -> Preview:
    preview = chaos.opened(sample("prebuilt"))
    preview.becomes("Ready")
    return preview


@contextmanager
def unnoticed(neighbour: Preview) -> Iterator[list[float]]:
    """Asks the neighbour all the while; the list fills with the seconds that its answers took."""
    took: list[float] = []
    over = Event()

    def ask() -> None:
        while not over.wait(0.5):
            began = time.monotonic()
            answer = neighbour.fetch()
            took.append(time.monotonic() - began if answer is not None and answer.status_code == 200 else 1e9)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()
    assert took and max(took) < ANSWERS_WITHIN, f"the neighbour answered within {max(took):.1f} s of {len(took)} times"


@pytest.mark.parametrize(
    ("greed", "phase", "words"),
    [
        ("tail /dev/zero", "Failed", ("memory",)),
        ("dd if=/dev/zero of=/tmp/fill bs=1M", "Failed", ("threw its pod out", "ephemeral")),
    ],
    ids=["memory", "disk"],
)
def test_greed_ends_with_a_sentence(
    chaos: Platform, neighbour: Preview, greed: str, phase: str, words: tuple[str, ...]
) -> None:
    with unnoticed(neighbour):
        preview = chaos.opened({"Dockerfile": f'{DOCKERFILE}CMD ["sh", "-c", "{greed}"]\n'})
        preview.becomes(phase, within=ENDS_SECONDS)
        preview.says(*words)
    _closes(preview)


def test_a_step_that_fills_the_builders_disk_and_the_next_has_room(chaos: Platform, neighbour: Preview) -> None:
    greedy = f"RUN echo {uuid.uuid4().hex}; dd if=/dev/zero of=/fill bs=1M\n"
    with unnoticed(neighbour):
        preview = chaos.opened({"Dockerfile": f"{DOCKERFILE}{greedy}"})
        preview.becomes("Failed", within=ENDS_SECONDS)
        preview.says("dd if=/dev/zero", "No space left on device")
        preview.pushed(sample("dockerfile"))
        preview.becomes("Ready", within=ENDS_SECONDS)
    _closes(preview)


def test_a_fork_bomb_stays_in_its_pod(chaos: Platform, neighbour: Preview) -> None:
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 3600"
    with unnoticed(neighbour):
        preview = chaos.opened({"Dockerfile": f'{DOCKERFILE}CMD ["sh", "-c", "{bomb}"]\n'})
        preview.becomes("Failed", within=ENDS_SECONDS)
        preview.says("Failed")
    _closes(preview)


def test_a_flood_of_output_fills_neither_disk_nor_log_store(chaos: Platform, neighbour: Preview) -> None:
    flood = "yes 0123456789012345678901234567890123456789012345678901234567890123 | head -c 1000000000; sleep 3600"
    with unnoticed(neighbour):
        preview = chaos.opened({"Dockerfile": DOCKERFILE + SERVES.format(greed=flood) + "\n"})
        preview.until(
            lambda: preview.report().get("phase") in ("Ready", "Failed", "Degraded"), ENDS_SECONDS, "it is settled"
        )
        time.sleep(60)
        assert len(preview.log("container")) < LOG_BYTES
        assert preview.fetch() is not None
    _closes(preview)


def test_a_build_log_of_a_hundred_thousand_lines(chaos: Platform, neighbour: Preview) -> None:
    unique = uuid.uuid4().hex
    step = f"RUN echo {unique}; i=0; while [ $i -lt {LINES} ]; do echo line $i of many; i=$((i+1)); done\n"
    with unnoticed(neighbour):
        preview = chaos.opened({"Dockerfile": DOCKERFILE + step + SERVES.format(greed="sleep 3600") + "\n"})
        preview.becomes("Ready", within=ENDS_SECONDS)
        log = preview.log("build")
        assert "line 1 of many" in log and f"line {LINES - 1} of many" in log
        assert len(log) < LOG_BYTES
    _closes(preview)


@pytest.mark.parametrize(("what", "setting"), [("huge", "source.max_bytes"), ("many", "source.max_files")])
def test_a_repository_past_the_limits(
    chaos: Platform, neighbour: Preview, tmp_path: Path, what: str, setting: str
) -> None:
    with unnoticed(neighbour):
        preview = chaos.opened(sample("dockerfile"))
        preview.becomes("Ready")
        preview.head = _push_oversized(preview, tmp_path, what)
        preview.becomes("Failed", within=ENDS_SECONDS)
        preview.says(setting)
    _closes(preview)


TITLE = "</table>\x1b[31m<img src=x onerror=alert(1)> ${jndi:x} {{7*7}} $(touch /tmp/owned) `id` @everyone [x](javascript:x) | a"


def test_texts_that_are_code_somewhere_stay_texts(chaos: Platform) -> None:
    repository = chaos.repository()
    branch = "x/$(touch${IFS}-owned)`id`{{7}}<b>&'\"%0a;|#"
    head = chaos.people.push(repository.team, repository.name, branch, sample("dockerfile"), TITLE)
    number = chaos.people.open_pull_request(repository.team, repository.name, branch, title=TITLE)
    preview = Preview(repository, branch, number, head)
    preview.becomes("Ready")
    preview.answers("hello from")
    comment = preview.says("Ready")
    for active in ("<img", "</table>", "<b>", "\x1b", "@everyone", "javascript:"):
        assert active not in comment, f"{active!r} would act in the comment: {comment}"
    _closes(preview)


def _closes(preview: Preview) -> None:
    preview.closed()
    preview.is_gone(within=ENDS_SECONDS)


def _push_oversized(preview: Preview, folder: Path, what: str) -> str:
    """One commit on the branch with 2 GiB of zeros, or with 200,000 files: a few megabytes to send, and too much to check out."""
    local, repository = preview.platform.local, preview.repository
    forge = urlsplit(local["forge_url"])
    login = f"{local['forge_user']}:{local['forge_token']}"
    url = f"{forge.scheme}://{login}@{forge.netloc}/{repository.team}/{repository.name}.git"
    subprocess.run(["git", "clone", "--quiet", "--branch", preview.branch, url, str(folder)], check=True)
    if what == "huge":
        with (folder / "zeros").open("wb") as file:
            file.truncate(HUGE_BYTES)
    else:
        for number in range(MANY_FILES):
            place = folder / "many" / str(number % 500)
            place.mkdir(parents=True, exist_ok=True)
            (place / str(number)).touch()
    author = ["-c", "user.name=Greed", "-c", "user.email=greed@forge.localhost", "-c", "core.bigFileThreshold=1m"]
    for words in (["add", "--all"], ["commit", "--quiet", "--message", what], ["push", "--quiet"]):
        subprocess.run(["git", *author, *words], cwd=folder, check=True, timeout=600)
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()
