"""The platform under the tests as its operator sees it: kubectl, supervisor, Temporal's and the registry's own interfaces."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx

from deploy.local import kubernetes

BIN = Path(sys.executable).parent
COMMAND_SECONDS = 60
CGROUPS = Path("/sys/fs/cgroup")

Json = dict[str, Any]


class CommandFailed(Exception):
    """A tool of the platform refused; a sentence with its own words."""


class Machine:
    """`local`: what `.catalyst/local.json` says."""

    def __init__(self, local: Mapping[str, Any]) -> None:
        self._local = local
        self.state = Path(local["state"])
        self._registry = httpx.Client(base_url=f"http://{local['registry']}", timeout=20, trust_env=False)

    def close(self) -> None:
        self._registry.close()

    # --- the cluster ---------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, given: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
        """Standard output. Raises CommandFailed."""
        program = kubernetes.artifact().folder / "kubectl"
        return _run([str(program), f"--kubeconfig={self._local['admin_kubeconfig']}", *words], given, seconds)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """None when there is none."""
        words = ("--namespace", namespace) if namespace else ()
        text = self.kubectl("get", kind, name, *words, "--ignore-not-found", "--output=json")
        return json.loads(text) if text.strip() else None

    def every(self, kind: str, namespace: str | None = None) -> list[Json]:
        words = ("--namespace", namespace) if namespace else ()
        return list(json.loads(self.kubectl("get", kind, *words, "--output=json"))["items"])

    def every_anywhere(self, kind: str) -> list[Json]:
        return list(json.loads(self.kubectl("get", kind, "--all-namespaces", "--output=json"))["items"])

    def create(self, obj: Json) -> None:
        self.kubectl("create", "--filename=-", given=json.dumps(obj))

    def volumes_of(self, namespace: str) -> list[str]:
        claims = [(each["metadata"]["name"], each["spec"].get("claimRef") or {}) for each in self.every("pv")]
        return [name for name, claim in claims if claim.get("namespace") == namespace]

    # --- registry, workflows, database ---------------------------------------------------------------------------

    def images_of(self, namespace: str) -> list[str]:
        """Repositories with a tag; the catalogue goes on naming those whose last manifest was deleted."""
        page = {"n": "100", "last": f"{namespace}/"}
        found = self._registry.get("/v2/_catalog", params=page).raise_for_status().json()["repositories"]
        return [name for name in found or () if name.startswith(f"{namespace}/") and self._tags(name)]

    def _tags(self, repository: str) -> list[str]:
        answer = self._registry.get(f"/v2/{repository}/tags/list")
        return answer.json().get("tags") or [] if answer.status_code == 200 else []

    def workflow(self, workflow_id: str) -> Json | None:
        """`workflowExecutionInfo` of its newest run; None when there never was one."""
        try:
            text = self.temporal("workflow", "describe", "--workflow-id", workflow_id, "--output", "json")
        except CommandFailed as error:
            if "not found" in str(error):
                return None
            raise
        return dict(json.loads(text)["workflowExecutionInfo"])

    def signal(self, workflow_id: str, name: str, payload: Json) -> None:
        self.temporal(
            "workflow", "signal", "--workflow-id", workflow_id, "--name", name, "--input", json.dumps(payload)
        )

    def temporal(self, *words: str) -> str:
        """Temporal's command line. Raises CommandFailed."""
        address = ("--address", self._local["temporal_address"])
        return _run([str(BIN / "temporal"), *words, *address], None, COMMAND_SECONDS)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Of the product's database, which is only read."""
        path = self._local["database_url"].partition("///")[2]
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
            return list(database.execute(query, values))

    # --- processes -----------------------------------------------------------------------------------------------

    def kill(self, program: str) -> None:
        """kill -9; its supervisor starts it again."""
        self._supervisor("signal", "SIGKILL", program)

    def stop(self, program: str) -> None:
        self._supervisor("stop", program)

    def start(self, program: str) -> None:
        self._supervisor("start", program)

    def kill_containers(self) -> None:
        """Every process of every pod."""
        groups = (
            file for file in CGROUPS.rglob("cgroup.procs") if "catalyst" in file.parts and "kubepods" in str(file)
        )
        for pid in {int(pid) for file in groups for pid in file.read_text().split()}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pid(self, program: str) -> int | None:
        """As its supervisor counts, in the platform's own PID namespace; None while it doesn't run."""
        found = re.search(r"RUNNING\s+pid (\d+)", self._supervisor("status", program, check=False))
        return int(found[1]) if found else None

    def outer_pid(self, program: str) -> int:
        """As this machine counts. Raises CommandFailed when it doesn't run."""
        inner = self.pid(program)
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):  # ended meanwhile
                counted = re.search(r"^NSpid:\s(.*)$", status.read_text(), re.MULTILINE)
                # A pod's processes are counted in a third namespace.
                if counted and counted[1].split()[1:] == [str(inner)]:
                    return int(status.parent.name)
        raise CommandFailed(f"{program} doesn't run: `make status` says more.")

    def log_tail(self, program: str, lines: int = 25) -> str:
        return _run(["tail", f"--lines={lines}", str(self.state / "logs" / f"{program}.log")], None, 10)

    def _supervisor(self, *words: str, check: bool = True) -> str:
        command = [str(BIN / "supervisorctl"), "-c", str(self.state / "supervisord.conf"), *words]
        return _run(command, None, COMMAND_SECONDS, check=check)


def _run(command: list[str], given: str | None, seconds: float, check: bool = True) -> str:
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{' '.join(command[:6])} … gave no answer within {seconds:g} s.") from error
    if done.returncode and check:
        said = (done.stderr or done.stdout).strip()[-1500:]
        raise CommandFailed(f"{Path(command[0]).name} {' '.join(command[1:])[:300]} failed: {said}")
    return done.stdout
