"""What GitHub's answers say, in our words."""

import base64
import re
from urllib.parse import quote

from activities.protocols import ForgeRefused
from environments.model import CommitSha, PullRequest, PullRequestKey, Repository
from gateways.forge.github_api import Caller, GitHubApi, Json

MOST_FILES = 3000
"""Of a pull request, as GitHub lists them."""
GHOST = "ghost"
"""What GitHub itself calls an account that was deleted."""
TOO_LARGE = "MB in size"
"""In GitHub's words for a file that it doesn't tell at all, with 403 as for one that isn't ours to read."""
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?")


def root_of(repository_id: int) -> str:
    """The API's path. Whatever lies below `/repos/{owner}/{repo}` lies below this, too: GitHub's own redirections lead here."""
    return f"/repositories/{repository_id}"


def pull_request(forge: str, repository_id: int, found: Json) -> PullRequest:
    head = found["head"]
    return PullRequest(
        key=PullRequestKey(forge=forge, repository_id=repository_id, number=found["number"]),
        repository=_repository(found["base"]["repo"]),
        title=found["title"],
        author=(found["user"] or {}).get("login", GHOST),
        is_open=found["state"] == "open",
        is_merged=found["merged"],
        is_draft=found.get("draft", False),
        head_sha=CommitSha(head["sha"]),
        head_branch=head["ref"],
        head_repository_id=head["repo"]["id"] if head["repo"] else None,
        base_branch=found["base"]["ref"],
        labels=tuple(label["name"] for label in found["labels"]),
        url=found["html_url"],
    )


def _repository(found: Json) -> Repository:
    return Repository(
        id=found["id"],
        owner_id=found["owner"]["id"],
        owner=found["owner"]["login"],
        name=found["name"],
        clone_url=found["clone_url"],
        default_branch=found["default_branch"],
        is_private=found["private"] or found.get("visibility") == "internal",
    )


async def text_file(
    api: GitHubApi, caller: Caller, repository_id: int, ref: str, path: str, most_bytes: int
) -> str | None:
    """Raises ForgeGone where there is none."""
    if not ref or any(part in ("", ".", "..") for part in path.split("/")):
        return None  # `..` would be resolved on the way, and lead elsewhere in the API
    root = root_of(repository_id)
    try:
        found = await api.get(caller, f"{root}/contents/{quote(path)}", {"ref": ref})
    except ForgeRefused as error:
        if TOO_LARGE in str(error):
            return None
        raise
    if not isinstance(found, dict) or found["type"] != "file" or found["size"] > most_bytes:
        return None
    if found["encoding"] != "base64":  # of more than a megabyte the list has no content
        found = await api.get(caller, f"{root}/git/blobs/{found['sha']}")
    try:
        return base64.b64decode(found["content"]).decode()
    except UnicodeDecodeError:
        return None


async def changed_paths(api: GitHubApi, caller: Caller, key: PullRequestKey) -> tuple[str, ...] | None:
    files: list[Json] = []
    async for page in api.pages(caller, f"{root_of(key.repository_id)}/pulls/{key.number}/files"):
        files += page
        if len(files) >= MOST_FILES:
            return None
    names = (name for each in files for name in (each["filename"], each.get("previous_filename")) if name)
    return tuple(dict.fromkeys(names))


def has_account_name(login: str) -> bool:
    """Whether it can be one: people write it, and it stands in a path."""
    return _ACCOUNT_NAME.fullmatch(login) is not None
