#!/usr/bin/python3
"""The internet of the egress tests: every peer that a run may or must not reach, in a network
namespace of its own. world.py DIRECTORY writes certificates and log lines there and prints READY.

Each line of DIRECTORY/log is one thing that arrived: "tcp ADDRESS PORT", "udp ADDRESS PORT",
"dns NAME TYPE", "http HOST TARGET", "tls NAME".
"""
import os
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading

directory = sys.argv[1]
log_lock = threading.Lock()
log_file = open(f"{directory}/log", "a", buffering=1)
GOOD, PRIVATE, METADATA, OWN = "11.1.1.1", "10.9.9.9", "169.254.169.254", "11.0.0.1"
SERVICES, SSH, BEHIND = "11.1.1.4", "11.1.1.5", "11.2.1.1"  # tests/egress/services.py


def log(*words):
    with log_lock:
        log_file.write(" ".join(str(w) for w in words) + "\n")


# name → [(type, value)]; "rebind" is another thing at each question.
ZONE = {
    "private": [("A", PRIVATE)],
    "metadata": [("A", METADATA)],
    "loopback": [("A", "127.0.0.1")],
    "own": [("A", OWN)],
    "mapped": [("AAAA", "::ffff:" + PRIVATE)],
    "nat64": [("AAAA", "64:ff9b::" + PRIVATE)],
    "linklocal": [("AAAA", "fe80::1")],
    "multi": [("A", PRIVATE), ("A", GOOD)],
    "dead": [("A", "11.1.1.9")],
    "cname": [("CNAME", "private.good.example"), ("A", PRIVATE)],
    "ssh": [("A", SSH)],
    "behind": [("A", BEHIND)],
    "six": [("AAAA", "2600:11:1::4")],
    "slow": [("AAAA", "2600:11:dead::1"), ("A", SERVICES)],
}
ZONE.update({label: [("A", SERVICES)] for label in ("web", "code", "npm", "pypi", "crates", "modules", "read", "peer", "stream",
                                             "bucket", "model", "registry", "tokens")})
if len(sys.argv) > 2 and sys.argv[2]:  # there are services
    ZONE["api"] = [("A", SERVICES)]
asked = {}


def answers(name):
    label = name.split(".")[0]
    if label.startswith("rebind"):
        asked[name] = asked.get(name, 0) + 1
        return [("A", GOOD if asked[name] == 1 else PRIVATE)]
    if label in ZONE:
        return ZONE[label]
    return [("A", GOOD)] if name.endswith("example") else None


def dns_answer(query):
    name, at = [], 12
    while query[at]:
        name.append(query[at + 1:at + 1 + query[at]].decode("latin1"))
        at += 1 + query[at]
    qtype = struct.unpack("!H", query[at + 1:at + 3])[0]
    text = ".".join(name).lower()
    log("dns", text, qtype)
    records = []
    for kind, value in answers(text) or []:
        if kind == "CNAME":
            target = b"".join(bytes([len(p)]) + p.encode() for p in value.split(".")) + b"\0"
            records.append((5, target))
        elif kind == "A" and qtype == 1:
            records.append((1, socket.inet_aton(value)))
        elif kind == "AAAA" and qtype == 28:
            records.append((28, socket.inet_pton(socket.AF_INET6, value)))
    out = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + query[12:at + 5]
    for i, (kind, data) in enumerate(records):
        owner = b"\xc0\x0c"
        if i > 0 and records[0][0] == 5:
            owner = records[0][1]
        out += owner + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
    return out


def serve_udp(address, port, answer):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    while True:
        data, peer = s.recvfrom(4096)
        log("udp", address, port)
        reply = answer(data)
        if reply:
            s.sendto(reply, peer)


class Peer(socketserver.BaseRequestHandler):
    def handle(self):
        address, port = self.request.getsockname()
        log("tcp", address, port)
        try:
            {443: self.tls, 80: self.http, 8443: self.tls}.get(port, self.echo)()
        except (OSError, ValueError):
            pass

    def echo(self):
        port = self.request.getsockname()[1]
        if port in (22, 25):
            self.request.sendall({22: b"SSH-2.0-world\r\n", 25: b"220 world\r\n"}[port])
        while data := self.request.recv(65536):
            self.request.sendall(data)

    def tls(self):
        named = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{directory}/leaf.pem", f"{directory}/leaf.key")
        context.sni_callback = lambda s, name, c: named.append(name)
        with context.wrap_socket(self.request, server_side=True) as stream:
            log("tls", named[0] if named else "-")
            self.serve_http(stream)

    def http(self):
        self.serve_http(self.request)

    def serve_http(self, stream):
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = stream.recv(65536)
                if not data:
                    return
                buffer += data
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin1").split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            target = lines[0].split(" ")[1]
            log("http", fields.get("host", "-"), target)
            if fields.get("upgrade", "").lower() == "websocket":
                stream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + buffer)
                while data := stream.recv(65536):
                    stream.sendall(data)
                return
            size = int(fields.get("content-length", 0))
            while len(buffer) < size:
                buffer += stream.recv(65536)
            body, buffer = buffer[:size], buffer[size:]
            if fields.get("transfer-encoding") == "chunked":
                while b"0\r\n\r\n" not in buffer:
                    buffer += stream.recv(65536)
                body, buffer = buffer.split(b"0\r\n\r\n", 1)
            answer = (head + b"\n" + body) if target != "/big" else b"x" * 3_000_000
            if target == "/redirect":
                stream.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n")
                continue
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), b"" if lines[0].startswith("HEAD") else answer))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, cwd=directory, stderr=subprocess.DEVNULL)


openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-subj", "/CN=world CA", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE")
openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=world")
open(f"{directory}/leaf.ext", "w").write("subjectAltName=DNS:good.example,DNS:*.good.example,DNS:other.example\n")
openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "leaf.pem", "-days", "30", "-extfile", "leaf.ext")
os.chmod(f"{directory}/ca.pem", 0o644)
for address in (GOOD, "11.1.1.2", PRIVATE, METADATA):
    for port in (22, 25, 80, 443, 853, 5432, 8443, 9999):
        threading.Thread(target=Server((address, port), Peer).serve_forever, daemon=True).start()
threading.Thread(target=serve_udp, args=("11.1.1.53", 53, dns_answer), daemon=True).start()
for address, port in ((GOOD, 443), ("11.1.1.2", 443), (PRIVATE, 9999)):
    threading.Thread(target=serve_udp, args=(address, port, lambda data: data), daemon=True).start()
print("READY", flush=True)
signal.pause()  # until we are killed
