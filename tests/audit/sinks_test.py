#!/usr/bin/env python3
"""A run's record arrives, whatever happens on the way. Usage: sinks_test.py BERM [unittest arguments]
BERM_KILLS=N (20): how often berm is killed at a random moment."""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import receivers as r
from site_of_runs import BERM, SOME_WORK, Case, policy_of



class Sinks(Case):
    def ship(self, protocol, sink, env=None, **more):
        receiver = self.receiver(protocol, **more)
        site = self.site(policy_of(sink % {"url": receiver.url}, head="require_sink = true"))
        done, report = site.run(env=env or {})
        self.assertEqual(done.returncode, 0, done.stderr + str(receiver.problems))
        self.assert_whole(receiver, site, report["run"]["id"] if "run" in report else site.runs()[0])
        return receiver, site

    def test_every_type_has_the_whole_record_and_the_chain_verifies_there(self):
        hec = {"T": "hec-" * 5 + "token"}
        aws = {"T": r.AWS_ID + ":" + r.AWS_KEY}
        for protocol, sink, env in (
                (r.ndjson, 'name = "a"\ntype = "http"\nurl = "%(url)s/x"', None),
                (r.json_array, 'name = "a"\ntype = "http"\nbody = "json"\nurl = "%(url)s/x"', None),
                (r.splunk, 'name = "a"\ntype = "splunk-hec"\nurl = "%(url)s"\nack = true\n'
                           'token = "env:T"', hec),
                (r.elasticsearch, 'name = "a"\ntype = "elasticsearch"\nurl = "%(url)s"\nindex = "i"\n'
                                  'user = "elastic"\ntoken = "env:T"', {"T": "secret:word"}),
                (r.loki, 'name = "a"\ntype = "loki"\nurl = "%(url)s"\ntenant = "team"\n'
                         'labels = { env = "test" }', None),
                (r.otlp, 'name = "a"\ntype = "otlp"\nurl = "%(url)s"\nsignals = "logs+traces"', None),
                (r.cloudwatch, 'name = "a"\ntype = "cloudwatch-logs"\nregion = "eu-north-1"\n'
                               'log_group = "/berm/runs"\nurl = "%(url)s/"\ntoken = "env:T"', aws),
                (r.s3, 'name = "a"\ntype = "s3"\nregion = "eu-north-1"\nbucket = "evidence"\n'
                       'prefix = "a b"\nlock = "COMPLIANCE"\nretain = "90d"\nlegal_hold = true\n'
                       'url = "%(url)s"\ntoken = "env:T"', aws)):
            with self.subTest(protocol.__name__):
                receiver, site = self.ship(protocol, sink, env)
                if protocol is r.otlp:
                    self.assertEqual([s["name"] for s in receiver.memory["spans"]][-1], "berm run")
                    self.assertEqual(receiver.memory["spans"][-1]["status"], {"code": 1})
                if protocol is r.s3:  # the same cuts, whoever sends: nothing is there twice
                    count = len(receiver.memory["objects"])
                    again = site.berm("audit", "resend", site.runs()[0], "--all", "--policy",
                                      site.policy, env=env)
                    self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
                    self.assertEqual(len(receiver.memory["objects"]), count)
                self.assertEqual(receiver.connections, 2 if protocol is r.s3 else 1)

    def test_a_run_that_failed_is_a_span_with_an_error(self):
        receiver = self.receiver(r.otlp)
        site = self.site(policy_of('name = "a"\ntype = "otlp"\nurl = "%s"\nsignals = "traces"\n'
                                   'batch_events = 2' % receiver.url))
        self.assertEqual(site.run("exit 3")[0].returncode, 3)
        status = receiver.memory["spans"][-1]["status"]
        self.assertEqual((status["code"], "exited with code 3" in status["message"]), (2, True))

    def test_a_file_and_a_descriptor_have_it_too(self):
        site = self.site("")
        path = site.root + "/log.jsonl"
        site.write_policy(policy_of('name = "f"\ntype = "file"\npath = "%s"' % path,
                                    'name = "e"\ntype = "fd"\nto = "stderr"'))
        with open(path, "w") as file:
            file.write('{"torn":')  # a berm that was killed in the middle of a line
        done, _ = site.run("true")
        self.assertEqual(done.returncode, 0, done.stderr)
        record = site.record(site.runs()[0])
        with open(path) as file:
            self.assertEqual(file.read().splitlines(), ['{"torn":'] + record)
        self.assertEqual([l for l in done.stderr.splitlines() if l.startswith('{"data"')], record)

    def test_answers_of_500_slow_ones_and_broken_connections_lose_nothing(self):
        luck = random.Random(6)

        def faults(receiver, path):
            return luck.choice([None, None, ("status", 500, {}), ("status", 503, {"Retry-After": "1"}),
                                ("status", 429, {}), ("reset",), ("half",), ("slow", 0.3)])

        receiver, _ = self.ship(r.ndjson, 'name = "a"\ntype = "http"\nurl = "%(url)s"\n'
                                          'batch_events = 9\nbatch_time = "20ms"', faults=faults)
        self.assertGreater(len(receiver.requests), 8)

    def test_a_partial_answer_moves_on_to_the_first_that_is_missing(self):
        busy = {7: [429, 503], 9: [500]}
        receiver = self.receiver(r.elasticsearch)
        receiver.memory["per_item"] = lambda seq: busy[seq].pop(0) if busy.get(seq) else None
        site = self.site(policy_of(
            'name = "a"\ntype = "elasticsearch"\nurl = "%s"\nindex = "i"\nuser = "elastic"\n'
            'token = "env:T"' % receiver.url, head="require_sink = true"))
        done, _ = site.run(env={"T": "secret:word"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_whole(receiver, site, site.runs()[0])
        self.assertEqual(busy, {7: [], 9: []})

    def test_an_event_that_is_refused_for_good_is_named(self):
        receiver = self.receiver(r.elasticsearch)
        receiver.memory["per_item"] = lambda seq: 400 if seq == 3 else None
        site = self.site(policy_of(
            'name = "a"\ntype = "elasticsearch"\nurl = "%s"\nindex = "i"\nuser = "elastic"\n'
            'token = "env:T"' % receiver.url))
        done, report = site.run(env={"T": "secret:word"})
        self.assertEqual(done.returncode, 0, done.stderr)
        run = site.runs()[0]
        held = [json.loads(line)["seq"] for line in receiver.lines(run)]
        self.assertEqual(held, [n for n in range(len(site.record(run))) if n != 3])
        self.assertTrue(any("lacks 1 of" in note for note in report["notes"]), report["notes"])
        status = json.loads(site.berm("audit", "status", run, "--json").stdout)
        self.assertFalse(status["complete"])
        self.assertTrue(status["sinks"][0]["gaps"][0].startswith("3: 400"), status)
        states = [json.loads(l)["data"] for l in site.record(run) if '"sink.state"' in l]
        self.assertTrue(any(s["refused"] == 1 for s in states), states)

    def test_too_large_a_batch_is_halved_and_too_large_an_event_is_named(self):
        def small(receiver, method, path, headers, body):
            if len(body) > 5000:
                return 413, {}, b"too large"
            return r.ndjson(receiver, method, path, headers, body)

        receiver = self.receiver(small)
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"' % receiver.url))
        done, report = site.run(SOME_WORK + "; true " + "x" * 6000)
        self.assertEqual(done.returncode, 0, done.stderr)
        run = site.runs()[0]
        missing = {n for n, line in enumerate(site.record(run)) if len(line) >= 5000}
        held = {json.loads(line)["seq"] for line in receiver.lines(run)}
        self.assertTrue(missing)
        self.assertEqual(held, set(range(len(site.record(run)))) - missing)
        self.assertTrue(any("lacks %d of" % len(missing) in n for n in report["notes"]), report["notes"])

    def test_a_filter_keeps_its_types_and_counts_the_rest_as_done(self):
        receiver = self.receiver(r.ndjson)
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"\n'
                                   'filter = ["run.*", "verdict"]' % receiver.url,
                                   head="require_sink = true"))
        done, _ = site.run()
        self.assertEqual(done.returncode, 0, done.stderr)
        types = {json.loads(line)["type"] for line in receiver.lines(site.runs()[0])}
        self.assertLessEqual({"run.start", "run.outcome", "run.end", "verdict"}, types)
        self.assertLessEqual(types, {"run.start", "run.outcome", "run.end", "verdict", "checkpoint", "record.key"})

    def test_without_its_sink_the_run_ends_with_123_after_the_grace_and_nothing_is_imported(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        sink = 'name = "a"\ntype = "http"\nurl = "http://127.0.0.1:%d"\nbatch_time = "20ms"' % port
        site = self.site(policy_of(sink, head='require_sink = true\ngrace = "2s"'))
        began = time.monotonic()
        done, report = site.run("echo x > new; sleep 60")
        self.assertEqual(done.returncode, 123, done.stderr)
        self.assertLess(time.monotonic() - began, 40)
        self.assertEqual(report["outcome"]["kind"], "record_lost", report)
        self.assertIn("require_sink", report["outcome"]["what"])
        # A run that ends before the grace does not pass either.
        done, report = site.run("echo x > new")
        self.assertEqual(done.returncode, 123, done.stderr)
        self.assertFalse(os.path.exists(site.repository + "/new"))
        # Without the demand it is told, and sent again when the receiver is back.
        site.write_policy(policy_of(sink, head='grace = "1s"'))
        done, report = site.run("true")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(any("berm audit resend" in note for note in report["notes"]), report)
        run = report.get("id") or sorted(
            site.runs(), key=lambda n: os.stat(site.root + "/state/berm/runs/" + n).st_mtime)[-1]
        again = site.berm("audit", "resend", run, "--policy", site.policy, "--timeout", "2s")
        self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
        receiver = self.receiver(r.ndjson, port=port)
        again = site.berm("audit", "resend", run, "--policy", site.policy)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assert_whole(receiver, site, run)
        count = len(receiver.requests)
        self.assertEqual(site.berm("audit", "resend", run, "--policy", site.policy).returncode, 0)
        self.assertEqual(len(receiver.requests), count)  # it has it all
        self.assertEqual(
            site.berm("audit", "resend", run, "--all", "--policy", site.policy).returncode, 0)
        self.assertGreater(len(receiver.requests), count)
        self.assertEqual(site.berm("audit", "status", run).returncode, 0)

    def test_more_than_the_spool_unshipped_ends_the_run(self):
        receiver = self.receiver(r.ndjson, faults=lambda *_: ("status", 503, {}))
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"' % receiver.url,
                                   head='spool = "64KiB"\ngrace = "1s"'))
        done, report = site.run("while :; do /bin/true; done")
        self.assertEqual(done.returncode, 123, done.stderr)
        self.assertIn("audit.spool", report["outcome"]["what"])

    def test_a_full_disk_is_no_loss(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        site = self.site("")
        small = site.root + "/small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small])
        with open(small + "/filler", "wb") as file:
            file.write(b"x" * (256 * 1024 - 8192))
        path = small + "/log.jsonl"
        site.write_policy(policy_of('name = "f"\ntype = "file"\npath = "%s"\nbatch_time = "20ms"'
                                    % path))
        room = threading.Timer(1.5, os.unlink, [small + "/filler"])
        room.start()
        done, report = site.run(SOME_WORK * 1 + "; sleep 1; " + SOME_WORK)
        room.join()
        self.assertEqual(done.returncode, 0, done.stderr)
        record = site.record(site.runs()[0])
        with open(path) as file:
            self.assertEqual(file.read().splitlines(), record)
        self.assertTrue(any('"sink.state"' in line and "ENOSPC" in line for line in record))

    def test_test_sends_one_marked_event_and_says_what_came_of_it(self):
        receiver = self.receiver(r.ndjson)
        site = self.site(policy_of('name = "good"\ntype = "http"\nurl = "%s"' % receiver.url,
                                   'name = "bad"\ntype = "http"\nurl = "http://127.0.0.1:9"'))
        good = site.berm("audit", "test", "good", "--policy", site.policy)
        self.assertEqual((good.returncode, "1 of 1" in good.stdout), (0, True), good.stderr)
        (run,) = receiver.events
        self.assertEqual(json.loads(receiver.lines(run)[0])["type"], "audit.test")
        every = site.berm("audit", "test", "--all", "--timeout", "2s", "--policy", site.policy)
        self.assertEqual(every.returncode, 1)
        self.assertIn("0 of 1", every.stdout)
        unknown = site.berm("audit", "test", "goof", "--policy", site.policy)
        self.assertEqual((unknown.returncode, "did you mean 'good'" in unknown.stderr), (2, True))

    def test_an_object_of_somebody_else_is_no_evidence(self):
        aws = {"T": r.AWS_ID + ":" + r.AWS_KEY}
        sink = ('name = "a"\ntype = "s3"\nregion = "eu-north-1"\nbucket = "evidence"\n'
                'prefix = "a b"\nlock = "COMPLIANCE"\nretain = "90d"\nlegal_hold = true\n'
                'url = "%s"\ntoken = "env:T"\ntimeout = "2s"')
        receiver = self.receiver(r.s3)
        receiver.memory["forget"] = True  # it keeps the object, and its answer is lost
        site = self.site(policy_of(sink % receiver.url, head="require_sink = true"))
        done, _ = site.run(env=aws)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_whole(receiver, site, site.runs()[0])
        self.assertIn("HEAD", [request[0] for request in receiver.requests])
        receiver.memory["objects"].clear()
        receiver.memory["another's"] = True
        again = site.berm("audit", "resend", site.runs()[0], "--all", "--policy", site.policy,
                          "--timeout", "3s", env=aws)
        self.assertEqual(again.returncode, 1)
        self.assertIn("another object", again.stdout)

    def test_the_policy_of_the_repository_needs_the_word_of_the_user(self):
        receiver = self.receiver(r.ndjson)
        site = self.site("")
        with open(site.repository + "/berm.toml", "w") as file:
            file.write(policy_of('name = "a"\ntype = "http"\nurl = "%s"' % receiver.url))
        for command in (["git", "add", "-A"], ["git", "-c", "user.name=a", "-c", "user.email=a@b",
                                               "commit", "-q", "-m", "b"]):
            subprocess.run(command, cwd=site.repository, env=site.environment, check=True)
        refused = site.berm("run", "--", "true")
        self.assertEqual(refused.returncode, 125)
        self.assertIn("agree with --sink a", refused.stderr)
        self.assertEqual(receiver.requests, [])
        self.assertEqual(site.berm("run", "--sink", "a", "--", "true").returncode, 0)
        self.assertNotEqual(receiver.requests, [])

    def test_killed_at_any_moment_what_was_acknowledged_is_there_and_the_rest_can_be_sent(self):
        luck = random.Random(1)

        def faults(receiver, path):
            return luck.choice([None] * 6 + [("status", 500, {}), ("half",), ("reset",)])

        receiver = self.receiver(r.ndjson, faults=faults)
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"\nbatch_time = "10ms"\n'
                                   'batch_events = 20' % receiver.url))
        for _ in range(int(os.environ.get("BERM_KILLS", "20"))):
            before = set(site.runs()) if os.path.isdir(site.root + "/state") else set()
            process = site.start("while :; do /bin/true; done")
            time.sleep(luck.uniform(0.02, 0.8))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for run in set(site.runs()) - before:
                self.after_the_kill(receiver, site, run)
        self.assertGreater(len(receiver.events), 0)
        self.assertEqual(receiver.problems, [])

    def after_the_kill(self, receiver, site, run):
        directory = "%s/state/berm/runs/%s" % (site.root, run)
        if not os.path.exists(directory + "/record.jsonl"):
            return
        # At any time: what is acknowledged is at the receiver.
        for _ in range(3):
            try:
                with open(directory + "/sinks/a.json") as file:
                    acknowledged = json.loads(file.read())["acknowledged"]
            except (FileNotFoundError, ValueError):
                acknowledged = 0
            held = {json.loads(line)["seq"] for line in receiver.lines(run)}
            self.assertLessEqual(set(range(acknowledged)), held)
        resent = site.berm("audit", "resend", run, "--policy", site.policy, "--json",
                           "--timeout", "100s")
        for _ in range(100):  # what the kernel has not yet killed of the run holds its lock
            if "it goes on" not in resent.stderr:
                break
            time.sleep(0.1)
            resent = site.berm("audit", "resend", run, "--policy", site.policy, "--json",
                           "--timeout", "100s")
        whole = [line for line in site.record(run)]
        if whole and not whole[-1].endswith("}"):
            whole.pop()  # torn
        self.assertEqual(resent.returncode, 0, resent.stdout + resent.stderr)
        self.assertEqual(receiver.lines(run), whole)
        self.assertEqual(r.verify_chain(receiver.lines(run), complete=False), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
