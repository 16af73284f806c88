#!/usr/bin/python3
"""A container registry and its token service (tests/credentials/registry_test.cc), in the world behind the host, as
the Docker Registry's token specification has them. registry_service.py DIRECTORY starts both on 11.1.1.4:443 over TLS
and prints READY.

tokens.good.example gives whoever has the password of DIRECTORY/password (basic, user "robot") a token that lives in
DIRECTORY/tokens; registry.good.example answers whoever shows one, and tells the others where to get it. Each request is
written to DIRECTORY/requests, one JSON line: host, method, target, headers (as they came, in order), status.
"""
import base64
import http.server
import json
import secrets
import signal
import socketserver
import ssl
import sys
import threading
import urllib.parse

directory = sys.argv[1]
lock = threading.Lock()
tokens = set()


def path(name):
    return f"{directory}/{name}"


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, body, status=200, **headers):
        with lock, open(path("requests"), "a") as log:
            log.write(json.dumps({"host": self.headers.get("Host", ""), "method": self.command, "target": self.path, "status": status,
                                  "headers": [[name.lower(), value] for name, value in self.headers.items()]}) + "\n")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def token(self, query):
        with open(path("password")) as file:
            right = "Basic " + base64.b64encode(f"robot:{file.read()}".encode()).decode()
        if self.headers.get("Authorization") != right:
            return self.answer(b'{"details":"incorrect username or password"}', 401)
        if "broken" in query:
            return self.answer(query["broken"].encode(), 200, X_Token="x")
        given = f"real-token.{secrets.token_hex(40)}"
        with lock, open(path("tokens"), "a") as file:
            tokens.add(given)
            file.write(given + "\n")
        body = {"token": given, "access_token": given, "expires_in": 300, "issued_at": "2026-11-22T10:00:00Z",
                "refresh_token": "real-refresh-" + secrets.token_hex(20)}
        return self.answer(json.dumps(body).encode(), 200, Content_Type="application/json", X_Token=given)

    def registry(self, where):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in tokens:
            realm = 'Bearer realm="https://tokens.good.example/token",service="registry.good.example",scope="repository:acme/app:pull"'
            return self.answer(b'{"errors":[{"code":"UNAUTHORIZED"}]}', 401, WWW_Authenticate=realm)
        if where == "/v2/acme/app/echo":
            return self.answer(f"{self.headers.get('Authorization')}\n".encode())
        return self.answer(b'{"schemaVersion":2}\n')

    def handle_any(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        where, _, query = self.path.partition("?")
        if self.headers.get("Host") == "tokens.good.example":
            return self.token(dict(urllib.parse.parse_qsl(query)))
        return self.registry(where)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def get_request(self):
        connection, peer = self.socket.accept()
        return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request, client_address):
        pass  # a client that hangs up


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(path("leaf.pem"), path("leaf.key"))
threading.Thread(target=Server(("11.1.1.4", 443), Application).serve_forever, daemon=True).start()
print("READY", flush=True)
signal.pause()  # until we are killed
