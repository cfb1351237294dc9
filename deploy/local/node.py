"""Kubernetes on one node, as supervised programs with their configuration files.

Everything listens on loopback, but for API server and kubelet, which listen on the platform's own address.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from deploy.local import cgroups, containers, debian, files, kubernetes
from deploy.local.addons import DNS_ADDRESS
from deploy.local.addons.resolvers import resolvers
from deploy.local.credentials import NODE
from deploy.local.profile import PLATFORM_ADDRESS, POD_RANGE, SERVICE_RANGE, Profile
from deploy.local.program import Program

POD_PIDS = 1024
"""Processes and threads of one pod; a development server with its workers has some dozens."""


def programs(profile: Profile) -> list[Program]:
    """All of Kubernetes, in the order of their needs; writes their configuration files."""
    return [
        _etcd(profile),
        containers.program(profile),
        _api_server(profile),
        _controller_manager(profile),
        _scheduler(profile),
        _kubelet(profile),
        _kube_proxy(profile),
    ]


def _etcd(profile: Profile) -> Program:
    pki, client, peer = profile.pki / "etcd", f"https://127.0.0.1:{profile.ports.etcd}", "https://127.0.0.1:2380"
    command = (
        str(debian.program("etcd")),
        f"--name={NODE}",
        f"--data-dir={profile.state}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={NODE}={peer}",
        f"--cert-file={pki}/server.crt",
        f"--key-file={pki}/server.key",
        f"--trusted-ca-file={pki}/ca.crt",
        "--client-cert-auth=true",
        f"--peer-cert-file={pki}/peer.crt",
        f"--peer-key-file={pki}/peer.key",
        f"--peer-trusted-ca-file={pki}/ca.crt",
        "--peer-client-cert-auth=true",
        "--auto-compaction-retention=1",
    )
    return Program("etcd", command, priority=10, ready=("tcp", f"127.0.0.1:{profile.ports.etcd}"))


def _api_server(profile: Profile) -> Program:
    pki, address = profile.pki, f"{PLATFORM_ADDRESS}:{profile.ports.kubernetes}"
    command = (
        _kubernetes("kube-apiserver"),
        f"--bind-address={PLATFORM_ADDRESS}",
        f"--advertise-address={PLATFORM_ADDRESS}",
        f"--secure-port={profile.ports.kubernetes}",
        f"--etcd-servers=https://127.0.0.1:{profile.ports.etcd}",
        f"--etcd-cafile={pki}/etcd/ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        # The front proxy: without it metrics-server's APIService never becomes available, and then no namespace is ever deleted.
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        "--enable-aggregator-routing=true",
    )
    # It would wait ten seconds for watches whose owners are killed right after it; what it knows is etcd's.
    return Program("kube-apiserver", command, priority=20, stop_seconds=2, ready=("tcp", address))


def _controller_manager(profile: Profile) -> Program:
    pki, kubeconfig = profile.pki, profile.kubeconfig("controller-manager")
    command = (
        _kubernetes("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        # Twenty namespaces that come or go at once are many requests; the default is 20 a second.
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--use-service-account-credentials=true",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_RANGE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
    )
    return Program("kube-controller-manager", command, priority=30)


def _scheduler(profile: Profile) -> Program:
    kubeconfig = profile.kubeconfig("scheduler")
    command = (
        _kubernetes("kube-scheduler"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    )
    return Program("kube-scheduler", command, priority=30)


def _kubelet(profile: Profile) -> Program:
    file = _write(profile, "kubelet", kubelet_configuration(profile))
    command = (
        _kubernetes("kubelet"),
        f"--config={file}",
        f"--kubeconfig={profile.kubeconfig('kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={PLATFORM_ADDRESS}",
    )
    return Program("kubelet", command, priority=40)


def kubelet_configuration(profile: Profile) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": PLATFORM_ADDRESS,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{profile.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{containers.socket(profile)}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.NAME}",
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": str(_write_resolvers(profile)),
        "serializeImagePulls": False,
        "maxPods": 200,
        # A fork bomb ends at its own pod. Nothing in a namespace can say so: it is every node's own setting (docs/operating.md).
        "podPidsLimit": POD_PIDS,
        # A laptop's disk is often fuller than a node's may be; pods and images are not to be thrown out for that.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
        "imageGCHighThresholdPercent": 98,
        "imageGCLowThresholdPercent": 95,
        "shutdownGracePeriod": "0s",
        "syncFrequency": "10s",
    }


def _kube_proxy(profile: Profile) -> Program:
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(profile.kubeconfig("kube-proxy"))},
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE,
        "bindAddress": PLATFORM_ADDRESS,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "nodePortAddresses": [f"{PLATFORM_ADDRESS}/32"],
        "iptables": {"localhostNodePorts": False},
        # Zero leaves the host's limits alone, which we may not be allowed to change.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    file = _write(profile, "kube-proxy", configuration)
    return Program("kube-proxy", (_kubernetes("kube-proxy"), f"--config={file}"), priority=40)


def _write(profile: Profile, name: str, configuration: Mapping[str, object]) -> Path:
    """JSON is YAML, as far as Kubernetes reads it."""
    file = profile.state / f"{name}.json"
    files.write(file, json.dumps(configuration, indent=1))
    return file


def _write_resolvers(profile: Profile) -> Path:
    """The host's own file may name a resolver on loopback, which no pod reaches."""
    file = profile.state / "resolv.conf"
    files.write(file, "".join(f"nameserver {server}\n" for server in resolvers()))
    return file


def _kubernetes(program: str) -> str:
    return str(kubernetes.artifact().folder / program)
