"""hosts.py -- a cluster in which every process has a host and every broker a disk of its own: network namespaces with an address each
on one switch, and small file systems on loop devices. So hosts can be cut from each other, and disks filled and stuck. Needs root."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

from kafka_wire import Connection
from rig import BROKERS, CONTROLLERS, Cluster, until

CLIENTS, INTERNAL, RAFT, HTTP = 9092, 9094, 9093, 9644  # Ports; each host has all of them to itself.
NOWHERE = "02:00:00:00:00:fe"  # An address that no interface has: frames for it reach nobody, and nobody is told.
TOOLS = ("ip", "nsenter", "losetup", "mkfs.ext4", "mount", "umount", "fsfreeze")


class Missing(Exception):
    """This machine lacks something that the test needs."""


def sh(*words, check=True, timeout=30):
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise Missing(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")
    return done


class Disk:
    """A file system of its own, so that it can be full or stand still without anybody else noticing."""

    def __init__(self, parent, name, mebibytes):
        self.image, self.path = os.path.join(parent, f"{name}.img"), os.path.join(parent, name)
        self.filler = os.path.join(self.path, "filler")
        self.is_mounted = self.is_frozen = False
        os.makedirs(self.path)
        with open(self.image, "wb") as f:
            f.truncate(mebibytes << 20)
        sh("mkfs.ext4", "-q", "-F", "-m", "0", self.image)
        sh("mount", "-o", "loop,noatime", self.image, self.path)
        self.is_mounted = True

    def fill(self):
        """To the last block."""
        with open(self.filler, "wb") as f:
            at, step = 0, 64 << 20
            while step >= 4096:
                try:
                    os.posix_fallocate(f.fileno(), at, step)
                    at += step
                except OSError:
                    step //= 2

    def empty(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.filler)

    def freeze(self):
        sh("fsfreeze", "-f", self.path)
        self.is_frozen = True

    def thaw(self):
        if self.is_frozen:
            sh("fsfreeze", "-u", self.path, check=False)
        self.is_frozen = False

    def close(self):
        self.thaw()
        if self.is_mounted:
            sh("umount", "-l", self.path, check=False)


class Hosts(Cluster):
    """As rig.Cluster, of which it keeps the questions; what touches processes and addresses is its own."""

    run_timeout_s = 120

    def __init__(self, build, settings=(), disk_mebibytes=256):
        super().__init__(build, settings=settings)
        self.bin = os.path.abspath(build)
        self.numbers = {node: n for n, node in enumerate([*BROKERS[:3], *CONTROLLERS], 1)}
        self.id = f"jf{os.getpid()}"
        pid = os.getpid()
        self.net = f"10.{64 + pid % 64}.{pid // 64 % 256}"
        self.disk_mebibytes = disk_mebibytes
        self.processes, self.disks, self.cuts = {}, {}, set()

    # ---- The world.

    def __enter__(self):
        try:
            self.look_for_tools()
        except Missing:
            shutil.rmtree(self.parent, ignore_errors=True)
            raise
        try:
            self.make_world()
            for node in self.nodes:
                self.start(node)
            self.is_whole()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        for disk in self.disks.values():
            disk.thaw()
        for node in self.processes:
            self.signal(node, signal.SIGCONT)
            self.signal(node, signal.SIGKILL)
        for process in [*self.processes.values(), *self.witnesses]:
            process.kill()
            process.wait(timeout=30)
        if kind is not None:
            self.print_logs()
        for disk in self.disks.values():
            disk.close()
        for node in self.numbers:
            sh("ip", "netns", "del", self.space(node), check=False)
        sh("ip", "link", "del", self.id, check=False)
        shutil.rmtree(self.parent, ignore_errors=True)

    def look_for_tools(self):
        if os.geteuid() != 0:
            raise Missing("it needs root, for network namespaces and loop devices")
        for tool in TOOLS:
            if shutil.which(tool) is None:
                raise Missing(f"there is no {tool} here")

    def make_world(self):
        sh("ip", "link", "add", self.id, "type", "bridge")
        sh("ip", "addr", "add", f"{self.net}.254/24", "dev", self.id)
        sh("ip", "link", "set", self.id, "up")
        for node, n in self.numbers.items():
            space = self.space(node)
            sh("ip", "netns", "add", space)
            sh("ip", "link", "add", f"{self.id}-{n}", "type", "veth", "peer", "name", "eth0", "netns", space)
            sh("ip", "link", "set", f"{self.id}-{n}", "master", self.id, "up")
            sh("ip", "-n", space, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
            sh("ip", "-n", space, "link", "set", "eth0", "up")
            sh("ip", "-n", space, "link", "set", "lo", "up")
        for node in self.brokers:
            self.disks[node] = Disk(self.parent, node, self.disk_mebibytes)
        for node in self.nodes:
            self.write_properties(node)

    def space(self, node):
        return f"{self.id}-{node}"

    def address(self, node):
        return f"{self.net}.{self.numbers[node]}"

    def home(self, node):
        return os.path.join(self.parent, "home", node)

    def write_properties(self, node):
        os.makedirs(self.home(node))
        kind, n, at = node.split("-")[0], int(node.split("-")[1]), self.address(node)
        voters = ",".join(f"{100 + int(c[-1])}@{self.address(c)}:{RAFT}" for c in self.controllers)
        lines = [f"process.roles={kind}", "controller.listener.names=CONTROLLER", f"controller.quorum.voters={voters}",
                 f"http.listeners=http://{at}:{HTTP}",
                 "listener.security.protocol.map=INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", *self.settings]
        if kind == "broker":
            lines += [f"node.id={n}", f"listeners=INTERNAL://{at}:{INTERNAL},PLAINTEXT://{at}:{CLIENTS}",
                      "inter.broker.listener.name=INTERNAL", f"log.dirs={self.disks[node].path}/data"]
        else:
            lines += [f"node.id={100 + n}", f"listeners=CONTROLLER://{at}:{RAFT}", f"log.dirs={self.home(node)}/data"]
        with open(os.path.join(self.home(node), "server.properties"), "w") as f:
            f.write("\n".join(lines) + "\n")

    # ---- Processes.

    def pid(self, node):
        process = self.processes.get(node)
        return process.pid if process is not None and process.poll() is None else 0

    def start(self, *nodes):
        for node in nodes:
            assert not self.pid(node), f"{node} runs already"
            kind = node.split("-")[0]
            words = ["nsenter", f"--net=/run/netns/{self.space(node)}", f"{self.bin}/{kind}/jackdaw-{kind}", "--config",
                     os.path.join(self.home(node), "server.properties")]
            with open(os.path.join(self.home(node), "log"), "a") as log:
                self.processes[node] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, node, patience=60):
        """In order; its exit status."""
        self.signal(node, signal.SIGTERM)
        return self.processes[node].wait(timeout=patience)

    def log(self, node):
        with open(os.path.join(self.home(node), "log"), errors="replace") as f:
            return f.read()

    def descriptors(self, node):
        return len(os.listdir(f"/proc/{self.pid(node)}/fd"))

    # ---- The network.

    def route(self, node, to, is_cut):
        words = ["ip", "-n", self.space(node), "neigh"]
        if is_cut:
            sh(*words, "replace", self.address(to), "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent")
        else:
            sh(*words, "del", self.address(to), "dev", "eth0", check=False)

    def cut(self, one, other, both=True):
        """Nothing gets from the one to the other any more, nor back."""
        for pair in ((one, other), (other, one))[: 2 if both else 1]:
            self.cuts.add(pair)
            self.route(*pair, True)

    def heal(self):
        for pair in self.cuts:
            self.route(*pair, False)
        self.cuts.clear()

    # ---- Questions.

    @property
    def bootstrap(self):
        return ",".join(f"{self.address(node)}:{CLIENTS}" for node in self.brokers)

    @property
    def where(self):
        return ["-b", self.bootstrap]

    def http_address(self, node):
        return f"{self.address(node)}:{HTTP}"

    def http(self, node, path, timeout=2):
        return super().http(node, path, timeout)

    def connect(self, node, timeout=30.0):
        return Connection(CLIENTS, timeout, self.address(node))

    def reader(self, topic):
        """kcat, which follows the topic from its beginning to whatever comes; a line for each record: partition, offset."""
        words = ["kcat", "-b", self.bootstrap, "-C", "-t", topic, "-o", "beginning", "-u", "-q", "-E", "-f", "%p %o\n",
                 "-X", "reconnect.backoff.max.ms=200"]
        path = os.path.join(self.parent, f"reader-{len(self.witnesses)}")
        with open(path, "w") as out, open(f"{path}.err", "w") as err:
            self.witnesses.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err))
        self.witnesses[-1].path = path
        return self.witnesses[-1]


def within(seconds, condition):
    """Does it come true by then?"""
    try:
        return until("", condition, seconds)
    except AssertionError:
        return False


def monotonic_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
