"""Gate, health and discovery, in a network namespace of its own."""

import json
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.network import GATE, HEALTH, Network, received, serving
from tests.sidecar.pod import Pod, eventually


@pytest.fixture
def network(pod: Pod) -> Network:
    return serving(pod)


def ports(pod: Pod) -> dict[str, Any]:
    path = pod.shared / "ports.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def finds(pod: Pod, port: int | None, *others: int) -> None:
    found = {"port": port, "ports": sorted([*([port] if port else []), *others])}
    eventually(lambda: ports(pod) == found, f"{found}, but {ports(pod)}")


def pair(network: Network, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    """A visitor who came through the gate, and the server's side of the same connection."""
    visitor = network.connect(GATE)
    inner, _ = server.accept()
    inner.settimeout(60)
    return visitor, inner


# --- the program -------------------------------------------------------------------------------------------------


def test_the_program_is_put_where_the_other_container_finds_it(pod: Pod, network: Network) -> None:
    copied = pod.shared / "bin" / "sidecar"
    assert copied.read_bytes() == pod.binary.read_bytes()
    assert os.access(copied, os.X_OK)
    assert "supervise" in subprocess.run([copied, "help"], capture_output=True, text=True, check=True).stdout


def test_a_container_that_starts_again_replaces_a_program_that_runs(pod: Pod) -> None:
    first = pod.start("serve", before=("unshare", "--net"))
    copied = pod.shared / "bin" / "sidecar"
    eventually(copied.exists, "the program")
    first.kill()
    first.wait()
    running = subprocess.Popen([copied, "supervise"], env=pod.environment(), stdout=subprocess.DEVNULL)
    pod.started.append(running)
    assert serving(pod).get("/started")[0] == 200
    assert running.poll() is None


def test_it_ends_when_told_as_pid_1_too(pod: Pod) -> None:
    process = pod.start("serve", before=("unshare", "--net", "--pid", "--fork", "--kill-child=SIGKILL"))
    eventually((pod.shared / "bin" / "sidecar").exists, "the program")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    (inner,) = eventually(lambda: children.read_text().split(), "PID 1 of the namespace")
    eventually(lambda: handles_sigterm(int(inner)), "its handler")
    os.kill(int(inner), 15)
    assert process.wait(10) == 0


def handles_sigterm(pid: int) -> bool:
    with open(f"/proc/{pid}/status") as status:
        caught = next(line.split()[1] for line in status if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> 14 & 1)


def test_a_port_that_is_taken_is_told(pod: Pod) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = pod.start("serve", CATALYST_GATE_PORT=port)
        assert process.wait(60) == 1
    assert f"can't listen on 0.0.0.0:{port}" in pod.output


# --- the gate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "only_6"),
    [("127.0.0.1", False), ("0.0.0.0", False), ("127.0.0.7", False), ("::1", True), ("::", False), ("::", True)],
)
def test_a_request_reaches_the_command_wherever_it_listens(
    pod: Pod, network: Network, address: str, only_6: bool
) -> None:
    with network.listen(address, 5173, only_6=only_6) as server:
        finds(pod, 5173)
        visitor, inner = pair(network, server)
        with visitor, inner:
            visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert inner.recv(100) == b"GET / HTTP/1.1\r\n\r\n"
            inner.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
            inner.close()
            assert received(visitor) == b"HTTP/1.1 200 OK\r\n\r\nhello"


def test_a_visitor_who_has_said_everything_still_hears(pod: Pod, network: Network) -> None:
    with network.listen("127.0.0.1", 3000) as server:
        finds(pod, 3000)
        visitor, inner = pair(network, server)
        with visitor, inner:
            visitor.sendall(b"question")
            visitor.shutdown(socket.SHUT_WR)
            assert received(inner) == b"question"
            inner.sendall(b"answer")
            inner.close()
            assert received(visitor) == b"answer"


def test_a_server_that_has_said_everything_still_hears(pod: Pod, network: Network) -> None:
    with network.listen("127.0.0.1", 3000) as server:
        finds(pod, 3000)
        visitor, inner = pair(network, server)
        with visitor, inner:
            inner.sendall(b"answer")
            inner.shutdown(socket.SHUT_WR)
            assert received(visitor) == b"answer"
            visitor.sendall(b"more")
            visitor.shutdown(socket.SHUT_WR)
            assert received(inner) == b"more"


def test_a_websocket_passes_both_ways_without_delay(pod: Pod, network: Network) -> None:
    with network.listen("127.0.0.1", 3000) as server:
        finds(pod, 3000)
        visitor, inner = pair(network, server)
        with visitor, inner:
            visitor.sendall(b"GET /hmr HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            assert b"Upgrade: websocket" in inner.recv(1000)
            inner.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            assert visitor.recv(1000).startswith(b"HTTP/1.1 101")
            for number in range(20):
                # One byte at a time, each waited for: nothing is collected on the way.
                inner.sendall(bytes([number]))
                assert visitor.recv(10) == bytes([number])
                visitor.sendall(bytes([number + 100]))
                assert inner.recv(10) == bytes([number + 100])


def test_much_passes_whole(pod: Pod, network: Network) -> None:
    content = os.urandom(8 << 20)
    with network.listen("127.0.0.1", 3000) as server:
        finds(pod, 3000)
        visitor, inner = pair(network, server)
        with visitor, inner:
            sender = threading.Thread(target=send_all, args=(inner, content))
            sender.start()
            assert received(visitor) == content
            sender.join()


def send_all(connection: socket.socket, content: bytes) -> None:
    connection.sendall(content)
    connection.shutdown(socket.SHUT_WR)


def test_a_visitor_is_sent_away_while_nothing_listens(pod: Pod, network: Network) -> None:
    with network.connect(GATE) as visitor:
        assert received(visitor) == b""


def test_a_command_that_moved_is_found_by_the_next_visitor(pod: Pod, network: Network) -> None:
    """Without waiting for the next look."""
    with network.listen("127.0.0.1", 3000):
        finds(pod, 3000)
    with network.listen("127.0.0.1", 8000) as server:
        visitor, inner = pair(network, server)
        visitor.close()
        inner.close()


def test_connections_are_bounded(pod: Pod, network: Network) -> None:
    with network.listen("127.0.0.1", 3000) as server:
        finds(pod, 3000)
        held = [pair(network, server) for _ in range(1024)]
        with network.connect(GATE) as refused:
            assert received(refused) == b""
        for one in held.pop():
            one.close()
        eventually(lambda: is_admitted(network, server), "a free place")
        for one in (each for both in held for each in both):
            one.close()


def is_admitted(network: Network, server: socket.socket) -> bool:
    server.settimeout(0.2)
    with network.connect(GATE):
        try:
            server.accept()[0].close()
        except TimeoutError:
            return False
    return True


def test_the_ingress_is_reached_over_loopback(pod: Pod) -> None:
    network = serving(pod, CATALYST_INGRESS_ADDRESS="127.0.0.9", CATALYST_INGRESS_PORT="8780")
    with network.listen("127.0.0.9", 8780) as server, network.connect(8780) as visitor:
        inner, _ = server.accept()
        with inner:
            visitor.sendall(b"GET /")
            assert inner.recv(10) == b"GET /"
        # It isn't the command's.
        with network.listen("127.0.0.1", 9999):
            finds(pod, 9999)


# --- discovery ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "open_ports", "found"),
    [
        ({"port": 4321}, [3000, 4321, 9876], 4321),
        ({"port": 4321}, [9876, 5173], 5173),
        ({"port": 4321, "is_port_fixed": True}, [3000], None),
        ({"port": 7777, "is_port_fixed": True}, [3000, 7777], 7777),
        ({}, [9876, 8080, 5432], 8080),
        ({}, [9876, 5432], 5432),
        ({}, [9229], None),
        ({}, [], None),
    ],
)
def test_the_port_is_found(pod: Pod, wanted: dict[str, Any], open_ports: list[int], found: int | None) -> None:
    network = serving(pod)
    pod.want(command="x", **wanted)
    servers = [network.listen("127.0.0.1", port) for port in open_ports]
    finds(pod, found, *(port for port in open_ports if port not in (found, 9229)))
    for server in servers:
        server.close()


def test_a_guess_gives_way_to_the_wanted_port_when_that_listens(pod: Pod, network: Network) -> None:
    pod.want(command="x", port=4567)
    with network.listen("127.0.0.1", 3000):
        finds(pod, 3000)
        with network.listen("127.0.0.1", 4567):
            finds(pod, 4567, 3000)
        finds(pod, 3000)
    finds(pod, None)


# --- health ------------------------------------------------------------------------------------------------------


def say(pod: Pod, **state: Any) -> None:
    (pod.shared / "state.json").write_text(json.dumps(state))


def test_not_ready_before_the_first_delivery(network: Network) -> None:
    assert network.get("/ready") == (503, "No source was delivered into this pod yet.\n")


def test_ready_without_a_command(pod: Pod, network: Network) -> None:
    pod.want(command=None)
    assert network.get("/ready")[0] == 200


@pytest.mark.parametrize(
    ("state", "listens", "sentence"),
    [
        ({"rollout": 1, "phase": "Running"}, True, "rollout 2"),
        ({"rollout": 2, "phase": "Installing"}, True, "Installing"),
        ({"rollout": 2, "phase": "Failed"}, True, "Failed"),
        ({"rollout": 2, "phase": "Running"}, False, "listens on no port"),
        ({"rollout": 2, "phase": "Running"}, True, None),
    ],
)
def test_ready_speaks_of_the_wanted_rollout(
    pod: Pod, network: Network, state: dict[str, Any], listens: bool, sentence: str | None
) -> None:
    pod.want(rollout=2, command="x")
    say(pod, **state)
    server = network.listen("127.0.0.1", 3000) if listens else None
    status, body = network.get("/ready")
    assert (status, sentence is None or sentence in body) == (200 if sentence is None else 503, True)
    if server:
        server.close()


def test_what_the_health_port_serves_is_not_taken_for_the_command(pod: Pod, network: Network) -> None:
    finds(pod, None)
    assert {GATE, HEALTH} & set(ports(pod)["ports"]) == set()
