"""Stand-ins for the receivers of a record. Each checks what it gets with code of its own (nothing of
berm's), keeps what it acknowledged, and can be told to fail in every way a receiver fails."""
import base64
import hashlib
import hmac
import http.server
import json
import re
import socketserver
import threading
import time
import urllib.parse


def verify_chain(lines, complete=True):
    """The lines of one run in order: hash, link and numbers, as docs say. Returns problems."""
    problems, previous = [], "0" * 64
    for number, line in enumerate(lines):
        event = json.loads(line)
        body = line.replace(',"hash":"%s"' % event["hash"], "", 1)
        if hashlib.sha256(body.encode()).hexdigest() != event["hash"]:
            problems.append("line %d: hash" % number)
        if event["prev"] != previous:
            problems.append("line %d: prev" % number)
        if event["seq"] != number:
            problems.append("line %d: seq %d" % (number, event["seq"]))
        previous = event["hash"]
    # run.end, and the checkpoint that signs it.
    if complete and [json.loads(line)["type"] for line in lines[-2:]] != ["run.end", "checkpoint"]:
        problems.append("no signed end")
    return problems


class Receiver(http.server.ThreadingHTTPServer):
    """HTTP on loopback. `faults(receiver, path)` may return ("status", n, headers), ("reset",),
    ("half",) or ("slow", seconds), ("early", n): answers and closes without reading the body; None =
    behave. `tls` is an ssl.SSLContext."""
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, handle, port=0, faults=None, tls=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.connections, self.scheme = 0, "https" if tls else "http"
        if tls:  # the handshake in the connection's own thread
            self.socket = tls.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        self.handle_protocol, self.faults = handle, faults
        self.lock = threading.Lock()
        self.events, self.duplicates, self.problems, self.requests = {}, 0, [], []
        self.memory = {}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self.scheme, self.server_address[1])

    def keep(self, line):
        event = json.loads(line)
        with self.lock:
            of_run = self.events.setdefault(event["run"], {})
            if event["seq"] in of_run:
                self.duplicates += 1
                if of_run[event["seq"]] != line:
                    self.problems.append("two lines of one number: %s" % line[:80])
            of_run[event["seq"]] = line

    def lines(self, run):
        with self.lock:
            return [line for _, line in sorted(self.events.get(run, {}).items())]

    def wrong(self, text):
        with self.lock:
            self.problems.append(text)

    def handle_error(self, request, client_address):
        pass  # a client that is killed breaks its connection

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def log_message(self, *arguments):
        pass

    def act(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.memory["length"] = length
        fault = self.server.faults(self.server, self.path) if self.server.faults else None
        if fault and fault[0] == "half":
            self.rfile.read(length // 2)
            self.close_connection = True
            self.connection.close()
            return
        if fault and fault[0] == "early":
            self.close_connection = True
            self.send_response(fault[1])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(length)
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        if fault and fault[0] == "reset":
            self.close_connection = True
            self.connection.close()
            return
        if fault and fault[0] == "slow":
            time.sleep(fault[1])
        if fault and fault[0] == "status":
            status, headers, answer = fault[1], fault[2], b"told to fail"
        else:
            try:
                status, headers, answer = self.server.handle_protocol(
                    self.server, self.command, self.path, self.headers, body)
            except Exception as problem:
                self.server.wrong("%s %s: %r" % (self.command, self.path, problem))
                status, headers, answer = 400, {}, b"not understood"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_POST = do_PUT = do_HEAD = act


def json_answer(value, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def ndjson(receiver, method, path, headers, body):
    check(headers["Content-Type"] == "application/x-ndjson", "content type")
    check(body.endswith(b"\n"), "the last line has no end")
    for line in body.decode().splitlines():
        receiver.keep(line)
    return 200, {}, b""


def json_array(receiver, method, path, headers, body):
    check(headers["Content-Type"] == "application/json", "content type")
    for event in json.loads(body):
        receiver.keep(json.dumps(event, separators=(",", ":"), sort_keys=True, ensure_ascii=False))
    return 204, {}, b""


def splunk(receiver, method, path, headers, body):
    check(headers["Authorization"] == "Splunk " + "hec-" * 5 + "token", "token")
    check(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                       headers["X-Splunk-Request-Channel"]), "channel")
    acks = receiver.memory.setdefault("acks", {})
    if path == "/services/collector/ack":
        answer = {}
        for ack in json.loads(body)["acks"]:
            state = acks[ack]
            state["asked"] += 1
            # An indexer takes its time; what it says once it says once.
            answer[str(ack)] = state["asked"] >= 2
            if answer[str(ack)]:
                for line in state["lines"]:
                    receiver.keep(line)
        return json_answer({"acks": answer})
    check(path == "/services/collector/event", "path")
    decoder, text, at, lines = json.JSONDecoder(), body.decode(), 0, []
    while at < len(text):
        envelope, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())
        check({"time", "event", "fields", "sourcetype"} <= envelope.keys(), "envelope")
        check(envelope["fields"]["seq"] == envelope["event"]["seq"], "seq")
        check(abs(envelope["time"] - time.time()) < 86400, "time")
        lines.append(json.dumps(envelope["event"], separators=(",", ":"), sort_keys=True,
                                ensure_ascii=False))
    with receiver.lock:
        number = len(acks)
        acks[number] = {"asked": 0, "lines": lines}
    return json_answer({"text": "Success", "code": 0, "ackId": number})


def elasticsearch(receiver, method, path, headers, body):
    check(path == "/_bulk" and headers["Content-Type"] == "application/x-ndjson", "path, type")
    check(headers["Authorization"] == "Basic " + base64.b64encode(b"elastic:secret:word").decode(),
          "authorization")
    lines = body.decode().split("\n")
    check(lines.pop() == "" and len(lines) % 2 == 0, "lines")
    items, ids = [], receiver.memory.setdefault("ids", set())
    for action, document in zip(lines[::2], lines[1::2]):
        action = json.loads(action)["create"]
        parsed = json.loads(document)
        check(action["_id"] == "%s-%d" % (parsed["run"], parsed["seq"]), "_id")
        check(list(parsed)[0] == "@timestamp" and parsed["@timestamp"] == parsed["time"], "time")
        choice = receiver.memory.get("per_item", lambda seq: None)(parsed["seq"])
        if action["_id"] in ids:
            items.append({"create": {"_id": action["_id"], "status": 409, "error": {"type": "v"}}})
        elif choice:
            items.append({"create": {"_id": action["_id"], "status": choice,
                                     "error": {"type": "told to"}}})
        else:
            ids.add(action["_id"])
            # What was hashed is the document without its first member.
            receiver.keep("{" + document[document.index(",") + 1:])
            items.append({"create": {"_id": action["_id"], "status": 201}})
    return json_answer({"errors": any(i["create"]["status"] >= 300 for i in items),
                        "items": items})


def loki(receiver, method, path, headers, body):
    check(path == "/loki/api/v1/push" and headers["X-Scope-OrgID"] == "team", "path, tenant")
    for stream in json.loads(body)["streams"]:
        check(stream["stream"] == {"job": "berm", "env": "test"}, "labels")
        for stamp, line, metadata in stream["values"]:
            event = json.loads(line)
            check(stamp.isdigit() and len(stamp) == 19, "nanoseconds")
            check(metadata == {"run": event["run"], "seq": str(event["seq"]),
                               "type": event["type"]}, "metadata")
            receiver.keep(line)
    return 204, {}, b""


def otlp(receiver, method, path, headers, body):
    """The shape of opentelemetry-proto's JSON: 64-bit numbers as text, ids in hexadecimal."""
    check(headers["Content-Type"] == "application/json", "content type")
    whole = json.loads(body)
    receiver.memory.setdefault("requests", []).append({"path": path, "body": whole})

    def attributes(values):
        out = {}
        for one in values:
            (kind, value), = one["value"].items()
            check(kind in ("stringValue", "intValue") and isinstance(value, str), "value")
            out[one["key"]] = value
        return out

    if path == "/v1/traces":
        for resource in whole["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    check(re.fullmatch("[0-9a-f]{32}", span["traceId"]), "traceId")
                    check(re.fullmatch("[0-9a-f]{16}", span["spanId"]), "spanId")
                    check(span["status"]["code"] in (1, 2), "status")
                    check(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), "times")
                    receiver.memory.setdefault("spans", []).append(span)
        return json_answer({})
    check(path == "/v1/logs", "path")
    for resource in whole["resourceLogs"]:
        check(attributes(resource["resource"]["attributes"])["service.name"] == "berm", "service")
        for scope in resource["scopeLogs"]:
            for record in scope["logRecords"]:
                check(set(record) <= {"timeUnixNano", "observedTimeUnixNano", "severityNumber",
                                      "severityText", "body", "attributes", "traceId", "spanId"},
                      "fields")
                check(record["timeUnixNano"].isdigit() and isinstance(record["severityNumber"], int),
                      "numbers")
                line = record["body"]["stringValue"]
                found = attributes(record["attributes"])
                check(found["berm.seq"] == str(json.loads(line)["seq"]), "seq")
                receiver.keep(line)
    return json_answer({"partialSuccess": {}})


# Signature Version 4, from AWS's description of it.
AWS_ID, AWS_KEY = "AKID" + "EXAMPLE" * 2, "wJalr" + "/K7MDENG" * 4


def check_sigv4(method, path, headers, body, service, region):
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                         r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", headers["Authorization"])
    check(match, "authorization: " + headers["Authorization"])
    key_id, day, its_region, its_service, names, signature = match.groups()
    check((key_id, its_region, its_service) == (AWS_ID, region, service), "scope")
    digest = hashlib.sha256(body).hexdigest()
    if service == "s3":
        check(headers["x-amz-content-sha256"] == digest, "payload hash")
    target, _, query = path.partition("?")
    names = names.split(";")
    check("host" in names and names == sorted(names), "signed headers")
    for name in headers:
        if name.lower().startswith("x-amz-"):
            check(name.lower() in names, name + " is not signed")
    fields = "".join("%s:%s\n" % (n, " ".join(headers[n].split())) for n in names)
    canonical = "\n".join([method, target, query, fields, ";".join(names), digest])
    stamp = headers["x-amz-date"]
    check(stamp[:8] == day, "date")
    scope = "/".join([day, region, service, "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + AWS_KEY).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    check(hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == signature, "signature")


def cloudwatch(receiver, method, path, headers, body):
    check_sigv4(method, path, headers, body, "logs", "eu-north-1")
    check(headers["Content-Type"] == "application/x-amz-json-1.1", "content type")
    target, request = headers["X-Amz-Target"], json.loads(body)
    streams = receiver.memory.setdefault("streams", set())
    check(request["logGroupName"] == "/berm/runs", "group")
    if target == "Logs_20140328.CreateLogStream":
        streams.add(request["logStreamName"])
        return 200, {}, b""
    check(target == "Logs_20140328.PutLogEvents", target)
    if request["logStreamName"] not in streams:
        return json_answer({"__type": "ResourceNotFoundException"}, 400)
    times = [event["timestamp"] for event in request["logEvents"]]
    check(times == sorted(times) and len(times) <= 10000, "order")
    check(sum(len(e["message"].encode()) + 26 for e in request["logEvents"]) <= 1048576, "size")
    for event in request["logEvents"]:
        receiver.keep(event["message"])
    return json_answer({"nextSequenceToken": "1"})


def s3(receiver, method, path, headers, body):
    check_sigv4(method, path, headers, body, "s3", "eu-north-1")
    match = re.fullmatch(r"/evidence/a%20b/(r-[0-9a-f-]+|t-[0-9a-f]+)/(\d{12})-(\d{12})\.jsonl", path)
    check(match, "key " + path)
    objects = receiver.memory.setdefault("objects", {})
    if method == "HEAD":
        check(headers["x-amz-checksum-mode"] == "ENABLED", "checksum mode")
        return 200, {"x-amz-checksum-sha256": objects.get(path, "another's")}, b""
    check(headers["If-None-Match"] == "*", "write once")
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    check(headers["x-amz-checksum-sha256"] == checksum, "checksum")
    check(headers["x-amz-object-lock-mode"] == "COMPLIANCE", "lock")
    until = time.strptime(headers["x-amz-object-lock-retain-until-date"], "%Y-%m-%dT%H:%M:%SZ")
    import calendar
    check(89 * 86400 < calendar.timegm(until) - time.time() < 91 * 86400, "retention")
    check(headers["x-amz-object-lock-legal-hold"] == "ON", "legal hold")
    lines = body.decode().splitlines()
    check(json.loads(lines[0])["seq"] == int(match[2]) and
          json.loads(lines[-1])["seq"] == int(match[3]), "numbers of the key")
    ends = [json.loads(line)["type"] == "checkpoint" for line in lines]
    check(ends[-1] and ends.count(True) == 1, "an object is what one checkpoint signs")
    if path in objects or receiver.memory.get("another's"):
        return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
    objects[path] = checksum
    for line in lines:
        receiver.keep(line)
    if receiver.memory.pop("forget", False):
        return 500, {}, b"the answer is lost"
    return 200, {}, b""
