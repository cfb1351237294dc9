"""Images made from files reach a real registry, and come out of it as they went in."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.images import layout

REPOSITORY = "contract/layout"


@pytest.fixture
def registry(registry_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry_url, trust_env=False) as client:
        yield client


def _make(tmp_path: Path, content: str, tags: tuple[str, ...], registry: httpx.Client) -> str:
    """Push an image of one file; its digest."""
    tree, made = tmp_path / content, tmp_path / f"{content}-layout"
    tree.mkdir()
    (tree / "hello").write_text(content)
    layout.write(tree, made, {"Cmd": ["/hello"]})
    layout.push(made, registry, REPOSITORY, tags)
    return layout.digest(made)


def _manifest(registry: httpx.Client, tag: str) -> tuple[str, dict[str, Any]]:
    answer = registry.get(f"/v2/{REPOSITORY}/manifests/{tag}", headers={"Accept": layout.MANIFEST}).raise_for_status()
    return f"sha256:{hashlib.sha256(answer.content).hexdigest()}", answer.json()


def test_every_tag_gives_the_image_with_all_its_blobs(tmp_path: Path, registry: httpx.Client) -> None:
    made = _make(tmp_path, "first", ("1", "1.0"), registry)
    for tag in ("1", "1.0"):
        digest, manifest = _manifest(registry, tag)
        assert digest == made
    for blob in (manifest["config"], *manifest["layers"]):
        content = registry.get(f"/v2/{REPOSITORY}/blobs/{blob['digest']}").raise_for_status().content
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == blob["digest"]
        assert len(content) == blob["size"]


def test_pushing_again_uploads_nothing(tmp_path: Path, registry: httpx.Client) -> None:
    _make(tmp_path, "second", ("2",), registry)
    asked: list[str] = []
    registry.event_hooks = {"request": [lambda request: asked.append(request.method)]}
    layout.push(tmp_path / "second-layout", registry, REPOSITORY, ("2",))
    assert asked == ["HEAD", "HEAD", "PUT"]


def test_a_tag_moves_to_the_newer_image(tmp_path: Path, registry: httpx.Client) -> None:
    _make(tmp_path, "older", ("moving",), registry)
    newer = _make(tmp_path, "newer", ("moving",), registry)
    assert _manifest(registry, "moving")[0] == newer


def test_a_registry_that_refuses_is_no_success(tmp_path: Path, registry: httpx.Client) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        _make(tmp_path, "refused", ("not a tag",), registry)
