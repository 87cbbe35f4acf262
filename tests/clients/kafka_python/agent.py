"""agent.py -- kafka-python, asked over standard input (see lib/agent.py)."""
import os
import pathlib
import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from lib.agent import pack, unpack  # noqa: E402
from lib.agent_loop import serve  # noqa: E402

BOOTSTRAP = sys.argv[1].split(",")


def produce(topic, acks, codec, records):
    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP, acks=acks if acks == "all" else int(acks), linger_ms=20,
        compression_type=None if codec == "none" else codec, enable_idempotence=acks == "all")
    try:
        sent = [producer.send(topic, partition=r["p"], key=unpack(r["k"]), value=unpack(r["v"]),
                              headers=[(name, unpack(value)) for name, value in r["h"]],
                              timestamp_ms=r["t"]) for r in records]
        producer.flush(timeout=30)
        return {"results": [outcome(f) for f in sent]}
    finally:
        producer.close(timeout=10)


def outcome(future):
    try:
        told = future.get(timeout=30)
        return {"p": told.partition, "o": told.offset}
    except Exception as error:  # a record's error is its result
        return {"error": f"{type(error).__name__}: {error}"}


def consume(topics, timeout_ms):
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=None, enable_auto_commit=False,
                             auto_offset_reset="earliest", fetch_max_wait_ms=50)
    try:
        wanted = {TopicPartition(t, p): n for t, counts in topics.items()
                  for p, n in enumerate(counts)}
        consumer.assign(list(wanted))
        consumer.seek_to_beginning()
        read = {t: [] for t in topics}
        missing, end = sum(wanted.values()), time.monotonic() + timeout_ms / 1000
        while missing > 0 and time.monotonic() < end:
            for part, batch in consumer.poll(timeout_ms=100).items():
                read[part.topic].extend(
                    {"p": part.partition, "o": r.offset, "k": pack(r.key), "v": pack(r.value),
                     "h": [[name, pack(value)] for name, value in r.headers], "t": r.timestamp}
                    for r in batch)
                missing -= len(batch)
        ends = consumer.end_offsets(list(wanted))
        return {"records": read, "ends": {t: [ends[TopicPartition(t, p)]
                                              for p in range(len(counts))]
                                          for t, counts in topics.items()}}
    finally:
        consumer.close()


def group(group, topic, count, timeout_ms):
    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False,
                             auto_offset_reset="earliest")
    try:
        values, end = [], time.monotonic() + timeout_ms / 1000
        while len(values) < count and time.monotonic() < end:
            for batch in consumer.poll(timeout_ms=100, max_records=count - len(values)).values():
                values += [pack(r.value) for r in batch]
        consumer.commit()
        return {"values": values}
    finally:
        consumer.close()


def member(group, topic, out, until):
    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
                             session_timeout_ms=3000, heartbeat_interval_ms=500)
    try:
        with open(out, "a") as handled:
            while not os.path.exists(until):
                for batch in consumer.poll(timeout_ms=50).values():
                    for r in batch:
                        print(r.partition, r.offset, r.value.decode(), file=handled, flush=True)
                try:
                    consumer.commit()
                except KafkaError:
                    pass  # Somebody else's by now: handled again.
        return {}
    finally:
        consumer.close()


serve({"produce": produce, "consume": consume, "group": group, "member": member})
