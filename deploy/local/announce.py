"""What `up` tells: people in words, programs (demo, tests, bench) by `.catalyst/local.json`."""

import json
from pathlib import Path
from typing import Any

from deploy.local import builder, egress, files
from deploy.local.forge_setup import ForgeAccess
from deploy.local.profile import Profile
from deploy.local.report import console
from deploy.local.services import CHECKOUT


def local_file(checkout: Path) -> Path:
    return checkout / ".catalyst" / "local.json"


def local(profile: Profile, forge: ForgeAccess, api_token: str) -> dict[str, Any]:
    """Everything that somebody needs to use the running platform; secrets among it."""
    ports, state = profile.ports, profile.state
    api = f"http://127.0.0.1:{ports.api}"
    return {
        "profile": profile.name,
        "state": str(state),
        "kubeconfig": str(profile.kubeconfig("catalyst")),
        "admin_kubeconfig": str(profile.kubeconfig("admin")),
        "api_url": api,
        "api_token": api_token,
        "webhook_url": f"{api}/webhooks/gitea",
        "webhook_secret": forge.webhook_secret,
        "temporal_address": f"127.0.0.1:{ports.temporal}",
        "temporal_ui": f"http://127.0.0.1:{ports.temporal_ui}",
        "forge_url": forge.url,
        "forge_user": forge.user,
        "forge_password": forge.password,
        "forge_token": forge.token,
        "registry": f"localhost:{ports.registry}",
        "buildkit": builder.address(profile),
        "build_proxy": egress.build_proxy(profile),
        "ingress_address": "127.0.0.1",
        "ingress_port": ports.ingress,
        "database_url": f"sqlite+aiosqlite:///{state}/catalyst.db",
        "log_folder": f"{state}/log-store",
    }


def write(profile: Profile, forge: ForgeAccess, api_token: str) -> None:
    """`.catalyst/local.json` of this checkout, readable by its owner only."""
    files.write(local_file(CHECKOUT), json.dumps(local(profile, forge, api_token), indent=2) + "\n", 0o600)


def greet(profile: Profile, forge: ForgeAccess) -> None:
    console.print(f"""
{addresses(profile)}

  The forge's login is {forge.user} / {forge.password}, the API's token stands in .catalyst/local.json.
  `make status` shows how it is, `make logs` what it says, `make down` stops it.""")


def addresses(profile: Profile) -> str:
    """Where everything is, one line each; no secrets."""
    ports = profile.ports
    places = {
        "API": f"http://localhost:{ports.api}",
        "Temporal": f"http://localhost:{ports.temporal_ui}",
        "forge": f"http://localhost:{ports.forge}",
        "registry": f"localhost:{ports.registry}",
        "previews": f"http://<namespace>.localhost:{ports.ingress}",
        "kubectl": f"export KUBECONFIG={profile.kubeconfig('admin')}",
        "logs": str(profile.logs),
    }
    return "\n".join(f"  {name:<10} {place}" for name, place in places.items())
