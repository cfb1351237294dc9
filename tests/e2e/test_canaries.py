"""Each credential that the product holds is a random value: while previews live and are pushed to, none of them appears anywhere
that people or previews can look (issue 5)."""

import asyncio
import base64
import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import yaml
from temporalio.client import Client

from tests.e2e.world import Platform, Preview, sample

EVERY_SECONDS = 0.2
INSIDE = "cat /proc/*/environ /proc/*/cmdline 2>/dev/null; grep -ra . /code/.git/config /code/.git/FETCH_HEAD 2>/dev/null || true"
KINDS = "pods,deployments,replicasets,configmaps,secrets,events,services,ingresses,persistentvolumeclaims"
MANIFEST = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SHORTEST = 12
"""Characters; a shorter value would be found by chance."""

Places = dict[str, bytes]


def test_no_credential_is_where_people_or_previews_look(platform: Platform) -> None:
    canaries = _canaries(platform)
    built, living = platform.opened(sample("dockerfile")), platform.opened(sample("node"))
    with _processes_watched() as seen:
        for preview in (built, living):
            preview.becomes("Ready")
        living.pushed({"server.js": sample("node")["server.js"].replace("hello", "good day")})
        built.pushed({"index.html": "pushed once more\n"})
        for preview in (built, living):
            preview.becomes("Ready")
            preview.says("Ready")
    places: Places = {"command lines": b"\n".join(seen)}
    for preview in (built, living):
        places |= {f"{name} of {preview.namespace}": text for name, text in _places(preview).items()}
    places |= _layers(built)
    places["inside the development pod"] = living.runs(INSIDE).encode()
    for preview in (built, living):
        preview.closed()
        preview.is_gone()
    for preview in (built, living):
        places[f"its last histories, {preview.namespace}"] = asyncio.run(_histories(preview))
    places |= _process_logs(platform)
    assert min(map(len, places.values())) > 0, f"nothing was read of {[n for n, text in places.items() if not text]}"
    found = [(name, place) for name, canary in canaries.items() for place, text in places.items() if canary in text]
    assert not found


def test_the_search_finds_what_is_there(platform: Platform) -> None:
    """A search that looks in the wrong place finds nothing either: a value that does travel is found in each of them."""
    preview = platform.opened(sample("dockerfile"))
    preview.becomes("Ready")
    preview.says("Ready")
    sha, name = preview.head.encode(), preview.namespace.encode()
    places = _places(preview)
    for place in ("histories", "report", "comment", "objects", "resource"):
        assert sha in places[place] or name in places[place], place
    assert any(b"hello from the dockerfile sample" in text for text in _layers(preview).values())
    assert any(name in text for text in _process_logs(platform).values())


def _canaries(platform: Platform) -> Mapping[str, bytes]:
    local = platform.local
    values = {key: str(value) for key, value in local.items() if key.endswith(("_token", "_secret", "_password"))}
    values["forge credential as git sends it"] = base64.b64encode(
        f"{local['forge_user']}:{local['forge_token']}".encode()
    ).decode()
    values |= _keys(Path(local["kubeconfig"]))
    assert len(values) >= 6 and all(len(value) >= SHORTEST for value in values.values())
    return {name: value.encode() for name, value in values.items()}


def _keys(kubeconfig: Path) -> dict[str, str]:
    """A line out of the middle of each private key or token of a kubeconfig, as it is stored and decoded."""
    found = {}
    for user in yaml.safe_load(kubeconfig.read_text())["users"]:
        own = user["user"]
        if data := own.get("client-key-data"):
            found["client key, encoded"] = data[200:260]
            found["client key"] = base64.b64decode(data).decode().splitlines()[2]
        elif path := own.get("client-key"):
            found["client key"] = Path(path).read_text().splitlines()[2]
        if token := own.get("token"):
            found["service account's token"] = token
    assert found, f"{kubeconfig} holds no credential"
    return found


@contextmanager
def _processes_watched() -> Iterator[set[bytes]]:
    """Every command line of the machine that was seen meanwhile."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY_SECONDS):
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(entry.read_bytes().replace(b"\0", b" "))
                except OSError:
                    continue  # it has ended

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _places(preview: Preview) -> Places:
    machine = preview.machine
    where = ("--namespace", preview.namespace, "--output=json")
    look: Mapping[str, Callable[[], str]] = {
        "report": lambda: json.dumps(preview.report()),
        "comment": preview.comment,
        "statuses": lambda: json.dumps(
            preview.platform.people.statuses(preview.repository.team, preview.repository.name, preview.head)
        ),
        "objects": lambda: machine.kubectl("get", KINDS, *where),
        "resource": lambda: json.dumps(machine.get("environments", preview.resource.name, preview.home)),
        "project": lambda: machine.kubectl("get", "projects", "--all-namespaces", "--output=json"),
        "logs": lambda: "\n".join(preview.log(name) for name in ("build", "install", "container", "command")),
    }
    return {name: tell().encode() for name, tell in look.items()} | {"histories": asyncio.run(_histories(preview))}


async def _histories(preview: Preview) -> bytes:
    """All events of its workflows as they are stored; payloads are plain JSON in them."""
    client = await Client.connect(preview.platform.local["temporal_address"])
    ids = list(preview.workflow_ids())
    query = f"WorkflowId STARTS_WITH 'rollout/{preview.namespace}/'"
    ids += [each.id async for each in client.list_workflows(query)]
    told = []
    for id in ids:
        told += [event async for event in client.get_workflow_handle(id).fetch_history_events()]
    return b"\n".join(event.SerializeToString() for event in told)


def _layers(preview: Preview) -> Places:
    """Configuration and unpacked layers of the images that were built for it."""
    places = {}
    with httpx.Client(base_url=f"http://{preview.platform.local['registry']}", timeout=60, trust_env=False) as registry:
        for image in preview.machine.images_of(preview.namespace):
            for tag in registry.get(f"/v2/{image}/tags/list").json()["tags"]:
                for digest in _blobs(registry, image, tag):
                    blob = registry.get(f"/v2/{image}/blobs/{digest}").raise_for_status().content
                    places[f"{image} {digest[:19]}"] = gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob
    assert places, f"no image of {preview.namespace} is in the registry"
    return places


def _blobs(registry: httpx.Client, image: str, reference: str) -> Iterator[str]:
    answer = registry.get(f"/v2/{image}/manifests/{reference}", headers={"Accept": f"{MANIFEST}, {INDEX}"})
    manifest = answer.raise_for_status().json()
    for each in manifest.get("manifests", ()):
        yield from _blobs(registry, image, each["digest"])
    if "config" in manifest:
        yield manifest["config"]["digest"]
        yield from (layer["digest"] for layer in manifest["layers"])


def _process_logs(platform: Platform) -> Places:
    """What every program of the platform said, and the log store; but for those that said nothing."""
    state, said = Path(platform.local["state"]), {}
    # Volumes and the files of containers come and go meanwhile; unlike pathlib, os.walk passes over what has gone.
    for folder, folders, names in os.walk(state):
        folders[:] = [each for each in folders if each != "containers"]
        for file in (Path(folder, name) for name in names if name.endswith(".log")):
            with suppress(FileNotFoundError):
                said[str(file.relative_to(state))] = file.read_bytes()
    return {name: text for name, text in said.items() if text}
