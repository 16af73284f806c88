#!/usr/bin/python3
"""The servers that a run reaches with a credential (tests/credentials/credentials_test.cc), in the world
behind the host. services.py DIRECTORY starts them on 11.1.1.4:443 over TLS and prints READY.

Each request is written to DIRECTORY/requests, one JSON line: host, method, target, headers (as they came, in
order) and the body's digest. Nothing of it is told to the client, except by /echo, which hands everything
back: what a hostile or careless host would do.
"""
import base64
import gzip
import hashlib
import http.server
import json
import os
import signal
import socketserver
import ssl
import subprocess
import sys
import threading

directory = sys.argv[1]
lock = threading.Lock()


def path(name):
    return f"{directory}/{name}"


def make_repository():
    work, bare = path("work"), path("repositories/project.git")
    git = ("git", "-c", "user.name=World", "-c", "user.email=world@good.example", "-c", "init.defaultBranch=main", "-c", "gc.auto=0")
    run = lambda *words: subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    run(*git, "init", "-q", work)
    open(f"{work}/README", "w").write("a private project\n")
    run(*git, "-C", work, "add", ".")
    run(*git, "-C", work, "commit", "-q", "-m", "the first commit")
    run(*git, "clone", "-q", "--bare", work, bare)
    run("git", "-C", bare, "config", "http.receivepack", "true")


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        return body

    def handle_any(self):
        body = self.read_body()
        where, _, query = self.path.partition("?")
        host = self.headers.get("Host", "")
        with lock, open(path("requests"), "a") as log:
            log.write(json.dumps({"host": host, "method": self.command, "target": self.path,
                                  "headers": [[name.lower(), value] for name, value in self.headers.items()],
                                  "body": hashlib.sha256(body).hexdigest()}) + "\n")
        if where.startswith("/echo"):
            return self.echo(where, body)
        if where.startswith("/repositories/"):
            return self.git(where, query, body)
        if where == "/redirect":
            return self.answer(b"", 302, Location="https://other.example/taken")
        if where == "/tiny" or where == "/@scope%2ftiny":
            return self.answer(json.dumps({"name": where[1:], "versions": {}}).encode(), Content_Type="application/json")
        self.answer(b"served\n")

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any

    def echo(self, where, body):
        told = "".join(f"{name}: {value}\n" for name, value in self.headers.items()) + self.path + "\n"
        for name, value in self.headers.items():
            if name.lower() == "authorization" and value.startswith("Basic "):
                told += base64.b64decode(value[6:]).decode() + "\n"
        text = told.encode() + body
        if where == "/echo/base64":
            text = base64.b64encode(text)
        if where == "/echo/hex":
            text = text.hex().encode()
        if where == "/echo/reversed":
            text = text[::-1]
        if where == "/echo/header":
            return self.answer(b"see the header\n", X_Seen=told.replace("\n", " | "))
        if where == "/echo/gzip":
            return self.answer(gzip.compress(text), Content_Encoding="gzip")
        if where == "/echo/slow":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for byte in text:
                self.wfile.write(b"1\r\n" + bytes([byte]) + b"\r\n")
                self.wfile.flush()
            return self.wfile.write(b"0\r\n\r\n")
        return self.answer(text)

    def git(self, where, query, body):
        want = "Basic " + base64.b64encode(f"x-access-token:{open(path('git-token')).read()}".encode()).decode()
        if self.headers.get("Authorization") != want:
            return self.answer(b"who are you?\n", 401, WWW_Authenticate='Basic realm="git"')
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": directory, "GIT_HTTP_EXPORT_ALL": "1",
               "REQUEST_METHOD": self.command, "PATH_INFO": where, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)),
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_USER": "tester", "REMOTE_ADDR": "11.0.0.1"}
        done = subprocess.run(["git", "http-backend"], env=env, input=body, stdout=subprocess.PIPE, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.answer(content, int(fields.pop("Status", "200").split()[0]), **{k.replace("-", "_"): v for k, v in fields.items()})


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        connection, peer = self.socket.accept()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request, client_address):
        pass  # a client that hangs up


os.makedirs(path("repositories"), exist_ok=True)
make_repository()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(path("leaf.pem"), path("leaf.key"))
open(path("requests"), "w").close()
os.chmod(path("requests"), 0o644)
threading.Thread(target=Server(("11.1.1.4", 443), Application).serve_forever, daemon=True).start()
print("READY", flush=True)
signal.pause()  # until we are killed
