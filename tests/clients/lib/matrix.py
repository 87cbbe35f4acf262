"""matrix.py -- every acks level with every codec: what a client writes is what is stored and what is read."""
import itertools
import time
import zlib

from lib import store
from lib.agent import pack, unpack
from lib.cluster import wait_for

ACKS = ("0", "1", "all")
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PARTITIONS = 2
RECORDS = 36  # of one run, over both partitions
DAY_MS = 24 * 3600 * 1000


def topic_of(client, acks, codec):
    return f"{client}-acks-{acks}-{codec}"


def records(client, acks, codec, base_ms):
    """Null keys, tombstones, headers that repeat or have no value, timestamps of their own."""
    made = []
    for i in range(RECORDS):
        value = f"{client.name}/{acks}/{codec}/{i} ".encode() + b"the jackdaw hoards " * 40
        if "binary" not in client.lacks and i % 5 == 0:
            value += bytes(range(256))
        key, headers = f"key-{i % 7}".encode(), []
        if i % 3 == 0:
            key = None
        if i % 6 == 4:
            value = None
        if i % 6 in (1, 4):
            none = b"" if "null headers" in client.lacks else None
            headers = [["trace", b"7f"], ["empty", b""], ["none", none], ["trace", b"again"]]
        made.append({"p": i % PARTITIONS, "k": key, "v": value, "h": headers, "t": base_ms + i})
    return made


def wire(record):
    return {**record, "k": pack(record["k"]), "v": pack(record["v"]),
            "h": [[name, pack(value)] for name, value in record["h"]]}


def unwire(record):
    return {**record, "k": unpack(record["k"]), "v": unpack(record["v"]),
            "h": [[name, unpack(value)] for name, value in record["h"]]}


class Matrix:
    """One client's 15 topics: written by it, looked at on disk, read by it and by others."""

    def __init__(self, client, agent, cluster, claims):
        self.client, self.agent, self.cluster, self.claims = client, agent, cluster, claims
        self.base_ms = int(time.time() * 1000) - DAY_MS
        self.sent = {}  # topic -> records

    def run(self):
        started_ms = int(time.time() * 1000)
        for acks, codec in itertools.product(ACKS, CODECS):
            self.claims.attempt(f"produces with acks={acks}, {codec}", self.produce, acks, codec)
        ended_ms = int(time.time() * 1000)
        for topic in self.sent:
            self.claims.attempt(f"{topic} is stored as it was sent", self.look_at_store, topic)
        return self.claims.attempt("reads back by assignment", self.read_back,
                                   (started_ms, ended_ms + 1000))

    def produce(self, acks, codec):
        topic = topic_of(self.client.name, acks, codec)
        sent = records(self.client, acks, codec, self.base_ms)
        self.cluster.create_topic(topic, PARTITIONS)
        results = self.agent.ask(op="produce", topic=topic, acks=acks, codec=codec,
                                 records=[wire(r) for r in sent])["results"]
        self.sent[topic] = sent
        bad = [r for r in results if "error" in r]
        claim = f"acks={acks}, {codec}: every record is acknowledged"
        if acks == "0":
            claim = f"acks={acks}, {codec}: every record is sent"
        self.claims.check(claim, len(results) == len(sent) and not bad, str(bad[:3]))
        if acks != "0" and "offsets" not in self.client.lacks and not bad:
            self.claims.check(f"acks={acks}, {codec}: the answers name the offsets 0, 1, 2, ...",
                              self.offsets_are_contiguous(sent, results), str(results[:8]))

    def offsets_are_contiguous(self, sent, results):
        told = {p: sorted(r["o"] for r in results if r["p"] == p) for p in range(PARTITIONS)}
        return all(told[p] == list(range(sum(r["p"] == p for r in sent))) for p in told)

    def look_at_store(self, topic):
        """The codec of every batch, on every replica: only the attributes tell what was compressed."""
        _, _, acks, codec = topic.rsplit("-", 3)
        counts = self.counts(topic)

        def replicas():
            found = [store.batches(self.cluster.folder, topic, p) for p in range(PARTITIONS)]
            full = all(len(f) == 3 and all(sum(b.count for b in r) == counts[p] for r in f.values())
                       for p, f in enumerate(found))
            return found if full else None

        try:
            found = wait_for("three full replicas", replicas)
        except TimeoutError:
            found = [store.batches(self.cluster.folder, topic, p) for p in range(PARTITIONS)]
            self.claims.check(f"acks={acks}, {codec}: three replicas hold every record", False,
                              str({k: v for f in found for k, v in f.items()})[:600])
            return
        stored = {b.codec for f in found for r in f.values() for b in r}
        self.claims.check(f"acks={acks}, {codec}: the stored batches say {codec}, on three replicas",
                          stored == {codec}, f"they say {sorted(stored)}")

    def counts(self, topic):
        return [sum(r["p"] == p for r in self.sent[topic]) for p in range(PARTITIONS)]

    def read_back(self, window_ms):
        self.read_with(self.agent, self.claims, window_ms)

    def read_by(self, agent, claims):
        self.read_with(agent, claims, None)

    def read_with(self, agent, claims, window_ms):
        answer = agent.ask(op="consume", timeout_ms=20000,
                           topics={t: self.counts(t) for t in self.sent})
        for topic, sent in self.sent.items():
            name = topic.replace("-acks-", ", acks=").removeprefix(f"{claims.client}, ")
            got = [unwire(r) for r in answer["records"].get(topic, [])]
            self.compare(claims.check, name, topic, sent, got, answer["ends"].get(topic), window_ms)

    def compare(self, check, name, topic, sent, got, ends, window_ms):
        contiguous = all([r["o"] for r in got if r["p"] == p] == list(range(count))
                         for p, count in enumerate(self.counts(topic)))
        check(f"{name}: offsets are contiguous and end where the records do",
              contiguous and ends == self.counts(topic),
              f"ends {ends}, offsets {[(r['p'], r['o']) for r in got][:40]}")
        if "order" not in self.client.lacks:
            wanted = [[r for r in sent if r["p"] == p] for p in range(PARTITIONS)]
            read = [[r for r in got if r["p"] == p] for p in range(PARTITIONS)]
        else:
            order = lambda r: (r["v"] or b"", r["k"] or b"", len(r["h"]))
            wanted = [sorted((r for r in sent if r["p"] == p), key=order) for p in range(PARTITIONS)]
            read = [sorted((r for r in got if r["p"] == p), key=order) for p in range(PARTITIONS)]
        wanted, read = sum(wanted, []), sum(read, [])
        if "header order" in self.client.lacks:
            for r in (*wanted, *read):
                r["h"] = sorted(r["h"])
        for field, what in (("v", "values and tombstones"), ("k", "keys and null keys"),
                            ("h", "headers")):
            pairs = [(w[field], r[field]) for w, r in zip(wanted, read)]
            different = [pair for pair in pairs if pair[0] != pair[1]]
            check(f"{name}: {what} are what was sent",
                  not different and len(wanted) == len(read), str(different[:1])[:300])
        if "time" not in self.client.lacks:
            kept = [r["t"] for r in read] == [w["t"] for w in wanted]
        else:
            kept = window_ms is None or all(window_ms[0] <= r["t"] <= window_ms[1] for r in read)
        check(f"{name}: timestamps are kept", kept, str([r["t"] for r in read][:5]))


def crc32_partition(key, count):
    """librdkafka's `consistent_random`."""
    return zlib.crc32(key) % count


def murmur2_partition(key, count):
    """The Java client's, and of those who follow it."""
    mask, m, h = 0xFFFFFFFF, 0x5BD1E995, 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at:at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if key[whole:]:
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % count


def partitioner(client, agent, cluster, claims):
    """Keyed records go where the client's partitioner says; records without a key are spread."""
    topic, count = f"{client.name}-keyed", 6
    cluster.create_topic(topic, count)
    keys = [f"user-{i}".encode() for i in range(60)]
    sent = [{"p": None, "k": key, "v": key, "h": [], "t": None} for key in keys * 2]
    results = agent.ask(op="produce", topic=topic, acks="all", codec="none",
                        records=[wire(r) for r in sent])["results"]
    counts = [0] * count
    for key in keys * 2:
        counts[client.partition_of(key, count)] += 1
    got = [unwire(r) for r in agent.ask(op="consume", topics={topic: counts},
                                        timeout_ms=5000)["records"][topic]]
    astray = [(r["k"], r["p"]) for r in got if r["p"] != client.partition_of(r["k"], count)]
    claims.check(f"a key goes where {client.partition_of.__name__.split('_')[0]} says, each time",
                 len(got) == len(sent) and not astray and not any("error" in r for r in results),
                 f"{len(got)} read, astray: {astray[:5]}")
    if client.names_partitions:
        own = agent.ask(op="partitions", keys=[pack(k) for k in keys], count=count)["partitions"]
        claims.check("the tests' own murmur2 agrees with the client's",
                     own == [client.partition_of(k, count) for k in keys], str(own))
    topic = f"{client.name}-unkeyed"
    cluster.create_topic(topic, count)
    total = 0
    for _ in range(8):
        sent = [{"p": None, "k": None, "v": b"x" * 3000, "h": [], "t": None} for _ in range(12)]
        agent.ask(op="produce", topic=topic, acks="all", codec="none",
                  records=[wire(r) for r in sent])
        total += len(sent)
    held = [store.batches(cluster.folder, topic, p) for p in range(count)]
    spread = [max((sum(b.count for b in r) for r in f.values()), default=0) for f in held]
    claims.check("records without a key use more than one partition",
                 sum(n > 0 for n in spread) > 1 and sum(spread) == total, f"records: {spread}")
