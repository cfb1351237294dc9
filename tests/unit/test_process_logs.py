"""What the processes write about themselves."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from settings.logging import configure_logging
from settings.settings import LogSettings


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_json_lines_from_us_and_from_libraries_carry_the_same_facts(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    structlog.contextvars.bind_contextvars(team="ada")
    structlog.get_logger("ours").info("built", pull_request=7)
    logging.getLogger("theirs").warning("%d left", 3, extra={"environment": "pr-7"})
    logging.getLogger("theirs").debug("never")
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["pull_request"], ours["team"], ours["level"]) == ("built", 7, "ada", "info")
    assert (theirs["event"], theirs["environment"], theirs["team"], theirs["logger"]) == (
        "3 left",
        "pr-7",
        "ada",
        "theirs",
    )


def test_console_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="warning"))
    structlog.get_logger().info("hidden")
    structlog.get_logger().warning("shown", team="ada")
    told = capsys.readouterr().err
    assert "shown" in told and "team=ada" in told and "hidden" not in told
