"""Search attributes of our workflows: registered by the platform, read and written by these names only."""

from collections.abc import Sequence

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

TEAM = SearchAttributeKey.for_keyword("CatalystTeam")
PROJECT = SearchAttributeKey.for_keyword("CatalystProject")
ENVIRONMENT = SearchAttributeKey.for_keyword("CatalystEnvironment")
REPOSITORY = SearchAttributeKey.for_keyword("CatalystRepository")
PULL_REQUEST = SearchAttributeKey.for_int("CatalystPullRequest")
PHASE = SearchAttributeKey.for_keyword("CatalystPhase")
SHA = SearchAttributeKey.for_keyword("CatalystSha")

KEYWORDS = (TEAM, PROJECT, ENVIRONMENT, REPOSITORY, PHASE, SHA)
ALL = (*KEYWORDS, PULL_REQUEST)


def changed(
    before: dict[SearchAttributeKey[str], str | None], now: dict[SearchAttributeKey[str], str | None]
) -> Sequence[SearchAttributeUpdate[str]]:
    """Only what differs: each upsert is an event of the history."""
    return [key.value_set(value) for key, value in now.items() if value is not None and before.get(key) != value]
