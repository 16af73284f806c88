#!/usr/bin/env python3
"""Receivers that must be who they say, and receivers that mean harm. Usage: peers_test.py BERM [unittest arguments]"""
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import receivers as r
from site_of_runs import Case, policy_of


class Authority:
    """A CA of the test's own, by openssl."""

    def __init__(self, root):
        self.root = root
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                     "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.root, check=True, capture_output=True)

    def path(self, name):
        return self.root + "/" + name

    def issue(self, name, host="IP:127.0.0.1", days=2):
        with open(self.path("ext"), "w") as file:
            file.write("subjectAltName=%s\n" % host)
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout",
                     name + ".key", "-out", name + ".csr")
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", str(days), "-extfile", "ext", "-out", name + ".pem")
        os.chmod(self.path(name + ".key"), 0o600)

    def context(self, name, clients=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path("ca.pem"))
        return context


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="berm-ca-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        for name in ("ours", "others"):
            os.mkdir(cls.root + "/" + name)
        cls.ca, cls.other = Authority(cls.root + "/ours"), Authority(cls.root + "/others")
        cls.ca.issue("server")
        cls.ca.issue("client")
        cls.ca.issue("elsewhere", host="DNS:siem.example")
        cls.ca.issue("expired", days=-1)
        cls.other.issue("server")

    def sink(self, receiver, more=""):
        return ('name = "a"\ntype = "http"\nurl = "%s"\ntimeout = "3s"\nca_file = "%s"\n%s'
                % (receiver.url, self.ca.path("ca.pem"), more))

    def test_a_ca_of_ones_own_and_a_client_certificate(self):
        receiver = self.receiver(r.ndjson, tls=self.ca.context("server", clients=True))
        more = 'client_cert = "%s"\nclient_key = "file:%s"' % (self.ca.path("client.pem"),
                                                              self.ca.path("client.key"))
        site = self.site(policy_of(self.sink(receiver, more), head="require_sink = true"))
        done, _ = site.run()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_whole(receiver, site, site.runs()[0])
        self.assertEqual(receiver.connections, 1)

    def test_whoever_is_not_the_receiver_gets_nothing_and_the_record_says_why(self):
        for context, why in ((self.ca.context("elsewhere"), "mismatch"),
                             (self.ca.context("expired"), "expired"),
                             (self.other.context("server"), "issuer"),
                             (self.ca.context("server", clients=True), "certificate required")):
            with self.subTest(why):
                receiver = self.receiver(r.ndjson, tls=context)
                head = 'grace = "1s"\n'
                site = self.site(policy_of(self.sink(receiver), head=head))
                done, report = site.run("sleep 1")
                self.assertEqual(done.returncode, 0, done.stderr)
                states = [json.loads(line)["data"] for line in site.record(site.runs()[0])
                          if '"type":"sink.state"' in line]
                self.assertTrue(any(why in s["why"] for s in states), states)
                self.assertTrue(any(why in note for note in report["notes"]), report["notes"])
                site.write_policy(policy_of(self.sink(receiver), head=head + "require_sink = true"))
                done, report = site.run("sleep 1; echo x > new")
                self.assertEqual((done.returncode, report["outcome"]["kind"]), (123, "record_lost"))
                self.assertIn(why, report["outcome"]["what"])
                self.assertFalse(os.path.exists(site.repository + "/new"))
                self.assertEqual(receiver.requests, [])


class Token(Case):
    def test_the_token_is_that_of_a_grant(self):
        receiver = self.receiver(r.ndjson)
        value = "tok-" + "0123456789abcdef" * 2
        site = self.site(
            '[credentials.siem]\nfrom = "env:SIEM"\nto = [{ host = "siem.example", '
            'header = "Authorization", format = "Bearer {}" }]\nenv = "SIEM"\n'
            + policy_of('name = "a"\ntype = "http"\nurl = "%s"\ntoken = "credential:siem"'
                        % receiver.url, head="require_sink = true"))
        done, _ = site.run("echo $SIEM", env={"SIEM": value})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_whole(receiver, site, site.runs()[0])
        self.assertEqual({request[2]["Authorization"] for request in receiver.requests},
                         {"Bearer " + value})
        self.assertNotIn(value, "".join(site.record(site.runs()[0])) + done.stdout + done.stderr)
        outside = site.berm("audit", "resend", site.runs()[0], "--policy", site.policy,
                            env={"SIEM": value})
        self.assertEqual(outside.returncode, 125, outside.stdout)
        self.assertIn("outside of a run", outside.stderr)
        site.write_policy(policy_of('name = "a"\ntype = "http"\nurl = "%s"\n'
                                    'token = "credential:nobody"' % receiver.url))
        self.assertIn("which the policy has not", site.run("true")[0].stderr)

    def test_a_token_goes_nowhere_by_a_redirect(self):
        thief = self.receiver(r.ndjson)
        receiver = self.receiver(r.ndjson, faults=lambda *_: ("status", 307, {"Location": thief.url}))
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"\ntoken = "env:T"'
                                   % receiver.url))
        done = site.berm("audit", "test", "a", "--policy", site.policy, "--timeout", "2s",
                         env={"T": "0123456789abcdef"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("redirect (307)", done.stdout)
        self.assertEqual(thief.requests, [])


class Hostile(threading.Thread):
    """A server that sends `begin`, then `again` for as long as anybody takes it."""

    def __init__(self, begin, again=b"", pause=0.0):
        super().__init__(daemon=True)
        self.begin, self.again, self.pause = begin, again, pause
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # else accept() goes on with a closed socket
        self.join()
        self.listener.close()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.recv(65536)
            connection.sendall(self.begin)
            while self.again:
                connection.sendall(self.again)
                time.sleep(self.pause)
            while connection.recv(65536):
                pass
        except OSError:
            pass
        connection.close()


class Harm(Case):
    def test_no_answer_is_endless_and_none_of_these_counts(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        for name, server, why in (
                ("headers", Hostile(ok, b"X-A: " + b"y" * 1000 + b"\r\n"), "header limit"),
                ("a header", Hostile(ok + b"X-A: ", b"y" * 1000), "limit"),
                ("a body", Hostile(ok + b"\r\n", b"y" * 65536), "body limit"),
                ("a chunk's line", Hostile(ok + b"Transfer-Encoding: chunked\r\n\r\n5;", b"y" * 1000),
                 "buffer"),
                ("interim answers", Hostile(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "100"),
                ("drips", Hostile(ok, b"X", 0.05), "ETIMEDOUT"),
                ("silence", Hostile(b""), "ETIMEDOUT"),
                ("no HTTP", Hostile(b"\x16\x03\x01\x02\x00\x01\x00", b"\x00\x00"), "response"),
                ("half an answer", Hostile(ok + b"Content-Length: 5\r\n\r\nab"), "ETIMEDOUT")):
            with self.subTest(name):
                self.addCleanup(server.stop)
                site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"\ntimeout = "700ms"'
                                           % server.url))
                done = site.berm("audit", "test", "a", "--policy", site.policy, "--timeout", "2s")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("0 of 1", done.stdout)
                self.assertIn(why, done.stdout)

    def test_200_with_nonsense_is_no_acknowledgement(self):
        for body in (b"", b"ok", b"[]", b'{"code":"0"}', b'{"items":{}}', b"\x1f\x8b\x08\x00gzip"):
            for kind, more in (("splunk-hec", ""), ("elasticsearch", 'index = "i"\n')):
                with self.subTest(kind + repr(body)):
                    server = Hostile(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
                                     b"%d\r\n\r\n%s" % (len(body), body))
                    self.addCleanup(server.stop)
                    site = self.site(policy_of('name = "a"\ntype = "%s"\nurl = "%s"\n'
                                               'token = "env:T"\n%s' % (kind, server.url, more)))
                    done = site.berm("audit", "test", "a", "--policy", site.policy, "--timeout", "1s",
                                     env={"T": "0123456789abcdef"})
                    self.assertEqual(done.returncode, 1, done.stdout)
                    self.assertIn("0 of 1", done.stdout)

    def test_an_answer_before_the_end_of_the_request_is_heard(self):
        told = []

        def faults(receiver, path):
            if receiver.memory["length"] < 20000 or len(told) == 3:
                return None
            told.append(path)
            return ("early", 413)

        receiver = self.receiver(r.ndjson, faults=faults)
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"' % receiver.url,
                                   head="require_sink = true"))
        done, _ = site.run("i=0; while [ $i -lt 600 ]; do /bin/true; i=$((i+1)); done")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(told)
        self.assert_whole(receiver, site, site.runs()[0])

    def test_what_the_policy_may_not_say(self):
        http = 'name = "a"\ntype = "http"\n'
        good = http + 'url = "https://siem.example"\n'
        for sink in (http + 'url = "http://siem.example"', http + 'url = "http://10.0.0.1"',
                     http + 'url = "http://127.0.0.1.evil.example"',
                     http + 'url = "https://user:word@siem.example"',
                     good + 'token = "Bearer abc"',
                     good + 'headers = { "x-a" = "b\\r\\nHost: evil.example" }',
                     good + 'headers = { "x-a\\r\\nHost" = "b" }',
                     good + 'headers = { "Host" = "evil.example" }',
                     good + 'headers = { "content-length" = "0" }',
                     good + 'headers = { "Transfer-Encoding" = "chunked" }'):
            with self.subTest(sink):
                site = self.site(policy_of(sink))
                done = site.berm("run", "--policy", site.policy, "--", "true")
                self.assertEqual(done.returncode, 125, done.stderr)
                self.assertIn("policy.toml", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
