#!/usr/bin/env python3
"""Stand-ins for the issuers that berm asks, on one loopback port over TLS: each looks at what it
receives byte by byte, and knows what is alive.

    issuers.py CERTIFICATE KEY APP_PUBLIC_KEY

Commands on stdin, one a line; each is answered by an event:
    answer METHOD PATH {"status": 403, "body": "…", "headers": {…}}   from now on
    usual METHOD PATH     as documented again
    hold METHOD PATH      a request waits before it is looked at
    hold-after METHOD PATH   … or is done, and its answer waits
    release               all that wait, and no more waiting
    live                  what has been issued and not ended
    set NAME VALUE        a number: github-life, vault-life, vault-max, sts-life
Events on stdout, one JSON object a line: ready, ok, live, request, held, wrong, revoked.
"""
import base64
import calendar
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

APP_PUBLIC_KEY = sys.argv[3] if len(sys.argv) > 3 else ""
lock = threading.RLock()
output = threading.Lock()
answers, held_paths, held_after = {}, set(), set()
gate = threading.Event()
live, numbers = {}, {"github-life": 3600, "vault-life": 3600, "vault-max": 0, "sts-life": 900}
counter = [0]


def say(event, **more):
    with output:
        sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
        sys.stdout.flush()


def serial():
    with lock:
        counter[0] += 1
        return counter[0]


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Wrong(Exception):
    """The client sent something that the real issuer would refuse, or that it should not send."""


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(body)
        self.status, self.body = status, body


def need(is_right, what):
    if not is_right:
        raise Wrong(what)


class Asked:
    """One request."""

    def __init__(self, method, path, headers, body):
        self.method, self.body, self.headers = method, body, headers
        self.path, _, self.query = path.partition("?")

    def header(self, name):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        need(len(found) <= 1, f"{len(found)} fields {name}")
        return found[0] if found else None

    def bearer(self):
        text = self.header("Authorization") or ""
        need(text.startswith("Bearer "), f"Authorization is {text!r}")
        return text[len("Bearer "):]

    def json(self):
        need(self.header("Content-Type") == "application/json", "not application/json")
        return json.loads(self.body)

    def form(self):
        need(self.header("Content-Type") == "application/x-www-form-urlencoded", "not a form")
        fields = urllib.parse.parse_qsl(self.body.decode("ascii"), strict_parsing=True)
        need(len(dict(fields)) == len(fields), "a field twice")
        return dict(fields)


def identity_of(token):
    """What the test's identity tokens look like: {"sub": …} between two dots."""
    parts = token.split(".")
    need(len(parts) == 3, "the identity is no JWT")
    claims = json.loads(decoded(parts[1]))
    need(claims.get("sub") == "repo:acme/app:ref:refs/heads/main", f"sub is {claims}")
    return claims


def make_identity(audience):
    def encode(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    claims = {"sub": "repo:acme/app:ref:refs/heads/main", "aud": audience,
              "exp": int(time.time()) + 300}
    return f"{encode({'alg': 'RS256', 'kid': 'k'})}.{encode(claims)}.c2lnbmF0dXJl"


# -- GitHub ------------------------------------------------------------------------------------

def verify_app_jwt(token):
    """With the openssl program: nothing of ours signs and checks at once."""
    head, payload, signature = token.split(".")
    need(json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT"}, "the JWT's header")
    with tempfile.NamedTemporaryFile() as file:
        file.write(decoded(signature))
        file.flush()
        done = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", APP_PUBLIC_KEY, "-signature", file.name],
            input=f"{head}.{payload}".encode(), capture_output=True, check=False)
    need(done.returncode == 0, f"the JWT's signature: {done.stdout!r} {done.stderr!r}")
    claims = json.loads(decoded(payload))
    now = time.time()
    need(set(claims) == {"iat", "exp", "iss"}, f"claims {sorted(claims)}")
    need(claims["iss"] == "12345", f"iss {claims['iss']!r}")
    need(now - 120 <= claims["iat"] <= now and now < claims["exp"] <= claims["iat"] + 600,
         f"times {claims}")


def github(asked):
    need(asked.header("Accept") == "application/vnd.github+json", "Accept")
    need(asked.header("X-GitHub-Api-Version") == "2022-11-28", "X-GitHub-Api-Version")
    need((asked.header("User-Agent") or "").startswith("berm/"), "GitHub wants a User-Agent")
    if (asked.method, asked.path) == ("DELETE", "/github/installation/token"):
        token = asked.bearer()
        if live.pop(token, None) is None:
            raise Refused(401, {"message": "Bad credentials"})
        say("revoked", what=token)
        return 204, None
    need((asked.method, asked.path) == ("POST", "/github/app/installations/678/access_tokens"),
         "no such path")
    verify_app_jwt(asked.bearer())
    wish = asked.json()
    need(set(wish) <= {"repositories", "permissions"}, f"wish {wish}")
    # The form since April 2026: ghs_APPID_JWT, with dots.
    token = f"ghs_12345_{'e' * 60}.{serial()}.{'s' * 60}"
    live[token] = "github"
    return 201, {"token": token, "expires_at": rfc3339(numbers["github-life"]),
                 "permissions": {**wish.get("permissions", {"contents": "write"}),
                                 "metadata": "read"},
                 "repository_selection": "selected" if "repositories" in wish else "all",
                 "repositories": [{"name": name} for name in wish.get("repositories", [])]}


def actions(asked):
    need(asked.method == "GET" and asked.path == "/actions/token", "no such path")
    need(asked.bearer() == "request-token-of-the-job", "the request token")
    query = dict(urllib.parse.parse_qsl(asked.query, strict_parsing=True))
    need(query.pop("api-version", None) == "2.0", "api-version was in the URL")
    need(set(query) == {"audience"}, f"query {query}")
    return 200, {"count": 1, "value": make_identity(query["audience"])}


# -- Vault -------------------------------------------------------------------------------------

def vault_login(asked):
    wish = asked.json()
    need(asked.header("X-Vault-Token") is None, "a login has no token")
    if asked.path.endswith("/jwt/login"):
        need(set(wish) == {"role", "jwt"} and wish["role"] == "agents", f"login {wish}")
        identity_of(wish["jwt"])
    else:
        need(wish == {"role_id": "role-of-berm", "secret_id": "secret-id-of-berm"}, f"login {wish}")
    token = f"hvs.login-{serial()}"
    live[token] = "vault-token"
    return 200, {"auth": {"client_token": token, "accessor": "accessor-of-" + token,
                          "lease_duration": 7200, "renewable": True, "token_type": "service"}}


def end_vault(name):
    live.pop(name)
    say("revoked", what=name)
    for child in [key for key, parent in live.items() if parent == "lease-of-" + name]:
        live.pop(child)
        say("revoked", what=child)


def vault_put(asked, token):
    path = asked.path[len("/vault/v1/"):]
    wish = asked.json()
    if path == "auth/token/revoke-self":
        end_vault(token)
        return 204, None
    if path == "auth/token/renew-self":
        return 200, {"auth": {"client_token": token, "lease_duration": 7200}}
    if path == "auth/token/revoke-accessor":
        name = wish["accessor"].removeprefix("accessor-of-")
        if name not in live:
            raise Refused(400, {"errors": ["invalid accessor"]})
        end_vault(name)
        return 204, None
    need(asked.method == "PUT", "leases take PUT")
    if path == "sys/leases/revoke":
        need(wish == {"lease_id": wish["lease_id"], "sync": True}, f"revoke {wish}")
        if wish["lease_id"] in live:  # what is gone already is no error there
            end_vault(wish["lease_id"])
        return 204, None
    if wish["lease_id"] not in live:
        raise Refused(400, {"errors": ["lease not found"]})
    need(path == "sys/leases/renew", "no such path")
    with lock:
        if numbers["vault-max"]:  # the lease's maximum is reached: it is prolonged by nothing
            return 200, {"lease_id": wish["lease_id"], "lease_duration": 1, "renewable": True}
    return 200, {"lease_id": wish["lease_id"], "lease_duration": 3600, "renewable": True}


def vault(asked):
    need(asked.header("X-Vault-Request") == "true", "X-Vault-Request")
    need(asked.header("X-Vault-Namespace") in (None, "team/a"), "X-Vault-Namespace")
    path = asked.path[len("/vault/v1/"):]
    if path in ("auth/jwt/login", "auth/approle/login"):
        return vault_login(asked)
    token = asked.header("X-Vault-Token")
    if token != "hvs.of-the-user" and live.get(token) != "vault-token":
        raise Refused(403, {"errors": ["permission denied"]})
    if asked.method != "GET":
        return vault_put(asked, token)
    if path == "secret/data/app":
        return 200, {"lease_id": "", "data": {"data": {"token": "kv2-value"},
                                              "metadata": {"version": 3}}}
    if path == "kv/app":
        return 200, {"lease_id": "", "lease_duration": 2764800, "data": {"token": "kv1-value"}}
    need(path == "database/creds/agents", "no such path")
    lease = f"database/creds/agents/{serial()}"
    live[lease] = "lease-of-" + token
    return 200, {"lease_id": lease, "lease_duration": numbers["vault-life"], "renewable": True,
                 "data": {"username": "v-agents", "password": f"password-{serial()}"}}


# -- clouds ------------------------------------------------------------------------------------

def sts(asked):
    need(asked.method == "POST" and asked.path == "/sts", "no such path")
    need(asked.header("Accept") == "application/json", "Accept")
    need(asked.header("Authorization") is None, "unsigned")
    form = asked.form()
    identity_of(form.pop("WebIdentityToken"))
    need(form == {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15",
                  "RoleArn": "arn:aws:iam::123456789012:role/agents",
                  "RoleSessionName": "berm-run-1", "DurationSeconds": "900",
                  "Policy": '{"Version":"2012-10-17","Statement":[]}',
                  "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
                  "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/Other"}, f"form {form}")
    keys = {"AccessKeyId": "AS" + "IA" + "X" * 16, "SecretAccessKey": "s/+" + "k" * 37,
            "SessionToken": "t" * 200, "Expiration": time.time() + numbers["sts-life"]}
    return 200, {"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {
        "Credentials": keys, "AssumedRoleUser": {"Arn": "arn:aws:sts::123456789012:assumed-role/x"}}}}


def gcp(asked):
    need(asked.method == "POST" and asked.path == "/gcp/v1/token", "no such path")
    need(asked.header("Authorization") is None, "no Authorization here")
    wish = asked.json()
    identity_of(wish.pop("subjectToken"))
    need(wish == {"grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
                  "audience": "//iam.googleapis.com/projects/1/locations/global/"
                              "workloadIdentityPools/p/providers/x",
                  "scope": "https://www.googleapis.com/auth/cloud-platform",
                  "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
                  "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt"}, f"wish {wish}")
    return 200, {"access_token": "ya29.federated", "expires_in": 3600, "token_type": "Bearer"}


def iam(asked):
    need(asked.method == "POST" and asked.path == "/iam/v1/projects/-/serviceAccounts/"
         "agent%40acme.iam.gserviceaccount.com:generateAccessToken", f"path {asked.path}")
    need(asked.bearer() == "ya29.federated", "the federated token")
    need(asked.json() == {"scope": ["https://www.googleapis.com/auth/devstorage.read_only"],
                          "lifetime": "600s"}, "wish")
    return 200, {"accessToken": "ya29.of-the-account", "expireTime": rfc3339(600)}


def azure(asked):
    need(asked.method == "POST" and asked.path == "/azure/tenant-1/oauth2/v2.0/token", "path")
    form = asked.form()
    identity_of(form.pop("client_assertion"))
    need(form == {"client_id": "client-1", "scope": "https://vault.azure.net/.default",
                  "grant_type": "client_credentials", "client_assertion_type":
                  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, f"form {form}")
    return 200, {"access_token": "azure-token", "expires_in": "3599", "token_type": "Bearer"}


# The key of a user of AWS that asks about itself. In parts: nothing that a scanner would take for one.
AWS_ID, AWS_SECRET = "AK" + "IA" + "STANDIN234567XYZ", "s/+" + "k" * 37


def signed_by_botocore(asked):
    """The signature that the request should have, by what botocore makes of it: nothing of ours signs and checks."""
    try:
        import botocore.auth
    except ImportError:  # another Python's
        sys.path.append("/usr/lib/python3/dist-packages")
        import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    scheme, _, rest = (asked.header("Authorization") or "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    need(scheme == "AWS4-HMAC-SHA256" and set(parts) == {"Credential", "SignedHeaders", "Signature"}, "no SigV4")
    access_key, day, region, service, _ = parts["Credential"].split("/")
    stamp = asked.header("X-Amz-Date")
    names = parts["SignedHeaders"].split(";")
    need({"host", "x-amz-date"} <= set(names) and stamp.startswith(day), f"signed are {names}")
    need(abs(time.time() - calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))) < 300, "X-Amz-Date")
    need((region, service) == ("us-east-1", "iam"), f"signed for {region}/{service}")
    plain = AWSRequest(method=asked.method, url=f"https://{asked.header('Host')}{asked.path}", data=asked.body,
                       headers={name: asked.header(name) for name in names})
    plain.context["timestamp"] = stamp
    auth = botocore.auth.SigV4Auth(Credentials(AWS_ID, AWS_SECRET), service, region)
    return access_key, parts["Signature"], auth.signature(auth.string_to_sign(plain, auth.canonical_request(plain)), plain)


def aws_iam(asked):
    need(asked.method == "POST" and asked.path in ("/iam-keys/", "/iam-keys"), "no such path")
    need(asked.form() == {"Action": "ListAccessKeys", "Version": "2010-05-08"}, "form")
    access_key, given, right = signed_by_botocore(asked)
    if access_key != AWS_ID or given != right:
        code = "InvalidClientTokenId" if access_key != AWS_ID else "SignatureDoesNotMatch"
        raise Refused(403, iam_refusal(code, "no such signature"))
    members = "".join(f"<member><UserName>ci</UserName><AccessKeyId>{name}</AccessKeyId><Status>Active</Status>"
                      f"<CreateDate>{rfc3339(-days * 86400)}</CreateDate></member>"
                      for name, days in (("AK" + "IA" + "OTHER", 400), (AWS_ID, 20)))
    return 200, ('<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccessKeysResult>'
                 f"<UserName>ci</UserName><AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"
                 "</ListAccessKeysResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
                 "</ListAccessKeysResponse>")


def iam_refusal(code, message):
    return ('<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
            f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>")


KEYS = [{"id": "apikey_1", "status": "active", "partial_key_hint": "sk-ant-api03-aaa...1111"},
        {"id": "apikey_2", "status": "active", "partial_key_hint": "sk-ant-api03-bbb...2222"}]


def anthropic_admin(asked):
    need(asked.header("anthropic-version") == "2023-06-01", "anthropic-version")
    need(asked.header("x-api-key") == "sk-ant-" + "admin01-of-the-test", "x-api-key")
    need(asked.header("Authorization") is None, "one way to authenticate")
    if asked.method == "POST":
        need(asked.path == "/anthropic/v1/organizations/api_keys/apikey_2", "path")
        need(asked.json() == {"status": "inactive"}, "body")
        say("revoked", what="apikey_2")
        return 200, {**KEYS[1], "status": "inactive"}
    need(asked.path == "/anthropic/v1/organizations/api_keys", "path")
    made = {"created_at": rfc3339(-20 * 86400), "expires_at": None}
    # One key a page: the second is found only by who follows the pages.
    if asked.query == "limit=100":
        return 200, {"data": [{**KEYS[0], **made}], "has_more": True, "last_id": "apikey_1"}
    need(asked.query == "limit=100&after_id=apikey_1", f"query {asked.query}")
    return 200, {"data": [{**KEYS[1], **made}], "has_more": False, "last_id": "apikey_2"}


def anthropic(asked):
    if "/organizations/" in asked.path:
        return anthropic_admin(asked)
    need(asked.method == "POST" and asked.path == "/anthropic/v1/oauth/token", "no such path")
    wish = asked.json()
    identity_of(wish.pop("assertion"))
    need(wish == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                  "federation_rule_id": "fdrl_1", "organization_id": "org-1",
                  "service_account_id": "svac_1", "workspace_id": "wrkspc_1"}, f"wish {wish}")
    return 200, {"access_token": "sk-ant-" + "oat01-" + "w" * 40, "token_type": "Bearer",
                 "expires_in": 60, "scope": "workspace:inference"}


SERVICES = {"github": github, "actions": actions, "vault": vault, "sts": sts, "gcp": gcp,
            "iam": iam, "iam-keys": aws_iam, "azure": azure, "anthropic": anthropic,
            "plain": lambda asked: (200, {"path": asked.path, "query": asked.query})}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def wait(self, paths, key):
        if key in paths and not gate.is_set():
            say("held", key=key)
            gate.wait()

    def reply(self, status, body, headers=None):
        data = b"" if body is None else body if isinstance(body, bytes) else \
            body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, self.headers.items(), body)
        key = f"{self.command} {asked.path}"
        say("request", key=key, body=body.decode("latin-1"))
        self.wait(held_paths, key)
        told = answers.get(key)
        try:
            if told:
                status, reply = told.get("status", 200), told.get("body", {})
            else:
                status, reply = SERVICES[asked.path.split("/")[1]](asked)
        except Refused as refused:
            status, reply = refused.status, refused.body
        except (Wrong, KeyError, ValueError) as wrong:
            say("wrong", key=key, why=str(wrong))
            status, reply = 400, {"message": f"wrong: {wrong}"}
        self.wait(held_after, key)
        self.reply(status, reply, (told or {}).get("headers"))

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context):
        super().__init__(("127.0.0.1", 0), Handler)
        self.context = context

    def get_request(self):
        connection, address = super().get_request()
        # The handshake is the connection's own thread's: a client that hangs holds up nobody.
        return self.context.wrap_socket(connection, server_side=True,
                                        do_handshake_on_connect=False), address

    def handle_error(self, *_):
        pass  # clients that do not trust us, and those that are killed


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve_proxy(listener):
    """A CONNECT proxy that wants user:pass and takes every name for this machine."""
    while True:
        client, _ = listener.accept()
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        line, *fields = head.decode().split("\r\n")
        say("request", key=line, body="\n".join(field for field in fields if field))
        if "Proxy-Authorization: Basic dXNlcjpwYXNz" not in fields:
            client.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")
            client.close()
            continue
        port = int(line.split()[1].rsplit(":", 1)[1])
        upstream = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"HTTP/1.1 200 go on\r\nX-More: a\r\n\r\n")
        for pair in ((client, upstream), (upstream, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def obey(line):
    word, _, rest = line.partition(" ")
    if word == "answer":
        method, path, told = rest.split(" ", 2)
        answers[f"{method} {path}"] = json.loads(told)
    elif word == "usual":
        answers.pop(rest, None)
    elif word == "hold":
        gate.clear()
        held_paths.add(rest)
    elif word == "hold-after":
        gate.clear()
        held_after.add(rest)
    elif word == "release":
        gate.set()
        held_paths.clear()
        held_after.clear()
    elif word == "set":
        name, value = rest.split()
        numbers[name] = int(value)
    elif word == "live":
        return say("live", what=sorted(live))
    say("ok")


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = Server(context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_proxy, args=(proxy,), daemon=True).start()
    say("ready", port=server.server_address[1], proxy=proxy.getsockname()[1])
    for line in sys.stdin:
        obey(line.rstrip("\n"))
    os._exit(0)


main()
