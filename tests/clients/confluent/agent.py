"""agent.py -- confluent-kafka (librdkafka), asked over standard input (see lib/agent.py)."""
import os
import pathlib
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition, TIMESTAMP_CREATE_TIME

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from lib.agent import pack, unpack  # noqa: E402
from lib.agent_loop import serve  # noqa: E402

BOOTSTRAP = sys.argv[1]


def produce(topic, acks, codec, records):
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": acks, "compression.type": codec,
                         "linger.ms": 20, "enable.idempotence": acks == "all"})
    results = [{"error": "no answer"} for _ in records]

    def delivered(index):
        def tell(error, message):
            results[index] = ({"error": error.name()} if error else
                              {"p": message.partition(), "o": message.offset()})
        return tell

    for i, r in enumerate(records):
        where = {} if r["p"] is None else {"partition": r["p"]}
        when = {} if r["t"] is None else {"timestamp": r["t"]}
        producer.produce(topic, key=unpack(r["k"]), value=unpack(r["v"]), on_delivery=delivered(i),
                         headers=[(name, unpack(value)) for name, value in r["h"]], **where, **when)
    producer.flush(30)
    return {"results": results}


def consume(topics, timeout_ms):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "none", "fetch.wait.max.ms": 50,
                         "enable.auto.commit": False, "auto.offset.reset": "error"})
    try:
        consumer.assign([TopicPartition(t, p, 0) for t, counts in topics.items()
                         for p in range(len(counts))])
        read = {t: [] for t in topics}
        missing = sum(sum(counts) for counts in topics.values())
        end = time.monotonic() + timeout_ms / 1000
        while missing > 0 and time.monotonic() < end:
            for m in consumer.consume(num_messages=500, timeout=0.1):
                if m.error():
                    raise RuntimeError(m.error().str())
                kind, when = m.timestamp()
                if kind != TIMESTAMP_CREATE_TIME:
                    raise RuntimeError(f"timestamp type {kind}")
                read[m.topic()].append(
                    {"p": m.partition(), "o": m.offset(), "k": pack(m.key()), "v": pack(m.value()),
                     "h": [[name, pack(value)] for name, value in m.headers() or []], "t": when})
                missing -= 1
        ends = {t: [consumer.get_watermark_offsets(TopicPartition(t, p), timeout=10)[1]
                    for p in range(len(counts))] for t, counts in topics.items()}
        return {"records": read, "ends": ends}
    finally:
        consumer.close()


def group(group, topic, count, timeout_ms, protocol="classic"):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group, "enable.auto.commit": False,
                         "auto.offset.reset": "earliest", "group.protocol": protocol})
    try:
        consumer.subscribe([topic])
        values, end = [], time.monotonic() + timeout_ms / 1000
        while len(values) < count and time.monotonic() < end:
            m = consumer.poll(0.1)
            if m is not None and m.error():
                raise RuntimeError(m.error().str())
            if m is not None:
                values.append(pack(m.value()))
        consumer.commit(asynchronous=False)
        return {"values": values}
    finally:
        consumer.close()


def member(group, topic, out, until, protocol="classic", strategy="range"):
    times = {} if protocol == "consumer" else {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500}
    if strategy == "cooperative":
        times["partition.assignment.strategy"] = "cooperative-sticky"
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
                         "group.protocol": protocol, **times})
    try:
        consumer.subscribe([topic])
        with open(out, "a") as handled:
            while not os.path.exists(until):
                m = consumer.poll(0.05)
                if m is None or m.error():
                    continue
                print(m.partition(), m.offset(), m.value().decode(), file=handled, flush=True)
                try:
                    consumer.commit(m, asynchronous=False)
                except KafkaException:
                    pass  # Somebody else's by now: handled again.
        return {}
    finally:
        consumer.close()


serve({"produce": produce, "consume": consume, "group": group, "member": member})
