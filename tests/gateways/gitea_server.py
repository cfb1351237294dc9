"""A Gitea of its own for tests: fresh state, a free port, the program and set-up of the local platform."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from deploy.local import forge_server, forge_setup, gitea
from deploy.local.forge_server import ForgeServer
from deploy.local.forge_setup import ForgeAccess
from deploy.local.people import GiteaPeople
from tests.gateways.control_plane import free_port
from tests.patience import PATIENCE_SECONDS


def is_built() -> bool:
    return all(artifact.folder.exists() for artifact in gitea.artifacts())


class GiteaProcess:
    """Runs under the platform's account for it, so it needs root. `webhook_url`: where the system webhook goes."""

    access: ForgeAccess

    def __init__(self, webhook_url: str = "http://127.0.0.1:9/webhooks/gitea") -> None:
        # Not pytest's folder, which only root can enter.
        self._folder = Path(tempfile.mkdtemp(prefix="catalyst-forge-"))
        self._folder.chmod(0o711)
        self.server = ForgeServer(self._folder / "forge", self._folder / "secrets.json", free_port(), webhook_url)
        forge_server.prepare(self.server)
        self._start()

    def _start(self) -> None:
        account = self.server.account
        with (self._folder / "forge.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.server.command("web"),
                env={"PATH": os.environ["PATH"]} | self.server.environment(),
                user=account,
                group=account,
                extra_groups=[],
                cwd=self.server.data,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
            self.access = forge_setup.configure(self.server)
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            ended = self._process.poll() is not None or time.monotonic() > deadline
            assert not ended, (self._folder / "forge.log").read_text()[-2000:]
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.server.url}/api/healthz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def restart(self) -> None:
        """As after `kill -9` and another `make up`."""
        self._process.kill()
        self._process.wait()
        forge_server.prepare(self.server)
        self._start()

    def people(self) -> GiteaPeople:
        return GiteaPeople(self.access.url, self.access.token)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)
