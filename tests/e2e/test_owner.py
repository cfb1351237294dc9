"""People with rights in a running preview's namespace, each with a token of their own: what they can't do there, and what they can."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from environments.isolation import NAME
from environments.owner_role import NAME as OWNER
from environments.owner_role import owner_binding_object
from tests.e2e.machine import CommandFailed, Json, Machine
from tests.e2e.world import Platform, Preview, sample

RIGHTS_SECONDS = 90
"""The API server takes a moment to load a binding."""
EVERY_RIGHT = "cluster-admin"
"""Bound in one namespace, it is every right there is in it."""
Person = Callable[[str], Machine]


@pytest.fixture
def preview(platform: Platform) -> Preview:
    preview = platform.opened(sample("prebuilt"))
    preview.becomes("Ready")
    return preview


@pytest.fixture
def person(preview: Preview, tmp_path: Path) -> Iterator[Person]:
    """Makes somebody who has that role in the preview's namespace, and nothing but a token."""
    machine, home = preview.machine, f"people-{uuid.uuid4().hex[:8]}"
    machine.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}})

    def make(role: str) -> Machine:
        name = f"person-{uuid.uuid4().hex[:6]}"
        machine.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": home, "name": name}})
        machine.create(_binding(preview.namespace, home, name, role))
        token = machine.kubectl("create", "token", name, "--namespace", home).strip()
        made = Machine(
            dict(preview.platform.local) | {"admin_kubeconfig": _kubeconfig(machine, token, tmp_path / name)}
        )
        may = ("auth", "can-i", "create", "deployments", "--namespace", preview.namespace)
        preview.until(lambda: "yes" in _said(made, *may), RIGHTS_SECONDS, f"{name} has its rights")
        return made

    yield make
    machine.kubectl("delete", "namespace", home, "--wait=false")


def _binding(namespace: str, home: str, name: str, role: str) -> Json:
    binding = owner_binding_object(namespace, {"kind": "ServiceAccount", "namespace": home, "name": name})
    return binding | {
        "metadata": {"namespace": namespace, "name": name},
        "roleRef": binding["roleRef"] | {"name": role},
    }


def _kubeconfig(machine: Machine, token: str, file: Path) -> str:
    """The administrator's way to the server, without the administrator's certificate."""
    known = json.loads(machine.kubectl("config", "view", "--raw", "--minify", "--output=json"))
    context = {"name": "it", "context": {"cluster": known["clusters"][0]["name"], "user": "it"}}
    users = [{"name": "it", "user": {"token": token}}]
    file.write_text(json.dumps(known | {"users": users, "contexts": [context], "current-context": "it"}))
    return str(file)


def _said(machine: Machine, *words: str) -> str:
    """What kubectl answers, be it a refusal."""
    try:
        return machine.kubectl(*words)
    except CommandFailed as error:
        return str(error)


def _attempts(preview: Preview) -> dict[str, tuple[str, ...]]:
    """What must not come about -> the words for kubectl."""
    other = f"other.{preview.host.partition('.')[2]}"
    unsafe = json.dumps({"spec": {"externalIPs": ["192.0.2.1"]}})
    open_ = json.dumps({"spec": {"egress": [{}]}})
    return {
        "another's host": ("create", "ingress", "taken", f"--rule={other}/*=web:80"),
        "every host": ("create", "ingress", "taken", "--rule=/*=web:80"),
        "other addresses": ("patch", "service", "web", f"--patch={unsafe}"),
        "a port of the node": (
            "expose",
            "deployment",
            "web",
            "--name=open",
            "--labels=a=b",
            "--port=80",
            "--type=NodePort",
        ),
        "an open network": ("patch", "networkpolicy", NAME, "--type=merge", f"--patch={open_}"),
        "no network policy": ("delete", "networkpolicy", NAME),
        "no quota": ("delete", "resourcequota", NAME),
        "no limits": ("delete", "limitrange", NAME),
        "another team's label": ("label", "deployment", "web", "catalyst.dev/team=other", "--overwrite"),
        "a newer rollout": ("label", "deployment", "web", "catalyst.dev/rollout=999", "--overwrite"),
        "loose Pod Security": (
            "label",
            "namespace",
            preview.namespace,
            "pod-security.kubernetes.io/enforce=privileged",
            "--overwrite",
        ),
        "no namespace": ("delete", "namespace", preview.namespace, "--wait=false"),
    }


def _guards(preview: Preview) -> list[Json]:
    kinds = ("networkpolicy", "resourcequota", "limitrange")
    found = [preview.machine.get(kind, NAME, preview.namespace) for kind in kinds]
    return [{"uid": each["metadata"]["uid"], "spec": each["spec"]} for each in found if each]


def test_somebody_with_every_right_in_it_loosens_nothing(preview: Preview, person: Person) -> None:
    mighty, before = person(EVERY_RIGHT), _guards(preview)
    where = ("--namespace", preview.namespace)
    said = {what: _said(mighty, *words, *where) for what, words in _attempts(preview).items()}
    assert {what: text for what, text in said.items() if "catalyst guard: " not in text} == {}
    assert len(before) == 3 and _guards(preview) == before


def test_its_owner_works_in_it_and_loosens_nothing(preview: Preview, person: Person) -> None:
    owner, before = person(OWNER), _guards(preview)
    where = ("--namespace", preview.namespace)
    said = {what: _said(owner, *words, *where) for what, words in _attempts(preview).items()}
    refusals = ("catalyst guard: ", "cannot delete resource", "cannot patch resource")
    assert {what: text for what, text in said.items() if not any(each in text for each in refusals)} == {}
    assert len(before) == 3 and _guards(preview) == before

    owner.kubectl("create", "configmap", "mine", "--from-literal=a=b", *where)
    owner.kubectl("create", "ingress", "mine", "--class=traefik", f"--rule={preview.host}/mine*=web:80", *where)
    owner.kubectl("expose", "deployment", "web", "--name=mine", "--labels=a=b", "--port=80", *where)
    owner.kubectl("scale", "deployment", "web", "--replicas=2", *where)
    preview.until(lambda: len(preview.pods()) == 2, RIGHTS_SECONDS, "the second pod is made")
    assert owner.kubectl("exec", "deployment/web", *where, "--", "echo", "inside").strip() == "inside"
    assert owner.kubectl("get", "secrets", *where) is not None

    # What the owner did is in nobody's way: neither the next rollout's nor the end's.
    preview.pushed({"README.md": "another line\n"})
    preview.becomes("Ready")
    preview.closed()
    preview.is_gone()
