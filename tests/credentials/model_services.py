#!/usr/bin/python3
"""Stand-ins of the model APIs (tests/credentials/model_test.cc), in the world behind the host: Anthropic's
Messages, OpenAI's Responses and Chat Completions, Gemini's generateContent. model_services.py DIRECTORY starts
them on 11.1.1.4:443 over TLS and prints READY.

DIRECTORY/model.json, read anew for each request, says what they do:
  key      who does not have it gets 401
  turns    what the model says, one list a turn: texts, and {"command": …} for the client's shell. The turn is
           chosen by how many the request has already: retries and side requests disturb nothing
  usage    {"input", "output", "cache_read", "cache_write"}, as Anthropic counts
  status   every call fails with it
  gzip     answers are encoded, whatever was asked for
  admin    the Admin API's key, and {"id", "hint"} of the organization's keys; "admin_status" fails every change
  hold     a stream waits after its first event until somebody asks for /v1/models

Each request is written to DIRECTORY/requests, one JSON line: method, target, headers (as they came, in order),
body (parsed, if it is JSON).
"""
import gzip
import http.server
import itertools
import json
import os
import signal
import socketserver
import ssl
import sys
import threading

directory = sys.argv[1]
lock = threading.Lock()
numbers = itertools.count(1)
asked_for_models = threading.Event()
SHELLS = ("Bash", "bash", "exec_command", "exec", "run_shell_command")


def path(name):
    return f"{directory}/{name}"


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return text.decode("latin1")


def names_of(tools):
    for tool in tools or []:
        yield tool.get("name") or tool.get("function", {}).get("name") or tool.get("type")
        yield from names_of(tool.get("functionDeclarations"))
        yield from names_of(tool.get("tools"))  # of a namespace


def tools_of(body):
    items = body.get("input", [])
    return (body.get("tools") or []) + [tool for item in items if isinstance(item, dict) for tool in item.get("tools", [])]


class Call:
    """One request to a model: which turn it gets, in the words of its API."""

    def __init__(self, body, says):
        self.body, self.says = body, says
        self.usage = {"input": 10, "output": 5, "cache_read": 0, "cache_write": 0, **says.get("usage", {})}
        self.shell = next((name for name in names_of(tools_of(body)) if name in SHELLS), None)
        self.model = body.get("model", "")
        self.number = next(numbers)  # clients take two answers of one name for one

    def turn(self, taken):
        turns = self.says.get("turns") or [["Done."]]
        return turns[min(taken, len(turns) - 1)] if self.shell else ["ok"]

    def arguments(self, command):
        return {"cmd": command} if self.shell == "exec_command" else {"command": command, "description": "a step"}

    # Anthropic: events of a stream, or one message.
    def anthropic(self):
        taken = sum(message["role"] == "assistant" for message in self.body["messages"])
        blocks = [{"type": "text", "text": step} if isinstance(step, str) else
                  {"type": "tool_use", "id": f"toolu_{taken}_{at}", "name": self.shell, "input": self.arguments(step["command"])}
                  for at, step in enumerate(self.turn(taken))]
        usage = {"input_tokens": self.usage["input"], "output_tokens": self.usage["output"],
                 "cache_read_input_tokens": self.usage["cache_read"], "cache_creation_input_tokens": self.usage["cache_write"]}
        stop = "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"
        message = {"id": f"msg_{self.number}", "type": "message", "role": "assistant", "model": self.model, "content": blocks,
                   "stop_reason": stop, "stop_sequence": None, "usage": usage}
        if not self.body.get("stream"):
            return message, None
        start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        events = [{"type": "message_start", "message": start}]
        for index, block in enumerate(blocks):
            text = block["type"] == "text"
            events.append({"type": "content_block_start", "index": index,
                           "content_block": {**block, "text": ""} if text else {**block, "input": {}}})
            events.append({"type": "content_block_delta", "index": index, "delta":
                           {"type": "text_delta", "text": block["text"]} if text else
                           {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}})
            events.append({"type": "content_block_stop", "index": index})
        events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                       "usage": {"output_tokens": self.usage["output"]}})
        return None, events + [{"type": "message_stop"}]

    def shell_call(self, command):
        if self.shell != "exec":
            return {"type": "function_call", "arguments": json.dumps(self.arguments(command))}
        script = f"const done = await tools.exec_command({json.dumps({'cmd': command})}); text(done.output);"
        return {"type": "custom_tool_call", "input": script}

    def responses(self):
        taken = sum(str(item.get("type", "")).endswith("_output") for item in self.body["input"] if isinstance(item, dict))
        items = [{"type": "message", "id": f"msg_{self.number}_{at}", "role": "assistant", "status": "completed",
                  "content": [{"type": "output_text", "text": step, "annotations": []}]} if isinstance(step, str) else
                 {"id": f"fc_{self.number}_{at}", "call_id": f"call_{taken}_{at}", "status": "completed", "name": self.shell,
                  **self.shell_call(step["command"])} for at, step in enumerate(self.turn(taken))]
        whole = self.usage["input"] + self.usage["cache_read"]
        usage = {"input_tokens": whole, "input_tokens_details": {"cached_tokens": self.usage["cache_read"]},
                 "output_tokens": self.usage["output"], "output_tokens_details": {"reasoning_tokens": 0},
                 "total_tokens": whole + self.usage["output"]}
        response = {"id": f"resp_{self.number}", "object": "response", "status": "completed", "model": self.model, "output": items, "usage": usage}
        if not self.body.get("stream"):
            return response, None
        events = [{"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}}]
        for index, item in enumerate(items):
            events += [{"type": f"response.output_item.{what}", "output_index": index, "item": item} for what in ("added", "done")]
        return None, events + [{"type": "response.completed", "response": response}]

    def chat(self):
        taken = sum(message["role"] == "tool" for message in self.body["messages"])
        steps = self.turn(taken)
        message = {"role": "assistant", "content": " ".join(step for step in steps if isinstance(step, str))}
        calls = [{"index": 0, "id": f"call_{taken}", "type": "function", "function":
                  {"name": self.shell, "arguments": json.dumps(self.arguments(step["command"]))}} for step in steps if isinstance(step, dict)]
        if calls:
            message["tool_calls"] = calls
        usage = {"prompt_tokens": self.usage["input"], "completion_tokens": self.usage["output"],
                 "total_tokens": self.usage["input"] + self.usage["output"]}
        frame = {"id": f"chat_{self.number}", "object": "chat.completion.chunk", "created": 1, "model": self.model}
        stop = "tool_calls" if calls else "stop"
        if not self.body.get("stream"):
            return {**frame, "object": "chat.completion", "usage": usage,
                    "choices": [{"index": 0, "message": message, "finish_reason": stop}]}, None
        events = [{**frame, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
                  {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": stop}]}]
        if self.body.get("stream_options", {}).get("include_usage"):
            events.append({**frame, "choices": [], "usage": usage})
        return None, events

    def gemini(self, stream):
        taken = sum("functionResponse" in part for content in self.body["contents"] for part in content.get("parts", []))
        parts = [{"text": step} if isinstance(step, str) else
                 {"functionCall": {"name": self.shell, "args": self.arguments(step["command"])}} for step in self.turn(taken)]
        answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
                  "usageMetadata": {"promptTokenCount": self.usage["input"], "candidatesTokenCount": self.usage["output"],
                                    "totalTokenCount": self.usage["input"] + self.usage["output"]}}
        return (None, [answer]) if stream else (answer, None)


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if self.says.get("gzip") and self.command == "POST":
            self.send_header("Content-Encoding", "gzip")
            body = gzip.compress(body)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, events):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at, event in enumerate(events):
            if at == 1 and self.says.get("hold") and not asked_for_models.wait(20):
                event = {"type": "error", "error": {"type": "api_error", "message": "nobody saw the first event"}}
            kind = f"event: {event['type']}\n" if "type" in event else ""
            text = f"{kind}data: {json.dumps(event)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def has_key(self):
        key = self.says.get("key")
        return key and key in (self.headers.get("X-Api-Key"), self.headers.get("X-Goog-Api-Key"),
                               self.headers.get("Authorization", "").removeprefix("Bearer "))

    def administer(self, where, body):
        admin = self.says.get("admin", {})
        if not admin.get("key") or self.headers.get("X-Api-Key") != admin["key"]:
            return self.answer({"error": {"type": "authentication_error", "message": "no admin"}}, 401)
        keys = [{"id": key["id"], "status": "active", "partial_key_hint": key["hint"], "created_at": "2026-11-01T00:00:00Z",
                 "expires_at": None} for key in admin["keys"]]
        if self.command != "POST":
            return self.answer({"data": keys, "has_more": False, "last_id": keys[-1]["id"]})
        if status := self.says.get("admin_status"):
            return self.answer({"error": {"type": "api_error", "message": "out of order"}}, status)
        found = [key for key in keys if where == f"/v1/organizations/api_keys/{key['id']}"]
        return self.answer({**found[0], **body}) if found else self.answer({}, 404)

    def handle_any(self):
        with open(path("model.json")) as file:
            self.says = json.load(file)
        body = as_json(self.read_body())
        with lock, open(path("requests"), "a") as log:
            log.write(json.dumps({"method": self.command, "target": self.path, "body": body,
                                  "headers": [[name.lower(), value] for name, value in self.headers.items()]}) + "\n")
        where = self.path.partition("?")[0]
        if where.startswith("/v1/organizations/"):
            return self.administer(where, body)
        if not self.has_key():
            return self.answer({"error": {"type": "authentication_error", "message": "who are you?"}}, 401)
        if self.command != "POST":
            asked_for_models.set()
            return self.answer({"object": "list", "data": [{"id": "world", "object": "model"}], "models": []})
        if where.endswith(("/count_tokens", ":countTokens")):
            return self.answer({"input_tokens": 10, "totalTokens": 10})
        if status := self.says.get("status"):
            return self.answer({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, status)
        asked_for_models.clear()
        call = Call(body, self.says)
        if where == "/v1/messages":
            whole, events = call.anthropic()
        elif where == "/v1/responses":
            whole, events = call.responses()
        elif where == "/v1/chat/completions":
            whole, events = call.chat()
        elif "enerateContent" in where:
            whole, events = call.gemini("stream" in where)
        else:
            return self.answer({"error": {"type": "not_found_error", "message": self.path}}, 404)
        return self.answer(whole) if whole else self.stream(events)

    do_GET = do_POST = do_HEAD = handle_any


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
with open(path("model.json"), "w") as nothing:
    nothing.write("{}")
threading.Thread(target=Server(("11.1.1.4", 443), Application).serve_forever, daemon=True).start()
print("READY", flush=True)
signal.pause()  # until we are killed
