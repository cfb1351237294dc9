"""What is asked of a pull request that has no environment: an approval of a fork's commit, a preview on request."""

import pytest

from tests.api.conftest import Api

PLACE = "/api/v1/pull-requests/gitea/3/7"
OWNER = "pr/gitea/3/7"
SHA = "a" * 40


async def test_an_approval_names_the_commit_and_is_audited(api: Api) -> None:
    api.owners.running.add(OWNER)
    answer = await api.client.post(f"{PLACE}/approve", json={"sha": SHA, "reason": "Looked at it."})
    assert answer.status_code == 202, answer.text
    [told] = api.owners.told
    assert (told.workflow_id, told.name) == (OWNER, "approve")
    assert told.request is not None and told.request.sha == SHA and told.request.by
    [entry] = await api.parts.audit.list("gitea/3#7")
    assert (entry.action, entry.outcome, entry.detail) == (
        "approve",
        "accepted",
        {"reason": "Looked at it.", "sha": SHA},
    )


async def test_a_preview_on_request(api: Api) -> None:
    api.owners.running.add(OWNER)
    assert (await api.client.post(f"{PLACE}/deploy")).status_code == 202
    assert [(told.workflow_id, told.name) for told in api.owners.told] == [(OWNER, "deploy")]


@pytest.mark.parametrize("sha", ["", "a" * 7, "A" * 40, "a" * 41, "../x"])
async def test_no_commit_is_approved_by_less_than_its_whole_sha(api: Api, sha: str) -> None:
    api.owners.running.add(OWNER)
    assert (await api.client.post(f"{PLACE}/approve", json={"sha": sha})).status_code == 422
    assert api.owners.told == []


async def test_why_not(api: Api) -> None:
    gone = await api.client.post(f"{PLACE}/approve", json={"sha": SHA})
    assert gone.status_code == 410 and "gitea/3#7" in gone.json()["message"]
    api.owners.running.add(OWNER)
    api.owners.refusals["approve"] = f"The newest commit is {'b' * 40}: look at that one."
    refused = await api.client.post(f"{PLACE}/approve", json={"sha": SHA})
    assert refused.status_code == 409 and "b" * 40 in refused.json()["message"]
    assert [entry.outcome for entry in await api.parts.audit.list("gitea/3#7")] != ["accepted", "accepted"]


async def test_nobody_without_a_token(api: Api) -> None:
    api.owners.running.add(OWNER)
    for path, body in (("approve", {"sha": SHA}), ("deploy", {})):
        answer = await api.client.post(f"{PLACE}/{path}", json=body, headers={"Authorization": ""})
        assert answer.status_code == 401
    assert api.owners.told == []
