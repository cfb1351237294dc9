"""Lives of the soak: drawn from a seed, and such as people could lead."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.soak.lives import Act, lives


@given(st.integers())
def test_the_same_seed_draws_the_same_lives(seed: int) -> None:
    assert lives(seed, 5) == lives(seed, 5)


@given(st.integers())
def test_a_closed_pull_request_is_only_ever_reopened(seed: int) -> None:
    for life in lives(seed, 5):
        for before, after in zip(life.acts, life.acts[1:], strict=False):
            assert (before is Act.CLOSE) == (after is Act.REOPEN)


def test_while_the_api_is_away_things_happen_on_the_forge_only() -> None:
    """Found with seed 1130: a life that waited for the API while it kept it away, and so did whoever waited beside it."""
    pairs = [pair for life in lives(1130, 2000) for pair in pairwise(life.acts)]
    after = {act for before, act in pairs if before is Act.DEAF}
    assert after == {Act.PUSH, Act.BREAK, Act.CLOSE}
