"""Approved hosts, ports and tokens as values, and the configuration that they become: what hostile text can do to it."""

import ipaddress
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.egress import (
    ALLOWED,
    DEFAULT,
    MOST_HOSTS,
    REGISTRIES,
    Proxy,
    Refused,
    allowed_hosts,
    assign_ports,
    build_token,
    build_url,
    is_host,
    parse_build_user,
    ports_object,
    ports_of,
    project_key,
    refusal,
)
from environments.fetching import Mirrors, build_arguments, proxy_variables
from environments.model import EnvironmentIdentity
from gateways.builder.policy import source_policy
from gateways.proxy.configuration import BLOCK, Outside, Package, Place, Project, blocks, render
from gateways.proxy.configuration import ports_of as opened
from gateways.proxy.refusals import parse_refusal
from settings.egress import closed_of, proxy_of, upstream_of
from settings.settings import MirrorSettings, ProxySettings, Settings

PROXY = Proxy(address="10.0.0.9", first_port=20000, ports=3, secret="secret", defaults=("pypi.org",))
TOKEN = "0" * 64
PLACE = Place(Package(Path("/")), Path("/errors"), 4000)
HOSTILE = (
    "a.example.com\nhttp_access allow all",
    "a.example.com http_access",
    '"/etc/passwd"',
    "a.example.com#",
    "a.example.com;b",
    "all",
    ".com",
    "*.com",
    "*",
    "10.0.0.1",
    "[::1]",
    "a.example.com:443",
    "http://a.example.com",
    "a.example.com.",
    "-a.example.com",
    "A.example.com",
    "ä.example.com",
    "١.example.com",
    "a..example.com",
    "\u2028a.example.com",
    f"{'a' * 64}.example.com",
    ".".join(["a" * 60] * 5),
    "localhost",
    "",
)


def project(*hosts: Any) -> dict[str, Any]:
    return {"spec": {"egress": {"allowedHosts": list(hosts)}}}


# --- approved hosts ----------------------------------------------------------------------------------------------


def test_a_project_without_a_list_has_the_platforms() -> None:
    empty: list[Any] = [
        None,
        {},
        {"spec": None},
        {"spec": {"egress": {}}},
        {"spec": {"egress": {"allowedHosts": None}}},
    ]
    for nothing in empty:
        assert allowed_hosts(nothing, PROXY.defaults) == ("pypi.org",)


def test_its_own_list_takes_the_platforms_place_unless_it_names_it() -> None:
    assert allowed_hosts(project("api.example.com"), PROXY.defaults) == ("api.example.com",)
    assert allowed_hosts(project(DEFAULT, "api.example.com"), PROXY.defaults) == ("api.example.com", "pypi.org")
    assert allowed_hosts(project(), PROXY.defaults) == ()


@pytest.mark.parametrize("host", HOSTILE)
def test_whatever_is_no_host_is_left_out(host: str) -> None:
    assert allowed_hosts(project(host, "a.example.com"), ()) == ("a.example.com",)
    assert re.fullmatch(ALLOWED, host, re.ASCII) is None or len(host) > 253


@pytest.mark.parametrize("other", [7, None, ["a.example.com"], {"a.example.com": 1}, True])
def test_whatever_is_no_text_is_left_out(other: Any) -> None:
    assert allowed_hosts(project(other, "a.example.com"), ()) == ("a.example.com",)


def test_a_list_is_bounded() -> None:
    assert len(allowed_hosts(project(*(f"h{n}.example.com" for n in range(1000))), ())) == MOST_HOSTS


def test_nothing_is_within_another_entry() -> None:
    """Squid takes no such list."""
    written = ("*.example.com", "example.com", "a.example.com", "*.b.example.com", "badexample.com", "*.badexample.com")
    assert allowed_hosts(project(*written), ()) == ("*.badexample.com", "*.example.com")


def test_the_platforms_list_is_one_of_hosts() -> None:
    assert all(is_host(host) for host in REGISTRIES) and len(set(REGISTRIES)) == len(REGISTRIES)


# --- ports -------------------------------------------------------------------------------------------------------


def test_who_has_a_port_keeps_it_and_who_comes_gets_a_free_one() -> None:
    ports = assign_ports({}, ["t.b", "t.a"], [], PROXY)
    assert ports == {"t.a": 20001, "t.b": 20002}
    assert assign_ports(ports, ["t.b", "t.0"], [], PROXY) == {"t.b": 20002, "t.0": 20001}


def test_a_port_is_nobody_elses_while_an_environment_of_its_project_is_left() -> None:
    ports = assign_ports({"t.a": 20001}, ["t.b"], ["t.a"], PROXY)
    assert ports == {"t.a": 20001, "t.b": 20002}


def test_an_environment_without_a_project_gets_no_port() -> None:
    assert assign_ports({}, [], ["t.a"], PROXY) == {}


def test_when_all_ports_are_taken_the_last_ones_get_none() -> None:
    assert assign_ports({}, [f"t.{n}" for n in range(9)], [], PROXY) == {"t.0": 20001, "t.1": 20002, "t.2": 20003}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=6) | st.integers(19990, 20010).map(str) | st.none()))
def test_whatever_the_config_map_says_no_port_is_two_projects(data: dict[str, Any]) -> None:
    ports = ports_of({"data": data}, PROXY)
    assert len(set(ports.values())) == len(ports) and set(ports.values()) <= {20001, 20002, 20003}


def test_what_is_written_is_read_again() -> None:
    ports = {"team.shop": 20002, "team.web": 20001}
    assert ports_of(ports_object(ports), PROXY) == ports
    assert ports_of(None, PROXY) == {}


def test_two_projects_never_have_one_key() -> None:
    """Their namespaces may: names alone prove nothing."""
    first = EnvironmentIdentity(team="a", project="b-c", environment="pr-1")
    second = EnvironmentIdentity(team="a-b", project="c", environment="pr-1")
    assert project_key(first) == "a.b-c" != project_key(second)


# --- builds ------------------------------------------------------------------------------------------------------


def test_a_build_says_its_project_and_environment_and_has_the_token_of_its_project_only() -> None:
    url = build_url(PROXY, "team.shop", 20002, "team-shop-pr-1")
    user = url.removeprefix("http://").partition(":")[0]
    assert url.endswith("@10.0.0.9:20000") and parse_build_user(user) == (20002, "team-shop-pr-1")
    assert build_token(PROXY, "team.shop") in url and "secret" not in url
    tokens = {build_token(PROXY, key) for key in ("team.shop", "team.web", "platform")}
    other = PROXY.model_copy(update={"secret": "another"})
    assert len(tokens) == 3 and build_token(other, "team.shop") not in tokens


@pytest.mark.parametrize(
    "user", ["", "-", "20001", f"20001.{TOKEN}", f"20001.{TOKEN}.a/b", f"x.{TOKEN}.a", f"1.{TOKEN}.a\n"]
)
def test_a_user_that_is_none_is_nobody(user: str) -> None:
    assert parse_build_user(user) is None


def test_buildkit_is_given_what_it_keeps_out_of_image_and_cache() -> None:
    arguments = build_arguments("http://u:x@10.0.0.9:20000", ("own.localhost",))
    assert set(arguments) == {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


def _fate(policy: dict[str, Any], identifier: str, full_url: str = "") -> str:
    """As BuildKit decides: of the rules that match, the last one."""
    fate = "ALLOW"
    for rule in policy["rules"]:
        selector = rule["selector"]
        constraints = all(re.search(each["value"], full_url) for each in selector["constraints"])
        if re.search(selector["identifier"], identifier) and constraints:
            fate = rule["action"]
    return fate


@pytest.mark.parametrize(
    ("identifier", "full_url", "passes"),
    [
        ("https://a.example.com/x", "", True),
        ("http://A.example.com:80/x", "", True),
        ("https://b.wild.example.org/x", "", True),
        ("https://wild.example.org?x", "", True),
        ("docker-image://docker.io/library/node:22", "", True),
        ("local://context", "", True),
        ("git://a.example.com/x.git#main", "https://a.example.com/x.git", True),
        ("git://a.example.com/x.git", "http://127.0.0.1/x.git", False),
        ("git://a.example.com/x.git", "ssh://git@a.example.com/x.git", False),
        ("git://other.example.net/x.git", "https://other.example.net/x.git", False),
        ("https://other.example.net/https://a.example.com/", "", False),
        ("https://a.example.com@other.example.net/", "", False),
        ("https://a.example.com.example.net/", "", False),
        ("https://axexample.com/", "", False),
        ("https://x/b.wild.example.org/", "", False),
        ("https://a.example.com:8080/", "", False),
        ("http://127.0.0.1:8233/", "", False),
        ("HTTP://169.254.169.254/", "", False),
        ("http://localhost/", "", False),
    ],
)
def test_what_the_builder_itself_may_fetch(identifier: str, full_url: str, passes: bool) -> None:
    policy = source_policy(["a.example.com", "*.wild.example.org"])
    assert _fate(policy, identifier, full_url) == ("ALLOW" if passes else "DENY")


def test_an_empty_list_lets_the_builder_fetch_nothing() -> None:
    assert _fate(source_policy([]), "https://a.example.com/") == "DENY"


# --- variables ---------------------------------------------------------------------------------------------------


def test_what_is_inside_is_reached_without_the_proxy() -> None:
    variables = proxy_variables("http://10.0.0.9:20001", ("web", "own.localhost"))
    assert (
        variables["HTTPS_PROXY"] == variables["https_proxy"] == variables["YARN_HTTPS_PROXY"] == "http://10.0.0.9:20001"
    )
    inside = variables["NO_PROXY"].split(",")
    assert {"localhost", "127.0.0.1", ".svc", ".cluster.local", "web", "own.localhost"} <= set(inside)
    assert variables["no_proxy"] == variables["NO_PROXY"]


def test_mirrors_are_told_to_every_tool_and_approved() -> None:
    mirrors = Mirrors(npm="https://npm.example.com:8443/", go="https://go.example.com|direct", pypi="")
    assert mirrors.hosts() == ("go.example.com", "npm.example.com") and mirrors.ports() == (8443,)
    variables = mirrors.variables()
    assert variables["npm_config_registry"] == variables["YARN_NPM_REGISTRY_SERVER"] == "https://npm.example.com:8443/"
    assert variables["GOPROXY"] == "https://go.example.com|direct" and "PIP_INDEX_URL" not in variables
    assert Mirrors().variables() == {} and Mirrors(go="off").hosts() == ()


# --- squid's configuration ---------------------------------------------------------------------------------------


OUTSIDE = Outside("10.0.0.9", 20000, Project(20000, ("pypi.org",), TOKEN), closed=())


def outside(**other: Any) -> Outside:
    return replace(OUTSIDE, **other)


def rendered(*projects: Project, **other: Any) -> list[str]:
    return render(outside(**other), PLACE, 0, projects, projects).splitlines()


@pytest.mark.parametrize("host", HOSTILE)
def test_nothing_but_a_host_is_written_into_the_configuration(host: str) -> None:
    with pytest.raises(ValueError, match="is no host name"):
        rendered(Project(20001, (host,), TOKEN))


@given(st.lists(st.text(max_size=40) | st.sampled_from(HOSTILE) | st.from_regex(ALLOWED, fullmatch=True), max_size=20))
def test_whatever_people_write_becomes_lines_of_one_kind(written: list[str]) -> None:
    hosts = allowed_hosts(project(*written), ("pypi.org",))
    lines = rendered(Project(20001, hosts, TOKEN))
    own = [line for line in lines if " dstdomain " in line and " .pypi" not in line]
    assert all(re.fullmatch(r"acl hosts_[0-9]+ dstdomain -n \.?[a-z0-9.-]+", line, re.ASCII) for line in own)
    plain = rendered(Project(20001, ("a.example.com",), TOKEN))
    of = "http_access allow at_20001"
    rules = [line for line in lines if line.startswith("http_access") and not line.startswith(of)]
    assert rules[:5] == [line for line in plain if line.startswith("http_access") and not line.startswith(of)][:5]
    assert [line for line in lines if line.startswith("http_access")][-1] == "http_access deny all"


@pytest.mark.parametrize("token", ["", "x", "0" * 63, ".*", f"{'0' * 63}|", f"{TOKEN}\n"])
def test_no_token_but_a_token(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        rendered(Project(20001, (), token))


@pytest.mark.parametrize("host", ["a b", "a\nb", "", "a;b"])
def test_no_upstream_but_a_host(host: str) -> None:
    with pytest.raises(ValueError, match="is no host of a proxy"):
        rendered(upstream=(host, 80))


def test_what_is_inside_is_closed_once() -> None:
    """Of two entries of which one is in the other squid drops either, and says so in a log only."""
    closed = ("10.244.0.0/24", "10.244.0.0/16", "10.96.0.1", "10.96.0.0/16", "fd00::1", "192.0.2.7/24")
    lines = [line for line in rendered(closed=closed) if line.startswith("acl inside dst ")]
    found = [ipaddress.ip_network(line.split()[-1]) for line in lines]
    assert not any(one.version == two.version and one.overlaps(two) for one in found for two in found if one is not two)
    for address in (
        "10.244.7.7",
        "10.96.3.3",
        "192.0.2.1",
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.9",
        "::1",
        "fd00::1",
        "fe80::1",
    ):
        assert any(ipaddress.ip_address(address) in network for network in found), address
    assert ipaddress.ip_network("0.0.0.0/0") not in found and ipaddress.ip_network("::/0") not in found


def test_every_allowing_line_names_a_port_a_list_and_that_it_isnt_inside() -> None:
    lines = rendered(Project(20001, ("a.example.com",), TOKEN), Project(20002, (), TOKEN))
    allowing = [line.split() for line in lines if line.startswith("http_access allow")]
    assert len(allowing) == 3  # the first project, its builds, and the platform's builds
    for words in allowing:
        assert (
            words[2].startswith("at_") and words[-1] == "!inside" and any(word.startswith("hosts_") for word in words)
        )


def test_each_squid_opens_no_more_ports_than_it_can() -> None:
    projects = [Project(20000 + n, (), TOKEN) for n in range(1, 350)]
    made = blocks(outside(), projects)
    assert [len(opened(outside(), number, mine)) for number, mine in made.items()] == [BLOCK, BLOCK, BLOCK, 50]
    assert [project for mine in made.values() for project in mine] == projects


# --- refusals ----------------------------------------------------------------------------------------------------


def test_a_line_of_squids_is_a_refusal() -> None:
    found = parse_refusal("10.244.0.7 20001 443 - - api.example.com\n")
    assert found is not None and found.builder is None
    assert (found.source, found.port, found.refused) == ("10.244.0.7", 20001, Refused("api.example.com", 443, False))
    built = parse_refusal(f"10.245.0.7 20000 443 yes 20002.{TOKEN}.team-shop-pr-1 api.example.com")
    assert built is not None and built.builder == (20002, "team-shop-pr-1") and built.refused.is_approved


@given(st.text(max_size=100) | st.from_regex(r"[0-9.]{1,20} [0-9]{1,9} \S+ \S+ \S+ \S*", fullmatch=True))
def test_no_line_of_squids_is_none_or_a_refusal(line: str) -> None:
    found = parse_refusal(line)
    assert found is None or refusal(found.refused, "team.shop").count("\n") == 0


@given(st.text(max_size=300), st.integers(0, 65535), st.booleans())
def test_a_refusal_is_one_bounded_sentence(host: str, port: int, is_approved: bool) -> None:
    text = refusal(Refused(host, port, is_approved), "team.shop")
    assert text.isprintable() and text.isascii() and len(text) < 1000


def test_a_refusal_says_what_would_allow_it() -> None:
    text = refusal(Refused("api.example.com", 443, False), "team.shop")
    assert text.startswith("api.example.com was refused") and "spec.egress.allowedHosts" in text and "team/shop" in text
    assert allowed_hosts(project(*re.findall(r"\[(.+)\]", text)[0].split(", ")), ("pypi.org",)) == (
        "api.example.com",
        "pypi.org",
    )
    for refused in (
        Refused("api.example.com", 22, False),
        Refused("10.0.0.1", 443, False),
        Refused("api.example.com", 443, True),
    ):
        assert "allowedHosts" not in refusal(refused, "team.shop"), "nothing in that list would help"


# --- settings ----------------------------------------------------------------------------------------------------


def settings(**given: Any) -> Settings:
    base = {"address": "10.0.0.9", "secret": "s"}
    mirrors = given.pop("mirrors", {})
    return Settings(proxy=ProxySettings(**base | given), mirrors=MirrorSettings(**mirrors))


def test_without_a_word_everything_outside_is_closed() -> None:
    with pytest.raises(SystemExit, match="CATALYST_PROXY__ADDRESS.*\n.*CATALYST_PROXY__SECRET"):
        proxy_of(Settings())
    assert proxy_of(Settings(egress="open")) is None


def test_a_proxy_that_is_set_up() -> None:
    made = proxy_of(settings(mirrors={"npm": "https://npm.example.com/"}))
    assert made is not None and made.url(20001) == "http://10.0.0.9:20001" and "npm.example.com" in made.defaults
    given = settings(closed="10.0.0.0/8, 192.0.2.1", upstream="proxy.example.com:3128")
    assert closed_of(given) == ("10.0.0.0/8", "192.0.2.1") and upstream_of(given) == ("proxy.example.com", 3128)
    assert closed_of(settings()) == () and upstream_of(settings()) is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"address": "proxy.example.com"}, "ADDRESS"),
        ({"address": "::1"}, "ADDRESS"),
        ({"secret": ""}, "SECRET"),
        ({"first_port": 65000, "ports": 1000}, "PORTS"),
        ({"closed": "10.0.0.0/8,x"}, "CLOSED"),
        ({"upstream": "proxy.example.com"}, "UPSTREAM"),
        ({"upstream": "a b:1"}, "UPSTREAM"),
        ({"mirrors": {"npm": "http://nexus:8081/"}}, "MIRRORS"),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_sentence(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SystemExit, match=f"CATALYST_(PROXY__)?{named}"):
        proxy_of(settings(**given))
