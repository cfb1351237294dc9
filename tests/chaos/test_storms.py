"""Many pushes: at once, and one after another (issue 5)."""

import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.world import Platform, Preview, sample

PUSHES_AT_ONCE = 10
PUSHES_IN_A_ROW = 50
WASTED = 1
"""Rollouts of a storm that may be begun for a commit that isn't its last."""


def test_ten_pushes_in_a_second_are_one_rollout(chaos: Platform, tmp_path: Path) -> None:
    preview = chaos.opened(sample("dockerfile"))
    before = preview.becomes("Ready")["rollout"]
    texts = _commits(preview, tmp_path)
    with ThreadPoolExecutor(PUSHES_AT_ONCE) as threads:
        pushed = list(
            threads.map(lambda sha: _git(tmp_path, "push", "--force", "origin", f"{sha}:{preview.branch}"), texts)
        )
    assert any(each.returncode == 0 for each in pushed)
    preview.head = chaos.people.head(preview.repository.team, preview.repository.name, preview.branch)
    after = preview.becomes("Ready")["rollout"]
    preview.answers_only(texts[preview.head])
    assert after - before <= 1 + WASTED, f"{PUSHES_AT_ONCE} pushes took {after - before} rollouts"
    preview.closed()
    preview.is_gone()


def _commits(preview: Preview, folder: Path) -> dict[str, str]:
    """Siblings on the branch's head, none pushed yet: SHA -> the page that it makes."""
    local, repository = preview.platform.local, preview.repository
    forge = urlsplit(local["forge_url"])
    login = f"{local['forge_user']}:{local['forge_token']}"
    url = f"{forge.scheme}://{login}@{forge.netloc}/{repository.team}/{repository.name}.git"
    subprocess.run(["git", "clone", "--quiet", "--branch", preview.branch, url, str(folder)], check=True)
    made = {}
    for number in range(PUSHES_AT_ONCE):
        text = f"storm {number} {uuid.uuid4().hex}"
        (folder / "index.html").write_text(f"{text}\n")
        _git(folder, "checkout", "--detach", f"origin/{preview.branch}")
        _git(folder, "commit", "--all", "--message", text)
        made[_git(folder, "rev-parse", "HEAD").stdout.strip()] = text
    assert len(made) == PUSHES_AT_ONCE
    return made


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    author = ["-c", "user.name=Storm", "-c", "user.email=storm@forge.localhost"]
    return subprocess.run(["git", *author, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_fifty_pushes_are_each_ready_with_no_older_pod_answering(chaos: Platform) -> None:
    preview = chaos.opened(sample("dockerfile"))
    preview.becomes("Ready")
    for number in range(PUSHES_IN_A_ROW):
        text = f"push {number} {uuid.uuid4().hex}"
        preview.pushed({"index.html": f"{text}\n"})
        report = preview.becomes("Ready")
        assert report["deployed_commit"] == preview.head
        preview.answers_only(text)
    preview.closed()
    preview.is_gone()
