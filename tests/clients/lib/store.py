"""store.py -- what the brokers hold on disk: the headers of the record batches, as Kafka lays them out."""
import collections
import struct

CODECS = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
HEADER = struct.Struct(">qiibIhiqqqhii")  # from the base offset to the count of records
Batch = collections.namedtuple("Batch", "base last codec producer_id count time_type")


def batches(folder, topic, partition):
    """The batches of each replica: {name of the broker: [Batch, ...]}."""
    replicas = {}
    for home in sorted(folder.glob(f"broker-*/data/{topic}-{partition}")):
        found = replicas.setdefault(home.parent.parent.name, [])
        for segment in sorted(home.glob("*.log")):
            found.extend(parse(segment.read_bytes()))
    return replicas


def parse(data):
    at = 0
    while at + HEADER.size <= len(data):
        (base, size, _, magic, _, attributes, last, _, _, producer, _, _, count) = \
            HEADER.unpack_from(data, at)
        if magic != 2 or size <= 0 or at + 12 + size > len(data):
            return  # Room that is set aside, or a write under way.
        yield Batch(base, base + last, CODECS.get(attributes & 7, "unknown"), producer, count,
                    "append" if attributes & 8 else "create")
        at += 12 + size
