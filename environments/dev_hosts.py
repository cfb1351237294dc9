"""Dev servers that show a page to any host, but refuse hot reload to those they weren't told of. Pure.

Vite is told by a variable (environments.deployment.source). Next.js takes it from its configuration only, so that the
project's people must write it: a line on the pull request says what (`server/lib/router-utils/block-cross-site-dev` of Next 16).
"""

import json
import re

from environments.detection.folders import Folder
from environments.detection.node import PACKAGE
from environments.model import Snapshot, Template
from environments.watching import script_behind

NEXT_DEV = re.compile(r"(?:^|[\s/])next(?:\s+dev)?(?=\s|$)(?!\s+(?:build|start|export|lint))")
NEXT_CONFIGURATIONS = ("next.config.js", "next.config.mjs", "next.config.ts", "next.config.mts", "next.config.cjs")
SETTING = "allowedDevOrigins"
REFUSING_SINCE = 16
"""Major version; those before it only warn."""
MAJOR = re.compile(r"[^0-9]*([0-9]{1,4})")


def with_host_note(template: Template, snapshot: Snapshot, domain: str) -> Template:
    """The template with what a dev server must be told before it serves subdomains of `domain` wholly."""
    note = _next_note(template, snapshot, domain)
    return template.model_copy(update={"notes": (*template.notes, note)}) if note else template


def _next_note(template: Template, snapshot: Snapshot, domain: str) -> str | None:
    folder = Folder(snapshot, template.workdir)
    is_next = template.command is not None and NEXT_DEV.search(script_behind(template.command, folder))
    if not is_next or _is_local(domain) or not _refuses(folder):
        return None
    file = folder.first(NEXT_CONFIGURATIONS)
    if file is not None and SETTING in (folder.text(file) or ""):
        return None
    return (
        f"Next.js refuses hot reload to hosts that it wasn't told of: write "
        f'`{SETTING}: ["*.{domain}"]` into `{folder.where(file or NEXT_CONFIGURATIONS[0])}`.'
    )


def _is_local(domain: str) -> bool:
    """Every dev server takes `*.localhost`."""
    return domain == "localhost" or domain.endswith(".localhost")


def _refuses(folder: Folder) -> bool:
    """True where the version can't be told."""
    try:
        content = json.loads(folder.text(PACKAGE) or "{}")
        wanted = {**(content.get("devDependencies") or {}), **(content.get("dependencies") or {})}.get("next", "")
    except (ValueError, AttributeError, TypeError, RecursionError):
        return True
    found = MAJOR.match(wanted) if isinstance(wanted, str) else None
    return found is None or int(found[1]) >= REFUSING_SINCE
