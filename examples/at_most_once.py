#!/usr/bin/env python3
"""at_most_once.py BOOTSTRAP -- commit, then process: a record whose worker dies is lost, and none is processed twice.

For what must not happen twice, and may be missed once: a mail, a measured value, a cache that is warmed."""

import story


def work(consumer, process):
    """Until the topic's end. What is committed counts as done, whatever becomes of us."""
    for records in story.batches(consumer):
        consumer.commit(asynchronous=False)  # Before. It has returned, so the offsets are in three brokers' logs.
        for record in records:
            process(record)


if __name__ == "__main__":
    story.run("at most once", work, loses=True, doubles=False)
