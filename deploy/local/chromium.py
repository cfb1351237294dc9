"""A browser without a screen, for tests of what people see: Debian's Chromium, unpacked into the cache with its libraries."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.cache import Artifact
from deploy.local.debian import download, unpack
from deploy.local.libraries import keep_libraries, packages_for

SHELL = "chromium-headless-shell"
PACKAGES = (SHELL, "chromium-common", "fonts-dejavu-core")
PROGRAM = "usr/lib/chromium"
FONTS = "usr/share/fonts"
LOADED = ("libsoftokn3.so", "libfreeblpriv3.so")
"""Opened by name at run time, so that nothing links against them."""
FONTS_CONF = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">../usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """Of the cache's folder."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / PROGRAM / SHELL

    def environment(self) -> dict[str, str]:
        """Its libraries and fonts are found wherever none are installed."""
        return {
            "LD_LIBRARY_PATH": str(self.folder / "lib"),
            "FONTCONFIG_FILE": str(self.folder / "etc" / "fonts.conf"),
        }


def artifact() -> Artifact:
    """Of the version that this Debian has."""
    return Artifact("chromium", (*PACKAGES, FONTS_CONF), usual_seconds=40, build=_build)


def _build(folder: Path) -> None:
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    unpacked = folder / "package"
    for archive in download(folder, *PACKAGES, *packages_for(SHELL)):
        unpack(archive, unpacked)
    for part in (PROGRAM, FONTS):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(unpacked / part, folder / part)
    loaded = [each for name in LOADED for each in unpacked.rglob(name)]
    keep_libraries(folder, unpacked, [Chromium(folder).program, *loaded])
    for library in loaded:
        shutil.copy2(library, folder / "lib")
    (folder / "etc").mkdir()
    (folder / "etc" / "fonts.conf").write_text(FONTS_CONF)
    shutil.rmtree(unpacked)
