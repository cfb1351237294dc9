"""The demo's floor: what the product applied, elsewhere, and nothing that the product would look after."""

import json
from typing import Any

import pytest

from deploy.demo.floor import Floor
from deploy.demo.platform import NotAsExpected, Platform, eventually
from deploy.demo.pull_request import SAMPLES
from deploy.demo.samples import Act, acts
from environments import labels
from environments.catalyst_yaml import read_file
from environments.model import Snapshot

MODEL = "ada-shop-pr-7"
HOME = {
    "metadata": {
        "name": MODEL,
        "uid": "1",
        "labels": {labels.MANAGED_BY: "catalyst", "pod-security.kubernetes.io/enforce": "baseline"},
        "annotations": {labels.FENCE: "3"},
    }
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "web",
        "namespace": MODEL,
        "uid": "2",
        "resourceVersion": "17",
        "labels": {labels.MANAGED_BY: "catalyst", labels.ROLLOUT: "3"},
    },
    "spec": {
        "selector": {"matchLabels": {labels.MANAGED_BY: "catalyst"}},
        "template": {
            "metadata": {"labels": {labels.MANAGED_BY: "catalyst"}},
            "spec": {"containers": [{"name": "web", "image": f"localhost:5000/{MODEL}/web@sha256:0"}]},
        },
    },
    "status": {"availableReplicas": 1},
}
INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "web", "namespace": MODEL},
    "spec": {"rules": [{"host": f"{MODEL}.localhost"}]},
}


class Cluster(Platform):
    """Answers what stands there."""

    def __init__(self) -> None:
        self.local = {"registry": "localhost:5000"}

    def kubectl(self, *words: str, given: str | None = None) -> str:
        return json.dumps(HOME if "namespace" in words else {"items": [DEPLOYMENT, INGRESS]})


@pytest.fixture
def floor() -> list[dict[str, Any]]:
    return Floor(Cluster(), MODEL).objects()


def test_the_floor_is_another_namespace_with_the_same_level_of_security(floor: list[dict[str, Any]]) -> None:
    expected = {"name": f"floor-{MODEL}", "labels": {"pod-security.kubernetes.io/enforce": "baseline"}}
    assert floor[0]["metadata"] == expected


def test_it_runs_the_very_same_image_under_a_host_of_its_own(floor: list[dict[str, Any]]) -> None:
    _, deployment, ingress = floor
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"localhost:5000/{MODEL}/web@sha256:0"
    assert ingress["spec"]["rules"] == [{"host": f"floor-{MODEL}.localhost"}]
    assert {each["metadata"].get("namespace") for each in floor[1:]} == {f"floor-{MODEL}"}


def test_nothing_in_it_is_watched_by_the_product_and_selectors_still_match(floor: list[dict[str, Any]]) -> None:
    deployment = floor[1]
    chosen = deployment["spec"]["selector"]["matchLabels"]
    assert chosen == deployment["spec"]["template"]["metadata"]["labels"] == {labels.MANAGED_BY: "floor"}


def test_it_is_applied_as_if_new(floor: list[dict[str, Any]]) -> None:
    assert "status" not in floor[1]
    assert not {"uid", "resourceVersion"} & floor[1]["metadata"].keys()


def test_what_doesnt_come_is_a_sentence() -> None:
    with pytest.raises(NotAsExpected, match="The URL never answered"):
        eventually(lambda: None, 0, lambda: "The URL never answered.")


@pytest.mark.parametrize("act", [act for act in acts() if ".catalyst.yaml" in act.change], ids=lambda act: act.name)
def test_what_the_demo_pushes_is_valid_configuration(act: Act) -> None:
    found = read_file(Snapshot(paths=tuple(sorted(act.change)), texts=act.change))
    assert found["development"].command


def test_every_sample_has_its_part() -> None:
    assert {act.name for act in acts()} == {folder.name for folder in SAMPLES.iterdir()}
