"""What people do to an environment with kubectl: told, repaired within bounds, and no reason to leave anything behind (rule 12)."""

import json

from tests.e2e.world import Platform, Preview, sample

TOLD_SECONDS = 120
"""Checks of a quiet environment come once a minute where no watch tells sooner."""
DEADLINE_SECONDS = 300
PAST_DEADLINE_SECONDS = DEADLINE_SECONDS + 120
HELD_BY = "example.org/never"


def test_a_deployment_deleted_by_hand_is_told_and_comes_back_by_retry(chaos: Platform) -> None:
    preview = _ready(chaos)
    preview.machine.kubectl("delete", "deployment", "web", "--namespace", preview.namespace)
    preview.becomes("Degraded", within=TOLD_SECONDS)
    preview.says("Degraded", "no Deployment")
    _comes_back(preview)
    _closes(preview)


def test_a_namespace_deleted_by_hand_is_told_and_comes_back_by_retry(chaos: Platform) -> None:
    preview = _ready(chaos)
    before = preview.uid()
    preview.machine.kubectl("delete", "namespace", preview.namespace, seconds=120)
    preview.becomes("Degraded", within=TOLD_SECONDS)
    preview.says("was deleted by hand", "Retry")
    _comes_back(preview)
    assert preview.uid() not in ("", before)
    _closes(preview)


def test_a_resource_deleted_by_hand_is_torn_down_and_the_pull_request_says_by_whom_and_how_to_get_it_back(
    chaos: Platform,
) -> None:
    preview = _ready(chaos)
    words = ("delete", "environments", preview.resource.name, "--namespace", preview.home)
    preview.machine.kubectl(*words, "--wait=false")
    preview.is_removed()
    preview.says("the Kubernetes user `kubernetes-admin`, who deleted its Environment resource", "Retry")
    preview.machine.signal(preview.workflow_ids()[0], "retry", {"by": "kim"})
    preview.becomes("Ready")
    _closes(preview)


def test_a_finalizer_that_never_goes_is_taken_off_at_the_deadline_and_named(chaos: Platform) -> None:
    preview = _ready(chaos)
    held = _held("ConfigMap", "held", preview) | {"data": {}}
    claim = _held("PersistentVolumeClaim", "hangs", preview)
    size = {"requests": {"storage": "1Gi"}}
    preview.machine.create(held)
    preview.machine.create(claim | {"spec": {"accessModes": ["ReadWriteOnce"], "resources": size}})
    preview.closed()
    preview.is_gone(within=PAST_DEADLINE_SECONDS)
    done = preview.machine.rows("SELECT subject, detail FROM audit WHERE action = 'took off finalizer'")
    taken = {subject: json.loads(detail)["finalizer"] for subject, detail in done}
    for name in ("held", "hangs"):
        assert HELD_BY in taken[f"{preview.namespace}/{name}"]


def test_a_volume_that_hangs_is_named_until_somebody_lets_it_go(chaos: Platform) -> None:
    preview = chaos.opened(sample("node"))
    preview.becomes("Ready")
    (volume, *_) = preview.machine.volumes_of(preview.namespace)
    _patch_finalizers(preview, volume, [HELD_BY])
    try:
        preview.closed()
        preview.says("not gone after 5 minutes", volume, within=PAST_DEADLINE_SECONDS)
    finally:
        _patch_finalizers(preview, volume, None)
    preview.is_gone()


def _ready(chaos: Platform) -> Preview:
    preview = chaos.opened(sample("dockerfile"))
    preview.becomes("Ready")
    return preview


def _comes_back(preview: Preview) -> None:
    preview.asked("retry")
    preview.becomes("Ready")
    preview.answers("hello from")


def _closes(preview: Preview) -> None:
    preview.closed()
    preview.is_gone()


def _held(kind: str, name: str, preview: Preview) -> dict[str, object]:
    metadata = {"name": name, "namespace": preview.namespace, "finalizers": [HELD_BY]}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def _patch_finalizers(preview: Preview, volume: str, finalizers: list[str] | None) -> None:
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    preview.machine.kubectl("patch", "pv", volume, "--type=merge", f"--patch={patch}")
