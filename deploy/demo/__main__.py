"""`python -m deploy.demo`, after `deploy.local up`: see `make demo`. Exits with 1 and a sentence when something didn't come."""

import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from deploy.demo import leftovers
from deploy.demo.board import Board
from deploy.demo.floor import Floor
from deploy.demo.platform import LOCAL, NotAsExpected, Platform, host_of
from deploy.demo.pull_request import PullRequest, sample
from deploy.demo.samples import Act, acts
from deploy.local import announce
from deploy.local.people import PeopleRefused
from deploy.local.profile import Profile

OWNER = "demo"
FIGURES = LOCAL.with_name("demo.json")
PAGE_LINES = 5
"""Of what a preview answered, shown."""


@dataclass
class Figures:
    """Of one sample, in seconds; None where there was nothing to measure."""

    opened_to_url: float | None = None
    floor_opened: float | None = None
    pushed_to_content: float | None = None
    floor_pushed: float | None = None
    closed_to_gone: float | None = None
    floor_gone: float | None = None


class Demo:
    """Every sample from its pull request to nothing, one after another, so that no figure is another one's load."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._acts = acts()
        self._board = Board([act.name for act in self._acts])
        suffix = uuid.uuid4().hex[:5]
        self._pull_requests = {act.name: PullRequest(platform, OWNER, f"{act.name}-{suffix}") for act in self._acts}
        self.figures = {act.name: Figures() for act in self._acts}

    def run(self) -> None:
        """Raises NotAsExpected, PeopleRefused."""
        leftovers.remove(self._platform, OWNER)
        with self._board.shown():
            for act in self._acts:
                self._open(act)
            for act in self._acts:
                self._push(act)
            self._close_all()
        self._board.say(_table(self.figures))

    def _open(self, act: Act) -> None:
        pull_request = self._pull_requests[act.name]
        self._board.begin(act.name, "opening")
        pull_request.open(sample(act.name))
        self._head(act, f"pull request opened: {pull_request.web_page}")
        if act.fails_with:
            self._see_failure(act)
        elif act.answer is None:
            pull_request.reached("Ready", self._progress(act))
            self._board.end(act.name)
            self._say("it is ready as a plain shell without a URL; the pull request says:")
            self._quote(_line_with(pull_request.comment(act.told), act.told))
        else:
            self._see_answer(act, act.answer)

    def _see_answer(self, act: Act, answer: str) -> None:
        pull_request, figures = self._pull_requests[act.name], self.figures[act.name]
        figures.opened_to_url = pull_request.answered(answer, self._progress(act), act.path)
        pull_request.reached("Ready", self._progress(act))
        self._board.end(act.name)
        self._tell_answer(act, figures.opened_to_url)
        figures.floor_opened = Floor(self._platform, pull_request.namespace).applied(answer, act.path)

    def _see_failure(self, act: Act) -> None:
        pull_request = self._pull_requests[act.name]
        pull_request.reached(act.fails_as, self._progress(act))
        self._board.end(act.name)
        comment = pull_request.comment(act.fails_with)
        self._say("it fails, as it should; the pull request says:")
        self._quote(_line_with(comment, "❌"))
        self._quote(_line_with(comment, act.fails_with))

    def _push(self, act: Act) -> None:
        pull_request, figures = self._pull_requests[act.name], self.figures[act.name]
        self._board.begin(act.name, "pushing")
        pull_request.push(act.change)
        self._head(act, f"pushed {pull_request.sha[:7]}: {', '.join(act.change)}")
        seconds = pull_request.answered(act.changed_answer, self._progress(act), act.path)
        pull_request.reached("Ready", self._progress(act))
        self._board.end(act.name)
        self._tell_answer(act, seconds)
        figures.pushed_to_content = seconds
        floor = Floor(self._platform, pull_request.namespace)
        if act.answer is not None:
            figures.floor_pushed = floor.applied(act.changed_answer, act.path)
            figures.floor_gone = floor.deleted()

    def _close_all(self) -> None:
        """All at once, as nothing but waiting is left."""
        before = {act.name: self._left(act) for act in self._acts}
        self._board.say("\n[bold]closing all pull requests[/]")
        with ThreadPoolExecutor(len(self._acts)) as threads:
            closed = [threads.submit(self._close, act) for act in self._acts]
            for each in closed:
                each.result()
        for act in self._acts:
            self._say(f"{act.name}: {before[act.name]} → {self._left(act)}")

    def _close(self, act: Act) -> None:
        pull_request = self._pull_requests[act.name]
        self._board.begin(act.name, "closing")
        pull_request.close()
        self.figures[act.name].closed_to_gone = pull_request.gone(self._progress(act))
        self._board.end(act.name)
        pull_request.comment("Torn down")

    def _left(self, act: Act) -> str:
        namespace = self._pull_requests[act.name].namespace
        platform = self._platform
        counted = [platform.namespaces(namespace), platform.volumes(namespace), platform.images(namespace)]
        return "namespaces {}, volumes {}, images {}".format(*map(len, counted))

    # --- words ---------------------------------------------------------------------------------------------------

    def _progress(self, act: Act) -> partial[None]:
        return partial(self._board.progress, act.name)

    def _head(self, act: Act, text: str) -> None:
        self._board.say(f"\n[bold]{act.name}[/] {escape(text)}")

    def _tell_answer(self, act: Act, seconds: float) -> None:
        namespace = self._pull_requests[act.name].namespace
        found = self._platform.environment(namespace) or {}
        url = f"{str(found.get('url')).rstrip('/')}{act.path}"
        self._say(f"{escape(url)} answered after {seconds:.1f} s:")
        for line in self._platform.page(host_of(namespace), act.path).strip().splitlines()[:PAGE_LINES]:
            self._quote(line)

    def _say(self, text: str) -> None:
        self._board.say(f"  [green]✓[/] {text}")

    def _quote(self, text: str) -> None:
        self._board.say(f"    [cyan]│[/] {escape(text)}")


def _line_with(comment: str, text: str) -> str:
    """Without the backslashes that keep it from being Markdown."""
    return next((line.strip(" -").replace("\\", "") for line in comment.splitlines() if text in line), text)


def _table(figures: dict[str, Figures]) -> Table:
    table = Table(
        Column("seconds", no_wrap=True),
        "opened → URL",
        "floor",
        "push → content",
        "floor",
        "closed → gone",
        "floor",
        box=None,
    )
    for name, measured in figures.items():
        table.add_row(name, *("–" if value is None else f"{value:.1f}" for value in asdict(measured).values()))
    table.caption = (
        "floor: plain kubectl apply (delete) of the very same objects; all closed at once, the floors one by one"
    )
    return table


def _write(figures: dict[str, Figures]) -> None:
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "unit": "s",
        "samples": {name: _rounded(measured) for name, measured in figures.items()},
    }
    FIGURES.write_text(json.dumps(content, indent=2) + "\n")


def _rounded(measured: Figures) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 3) for name, value in asdict(measured).items()}


def _say_goodbye(platform: Platform, console: Console) -> None:
    local = platform.local
    console.print(f"""
The platform goes on running:
{announce.addresses(Profile(local["profile"]))}

  The forge's login is {local["forge_user"]} / {local["forge_password"]}; the API's token stands in .catalyst/local.json.
  The pull requests and what was said on them: {local["forge_url"]}/{OWNER}
  The figures are in .catalyst/{FIGURES.name}. `make down` stops it all, `make purge` removes it too.""")


def main() -> int:
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        platform = Platform.running()
        demo = Demo(platform)
        demo.run()
        _write(demo.figures)
    except (NotAsExpected, PeopleRefused, httpx.HTTPError, OSError, subprocess.SubprocessError) as error:
        errors.print(f"[red]✗[/] {escape(str(error))}")
        return 1
    except KeyboardInterrupt:
        errors.print("\nBroken off. The next `make demo` removes what this one left; `make down` stops the platform.")
        return 130
    _say_goodbye(platform, Console(highlight=False, soft_wrap=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
