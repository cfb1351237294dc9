"""Who deletes an Environment by hand: who counts as a person, how they are called, and what the API server is told to ask."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import files, reviews
from deploy.local.profile import Profile
from environments.deletions import MOST_OF_A_NAME, Deletion, ReviewRequest, deleter, deletion_of, review_configuration
from environments.model import EnvironmentKey, EnvironmentUid, NamespaceName

OURS = "system:serviceaccount:catalyst-system:catalyst"
KEY = EnvironmentKey(namespace=NamespaceName("ada-shop"), name="pr-7")


def asked(by: str = "alice", **fields: Any) -> dict[str, Any]:
    """A request as the API server sends it."""
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": "e-1", "finalizers": ["catalyst.dev/finalizer"]}
    return {
        "uid": "q-1",
        "operation": "DELETE",
        "name": "",
        "userInfo": {"username": by, "groups": ["system:authenticated"]},
        "object": None,
        "oldObject": {"kind": "Environment", "metadata": metadata},
        "dryRun": False,
    } | fields


def noted(request: dict[str, Any]) -> Deletion | None:
    return deletion_of(ReviewRequest.model_validate(request), OURS)


@pytest.mark.parametrize("by", ["alice", "kubernetes-admin", "system:admin", "system:serviceaccount:ada-shop:agent"])
def test_who_deletes_is_noted_with_what(by: str) -> None:
    assert noted(asked(by)) == Deletion(key=KEY, uid=EnvironmentUid("e-1"), by=by)


@pytest.mark.parametrize(
    "by",
    [
        OURS,
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:serviceaccount:kube-system:namespace-controller",
        "system:kube-controller-manager",
    ],
)
def test_what_no_person_does_is_not_noted(by: str) -> None:
    assert noted(asked(by)) is None


def test_tries_other_operations_and_other_kinds_are_not_noted() -> None:
    stored = asked()["oldObject"]
    assert noted(asked(dryRun=True)) is None
    assert noted(asked(operation="UPDATE")) is None
    assert noted(asked(oldObject=stored | {"kind": "Project"})) is None


def test_whoever_deletes_what_is_being_deleted_already_is_not_who_did_it() -> None:
    stored = asked()["oldObject"]
    metadata = stored["metadata"] | {"deletionTimestamp": "2026-01-01T12:00:00Z"}
    assert noted(asked(oldObject=stored | {"metadata": metadata})) is None


def test_a_name_is_one_bounded_line() -> None:
    found = noted(asked("a\nb\0c\u202e" + "d" * 10_000))
    assert found is not None
    assert found.by.startswith("a bcddd")
    assert len(found.by) == MOST_OF_A_NAME


def test_a_name_cannot_leave_its_quotes() -> None:
    assert deleter("a`b") == "the Kubernetes user `a'b`, who deleted its Environment resource"
    assert deleter("") == "somebody who deleted its Environment resource"


def test_nothing_waits_for_us() -> None:
    made = review_configuration("https://127.0.0.1:8702/deletions/s", "PEM", "it's ours")
    (webhook,) = made["webhooks"]
    assert (webhook["failurePolicy"], webhook["timeoutSeconds"]) == ("Ignore", 2)
    assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == b"PEM"
    (rule,) = webhook["rules"]
    assert (rule["resources"], rule["operations"]) == (["environments"], ["DELETE"])
    (first, *_) = webhook["matchConditions"]
    assert r"'it\'s ours'" in first["expression"]


def test_the_configuration_is_printed_for_other_clusters(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    command = [sys.executable, "-m", "deploy.reviews", "https://catalyst:8702/", str(tmp_path / "ca.crt"), OURS]
    given = {"CATALYST_REVIEWS__SECRET": "s3cret", "PYTHONPATH": str(Path(__file__).parents[2])}
    printed = subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout
    assert yaml.safe_load(printed) == review_configuration("https://catalyst:8702/deletions/s3cret", "PEM", OURS)
    refused = subprocess.run(command[:4], env=given, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "python -m deploy.reviews" in refused.stderr


def test_the_api_server_asks_where_the_api_listens(tmp_path: Path) -> None:
    profile = Profile("demo", root=tmp_path)
    files.write(profile.pki / "ca.crt", "PEM")
    files.write(profile.secret("reviews"), "s3cret", 0o600)
    (webhook,) = reviews.configuration(profile, "catalyst")["webhooks"]
    given = reviews.settings(profile)
    assert webhook["clientConfig"]["url"] == (
        f"https://{given['CATALYST_REVIEWS__HOST']}:{given['CATALYST_REVIEWS__PORT']}"
        f"/deletions/{given['CATALYST_REVIEWS__SECRET']}"
    )
