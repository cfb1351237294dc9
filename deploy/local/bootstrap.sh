#!/usr/bin/env bash
# Bring .venv to what uv.lock says, from nothing but Python 3.11 or newer. Quick and silent when it is so already.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="${CATALYST_CACHE:-$HOME/.cache/catalyst}/uv"
if ! "$tools/bin/uv" --version >/dev/null 2>&1; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        { echo "Python 3.11 or newer is missing: install it (Debian: apt-get install python3 python3-venv) and run this again." >&2; exit 1; }
    python3 -m venv --clear "$tools" ||
        { echo "python3 can't make virtual environments: install python3-venv and run this again." >&2; exit 1; }
    "$tools/bin/pip" install --quiet uv ||
        { echo "uv could not be fetched from PyPI: check the network and run this again." >&2; exit 1; }
fi
UV_LINK_MODE=copy "$tools/bin/uv" sync --frozen --quiet
