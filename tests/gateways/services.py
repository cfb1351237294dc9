"""Registry and ingress processes for the contract suites, and images put into the registry without a builder."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from deploy.local.builder import on_own_disk
from tests.gateways.control_plane import free_port, search_path
from tests.patience import PATIENCE_SECONDS

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def find_registry() -> str | None:
    return shutil.which("docker-registry", path=search_path())


class RegistryProcess:
    """docker-registry on a free port of loopback, deletion enabled."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._data = folder / "data"
        config = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(self._data)}, "delete": {"enabled": True}},
            "http": {"addr": self.url.removeprefix("http://")},
        }
        (folder / "config.yml").write_text(json.dumps(config))
        with (folder / "registry.log").open("wb") as log:
            self._process = subprocess.Popen([binary, "serve", folder / "config.yml"], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _answers(self.url):
            assert time.monotonic() < deadline, (folder / "registry.log").read_text()[-2000:]
            time.sleep(0.05)

    def lose(self, repository: str, digest: str) -> None:
        """The manifest and not its tag: what is left when the registry ends between taking off the one and the other."""
        manifests = self._data / "docker/registry/v2/repositories" / repository / "_manifests"
        (manifests / "revisions" / digest.replace(":", "/") / "link").unlink()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class BuildKitProcess:
    """buildkitd (OCI worker, runc) with everything in `folder`; RUN steps are ours alone here, so they may have the host's network.

    `disk`: bytes of a disk of its own for what steps write, as the platform's builder has one; the folder's when None.
    """

    def __init__(self, binary: str, buildctl: str, folder: Path, registry: str, disk: int | None = None) -> None:
        self.address = f"unix://{folder}/buildkitd.sock"
        (folder / "buildkitd.toml").write_text(
            f'root = "{folder}/root"\n[grpc]\naddress = ["{self.address}"]\n'
            f'[worker.oci]\nnetworkMode = "host"\n[worker.containerd]\nenabled = false\n'
            f'[registry."{registry}"]\nhttp = true\n'
        )
        with (folder / "buildkitd.log").open("wb") as log:
            command = [binary, "--config", str(folder / "buildkitd.toml")]
            if disk is not None:
                # In a mount namespace, which takes the disk along when it ends.
                command = ["unshare", "--mount", *on_own_disk(folder / "root", disk), *command]
            # The daemon looks for runc by name, and a machine may have it in our cache only.
            environment = os.environ | {"PATH": search_path()}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + PATIENCE_SECONDS
        workers = [buildctl, f"--addr={self.address}", "debug", "workers"]
        while subprocess.run(workers, capture_output=True, check=False).returncode:
            ended = self._process.poll() is not None or time.monotonic() > deadline
            assert not ended, (folder / "buildkitd.log").read_text()[-2000:]
            time.sleep(0.1)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


def make_base_image(buildctl: str, address: str, registry: str, busybox: Path, folder: Path) -> str:
    """Push a static busybox as an image with a shell; its reference."""
    shutil.copy(busybox, folder / "sh")
    names = ["sh", "echo", "false", "sleep"]
    lines = ["FROM scratch", *(f"COPY sh /bin/{name}" for name in names)]
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    base = f"{registry}/contract/base:busybox"
    command: list[str] = [
        buildctl,
        f"--addr={address}",
        "build",
        "--frontend=dockerfile.v0",
        f"--local=context={folder}",
    ]
    command += [f"--local=dockerfile={folder}", f"--output=type=image,push=true,name={base}"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return base


class Traefik:
    """The ingress of the local platform, on a free port of loopback, with one host routed to one backend."""

    def __init__(self, folder: Path, host: str, backend: str) -> None:
        self.port = free_port()
        http = {
            "routers": {"test": {"rule": f"Host(`{host}`)", "service": "test"}},
            "services": {"test": {"loadBalancer": {"servers": [{"url": backend}]}}},
        }
        routes = folder / "routes.yml"
        routes.write_text(json.dumps({"http": http}))
        with (folder / "traefik.log").open("wb") as log:
            command: list[str | Path] = [
                Path(sys.executable).parent / "traefik",
                f"--entrypoints.web.address=127.0.0.1:{self.port}",
                f"--providers.file.filename={routes}",
                "--global.checknewversion=false",
                "--global.sendanonymoususage=false",
            ]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Pusher:
    """Puts small images into a registry over HTTP."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def image(self, repository: str, tag: str, content: str = "") -> str:
        """The manifest's digest."""
        config = self._blob(repository, json.dumps({"content": content or tag}).encode())
        parts = {"config": config | {"mediaType": "application/vnd.oci.image.config.v1+json"}, "layers": []}
        return self._manifest(repository, tag, MANIFEST, parts)

    def index(self, repository: str, tag: str) -> str:
        return self.index_of(repository, tag, self.image(repository, "child", f"in {tag}"))

    def index_of(self, repository: str, tag: str, child: str) -> str:
        """With that manifest only, which loses the tag when it had the same."""
        size = int(
            self._http.head(f"/v2/{repository}/manifests/{child}", headers={"Accept": MANIFEST}).headers[
                "Content-Length"
            ]
        )
        entry = {"mediaType": MANIFEST, "digest": child, "size": size}
        return self._manifest(repository, tag, INDEX, {"manifests": [entry]})

    def has(self, repository: str, digest: str) -> bool:
        answer = self._http.head(f"/v2/{repository}/manifests/{digest}", headers={"Accept": f"{MANIFEST}, {INDEX}"})
        return answer.status_code == 200

    def _manifest(self, repository: str, tag: str, media_type: str, parts: dict[str, Any]) -> str:
        body = json.dumps({"schemaVersion": 2, "mediaType": media_type} | parts)
        path = f"/v2/{repository}/manifests/{tag}"
        answer = self._http.put(path, content=body, headers={"Content-Type": media_type}).raise_for_status()
        return str(answer.headers["Docker-Content-Digest"])

    def _blob(self, repository: str, data: bytes) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        place = self._http.post(f"/v2/{repository}/blobs/uploads/").raise_for_status().headers["Location"]
        self._http.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=data).raise_for_status()
        return {"digest": digest, "size": len(data)}
