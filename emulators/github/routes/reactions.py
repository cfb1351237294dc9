"""Reactions to issues, pull requests and comments: https://docs.github.com/en/rest/reactions."""

from emulators.github.calls import Call, Routes
from emulators.github.errors import ApiError, invalid, not_found
from emulators.github.model import Json, Reaction
from emulators.github.views.issues import REACTIONS, reaction

routes = Routes()
_READ, _WRITE = ("issues:read", "pull_requests:read"), ("issues:write", "pull_requests:write")
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id:id}/reactions"
_ISSUE = "/repos/{owner}/{repo}/issues/{number:id}/reactions"


def _reactions(call: Call) -> list[Reaction]:
    return call.comment.reactions if "comment_id" in call.params else call.issue.reactions


@routes(f"GET {_COMMENT}", "reactions/reactions#list-reactions-for-an-issue-comment", needs=_READ)
@routes(f"GET {_ISSUE}", "reactions/reactions#list-reactions-for-an-issue", needs=_READ)
def list_reactions(call: Call) -> list[Json]:
    asked = call.asked("content")
    found = [each for each in _reactions(call) if asked in ("", each.content)]
    return [reaction(call.scope, each) for each in call.page(found)]


@routes(f"POST {_COMMENT}", "reactions/reactions#create-reaction-for-an-issue-comment", status=201, needs=_WRITE)
@routes(f"POST {_ISSUE}", "reactions/reactions#create-reaction-for-an-issue", status=201, needs=_WRITE)
def create_reaction(call: Call) -> Json:
    """200 when one has it already."""
    content, found = call.need("content"), _reactions(call)
    if content not in REACTIONS:
        raise invalid("Reaction", "content")
    for each in found:
        if (each.account, each.content) == (call.account, content):
            call.status = 200
            return reaction(call.scope, each)
    made = Reaction(call.github.id("reaction"), call.account, content, call.github.now())
    found.append(made)
    return reaction(call.scope, made)


@routes(
    f"DELETE {_COMMENT}/{{reaction_id:id}}",
    "reactions/reactions#delete-an-issue-comment-reaction",
    status=204,
    needs=_WRITE,
)
@routes(f"DELETE {_ISSUE}/{{reaction_id:id}}", "reactions/reactions#delete-an-issue-reaction", status=204, needs=_WRITE)
def delete_reaction(call: Call) -> None:
    found = _reactions(call)
    for each in found:
        if each.id == call.params["reaction_id"]:
            if each.account is not call.account:
                raise ApiError(403, "Resource not accessible by integration" if call.actor.app else "Forbidden")
            found.remove(each)
            return
    raise not_found()
