"""What is done to a pull request, drawn from a seed: pure, so that a seed is a test case."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

LONGEST = 6


class Act(StrEnum):
    PUSH = "push"
    BREAK = "push what can't be built"
    CLOSE = "close"
    REOPEN = "reopen"
    RETRY = "retry"
    STOP = "stop"
    WAIT = "wait until it is settled"
    KILL_WORKER = "kill -9 of the worker"
    KILL_API = "kill -9 of the API"
    DEAF = "API away for the next act: its webhooks are lost"


CHAOS = (Act.KILL_WORKER, Act.KILL_API, Act.DEAF)
LIKELY = {
    Act.PUSH: 6,
    Act.BREAK: 1,
    Act.CLOSE: 2,
    Act.RETRY: 1,
    Act.STOP: 1,
    Act.WAIT: 4,
    Act.KILL_WORKER: 1,
    Act.KILL_API: 1,
    Act.DEAF: 1,
}
ON_THE_FORGE = {act: LIKELY[act] for act in (Act.PUSH, Act.BREAK, Act.CLOSE)}
"""What can follow DEAF: there is no API then to ask or to wait for, and only one life at a time touches the machine."""


@dataclass(frozen=True)
class Life:
    """One pull request: opened, then these, then closed if it isn't yet."""

    sample: str
    acts: tuple[Act, ...]


def lives(seed: int, count: int) -> list[Life]:
    """The same for the same seed."""
    random = Random(seed)
    return [_life(random) for _ in range(count)]


def _life(random: Random) -> Life:
    acts: list[Act] = []
    is_open = True
    for _ in range(random.randint(1, LONGEST)):
        likely = ON_THE_FORGE if acts and acts[-1] is Act.DEAF else LIKELY
        act = random.choices(list(likely), list(likely.values()))[0] if is_open else Act.REOPEN
        acts.append(act)
        is_open = act is not Act.CLOSE
    return Life(random.choice(("dockerfile", "prebuilt")), tuple(acts))
