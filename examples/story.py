"""story.py -- what both examples share: a topic of numbered records, a worker that dies in the middle of a batch, another that
goes on under its name, and what became of each record.

The world outside is a file: a line for each record that was processed. It outlives the worker, as a database would."""

import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import uuid

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

RECORDS = 1000
PARTITIONS = 3
BATCH = 50  # Records between two commits: so many can be lost, or doubled, by one crash.
DIES_AT = 520  # The first worker dies when it has processed so many: in the middle of a batch.


def batches(consumer):
    """Lists of BATCH records, and of what is left at the end of all partitions."""
    ended, records = set(), []
    while len(ended) < PARTITIONS:
        for message in consumer.consume(BATCH - len(records), timeout=0.2):
            if message.error() is None:
                records.append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise SystemExit(f"cannot read: {message.error()}")
        if len(records) == BATCH:
            yield records
            records = []
    if records:
        yield records


def produce(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        admin.list_topics(timeout=10)
    except KafkaException:
        raise SystemExit(f"no broker at {bootstrap} answers") from None
    admin.create_topics([NewTopic(topic, PARTITIONS)])[topic].result(60)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    for number in range(RECORDS):
        producer.produce(topic, str(number).encode(), key=str(number).encode())
    if producer.flush(60) != 0:
        raise SystemExit("not all records were acknowledged")


def worker(work, bootstrap, topic, file, dies_at):
    """One process. With dies_at it ends as by kill -9: nothing is committed, nobody is told."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "group.instance.id": "worker-1",  # It comes back under its name: nobody waits until its session ends.
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,  # We say when.
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    count = 0
    with open(file, "a", buffering=1) as world:

        def process(record):
            nonlocal count
            world.write(record.value().decode() + "\n")
            count += 1
            if count == dies_at:
                os.kill(os.getpid(), 9)

        work(consumer, process)
    consumer.close()


def start(*words):
    return subprocess.run([sys.executable, sys.argv[0], *words], check=False).returncode


def judge(promise, lines, loses, doubles):
    times = collections.Counter(map(int, lines))
    lost = [n for n in range(RECORDS) if times[n] == 0]
    doubled = [n for n in range(RECORDS) if times[n] > 1]
    print(f"{promise}: {RECORDS} records, the worker died after {DIES_AT}, another went on")
    print(f"  lost:    {len(lost)} {lost if lost else ''}")
    print(f"  doubled: {len(doubled)} {doubled if doubled else ''}")
    kept = (0 < len(lost) < BATCH if loses else not lost) and (0 < len(doubled) <= BATCH if doubles else not doubled)
    print(f"  as promised: {'yes' if kept else 'NO'}")
    return 0 if kept else 1


def run(promise, work, loses, doubles):
    """BOOTSTRAP: the whole story. BOOTSTRAP TOPIC FILE DIES_AT: one worker of it."""
    if len(sys.argv) == 5:
        worker(work, sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} BOOTSTRAP")
    topic = f"example-{uuid.uuid4().hex[:8]}"
    produce(sys.argv[1], topic)
    with tempfile.TemporaryDirectory() as folder:
        file = str(pathlib.Path(folder) / "world")
        if start(sys.argv[1], topic, file, str(DIES_AT)) == 0 or start(sys.argv[1], topic, file, "0") != 0:
            raise SystemExit("the workers did not end as they should")
        lines = pathlib.Path(file).read_text().split()
    raise SystemExit(judge(promise, lines, loses, doubles))
