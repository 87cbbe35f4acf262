"""cluster.py -- a local cluster under test, driven by the verbs that `jackdaw up` and its peers share."""
import os
import pathlib
import shlex
import socket
import subprocess
import time

from lib import wire


def free_port(base):
    """The first base, in steps of 10, whose ports for brokers and controllers are all free."""
    while base < 31690:
        ports = [base + off + i for off in (0, 100, 200, 300) for i in range(5)]
        if not any(answers(port) for port in ports):
            return base
        base += 10
    raise RuntimeError("no free range of ports below 32000")


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Cluster:
    def __init__(self, command, folder, port, sets=()):
        self.command = shlex.split(command)
        self.folder = pathlib.Path(folder)
        self.port = port
        self.sets = [word for pair in sets for word in ("--set", pair)]
        self.bootstrap = ""

    def do(self, verb, *args):
        done = subprocess.run([*self.command, verb, "--dir", str(self.folder), *args],
                              text=True, capture_output=True, timeout=180)
        if done.returncode:
            raise RuntimeError(f"{verb} {' '.join(args)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def up(self):
        self.do("up", "--port", str(self.port), *self.sets)
        self.bootstrap = self.do("bootstrap")

    def down(self):
        subprocess.run([*self.command, "down", "--dir", str(self.folder), "--wipe"],
                       capture_output=True, timeout=180)

    def kill(self, name, signal="KILL"):
        self.do("kill", name, "-s", signal)

    def start(self, name):
        self.do("start", name)

    def create_topic(self, name, partitions, replicas=3, configs=()):
        wire.create_topic(self.bootstrap, name, partitions, replicas, configs)
        time.sleep(int(os.environ.get("SETTLE_MS", "0")) / 1000)

    def environment(self):
        """How a client written in another language drives the cluster that it talks to."""
        return {**os.environ, "CLUSTER": shlex.join(self.command), "CLUSTER_DIR": str(self.folder)}


def wait_for(what, condition, seconds=20.0):
    """Waits until the condition is true; complains by name if it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(0.02)
    raise TimeoutError(f"{what}: not within {seconds:.0f} s")
