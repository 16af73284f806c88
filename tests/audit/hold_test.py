#!/usr/bin/env python3
"""overflow = "block": a run waits while its sinks are behind. Usage: hold_test.py BERM [unittest arguments]"""
import json
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import receivers as r
from site_of_runs import Case, policy_of

BLOCK = 'overflow = "block"\nspool = "64KiB"\ngrace = "%s"\n'
MOST_WHILE_HELD = 40  # checkpoints, changes of sinks, and what was under way
PROGRAMS = "i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done"
# No program and no name service: only egress' own events.
REQUESTS = """python3 -c '
import http.client, os, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["http_proxy"])
for i in range(%d):
    connection = http.client.HTTPConnection(proxy.hostname, proxy.port)
    connection.request("GET", "http://nobody-%%d.example/" %% i)
    assert connection.getresponse().status == 403
    connection.close()
'"""


class Hold(Case):
    def setUp(self):
        self.open = threading.Event()

    def held(self, script, rest="", grace="20s"):
        """A run that is held by now."""
        self.sink = self.receiver(
            r.ndjson, faults=lambda *_: None if self.open.is_set() else ("status", 503, {}))
        site = self.site(policy_of('name = "a"\ntype = "http"\nurl = "%s"\nbatch_time = "20ms"'
                                   % self.sink.url, head=BLOCK % grace) + rest)
        process = site.start(script)
        self.addCleanup(process.kill)
        self.until(lambda: os.path.isdir(site.root + "/state") and site.runs() and
                   "sink.blocked" in site.types(site.runs()[0]), "the run is held")
        return site, process

    def assert_held(self, site, seconds=2):
        before = len(site.record(site.runs()[0]))
        time.sleep(seconds)  # the claim is that nothing happens
        after = len(site.record(site.runs()[0]))
        self.assertLess(after - before, MOST_WHILE_HELD)

    def assert_goes_on(self, site, process):
        self.open.set()
        self.assertEqual(process.wait(timeout=90), 0)
        run = site.runs()[0]
        self.assert_whole(self.sink, site, run)
        types = site.types(run)
        begins = [n for n, name in enumerate(types) if name == "sink.blocked"]
        ends = [n for n, name in enumerate(types) if name == "sink.unblocked"]
        self.assertEqual(len(begins), len(ends), types)
        for begin, end in zip(begins, ends):
            self.assertLess(begin, end)
            self.assertLess(end - begin, MOST_WHILE_HELD)
        first = [json.loads(site.record(run)[n])["data"] for n in (begins[0], ends[0])]
        self.assertGreater(first[0]["lag_bytes"], 64 << 10)
        self.assertGreater(first[1]["blocked_ms"], 0)
        return types

    def test_programs_wait_and_then_every_one_is_at_the_sink(self):
        site, process = self.held(PROGRAMS % 1500)
        self.assert_held(site)
        self.assertIsNone(process.poll())
        types = self.assert_goes_on(site, process)
        self.assertGreaterEqual(types.count("exec"), 1500)

    def test_what_egress_refuses_waits_and_none_of_it_is_lost(self):
        site, process = self.held(REQUESTS % 600, rest='[network]\nallow = ["api.example.com"]\n')
        self.assert_held(site)
        types = self.assert_goes_on(site, process)
        self.assertEqual(types.count("net.denied"), 600)

    def test_the_time_limit_ends_a_run_that_is_held(self):
        site, process = self.held(PROGRAMS % 100000, rest='[limits]\ntime = "5s"\n',
                                  grace="1s")
        self.assertEqual(process.wait(timeout=60), 124)
        run = site.runs()[0]
        self.assertEqual(r.verify_chain(site.record(run)), [])
        self.assertIn("limit.hit", site.types(run))

    def test_a_signal_ends_it_too(self):
        site, process = self.held(PROGRAMS % 100000, grace="1s")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        self.assertEqual(r.verify_chain(site.record(site.runs()[0])), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
