"""wire.py -- as much of Kafka's protocol as the tests themselves need, written by hand on purpose: what makes
the topics must not be one of the clients under test, nor share code with the brokers.
"""
import socket
import struct

CREATE_TOPICS, DELETE_TOPICS = 19, 20


class Refused(Exception):
    pass


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def call(address, api, version, body, timeout=30):
    host, port = address.rsplit(":", 1)
    header = struct.pack(">hhi", api, version, 7) + text("tests")
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
