"""kafka_wire.py -- Kafka's protocol by hand, for tests that must see or say what no client would.

Only what the tests need: versions without tagged fields, record batches of magic 2 without compression. Every decoder insists
that the answer ends where it should. The standard library is enough."""

import socket
import struct
import time

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS, INIT_PRODUCER_ID, REPLICA_HELLO, INCREMENTAL_ALTER_CONFIGS = 0, 1, 2, 3, 18, 22, 20000, 44

# Kafka's numbers of the errors that the tests name.
NONE = 0
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
LEADER_NOT_AVAILABLE = 5
NOT_LEADER_OR_FOLLOWER = 6
REQUEST_TIMED_OUT = 7
MESSAGE_TOO_LARGE = 10
NOT_ENOUGH_REPLICAS = 19
NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
INVALID_REQUIRED_ACKS = 21
CLUSTER_AUTHORIZATION_FAILED = 31
UNSUPPORTED_VERSION = 35
INVALID_REQUEST = 42
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
POLICY_VIOLATION = 44
STALE_BROKER_EPOCH = 77
INVALID_RECORD = 87


def _crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def uvarint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def varint(n):
    return uvarint(((n << 1) ^ (n >> 63)) & ((1 << 64) - 1))


def record(value, delta=0, key=None):
    body = b"\0" + varint(0) + varint(delta)
    body += varint(-1) if key is None else varint(len(key)) + key
    body += varint(-1) if value is None else varint(len(value)) + value
    body += varint(0)
    return varint(len(body)) + body


def batch(values, producer_id=-1, producer_epoch=-1, sequence=-1, count=None, records=None, magic=2, attributes=0, latest=None):
    """A record batch; `count`, `records` (bytes) and `latest` (ms) say something else than the truth."""
    body = b"".join(record(v, i) for i, v in enumerate(values)) if records is None else records
    count = len(values) if count is None else count
    now = int(time.time() * 1000)  # What is older than retention allows would go.
    checked = struct.pack(">hiqqqhii", attributes, count - 1, now, now if latest is None else latest, producer_id, producer_epoch, sequence, count) + body
    head = struct.pack(">ibI", -1, magic, crc32c(checked))
    return struct.pack(">qi", 0, len(head) + len(checked)) + head + checked


def string(text):
    if text is None:
        return struct.pack(">h", -1)
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    items = list(items)
    return struct.pack(">i", len(items)) + b"".join(items)


def octets(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        size = self.take("h")
        return None if size < 0 else self._bytes(size).decode()

    def octets(self):
        size = self.take("i")
        return None if size < 0 else self._bytes(size)

    def _bytes(self, size):
        self.at += size
        assert self.at <= len(self.data), "the answer is cut short"
        return self.data[self.at - size : self.at]

    def array(self, item):
        return [item() for _ in range(max(0, self.take("i")))]

    def end(self):
        assert self.at == len(self.data), f"{len(self.data) - self.at} bytes too many in the answer"


class Closed(Exception):
    """The broker closed the connection."""


class Silence(Exception):
    """No answer in time."""


class Connection:
    """One connection. Requests may be sent ahead of their answers, which come in order."""

    def __init__(self, port, timeout=30.0, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0
        self.waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, api, version, body, answered=True):
        self.correlation += 1
        head = struct.pack(">hhi", api, version, self.correlation) + string("wire")
        if answered:
            self.waiting.append(self.correlation)
        self.socket.sendall(octets(head + body))

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            try:
                more = self.socket.recv(min(1 << 20, size - len(data)))
            except TimeoutError:
                raise Silence from None
            except ConnectionError:
                raise Closed from None
            if not more:
                raise Closed
            data += more
        return bytes(data)

    def receive(self, timeout=None):
        """The next answer's body."""
        if timeout is not None:
            self.socket.settimeout(timeout)
        frame = self._read(struct.unpack(">i", self._read(4))[0])
        correlation = struct.unpack_from(">i", frame)[0]
        assert correlation == self.waiting.pop(0), "answers come in the order of the requests"
        return Reader(frame[4:])

    def call(self, api, version, body, timeout=None):
        self.send(api, version, body)
        return self.receive(timeout)

    def is_closed(self, timeout=30.0):
        """Waits for the end of the connection; False if bytes come instead, or nothing."""
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    # ---- Produce 8.

    def send_produce(self, topic, partition, records, acks=-1, timeout_ms=30000, transactional_id=None):
        one = struct.pack(">i", partition) + octets(records)
        body = string(transactional_id) + struct.pack(">hi", acks, timeout_ms) + array([string(topic) + array([one])])
        self.send(PRODUCE, 8, body, answered=acks != 0)

    def receive_produced(self, timeout=None):
        """(error, base offset, message) of the one partition."""
        r = self.receive(timeout)

        def one():
            _index, error, offset, _time, _start = r.take("ihqqq")
            r.array(lambda: (r.take("i"), r.string()))
            return error, offset, r.string()

        topics = r.array(lambda: (r.string(), r.array(one)))
        r.take("i")
        r.end()
        return topics[0][1][0]

    def produce(self, topic, partition, records, acks=-1, timeout_ms=30000, timeout=None):
        self.send_produce(topic, partition, records, acks, timeout_ms)
        return self.receive_produced(timeout)

    # ---- Fetch 11.

    def send_fetch(self, topic, partitions, offset=0, wait_ms=0, min_bytes=1, max_bytes=1 << 26, replica_id=-1, epoch=-1):
        """`partitions` are numbers; a number may stand more than once."""
        parts = array(struct.pack(">iiqqi", p, epoch, offset, -1, max_bytes) for p in partitions)
        body = struct.pack(">iiiibii", replica_id, wait_ms, min_bytes, max_bytes, 0, 0, -1)
        self.send(FETCH, 11, body + array([string(topic) + parts]) + array([]) + string(""))

    def receive_fetched(self, timeout=None):
        """(error of the whole, [(partition, error, high watermark, records)])."""
        r = self.receive(timeout)
        _throttle, whole, _session = r.take("ihi")

        def one():
            number, error, watermark, _stable, _start = r.take("ihqqq")
            r.array(lambda: r.take("qq"))
            r.take("i")
            return number, error, watermark, r.octets()

        topics = r.array(lambda: (r.string(), r.array(one)))
        r.end()
        return whole, [part for _, parts in topics for part in parts]

    def fetch(self, topic, partition, offset=0, timeout=None, **more):
        self.send_fetch(topic, [partition], offset, **more)
        whole, parts = self.receive_fetched(timeout)
        return (whole, -1, b"") if not parts else (parts[0][1] or whole, parts[0][2], parts[0][3])

    # ---- ListOffsets 5, Metadata 7, InitProducerId 0.

    def end_offset(self, topic, partition):
        """(error, the high watermark)."""
        one = struct.pack(">iiq", partition, -1, -1)
        r = self.call(LIST_OFFSETS, 5, struct.pack(">ib", -1, 0) + array([string(topic) + array([one])]))
        r.take("i")
        topics = r.array(lambda: (r.string(), r.array(lambda: r.take("ihqqi"))))
        r.end()
        _, error, _, offset, _ = topics[0][1][0]
        return error, offset

    def metadata(self, topic, create=False, timeout=None):
        """(error, [(partition, error, leader, epoch, isr)])."""
        r = self.call(METADATA, 7, array([string(topic)]) + struct.pack(">b", create), timeout)
        r.take("i")
        r.array(lambda: (r.take("i"), r.string(), r.take("i"), r.string()))
        r.string(), r.take("i")

        def one():
            error, number, leader, epoch = r.take("hiii")
            r.array(lambda: r.take("i"))
            isr = r.array(lambda: r.take("i"))
            r.array(lambda: r.take("i"))
            return number, error, leader, epoch, isr

        topics = r.array(lambda: (r.take("h"), r.string(), r.take("b"), r.array(one)))
        r.end()
        return topics[0][0], sorted(topics[0][3])

    def alter_configs(self, kind, name, pairs):
        """The error of IncrementalAlterConfigs 0 of one resource; a value that is None goes back to the default."""
        configs = array(string(key) + struct.pack(">b", 1 if value is None else 0) + string(value) for key, value in pairs)
        one = struct.pack(">b", kind) + string(name) + configs
        r = self.call(INCREMENTAL_ALTER_CONFIGS, 0, array([one]) + struct.pack(">b", 0))
        r.take("i")
        results = r.array(lambda: (r.take("h"), r.string(), r.take("b"), r.string()))
        r.end()
        return results[0][0]

    def producer_id(self):
        """(error, id, epoch)."""
        r = self.call(INIT_PRODUCER_ID, 0, string(None) + struct.pack(">i", 60000))
        _throttle, error, number, epoch = r.take("ihqh")
        r.end()
        return error, number, epoch


def split(records):
    """[(base offset, leader epoch, producer id, sequence, [values])] of whole batches."""
    out, at = [], 0
    while at + 61 <= len(records):
        base, size, epoch = struct.unpack_from(">qii", records, at)
        if at + 12 + size > len(records):
            break
        producer, _epoch, sequence, count = struct.unpack_from(">qhii", records, at + 43)
        values, place = [], at + 61
        for _ in range(count):
            length, place = _varint(records, place)
            end = place + length
            place += 1
            for _ in range(2):
                _, place = _varint(records, place)
            key, place = _varint(records, place)
            place += max(0, key)
            length, place = _varint(records, place)
            values.append(None if length < 0 else records[place : place + length])
            place = end
        out.append((base, epoch, producer, sequence, values))
        at += 12 + size
    return out


def _varint(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (n >> 1) ^ -(n & 1), at
