"""rig.py -- a local cluster of real processes under test: started, killed, stopped, asked. For the tests of this folder.

Nothing here sleeps for an effect: `until` waits for a condition, and how long that took is nobody's business but the report's."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from kafka_wire import Closed, Connection, Silence

PATIENCE_S = 60
# A cluster's ports are within PORTS of its first. Below those that the kernel gives to outgoing connections, one of which could
# take the place of a node that is down.
PORT_FIRST, PORTS = 22092, 600
CONTROLLERS = [f"controller-{n}" for n in (1, 2, 3)]
BROKERS = [f"broker-{n}" for n in range(1, 10)]


def until(what, condition, patience=PATIENCE_S):
    """The first true value of `condition()`."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"it did not come to this in {patience} s: {what}")
        time.sleep(0.005)


def stands_still(pid):
    def state(thread):
        with open(f"/proc/{pid}/task/{thread}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]

    return all(state(thread) in "Tt" for thread in os.listdir(f"/proc/{pid}/task"))


class Cluster:
    """Three controllers and three brokers in a folder of their own. Broker n listens on port + n - 1."""

    run_timeout_s = None

    def __init__(self, build, port=PORT_FIRST, settings=(), brokers=3, controllers=3):
        self.jackdaw = os.path.join(os.path.abspath(build), "cli", "jackdaw")
        self.witness_program = os.path.join(os.path.abspath(build), "tests", "bench", "witness")
        self.port = port
        self.parent = tempfile.mkdtemp(prefix="jackdaw-e2e-")
        self.dir = os.path.join(self.parent, "c")
        self.settings = list(settings)
        self.brokers, self.controllers = BROKERS[:brokers], CONTROLLERS[:controllers]
        self.witnesses = []

    def __enter__(self):
        for self.port in range(self.port, self.port + 4 * PORTS, PORTS):
            try:
                self.up()
                return self
            except AssertionError as e:
                if "in use by another program" not in str(e):
                    self.__exit__(AssertionError)
                    raise
        raise AssertionError("all ports are in use")

    def __exit__(self, kind, *_):
        for node in self.nodes:
            self.signal(node, signal.SIGCONT)
        for witness in self.witnesses:
            witness.kill()
            witness.communicate()
        if kind is not None:
            self.print_logs()
        self.run("down", check=False)
        shutil.rmtree(self.parent, ignore_errors=True)

    @property
    def nodes(self):
        return self.brokers + self.controllers

    def print_logs(self, lines=40):
        for node in self.nodes:
            print(f"-- the end of the log of {node}")
            print("\n".join(self.log(node).splitlines()[-lines:]))

    @property
    def where(self):
        """How a verb, and the witness, are told which cluster it is."""
        return ["--dir", self.dir]

    def run(self, *words, check=True, text=None):
        done = subprocess.run([self.jackdaw, *words, *self.where], input=text, capture_output=True, text=True,
                              timeout=self.run_timeout_s)
        if check and done.returncode != 0:
            raise AssertionError(f"jackdaw {' '.join(words)}: status {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def up(self):
        shape = ["--brokers", str(len(self.brokers)), "--controllers", str(len(self.controllers)), "--port", str(self.port)]
        return self.run("up", *shape, *[word for s in self.settings for word in ("--set", s)])

    # ---- Processes.

    def pid(self, node):
        """0: it does not run. A zombie has ended when it was the last of its threads."""
        try:
            with open(os.path.join(self.dir, node, "pid")) as f:
                pid, start = f.read().split()[:2]
            with open(f"/proc/{pid}/stat") as f:
                stat = f.read().rsplit(")", 1)[1].split()
        except (OSError, ValueError, IndexError):
            return 0
        return int(pid) if stat[19] == start and (stat[0] != "Z" or int(stat[17]) > 1) else 0

    def signal(self, node, number):
        pid = self.pid(node)
        if pid:
            os.kill(pid, number)
        return pid

    def kill(self, *nodes):
        """All at once, with SIGKILL; returns when they are gone."""
        for node in nodes:
            assert self.signal(node, signal.SIGKILL), f"{node} runs"
        for node in nodes:
            until(f"{node} is gone", lambda node=node: not self.pid(node))

    def start(self, *nodes):
        for node in nodes:
            self.run("start", node)

    def freeze(self, *nodes):
        """Returns when every thread stands still: on a busy machine one may go on for a while."""
        for node in nodes:
            pid = self.signal(node, signal.SIGSTOP)
            assert pid, f"{node} runs"
            until(f"{node} stands still", lambda pid=pid: stands_still(pid))

    def thaw(self, *nodes):
        for node in nodes:
            assert self.signal(node, signal.SIGCONT), f"{node} runs"

    def kib(self, node, name):
        """A number of the process, as VmRSS."""
        with open(f"/proc/{self.pid(node)}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))

    def rss_kib(self, node):
        return self.kib(node, "VmRSS")

    def log(self, node):
        with open(os.path.join(self.dir, node, "log"), errors="replace") as f:
            return f.read()

    # ---- Questions.

    def http_port(self, node):
        kind, number = node.split("-")
        return self.port + (300 if kind == "broker" else 400) + int(number)

    def controller_port(self, node):
        return self.port + 100 + int(node.split("-")[1])

    def client_port(self, node):
        return self.port + int(str(node).rsplit("-", 1)[-1]) - 1

    def internal_port(self, node):
        return self.port + 200 + int(str(node).rsplit("-", 1)[-1])

    def http_address(self, node):
        return f"127.0.0.1:{self.http_port(node)}"

    def http(self, node, path, timeout=5):
        """(status, text); status 0: no answer."""
        try:
            with urllib.request.urlopen(f"http://{self.http_address(node)}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def status(self, node):
        """{}: no answer."""
        code, text = self.http(node, "/status")
        return json.loads(text) if code == 200 else {}

    def number(self, node, name):
        """One number of /metrics."""
        _, text = self.http(node, "/metrics")
        for line in text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"{node} has no metric {name}")

    def active_controller(self):
        """The controller that leads by its own word and by most others'."""

        def look():
            words = [self.status(n) for n in self.controllers]
            for node, word in zip(self.controllers, words):
                believers = sum(w.get("leader_id") == word.get("node_id") for w in words if w)
                assert not word or word["node_id"] == 100 + int(node[-1]), "whom did we ask?"
                if word.get("role") == "leader" and believers * 2 > len(self.controllers):
                    return node
            return None

        return until("a controller leads", look)

    def connect(self, node, timeout=30.0):
        return Connection(self.client_port(node), timeout)

    def partitions(self, topic):
        """What the first broker that answers knows: [(partition, error, leader, epoch, isr)], or []."""
        for node in self.brokers:
            try:
                with self.connect(node, timeout=2) as c:
                    error, parts = c.metadata(topic)
                    if error == 0:
                        return parts
            except (OSError, Closed, Silence):
                continue
        return []

    def leader(self, topic, partition=0, other_than=None):
        """The node that leads the partition and says so itself."""

        def look():
            parts = self.partitions(topic)
            if not parts or parts[partition][2] < 0:
                return None
            node = f"broker-{parts[partition][2]}"
            if node == other_than or not self.pid(node):
                return None
            try:
                with self.connect(node, timeout=2) as c:
                    error, own = c.metadata(topic)
            except (OSError, Closed, Silence):
                return None
            return node if error == 0 and own and f"broker-{own[partition][2]}" == node else None

        return until(f"{topic}-{partition} has a leader", look)

    def is_whole(self):
        """Waits until every broker serves, every partition has a leader and every replica is in sync. The active controller is
        asked: a broker that has just been woken may know less."""

        def look():
            word = self.status(self.active_controller())
            brokers = word.get("brokers", [])
            return (
                len(brokers) == len(self.brokers)
                and not any(b["fenced"] or b["isr_short"] for b in brokers)
                and sum(b["leaders"] for b in brokers) == word["partitions"]
            )

        until("the cluster is whole", look)

    def create(self, topic, partitions=1, factor=3, **configs):
        words = [w for k, v in configs.items() for w in ("--config", f"{k.replace('_', '.')}={v}")]
        self.run("topics", "create", topic, "--partitions", str(partitions), "--replication-factor", str(factor), *words)

    # ---- Load.

    def witness(self, topic, *words):
        """Starts the witness; `testimony` waits for what it says."""
        words = [self.witness_program, *self.where, "-t", topic, *words]
        # What it complains of goes to a file: a pipe that nobody reads would stop it.
        with open(os.path.join(self.parent, f"witness-{len(self.witnesses)}"), "w") as f:
            self.witnesses.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=f, text=True))
        self.witnesses[-1].complaints = f.name
        return self.witnesses[-1]


def testimony(witness):
    out, _ = witness.communicate(timeout=600)
    with open(witness.complaints, errors="replace") as f:
        err = "".join(line for line in f if "FATAL" in line or "jackdaw:" in line)
    if err:
        print(f"        the witness says: {err.strip()}")
    try:
        return json.loads(out)
    except ValueError:
        raise AssertionError(f"the witness says nothing that can be understood: {out}{err}") from None


def unread(port):
    """How many established connections to a loopback port hold bytes that its process has not read."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    own = [r for r in rows if r[3] == "01" and int(r[1].split(":")[1], 16) == port]
    return sum(int(r[4].split(":")[1], 16) > 0 for r in own)


class Tally:
    """Counts claims, and prints the last line that scripts/test wants."""

    def __init__(self):
        self.passed = self.failed = 0

    def ok(self, claim, truth, why=""):
        if truth:
            self.passed += 1
            print(f"ok      {claim}")
        else:
            self.failed += 1
            print(f"FAILED  {claim}{f': {why}' if why != '' else ''}")
        sys.stdout.flush()
        return truth

    def equal(self, claim, got, wanted):
        return self.ok(claim, got == wanted, f"got {got}, wanted {wanted}")

    def run(self, *tests):
        """Each test is a function; one that throws has failed and the others go on."""
        began = time.monotonic()
        for test in tests:
            print(f"-- {(test.__doc__ or test.__name__).splitlines()[0]} ({time.monotonic() - began:.0f} s)")
            try:
                test()
            except (AssertionError, OSError, Closed, Silence, subprocess.SubprocessError) as e:
                self.ok(test.__name__, False, f"{type(e).__name__} {e}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1
