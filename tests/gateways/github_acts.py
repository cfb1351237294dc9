"""What tests of GitHub's gateway do on the emulator, and what they count."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from emulators.github.answers import Answer
from emulators.github.model import Installation
from environments.model import PullRequestKey
from gateways.forge.github import GitHubForge
from tests.gateways.forge_worlds import GitHubWorld

MARKER = "<!-- catalyst-preview-deployment -->"


class Asked(list[str]):
    """Method, path and status of what a world's App and its installations asked for, also by tokens that are none (any more)."""

    def free(self) -> int:
        """So many cost nothing of a rate limit."""
        return sum(each.endswith(" 304") for each in self)


@contextmanager
def asking(world: GitHubWorld) -> Iterator[Asked]:
    """What is asked for inside of it, in the end."""
    asked, answers = Asked(), world.github.github.answers
    answers.clear()
    yield asked
    mine = {"anonymous", world.app.slug, *(f"installation ID {each.id}" for each in installations(world))}
    asked += [_line(each) for each in answers if each.caller in mine]


def installations(world: GitHubWorld) -> list[Installation]:
    return [each for each in world.github.github.installations.values() if each.app is world.app]


def _line(answer: Answer) -> str:
    return f"{answer.method} {answer.path} {answer.status}"


@asynccontextmanager
async def as_person(world: GitHubWorld, login: str) -> AsyncIterator[GitHubForge]:
    forge = GitHubForge.with_token(world.github.api_url, world.people.token(login))
    yield forge
    await forge.aclose()


def end_tokens(world: GitHubWorld) -> None:
    github = world.github.github
    for token, (actor, _) in list(github.tokens.items()):
        github.tokens[token] = (actor, github.now() - timedelta(seconds=1))


def another_repository(world: GitHubWorld, name: str, pull_requests: int = 1) -> list[PullRequestKey]:
    """Of the same owner, with open pull requests."""
    repository_id = world.people.create_repository(world.owner, name, private=True)
    return [open_one(world, name, repository_id, f"change-{each}") for each in range(pull_requests)]


def open_one(world: GitHubWorld, name: str, repository_id: int, branch: str) -> PullRequestKey:
    world.people.push(world.owner, name, branch, {"page.html": branch})
    number = world.people.open_pull_request(world.owner, name, branch)
    return PullRequestKey(forge="github", repository_id=repository_id, number=number)


async def opened(world: GitHubWorld) -> set[PullRequestKey]:
    return {each.key for each in await world.forge.open_pull_requests()}
