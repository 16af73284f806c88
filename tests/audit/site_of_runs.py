"""Runs of the real binary with a policy of their own, for the tests of sinks."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import receivers as r

BERM = os.path.abspath(sys.argv[1])
SOME_WORK = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done"


class Site:
    """A repository, a state directory and a policy of the user's own."""

    def __init__(self, policy, uid=None):
        self.root = tempfile.mkdtemp(prefix="berm-sinks-")
        os.chmod(self.root, 0o755)
        self.who = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        if uid is not None:
            os.chown(self.root, uid, uid)
        self.repository = self.root + "/repo"
        subprocess.run(["mkdir", self.repository, self.root + "/home"], check=True, **self.who)
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.root + "/home",
                            "XDG_STATE_HOME": self.root + "/state"}
        for command in (["git", "init", "-q"], ["git", "-c", "user.name=a", "-c", "user.email=a@b",
                                                "commit", "-q", "--allow-empty", "-m", "a"]):
            subprocess.run(command, cwd=self.repository, env=self.environment, check=True, **self.who)
        self.policy = self.root + "/policy.toml"
        self.write_policy(policy)

    def write_policy(self, policy):
        with open(self.policy, "w") as file:
            file.write(policy)

    def berm(self, *arguments, **more):
        environment = dict(self.environment, **more.pop("env", {}))
        return subprocess.run([BERM, *arguments], cwd=self.repository, env=environment,
                              capture_output=True, text=True, timeout=120, **self.who, **more)

    def start(self, script, **more):
        """The same in the background; its output is lost."""
        return subprocess.Popen(
            [BERM, "run", "--policy", self.policy, "--", "sh", "-c", script], cwd=self.repository,
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **self.who, **more)

    def run(self, script=SOME_WORK, **more):
        done = self.berm("run", "--json", "--policy", self.policy, "--", "sh", "-c", script, **more)
        report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        return done, report

    def runs(self):
        return sorted(os.listdir(self.root + "/state/berm/runs"))

    def types(self, run):
        return [json.loads(line)["type"] for line in self.record(run)]

    def record(self, run):
        """Its whole lines so far; none before the first."""
        path = "%s/state/berm/runs/%s/record.jsonl" % (self.root, run)
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [line for line in file.read().split("\n")[:-1]]

    def close(self):
        # Evidence for the schema of events: record-schema reads them.
        kept = os.path.join(os.path.dirname(BERM), "records")
        os.makedirs(kept, exist_ok=True)
        for run in self.runs() if os.path.isdir(self.root + "/state/berm/runs") else []:
            record = "%s/state/berm/runs/%s/record.jsonl" % (self.root, run)
            if os.path.exists(record):
                shutil.copyfile(record, "%s/%s.jsonl" % (kept, run))
        shutil.rmtree(self.root, ignore_errors=True)


def policy_of(*sinks, head=""):
    return "[audit]\n" + head + "\n" + "".join("[[audit.sinks]]\n%s\n" % sink for sink in sinks)


class Case(unittest.TestCase):
    def site(self, policy, uid=None):
        site = Site(policy, uid)
        self.addCleanup(site.close)
        return site

    def receiver(self, protocol, **more):
        receiver = r.Receiver(protocol, **more)
        self.addCleanup(receiver.stop)
        return receiver

    def assert_whole(self, receiver, site, run):
        self.assertEqual(receiver.problems, [])
        self.assertEqual(receiver.lines(run), site.record(run))
        self.assertEqual(r.verify_chain(receiver.lines(run)), [])

    def until(self, condition, what, seconds=60):
        """Polls: what it waits for has no descriptor."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail("never: " + what)
            time.sleep(0.02)
