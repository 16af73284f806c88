"""A websocket (RFC 6455) over TLS by hand: short and long frames there and back, an orderly end."""
import base64
import hashlib
import os
import socket
import ssl
import struct
import sys

host = sys.argv[1]
raw = socket.create_connection((host, 443), timeout=20)
stream = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
key = base64.b64encode(os.urandom(16)).decode()
stream.sendall((f"GET /websocket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
lines = stream.makefile("rb")
assert b"101" in lines.readline()
fields = {}
while line := lines.readline().strip():
    name, _, value = line.decode().partition(":")
    fields[name.lower()] = value.strip()
expected = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
assert fields["sec-websocket-accept"] == expected, fields


def send(kind, text):
    mask = os.urandom(4)
    length = bytes([128 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack("!H", len(text))
    stream.sendall(bytes([128 | kind]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))


def receive():
    kind, size = lines.read(2)
    if size == 126:
        size = struct.unpack("!H", lines.read(2))[0]
    return kind & 15, lines.read(size)


for text in (b"hello", b"x" * 40000, b""):
    send(1, text)
    assert receive() == (1, text)
send(8, struct.pack("!H", 1000))
assert receive()[0] == 8
print("websocket: echoed and closed")
