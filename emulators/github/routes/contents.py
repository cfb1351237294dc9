"""Files and commits: https://docs.github.com/en/rest/repos/contents."""

import base64
import binascii

from emulators.github.calls import Call, Raw, Routes
from emulators.github.errors import ApiError, not_found
from emulators.github.git import Entry
from emulators.github.model import Json
from emulators.github.operations import commit as make_commit
from emulators.github.routes.statuses import sha_of
from emulators.github.views.commits import commit, content, file_commit, file_content

routes = Routes()
_READ, _WRITE = ("contents:read",), ("contents:write",)
MOST_CONTENT = 100_000_000
"""Bytes; a larger file isn't told at all."""


@routes("GET /repos/{owner}/{repo}/contents", "repos/contents#get-repository-content", needs=_READ)
@routes("GET /repos/{owner}/{repo}/contents/{path:path}", "repos/contents#get-repository-content", needs=_READ)
def get_content(call: Call) -> Json | list[Json] | Raw:
    path, ref = call.params.get("path", "").strip("/"), call.asked("ref") or call.repository.default_branch
    git = call.github.git(call.repository)
    at = git.resolve(ref)
    if at is None:
        raise ApiError(
            404, f"No commit found for the ref {ref}" if call.repository.refs else "This repository is empty."
        )
    entry = git.entry(at, path) if path else None
    if path and entry is None:
        raise not_found()
    if entry is None or entry.type == "tree":
        return [content(call.scope, call.repository, each, ref) for each in git.tree(at, path) or []]
    return _file(call, entry, ref)


def _file(call: Call, entry: Entry, ref: str) -> Json | Raw:
    if entry.type == "commit":
        return content(call.scope, call.repository, entry, ref) | {"submodule_git_url": None}
    if entry.size > MOST_CONTENT:
        raise ApiError(403, "This API returns blobs up to 100 MB in size.")
    data = call.github.git(call.repository).blob(entry.sha)
    if "raw" in call.headers.get("accept", ""):
        return Raw(data, "application/vnd.github.raw; charset=utf-8")
    return file_content(call.scope, call.repository, entry, ref, data)


@routes(
    "PUT /repos/{owner}/{repo}/contents/{path:path}",
    "repos/contents#create-or-update-file-contents",
    status=201,
    needs=_WRITE,
    role="write",
)
def put_content(call: Call) -> Json:
    try:
        data = base64.b64decode("".join(call.need("content").split()), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(422, "content is not valid Base64") from None
    before = _known(call)
    if before is not None:
        call.status = 200
    return _commit(call, data)


@routes("DELETE /repos/{owner}/{repo}/contents/{path:path}", "repos/contents#delete-a-file", needs=_WRITE, role="write")
def delete_content(call: Call) -> Json:
    if _known(call) is None:
        raise not_found()
    return _commit(call, None)


def _known(call: Call) -> Entry | None:
    """The file as it is. Raises ApiError (404, 409, 422) unless the caller knows that."""
    git, sha, branch = call.github.git(call.repository), call.text("sha"), call.text("branch")
    if branch is not None and f"refs/heads/{branch}" not in call.repository.refs:
        raise ApiError(404, f"Branch {branch} not found")
    at = git.resolve(branch or call.repository.default_branch)
    entry = git.entry(at, call.params["path"]) if at else None
    if entry is not None and sha is None:
        raise ApiError(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    if entry is not None and sha != entry.sha:
        raise ApiError(409, f"{call.params['path']} does not match {sha}")
    return entry


def _commit(call: Call, data: bytes | None) -> Json:
    repository, path = call.repository, call.params["path"]
    branch = call.text("branch") or repository.default_branch
    if any(part.lower() in ("", ".", "..", ".git") for part in path.split("/")):
        raise ApiError(422, "path contains a malformed path component")
    sha = make_commit(call.github, repository, branch, {path: data}, call.need("message"), call.account)
    entry = None if data is None else call.github.git(repository).entry(sha, path)
    shown = None if entry is None else content(call.scope, repository, entry, branch)
    return {"content": shown, "commit": file_commit(call.scope, repository, sha)}


@routes("GET /repos/{owner}/{repo}/commits/{ref:path}", "commits/commits#get-a-commit", needs=_READ)
def get_commit(call: Call) -> Json:
    return commit(call.scope, call.repository, sha_of(call), whole=True)
