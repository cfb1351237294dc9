"""Detection against others' repositories, labelled by hand, and others' vectors (SC-003: 90 %)."""

import json
from collections import Counter
from typing import Any

import pytest

from environments.detection import detect
from environments.detection.folders import Folder
from environments.detection.makefile import has_target
from environments.detection.node import find_install
from environments.model import Detection, Snapshot
from tests.corpora import corpus

KINDS = {"generic": "unrecognised"}
BEYOND_TEXT = {"variable target name", "pattern rule", "ifdef guarded (off)", "include then dev"}
"""What only make itself can evaluate; the command is then what a person sets."""

Row = dict[str, Any]


def rows(file: str) -> list[Row]:
    return [json.loads(line) for line in (corpus("detection") / file).read_text().splitlines()]


def test_nine_of_ten_labelled_repositories_are_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    scored = [row for row in rows("detection-corpus.visible.jsonl") if row["scored"]]
    results = {row["id"]: mistake(row, detect(snapshot_of(row))) for row in scored}
    totals = Counter(row["expected"]["kind"] for row in scored)
    right = Counter(row["expected"]["kind"] for row in scored if results[row["id"]] is None)
    wrong = [f"{name}: {why}" for name, why in results.items() if why]
    with capsys.disabled():
        print(
            f"\ndetection: {right.total()} of {totals.total()} right;",
            {k: f"{right[k]}/{n}" for k, n in totals.items()},
        )
        print(*wrong, sep="\n")
    assert right.total() >= 0.9 * totals.total(), wrong
    assert all(right[kind] >= 0.9 * total for kind, total in totals.items()), wrong


def test_a_makefile_has_a_dev_target_where_make_says_so() -> None:
    vectors = rows("makefile-dev-vectors.jsonl")
    wrong = {row["id"] for row in vectors if has_target(row["makefile"]) != row["has_dev"]}
    assert wrong <= BEYOND_TEXT
    assert len(vectors) > 30


def test_the_package_manager_is_the_corepack_field_s_or_the_lockfile_s() -> None:
    vectors = rows("package-manager-vectors.jsonl")
    mistaken = {row["id"]: str(manager_of(row)) for row in vectors if manager_of(row) != row["peer_expected"]}
    by_guess = {
        row["id"] for row in vectors if not row["packageManager"] and row["by_lockfile_only"] == ["npm (default)"]
    }
    assert set(mistaken) <= by_guess, mistaken
    assert len(vectors) > 20


def manager_of(row: Row) -> str:
    package = json.dumps({"packageManager": row["packageManager"]} if row["packageManager"] else {})
    return find_install(Folder(Snapshot(paths=tuple(row["files"]), texts={"package.json": package}))).manager.value


def mistake(row: Row, found: Detection) -> str | None:
    expected = row["expected"]
    kind = KINDS.get(expected["kind"], expected["kind"])
    seen = "unrecognised" if found.kind.value == "nix" else found.kind.value
    if (seen, found.workdir) != (kind, expected["workdir"]):
        return f"{found.kind} in {found.workdir}, expected {kind} in {expected['workdir']}"
    is_accepted = not expected["command"] or found.dev_command in expected["accept"]
    return None if is_accepted else f"{found.dev_command}, expected one of {expected['accept']}"


def snapshot_of(row: Row) -> Snapshot:
    """The corpus holds names and facts instead of texts; these are texts that say the same."""
    paths: list[str] = []
    texts: dict[str, str] = {}
    for prefix, folder in [("", row), *((f"{name}/", nested) for name, nested in row.get("nested", {}).items())]:
        for name in folder["root_files"]:
            paths.append(f"{prefix}{name}".rstrip("/") + ("/.keep" if name.endswith("/") else ""))
        texts |= {f"{prefix}{name}": text for name, text in texts_of(folder)}
    return Snapshot(paths=tuple(sorted({*paths, *texts})), texts=texts)


def texts_of(folder: Row) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if folder["package_json_scripts"] is not None:
        package = {"scripts": folder["package_json_scripts"], "packageManager": folder.get("package_manager_field")}
        found.append(("package.json", json.dumps(package)))
    if folder["makefile_targets"]:
        name = folder.get("makefile_name") or "Makefile"
        found.append((name, "".join(f"{target}:\n\t@true\n" for target in folder["makefile_targets"])))
    return found
