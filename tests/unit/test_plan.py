"""plan(): everything desired, and away with what is ours and older."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from environments import labels
from environments.model import KubernetesObject
from environments.plan import ObjectName, Plan, name_of, plan

API_VERSIONS = {"Deployment": "apps/v1", "Ingress": "networking.k8s.io/v1", "CronJob": "batch/v1"}
KINDS = ("Deployment", "Ingress", "CronJob", "Service", "ConfigMap", "PersistentVolumeClaim", "ServiceAccount")


def obj(kind: str, name: str, rollout: int | None = 1, *, guard: bool = False, **metadata: Any) -> KubernetesObject:
    """None: not one of ours."""
    own = {} if rollout is None else {labels.MANAGED_BY: labels.MANAGER, labels.ROLLOUT: str(rollout)}
    own |= {labels.COMPONENT: labels.GUARD} if guard else {}
    version = API_VERSIONS.get(kind, "v1")
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": own} | metadata}


def mounting(name: str, claim: str, rollout: int = 2) -> KubernetesObject:
    volumes = [{"name": "cache", "persistentVolumeClaim": {"claimName": claim}}, {"name": "tmp", "emptyDir": {}}]
    return obj("Deployment", name, rollout) | {"spec": {"template": {"spec": {"volumes": volumes}}}}


def kinds(found: Plan) -> list[str]:
    return [each["kind"] for each in found.apply]


def test_what_a_pod_needs_comes_before_the_pod() -> None:
    desired = [obj(kind, "web") for kind in KINDS] + [obj("ResourceQuota", "q", guard=True)]
    assert kinds(plan(desired, [], 1)) == [
        "ResourceQuota",
        "ServiceAccount",
        "ConfigMap",
        "PersistentVolumeClaim",
        "Service",
        "Deployment",
        "Ingress",
        "CronJob",
    ]


def test_what_an_older_rollout_left_is_pruned_in_reverse_order() -> None:
    old = [obj("ConfigMap", "old"), obj("Deployment", "old"), obj("Ingress", "old")]
    found = plan([obj("Deployment", "web", 2)], [obj("Deployment", "web"), *old], 2)
    assert [name.kind for name in found.prune] == ["Ingress", "Deployment", "ConfigMap"]
    assert found.keep == ()


def test_another_version_of_a_desired_object_is_the_same_object() -> None:
    beta = obj("Ingress", "web") | {"apiVersion": "networking.k8s.io/v1beta1"}
    assert plan([obj("Ingress", "web", 2)], [beta], 2).prune == ()
    other = obj("Ingress", "web") | {"apiVersion": "else.example/v1"}
    assert plan([obj("Ingress", "web", 2)], [other], 2).prune == (ObjectName("else.example/v1", "Ingress", "web"),)


def test_what_is_never_pruned() -> None:
    observed = [
        obj("ConfigMap", "of-a-person", None),
        obj("ResourceQuota", "guard", guard=True),
        obj("ReplicaSet", "made-by-a-controller", ownerReferences=[{"kind": "Deployment"}]),
        obj("ConfigMap", "of-a-newer-rollout", 3),
        obj("ConfigMap", "of-this-rollout", 2),
        obj("ConfigMap", "leaving", deletionTimestamp="2026-01-01T00:00:00Z"),
        obj("PersistentVolumeClaim", "mounted"),
    ]
    found = plan([mounting("web", "mounted")], observed, 2)
    assert found.prune == ()
    assert set(found.keep) == {name_of(each) for each in observed}


def test_a_volume_that_nothing_mounts_any_more_goes() -> None:
    found = plan([mounting("web", "other")], [obj("PersistentVolumeClaim", "cache")], 2)
    assert found.prune == (ObjectName("v1", "PersistentVolumeClaim", "cache"),)


NAMES = st.sampled_from(["web", "db", "cache"])
OBJECTS = st.builds(obj, st.sampled_from(KINDS), NAMES, st.none() | st.integers(0, 4), guard=st.booleans())


def unique(objects: list[KubernetesObject]) -> list[KubernetesObject]:
    return list({name_of(each): each for each in objects}.values())


def carry_out(found: Plan, observed: list[KubernetesObject]) -> dict[ObjectName, KubernetesObject]:
    stored = {name_of(each): each for each in observed}
    for each in found.apply:
        stored[name_of(each)] = each
    for name in found.prune:
        del stored[name]
    return stored


@given(st.lists(OBJECTS).map(unique), st.lists(OBJECTS).map(unique), st.integers(1, 5))
def test_applying_a_plan_twice_changes_nothing(
    desired: list[KubernetesObject], observed: list[KubernetesObject], rollout: int
) -> None:
    once = carry_out(plan(desired, observed, rollout), observed)
    again = plan(desired, list(once.values()), rollout)
    assert again.prune == ()
    assert carry_out(again, list(once.values())) == once


@given(st.lists(OBJECTS).map(unique), st.lists(OBJECTS).map(unique), st.integers(1, 5))
def test_every_object_has_one_fate_and_desired_ones_are_never_pruned(
    desired: list[KubernetesObject], observed: list[KubernetesObject], rollout: int
) -> None:
    found = plan(desired, observed, rollout)
    wanted = {name_of(each) for each in desired}
    fates = [wanted, set(found.prune), set(found.keep)]
    assert {name_of(each) for each in found.apply} == wanted and len(found.apply) == len(desired)
    assert set().union(*fates) == wanted | {name_of(each) for each in observed}
    assert sum(map(len, fates)) == len(set().union(*fates))


@given(st.lists(OBJECTS).map(unique), st.permutations(range(4)))
def test_the_order_of_what_is_given_does_not_matter(desired: list[KubernetesObject], order: list[int]) -> None:
    shuffled = [desired[i] for i in order if i < len(desired)] + desired[4:]
    assert plan(desired, [], 1) == plan(shuffled, [], 1)
