"""A pod's network: the sidecar's `serve` in a network namespace of its own, and sockets in there for the test."""

import ctypes
import os
import threading
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SOL_SOCKET, socket
from typing import Any

from tests.patience import PATIENCE_SECONDS
from tests.sidecar.pod import Pod, eventually

GATE, HEALTH = 10080, 10081
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
IN_A_NETWORK = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""unshare doesn't fork here, so the process that is started is the one that then runs in the namespace."""


@dataclass
class Network:
    pid: int

    def socket_in(self, family: int = AF_INET) -> socket:
        """A socket belongs for ever to the namespace of the thread that made it."""
        made: list[socket] = []
        thread = threading.Thread(target=lambda: made.append(self._enter_and_make(family)))
        thread.start()
        thread.join()
        made[0].settimeout(PATIENCE_SECONDS)
        return made[0]

    def _enter_and_make(self, family: int) -> socket:
        namespace = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            if LIBC.setns(namespace, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(namespace)
        return socket(family)

    def connect(self, port: int, address: str = "127.0.0.1") -> socket:
        made = self.socket_in()
        try:
            made.connect((address, port))
        except OSError:
            made.close()
            raise
        return made

    def listen(self, address: str, port: int, *, only_6: bool = False) -> socket:
        made = self.socket_in(AF_INET6 if ":" in address else AF_INET)
        made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if ":" in address:
            made.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, int(only_6))
        made.bind((address, port))
        made.listen()
        return made

    def get(self, path: str, port: int = HEALTH) -> tuple[int, str]:
        """Status and body."""
        with self.connect(port) as visitor:
            visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n".encode())
            head, _, body = received(visitor).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()


def received(connection: socket) -> bytes:
    """Until the other side says that there is no more."""
    content = b""
    while chunk := connection.recv(1 << 16):
        content += chunk
    return content


def serving(pod: Pod, **environment: str) -> Network:
    """`sidecar serve`, once it is started."""
    network = Network(pod.start("serve", before=IN_A_NETWORK, **environment).pid)
    eventually(lambda: is_started(network), f"/started; said: {pod.output}")
    return network


def is_started(network: Network) -> Any:
    try:
        return network.get("/started")[0] == 200
    except OSError:
        return False
