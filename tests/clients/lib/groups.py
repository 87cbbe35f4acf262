"""groups.py -- what each client is promised of groups: every record is handled, from where the group stopped, whoever its
members are; members of one kind, or of all kinds together, share the partitions, and whoever dies or hangs is replaced."""
import json
import os
import signal
import subprocess

from lib.agent import pack, unpack
from lib.cluster import wait_for

PARTITIONS = 12
TIMEOUT_MS = 30000
PATIENCE_S = 60


def sent(agent, topic, first, count):
    """So many records with values of their own, spread over the partitions by this client itself."""
    records = [{"p": n % PARTITIONS, "k": pack(b"k"), "v": pack(f"v{n}".encode()), "h": [], "t": None}
               for n in range(first, first + count)]
    agent.ask(op="produce", topic=topic, acks="all", codec="none", records=records)
    return [unpack(r["v"]) for r in records]


def read(agent, group, topic, count, **protocol):
    answer = agent.ask(op="group", group=group, topic=topic, count=count, timeout_ms=TIMEOUT_MS, **protocol)
    return sorted(unpack(v) for v in answer["values"])


def everything(client, agent, cluster, claims):
    topic, group = f"groups-{client.name}", f"group-{client.name}"
    cluster.create_topic(topic, PARTITIONS)
    first = sent(agent, topic, 0, 60)
    got = read(agent, group, topic, len(first))
    claims.check("a group reads every record once", got == sorted(first), f"{len(got)} of {len(first)}")
    second = sent(agent, topic, len(first), 12)
    got = read(agent, group, topic, len(second))
    claims.check("and goes on where it stopped", got == sorted(second), str(got))
    if "consumer protocol" in client.has:
        other_protocol(agent, group, topic, len(first) + len(second), claims)


def other_protocol(agent, group, topic, count, claims):
    """The same group, empty by now, goes on with the consumer protocol, and then with the classic one again."""
    third = sent(agent, topic, count, 24)
    got = read(agent, group, topic, len(third), protocol="consumer")
    claims.check("and goes on with the consumer protocol", got == sorted(third), str(got))
    fourth = sent(agent, topic, count + len(third), 12)
    got = read(agent, group, topic, len(fourth))
    claims.check("and with the classic one again", got == sorted(fourth), str(got))


class Speaker(list):
    """A command of an agent whose member speaks the consumer protocol (KIP-848); without it, the classic one."""
    says = {"protocol": "consumer"}


class Cooperator(list):
    """One whose member keeps what it has while it joins again (KIP-429); without it, members share by range."""
    says = {"strategy": "cooperative"}


class Member:
    """An agent that does nothing but be a member: what it has handled stands in a file."""

    def __init__(self, command, cluster, folder, name, group, topic):
        self.out, self.until = folder / f"{name}.handled", folder / f"{name}.until"
        self.name = name
        self.out.touch()
        self.log = open(folder / f"{name}.log", "ab")
        self.process = subprocess.Popen([*command, cluster.bootstrap], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        stderr=self.log, env=cluster.environment(), text=True, start_new_session=True)
        self.process.stdin.write(json.dumps({"op": "member", "group": group, "topic": topic, "out": str(self.out),
                                             "until": str(self.until), **getattr(command, "says", {})}) + "\n")
        self.process.stdin.close()

    def handled(self):
        """[(partition, value)]; a line that is being written does not count yet."""
        lines = self.out.read_bytes().split(b"\n")[:-1]
        return [(int(line.split()[0]), line.split()[2].decode()) for line in lines]

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def leave(self):
        self.until.touch()
        self.process.wait(timeout=PATIENCE_S)

    def close(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.log.close()


class Sharing:
    """A group, what is sent to it, and who handles it."""

    def __init__(self, name, agent, cluster, folder, claims):
        self.name, self.agent, self.cluster, self.folder, self.claims = name, agent, cluster, folder, claims
        self.topic, self.members, self.count, self.values = f"shared-{name}", [], 0, set()
        cluster.create_topic(self.topic, PARTITIONS)

    def join(self, command):
        name = f"{self.name}-{len(self.members)}"
        self.members.append(Member(command, self.cluster, self.folder, name, f"sharing-{self.name}", self.topic))
        return self.members[-1]

    def round(self, each):
        """Sends so many records to each partition and waits until they are handled. {partition: [members]}."""
        new = {v.decode() for v in sent(self.agent, self.topic, self.count, each * PARTITIONS)}
        self.count += each * PARTITIONS
        self.values |= new
        wait_for(f"{len(new)} records to be handled", lambda: new <= {v for m in self.members for _, v in m.handled()}, PATIENCE_S)
        owners = {}
        for m in self.members:
            for partition, value in m.handled():
                if value in new and m.name not in owners.setdefault(partition, []):
                    owners[partition].append(m.name)
        return owners

    def steady(self, members):
        """Until each partition is one member's and each of these members has some; then it has to stay so."""
        wanted = sorted(m.name for m in members)

        def is_shared(owners):
            return all(len(o) == 1 for o in owners.values()) and sorted({o[0] for o in owners.values()}) == wanted

        wait_for(f"{len(wanted)} members to share", lambda: is_shared(self.round(1)), PATIENCE_S)
        owners = self.round(3)
        self.claims.check(f"{len(wanted)} members share {PARTITIONS} partitions, each with one owner", is_shared(owners), str(owners))

    def close(self):
        for m in self.members:
            m.close()


def share(name, commands, agent, cluster, folder, claims):
    """Members of these kinds: one is killed, one hangs and comes back, one leaves, one comes."""
    group = Sharing(name, agent, cluster, folder, claims)
    try:
        for command in commands:
            group.join(command)
        group.steady(group.members)
        killed, hung = group.members[0], group.members[1]
        killed.signal(signal.SIGKILL)
        group.steady(group.members[1:])
        claims.check("the others take over from one that is killed", True)
        hung.signal(signal.SIGSTOP)
        group.steady(group.members[2:])
        claims.check("and from one that hangs", True)
        hung.signal(signal.SIGCONT)
        group.steady(group.members[1:])
        claims.check("which gets its part back when it wakes", True)
        hung.leave()
        new = group.join(commands[0])
        group.steady([*group.members[2:-1], new])
        claims.check("one that leaves is replaced by one that comes", True)
        for m in group.members[2:]:
            m.leave()
        late = group.join(commands[-1])
        group.round(1)
        late.leave()
        handled = {v for m in group.members for _, v in m.handled()}
        claims.check("every record is handled", handled == group.values, f"{len(handled)} of {len(group.values)}")
        claims.check("and few of them again, where the next begins", len(late.handled()) <= 2 * PARTITIONS, str(len(late.handled())))
    finally:
        group.close()
