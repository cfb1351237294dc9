"""Each outside system away for two minutes in the middle of a rollout and of a teardown: the right end, and the truth on the PR (issue 5)."""

from functools import partial

import pytest

from tests.chaos import outages
from tests.chaos.outages import Outage
from tests.e2e.slow_build import is_in_long_step, slow_build
from tests.e2e.world import Platform, Preview, sample
from tests.patience import PATIENCE_SECONDS

PARTS: dict[str, Outage] = {
    "temporal": partial(outages.program, "temporal"),
    "api-server": partial(outages.program, "kube-apiserver"),
    "forge": partial(outages.program, "forge"),
    "registry": partial(outages.program, "registry"),
    "builder": partial(outages.program, "buildkitd"),
    "database": outages.database,
    "api": partial(outages.program, "api"),
    "ingress": partial(outages.program, "ingress"),
}
RECOVERED_SECONDS = 400
"""After the part is back: growing pauses end, lost activities run into their limits."""


@pytest.mark.parametrize("part", PARTS)
def test_away_during_a_rollout_and_a_teardown(chaos: Platform, part: str, outage_seconds: float) -> None:
    torn_down, rolled_out = _ready(chaos), _in_a_long_build(chaos)
    torn_down.closed()
    torn_down.until(lambda: torn_down.report().get("phase") == "Deleting", PATIENCE_SECONDS, "it is being deleted")
    with PARTS[part](chaos, outage_seconds):
        pass
    rolled_out.becomes("Ready", within=RECOVERED_SECONDS)
    rolled_out.answers("built in spite of it")
    rolled_out.answers_only("built in spite of it")
    rolled_out.says("Ready", within=RECOVERED_SECONDS)
    torn_down.is_gone(within=RECOVERED_SECONDS)
    torn_down.says("Torn down", within=RECOVERED_SECONDS)
    rolled_out.closed()
    rolled_out.is_gone(within=RECOVERED_SECONDS)


def _ready(chaos: Platform) -> Preview:
    preview = chaos.opened(sample("dockerfile"))
    preview.becomes("Ready")
    return preview


def _in_a_long_build(chaos: Platform) -> Preview:
    preview = chaos.opened(slow_build("built in spite of it\n"))
    preview.becomes("Building")
    preview.until(lambda: is_in_long_step(preview), PATIENCE_SECONDS, "the build is in its long step")
    return preview


def test_the_node_restarts(chaos: Platform) -> None:
    preview = _ready(chaos)
    outages.restart_node(chaos.machine)
    preview.until(lambda: preview.fetch() is not None, PATIENCE_SECONDS, "the ingress, outside the node, answers")
    preview.becomes("Ready", within=RECOVERED_SECONDS)
    preview.until(lambda: "hello from" in _page(preview), RECOVERED_SECONDS, "its page is back")
    preview.closed()
    preview.is_gone(within=RECOVERED_SECONDS)


def _page(preview: Preview) -> str:
    answer = preview.fetch()
    return answer.text if answer is not None else ""
