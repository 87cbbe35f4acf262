#!/usr/bin/env python3
"""at_least_once.py BOOTSTRAP -- process, then commit: no record is lost, and some are processed twice if a worker dies.

For what must not be missed, and can stand a repetition: a row written under its key, a sum kept per order."""

import story


def work(consumer, process):
    """Until the topic's end. What was processed and not yet committed comes again."""
    for records in story.batches(consumer):
        for record in records:
            process(record)
        consumer.commit(asynchronous=False)  # After.


if __name__ == "__main__":
    story.run("at least once", work, loses=False, doubles=True)
