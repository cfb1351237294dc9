"""A Makefile with a `dev` target (FR-ENV-006)."""

import re
from collections.abc import Iterator

from environments.detection.folders import Folder
from environments.model import Detection, ProjectKind

NAMES = ("GNUmakefile", "makefile", "Makefile")
"""In the order in which make itself looks."""
TARGET = "dev"
# A rule's targets end at the first colon that begins no assignment (`:=`, `::=`, `:::=`).
RULE = re.compile(r"^ *([^\t#:=][^#:=]*?)\s*&?::?(?![:=])(.*)$")
# `dev: PORT=3000` sets a variable for a rule that stands elsewhere; it makes none itself.
TARGET_VARIABLE = re.compile(r"^\s*(?:(?:export|override|private)\s+)*[A-Za-z_][\w.-]*\s*(?:[?+!]|:{0,3})=")
DEFINE = re.compile(r"^ *define\b")
END_OF_DEFINE = re.compile(r"^ *endef\b")


def detect(folder: Folder) -> Detection | None:
    name = folder.first(NAMES)
    if name is None or not has_target(folder.text(name) or ""):
        return None
    return Detection(
        kind=ProjectKind.MAKEFILE, dev_command="make dev", workdir=folder.path, evidence=(folder.where(name),)
    )


def has_target(text: str, target: str = TARGET) -> bool:
    """Whether a rule names the target literally. Only make itself could evaluate variables, patterns and conditions."""
    for line in _logical_lines(text):
        rule = RULE.match(line)
        if rule is None:
            continue
        targets, rest = rule[1].split(), rule[2]
        names = rest.split() if targets == [".PHONY"] else [] if TARGET_VARIABLE.match(rest) else targets
        if target in (name.removeprefix("./") for name in names):
            return True
    return False


def _logical_lines(text: str) -> Iterator[str]:
    """Outside of `define`, with continued lines joined."""
    is_defining = False
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\\\n", " ").split("\n"):
        is_defining = is_defining or bool(DEFINE.match(line))
        if not is_defining:
            yield line
        if END_OF_DEFINE.match(line):
            is_defining = False
