"""`python -m deploy.local build | up | down | purge | status | logs`: the local platform's commands; the Makefile calls them."""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from deploy.local import lifecycle, status
from deploy.local.errors import SetupError
from deploy.local.profile import Profile
from deploy.local.report import console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="The local platform.")
ProfileName = Annotated[str, typer.Option("--profile", help="demo or test; each has its own state")]


@app.command()
def build() -> None:
    """Build what is missing in the cache."""
    lifecycle.build()


@app.command()
def up(
    profile: ProfileName = "demo", fresh: Annotated[bool, typer.Option(help="wipe the state first")] = False
) -> None:
    """Start the platform, or bring the running one up to date."""
    lifecycle.up(Profile(profile), fresh)


@app.command()
def down() -> None:
    """Stop the platform; its state stays."""
    lifecycle.down()


@app.command()
def purge() -> None:
    """Stop the platform and remove state and cache."""
    lifecycle.purge()


@app.command("status")
def show_status() -> None:
    """How the platform is."""
    status.status()


@app.command()
def logs(program: Annotated[str | None, typer.Argument(help="one program; all without")] = None) -> None:
    """Follow the programs' logs."""
    status.logs(program)


def main() -> int:
    """Exit status; a failure is a sentence on standard error."""
    try:
        app(standalone_mode=False)
    except SetupError as error:
        console.print(f"[red]✗[/] {escape(str(error))}")
        return 1
    except typer.Exit as error:
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
