"""The local platform's addons, images and builder, as far as they are values."""

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import addons, builder, images, uplink
from deploy.local.addons.resolvers import resolvers
from deploy.local.certificates import host_bundle
from deploy.local.images import layout
from deploy.local.images.library import ADDONS, LIBRARY
from deploy.local.profile import PLATFORM_ADDRESS, SERVICE_RANGE, Ports, Profile

PROFILE = Profile("test")


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.setattr(addons, "resolvers", lambda: ["192.0.2.53"])
    return [dict(entry) for entry in yaml.safe_load_all(addons.manifests(PROFILE))]


def test_every_image_that_the_addons_name_is_one_of_ours(objects: list[dict[str, Any]]) -> None:
    ours = {f"localhost:5000/{image.name}:{tag}" for image in (*LIBRARY, *ADDONS) for tag in image.tags}
    named = set(re.findall(r"localhost:\d+/[\w./:-]+", yaml.safe_dump_all(objects)))
    assert len(named) == 4  # three programs, and what the volumes' helper runs in
    assert named <= ours


def test_all_that_install_waits_for_is_applied(objects: list[dict[str, Any]]) -> None:
    applied = {
        (f"{entry['kind'].lower()}/{entry['metadata']['name']}", entry["metadata"].get("namespace"))
        for entry in objects
    }
    assert set(addons.WAITED_FOR.items()) <= applied
    assert ("apiservice/v1beta1.metrics.k8s.io", None) in applied


def test_pods_ask_a_name_server_inside_the_service_range(objects: list[dict[str, Any]]) -> None:
    (service,) = [entry for entry in objects if entry["metadata"]["name"] == "kube-dns"]
    assert service["spec"]["clusterIP"] == addons.DNS_ADDRESS
    assert ipaddress.ip_address(addons.DNS_ADDRESS) in ipaddress.ip_network(SERVICE_RANGE)


def test_names_of_previews_lead_to_the_ingress_and_foreign_ones_to_the_hosts_resolver(
    objects: list[dict[str, Any]],
) -> None:
    (configuration,) = [entry["data"]["Corefile"] for entry in objects if "Corefile" in entry.get("data", {})]
    assert f'"{{{{ .Name }}}} 60 IN A {PLATFORM_ADDRESS}"' in configuration
    assert "forward . 192.0.2.53\n" in configuration


def test_shell_variables_of_the_volumes_scripts_survive_rendering(objects: list[dict[str, Any]]) -> None:
    (scripts,) = [entry["data"] for entry in objects if entry["metadata"]["name"] == "local-path-config"]
    assert '"$VOL_DIR"' in scripts["setup"]


def test_a_resolver_on_loopback_gives_way_to_the_one_behind_it(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\noptions edns0\n")
    real.write_text("# made by systemd\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 192.0.2.2\n")
    assert resolvers((stub, real)) == ["192.0.2.1", "192.0.2.2"]


def test_a_host_with_nothing_but_loopback_is_told_what_to_do(tmp_path: Path) -> None:
    stub = tmp_path / "resolv.conf"
    stub.write_text("nameserver 127.0.0.1\nnameserver\nnameserver nonsense\n")
    with pytest.raises(OSError, match="name one in"):
        resolvers((stub, tmp_path / "absent"))


@pytest.mark.parametrize(
    ("to", "protocol", "port", "passes"),
    [
        ("192.0.2.53", "udp", 53, True),  # the resolver
        (PLATFORM_ADDRESS, "tcp", 8780, True),  # the ingress
        (PLATFORM_ADDRESS, "tcp", 20000, True),  # the forward proxy
        (PLATFORM_ADDRESS, "tcp", 20001, False),  # a project's port of it, for its previews
        (PLATFORM_ADDRESS, "tcp", 6443, False),  # the API server
        (PLATFORM_ADDRESS, "tcp", 10250, False),  # the kubelet
        (PLATFORM_ADDRESS, "udp", 53, False),
        ("10.96.0.1", "tcp", 443, False),  # the API server again
        ("10.96.0.10", "udp", 53, False),  # it knows the names of everybody's services
        ("10.244.0.7", "tcp", 80, False),  # a pod
        ("10.245.0.9", "tcp", 80, False),  # another build
        ("169.254.169.254", "tcp", 80, False),  # a cloud's metadata
        ("192.0.2.2", "tcp", 22, False),  # the host itself
    ],
)
def test_what_a_build_step_reaches(to: str, protocol: str, port: int, passes: bool) -> None:
    own = {PLATFORM_ADDRESS, "192.0.2.2"}
    fates = (_fate(rule, to, protocol, port, own) for rule in builder.rules(Ports(), ["192.0.2.53"]))
    assert next(filter(None, fates), "RETURN") == ("RETURN" if passes else "DROP")


@pytest.mark.parametrize(
    ("to", "protocol", "port", "fate"),
    [
        ("192.0.2.53", "udp", 53, "ACCEPT"),  # the resolver
        ("203.0.113.80", "tcp", 443, "REJECT"),  # a package registry, without the proxy
        ("203.0.113.80", "udp", 443, "REJECT"),
        ("203.0.113.80", "udp", 53, "REJECT"),  # another resolver
    ],
)
def test_a_build_step_gets_out_by_the_proxy_only(to: str, protocol: str, port: int, fate: str) -> None:
    """Nothing that `rules` lets through leaves this machine but what is asked of the name servers."""
    fates = (_fate(rule, to, protocol, port, set()) for rule in builder.forwarded(["192.0.2.53"]))
    assert next(filter(None, fates)) == fate


def _fate(rule: str, to: str, protocol: str, port: int, own: set[str]) -> str | None:
    """What the rule does with a packet; None when it doesn't match. Understands what the rules use, and fails on more."""
    words = rule.split()
    options = dict(zip(words[::2], words[1::2], strict=True))
    fate = options.pop("-j")
    options.pop("--reject-with", None)
    matches = [ipaddress.ip_address(to) in ipaddress.ip_network(options.pop("-d", "0.0.0.0/0"))]
    matches.append(options.pop("-p", protocol) == protocol)
    matches.append(int(options.pop("--dport", port)) == port)
    if options.pop("-m", None) == "addrtype":
        assert options.pop("--dst-type") == "LOCAL"
        matches.append(to in own)
    assert not options
    return fate if all(matches) else None


def test_the_same_files_make_the_same_image(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "hello").write_bytes(b"hello")
    for name in ("one", "two"):
        (tree / "bin" / "hello").touch()
        layout.write(tree, tmp_path / name, {"Cmd": ["/bin/hello"]})
    assert layout.digest(tmp_path / "one") == layout.digest(tmp_path / "two")


def test_names_that_the_product_uses_are_in_the_library() -> None:
    tagged = {f"{image.name}:{tag}" for image in LIBRARY for tag in image.tags}
    assert {images.PAUSE, images.BUSYBOX, images.SHELL, images.NODE, images.SIDECAR} <= tagged


def test_bridges_promise_what_the_default_route_carries(tmp_path: Path) -> None:
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    routes = tmp_path / "routes"
    routes.write_text(head + "vpn0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
    (tmp_path / "vpn0").mkdir()
    (tmp_path / "vpn0" / "mtu").write_text("1400\n")
    assert uplink.mtu(routes, tmp_path) == 1400
    routes.write_text(head + "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n")
    assert uplink.mtu(routes, tmp_path) == 1500


def test_certificates_are_handed_on_only_where_the_host_has_its_own(tmp_path: Path) -> None:
    bundle, own = tmp_path / "bundle.crt", tmp_path / "own"
    own.mkdir()
    bundle.touch()
    assert host_bundle({}, bundle, own) is None
    assert host_bundle({"SSL_CERT_FILE": str(tmp_path / "absent")}, bundle, own) is None
    assert host_bundle({"NODE_EXTRA_CA_CERTS": str(bundle)}, tmp_path / "other", own) == bundle
    (own / "company.crt").touch()
    assert host_bundle({}, bundle, own) == bundle
