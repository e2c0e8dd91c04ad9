"""The guard against connections: strangers are refused at once, this machine is not."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

OUTSIDE = ("192.0.2.1", 80)  # an address reserved for documentation: nobody answers there
ATTEMPT = """
import socket, sys
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except ConnectionError as error:
    print(error)
"""


def test_a_connection_to_another_machine_is_refused_at_once():
    began = time.monotonic()
    with socket.socket() as client, pytest.raises(ConnectionError, match="run offline"):
        client.connect(OUTSIDE)
    assert time.monotonic() - began < 1


def test_names_of_other_machines_are_not_looked_up():
    with pytest.raises(ConnectionError, match=r"example\.org"):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(ConnectionError, match=r"example\.org"):
        socket.gethostbyname("example.org")


def test_datagrams_are_refused_too():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        pytest.raises(ConnectionError, match="run offline"),
    ):
        client.sendto(b"hello", OUTSIDE)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_can_be_reached(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=lambda: server.accept()[0].sendall(b"here"), daemon=True).start()
        with socket.create_connection((host, port), timeout=5) as client:
            assert client.recv(4) == b"here"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets on this system")
def test_unix_sockets_are_left_alone(tmp_path):
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
        client.connect(os.path.relpath(tmp_path / "nobody"))


def test_the_guard_reaches_the_children_of_children():
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ATTEMPT!r}])"
    said = subprocess.run([sys.executable, "-c", nested], capture_output=True, text=True).stdout
    assert "no connection to '192.0.2.1'" in said


def test_a_hidden_sitecustomize_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('mine')\n", encoding="utf-8")
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(tmp_path)])
    said = subprocess.run(
        [sys.executable, "-c", ATTEMPT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ).stdout
    assert said.startswith("mine\n") and "run offline" in said
