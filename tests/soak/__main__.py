"""`python -m tests.soak --lifecycles 200 --seed 7` on the running local platform: JSON on standard output, progress on standard error.

Exits with 1 when anything is left over, or when something that must come didn't.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated, Any

import pytest
import typer

from deploy.demo.platform import LOCAL
from deploy.local.people import PeopleRefused
from tests.e2e.machine import CommandFailed
from tests.e2e.world import Platform
from tests.soak.left_over import left_over
from tests.soak.lives import Life, lives
from tests.soak.player import Player

AT_ONCE = 8
FAILURES = (pytest.fail.Exception, AssertionError, PeopleRefused, CommandFailed)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def soak(
    lifecycles: Annotated[int, typer.Option(min=1, help="pull requests, from opened to gone")] = 100,
    seed: Annotated[int, typer.Option(help="the same seed draws the same lives")] = 0,
) -> None:
    """Play random lives and count what they leave."""
    if not LOCAL.exists():
        print("No platform of this checkout runs: start it with `make up`.", file=sys.stderr)
        raise typer.Exit(2)
    platform = Platform(json.loads(LOCAL.read_text()))
    began = time.monotonic()
    player = Player(platform)
    failed = _play(player, lives(seed, lifecycles))
    left = left_over(player.previews)
    result = _result(seed, player, failed, left, time.monotonic() - began)
    print(json.dumps(result, indent=2))
    raise typer.Exit(1 if failed or any(left.values()) else 0)


def _play(player: Player, drawn: list[Life]) -> list[str]:
    """What went wrong, as sentences."""
    failed = []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        playing = {threads.submit(player.play, life): number for number, life in enumerate(drawn, 1)}
        for ended, each in enumerate(as_completed(playing), 1):
            print(f"{ended} of {len(drawn)} lives played", file=sys.stderr)
            if isinstance(error := each.exception(), FAILURES):
                failed.append(f"life {playing[each]}: {str(error)[:2000]}")
                print(failed[-1], file=sys.stderr)
            elif error is not None:
                raise error
    return failed


def _result(seed: int, player: Player, failed: list[str], left: dict[str, list[str]], seconds: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "lifecycles": len(player.previews),
        "did": dict(sorted(player.done.items())),
        "seconds": round(seconds),
        "leaked": {kind: len(found) for kind, found in left.items()},
        "left_over": {kind: found for kind, found in left.items() if found},
        "failed": failed,
    }


if __name__ == "__main__":
    app()
