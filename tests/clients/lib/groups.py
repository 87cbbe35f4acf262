"""groups.py -- what each client is promised of groups: every record once, from where the group stopped, whoever its members are."""
from lib.agent import pack, unpack

PARTITIONS = 6
TIMEOUT_MS = 30000


def sent(agent, topic, first, count):
    """So many records with values of their own, spread over the partitions by this client itself."""
    records = [{"p": n % PARTITIONS, "k": pack(b"k"), "v": pack(f"v{n}".encode()), "h": [], "t": None}
               for n in range(first, first + count)]
    agent.ask(op="produce", topic=topic, acks="all", codec="none", records=records)
    return [unpack(r["v"]) for r in records]


def read(agent, group, topic, count):
    answer = agent.ask(op="group", group=group, topic=topic, count=count, timeout_ms=TIMEOUT_MS)
    return sorted(unpack(v) for v in answer["values"])


def everything(client, agent, cluster, claims):
    topic, group = f"groups-{client.name}", f"group-{client.name}"
    cluster.create_topic(topic, PARTITIONS)
    first = sent(agent, topic, 0, 60)
    got = read(agent, group, topic, len(first))
    claims.check("a group reads every record once", got == sorted(first), f"{len(got)} of {len(first)}")
    second = sent(agent, topic, len(first), 12)
    got = read(agent, group, topic, len(second))
    claims.check("and goes on where it stopped", got == sorted(second), str(got))
