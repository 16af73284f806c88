#!/usr/bin/env python3
"""Sinks of the machine itself: rsyslog as Debian has it, files, the disk; and a user who is not root.
Usage: host_test.py BERM [unittest arguments]"""
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import receivers as r
from site_of_runs import BERM, Case, policy_of

USER = 4242


def need(test, path):
    """A tool that the tests install (scripts/install-dependencies --tests)."""
    if not os.path.exists(path):
        if os.environ.get("BERM_MUST_WORK"):
            test.fail(path + " is not installed")
        test.skipTest(path + " is not installed")


class Syslog(Case):
    """rsyslog as Debian has it, in the foreground, with a configuration of its own."""

    def setUp(self):
        self.rsyslogd = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
        need(self, self.rsyslogd)
        self.root = tempfile.mkdtemp(prefix="berm-rsyslog-")
        os.chmod(self.root, 0o755)  # what ships for root is not root
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def port(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]

    def make_certificates(self):
        ca = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        run = lambda *command: subprocess.run(command, cwd=self.root, check=True, capture_output=True)
        run(*ca, "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem")
        for name in ("server", "client"):
            run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name,
                "-keyout", name + ".key", "-out", name + ".csr")
            with open(self.root + "/ext", "w") as file:
                file.write("subjectAltName=IP:127.0.0.1\n")
            run("openssl", "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", name + ".pem")
            os.chmod(self.root + "/" + name + ".key", 0o600)

    def start(self, inputs):
        # Keeps the message, and beside it what rsyslog parsed of the head.
        with open(self.root + "/conf", "w") as file:
            file.write('global(workDirectory="%(d)s" maxMessageSize="1m")\n%(i)s\n'
                       'template(name="kept" type="string" string="%%pri%%|%%msgid%%|%%app-name%%|'
                       '%%structured-data%%|%%msg%%\\n")\n'
                       'action(type="omfile" file="%(d)s/out" template="kept" asyncWriting="off" '
                       'flushOnTXEnd="on")\n' % {"d": self.root, "i": inputs})
        self.log = open(self.root + "/log", "w")
        self.process = subprocess.Popen(
            [self.rsyslogd, "-n", "-f", self.root + "/conf", "-i", self.root + "/pid"],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def log_text(self):
        with open(self.root + "/log") as file:
            return file.read()

    def lines(self):
        out = []
        with open(self.root + "/out") as file:
            for row in file.read().splitlines():
                pri, msgid, app, sd, message = row.split("|", 4)
                if app != "berm":
                    continue
                line = message.strip()
                event = json.loads(line)
                self.assertEqual(msgid, event["type"][:32])
                self.assertIn(pri, ("110", "108"))
                self.assertEqual(sd, '[berm@32473 run="%s" seq="%d"]' % (event["run"], event["seq"]))
                out.append((event["seq"], line))
        return [line for _, line in sorted(set(out))]

    def await_port(self, port):
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        self.fail("rsyslog does not listen: " + self.log_text())

    def check(self, sink):
        site = self.site(policy_of(sink, head="require_sink = true"))
        done, report = site.run()
        self.assertEqual(done.returncode, 0, str(report.get("outcome")) + self.log_text())
        record = site.record(site.runs()[0])
        for _ in range(100):  # rsyslog writes when it likes
            if os.path.exists(self.root + "/out") and len(self.lines()) == len(record):
                break
            time.sleep(0.1)
        self.assertEqual(self.lines(), record)
        self.assertEqual(r.verify_chain(self.lines()), [])

    def test_rsyslog_over_tls_with_a_client_certificate_has_the_whole_record(self):
        self.make_certificates()
        port = self.port()
        self.start('global(defaultNetstreamDriver="gtls" '
                   'defaultNetstreamDriverCAFile="%(d)s/ca.pem" '
                   'defaultNetstreamDriverCertFile="%(d)s/server.pem" '
                   'defaultNetstreamDriverKeyFile="%(d)s/server.key")\n'
                   'module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" '
                   'streamDriver.authMode="x509/certvalid")\n'
                   'input(type="imtcp" address="127.0.0.1" port="%(p)d")'
                   % {"d": self.root, "p": port})
        self.addCleanup(self.stop)
        self.await_port(port)
        self.check('name = "s"\ntype = "syslog"\nurl = "tls://127.0.0.1:%(p)d"\n'
                   'ca_file = "%(d)s/ca.pem"\nclient_cert = "%(d)s/client.pem"\n'
                   'client_key = "file:%(d)s/client.key"' % {"d": self.root, "p": port})

    def test_rsyslog_over_tcp_has_it(self):
        port = self.port()
        self.start('module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="%d")' % port)
        self.addCleanup(self.stop)
        self.await_port(port)
        self.check('name = "s"\ntype = "syslog"\nurl = "tcp://127.0.0.1:%d"' % port)

    def test_rsyslog_over_udp_has_it(self):
        port = self.port()
        self.start('module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="%d")' % port)
        time.sleep(1)  # UDP has nothing to wait for
        try:
            self.check('name = "s"\ntype = "syslog"\nurl = "udp://127.0.0.1:%d"' % port)
        finally:
            self.stop()

    def start_on_a_socket(self):
        self.start('module(load="imuxsock" sysSock.use="off")\n'
                   'input(type="imuxsock" socket="%s/socket" useSpecialParser="off" '
                   'parseHostname="on")' % self.root)
        self.until(lambda: os.path.exists(self.root + "/socket"), "rsyslog's socket")

    def test_rsyslog_over_a_unix_socket_has_it_even_if_it_was_away(self):
        self.start_on_a_socket()
        self.addCleanup(lambda: self.stop())
        self.check('name = "s"\ntype = "syslog"\nurl = "unix://%s/socket"' % self.root)
        self.stop()
        os.unlink(self.root + "/out")
        site = self.site(policy_of('name = "s"\ntype = "syslog"\nurl = "unix://%s/socket"\n'
                                   'timeout = "500ms"' % self.root))
        process = site.start("sleep 4")
        self.until(lambda: os.path.isdir(site.root + "/state") and site.runs() and
                   any("unix" in l or self.root + "/socket" in l for l in site.record(site.runs()[0])
                       if '"sink.state"' in l), "the record says that rsyslog is away")
        self.start_on_a_socket()
        self.assertEqual(process.wait(timeout=60), 0)
        record = site.record(site.runs()[0])
        self.until(lambda: os.path.exists(self.root + "/out") and self.lines() == record,
                   "rsyslog has it all")

    def test_a_stream_socket_is_named_as_such(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.root + "/stream")
            listener.listen()
            site = self.site(policy_of('name = "s"\ntype = "syslog"\nurl = "unix://%s/stream"'
                                       % self.root))
            done = site.berm("audit", "test", "s", "--policy", site.policy, "--timeout", "1s")
            self.assertEqual(done.returncode, 1)
            self.assertIn("takes streams, not datagrams", done.stdout)


class Files(Case):
    def refused(self, path, why, site=None):
        site = site or self.site("")
        site.write_policy(policy_of('name = "f"\ntype = "file"\npath = "%s"' % path))
        done, _ = site.run("true")
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn(why, done.stdout + done.stderr)

    def test_evidence_is_not_written_where_somebody_else_can_change_it(self):
        site = self.site("")
        target = site.root + "/target"
        os.symlink(target, site.root + "/link")
        self.refused(site.root + "/link", "ELOOP", site)
        self.assertFalse(os.path.exists(target))
        for mode in (0o777, 0o1777):
            shared = "%s/shared-%o" % (site.root, mode)
            os.mkdir(shared)
            os.chmod(shared, mode)
        self.refused(site.root + "/shared-777/log", "other users may replace files", site)
        open_to_all = site.root + "/open"
        with open(open_to_all, "w"):
            os.chmod(open_to_all, 0o666)
        self.refused(open_to_all, "another user owns it or may write it", site)
        self.refused(site.repository + "/log", "within reach of the run", site)
        if os.geteuid() == 0:
            planted = site.root + "/shared-1777/log"
            with open(planted, "w"):
                os.chown(planted, USER, USER)
            self.refused(planted, "another user owns it", site)
        # Control: a name of one's own in such a directory (the sticky bit keeps it) is good.
        site.write_policy(policy_of('name = "f"\ntype = "file"\npath = "%s/shared-1777/mine"'
                                    % site.root, head="require_sink = true"))
        done, _ = site.run("true")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(stat.S_IMODE(os.stat(site.root + "/shared-1777/mine").st_mode), 0o600)


class Disk(Case):
    """What fsync says, seen by strace."""

    def setUp(self):
        need(self, "/usr/bin/strace")

    def calls(self, site, *arguments, follow=False, env=None):
        out = site.root + "/strace"
        done = subprocess.run(
            ["strace", *(["-f"] if follow else []), "-qq", "-y", "-s", "300", "-o", out, "-e",
             "trace=write,pwrite64,fdatasync,fsync,recvfrom", BERM, *arguments],
            cwd=site.repository, env=site.environment, capture_output=True, text=True, timeout=120)
        with open(out, errors="replace") as file:
            return done, file.read().splitlines()

    def test_the_record_goes_through_to_the_disk_when_the_policy_says(self):
        syncs = {}
        for choice in ("event", "checkpoint", "never"):
            site = self.site('[audit]\nfsync = "%s"\n' % choice)
            done, lines = self.calls(site, "run", "--policy", site.policy, "--", "sh", "-c", "sleep 2.5")
            self.assertEqual(done.returncode, 0, done.stderr)
            ours = [line for line in lines if "/record.jsonl>" in line and
                    line.split("(")[0].strip() in ("write", "fdatasync")]
            names = [line.split("(")[0].strip() for line in ours]
            syncs[choice] = names.count("fdatasync")
            if choice == "event":
                for first, second in zip(names[::2], names[1::2]):
                    self.assertEqual((first, second), ("write", "fdatasync"))
            if choice == "checkpoint":
                for before, after in zip(ours, ours[1:]):
                    if after.startswith("fdatasync") and before.startswith("write"):
                        self.assertRegex(before, r"checkpoint|^write")
                self.assertEqual(names[-1], "fdatasync")  # the end is on the disk
        self.assertEqual(syncs["never"], 0)
        self.assertTrue(2 <= syncs["checkpoint"] <= 6, syncs)
        self.assertGreater(syncs["event"], syncs["checkpoint"])

    def test_what_a_sink_has_is_noted_after_its_word_for_it_and_goes_to_the_disk(self):
        receiver = self.receiver(r.ndjson)
        site = self.site("")
        self.assertEqual(site.run()[0].returncode, 0)
        site.write_policy(policy_of('name = "a"\ntype = "http"\nurl = "%s"\nbatch_events = 20'
                                    % receiver.url))
        done, lines = self.calls(site, "audit", "resend", "latest", "--policy", site.policy,
                                 follow=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        heard, noted, synced = 0, 0, False
        for line in lines:
            if "HTTP/1.1 200 OK" in line:
                heard += 1
            if re.search(r"pwrite64\(\d+<[^>]*/sinks/a\.json>", line):
                noted += 1
                synced = False
                self.assertLessEqual(noted, heard, "noted before it was heard")
            if re.search(r"fdatasync\(\d+<[^>]*/sinks/a\.json>", line):
                synced = True
        self.assertGreater(noted, 2)
        self.assertTrue(synced, "\n".join(line for line in lines if "a.json" in line or "sync" in line)[-3000:])


class Others(Case):
    """Stores and messages that other people wrote (npm, tests/reports)."""

    def setUp(self):
        self.tools = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../reports")
        need(self, self.tools + "/node_modules/s3rver")

    def test_objects_in_an_s3_server_are_the_whole_record(self):
        store = tempfile.mkdtemp(prefix="berm-s3-")
        self.addCleanup(shutil.rmtree, store, ignore_errors=True)
        server = subprocess.Popen(["node", self.tools + "/s3_server.mjs", store, "evidence"],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        site = self.site(policy_of(
            'name = "a"\ntype = "s3"\nregion = "us-east-1"\nbucket = "evidence"\nprefix = "runs of a"\n'
            'url = "http://127.0.0.1:%d"\ntoken = "env:T"' % int(server.stdout.readline()),
            head="require_sink = true"))
        done, _ = site.run(env={"T": "S3RVER:S3RVER-" + "secret"})
        self.assertEqual(done.returncode, 0, done.stderr)
        run = site.runs()[0]
        held = site.berm("verify", run, "--held", "%s/evidence/runs of a/%s" % (store, run), "--json")
        self.assertEqual(held.returncode, 0, held.stdout + held.stderr)
        self.assertEqual(json.loads(held.stdout)["runs"][0]["events"], len(site.record(run)))

    def test_otlp_is_what_opentelemetrys_own_messages_say(self):
        receiver = self.receiver(r.otlp)
        site = self.site(policy_of('name = "a"\ntype = "otlp"\nurl = "%s"\nsignals = "logs+traces"'
                                   % receiver.url, head="require_sink = true"))
        for script in ("true; curl -s http://example.com", "exit 3"):
            site.run(script)
        with open(site.root + "/requests", "w") as file:
            for request in receiver.memory["requests"]:
                file.write(json.dumps(request) + "\n")
        self.assertEqual({one["path"] for one in receiver.memory["requests"]},
                         {"/v1/logs", "/v1/traces"})
        done = subprocess.run(["node", self.tools + "/check.mjs", "otlp", site.root + "/requests"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)


class User(Case):
    """As somebody who is not root: nothing of the above may need more."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("becoming another user needs root; the other tests run as one then")

    def test_a_user_ships_to_a_server_and_to_a_file_and_is_held_to_his_own_files(self):
        receiver = self.receiver(r.ndjson)
        site = self.site("", uid=USER)
        path = site.root + "/log"
        sinks = ('name = "a"\ntype = "http"\nurl = "%s"' % receiver.url,
                 'name = "f"\ntype = "file"\npath = "%s"' % path)
        site.write_policy(policy_of(*sinks, head="require_sink = true"))
        done, _ = site.run()
        self.assertEqual(done.returncode, 0, done.stderr)
        run = site.runs()[0]
        self.assert_whole(receiver, site, run)
        with open(path) as file:
            self.assertEqual(file.read().splitlines(), site.record(run))
        state = "%s/state/berm/runs/%s/sinks/a.json" % (site.root, run)
        self.assertEqual((os.stat(state).st_uid, stat.S_IMODE(os.stat(state).st_mode)), (USER, 0o600))
        again = site.berm("audit", "resend", run, "--all", "--sink", "a", "--policy", site.policy)
        self.assertEqual(again.returncode, 0, again.stderr)
        shutil.copy(path, "/tmp/berm-sinks-root")  # root's own, in a directory of everybody's
        self.addCleanup(os.unlink, "/tmp/berm-sinks-root")
        site.write_policy(policy_of('name = "f"\ntype = "file"\npath = "/tmp/berm-sinks-root"'))
        self.assertEqual(site.run("true")[0].returncode, 125)

    def test_a_killed_berm_of_a_user_leaves_no_gap(self):
        receiver = self.receiver(r.ndjson)
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"\nbatch_time = "10ms"'
                                   % receiver.url), uid=USER)
        process = site.start("while :; do /bin/true; done")
        self.until(lambda: len(receiver.requests) > 5, "events arrive")
        process.kill()
        process.wait()
        run = site.runs()[0]
        for _ in range(100):  # what the kernel has not yet killed of the run holds its lock
            again = site.berm("audit", "resend", run, "--policy", site.policy)
            if "it goes on" not in again.stderr:
                break
            time.sleep(0.1)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertEqual(receiver.lines(run), site.record(run))
        self.assertEqual(r.verify_chain(receiver.lines(run), complete=False), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
