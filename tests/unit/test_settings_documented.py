"""docs/settings.md and the settings say the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter

from settings.settings import Settings, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(CATALYST_\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


def settings(model: type[BaseModel], prefix: str = "CATALYST_") -> Iterator[tuple[str, str]]:
    """Every variable with its default, as the page writes it."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, BaseModel):
            yield from settings(type(default), f"{variable}__")
        else:
            yield variable, written(default)


def written(default: Any) -> str:
    if default is None:
        return "(none)"
    plain = default.get_secret_value() if isinstance(default, SecretStr) else default
    text = str(TypeAdapter(type(plain)).dump_python(plain, mode="json"))
    return f"`{text}`" if text else "(empty)"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {variable: default for variable, default, _ in ROW.findall(PAGE.read_text())}
    assert documented == dict(settings(Settings))


def test_every_setting_is_explained() -> None:
    assert [variable for variable, _, meaning in ROW.findall(PAGE.read_text()) if len(meaning) < 10] == []


def test_a_value_that_is_none_ends_the_process_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALYST_API__PORT", "secret")
    with pytest.raises(SystemExit) as end:
        load_settings()
    assert "CATALYST_API__PORT: Input should be a valid integer" in str(end.value)
    assert "secret" not in str(end.value)


def test_what_the_local_platform_and_the_tests_read_is_documented_too() -> None:
    """They read the environment themselves, and so do shell scripts."""
    root, page = PAGE.parents[1], PAGE.read_text()
    places = [*(root / "deploy" / "local").rglob("*.*"), *(root / "tests").rglob("*.py")]
    texts = [path.read_text() for path in places if path.suffix in (".py", ".sh")]
    read = {name for text in texts for name in re.findall(r"(?:environ(?:\.get)?[(\[]\"|\$\{)(CATALYST_\w+)", text)}
    assert {"CATALYST_STATE", "CATALYST_CACHE", "CATALYST_CORPORA"} <= read
    assert {name for name in read if f"`{name}`" not in page} == set()
