"""A control plane for the contract suites: etcd and API server (and controller manager) as plain processes, ready in seconds."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE_SECONDS

BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager")


def search_path() -> str:
    """Like PATH, with CATALYST_TEST_BINARIES before it and the cache of built artifacts behind it."""
    cache = Path(os.environ.get("CATALYST_CACHE", "~/.cache/catalyst")).expanduser() / "artifacts"
    folders = [os.environ.get("CATALYST_TEST_BINARIES", ""), os.environ["PATH"]]
    folders += [str(folder) for folder in cache.glob("*") if folder.is_dir()]
    return os.pathsep.join(folders)


def find_binaries() -> dict[str, str] | None:
    """From CATALYST_TEST_BINARIES, the cache of built artifacts, or PATH; None when one is missing."""
    path = search_path()
    paths = {name: shutil.which(name, path=path) for name in BINARIES}
    return {name: found for name, found in paths.items() if found} if all(paths.values()) else None


@dataclass
class ControlPlane:
    folder: Path
    binaries: dict[str, str]

    def __post_init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.token = secrets.token_hex(16)
        self.port = free_port()

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def start(self) -> None:
        client, peer = free_port(), free_port()
        etcd = f"http://127.0.0.1:{client}"
        self._run(
            "etcd",
            f"--data-dir={self.folder}/etcd --listen-client-urls={etcd} --advertise-client-urls={etcd} "
            f"--listen-peer-urls=http://127.0.0.1:{peer} --unsafe-no-fsync",
        )
        self._write_credentials()
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd} --secure-port={self.port} --bind-address=127.0.0.1 --cert-dir={self.folder} "
            f"--token-auth-file={self.folder}/tokens.csv --authorization-mode=RBAC "
            f"--service-cluster-ip-range=10.0.0.0/24 --service-account-issuer=https://catalyst.test "
            f"--service-account-key-file={self.folder}/sa.pub --service-account-signing-key-file={self.folder}/sa.key "
            "--disable-admission-plugins=ServiceAccount",
        )
        self._wait()
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig} --leader-elect=false --secure-port=0 --use-service-account-credentials=true "
            f"--service-account-private-key-file={self.folder}/sa.key",
        )

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _run(self, name: str, arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [self.binaries[name], *arguments.split()]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _write_credentials(self) -> None:
        subprocess.run(["openssl", "genrsa", "-out", f"{self.folder}/sa.key"], check=True, capture_output=True)
        public = ["openssl", "rsa", "-in", f"{self.folder}/sa.key", "-pubout", "-out", f"{self.folder}/sa.pub"]
        subprocess.run(public, check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f"{self.token},tester,1,system:masters\n")
        self.kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
            "clusters: [{name: test, cluster: {insecure-skip-tls-verify: true, "
            f'server: "https://127.0.0.1:{self.port}"}}}}]\n'
            f"users: [{{name: test, user: {{token: {self.token}}}}}]\n"
            "contexts: [{name: test, context: {cluster: test, user: test}}]\n"
        )

    def _wait(self) -> None:
        url = f"https://127.0.0.1:{self.port}/readyz"
        deadline = time.monotonic() + PATIENCE_SECONDS
        command = ["curl", "-ksf", "-H", f"Authorization: Bearer {self.token}", url]
        while subprocess.run(command, capture_output=True, check=False).returncode:
            if time.monotonic() > deadline or self.processes[-1].poll() is not None:
                self.stop()
                log = (self.folder / "kube-apiserver.log").read_text()[-2000:]
                raise RuntimeError(f"The API server didn't start:\n{log}")
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
