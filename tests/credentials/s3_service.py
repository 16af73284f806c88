#!/usr/bin/python3
"""A stand-in of AWS (tests/credentials/aws_test.cc), in the world behind the host: objects of S3, a table list of
DynamoDB, the identity of STS. s3_service.py DIRECTORY starts it on 11.1.1.4:443 over TLS and prints READY.

Every request must be signed (Signature Version 4) with the key of DIRECTORY/key.json, {"id", "secret", "token"}, by
what botocore makes of it: this file knows nothing of how berm signs. Each is written to DIRECTORY/requests, one JSON
line: method, target, headers (as they came, in order), id, region, service, answer. Needs Debian's python3-botocore.
"""
import datetime
import hashlib
import hmac
import http.server
import json
import signal
import socketserver
import ssl
import sys
import threading
import urllib.parse

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

directory = sys.argv[1]
lock = threading.Lock()
objects = {}


def path(name):
    return f"{directory}/{name}"


class Refused(Exception):
    pass


class Signature:
    """What the Authorization header claims."""

    def __init__(self, headers):
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        if scheme != "AWS4-HMAC-SHA256":
            raise Refused("AccessDenied")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        self.id, self.day, self.region, self.service, _ = parts["Credential"].split("/")
        self.names = parts["SignedHeaders"].split(";")
        self.signature = parts["Signature"]

    def verify(self, request, body):
        with open(path("key.json")) as file:
            key = json.load(file)
        headers = request.headers
        if self.id != key["id"]:
            raise Refused("InvalidAccessKeyId")
        if headers.get("X-Amz-Security-Token") != key.get("token"):
            raise Refused("InvalidToken")
        claimed = headers.get("X-Amz-Content-SHA256")
        if claimed is None and self.service == "s3":
            raise Refused("MissingContentSHA256")
        if claimed not in (None, "UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            raise Refused("XAmzContentSHA256Mismatch")
        # AWS demands that these be signed.
        loose = [name.lower() for name in headers if name.lower().startswith("x-amz-") and name.lower() not in self.names]
        if loose or "host" not in self.names:
            raise Refused("AccessDenied")
        time = headers["X-Amz-Date"]
        age = datetime.datetime.utcnow() - datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ")
        if abs(age) > datetime.timedelta(minutes=15) or not time.startswith(self.day):
            raise Refused("RequestTimeTooSkewed")
        plain = AWSRequest(method=request.command, url=f"https://{headers['Host']}{request.path}", data=body,
                           headers={name: headers[name] for name in self.names})
        plain.context["timestamp"] = time
        kind = S3SigV4Auth if self.service == "s3" else SigV4Auth
        auth = kind(Credentials(key["id"], key["secret"], key.get("token")), self.service, self.region)
        right = auth.signature(auth.string_to_sign(plain, auth.canonical_request(plain)), plain)
        if not hmac.compare_digest(right, self.signature):
            raise Refused("SignatureDoesNotMatch")


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, body=b"", status=200, kind="application/xml", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said, claim = "OK", None
        try:
            claim = Signature(self.headers)
            claim.verify(self, body)
        except Refused as why:
            said = str(why)
        except (KeyError, ValueError) as why:
            said = f"malformed: {why!r}"
        with lock, open(path("requests"), "a") as log:
            log.write(json.dumps({"method": self.command, "target": self.path, "id": claim and claim.id,
                                  "region": claim and claim.region, "service": claim and claim.service, "answer": said,
                                  "headers": [[name.lower(), value] for name, value in self.headers.items()]}) + "\n")
        if said != "OK":
            return self.answer(f"<Error><Code>{said}</Code><Message>{said}</Message></Error>".encode(), 403)
        {"s3": self.s3, "dynamodb": self.dynamodb, "sts": self.sts}.get(claim.service, self.answer)(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

    def s3(self, body):
        where, _, query = self.path.partition("?")
        if "list-type" in urllib.parse.parse_qs(query):
            bucket = where.strip("/")
            keys = [key.split("/", 2)[2] for key in sorted(objects) if key.startswith(f"/{bucket}/")]
            found = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
            return self.answer(f"<ListBucketResult><Name>{bucket}</Name>{found}</ListBucketResult>".encode())
        name = urllib.parse.unquote(where)
        if self.command == "PUT":
            objects[name] = body
            return self.answer(ETag='"1"')
        if self.command == "DELETE":
            objects.pop(name, None)
            return self.answer(status=204)
        if name not in objects:
            return self.answer(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        return self.answer(objects[name], kind="binary/octet-stream")

    def dynamodb(self, body):
        asked = json.loads(body or b"{}")
        self.answer(json.dumps({"TableNames": ["the-table"][:asked.get("Limit", 1)]}).encode(), kind="application/x-amz-json-1.0")

    def sts(self, body):
        self.answer(b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"
                    b"</GetCallerIdentityResult></GetCallerIdentityResponse>")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

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
