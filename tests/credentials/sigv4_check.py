#!/usr/bin/python3
"""Signs random requests with botocore and a placeholder key, has the sigv4-resign program sign them
anew, and compares with what botocore makes of the same request and the real key.

    sigv4_check.py PROGRAM [COUNT] [SEED]

Needs Debian's python3-botocore. Two sources of requests: random ones, and botocore's own clients.
"""
import base64
import calendar
import contextlib
import datetime
import json
import random
import re
import subprocess
import sys
import time
from urllib.parse import quote, urlsplit

import botocore.auth
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

PLACEHOLDER = Credentials("AKIA" + "PLACEHOLDER00000", "placeholder-secret", "placeholder-token")
SERVICES = ["s3", "s3-outposts", "sts", "dynamodb", "execute-api", "bedrock", "monitoring"]
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]


def random_real_key(rng):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+="
    text = lambda size: "".join(rng.choices(alphabet, k=size))
    token = rng.choice([None, text(rng.randint(1, 900))])
    return Credentials("AKIA" + "".join(rng.choices("ABCDEFGHIJ234567", k=16)), text(40), token)


@contextlib.contextmanager
def clock(moment):
    """botocore takes the time from its own name 'datetime'."""
    class Frozen(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return moment
    real = botocore.auth.datetime.datetime
    botocore.auth.datetime.datetime = Frozen
    try:
        yield
    finally:
        botocore.auth.datetime.datetime = real


def random_text(rng, least=0):
    alphabet = "abcXYZ019-._~ /+=&%?#:@!$'()*,;<>[]{}|^`\"\\äß漢\U0001f600"
    return "".join(rng.choices(alphabet, k=rng.randint(least, 12)))


def random_path(rng, service):
    segments = [quote(random_text(rng, 1), safe="-._~") for _ in range(rng.randint(0, 4))]
    if not service.startswith("s3") and rng.random() < 0.2:
        segments.insert(rng.randint(0, len(segments)), rng.choice(["", ".", "..", "..."]))
    return "/" + "/".join(segments) + ("/" if segments and rng.random() < 0.2 else "")


def random_headers(rng):
    headers = []
    for name in rng.sample(["Accept", "X-Amz-Target", "X-Amz-Meta-A", "x-amz-meta-b", "Range", "User-Agent",
                            "Content-MD5", "x-amz-acl", "If-Match", "X-Amzn-Trace-Id", "Expect"], rng.randint(0, 5)):
        for _ in range(rng.choice([1, 1, 1, 2])):
            blank = lambda: " " * rng.randint(0, 2)
            headers.append((name, blank() + rng.choice(["a", "a  b", "\"x   y\"", "q=1, z", "\ta\t b"]) + blank()))
    if rng.random() < 0.5:
        headers.append(("Content-Type", rng.choice(["application/json", "text/plain; charset=utf-8"])))
    rng.shuffle(headers)
    return headers


def random_request(rng):
    service, region = rng.choice(SERVICES), rng.choice(REGIONS)
    pairs = [(random_text(rng), random_text(rng)) for _ in range(rng.choice([0, 0, 1, 3, 6]))]
    url = f"https://{service}.{region}.amazonaws.com" + random_path(rng, service)
    params = None
    if rng.random() < 0.5:
        params = pairs  # botocore then writes blanks as '+'
    elif pairs:
        url += "?" + "&".join(quote(a, safe="-._~") + "=" + quote(b, safe="-._~") for a, b in pairs)
    body = rng.randbytes(rng.choice([0, 0, 5, 300]))
    method = rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
    return dict(method=method, url=url, params=params, data=body, headers=random_headers(rng)), service, region


def signed(spec, service, region, key, unsigned):
    request = AWSRequest(method=spec["method"], url=spec["url"], params=spec["params"], data=spec["data"])
    for name, value in spec["headers"]:
        request.headers.add_header(name, value)
    # What the HTTP client would add; egress has it in front of it.
    request.headers.add_header("Host", urlsplit(spec["url"]).netloc)
    request.context.update(payload_signing_enabled=not unsigned)
    signer = botocore.auth.S3SigV4Auth if service.startswith("s3") else botocore.auth.SigV4Auth
    if unsigned and service.startswith("s3"):
        request.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    signer(key, service, region).add_auth(request)
    return request


class Resign:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, method, url, headers, key, body, moment):
        parts = urlsplit(url)
        path = parts.path or "/"
        # "//a" is a path here, not a host.
        if url.startswith("https://"):
            path = "/" + url[len("https://"):].partition("/")[2].partition("?")[0]
        return self.of_path(method, path, parts.query, headers, key, body, moment)

    def of_path(self, method, path, query, headers, key, body, moment):
        text = {"AccessKeyId": key.access_key, "SecretAccessKey": key.secret_key, "SessionToken": key.token}
        line = {"method": method, "path": path, "query": query, "headers": headers,
                "key": json.dumps(text), "body": None if body is None else base64.b64encode(body).decode(),
                "now": calendar.timegm(moment.timetuple())}
        return self.ask(line)

    def key_service(self, service, path):
        return self.ask({"service": service, "path": path})["keys"]

    def ask(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def field(headers, name):
    found = [v for n, v in headers if n.lower() == name]
    return found[0] if found else None


def compare(what, answer, agent_headers, real_headers):
    """The agent's headers with our changes must say what botocore's say, signature and all."""
    if "error" in answer:
        sys.exit(f"{what}: {answer['error']}")
    after = {n.lower(): v for n, v in agent_headers if n.lower() not in answer["remove"]}
    after.update(answer["set"])
    for name in ["authorization", "x-amz-security-token", "x-amz-date", "x-amz-content-sha256"]:
        if after.get(name) != field(real_headers, name):
            sys.exit(f"{what}: {name} is\n  {after.get(name)}\nbotocore says\n  {field(real_headers, name)}")


def check_random(resign, rng, count):
    for number in range(count):
        spec, service, region = random_request(rng)
        real = random_real_key(rng)
        # A random moment; both signers see the same.
        moment = datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=rng.randint(0, 10**8))
        unsigned = rng.random() < 0.2
        with clock(moment):
            agent = signed(spec, service, region, PLACEHOLDER, unsigned)
            expected = signed(spec, service, region, real, unsigned)
        body = None if "X-Amz-Content-SHA256" in agent.headers and rng.random() < 0.5 else spec["data"]
        answer = resign(spec["method"], agent.prepare().url, agent.headers.items(), real, body, moment)
        compare(f"request {number} ({service}, {spec})", answer, agent.headers.items(), expected.headers.items())
    return count


# As they are on the wire. S3 signs each as it is; the others take dots and empty segments out and encode once more.
ODD_PATHS = [
    "/a%20b", "/a+b", "/a%2Bb", "/a%2Fb", "/a%2fb", "//a", "/a//b", "/a//", "/a/", "/./a", "/a/../b", "/a/..", "/..", "/a/./b/",
    "/~user", "/%7Euser", "/%C3%BC/%E6%BC%A2", "/%F0%9F%98%80", "/a%25b", "/a%2525b", "/a;b=c", "/a:b@c", "/!$&'()*,=", "/a%3Fb%23c",
    "/%", "/a%zz", "/a%2", "/%2E%2E/b", "/%2e/b", "/a%5Cb", "/a%00b", "/[x]{y}|z^`", "/" + "x" * 900, "/...", "/a b".replace(" ", "%20%20"),
]
# What two readers could take for two requests is refused before anything is signed, with the reason.
REFUSED_PATHS = ["/a b", "/ü", "a", "", "/a\tb", "/a#b", "/a\x7fb"]


def check_odd_paths(resign, rng):
    for path in ODD_PATHS:
        for service in ["s3", "s3-outposts", "execute-api", "lambda"]:
            spec = dict(method="GET", url=f"https://host.amazonaws.com{path}", params=None, data=b"", headers=[])
            real, moment = random_real_key(rng), datetime.datetime(2026, 5, 6, 7, 8, 9)
            with clock(moment):
                agent = signed(spec, service, "us-east-1", PLACEHOLDER, False)
                expected = signed(spec, service, "us-east-1", real, False)
            answer = resign("GET", spec["url"], agent.headers.items(), real, b"", moment)
            compare(f"path {path} ({service})", answer, agent.headers.items(), expected.headers.items())
    spec = dict(method="GET", url="https://host.amazonaws.com/x", params=None, data=b"", headers=[])
    moment = datetime.datetime(2026, 5, 6, 7, 8, 9)
    with clock(moment):
        agent = signed(spec, "s3", "us-east-1", PLACEHOLDER, False)
    for path in REFUSED_PATHS:
        answer = resign.of_path("GET", path, "", agent.headers.items(), random_real_key(rng), b"", moment)
        if "malformed" not in answer.get("error", ""):
            sys.exit(f"path {path!r} is not refused: {answer}")


# Members of an answer that are a credential of AWS, whatever the service calls them.
CREDENTIAL = re.compile("secret_?access_?key|session_?token|secretkey$", re.IGNORECASE)
# Tokens of a conversation with the service itself: they authenticate nobody.
NO_CREDENTIAL = {"cognito-sync ListRecords", "qldb SendCommand"}


def holds_credential(shape, seen=frozenset()):
    if shape is None or shape.name in seen:
        return False
    seen |= {shape.name}
    if shape.type_name == "structure":
        return any(CREDENTIAL.search(name) or holds_credential(member, seen) for name, member in shape.members.items())
    inner = {"list": "member", "map": "value"}.get(shape.type_name)
    return inner is not None and holds_credential(getattr(shape, inner), seen)


def check_key_services(resign):
    """Every service of which botocore knows an answer with a credential is one that the policy must name."""
    session, found = botocore.session.Session(), {}
    for name in session.get_available_services():
        model = session.get_service_model(name)
        for operation in model.operation_names:
            known = model.operation_model(operation)
            if f"{model.signing_name} {operation}" in NO_CREDENTIAL or not holds_credential(known.output_shape):
                continue
            # S3 Express signs its session for a service of its own.
            signs = "s3express" if operation == "CreateSession" and name == "s3" else model.signing_name
            found[f"{signs} {operation}"] = resign.key_service(signs, known.http["requestUri"].partition("?")[0])
    if not {"sts AssumeRole", "iam CreateAccessKey", "lakeformation GetTemporaryGlueTableCredentials"} <= set(found):
        sys.exit(f"the search itself finds too little: {sorted(found)}")
    missed = sorted(what for what, named in found.items() if not named)
    if missed:
        sys.exit(f"hands_out_keys() does not know {missed}")
    return len(found)


OPERATIONS = [
    ("s3", "list_objects_v2", dict(Bucket="b", Prefix="a b/ü+=&", Delimiter="/", MaxKeys=3)),
    ("s3", "put_object", dict(Bucket="b", Key="x y/+ü~(1)!'*.txt", Body=b"hello", Metadata={"k": "a  b"})),
    ("s3", "get_object", dict(Bucket="b", Key="a//b/../c", Range="bytes=0-9")),
    ("s3", "delete_objects", dict(Bucket="b", Delete={"Objects": [{"Key": "a"}]})),
    ("s3", "create_multipart_upload", dict(Bucket="b", Key="k")),
    ("sts", "get_caller_identity", {}),
    ("dynamodb", "get_item", dict(TableName="table", Key={"id": {"S": "ü"}})),
    ("lambda", "invoke", dict(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:f", Payload=b"{}")),
    ("sqs", "send_message", dict(QueueUrl="https://sqs.us-east-1.amazonaws.com/1/q", MessageBody="a b+c")),
    ("ec2", "describe_instances", {}),
    ("iam", "list_users", dict(PathPrefix="/a b/")),
    ("logs", "put_log_events", dict(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}])),
    ("secretsmanager", "get_secret_value", dict(SecretId="s")),
    ("apigateway", "get_rest_apis", dict(limit=3)),
    ("route53", "list_hosted_zones", {}),
]


class Stop(BaseException):
    """Ends a client's call where it would send; not an Exception, because botocore retries those."""


def sent_by_client(service, operation, arguments, key, moment):
    """What a client of botocore's hands to its HTTP library."""
    session = botocore.session.Session()
    client = session.create_client(service, region_name="us-east-1", aws_access_key_id=key.access_key,
                                   aws_secret_access_key=key.secret_key, aws_session_token=key.token)
    sent = []

    def stop(request, **_):
        sent.append(request)
        raise Stop
    client.meta.events.register("before-send", stop)
    with clock(moment), contextlib.suppress(Stop):
        getattr(client, operation)(**arguments)
    request = sent[0]
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    headers = [(name, text(value)) for name, value in request.headers.items()]
    if field(headers, "host") is None:
        headers.append(("Host", urlsplit(request.url).netloc))
    body = request.body or b""
    if hasattr(body, "read"):
        body.seek(0)
        body = body.read()
    return request, headers, body.encode() if isinstance(body, str) else body


def check_clients(resign, rng):
    for service, operation, arguments in OPERATIONS:
        real = random_real_key(rng)
        moment = datetime.datetime(2026, 5, 6, 7, 8, 9)
        request, headers, body = sent_by_client(service, operation, arguments, PLACEHOLDER, moment)
        _, expected, _ = sent_by_client(service, operation, arguments, real, moment)
        answer = resign(request.method, request.url, headers, real, body, moment)
        compare(f"{service} {operation}", answer, headers, expected)


def main():
    resign = Resign(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    rng = random.Random(seed)
    done = check_random(resign, rng, count)
    check_odd_paths(resign, rng)
    check_clients(resign, rng)
    services = check_key_services(resign)
    print(f"sigv4_check: {services} operations that hand out keys are known; {len(ODD_PATHS)} odd paths, {done} random requests and {len(OPERATIONS)} client operations equal, seed {seed}")


main()
