"""agent.py -- kcat, asked over standard input (see lib/agent.py). kcat gives all records of one call the same
headers, takes no timestamps, and does not tell offsets: records with equal headers share a call.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from lib.agent import pack, unpack  # noqa: E402
from lib.agent_loop import serve  # noqa: E402

BOOTSTRAP = sys.argv[1]


def kcat(*args, text=b""):
    done = subprocess.run(["kcat", "-b", BOOTSTRAP, "-q", *args], input=text, capture_output=True,
                          timeout=60)
    if done.returncode or done.stderr.strip():
        raise RuntimeError(f"kcat {' '.join(args)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def produce(topic, acks, codec, records):
    calls = {}
    for r in records:
        calls.setdefault((r["p"], json.dumps(r["h"])), []).append(r)
    for (partition, headers), group in calls.items():
        args = ["-P", "-t", topic, "-X", f"acks={acks}", "-z", codec, "-Z", "-K", "\t",
                "-X", "linger.ms=20"]
        if partition is not None:
            args += ["-p", str(partition)]
        for name, value in json.loads(headers):
            args += ["-H", name if value is None else f"{name}={unpack(value).decode()}"]
        lines = [(unpack(r["k"]) or b"") + b"\t" + (unpack(r["v"]) or b"") for r in group]
        kcat(*args, text=b"\n".join(lines) + b"\n")
    return {"results": [{"p": r["p"]} for r in records]}


def consume(topics, timeout_ms):
    read, ends = {}, {}
    for topic, counts in topics.items():
        out = kcat("-C", "-t", topic, "-o", "beginning", "-c", str(sum(counts)), "-J",
                   "-X", "fetch.wait.max.ms=50")
        read[topic] = [record(json.loads(line)) for line in out.splitlines()]
        told = kcat("-Q", *[w for p in range(len(counts)) for w in ("-t", f"{topic}:{p}:-1")])
        ends[topic] = [end_offset(told.decode(), topic, p) for p in range(len(counts))]
    return {"records": read, "ends": ends}


def record(m):
    flat = m.get("headers") or []
    headers = [[name, pack(value.encode()) if value is not None else None]
               for name, value in zip(flat[::2], flat[1::2])]
    return {"p": m["partition"], "o": m["offset"], "h": headers, "t": m["ts"],
            "k": pack(m["key"].encode()) if m["key"] is not None else None,
            "v": pack(m["payload"].encode()) if m["payload"] is not None else None}


def end_offset(told, topic, partition):
    """kcat -Q prints 'topic [partition] offset N'."""
    for line in told.splitlines():
        words = line.split()
        if words[:2] == [topic, f"[{partition}]"]:
            return int(words[-1])
    raise RuntimeError(f"kcat tells no end of {topic} [{partition}]: {told}")


def group(group, topic, count, timeout_ms):
    out = subprocess.run(["kcat", "-b", BOOTSTRAP, "-q", "-G", group, topic, "-c", str(count), "-f", "%s\n",
                          "-X", "auto.offset.reset=earliest"], capture_output=True, timeout=timeout_ms / 1000).stdout
    return {"values": [pack(line) for line in out.splitlines()]}


def member(group, topic, out, until):
    settings = ["auto.offset.reset=earliest", "session.timeout.ms=3000", "heartbeat.interval.ms=500", "auto.commit.interval.ms=100"]
    with open(out, "a") as handled:
        process = subprocess.Popen(["kcat", "-b", BOOTSTRAP, "-q", "-u", "-G", group, topic, "-f", "%p %o %s\n",
                                    *[word for s in settings for word in ("-X", s)]], stdout=handled)
    while process.poll() is None and not os.path.exists(until):
        time.sleep(0.05)
    process.terminate()
    process.wait()
    return {}


serve({"produce": produce, "consume": consume, "group": group, "member": member})
