"""What surrounds the worker's activities: fields of its log lines, its health, and what of a watch wakes a workflow."""

from typing import Any, Literal

import httpx
import pytest
from prometheus_client import REGISTRY

from activities.protocols import WatchEvent
from activities.teardown import TeardownActivities
from environments import labels
from environments.model import (
    CommitSha,
    EnvironmentIdentity,
    EnvironmentKey,
    EnvironmentUid,
    NamespaceName,
    Phase,
    PullRequestKey,
)
from environments.work import (
    CheckRequest,
    OverrideRequest,
    OverrideWork,
    PullRequestReport,
    RemoveRequest,
    RolloutRequest,
    Sighting,
    Target,
    TearDownRequest,
    Verdict,
)
from gateways.cluster.fake import InMemoryCluster
from gateways.registry.fake import InMemoryRegistry
from store.fake import InMemoryAudit
from tests.unit.test_policy import pull_request
from worker.context import Progress, context_of
from worker.health import create_health_app
from worker.watch import Changes, sighting_of

KEY = EnvironmentKey(namespace=NamespaceName("ada-shop"), name="pr-7")
IDENTITY = EnvironmentIdentity(team="ada", project="shop", environment="pr-7")
HERE = NamespaceName("ada-shop-pr-7")
UID = EnvironmentUid("1")
OF_KEY = {"project_namespace": "ada-shop", "environment": "pr-7", "pull_request": 7}
WHOLE = OF_KEY | {"team": "ada", "project": "shop"}
ROLLOUT = RolloutRequest(
    key=KEY,
    identity=IDENTITY,
    namespace=HERE,
    uid=UID,
    rollout=2,
    target=Target(sha=CommitSha("a" * 40), branch="change", retry=0, settings=""),
)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        (ROLLOUT, WHOLE),
        (CheckRequest(request=ROLLOUT, was=Verdict(phase=Phase.READY)), WHOLE),
        (TearDownRequest(key=KEY, namespace=HERE, uid=UID, identity=IDENTITY), WHOLE),
        (OverrideWork(key=KEY, uid=UID, request=OverrideRequest(by="ada")), OF_KEY),
        (KEY, OF_KEY),
        (
            PullRequestReport(pull_request=pull_request(owner="Ada"), report=None, message=None),
            {"team": "ada", "project": "shop", "environment": "pr-7", "pull_request": 7},
        ),
        (
            PullRequestReport(pull_request=pull_request(owner="default"), report=None, message=None),
            {"repository": "default/Shop", "pull_request": 7},
        ),
        (
            RemoveRequest(key=KEY, pull_request=PullRequestKey(forge="gitea", repository_id=3, number=7)),
            OF_KEY | {"forge": "gitea", "repository_id": 3},
        ),
        (
            EnvironmentKey(namespace=KEY.namespace, name="staging"),
            {"project_namespace": "ada-shop", "environment": "staging"},
        ),
        (None, {}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_line_of_the_log_says_what_it_is_about(given: Any, fields: dict[str, Any]) -> None:
    assert context_of(given) == fields


@pytest.mark.parametrize(("most", "status"), [(60.0, 200), (-1.0, 503)])
async def test_a_worker_that_gets_nothing_done_is_not_healthy(most: float, status: int) -> None:
    transport = httpx.ASGITransport(create_health_app(Progress(), most))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        answers = [await client.get(path) for path in ("/healthz", "/readyz")]
    assert [answer.status_code for answer in answers] == [status, status]


def resource(generation: int = 1, **metadata: Any) -> dict[str, Any]:
    own = {"namespace": "ada-shop", "name": "pr-7", "uid": "1", "generation": generation} | metadata
    return {"kind": "Environment", "metadata": own}


def deployment(available: int) -> dict[str, Any]:
    marks = {labels.TEAM: "ada", labels.PROJECT: "shop", labels.ENVIRONMENT: "pr-7"}
    metadata = {"namespace": HERE, "name": "web", "uid": "2", "generation": 1, "labels": marks}
    return {"kind": "Deployment", "metadata": metadata, "status": {"availableReplicas": available}}


def test_a_resource_wakes_its_owner_when_it_is_new_changed_or_being_deleted() -> None:
    changes = Changes()
    seen = [
        WatchEvent("ADDED", resource()),
        WatchEvent("MODIFIED", resource(labels={"only": "metadata"})),
        WatchEvent("MODIFIED", resource(generation=2)),
        WatchEvent("MODIFIED", resource(generation=2, deletionTimestamp="2026-01-01T00:00:00Z")),
        WatchEvent("DELETED", resource(generation=2, deletionTimestamp="2026-01-01T00:00:00Z")),
    ]
    assert [changes.notice(event) for event in seen] == [KEY, None, KEY, KEY, KEY]


def test_a_workload_wakes_its_owner_when_it_stops_or_begins_to_answer_and_when_it_goes() -> None:
    changes = Changes()
    seen = [
        WatchEvent("ADDED", deployment(1)),
        WatchEvent("MODIFIED", deployment(2)),
        WatchEvent("MODIFIED", deployment(0)),
        WatchEvent("DELETED", deployment(0)),
    ]
    assert [changes.notice(event) for event in seen] == [None, None, KEY, KEY]


def test_what_carries_no_marks_of_ours_wakes_nobody() -> None:
    changes, stranger = Changes(), {"kind": "Namespace", "metadata": {"name": "x", "uid": "3", "labels": {}}}
    assert changes.notice(WatchEvent("ADDED", stranger)) is None
    assert changes.notice(WatchEvent("DELETED", stranger)) is None


async def test_a_teardown_past_its_deadline_is_counted_where_the_worker_is_measured() -> None:
    name = "catalyst_teardowns_past_deadline_total"
    before = REGISTRY.get_sample_value(name)
    assert before is not None
    teardown = TeardownActivities(InMemoryCluster(), InMemoryRegistry(), InMemoryAudit())
    await teardown.unblock(TearDownRequest(key=KEY, namespace=HERE, uid=UID))
    assert REGISTRY.get_sample_value(name) == before + 1
    transport = httpx.ASGITransport(create_health_app(Progress(), 60))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        assert f"{name} {before + 1}" in (await client.get("/metrics")).text


@pytest.mark.parametrize("type_", ["ADDED", "MODIFIED"])
def test_a_sighting_tells_which_version_of_a_resource_was_seen(type_: Literal["ADDED", "MODIFIED"]) -> None:
    metadata = {"namespace": "ada-shop", "name": "pr-7", "uid": "1", "generation": 3}
    event = WatchEvent(type_, {"kind": "Environment", "metadata": metadata})
    assert sighting_of(event) == Sighting(uid=UID, generation=3)


@pytest.mark.parametrize("type_", ["ADDED", "MODIFIED", "DELETED"])
def test_what_lies_in_the_namespace_is_a_rollouts_own_while_it_runs(
    type_: Literal["ADDED", "MODIFIED", "DELETED"],
) -> None:
    for kind in ("Deployment", "NetworkPolicy", "ResourceQuota", "LimitRange"):
        assert sighting_of(WatchEvent(type_, {"kind": kind, "metadata": {"uid": "2"}})) == Sighting()


def test_what_is_going_must_be_looked_at() -> None:
    going = {"uid": "1", "generation": 3, "deletionTimestamp": "2026-11-30T00:00:00Z"}
    assert sighting_of(WatchEvent("MODIFIED", {"kind": "Environment", "metadata": going})) is None
    assert (
        sighting_of(WatchEvent("DELETED", {"kind": "Environment", "metadata": {"uid": "1", "generation": 3}})) is None
    )
    assert sighting_of(WatchEvent("MODIFIED", {"kind": "Namespace", "metadata": {"uid": "3"}})) is None
