"""An image as files (the OCI image layout), made from a folder and pushed to a registry over HTTP."""

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CHUNK = 1 << 20
"""Bytes read at once."""

Descriptor = dict[str, Any]
"""mediaType, digest and size of one blob (OCI image specification, "Content Descriptors")."""


def write(tree: Path, layout: Path, process: dict[str, Any]) -> None:
    """Make an image of one layer, the files of `tree`; the same files give the same digest.

    `process`: the image configuration's `config` (`Entrypoint`, `Cmd`, `Env`, …).
    """
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    archive = layout / "layer.tar"
    reproducible = ["--sort=name", "--mtime=@0", "--numeric-owner", "--format=gnu"]
    subprocess.run(["tar", *reproducible, f"--directory={tree}", "--create", f"--file={archive}", "."], check=True)
    content = _digest(archive)
    compressed = layout / "layer.tar.gz"
    # Without a time and a name in its header, or the digest would change with each build.
    with (
        archive.open("rb") as source,
        compressed.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as target,
    ):
        shutil.copyfileobj(source, target, CHUNK)
    archive.unlink()
    layer = _keep(compressed, LAYER, blobs)
    config = {"architecture": "amd64", "os": "linux", "config": process}
    config |= {"rootfs": {"type": "layers", "diff_ids": [content]}}
    parts = {"config": _write(config, CONFIG, blobs), "layers": [layer]}
    manifest = _write({"schemaVersion": 2, "mediaType": MANIFEST} | parts, MANIFEST, blobs)
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))


def digest(layout: Path) -> str:
    """Of the image's manifest."""
    return str(_manifest(layout)["digest"])


def push(layout: Path, registry: httpx.Client, repository: str, tags: tuple[str, ...]) -> None:
    """Bring the image into the registry, blobs that it has already left out.

    `registry`: its base URL set. Raises httpx.HTTPError.
    """
    described = _manifest(layout)
    body = _blob(layout, described).read_bytes()
    manifest = json.loads(body)
    for blob in [manifest["config"], *manifest["layers"]]:
        if registry.head(f"/v2/{repository}/blobs/{blob['digest']}").status_code != httpx.codes.OK:
            _upload(registry, repository, blob, _blob(layout, blob))
    for tag in tags:
        place = f"/v2/{repository}/manifests/{tag}"
        registry.put(place, content=body, headers={"Content-Type": described["mediaType"]}).raise_for_status()


def _upload(registry: httpx.Client, repository: str, blob: Descriptor, file: Path) -> None:
    place = registry.post(f"/v2/{repository}/blobs/uploads/").raise_for_status().headers["Location"]
    url = httpx.URL(place).copy_merge_params({"digest": blob["digest"]})
    headers = {"Content-Length": str(blob["size"]), "Content-Type": "application/octet-stream"}
    registry.put(url, content=_chunks(file), headers=headers).raise_for_status()


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk


def _manifest(layout: Path) -> Descriptor:
    (found,) = json.loads((layout / "index.json").read_text())["manifests"]
    return dict(found)


def _blob(layout: Path, blob: Descriptor) -> Path:
    return layout / "blobs" / str(blob["digest"]).replace(":", "/")


def _write(value: dict[str, Any], media_type: str, blobs: Path) -> Descriptor:
    file = blobs / "unnamed"
    file.write_text(json.dumps(value, sort_keys=True))
    return _keep(file, media_type, blobs)


def _keep(file: Path, media_type: str, blobs: Path) -> Descriptor:
    """Move the file to the place that its content gives it."""
    name = _digest(file)
    described = {"mediaType": media_type, "digest": name, "size": file.stat().st_size}
    file.rename(blobs / name.removeprefix("sha256:"))
    return described


def _digest(file: Path) -> str:
    with file.open("rb") as source:
        return f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
