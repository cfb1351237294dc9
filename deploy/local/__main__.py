"""`python -m deploy.local build | up | down | purge | status | logs`: the local platform's commands; the Makefile calls them."""

import subprocess
import sys
from contextlib import AbstractContextManager
from typing import Annotated, Literal

import httpx
import typer
from rich.text import Text

from deploy.local import host, lifecycle, running, status
from deploy.local.errors import SetupError
from deploy.local.forge_setup import ForgeSetupFailed
from deploy.local.profile import Profile
from deploy.local.report import console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="The local platform.")
ProfileName = Annotated[Literal["demo", "test"], typer.Option("--profile", help="each has its own state")]


@app.command()
def build() -> None:
    """Build what is missing in the cache."""
    lifecycle.build()


@app.command()
def up(
    profile: ProfileName = "demo", fresh: Annotated[bool, typer.Option(help="wipe the state first")] = False
) -> None:
    """Start the platform, or bring the running one up to date."""
    with _alone():
        lifecycle.up(Profile(profile), fresh)


@app.command()
def down() -> None:
    """Stop the platform; its state stays."""
    with _alone():
        lifecycle.down()


@app.command()
def purge() -> None:
    """Stop the platform and remove state and cache."""
    with _alone():
        lifecycle.purge()


@app.command("status")
def show_status() -> None:
    """How the platform is."""
    status.status()


@app.command()
def logs(program: Annotated[str | None, typer.Argument(help="one program; all without")] = None) -> None:
    """Follow the programs' logs."""
    status.logs(program)


def _alone() -> AbstractContextManager[None]:
    host.check_root()
    return running.alone(lambda: console.print("  waiting for another `make up` or `make down` on this machine to end"))


EXPECTED = (SetupError, ForgeSetupFailed, subprocess.CalledProcessError, httpx.HTTPError, OSError)
"""What the parts raise when the machine or the network refuses; their texts say what."""


def main() -> None:
    """Exits with 0, or with a sentence on standard error."""
    try:
        app()
    except EXPECTED as error:
        console.print(Text.assemble(("✗ ", "red"), str(error)))
        sys.exit(1)


if __name__ == "__main__":
    main()
