"""verifiable.py -- Apache's VerifiableProducer with acks=all and VerifiableConsumers, while every broker in turn is killed: all that
is acknowledged is consumed, and no position ever jumps over a record. Each protocol that the brokers offer has a group of its own.
"""
import collections
import json
import signal
import struct
import subprocess
import threading

from lib import wire
from lib.cluster import wait_for

TOPIC = "verifiable"
PARTITIONS = 6
MEMBERS = 2
PATIENCE_S = 60
API_VERSIONS, METADATA, CONSUMER_GROUP_HEARTBEAT = 18, 3, 68


class Tool:
    """One of Apache's programs that prints events, a JSON object a line, until it is ended."""

    def __init__(self, java, name, bootstrap, log, *args):
        self.process = subprocess.Popen([*java, f"org.apache.kafka.tools.{name}", "--bootstrap-server", bootstrap, "--topic", TOPIC, *args],
                                        text=True, stdout=subprocess.PIPE, stderr=log)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                self.on(json.loads(line))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Producer(Tool):
    def __init__(self, *args):
        self.acked = collections.defaultdict(set)  # partition: offsets
        self.count = 0
        super().__init__(*args)

    def on(self, event):
        if event["name"] == "producer_send_success":
            self.acked[event["partition"]].add(event["offset"])
            self.count += 1


class Consumer(Tool):
    def __init__(self, *args):
        self.seen = collections.defaultdict(set)
        self.next = {}  # partition: what comes next, since it was assigned
        self.jumps = []
        self.assigned = False
        super().__init__(*args)

    def on(self, event):
        if event["name"] in ("partitions_assigned", "partitions_revoked"):
            for p in event["partitions"]:
                self.next.pop(p["partition"], None)
            self.assigned |= event["name"] == "partitions_assigned" and len(event["partitions"]) > 0
        elif event["name"] == "records_consumed":
            for p in event["partitions"]:
                number, low, high = p["partition"], p["minOffset"], p["maxOffset"]
                if low != self.next.get(number, low) or high - low + 1 != p["count"]:
                    self.jumps.append((number, self.next.get(number), low, high, p["count"]))
                self.next[number] = high + 1
                self.seen[number].update(range(low, high + 1))


def offers_consumer_protocol(address):
    told = wire.Reader(wire.call(address, API_VERSIONS, 0, b""))
    told.take("h")
    return any(told.take("hhh")[0] == CONSUMER_GROUP_HEARTBEAT for _ in range(told.take("i")))


def is_whole(bootstrap, address):
    """Every replica of the topic and of the groups' offsets is in sync, by this broker's word."""
    body = struct.pack(">i", 2) + wire.text(TOPIC) + wire.text("__consumer_offsets")
    told = wire.Reader(wire.call(address, METADATA, 1, body))
    for _ in range(told.take("i")):
        told.take("i"), told.text(), told.take("i"), told.text()
    told.take("i")
    whole = True
    for _ in range(told.take("i")):
        whole &= told.take("h") == 0
        told.text(), told.take("b")
        for _ in range(told.take("i")):
            error, _, leader = told.take("hii")
            sizes = []
            for _ in range(2):
                sizes.append(told.take("i"))
                told.at += 4 * sizes[-1]
            whole &= error == 0 and leader > 0 and sizes[0] == sizes[1]
    return whole


def missing(producer, group):
    """What was acknowledged and no member of the group has consumed."""
    seen = collections.defaultdict(set)
    for member in group:
        for partition, offsets in list(member.seen.items()):
            seen[partition] |= set(offsets)
    return sum(len(set(offsets) - seen[p]) for p, offsets in list(producer.acked.items()))


def everything(java, cluster, work, claims):
    addresses = cluster.bootstrap.split(",")
    cluster.create_topic(TOPIC, PARTITIONS)
    protocols = ["classic"] + ["consumer"] * offers_consumer_protocol(addresses[0])
    tools = []
    with open(work / "verifiable.log", "w") as log:

        def start(kind, name, *args):
            tools.append(kind(java, name, cluster.bootstrap, log, *args))
            return tools[-1]

        try:
            groups = {}
            for protocol in protocols:
                session = ["--session-timeout", "6000"] if protocol == "classic" else []
                groups[protocol] = [start(Consumer, "VerifiableConsumer", "--group-id", f"verifiable-{protocol}", "--group-protocol", protocol,
                                          "--reset-policy", "earliest", *session) for _ in range(MEMBERS)]
            producer = start(Producer, "VerifiableProducer", "--throughput", "500", "--acks", "-1")
            roll(cluster, addresses, producer, groups, claims)
            producer.end()
            claims.check("VerifiableProducer: something is acknowledged", producer.count > 0)
            for protocol, group in groups.items():
                judge(protocol, group, producer, claims)
        finally:
            for tool in tools:
                tool.kill()


def roll(cluster, addresses, producer, groups, claims):
    """Each broker is killed and comes back; work goes on while it is away, and when it is there again."""
    members = [m for group in groups.values() for m in group]
    wait_for("every member has partitions", lambda: all(m.assigned for m in members), PATIENCE_S)

    def goes_on(what):
        sent, got = producer.count, {m: sum(map(len, list(m.seen.values()))) for m in members}
        wait_for(f"records are acknowledged, and every group consumes, {what}",
                 lambda: producer.count > sent + 200 and all(any(sum(map(len, list(m.seen.values()))) > got[m] for m in group)
                                                             for group in groups.values()), PATIENCE_S)

    goes_on("before anything is killed")
    for number, _ in enumerate(addresses, 1):
        cluster.kill(f"broker-{number}")
        goes_on(f"while broker {number} is dead")
        cluster.start(f"broker-{number}")
        wait_for(f"all is in sync with broker {number}", lambda: all(is_whole(cluster.bootstrap, a) for a in addresses), PATIENCE_S)
    goes_on("afterwards")
    claims.check("work goes on while each broker is killed", True)


def judge(protocol, group, producer, claims):
    name = f"VerifiableConsumer, group.protocol={protocol}"
    try:
        wait_for("all is consumed", lambda: missing(producer, group) == 0, PATIENCE_S)
    except TimeoutError:
        pass
    for member in group:
        member.end()
    claims.check(f"{name}: everything acknowledged is consumed", missing(producer, group) == 0,
                 f"{missing(producer, group)} of {producer.count} are not")
    jumps = [jump for member in group for jump in member.jumps]
    claims.check(f"{name}: positions never jump over a record", not jumps, f"(partition, expected, first, last, count): {jumps[:5]}")
