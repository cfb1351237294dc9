"""Accounts with tokens of their own on a real API server."""

from pathlib import Path

import yaml

from gateways.cluster.kubernetes import KubernetesCluster


async def token(cluster: KubernetesCluster, namespace: str, account: str) -> str:
    """Of a service account."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = await cluster.transport.call("POST", path, what="token", body=body)
    return str(answer["status"]["token"])


def with_token(admin: str, token: str, folder: Path) -> str:
    """Path of a kubeconfig for the server of an administrator's, with nothing but that token."""
    content = yaml.safe_load(Path(admin).read_text())
    for user in content["users"]:
        user["user"] = {"token": token}
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return str(file)
