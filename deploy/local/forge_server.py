"""One Gitea server as a value, and what lies on the disk before it starts: account, program, secrets, app.ini."""

import configparser
import io
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field

from deploy.local import files, gitea
from deploy.local.cache import ensure
from deploy.local.run import run

ACCOUNT = "catalyst-forge"
"""Gitea refuses to run as root."""
WEBHOOK_SECONDS = 5
"""How long Gitea waits for our answer: it only stores the delivery."""


@dataclass(frozen=True)
class ForgeServer:
    """Everything of it lies in one folder; the platform has one, the contract tests have their own."""

    folder: Path
    """Absolute; other accounts must be able to pass every folder above it."""
    secrets: Path
    """A file 0600."""
    port: int
    """On loopback."""
    webhook_url: str
    """Where the system webhook goes; on loopback."""
    account: str = ACCOUNT

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """The only part that the server may write to."""
        return self.folder / "data"

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (f"{self.folder}/program/gitea", *arguments, "--config", f"{self.folder}/app.ini")

    def environment(self) -> dict[str, str]:
        return {"HOME": f"{self.data}", "USER": self.account, "GITEA_WORK_DIR": f"{self.data}"}


class ForgeSecrets(BaseModel):
    """Made once per state; a second `make up` must find the tokens and cookies of the first one valid."""

    secret_key: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    internal_token: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    jwt_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    webhook_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    password: str = Field(default_factory=lambda: secrets.token_urlsafe(18))
    token: str = ""
    """Empty until the server made it."""

    @classmethod
    def read(cls, path: Path) -> "ForgeSecrets":
        return cls.model_validate_json(path.read_text())

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.model_dump_json())
        partial.replace(path)


def prepare(server: ForgeServer) -> None:
    """Idempotent; to be called before each start. Raises SetupError, OSError."""
    _make_account(server.account)
    server.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    _place_program(server)
    server.data.mkdir(exist_ok=True, mode=0o700)
    shutil.chown(server.data, server.account, server.account)
    if not server.secrets.exists():
        ForgeSecrets().write(server.secrets)
    _write_configuration(server, ForgeSecrets.read(server.secrets))


def _make_account(account: str) -> None:
    if not run("getent", "passwd", account, check=False):
        run("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", account)


def _place_program(server: ForgeServer) -> None:
    artifacts = [ensure(gitea.binary()), ensure(gitea.assets())]
    placed, stamp = server.folder / "program", "\n".join(str(folder) for folder in artifacts)
    if placed.exists() and (placed / "made-of").read_text() == stamp:
        return
    partial = server.folder / "program.partial"
    for old in (partial, placed):
        shutil.rmtree(old, ignore_errors=True)
    for artifact in artifacts:
        files.place(artifact, partial)
    (partial / "made-of").write_text(stamp)
    partial.rename(placed)


def _write_configuration(server: ForgeServer, made: ForgeSecrets) -> None:
    ini = configparser.ConfigParser(interpolation=None)
    ini.optionxform = str  # type: ignore[assignment,method-assign]  # Gitea's keys are upper case
    ini.read_dict(_configuration(server, made))
    text = io.StringIO()
    ini.write(text)
    path = server.folder / "app.ini"
    path.touch(mode=0o640)
    shutil.chown(path, 0, server.account)
    general = f"APP_NAME = Catalyst's forge\nRUN_USER = {server.account}\nWORK_PATH = {server.data}\n"
    path.write_text(general + text.getvalue())


def _configuration(server: ForgeServer, made: ForgeSecrets) -> dict[str, dict[str, str | int]]:
    """Nothing that reaches out, nothing that listens elsewhere, nothing that a forge for previews doesn't need."""
    return {
        "server": {
            "HTTP_ADDR": "127.0.0.1",
            "HTTP_PORT": server.port,
            "ROOT_URL": f"{server.url}/",
            "STATIC_ROOT_PATH": f"{server.folder}/program",
            "APP_DATA_PATH": f"{server.data}",
            "DISABLE_SSH": "true",
            "OFFLINE_MODE": "true",
            "LFS_START_SERVER": "false",
        },
        "database": {"DB_TYPE": "sqlite3", "PATH": f"{server.data}/gitea.db", "SQLITE_JOURNAL_MODE": "WAL"},
        "repository": {"ROOT": f"{server.data}/repositories", "DEFAULT_BRANCH": "main"},
        "security": {
            "INSTALL_LOCK": "true",
            "SECRET_KEY": made.secret_key,
            "INTERNAL_TOKEN": made.internal_token,
        },
        "oauth2": {"JWT_SECRET": made.jwt_secret},
        "service": {"DISABLE_REGISTRATION": "true"},
        "webhook": {"ALLOWED_HOST_LIST": "loopback", "DELIVER_TIMEOUT": WEBHOOK_SECONDS},
        # Its default looks into a file every two seconds. What a crash loses of this one, Gitea finds again in its database.
        "queue.webhook_sender": {"TYPE": "channel"},
        "indexer": {"ISSUE_INDEXER_TYPE": "db"},
        "actions": {"ENABLED": "false"},
        "packages": {"ENABLED": "false"},
        "cron.update_checker": {"ENABLED": "false"},
        "log": {"MODE": "console", "LEVEL": "Warn", "logger.router.MODE": ""},
    }
