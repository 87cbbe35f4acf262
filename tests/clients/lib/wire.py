"""wire.py -- as much of Kafka's protocol as the tests themselves need, written by hand on purpose: what makes
the topics must not be one of the clients under test, nor share code with the brokers.
"""
import socket
import struct

PRODUCE, FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR, CREATE_TOPICS, INIT_PRODUCER_ID = 0, 1, 2, 3, 10, 19, 22
DESCRIBE_TOPIC_PARTITIONS = 75


class Refused(Exception):
    pass


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def call(address, api, version, body, timeout=30, flexible=False):
    """The body of the answer. Flexible versions: with the tagged fields of its header, which are none."""
    host, port = address.rsplit(":", 1)
    header = struct.pack(">hhi", api, version, 7) + text("tests") + (b"\0" if flexible else b"")
    with socket.create_connection((host, int(port)), timeout=timeout) as s:
        s.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        size, = struct.unpack(">i", exactly(s, 4))
        answer = exactly(s, size)
    assert struct.unpack_from(">i", answer)[0] == 7, "an answer to something else"
    return answer[4:]


def exactly(s, size):
    data = b""
    while len(data) < size:
        more = s.recv(size - len(data))
        if not more:
            raise ConnectionError("the broker closed the connection")
        data += more
    return data


def create_topic(bootstrap, name, partitions, replicas=3, configs=()):
    body = struct.pack(">i", 1) + text(name) + struct.pack(">ihi", partitions, replicas, 0)
    body += struct.pack(">i", len(configs))
    for key, value in configs:
        body += text(key) + text(value)
    body += struct.pack(">ib", 20000, 0)
    answer = call(bootstrap.split(",")[0], CREATE_TOPICS, 2, body)
    at = 4 + 4 + 2 + len(name.encode())  # throttle time, count, name
    error, = struct.unpack_from(">h", answer, at)
    if error:
        raise Refused(f"create topic {name}: error {error}: {answer[at + 4:]!r}")


class Reader:
    """Takes the fields of an answer, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        form = ">" + form
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values if len(values) > 1 else values[0]

    def text(self):
        size = self.take("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def compact(self):
        """A short text of a flexible version."""
        size = self.take("B") - 1
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size:self.at].decode()


CASTAGNOLI = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    CASTAGNOLI.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CASTAGNOLI[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = value << 1 if value >= 0 else (-value << 1) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def batch(values, time_ms, count=None, keys=None, codec=0):
    """A batch of plain records, of which `count` are claimed, and of a codec that is claimed."""
    records = b""
    for i, value in enumerate(values):
        key = keys[i] if keys else None
        record = b"\0" + varint(0) + varint(i)
        record += varint(-1) if key is None else varint(len(key)) + key
        record += varint(len(value)) + value + varint(0)
        records += varint(len(record)) + record
    count = len(values) if count is None else count
    body = struct.pack(">hiqqqhii", codec, count - 1, time_ms, time_ms, -1, -1, -1, count) + records
    return struct.pack(">qiibI", 0, 9 + len(body), -1, 2, crc32c(body)) + body


def produce_body(topic, partition, acks, records, version=3):
    body = struct.pack(">h", -1) if version >= 3 else b""
    body += struct.pack(">hii", acks, 10000, 1) + text(topic) + struct.pack(">ii", 1, partition)
    return body + struct.pack(">i", len(records)) + records


def produce(address, topic, partition, acks, records, version=7):
    """(error, base offset), as one partition's answer says."""
    told = Reader(call(address, PRODUCE, version,
                       produce_body(topic, partition, acks, records, version)))
    told.take("i"), told.text(), told.take("i"), told.take("i")
    return told.take("hq")


def log_end(address, topic, partition=0):
    body = struct.pack(">ii", -1, 1) + text(topic) + struct.pack(">iiq", 1, partition, -1)
    told = Reader(call(address, LIST_OFFSETS, 1, body))
    told.take("i"), told.text(), told.take("i"), told.take("i")
    return told.take("hqq")[2]


def leader(bootstrap, topic, partition=0):
    """(error of the topic, address of the partition's leader or None); the topic is made, where that is so."""
    told = Reader(call(bootstrap.split(",")[0], METADATA, 1, struct.pack(">i", 1) + text(topic)))
    addresses = {}
    for _ in range(told.take("i")):
        node = told.take("i")
        host = told.text()
        addresses[node] = f"{host}:{told.take('i')}"
        told.text()
    told.take("ii")
    error = told.take("h")
    told.text(), told.take("b")
    found = None
    for _ in range(told.take("i")):
        _, number, node = told.take("hii")
        for _ in range(2):
            told.at += 4 * told.take("i")
        if number == partition:
            found = addresses.get(node)
    return error, found
