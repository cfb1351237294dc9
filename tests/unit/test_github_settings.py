"""Which GitHub is served, and as whom."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from settings.settings import Settings, load_settings
from tests.gateways.github_stub import private_key
from worker.parts import forges_of

NAME = "CATALYST_GITHUB__"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"APP_ID": "1"}, "an App (app_id) needs its private key"),
        (
            {"APP_ID": "1", "PRIVATE_KEY": "key", "PRIVATE_KEY_FILE": "/key.pem"},
            "either private_key or private_key_file",
        ),
        ({"PRIVATE_KEY": "key"}, "a private key needs the id of its App"),
        ({"PRIVATE_KEY_FILE": "/key.pem"}, "a private key needs the id of its App"),
        ({"APP_ID": "1", "PRIVATE_KEY": "key", "TOKEN": "secret"}, "not both"),
        ({"TOKEN": "secret", "URL": "api.github.com"}, "url must be the API's, as https://api.github.com"),
    ],
)
def test_what_doesnt_fit_together_ends_the_process(
    given: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(NAME + name, value)
    with pytest.raises(SystemExit) as end:
        load_settings()
    assert "CATALYST_GITHUB: " in str(end.value) and sentence in str(end.value)
    assert "secret" not in str(end.value)


async def served(monkeypatch: pytest.MonkeyPatch, **given: str) -> set[str]:
    for name, value in given.items():
        monkeypatch.setenv(NAME + name, value)
    async with AsyncExitStack() as stack:
        return set(await forges_of(Settings(), stack))


async def test_without_app_and_token_none_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = dict.fromkeys(("APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_FILE", "TOKEN"), "")
    assert await served(monkeypatch, WEBHOOK_SECRET="x", **empty) == set()


async def test_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await served(monkeypatch, TOKEN="ghp_x") == {"github"}


async def test_an_app_with_its_key_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await served(monkeypatch, APP_ID="1", PRIVATE_KEY=private_key().replace("\n", "\\n")) == {"github"}


async def test_an_app_with_its_key_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(private_key())
    assert await served(monkeypatch, APP_ID="1", PRIVATE_KEY_FILE=str(tmp_path / "key.pem")) == {"github"}


async def test_a_key_that_is_none_ends_the_process_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no RSA private key in PEM"):
        await served(monkeypatch, APP_ID="1", PRIVATE_KEY="nonsense")
