"""group_wire.py -- what groups are asked, by hand: a member that says exactly what a test wants. On kafka_wire.py."""

import struct
import time

import group_messages as messages
from kafka_wire import NONE, Closed, Connection, Silence, array, octets, string

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN, HEARTBEAT, LEAVE, SYNC, DESCRIBE, LIST, DELETE = 8, 9, 10, 11, 12, 13, 14, 15, 16, 42

COORDINATOR_LOAD_IN_PROGRESS = 14
COORDINATOR_NOT_AVAILABLE = 15
NOT_COORDINATOR = 16
ILLEGAL_GENERATION = 22
INCONSISTENT_GROUP_PROTOCOL = 23
INVALID_GROUP_ID = 24
UNKNOWN_MEMBER_ID = 25
INVALID_SESSION_TIMEOUT = 26
REBALANCE_IN_PROGRESS = 27
NON_EMPTY_GROUP = 68
GROUP_ID_NOT_FOUND = 69
MEMBER_ID_REQUIRED = 79
FENCED_INSTANCE_ID = 82
OFFSET_METADATA_TOO_LARGE = 12
STALE_MEMBER_EPOCH = 113
MOVED = (COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR)


def find_coordinator(connection, group):
    """(error, broker)."""
    r = connection.call(FIND_COORDINATOR, 1, string(group) + b"\0")
    _throttle, error = r.take("ih")
    r.string()
    node = r.take("i")
    r.string(), r.take("i")
    r.end()
    return error, f"broker-{node}"


def ask(connection, api, version, **values):
    """Any message that group_messages knows, in any of its versions: the answer's fields."""
    connection.correlation += 1
    connection.send_bytes(messages.encode(api, version, values, connection.correlation))
    size = struct.unpack(">i", connection._read(4))[0]
    return messages.decode(api, version, connection._read(size), connection.correlation)


class Groups:
    """Requests about one group, to whoever coordinates it."""

    def __init__(self, cluster, group):
        self.cluster, self.group, self.connection, self.node = cluster, group, None, None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def connect(self, timeout=10.0):
        """To the coordinator that some broker names."""
        self.close()
        for node in self.cluster.brokers:
            if not self.cluster.pid(node):
                continue
            try:
                with self.cluster.connect(node, timeout=2) as c:
                    error, coordinator = find_coordinator(c, self.group)
                if error == NONE and self.cluster.pid(coordinator):
                    self.connection = self.cluster.connect(coordinator, timeout=timeout)
                    self.node = coordinator
                    return True
            except (OSError, Closed, Silence):
                continue
        return False

    def until_served(self, ask, patience=60, every=0.02):
        """Asks until the answer is not that the coordinator is elsewhere, or not ready. Returns (answer, seconds)."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            try:
                if self.connection is not None or self.connect():
                    answer = ask()
                    error = answer[0] if isinstance(answer, tuple) else answer
                    if error not in MOVED:
                        return answer, time.monotonic() - began
                    if error == NOT_COORDINATOR:
                        self.close()
            except (OSError, Closed, Silence):
                self.close()
            time.sleep(every)
        raise AssertionError(f"group {self.group}: no coordinator in {patience} s")

    # ---- JoinGroup 5, SyncGroup 3, Heartbeat 3, LeaveGroup 1.

    def send_join(self, member="", instance=None, session_ms=10000, rebalance_ms=60000, kind="consumer", protocols=((("range"), b"m"),)):
        body = string(self.group) + struct.pack(">ii", session_ms, rebalance_ms) + string(member) + string(instance) + string(kind)
        body += array(string(name) + octets(metadata) for name, metadata in protocols)
        self.connection.send(JOIN, 5, body)

    def receive_joined(self, timeout=None):
        """(error, generation, leader, member, [members])."""
        r = self.connection.receive(timeout)
        _throttle, error, generation = r.take("ihi")
        r.string()
        leader, member = r.string(), r.string()
        members = r.array(lambda: (r.string(), r.string(), r.octets()))
        r.end()
        return error, generation, leader, member, members

    def join(self, timeout=None, **more):
        self.send_join(**more)
        return self.receive_joined(timeout)

    def enter(self, **more):
        """Joins as a new member does: with the id it is given."""
        error, _, _, member, _ = self.join(**more)
        return self.join(member=member, **more) if error == MEMBER_ID_REQUIRED else (error, -1, "", member, [])

    def sync(self, member, generation, assignments=(), instance=None):
        body = string(self.group) + struct.pack(">i", generation) + string(member) + string(instance)
        r = self.connection.call(SYNC, 3, body + array(string(m) + octets(a) for m, a in assignments))
        _throttle, error = r.take("ih")
        part = r.octets()
        r.end()
        return error, part

    def heartbeat(self, member, generation, instance=None):
        body = string(self.group) + struct.pack(">i", generation) + string(member) + string(instance)
        r = self.connection.call(HEARTBEAT, 3, body)
        _throttle, error = r.take("ih")
        r.end()
        return error

    def leave(self, member):
        r = self.connection.call(LEAVE, 1, string(self.group) + string(member))
        _throttle, error = r.take("ih")
        r.end()
        return error

    # ---- OffsetCommit 7, OffsetFetch 5, DescribeGroups 3, ListGroups 2, DeleteGroups 1.

    def send_commit(self, topic, offset, partition=0, member="", generation=-1, metadata=""):
        one = struct.pack(">iqi", partition, offset, -1) + string(metadata)
        body = string(self.group) + struct.pack(">i", generation) + string(member) + string(None)
        self.connection.send(OFFSET_COMMIT, 7, body + array([string(topic) + array([one])]))

    def receive_committed(self):
        """The partition's error."""
        r = self.connection.receive()
        r.take("i")
        topics = r.array(lambda: (r.string(), r.array(lambda: r.take("ih"))))
        r.end()
        return topics[0][1][0][1]

    def commit(self, *what, **more):
        self.send_commit(*what, **more)
        return self.receive_committed()

    def fetch(self, topic, partition=0):
        """(error of the group, offset, metadata)."""
        body = string(self.group) + array([string(topic) + array([struct.pack(">i", partition)])])
        r = self.connection.call(OFFSET_FETCH, 5, body)
        r.take("i")

        def one():
            _number, offset, _epoch = r.take("iqi")
            text = r.string()
            return r.take("h"), offset, text

        topics = r.array(lambda: (r.string(), r.array(one)))
        error = r.take("h")
        r.end()
        return (error, -1, "") if error else topics[0][1][0]

    def describe(self):
        """(error, state, protocol, [(member, assignment)])."""
        r = self.connection.call(DESCRIBE, 3, array([string(self.group)]) + b"\0")
        r.take("i")

        def member():
            name = r.string()
            r.string(), r.string(), r.octets()
            return name, r.octets()

        def one():
            error = r.take("h")
            r.string()
            state, _kind, protocol = r.string(), r.string(), r.string()
            members = r.array(member)
            r.take("i")
            return error, state, protocol, members

        groups = r.array(one)
        r.end()
        return groups[0]

    def list(self):
        r = self.connection.call(LIST, 2, b"")
        _throttle, error = r.take("ih")
        groups = r.array(lambda: (r.string(), r.string()))
        r.end()
        return error, groups

    def delete(self):
        r = self.connection.call(DELETE, 1, array([string(self.group)]))
        r.take("i")
        groups = r.array(lambda: (r.string(), r.take("h")))
        r.end()
        return groups[0][1]


def connect_to(cluster, node):
    return Connection(cluster.client_port(node), 10.0)
