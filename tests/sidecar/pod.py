"""A development pod without Kubernetes: the two volumes as folders, the sidecar's commands as processes."""

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.patience import PATIENCE_SECONDS

LOOK_SECONDS = 0.02
STOP_SECONDS = 15
T = TypeVar("T")


def eventually(look: Callable[[], T], what: str) -> T:
    """What `look` returns, once that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"Never came: {what}."
        time.sleep(LOOK_SECONDS)
    return found


class Answer(NamedTuple):
    exit_code: int
    said: dict[str, Any]


@dataclass
class Pod:
    binary: Path
    folder: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.code.mkdir(parents=True)
        self.shared.mkdir()
        self.own.mkdir()

    @property
    def code(self) -> Path:
        return self.folder / "code"

    @property
    def shared(self) -> Path:
        return self.folder / "shared"

    @property
    def own(self) -> Path:
        """Where the sidecar alone writes: its lock, its git folder."""
        return self.folder / "own"

    @property
    def output(self) -> str:
        """What all that was started has said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("output-*")))

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {
            "CATALYST_CODE": str(self.code),
            "CATALYST_SHARED": str(self.shared),
            "TMPDIR": str(self.own),
            **more,
        }

    def start(self, *arguments: str, before: Sequence[str] = (), **environment: str) -> subprocess.Popen[bytes]:
        """One of the sidecar's commands; `before`: what starts it, such as unshare."""
        with (self.folder / f"output-{uuid.uuid4().hex}").open("wb") as output:
            process = subprocess.Popen(
                [*before, str(self.binary), *arguments],
                env=self.environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def open(self, *arguments: str) -> subprocess.Popen[bytes]:
        """With pipes."""
        process = subprocess.Popen(
            [str(self.binary), *arguments],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def deliver(self, pack: bytes = b"", **header: Any) -> Answer:
        """As the worker does: standard input stays open."""
        return self.answer(json.dumps(header | {"pack_bytes": len(pack)}).encode() + b"\n" + pack)

    def answer(self, sent: bytes) -> Answer:
        process = self.open("receive")
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(sent)
        process.stdin.flush()
        line = process.stdout.readline()
        exit_code = process.wait(PATIENCE_SECONDS)
        process.stdin.close()
        process.stdout.close()
        return Answer(exit_code, json.loads(line))

    def call(self, *arguments: str) -> bytes:
        return subprocess.run(
            [str(self.binary), *arguments], env=self.environment(), capture_output=True, check=False
        ).stdout

    def want(self, **fields: Any) -> None:
        """wanted.json as `receive` writes it."""
        usual = {"rollout": 1, "sha": "1" * 40, "command": None, "install": None, "install_inputs": [], "workdir": "."}
        usual |= {"env": {}, "port": None, "is_port_fixed": False, "is_watching": False}
        self.wanted.parent.mkdir(parents=True, exist_ok=True)
        partial = self.wanted.with_name("partial")
        partial.write_text(json.dumps(usual | fields))
        partial.rename(self.wanted)

    @property
    def wanted(self) -> Path:
        return self.code / ".git" / "catalyst" / "wanted.json"

    def state(self) -> dict[str, Any]:
        path = self.shared / "state.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def becomes(self, **fields: Any) -> dict[str, Any]:
        """The state, once it has these values."""
        return (
            eventually(
                lambda: state if fields.items() <= (state := self.state()).items() else None,
                f"{fields} in {self.state()}; said: {self.output[-2000:]}",
            )
            or {}
        )

    def end(self) -> None:
        for process in self.started:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
                    try:
                        process.wait(STOP_SECONDS)
                    except subprocess.TimeoutExpired:
                        continue
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
