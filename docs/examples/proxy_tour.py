"""Slows a link down for as long as somebody holds a lease: python docs/examples/proxy_tour.py"""

import socket
import subprocess
import sys
import threading
import time

from chaos.network.client import ProxyClient


def echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    while data := connection.recv(1024):
        connection.sendall(data)


def round_trip_ms(sock: socket.socket) -> float:
    start = time.perf_counter()
    sock.sendall(b"ping")
    sock.recv(4)
    return (time.perf_counter() - start) * 1000


upstream = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=echo, args=(upstream,), daemon=True).start()
command = [sys.executable, "-m", "harness.cli", "proxy", "--port", "0"]
process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
url = process.stdout.readline().split()[-1]  # "control API at http://127.0.0.1:NNNN"
with process, ProxyClient(url) as client:
    proxy = client.create("store", f"127.0.0.1:{upstream.getsockname()[1]}")
    host, port = proxy["listen"].split(":")
    with socket.create_connection((host, int(port))) as sock:
        print(f"as it is        under 10 ms: {round_trip_ms(sock) < 10}")
        client.renew_lease("tour", ttl_s=1.0)
        client.add_toxic("store", {"type": "latency", "name": "slow", "attributes": {"latency": 100}}, lease="tour")
        print(f"with latency    over 100 ms: {round_trip_ms(sock) > 100}")
        time.sleep(1.2)  # nobody renews the lease
        print(f"lease lapsed    under 10 ms: {round_trip_ms(sock) < 10}, toxics: {client.toxics('store')}")
        print(f"evidence        {client.evidence('store').touched('slow')}")
    process.terminate()
