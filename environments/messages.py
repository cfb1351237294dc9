"""Every text that people read on a pull request (and in Temporal's UI), as pure functions of what is known.

The same view always gives the same text, so that an unchanged comment needs no edit.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from environments.markdown import code, cut, fence, inline, link, one_line, sentence
from environments.model import CommitSha, Message, Phase, PullRequest, Step, StepState, Value
from environments.overriding import Overridden
from environments.report import TEARDOWN_BLOCKED, EnvironmentReport

COMMENT_MARKER = "<!-- catalyst-preview-deployment -->"
MAX_DESCRIPTION = 140
"""GitHub's limit for the text of a commit status."""
MAX_MESSAGE = 1000
MAX_NOTE, MAX_NOTES = 400, 10
MAX_DETAIL, MAX_STEPS = 150, 12
MAX_LOG_LINES, MAX_LOG = 40, 20_000
"""Escaped, all of them together stay below 60,000 characters, which every forge takes."""
FORK_FOOTER = "<sub>Kept up to date by Catalyst. It comes from a fork: each commit runs once it was approved; closing the pull request removes everything.</sub>"
FOOTER = "<sub>Kept up to date by Catalyst. Every push is deployed; closing the pull request removes everything.</sub>"

StatusState = Literal["pending", "success", "failure", "error"]


class CommentView(Value):
    """What is known about one pull request's preview."""

    pull_request: PullRequest | None
    report: EnvironmentReport | None
    message: Message | None
    """From decide() or declaring: why there is no preview, or why it has to wait."""
    note: str = ""
    """Besides the report's own; a sentence."""
    log_tail: str = ""
    """Last lines of the log that explains a failure."""
    now: datetime
    """Shown as the time of the last change where the report has none."""
    api_url: str | None = None


class CommitStatus(Value):
    state: StatusState
    description: str
    """At most 140 characters, plain text."""
    url: str | None


class Standing(NamedTuple):
    """Where the preview stands, in one word for people and one for the commit's status."""

    emoji: str
    label: str
    status: StatusState
    what_next: str = ""

    @property
    def title(self) -> str:
        return f"{self.emoji} {self.label}"


UPDATED_BY_ITSELF = "This comment is updated as it goes on."
FIX_AND_PUSH = "Push a fix: the newest commit is deployed by itself."
PHASES = {
    Phase.PENDING: Standing("🟡", "Pending", "pending", UPDATED_BY_ITSELF),
    Phase.QUEUED: Standing("🟡", "Queued", "pending", UPDATED_BY_ITSELF),
    Phase.DETECTING: Standing("🔄", "Detecting", "pending", UPDATED_BY_ITSELF),
    Phase.BUILDING: Standing("🔄", "Building", "pending", UPDATED_BY_ITSELF),
    Phase.DEPLOYING: Standing("🔄", "Deploying", "pending", UPDATED_BY_ITSELF),
    Phase.READY: Standing("🟢", "Ready", "success"),
    Phase.DEGRADED: Standing("🟠", "Degraded", "failure", f"{FIX_AND_PUSH} It is looked after meanwhile."),
    Phase.FAILED: Standing("🔴", "Failed", "failure", FIX_AND_PUSH),
    Phase.SLEEPING: Standing("💤", "Sleeping", "success"),
    Phase.DELETING: Standing("⏳", "Deleting", "pending"),
    Phase.DELETED: Standing("⚪", "Torn down", "success"),
}
UPDATING = Standing("🔄", "Updating", "pending", UPDATED_BY_ITSELF)
STOPPED = Standing("⏹️", "Stopped", "success")
REFUSED = Standing("⚪", "No preview", "success")
BLOCKED = Standing("🔴", "Blocked", "error")
OVER = frozenset({"Merged", "Closed", "Gone"})
FOR_A_WHILE = frozenset({"Waiting", "BeingRemoved", "TooLate"})
IN_THE_WAY = frozenset({"NamespaceHeld", "EnvironmentHeld", "FieldConflict"})
"""Reasons of a Message; every other one is a refusal by the rules."""
ENDED = (Phase.DELETING, Phase.DELETED)
WITH_URL = (Phase.READY, Phase.DEGRADED)
STEP_TITLES = {
    StepState.RUNNING: "🔄 running",
    StepState.DONE: "✅ done",
    StepState.FAILED: "❌ failed",
    StepState.CANCELLED: "⏹️ cancelled",
}


def comment(view: CommentView) -> str:
    """The one comment on the pull request, in Markdown; at most 60,000 characters."""
    standing = standing_of(view)
    parts = [
        f"{COMMENT_MARKER}\n## {standing.emoji} Preview Environment",
        _summary(view, standing),
        _steps(view),
        _reason(view),
        _log(view),
        _notes(view),
        _overridden(view),
        _what_next(view, standing),
        f"---\n{_footer(view)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def commit_status(view: CommentView) -> CommitStatus:
    """The status of the pull request's head; an older commit's success is never told of a newer one."""
    standing = standing_of(view)
    why = one_line(_sentence(view)[:MAX_MESSAGE])
    text = f"{standing.label}: {why}" if why else standing.label
    url = view.report.url if view.report and standing.status == "success" else None
    return CommitStatus(state=standing.status, description=cut(text, MAX_DESCRIPTION), url=url)


def current_details(view: CommentView) -> str:
    """For Temporal's own UI, in Markdown: where it stands, why, and the steps."""
    commit = code(_short(_commit(view)))
    url = f" {link(view.report.url)}" if view.report and view.report.url else ""
    parts = [f"**{standing_of(view).title}** {commit}{url}", _reason(view), _steps(view)]
    return "\n\n".join(part for part in parts if part)


def standing_of(view: CommentView) -> Standing:
    """A message from the rules comes before the report, which may tell of what is being removed."""
    report, message = view.report, view.message
    phase = report.phase if report else None
    if message and message.reason in IN_THE_WAY:
        return BLOCKED
    if message and message.reason not in FOR_A_WHILE:
        is_left = phase not in (None, Phase.DELETED)
        return PHASES[Phase.DELETING] if is_left else _end(message)
    if phase is None:
        return PHASES[Phase.PENDING]
    return UPDATING if _is_behind(view) and phase not in ENDED else PHASES[phase]


def is_refusal(reason: str) -> bool:
    """Whether that is the reason of a "no" that stays one until somebody changes something; a phase is none."""
    return bool(reason) and reason not in {*Phase, *FOR_A_WHILE, *IN_THE_WAY, *OVER}


def duration(span: timedelta) -> str:
    """`3.4 s`, `42 s`, `2 min 5 s`, `1 h 10 min`."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _end(message: Message) -> Standing:
    if message.reason in OVER:
        return PHASES[Phase.DELETED]
    return STOPPED if message.reason == "Stopped" else REFUSED


def _is_behind(view: CommentView) -> bool:
    """Whether the report tells of another commit than the newest."""
    told = view.report.sha if view.report else None
    return told is not None and view.pull_request is not None and told != view.pull_request.head_sha


def _summary(view: CommentView, standing: Standing) -> str:
    report = view.report
    rows = [("Status", standing.title), ("Commit", code(_short(_commit(view))))]
    rows += [("URL", url)] if (url := _url(view)) else []
    rows += [("Namespace", code(report.namespace))] if report and report.namespace else []
    rows += [("Updated", _time((report.updated_at if report else None) or view.now))]
    return _table(("Property", "Value"), [(f"**{name}**", value) for name, value in rows])


def _url(view: CommentView) -> str:
    """Only where something answers; while a newer commit is on its way, with the commit that answers."""
    report = view.report
    if report is None or report.url is None or report.phase in ENDED:
        return ""
    deployed = report.deployed_sha
    if deployed is not None and deployed != _commit(view):
        return f"{link(report.url)} (still {code(_short(deployed))})"
    return link(report.url) if report.phase in WITH_URL else ""


def _steps(view: CommentView) -> str:
    report = view.report
    if report is None or not report.steps or report.phase in ENDED or _is_behind(view):
        return ""
    rows = [_step(step) for step in report.steps[:MAX_STEPS]]
    return _table(("Step", "State", "Time", ""), rows)


def _step(step: Step) -> tuple[str, ...]:
    if step.ended_at is not None:
        time = duration(step.ended_at - step.started_at)
    else:  # an elapsed time would be wrong as soon as it is written
        time = f"since {step.started_at.astimezone(UTC):%H:%M:%S} UTC"
    return inline(step.name, MAX_DETAIL), STEP_TITLES[step.state], time, sentence(step.detail, MAX_DETAIL)


def _sentence(view: CommentView) -> str:
    """Why it stands where it stands: the rules' reason, or the report's."""
    if view.message:
        blocked = view.report.message if view.report and view.report.reason == TEARDOWN_BLOCKED else ""
        return f"{view.message.text} {blocked}".rstrip()
    if _is_behind(view) or view.report is None:
        return ""
    return view.report.message


def _reason(view: CommentView) -> str:
    return sentence(_sentence(view), MAX_MESSAGE)


def _log(view: CommentView) -> str:
    """The end of the failed step's log, and where the whole of it is."""
    if view.report is None or not view.log_tail.strip() or view.message or _is_behind(view):
        return ""
    return "\n\n".join(part for part in (fence(view.log_tail, MAX_LOG_LINES, MAX_LOG), _whole_log(view)) if part)


def _whole_log(view: CommentView) -> str:
    parts = (view.report.failed_log or "").split("/") if view.report else []
    if view.api_url is None or len(parts) != 3:
        return ""
    namespace, rollout, name = parts
    path = f"/api/v1/environments/{namespace}/logs/{name}?rollout={rollout}"
    return "The whole log: " + code(f"GET {view.api_url.rstrip('/')}{path}")


def _notes(view: CommentView) -> str:
    report = view.report
    is_of_interest = report is not None and report.phase not in ENDED and not _is_behind(view)
    remarks = report.remarks[:MAX_NOTES] if report is not None and is_of_interest else ()
    notes = [sentence(note, MAX_NOTE) for note in (*remarks, view.note)]
    return "\n".join(f"- {note}" for note in notes if note)


def _overridden(view: CommentView) -> str:
    report = view.report
    if report is None or report.phase in ENDED:
        return ""
    return "\n".join(_override(each) for each in report.overridden)


def _override(told: Overridden) -> str:
    """A line that says for whom, by whom and since when."""
    fields = ", ".join(code(field, MAX_DETAIL) for field in told.fields) + (
        f" and {told.more} more" if told.more else ""
    )
    whose = "for this environment" if told.scope == "environment" else "for the project"
    by = f" by {inline(told.by, MAX_DETAIL)}" if told.by else " by an edit of the resource"
    at = f" at {_time(told.at)}" if told.at else ""
    return f"- Overridden {whose}{by}{at}, until it is reset: {fields}"


def _what_next(view: CommentView, standing: Standing) -> str:
    report = view.report
    if view.message or report is None:
        return standing.what_next if standing.status == "pending" else ""
    if report.phase is Phase.READY and report.url is None and not _is_behind(view):
        return "Nothing answers at its URL yet; the URL appears here as soon as something does."
    if report.phase in (Phase.FAILED, Phase.DEGRADED) and view.api_url and report.namespace and not _is_behind(view):
        again = f"POST {view.api_url.rstrip('/')}/api/v1/environments/{report.namespace}/retry"
        return f"{standing.what_next} To run the same commit again: {code(again)}"
    return standing.what_next


def _footer(view: CommentView) -> str:
    return FORK_FOOTER if view.pull_request is not None and view.pull_request.is_from_fork else FOOTER


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _commit(view: CommentView) -> CommitSha | None:
    """The newest one of the pull request; of an environment without one, what its report speaks of."""
    if view.pull_request is not None:
        return view.pull_request.head_sha
    return view.report.sha if view.report else None


def _short(sha: CommitSha | None) -> str:
    return (sha or "")[:7]


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
