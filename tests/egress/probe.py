#!/usr/bin/python3
"""Tries every way out of a run that an attacker might, and prints one JSON object: name → what
happened. Runs inside ("inside") and, for the acts that need no proxy, on the host ("outside") as the
positive control: there each of them must work.

An answer that begins with "denied" names the layer: "denied: <x-berm-denied>", "denied: <errno>",
"denied: alert", "denied: closed", "denied: NXDOMAIN".
"""
import errno
import json
import os
import socket
import ssl
import struct
import sys

GOOD, PRIVATE, METADATA = "11.1.1.1", "10.9.9.9", "169.254.169.254"
PUBLIC = "11.1.1.2"  # nothing about it is granted; some port of GOOD is
HTTP, SOCKS = ("127.0.0.1", 8118), ("127.0.0.1", 1080)
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def connect(to, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, kind)
    s.settimeout(5)
    s.connect(to)
    return s


def read_head(s):
    data = b""
    while b"\r\n\r\n" not in data:
        part = s.recv(4096)
        if not part:
            break
        data += part
    return data


def verdict(head):
    """"reached", or the rule that refused."""
    if head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200", b"HTTP/1.1 101")):
        return "reached"
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"x-berm-denied:"):
            return "denied: " + line.split(b":", 1)[1].strip().decode().split(' "')[0]
    return "denied: " + (head.split(b"\r\n")[0].decode("latin1") or "closed")


def proxied(raw):
    s = connect(HTTP)
    s.sendall(raw)
    return s, read_head(s)


def connect_request(target, extra=b""):
    target = target if isinstance(target, bytes) else target.encode()
    return b"CONNECT " + target + b" HTTP/1.1\r\nHost: " + target + b"\r\n" + extra + b"\r\n"


def by_connect(target):
    s, head = proxied(connect_request(target))
    s.close()
    return verdict(head)


def hello_bytes(name, split=None):
    """A real ClientHello for `name`; split: put so many bytes into each record."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    stream = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        stream.do_handshake()
    except ssl.SSLWantReadError:
        pass
    data = outgoing.read()
    if not split:
        return data
    body = data[5:]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(body[i:i + split])) + body[i:i + split] for i in range(0, len(body), split))


def with_extension(hello, kind, data=b""):
    """The hello with one extension more, its lengths mended."""
    body = bytearray(hello[9:])
    at = 34
    at += 1 + body[at]
    at += 2 + struct.unpack("!H", body[at:at + 2])[0]
    at += 1 + body[at]
    total = struct.unpack("!H", body[at:at + 2])[0]
    body[at:at + 2] = struct.pack("!H", total + 4 + len(data))
    body += struct.pack("!HH", kind, len(data)) + data
    return b"\x16\x03\x01" + struct.pack("!H", len(body) + 4) + b"\x01" + struct.pack("!I", len(body))[1:] + bytes(body)


def tls_through(target, first_bytes, pieces=1):
    """Through CONNECT, then these first bytes: does a server answer?"""
    s, head = proxied(connect_request(target))
    if verdict(head) != "reached":
        return verdict(head)
    size = max(1, len(first_bytes) // pieces)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(first_bytes), size):
        s.sendall(first_bytes[at:at + size])
    try:
        answer = s.recv(4096)
    except ConnectionResetError:
        return "denied: closed"
    if answer[:1] == b"\x16" or answer[:4] == b"HTTP":
        return "reached"
    return "denied: alert" if answer == b"\x15\x03\x03\x00\x02\x02\x31" else "denied: closed"


def tls_request(name, request, connect_name=None):
    """An HTTPS request through CONNECT, with this run's roots."""
    s, head = proxied(connect_request(f"{connect_name or name}:443"))
    if verdict(head) != "reached":
        return verdict(head)
    context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    stream = context.wrap_socket(s, server_hostname=name)
    stream.sendall(request)
    return verdict(read_head(stream))


def raw(to, kind=socket.SOCK_STREAM):
    try:
        connect(to, kind).close()
        return "reached"
    except OSError as error:
        return "denied: " + errno.errorcode.get(error.errno, type(error).__name__)


def udp_echo(to):
    try:
        s = connect(to, socket.SOCK_DGRAM)
        s.settimeout(1)
        s.send(b"hello")
        return "reached" if s.recv(100) == b"hello" else "denied: other"
    except OSError as error:
        return "denied: " + errno.errorcode.get(error.errno, type(error).__name__)


def dns(name, kind, server="127.0.0.1", tcp=False):
    labels = name if isinstance(name, list) else [part.encode() for part in name.split(".")]
    query = struct.pack("!HHHHHH", 77, 0x100, 1, 0, 0, 0)
    query += b"".join(bytes([len(part)]) + part for part in labels) + b"\0" + struct.pack("!HH", kind, 1)
    try:
        s = connect((server, 53), socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        s.settimeout(1)
        s.sendall((struct.pack("!H", len(query)) if tcp else b"") + query)
        answer = s.recv(4096)[2 if tcp else 0:]
    except OSError as error:
        return "denied: " + errno.errorcode.get(error.errno, type(error).__name__)
    code, count = answer[3] & 15, struct.unpack("!H", answer[6:8])[0]
    if code == 3:
        return "denied: NXDOMAIN"
    if count == 0:
        return "denied: empty" if code == 0 else f"denied: rcode {code}"
    return "reached"


def socks(host, port, command=1, kind=3):
    s = connect(SOCKS)
    s.sendall(b"\x05\x01\x00")
    if s.recv(2) != b"\x05\x00":
        return "denied: method"
    address = {1: lambda: socket.inet_aton(host), 3: lambda: bytes([len(host)]) + host, 4: lambda: socket.inet_pton(socket.AF_INET6, host)}[kind]()
    s.sendall(b"\x05" + bytes([command]) + b"\x00" + bytes([kind]) + address + struct.pack("!H", port))
    reply = s.recv(10)
    return "reached" if reply[1:2] == b"\0" else f"denied: socks {reply[1] if len(reply) > 1 else 'closed'}"


def http_proxy(request):
    s, head = proxied(request)
    s.close()
    return verdict(head)


# --- the same strings to everybody: what the proxy is asked -------------------------------------------
HOSTS = {
    "connect_nul": b"a.good.example\0.other.example:443",
    "connect_percent_nul": "a.good.example%00.other.example:443",
    "connect_percent_dot": "other%2eexample:443",
    "connect_userinfo": "a.good.example@other.example:443",
    "connect_backslash": "other.example\\.good.example:443",
    "connect_fragment": "other.example#.good.example:443",
    "connect_slash": "other.example/.good.example:443",
    "connect_two_dots": "a.good.example..:443",
    "connect_empty_label": "a..good.example:443",
    "connect_homograph": "а.good.example:443".encode(),
    "connect_alabel_homograph": "xn--80a.other.example:443",
    "connect_not_granted": "other.example:443",
    "connect_suffix": "a.good.example.other.example:443",
    "connect_no_boundary": "evilgood.example:443",
    "connect_apex_of_wildcard": "wild.example:443",
    "connect_decimal_address": "168364297:443",
    "connect_octal_address": "012.011.011.011:443",
    "connect_hex_address": "0x0a090909:443",
    "connect_short_address": "10.592137:443",
    "connect_address": "10.9.9.9:443",
    "connect_public_address": "11.1.1.1:443",
    "connect_mapped_address": "[::ffff:10.9.9.9]:443",
    "connect_zone": "[fe80::1%25lo]:443",
    "connect_mail_port": "a.good.example:25",
    "connect_port_zero": "a.good.example:0",
    "connect_port_overflow": "a.good.example:65979",
    "connect_port_junk": "a.good.example:443x",
    "connect_no_port": "a.good.example",
    "connect_empty_host": ":443",
    "inspected_on_another_port": "api.good.example:8443",
    "name_of_private": "private.good.example:443",
    "name_of_metadata": "metadata.good.example:443",
    "name_of_loopback": "loopback.good.example:443",
    "name_of_own_address": "own.good.example:443",
    "name_of_mapped": "mapped.good.example:443",
    "name_of_nat64": "nat64.good.example:443",
    "name_of_link_local": "linklocal.good.example:443",
    "cname_to_private": "cname.good.example:443",
}
for name, target in HOSTS.items():
    CASES[name] = lambda target=target: by_connect(target)

HEADS = {
    "http_not_granted": b"GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n",
    "http_absolute_host_mismatch": b"GET http://a.good.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n",
    "http_absolute_userinfo": b"GET http://a.good.example@other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n",
    "http_two_hosts": b"GET http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nHost: other.example\r\n\r\n",
    "http_https_target": b"GET https://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\n\r\n",
    "http_in_clear_on_443": b"GET http://a.good.example:443/ HTTP/1.1\r\nHost: a.good.example:443\r\n\r\n",
    "inspected_in_clear_on_443": b"DELETE http://api.good.example:443/v2/x HTTP/1.1\r\nHost: api.good.example:443\r\n\r\n",
    "http_private_name": b"GET http://private.good.example/ HTTP/1.1\r\nHost: private.good.example\r\n\r\n",
    "http_metadata_address": b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
    "smuggle_cl_te": b"POST http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "smuggle_two_lengths": b"POST http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "smuggle_te_obfuscated": b"POST http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "smuggle_te_space": b"POST http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "smuggle_fold": b"GET http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nX: y\r\n Host: other.example\r\n\r\n",
    "smuggle_bare_lf": b"GET http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nX: y\nHost: other.example\r\n\r\n",
    "connect_host_mismatch": b"CONNECT a.good.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n",
    "connect_two_hosts": b"CONNECT a.good.example:443 HTTP/1.1\r\nHost: a.good.example:443\r\nHost: a.good.example:443\r\n\r\n",
}
for name, head in HEADS.items():
    CASES[name] = lambda head=head: http_proxy(head)


@case
def tls_other_name():
    return tls_through("a.good.example:443", hello_bytes("other.example"))


@case
def tls_other_name_split_records():
    return tls_through("a.good.example:443", hello_bytes("other.example", split=7))


@case
def tls_other_name_split_packets():
    return tls_through("a.good.example:443", hello_bytes("other.example"), pieces=40)


@case
def tls_no_name():
    return tls_through("a.good.example:443", hello_bytes(None))


@case
def tls_encrypted_hello():
    return tls_through("a.good.example:443", with_extension(hello_bytes("a.good.example"), 0xfe0d, b"\0" * 40))


@case
def tls_name_twice():
    inner = b"other.example"
    entry = b"\0" + struct.pack("!H", len(inner)) + inner
    return tls_through("a.good.example:443", with_extension(hello_bytes("a.good.example"), 0, struct.pack("!H", len(entry)) + entry))


@case
def plain_text_on_443():
    return tls_through("a.good.example:443", b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")


@case
def front_on_plain_http():
    s, head = proxied(connect_request("a.good.example:80"))
    if verdict(head) != "reached":
        return verdict(head)
    s.sendall(b"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
    return verdict(read_head(s))


@case
def front_by_second_request():
    s, head = proxied(b"GET http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\n\r\nGET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n")
    data = head
    while b"HTTP/1.1 403" not in data:
        part = s.recv(65536)
        if not part:
            return "denied: closed" if data.count(b"HTTP/1.1") == 1 else "reached"
        data += part
    return verdict(data[data.index(b"HTTP/1.1 403"):])


INSPECTED = {
    "inspected_front": (b"GET /v1/x HTTP/1.1\r\nHost: other.example\r\n\r\n"),
    "inspected_method": (b"DELETE /v1/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_path": (b"GET /v2/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_dots": (b"GET /v1/../v2/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_encoded_dots": (b"GET /v1/%2e%2e/v2/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_encoded_slash": (b"GET /v1/..%2fv2 HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_double_slash": (b"GET //v1/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_upgrade": (b"GET /v1/x HTTP/1.1\r\nHost: api.good.example\r\nConnection: Upgrade\r\nUpgrade: tunnel/1\r\n\r\n"),
    "inspected_websocket": (b"GET /v1/x HTTP/1.1\r\nHost: api.good.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    "inspected_upload": (b"POST /v1/x HTTP/1.1\r\nHost: api.good.example\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000),
    "inspected_smuggle": (b"POST /v1/x HTTP/1.1\r\nHost: api.good.example\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
}
for name, request in INSPECTED.items():
    CASES[name] = lambda request=request: tls_request("api.good.example", request)


@case
def inspected_other_name():
    try:
        return tls_request("other.example", b"GET /v1/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n", connect_name="api.good.example")
    except (ssl.SSLError, OSError):
        return "denied: closed"


@case
def inspected_by_plain_http():
    return http_proxy(b"GET http://api.good.example/v2/x HTTP/1.1\r\nHost: api.good.example\r\n\r\n")


# --- names ---------------------------------------------------------------------------------------------
CASES["dns_not_granted"] = lambda: dns("other.example", 1)
CASES["dns_txt_tunnel"] = lambda: dns("aGVsbG8gd29ybGQ.tunnel.other.example", 16)
CASES["dns_null_tunnel"] = lambda: dns("x.tunnel.other.example", 10)
CASES["dns_long_labels"] = lambda: dns([b"a" * 63, b"b" * 63, b"c" * 50, b"other", b"example"], 1)
CASES["dns_dot_in_label"] = lambda: dns([b"a.good", b"example"], 1)
CASES["dns_tcp_not_granted"] = lambda: dns("other.example", 1, tcp=True)
CASES["dns_txt_of_granted"] = lambda: dns("a.good.example", 16)
CASES["dns_aaaa_of_granted"] = lambda: dns("a.good.example", 28)
CASES["dns_https_of_granted"] = lambda: dns("a.good.example", 65)

# --- SOCKS ---------------------------------------------------------------------------------------------
CASES["socks_nul"] = lambda: socks(b"a.good.example\0.other.example", 443)
CASES["socks_not_granted"] = lambda: socks(b"other.example", 443)
CASES["socks_address_as_name"] = lambda: socks(b"10.9.9.9", 443)
CASES["socks_address"] = lambda: socks("10.9.9.9", 443, kind=1)
CASES["socks_mapped_address"] = lambda: socks("::ffff:10.9.9.9", 443, kind=4)
CASES["socks_mail_port"] = lambda: socks(b"a.good.example", 25)
CASES["socks_bind"] = lambda: socks(b"a.good.example", 443, command=2)
CASES["socks_udp_associate"] = lambda: socks(b"a.good.example", 443, command=3)

# --- past the proxy: these work on the host --------------------------------------------------------------
OUTSIDE = {
    "raw_tcp": lambda: raw((PUBLIC, 443)),
    "raw_private": lambda: raw((PRIVATE, 443)),
    "raw_metadata": lambda: raw((METADATA, 80)),
    "raw_ssh": lambda: raw((PUBLIC, 22)),
    "dns_elsewhere": lambda: dns("other.example", 1, server="11.1.1.53"),
    "dns_over_tls": lambda: raw((PUBLIC, 853)),
    "quic": lambda: udp_echo((PUBLIC, 443)),
    "udp": lambda: udp_echo((PRIVATE, 9999)),
}
CASES.update(OUTSIDE)
CASES["quic_to_pool"] = lambda: udp_echo((socket.gethostbyname("a.good.example"), 443))
CASES["pool_address_never_given"] = lambda: raw_then_read(("198.18.77.77", 443))
CASES["pool_port_not_granted"] = lambda: raw((socket.gethostbyname("a.good.example"), 25))
CASES["granted_address_other_port"] = lambda: raw_then_read((GOOD, 443))
CASES["ipv6"] = lambda: raw(("2606:2800:220:1::1", 443))


def raw_then_read(to):
    try:
        s = connect(to)
        s.sendall(hello_bytes("a.good.example"))
        return "reached" if s.recv(10)[:1] == b"\x16" else "denied: closed"
    except (ConnectionResetError, BrokenPipeError):
        return "denied: closed"
    except OSError as error:
        return "denied: " + errno.errorcode.get(error.errno, type(error).__name__)


@case
def change_routes():
    try:
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        body = struct.pack("BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0)
        s.send(struct.pack("IHHII", 16 + len(body), 24, 5 | 0x400, 1, 0) + body)
        code = struct.unpack("i", s.recv(4096)[16:20])[0]
        return "reached" if code == 0 else "denied: " + errno.errorcode.get(-code, str(code))
    except OSError as error:
        return "denied: " + errno.errorcode.get(error.errno, "?")


def socket_of(family, kind, protocol=0):
    try:
        socket.socket(family, kind, protocol).close()
        return "reached"
    except OSError as error:
        return "denied: " + errno.errorcode.get(error.errno, "?")


CASES["raw_socket"] = lambda: socket_of(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
CASES["packet_socket"] = lambda: socket_of(socket.AF_PACKET, socket.SOCK_RAW)
CASES["vsock"] = lambda: socket_of(40, socket.SOCK_STREAM)

# --- what must work: the positive controls of everything above ------------------------------------------
def https_without_proxy():
    s = connect(("a.good.example", 443))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    stream = context.wrap_socket(s, server_hostname="a.good.example")
    stream.sendall(b"GET / HTTP/1.1\r\nHost: a.good.example\r\n\r\n")
    return verdict(read_head(stream))


def ssh_banner():
    s = connect(("git.good.example", 22))
    return "reached" if s.recv(100).startswith(b"SSH-2.0") else "no banner"


def websocket_plain():
    s, head = proxied(b"GET http://a.good.example/ws HTTP/1.1\r\nHost: a.good.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    s.sendall(b"ping!")
    return "reached" if verdict(head) == "reached" and s.recv(5) == b"ping!" else "no echo"


def expect_continue():
    s, head = proxied(b"POST http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 100"):
        return "no 100"
    s.sendall(b"ok")
    return verdict(read_head(s))


def chunked_and_keep_alive():
    s = connect(HTTP)
    for _ in range(3):
        s.sendall(b"POST http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        head = read_head(s)
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = head.split(b"\r\n\r\n", 1)[1]
        while len(body) < size:
            body += s.recv(4096)
    return verdict(head)


CONTROLS = {
    "connect": lambda: by_connect("a.good.example:443"),
    "connect_upper_case_and_dot": lambda: by_connect("A.GOOD.Example.:443"),
    "connect_port_22": lambda: by_connect("git.good.example:22"),
    "multi_goes_to_the_public_one": lambda: by_connect("multi.good.example:443"),
    "tls": lambda: tls_through("a.good.example:443", hello_bytes("a.good.example")),
    "tls_split_records": lambda: tls_through("a.good.example:443", hello_bytes("a.good.example", split=7)),
    "tls_split_packets": lambda: tls_through("a.good.example:443", hello_bytes("a.good.example"), pieces=40),
    "opaque_without_name": lambda: tls_through("opaque.good.example:443", hello_bytes(None)),
    "http": lambda: http_proxy(b"GET http://a.good.example/ HTTP/1.1\r\nHost: a.good.example\r\n\r\n"),
    "http_on_connect_80": lambda: by_connect("a.good.example:80"),
    "inspected": lambda: tls_request("api.good.example", b"GET /v1/x?y=%2e%2e HTTP/1.1\r\nHost: api.good.example\r\n\r\n"),
    "inspected_post": lambda: tls_request("api.good.example", b"POST /v1/x HTTP/1.1\r\nHost: api.good.example\r\nContent-Length: 5\r\n\r\nhello"),
    "inspected_ws_granted": lambda: tls_request("ws.good.example", b"GET /chat HTTP/1.1\r\nHost: ws.good.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    "dns": lambda: dns("a.good.example", 1),
    "dns_tcp": lambda: dns("A.Good.EXAMPLE", 1, tcp=True),
    "socks": lambda: socks(b"a.good.example", 443),
    "https_without_proxy": https_without_proxy,
    "ssh_without_proxy": ssh_banner,
    "websocket": websocket_plain,
    "expect_continue": expect_continue,
    "chunked_and_keep_alive": chunked_and_keep_alive,
    "granted_address": lambda: raw((GOOD, 5432)),
    "rebinding_stays_where_it_was_checked": lambda: "reached" if all(by_connect(f"rebind{i}.good.example:443") == "reached" for i in range(5)) else "denied",
}


def run(cases):
    out = {}
    for name, function in cases.items():
        try:
            out[name] = function()
        except Exception as error:
            out[name] = f"error: {type(error).__name__}: {error}"
    return out


if __name__ == "__main__":
    mode = sys.argv[1]
    print(json.dumps(run(OUTSIDE) if mode == "outside" else {"cases": run(CASES), "controls": run(CONTROLS)}))
