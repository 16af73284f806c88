#!/usr/bin/python3
"""A host that hands back the credentials it is sent, in every way there is (tests/credentials/leak_test.cc).

reflector.py DIRECTORY listens on 11.1.1.4:443 over TLS, in the world behind the host, and prints READY.
The last part of a request's path says the way. What arrived is written to DIRECTORY/requests, one JSON line:
host, method, target, headers as they came, body and trailers. Nothing is parsed that need not be.
"""
import base64
import gzip
import json
import os
import re
import signal
import socket
import ssl
import sys
import threading
import urllib.parse

directory = sys.argv[1]
lock = threading.Lock()
last = [b"nothing yet\n"]


class Request:
    def __init__(self, stream):
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            byte = stream.recv(1)
            if not byte:
                raise EOFError
            self.head += byte
        lines = self.head.decode("latin-1").split("\r\n")[:-2]
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.fields = [[name.lower(), value.strip()] for name, _, value in (line.partition(":") for line in lines[1:])]
        self.body, self.trailers = self.read_body(stream)

    def get(self, name):
        return ", ".join(value for one, value in self.fields if one == name)

    def read_body(self, stream):
        def line():
            out = b""
            while not out.endswith(b"\n"):
                byte = stream.recv(1)
                if not byte:
                    raise EOFError
                out += byte
            return out

        def exactly(size):
            out = b""
            while len(out) < size:
                piece = stream.recv(size - len(out))
                if not piece:
                    raise EOFError
                out += piece
            return out
        if self.get("transfer-encoding") != "chunked":
            return exactly(int(self.get("content-length") or 0)), b""
        body, trailers = b"", b""
        while size := int(line().split(b";")[0], 16):
            body += exactly(size)
            line()
        while (one := line()) not in (b"\r\n", b"\n"):
            trailers += one
        return body, trailers

    def secret(self):
        """What authenticates, without what stands before it."""
        if key := urllib.parse.parse_qs(urllib.parse.urlsplit(self.target).query).get("key"):
            return key[0].encode()
        value = self.get("authorization") or self.get("x-api-key")
        if value.startswith("Basic "):
            return base64.b64decode(value[6:]).partition(b":")[2]
        return value.removeprefix("Bearer ").encode()


def with_length(body, head=b"HTTP/1.1 200 OK\r\n", *fields):
    return head + b"".join(field + b"\r\n" for field in fields) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*pieces, extension=b"", trailer=b"", fields=b"Transfer-Encoding: chunked\r\n"):
    out = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"
    for piece in pieces:
        out += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
    return out + b"0\r\n" + trailer + b"\r\n"


def ranged(request, text):
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.get("range"))
    if not found:
        return with_length(text)
    first = int(found[1]) if found[1] else len(text) - int(found[2])
    after = int(found[2]) + 1 if found[1] and found[2] else len(text)
    return with_length(text[first:after], b"HTTP/1.1 206 Partial Content\r\n",
                       b"Content-Range: bytes %d-%d/%d" % (first, after - 1, len(text)))


ANSWERS = {
    "plain": lambda r, t, s: with_length(t),
    "base64": lambda r, t, s: with_length(base64.b64encode(t)),
    "hex": lambda r, t, s: with_length(t.hex().encode()),
    "reversed": lambda r, t, s: with_length(t[::-1]),
    "half": lambda r, t, s: with_length(b"the first half: " + s[:len(s) // 2] + b"!\n"),
    "pieces": lambda r, t, s: chunked(*(t[i:i + 1] for i in range(len(t)))),
    "extension": lambda r, t, s: chunked(b"served\n", extension=b";seen=" + s),
    "trailer": lambda r, t, s: chunked(b"served\n", trailer=b"X-Seen: " + s + b"\r\n",
                                       fields=b"Transfer-Encoding: chunked\r\nTrailer: X-Seen\r\n"),
    "header": lambda r, t, s: with_length(b"served\n", b"HTTP/1.1 200 OK\r\n", b"X-Seen: " + s),
    "folded": lambda r, t, s: with_length(b"served\n", b"HTTP/1.1 200 OK\r\n", b"X-Seen: a\r\n " + s),
    "name": lambda r, t, s: with_length(b"served\n", b"HTTP/1.1 200 OK\r\n", b"X-" + s + b": seen"),
    "reason": lambda r, t, s: with_length(b"served\n", b"HTTP/1.1 200 " + s + b"\r\n"),
    "cookie": lambda r, t, s: with_length(b"served\n", b"HTTP/1.1 200 OK\r\n", b"Set-Cookie: seen=" + s + b"; Path=/"),
    "location": lambda r, t, s: with_length(b"", b"HTTP/1.1 302 Found\r\n", b"Location: https://web.good.example/?seen=" + s),
    "type": lambda r, t, s: with_length(b"served\n", b"HTTP/1.1 200 OK\r\n", b"Content-Type: text/plain; seen=" + s),
    "early": lambda r, t, s: b"HTTP/1.1 103 Early Hints\r\nLink: <" + s + b">\r\n\r\n" + with_length(b"served\n"),
    "behind": lambda r, t, s: with_length(b"served\n") + with_length(s + b"\n"),
    "bodiless": lambda r, t, s: b"HTTP/1.1 204 No Content\r\n\r\n" + s + b"\n",
    "unmodified": lambda r, t, s: b"HTTP/1.1 304 Not Modified\r\nETag: \"" + s + b"\"\r\n\r\n" + s,
    "to-the-end": lambda r, t, s: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + t,
    "old": lambda r, t, s: b"HTTP/1.0 200 OK\r\n\r\n" + t,
    "error": lambda r, t, s: with_length(t, b"HTTP/1.1 401 Unauthorized\r\n", b'WWW-Authenticate: Bearer realm="' + s + b'"'),
    "gzip": lambda r, t, s: with_length(gzip.compress(t), b"HTTP/1.1 200 OK\r\n", b"Content-Encoding: gzip"),
    "gzip-second": lambda r, t, s: with_length(gzip.compress(t), b"HTTP/1.1 200 OK\r\n", b"Content-Encoding: identity",
                                               b"Content-Encoding: gzip"),
    "gzip-transfer": lambda r, t, s: chunked(gzip.compress(t), fields=b"Transfer-Encoding: gzip, chunked\r\n"),
    "range": lambda r, t, s: ranged(r, t),
    "upgrade": lambda r, t, s: b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + s,
    "keep": lambda r, t, s: with_length(b"kept\n"),
    "kept": lambda r, t, s: with_length(last[0] + b"\n"),
}


def answer(stream):
    request = Request(stream)
    way = urllib.parse.urlsplit(request.target).path.rsplit("/", 1)[-1]
    with lock, open(f"{directory}/requests", "a") as log:
        log.write(json.dumps({"host": request.get("host"), "method": request.method, "target": request.target,
                              "headers": request.fields, "body": request.body.decode("latin-1"),
                              "trailers": request.trailers.decode("latin-1")}) + "\n")
    secret = request.secret()
    if secret:
        last[0] = secret
    reply = ANSWERS.get(way, lambda *_: with_length(b"served\n"))(request, request.head + request.body, secret)
    # A HEAD is answered with a body, too: that is the point.
    stream.sendall(reply)
    return way not in ("to-the-end", "old", "upgrade", "bodiless", "unmodified") and "close" not in request.get("connection")


def serve(connection):
    try:
        with context.wrap_socket(connection, server_side=True) as stream:
            while answer(stream):
                pass
    except (OSError, EOFError, ValueError):
        pass  # a client that hangs up, or speaks nonsense


def listen():
    listener = socket.create_server(("11.1.1.4", 443), backlog=128)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{directory}/leaf.pem", f"{directory}/leaf.key")
open(f"{directory}/requests", "w").close()
os.chmod(f"{directory}/requests", 0o644)
threading.Thread(target=listen, daemon=True).start()
print("READY", flush=True)
signal.pause()  # until we are killed
