#!/usr/bin/python3
"""The servers that real clients talk to (tests/egress/clients_test.cc), in the world behind the host.
services.py DIRECTORY starts them, and prints READY when all of them answer. Runs as PID 1 of a PID
namespace with a mount namespace of its own.

nginx on 11.1.1.4 (and 11.2.1.1, which only the upstream proxy reaches) serves files and, from the
application below: git, a registry of npm's, an index of pip's, a registry of cargo's (its index in git), a
module proxy of go's, a websocket, the digest of an upload.
sshd on 11.1.1.5, tinyproxy with a password on 11.1.1.3, s_server and a node HTTP/2 server on 11.1.1.4.
"""
import base64
import hashlib
import http.server
import io
import json
import os
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zipfile

directory = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))


def path(name, text=None):
    """The path of a file of ours; writes it first if there is a text."""
    full = f"{directory}/{name}"
    if text is not None:
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb" if isinstance(text, bytes) else "w") as out:
            out.write(text)
    return full


def run(*words, **more):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **more)


def start(*words):
    subprocess.Popen(words, stdin=subprocess.DEVNULL)


# --- the application behind nginx ------------------------------------------------------------------------
def npm_package():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in (("package.json", '{"name": "tiny", "version": "1.0.0", "main": "index.js"}'),
                           ("index.js", 'module.exports = "tiny from npm";\n')):
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def wheel():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("tiny.py", 'said = "tiny from pip"\n')
        archive.writestr("tiny-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n")
        archive.writestr("tiny-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.0.dist-info/RECORD", "")
    return out.getvalue()


def crate():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in (("Cargo.toml", '[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2018"\n'),
                           ("src/lib.rs", 'pub const SAID: &str = "tiny from cargo";\n')):
            entry = tarfile.TarInfo("tiny-1.0.0/" + name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def go_module():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("modules.example/tiny@v1.0.0/go.mod", "module modules.example/tiny\n")
        archive.writestr("modules.example/tiny@v1.0.0/tiny.go", 'package tiny\n\nconst Said = "tiny from go"\n')
    return out.getvalue()


NPM, WHEEL, CRATE = npm_package(), wheel(), crate()
PAGES = {
    "/tiny": json.dumps({"name": "tiny", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
        "name": "tiny", "version": "1.0.0", "dist": {
            "tarball": "https://npm.good.example/tiny/-/tiny-1.0.0.tgz",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(NPM).digest()).decode()}}}}).encode(),
    "/tiny/-/tiny-1.0.0.tgz": NPM,
    "/simple/tiny/": f'<a href="/files/tiny-1.0.0-py3-none-any.whl#sha256={hashlib.sha256(WHEEL).hexdigest()}">tiny-1.0.0-py3-none-any.whl</a>'.encode(),
    "/files/tiny-1.0.0-py3-none-any.whl": WHEEL,
    "/crates/tiny/1.0.0/download": CRATE,
    "/modules.example/tiny/@v/list": b"v1.0.0\n",
    "/modules.example/tiny/@v/v1.0.0.info": b'{"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}',
    "/modules.example/tiny/@v/v1.0.0.mod": b"module modules.example/tiny\n",
    "/modules.example/tiny/@v/v1.0.0.zip": go_module(),
}


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, body, kind="text/plain"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        where, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))  # nginx has undone the chunks
        if where.startswith("/repositories/"):
            return self.git(where, query, body)
        if where == "/websocket":
            return self.websocket()
        if where == "/pieces":
            return self.pieces()
        if where == "/sum":
            return self.answer(f"{self.command} {len(body)} {hashlib.sha256(body).hexdigest()}\n".encode())
        if where in PAGES:
            return self.answer(PAGES[where], "text/html" if where.startswith("/simple") else "application/json")
        self.send_error(404)

    do_GET = do_POST = do_PUT = do_HEAD = handle_any

    def pieces(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(5):
            self.wfile.write(b"8\r\npiece %d\n\r\n" % i)
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def git(self, where, query, body):
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": directory, "GIT_HTTP_EXPORT_ALL": "1",
               "REQUEST_METHOD": self.command, "PATH_INFO": where, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)),
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_USER": "tester", "REMOTE_ADDR": "11.0.0.1"}
        done = subprocess.run(["git", "http-backend"], env=env, input=body, stdout=subprocess.PIPE, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                            ("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())):
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2:
            size = head[1] & 127
            if size == 126:
                size = struct.unpack("!H", self.rfile.read(2))[0]
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))
            length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
            self.wfile.write(head[:1] + length + text)
            if head[0] & 15 == 8:
                return


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


# --- the servers -----------------------------------------------------------------------------------------
def start_nginx():
    path("www/hello", "hello from nginx\n")
    path("www/big", os.urandom(1 << 20) * 100)
    temporary = "\n".join(f"{kind}_temp_path {path('nginx-' + kind)};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = path("nginx.conf", f"""
daemon off;
master_process off;
pid {path("nginx.pid")};
error_log {path("nginx.error")};
events {{ worker_connections 512; }}
http {{
  {temporary}
  log_format requests '$host $request_method $uri $server_protocol $connection_requests';
  access_log {path("nginx.log")} requests;
  client_max_body_size 0;
  default_type text/plain;
  map $http_upgrade $going_on {{ default upgrade; '' ''; }}
  server {{
    listen 11.1.1.4:80;
    listen 11.1.1.4:443 ssl http2;
    listen 11.2.1.1:443 ssl;
    listen [2600:11:1::4]:443 ssl;
    ssl_certificate {path("leaf.pem")};
    ssl_certificate_key {path("leaf.key")};
    root {path("www")};
    location / {{ try_files $uri @application; }}
    location @application {{
      proxy_pass http://127.0.0.1:8000;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $going_on;
    }}
  }}
}}
""")
    start("nginx", "-c", conf, "-p", directory)


def make_repositories():
    index = {"config.json": json.dumps({"dl": "https://crates.good.example/crates"}),
             "ti/ny/tiny": json.dumps({"name": "tiny", "vers": "1.0.0", "deps": [], "features": {}, "yanked": False,
                                       "cksum": hashlib.sha256(CRATE).hexdigest()}) + "\n"}
    publish("index", index)
    publish("project", {"README": "a project of the world's\n", "big": os.urandom(1 << 20)})
    run("git", "-C", path("repositories/project.git"), "config", "http.receivepack", "true")


def publish(name, files):
    work, bare = path(f"work/{name}"), path(f"repositories/{name}.git")
    git = ("git", "-c", "user.name=World", "-c", "user.email=world@good.example", "-c", "init.defaultBranch=main", "-c", "gc.auto=0")
    run(*git, "init", "-q", work)
    for file, content in files.items():
        path(f"work/{name}/{file}", content)
    run(*git, "-C", work, "add", ".")
    run(*git, "-C", work, "commit", "-q", "-m", "the first commit")
    run(*git, "clone", "-q", "--bare", work, bare)


def start_sshd():
    for name in ("host", "client"):
        os.makedirs(path("ssh"), exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path(f"ssh/{name}"))
    path("trust/known_hosts", "ssh.good.example " + open(path("ssh/host.pub")).read())
    # The machine's root may be locked, or have a shell that talks: this root is ours alone.
    accounts = {"passwd": f"root:x:0:0:root:{directory}:/bin/sh\nsshd:x:74:74::/run/sshd:/usr/sbin/nologin\n",
                "shadow": "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n"}
    for name, text in accounts.items():
        run("mount", "--bind", path("accounts/" + name, text), "/etc/" + name)
    resolver = os.path.realpath("/etc/resolv.conf")
    names = open(resolver).read()
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.mkdir("/run/sshd", 0o755)
    if not os.path.exists(resolver):
        os.makedirs(os.path.dirname(resolver), exist_ok=True)
        open(resolver, "w").write(names)
    conf = path("ssh/sshd_config", f"""
ListenAddress 11.1.1.5
HostKey {path("ssh/host")}
AuthorizedKeysFile {path("ssh/client.pub")}
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PidFile none
""")
    start("/usr/sbin/sshd", "-D", "-E", path("sshd.log"), "-f", conf)


def start_upstream_proxy():
    conf = path("tinyproxy.conf", f"""
Listen 11.1.1.3
Port 3128
BasicAuth user pass-word.1
ConnectPort 443
ConnectPort 80
LogFile "{path("tinyproxy.log")}"
LogLevel Connect
""")
    start("tinyproxy", "-d", "-c", conf)


def await_port(address, port):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"nobody listens on {address}:{port}")
            time.sleep(0.02)


path("trust/ca.pem", open(path("ca.pem")).read())
make_repositories()
threading.Thread(target=Server(("127.0.0.1", 8000), Application).serve_forever, daemon=True).start()
start_sshd()
start_nginx()
start_upstream_proxy()
start("openssl", "s_server", "-accept", "11.1.1.4:4443", "-cert", path("leaf.pem"), "-key", path("leaf.key"), "-rev", "-quiet")
start("node", f"{here}/clients/stream_server.js", path("leaf.pem"), path("leaf.key"))
for peer in (("11.1.1.5", 22), ("11.1.1.4", 80), ("11.1.1.4", 443), ("11.1.1.3", 3128), ("11.1.1.4", 8444), ("11.1.1.4", 4443)):
    await_port(*peer)
print("READY", flush=True)
signal.pause()  # until we are killed
