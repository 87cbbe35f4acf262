"""raw.py -- what no client can be made to send, or shows: error codes, byte for byte (see lib/wire.py)."""
import socket
import struct
import time

from lib import wire
from lib.cluster import Cluster, free_port, wait_for

NONE, CORRUPT_MESSAGE, UNKNOWN_TOPIC_OR_PARTITION = 0, 2, 3
LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, MESSAGE_TOO_LARGE = 5, 6, 10
INVALID_TOPIC_EXCEPTION, INVALID_REPLICATION_FACTOR = 17, 38
INVALID_REQUIRED_ACKS, INVALID_TIMESTAMP, INVALID_REQUEST, UNSUPPORTED_COMPRESSION_TYPE = 21, 32, 42, 76
TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_RECORD = 53, 87
HOUR_MS = 3_600_000


def everything(cluster, work, claims):
    for about in (produce_errors, named_records, acks_zero, old_produce, topics_by_id, pages, no_bytes, other_codec, producer_ids,
                  coordinators, auto_creation):
        claims.attempt(about.__name__.replace("_", " "), about, cluster, work, claims)


def a_batch(shift_ms=0, **more):
    return wire.batch([b"one", b"two"], int(time.time() * 1000) + shift_ms, **more)


def produce_errors(cluster, work, claims):
    topic = "raw-errors"
    cluster.create_topic(topic, 1, configs=[("max.message.bytes", "500")])
    _, leader = wire.leader(cluster.bootstrap, topic)
    flipped = bytearray(a_batch())
    flipped[-2] ^= 1
    large = wire.batch([b"x" * 1000], int(time.time() * 1000))
    for claim, wanted, acks, partition, records in (
            ("acks=2 is INVALID_REQUIRED_ACKS", INVALID_REQUIRED_ACKS, 2, 0, a_batch()),
            ("a flipped bit is CORRUPT_MESSAGE", CORRUPT_MESSAGE, -1, 0, bytes(flipped)),
            ("more records claimed than there are is INVALID_RECORD", INVALID_RECORD, -1, 0, a_batch(count=3)),
            ("a batch too large is MESSAGE_TOO_LARGE", MESSAGE_TOO_LARGE, -1, 0, large),
            ("two hours ahead is INVALID_TIMESTAMP", INVALID_TIMESTAMP, -1, 0, a_batch(2 * HOUR_MS)),
            ("an unknown partition is UNKNOWN_TOPIC_OR_PARTITION", UNKNOWN_TOPIC_OR_PARTITION, 1, 7,
             a_batch())):
        error, offset = wire.produce(leader, topic, partition, acks, records)
        claims.check(claim, (error, offset) == (wanted, -1), f"error {error}, offset {offset}")
    claims.check("none of them moved the end of the log", wire.log_end(leader, topic) == 0)
    claims.check("a topic that is not there is UNKNOWN_TOPIC_OR_PARTITION",
                 wire.produce(leader, "raw-none", 0, 1, a_batch())[0] == UNKNOWN_TOPIC_OR_PARTITION)
    others = [a for a in cluster.bootstrap.split(",") if a != leader]
    claims.check("a follower is NOT_LEADER_OR_FOLLOWER",
                 wire.produce(others[0], topic, 0, -1, a_batch())[0] == NOT_LEADER_OR_FOLLOWER)
    claims.check("a good batch is at offset 0",
                 wire.produce(leader, topic, 0, -1, a_batch()) == (NONE, 0))


def acks_zero(cluster, work, claims):
    """No answer when all is well; a closed connection is how an error is told."""
    topic = "raw-zero"
    cluster.create_topic(topic, 1)
    _, leader = wire.leader(cluster.bootstrap, topic)
    host, port = leader.rsplit(":", 1)

    def send(records):
        s = socket.create_connection((host, int(port)), timeout=10)
        body = wire.produce_body(topic, 0, 0, records)
        header = struct.pack(">hhi", wire.PRODUCE, 7, 7) + wire.text("tests")
        s.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        return s

    with send(a_batch()) as s:
        header = struct.pack(">hhi", wire.METADATA, 1, 8) + wire.text("tests") + struct.pack(">i", 0)
        s.sendall(struct.pack(">i", len(header)) + header)
        size, correlation = struct.unpack(">ii", wire.exactly(s, 8))
        claims.check("acks=0 has no answer: the first one is the next request's", correlation == 8)
    claims.check("... and is stored",
                 wait_for("two records", lambda: wire.log_end(leader, topic) == 2))
    with send(a_batch(2 * HOUR_MS)) as s:
        claims.check("acks=0 that fails closes the connection", s.recv(1) == b"")


def old_produce(cluster, work, claims):
    """Records as KafkaJS and others still send them."""
    cluster.create_topic("raw-old", 1)
    _, leader = wire.leader(cluster.bootstrap, "raw-old")
    told = [wire.produce(leader, "raw-old", 0, 1, a_batch(), version) for version in (3, 5, 7)]
    zstd = [wire.produce(leader, "raw-old", 0, 1, a_batch(codec=4), version)[0] for version in (3, 6)]
    claims.check("zstd before Produce 7 is UNSUPPORTED_COMPRESSION_TYPE", zstd == [UNSUPPORTED_COMPRESSION_TYPE] * 2,
                 str(zstd))
    claims.check("Produce 3, 5 and 7", told == [(NONE, 0), (NONE, 2), (NONE, 4)], str(told))


def named_records(cluster, work, claims):
    """KIP-467: which records of a batch are at fault."""
    cluster.create_topic("raw-compact", 1, configs=[("cleanup.policy", "compact")])
    _, leader = wire.leader(cluster.bootstrap, "raw-compact")
    records = wire.batch([b"a", b"b", b"c"], int(time.time() * 1000), keys=[None, b"key", None])
    told = wire.Reader(wire.call(leader, wire.PRODUCE, 8, wire.produce_body("raw-compact", 0, -1, records)))
    told.take("i"), told.text(), told.take("ii")
    error = told.take("hqqq")[0]
    places = []
    for _ in range(told.take("i")):
        places.append(told.take("i"))
        told.text()
    claims.check("records without a key are named by their places", (error, places) == (INVALID_RECORD, [0, 2]),
                 f"error {error}, {places}")


def metadata_by_id(address, version, topic_id, name):
    """(error, name) of the one topic that was asked for."""
    named = b"\0" if name is None else bytes([len(name) + 1]) + name.encode()
    body = b"\2" + topic_id + named + b"\0" + b"\0" + (b"\0" if version == 10 else b"") + b"\0" + b"\0"
    told = wire.Reader(wire.call(address, wire.METADATA, version, body, flexible=True))
    told.take("b"), told.take("i")
    for _ in range(told.take("b") - 1):
        told.take("i"), told.compact(), told.take("i"), told.compact(), told.take("b")
    told.compact(), told.take("i")
    assert told.take("b") == 2, "one topic"
    return told.take("h"), told.compact(), told.take("16s")


def topics_by_id(cluster, work, claims):
    address = cluster.bootstrap.split(",")[0]
    cluster.create_topic("raw-a", 1)
    cluster.create_topic("raw-b", 1)
    _, _, a = metadata_by_id(address, 12, bytes(16), "raw-a")
    told = metadata_by_id(address, 12, a, "raw-b")
    claims.check("Metadata 12 goes by the id, whatever name stands beside it", told[:2] == (NONE, "raw-a"), str(told))
    told = metadata_by_id(address, 10, a, None)
    claims.check("Metadata 10 with an id is INVALID_REQUEST", told[0] == INVALID_REQUEST, str(told))


def pages(cluster, work, claims):
    """DescribeTopicPartitions, from a partition that cannot be, and from a topic that was not asked for."""
    address = cluster.bootstrap.split(",")[0]
    for claim, cursor, wanted in (("a cursor of a negative partition is INVALID_REQUEST", b"\6raw-a" + struct.pack(">i", -1), INVALID_REQUEST),
                                  ("a cursor of another topic is INVALID_REQUEST", b"\6raw-0" + struct.pack(">i", 0), INVALID_REQUEST),
                                  ("one of a topic that is asked for is not", b"\6raw-a" + struct.pack(">i", 0), NONE)):
        body = b"\2" + b"\6raw-a" + b"\0" + struct.pack(">i", 10) + b"\1" + cursor + b"\0\0"
        told = wire.Reader(wire.call(address, wire.DESCRIBE_TOPIC_PARTITIONS, 0, body, flexible=True))
        told.take("b"), told.take("i"), told.take("b")
        error = told.take("h")
        claims.check(claim, error == wanted, f"error {error}")


def no_bytes(cluster, work, claims):
    """KIP-74: the first batch comes whatever its size, so that nobody is stuck."""
    cluster.create_topic("raw-large", 1)
    _, leader = wire.leader(cluster.bootstrap, "raw-large")
    records = a_batch()
    assert wire.produce(leader, "raw-large", 0, -1, records) == (NONE, 0)
    body = struct.pack(">iiiib", -1, 5000, 1, 0, 0) + struct.pack(">i", 1) + wire.text("raw-large")
    body += struct.pack(">iiqi", 1, 0, 0, 0)
    told = wire.Reader(wire.call(leader, wire.FETCH, 4, body))
    told.take("i"), told.take("i"), told.text(), told.take("i")
    _, error, _, _ = told.take("ihqq")
    told.take("i")
    size = told.take("i")
    claims.check("Fetch with max_bytes=0 gets the first batch", (error, size) == (NONE, len(records)),
                 f"error {error}, {size} bytes")


def other_codec(cluster, work, claims):
    """compression.type: what is stored is in the topic's codec, whatever the client sent."""
    cluster.create_topic("raw-zstd", 1, configs=[("compression.type", "zstd")])
    _, leader = wire.leader(cluster.bootstrap, "raw-zstd")
    assert wire.produce(leader, "raw-zstd", 0, -1, a_batch()) == (NONE, 0)
    body = struct.pack(">iiiib", -1, 5000, 1, 100000, 0) + struct.pack(">i", 1) + wire.text("raw-zstd")
    body += struct.pack(">iiqi", 1, 0, 0, 100000)
    told = wire.Reader(wire.call(leader, wire.FETCH, 4, body))
    told.take("i"), told.take("i"), told.text(), told.take("i"), told.take("ihqq"), told.take("i"), told.take("i")
    codec = struct.unpack_from(">h", told.data, told.at + 21)[0] & 7
    claims.check("compression.type=zstd stores plain batches in zstd", codec == 4, f"codec {codec}")


def producer_ids(cluster, work, claims):
    address = cluster.bootstrap.split(",")[0]
    told = wire.Reader(wire.call(address, wire.INIT_PRODUCER_ID, 0, wire.text("") + struct.pack(">i", 1000)))
    told.take("i")
    error = told.take("h")
    claims.check("an empty transactional id is INVALID_REQUEST", error == INVALID_REQUEST, f"error {error}")


def coordinator_of(address, version):
    """(error, where): the first answer may be that the topic of the offsets is being made."""
    body = wire.text("group") + (b"" if version == 0 else b"\0")
    told = wire.Reader(wire.call(address, wire.FIND_COORDINATOR, version, body))
    if version > 0:
        told.take("i")
    error, message = told.take("h"), told.text() if version > 0 else None
    node, host, port = told.take("i"), told.text(), told.take("i")
    return error, f"{host}:{port}", f"{error}, {message}, {node}"


def coordinators(cluster, work, claims):
    brokers = cluster.bootstrap.split(",")
    address = brokers[0]
    wait_for("a coordinator", lambda: coordinator_of(address, 0)[0] == NONE)
    for version in (0, 1, 2):
        error, where, said = coordinator_of(address, version)
        claims.check(f"FindCoordinator {version} of a group: a broker of the cluster",
                     error == NONE and where in brokers, f"{said}, {where}")
        if version > 0:
            told = wire.Reader(wire.call(address, wire.FIND_COORDINATOR, version,
                                         wire.text("transaction") + b"\1"))
            told.take("i")
            error, message = told.take("h"), told.text()
            claims.check(f"FindCoordinator {version} of a transactional id: a fatal error, in words",
                         error == TRANSACTIONAL_ID_AUTHORIZATION_FAILED and message,
                         f"{error}, {message}")


def auto_creation(cluster, work, claims):
    wait_for("auto-creation", lambda: wire.leader(cluster.bootstrap, "raw-auto")[1])
    error, leader = wire.leader(cluster.bootstrap, "raw-auto")
    told = wire.produce(leader, "raw-auto", 0, -1, a_batch())
    claims.check("Metadata of a topic that is not there makes it", (error, told) == (NONE, (NONE, 0)),
                 f"error {error}, then produce {told}")
    cluster.create_topic("raw.rival", 1)
    error, leader = wire.leader(cluster.bootstrap, "raw_rival")
    claims.check("... but not of one whose name collides with another's", error == INVALID_TOPIC_EXCEPTION and leader is None,
                 f"error {error}")
    strict = Cluster(" ".join(cluster.command), work / "strict", free_port(cluster.port + 10),
                     ["auto.create.topics.enable=false"])
    try:
        strict.up()
        error, leader = wire.leader(strict.bootstrap, "raw-auto")
        claims.check("without auto.create.topics.enable it is UNKNOWN_TOPIC_OR_PARTITION",
                     error == UNKNOWN_TOPIC_OR_PARTITION and leader is None, f"error {error}")
        error, leader = wire.leader(strict.bootstrap, "raw-auto")
        claims.check("... and stays so", error == UNKNOWN_TOPIC_OR_PARTITION, f"error {error}")
    finally:
        strict.down()
    greedy = Cluster(" ".join(cluster.command), work / "greedy", free_port(cluster.port + 10),
                     ["default.replication.factor=4"])
    try:
        greedy.up()
        error, leader = wire.leader(greedy.bootstrap, "raw-auto")
        claims.check("more replicas than there are brokers is INVALID_REPLICATION_FACTOR",
                     error == INVALID_REPLICATION_FACTOR and leader is None, f"error {error}")
    finally:
        greedy.down()
