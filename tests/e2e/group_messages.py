"""group_messages.py -- the messages about groups in all their versions, by hand: a field is (name, type, versions), and what a
version does not carry is left out. Encoders and decoders are the tests' own: they share nothing with the brokers.

Types: i8 i16 i32 i64 bool uuid, s (text), ns (text or None), b (bytes), and [..] (a list; of fields, or of a type); a list that
may be None is written ("?", ..), one struct (".", [fields]), and one that may be None ("!", [fields])."""

import struct

from kafka_wire import uvarint

NUMBERS = {"i8": "b", "i16": "h", "i32": "i", "i64": "q", "bool": "?"}


def since(version):
    return range(version, 100)


def until(version):
    return range(0, version + 1)


ALWAYS = since(0)
THROTTLE = ("throttle_time_ms", "i32", since(1))
ERROR = ("error_code", "i16", ALWAYS)
INSTANCE = ("group_instance_id", "ns")

FETCH_ASKED = [("name", "s", until(9)), ("topic_id", "uuid", since(10)), ("partition_indexes", ["i32"], ALWAYS)]
FETCH_TOLD = [
    ("partition_index", "i32", ALWAYS),
    ("committed_offset", "i64", ALWAYS),
    ("committed_leader_epoch", "i32", since(5)),
    ("metadata", "ns", ALWAYS),
    ERROR,
]


DESCRIBED_PARTITIONS = (
    ".",
    [("topic_partitions", [("topic_id", "uuid", ALWAYS), ("topic_name", "s", ALWAYS), ("partitions", ["i32"], ALWAYS)], ALWAYS)],
)


class Api:
    def __init__(self, key, flexible, request, response):
        self.key, self.flexible, self.request, self.response = key, flexible, request, response


APIS = {
    "Metadata": Api(
        3,
        9,
        [
            ("topics", ("?", [("topic_id", "uuid", since(10)), ("name", "ns", ALWAYS)]), ALWAYS),
            ("allow_auto_topic_creation", "bool", since(4)),
            ("include_topic_authorized_operations", "bool", since(8)),
        ],
        [
            ("throttle_time_ms", "i32", since(3)),
            ("brokers", [("node_id", "i32", ALWAYS), ("host", "s", ALWAYS), ("port", "i32", ALWAYS), ("rack", "ns", ALWAYS)], ALWAYS),
            ("cluster_id", "ns", since(2)),
            ("controller_id", "i32", ALWAYS),
            (
                "topics",
                [
                    ERROR,
                    ("name", "ns", ALWAYS),
                    ("topic_id", "uuid", since(10)),
                    ("is_internal", "bool", ALWAYS),
                    (
                        "partitions",
                        [
                            ERROR,
                            ("partition_index", "i32", ALWAYS),
                            ("leader_id", "i32", ALWAYS),
                            ("leader_epoch", "i32", since(7)),
                            ("replica_nodes", ["i32"], ALWAYS),
                            ("isr_nodes", ["i32"], ALWAYS),
                            ("offline_replicas", ["i32"], since(5)),
                        ],
                        ALWAYS,
                    ),
                    ("topic_authorized_operations", "i32", since(8)),
                ],
                ALWAYS,
            ),
        ],
    ),
    "CreateTopics": Api(
        19,
        5,
        [
            (
                "topics",
                [
                    ("name", "s", ALWAYS),
                    ("num_partitions", "i32", ALWAYS),
                    ("replication_factor", "i16", ALWAYS),
                    ("assignments", [("partition_index", "i32", ALWAYS), ("broker_ids", ["i32"], ALWAYS)], ALWAYS),
                    ("configs", [("name", "s", ALWAYS), ("value", "ns", ALWAYS)], ALWAYS),
                ],
                ALWAYS,
            ),
            ("timeout_ms", "i32", ALWAYS),
            ("validate_only", "bool", ALWAYS),
        ],
        [("throttle_time_ms", "i32", since(2)), ("topics", [("name", "s", ALWAYS), ERROR, ("error_message", "ns", ALWAYS)], ALWAYS)],
    ),
    "FindCoordinator": Api(
        10,
        3,
        [("key", "s", until(3)), ("key_type", "i8", since(1)), ("coordinator_keys", ["s"], since(4))],
        [
            THROTTLE,
            ("error_code", "i16", until(3)),
            ("error_message", "ns", range(1, 4)),
            ("node_id", "i32", until(3)),
            ("host", "s", until(3)),
            ("port", "i32", until(3)),
            (
                "coordinators",
                [("key", "s", ALWAYS), ("node_id", "i32", ALWAYS), ("host", "s", ALWAYS), ("port", "i32", ALWAYS), ERROR, ("error_message", "ns", ALWAYS)],
                since(4),
            ),
        ],
    ),
    "JoinGroup": Api(
        11,
        6,
        [
            ("group_id", "s", ALWAYS),
            ("session_timeout_ms", "i32", ALWAYS),
            ("rebalance_timeout_ms", "i32", since(1)),
            ("member_id", "s", ALWAYS),
            (*INSTANCE, since(5)),
            ("protocol_type", "s", ALWAYS),
            ("protocols", [("name", "s", ALWAYS), ("metadata", "b", ALWAYS)], ALWAYS),
            ("reason", "ns", since(8)),
        ],
        [
            ("throttle_time_ms", "i32", since(2)),
            ERROR,
            ("generation_id", "i32", ALWAYS),
            ("protocol_type", "ns", since(7)),
            ("protocol_name", "ns", ALWAYS),
            ("leader", "s", ALWAYS),
            ("skip_assignment", "bool", since(9)),
            ("member_id", "s", ALWAYS),
            ("members", [("member_id", "s", ALWAYS), (*INSTANCE, since(5)), ("metadata", "b", ALWAYS)], ALWAYS),
        ],
    ),
    "SyncGroup": Api(
        14,
        4,
        [
            ("group_id", "s", ALWAYS),
            ("generation_id", "i32", ALWAYS),
            ("member_id", "s", ALWAYS),
            (*INSTANCE, since(3)),
            ("protocol_type", "ns", since(5)),
            ("protocol_name", "ns", since(5)),
            ("assignments", [("member_id", "s", ALWAYS), ("assignment", "b", ALWAYS)], ALWAYS),
        ],
        [THROTTLE, ERROR, ("protocol_type", "ns", since(5)), ("protocol_name", "ns", since(5)), ("assignment", "b", ALWAYS)],
    ),
    "Heartbeat": Api(
        12,
        4,
        [("group_id", "s", ALWAYS), ("generation_id", "i32", ALWAYS), ("member_id", "s", ALWAYS), (*INSTANCE, since(3))],
        [THROTTLE, ERROR],
    ),
    "LeaveGroup": Api(
        13,
        4,
        [
            ("group_id", "s", ALWAYS),
            ("member_id", "s", until(2)),
            ("members", [("member_id", "s", ALWAYS), (*INSTANCE, ALWAYS), ("reason", "ns", since(5))], since(3)),
        ],
        [THROTTLE, ERROR, ("members", [("member_id", "s", ALWAYS), (*INSTANCE, ALWAYS), ERROR], since(3))],
    ),
    "OffsetCommit": Api(
        8,
        8,
        [
            ("group_id", "s", ALWAYS),
            ("generation_id", "i32", ALWAYS),
            ("member_id", "s", ALWAYS),
            (*INSTANCE, since(7)),
            ("retention_time_ms", "i64", range(2, 5)),
            (
                "topics",
                [
                    ("name", "s", until(9)),
                    ("topic_id", "uuid", since(10)),
                    (
                        "partitions",
                        [
                            ("partition_index", "i32", ALWAYS),
                            ("committed_offset", "i64", ALWAYS),
                            ("committed_leader_epoch", "i32", since(6)),
                            ("committed_metadata", "ns", ALWAYS),
                        ],
                        ALWAYS,
                    ),
                ],
                ALWAYS,
            ),
        ],
        [
            ("throttle_time_ms", "i32", since(3)),
            (
                "topics",
                [("name", "s", until(9)), ("topic_id", "uuid", since(10)), ("partitions", [("partition_index", "i32", ALWAYS), ERROR], ALWAYS)],
                ALWAYS,
            ),
        ],
    ),
    "OffsetFetch": Api(
        9,
        6,
        [
            ("group_id", "s", until(7)),
            ("topics", ("?", FETCH_ASKED), until(7)),
            (
                "groups",
                [("group_id", "s", ALWAYS), ("member_id", "ns", since(9)), ("member_epoch", "i32", since(9)), ("topics", ("?", FETCH_ASKED), ALWAYS)],
                since(8),
            ),
            ("require_stable", "bool", since(7)),
        ],
        [
            ("throttle_time_ms", "i32", since(3)),
            ("topics", [("name", "s", ALWAYS), ("partitions", FETCH_TOLD, ALWAYS)], until(7)),
            ("error_code", "i16", range(2, 8)),
            (
                "groups",
                [
                    ("group_id", "s", ALWAYS),
                    ("topics", [("name", "s", until(9)), ("topic_id", "uuid", since(10)), ("partitions", FETCH_TOLD, ALWAYS)], ALWAYS),
                    ERROR,
                ],
                since(8),
            ),
        ],
    ),
    "OffsetDelete": Api(
        47,
        99,
        [("group_id", "s", ALWAYS), ("topics", [("name", "s", ALWAYS), ("partitions", [("partition_index", "i32", ALWAYS)], ALWAYS)], ALWAYS)],
        [
            ERROR,
            ("throttle_time_ms", "i32", ALWAYS),
            ("topics", [("name", "s", ALWAYS), ("partitions", [("partition_index", "i32", ALWAYS), ERROR], ALWAYS)], ALWAYS),
        ],
    ),
    "DeleteGroups": Api(
        42,
        2,
        [("groups_names", ["s"], ALWAYS)],
        [("throttle_time_ms", "i32", ALWAYS), ("results", [("group_id", "s", ALWAYS), ERROR], ALWAYS)],
    ),
    "ListGroups": Api(
        16,
        3,
        [("states_filter", ["s"], since(4)), ("types_filter", ["s"], since(5))],
        [
            THROTTLE,
            ERROR,
            (
                "groups",
                [("group_id", "s", ALWAYS), ("protocol_type", "s", ALWAYS), ("group_state", "s", since(4)), ("group_type", "s", since(5))],
                ALWAYS,
            ),
        ],
    ),
    "ConsumerGroupHeartbeat": Api(
        68,
        0,
        [
            ("group_id", "s", ALWAYS),
            ("member_id", "s", ALWAYS),
            ("member_epoch", "i32", ALWAYS),
            ("instance_id", "ns", ALWAYS),
            ("rack_id", "ns", ALWAYS),
            ("rebalance_timeout_ms", "i32", ALWAYS),
            ("subscribed_topic_names", ("?", ["s"]), ALWAYS),
            ("subscribed_topic_regex", "ns", since(1)),
            ("server_assignor", "ns", ALWAYS),
            ("topic_partitions", ("?", [("topic_id", "uuid", ALWAYS), ("partitions", ["i32"], ALWAYS)]), ALWAYS),
        ],
        [
            ("throttle_time_ms", "i32", ALWAYS),
            ERROR,
            ("error_message", "ns", ALWAYS),
            ("member_id", "ns", ALWAYS),
            ("member_epoch", "i32", ALWAYS),
            ("heartbeat_interval_ms", "i32", ALWAYS),
            (
                "assignment",
                ("!", [("topic_partitions", [("topic_id", "uuid", ALWAYS), ("partitions", ["i32"], ALWAYS)], ALWAYS)]),
                ALWAYS,
            ),
        ],
    ),
    "ConsumerGroupDescribe": Api(
        69,
        0,
        [("groups", ["s"], ALWAYS), ("include_authorized_operations", "bool", ALWAYS)],
        [
            ("throttle_time_ms", "i32", ALWAYS),
            (
                "groups",
                [
                    ERROR,
                    ("error_message", "ns", ALWAYS),
                    ("group_id", "s", ALWAYS),
                    ("group_state", "s", ALWAYS),
                    ("group_epoch", "i32", ALWAYS),
                    ("assignment_epoch", "i32", ALWAYS),
                    ("assignor_name", "s", ALWAYS),
                    (
                        "members",
                        [
                            ("member_id", "s", ALWAYS),
                            ("instance_id", "ns", ALWAYS),
                            ("rack_id", "ns", ALWAYS),
                            ("member_epoch", "i32", ALWAYS),
                            ("client_id", "s", ALWAYS),
                            ("client_host", "s", ALWAYS),
                            ("subscribed_topic_names", ["s"], ALWAYS),
                            ("subscribed_topic_regex", "ns", ALWAYS),
                            ("assignment", DESCRIBED_PARTITIONS, ALWAYS),
                            ("target_assignment", DESCRIBED_PARTITIONS, ALWAYS),
                            ("member_type", "i8", since(1)),
                        ],
                        ALWAYS,
                    ),
                    ("authorized_operations", "i32", ALWAYS),
                ],
                ALWAYS,
            ),
        ],
    ),
    "DescribeGroups": Api(
        15,
        5,
        [("groups", ["s"], ALWAYS), ("include_authorized_operations", "bool", since(3))],
        [
            THROTTLE,
            (
                "groups",
                [
                    ERROR,
                    ("error_message", "ns", since(6)),
                    ("group_id", "s", ALWAYS),
                    ("group_state", "s", ALWAYS),
                    ("protocol_type", "s", ALWAYS),
                    ("protocol_data", "s", ALWAYS),
                    (
                        "members",
                        [
                            ("member_id", "s", ALWAYS),
                            (*INSTANCE, since(4)),
                            ("client_id", "s", ALWAYS),
                            ("client_host", "s", ALWAYS),
                            ("member_metadata", "b", ALWAYS),
                            ("member_assignment", "b", ALWAYS),
                        ],
                        ALWAYS,
                    ),
                    ("authorized_operations", "i32", since(3)),
                ],
                ALWAYS,
            ),
        ],
    ),
}


# ---- Encoding.


def put(kind, value, version, flexible):
    if isinstance(kind, tuple) and kind[0] == "!":
        return b"\xff" if value is None else b"\1" + put_fields(kind[1], value, version, flexible)
    if isinstance(kind, tuple):
        kind = kind[1]
    if isinstance(kind, list):
        return put_list(kind, value, version, flexible)
    if kind in NUMBERS:
        return struct.pack(">" + NUMBERS[kind], value)
    if kind == "uuid":
        return value
    data = value.encode() if isinstance(value, str) else value
    if flexible:
        return uvarint(0) if data is None else uvarint(len(data) + 1) + data
    form = ">i" if kind == "b" else ">h"
    return struct.pack(form, -1) if data is None else struct.pack(form, len(data)) + data


def put_list(kind, value, version, flexible):
    count = -1 if value is None else len(value)
    out = uvarint(count + 1) if flexible else struct.pack(">i", count)
    for item in value or ():
        out += put_fields(kind, item, version, flexible) if isinstance(kind[0], tuple) else put(kind[0], item, version, flexible)
    return out


def put_fields(fields, values, version, flexible):
    out = b"".join(put(kind, values[name], version, flexible) for name, kind, versions in fields if version in versions)
    return out + (b"\0" if flexible else b"")


def encode(name, version, values, correlation, client="tests"):
    api = APIS[name]
    flexible = version >= api.flexible
    head = struct.pack(">hhi", api.key, version, correlation) + put("s", client, 0, False) + (b"\0" if flexible else b"")
    frame = head + put_fields(api.request, values, version, flexible)
    return struct.pack(">i", len(frame)) + frame


# ---- Decoding.


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, size):
        self.at += size
        assert self.at <= len(self.data), "the answer is cut short"
        return self.data[self.at - size : self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.bytes(struct.calcsize(">" + form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def get(c, kind, version, flexible):
    if isinstance(kind, tuple) and kind[0] == ".":
        return get_fields(c, kind[1], version, flexible)
    if isinstance(kind, tuple) and kind[0] == "!":
        return None if c.number("b") < 0 else get_fields(c, kind[1], version, flexible)
    if isinstance(kind, tuple):
        kind = kind[1]
    if isinstance(kind, list):
        count = c.uvarint() - 1 if flexible else c.number("i")
        if count < 0:
            return None
        one = get_fields if isinstance(kind[0], tuple) else get
        return [one(c, kind if one is get_fields else kind[0], version, flexible) for _ in range(count)]
    if kind in NUMBERS:
        return c.number(NUMBERS[kind])
    if kind == "uuid":
        return c.bytes(16)
    size = c.uvarint() - 1 if flexible else c.number("i" if kind == "b" else "h")
    data = None if size < 0 else c.bytes(size)
    return data if data is None or kind == "b" else data.decode()


def get_fields(c, fields, version, flexible):
    out = {name: get(c, kind, version, flexible) for name, kind, versions in fields if version in versions}
    if flexible:
        for _ in range(c.uvarint()):
            c.uvarint(), c.bytes(c.uvarint())
    return out


def decode(name, version, frame, correlation):
    api = APIS[name]
    flexible = version >= api.flexible
    c = Cursor(frame)
    assert c.number("i") == correlation, "an answer to something else"
    if flexible:
        assert c.number("B") == 0, "tagged fields of the header"
    out = get_fields(c, api.response, version, flexible)
    assert c.at == len(frame), f"{len(frame) - c.at} bytes too many in the answer to {name} {version}"
    return out
