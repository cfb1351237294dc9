"""Equal names and numbers, names that somebody else holds: whose it is comes from where it lies, never from its name."""

import pytest

from tests.e2e.world import Platform, Preview, new_team, sample
from tests.patience import PATIENCE_SECONDS

SIGN = "keep-me"


def _held(platform: Platform, name: str) -> str:
    """A namespace that isn't Catalyst's, with something in it; its uid."""
    labels = {"owner": "somebody-else"}
    platform.machine.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    sign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SIGN, "namespace": name}}
    platform.machine.create(sign)
    found = platform.machine.get("namespace", name)
    assert found is not None
    return str(found["metadata"]["uid"])


def _is_untouched(platform: Platform, name: str, uid: str) -> None:
    found = platform.machine.get("namespace", name)
    assert found is not None, f"the namespace {name} of somebody else is gone"
    metadata = found["metadata"]
    assert (metadata["uid"], metadata["labels"]["owner"]) == (uid, "somebody-else")
    marks = [*metadata["labels"], *metadata.get("annotations", {})]
    assert not [mark for mark in marks if mark.startswith("catalyst.dev/")], f"{name} carries marks of ours: {marks}"
    assert platform.machine.get("configmap", SIGN, name), f"what lay in {name} is gone"
    kinds = "deployments,services,ingresses,networkpolicies,resourcequotas"
    assert not platform.machine.every(kinds, name), f"something of ours lies in {name}"


def test_two_teams_with_equal_repositories_and_numbers(platform: Platform) -> None:
    files = sample("dockerfile")
    one = platform.repository(name="shop").opened(files | {"index.html": "of the first team\n"})
    other = platform.repository(name="shop").opened(files | {"index.html": "of the second team\n"})
    assert one.number == other.number
    one.becomes("Ready")
    other.becomes("Ready")
    one.answers_only("of the first team")
    other.answers_only("of the second team")

    one.closed()
    one.is_gone()
    other.answers_only("of the second team")
    assert other.machine.images_of(other.namespace), "its image is its own, though its layers are the same"
    other.pushed({"index.html": "still there\n"})
    other.becomes("Ready")
    other.answers_only("still there")
    other.closed()
    other.is_gone()


@pytest.mark.parametrize("level", ["environment", "project", "team"])
def test_a_namespace_that_somebody_else_owns_is_refused_and_never_touched(platform: Platform, level: str) -> None:
    team = new_team()
    name = {"team": team, "project": f"{team}-shop", "environment": f"{team}-shop-pr-1"}[level]
    uid = _held(platform, name)

    preview = platform.repository(team).opened(sample("prebuilt"))
    preview.says("Blocked" if level != "environment" else "Failed", name, "not Catalyst's", "rename")
    preview.has_status("error" if level != "environment" else "failure", name[:20])
    _is_untouched(platform, name, uid)

    preview.closed()
    preview.until(lambda: not _ours(preview), PATIENCE_SECONDS, "its resource is gone and its workflow has ended")
    _is_untouched(platform, name, uid)
    platform.machine.kubectl("delete", "namespace", name, "--wait=false")


def _ours(preview: Preview) -> list[str]:
    found = preview.machine.get("environments", preview.resource.name, preview.home)
    workflow = preview.machine.workflow(preview.workflow_ids()[0]) or {}
    is_over = str(workflow.get("status", "")).endswith("COMPLETED")
    return (["Environment"] if found else []) + ([] if is_over else ["workflow"])
