"""tools.py -- Apache's command line tools, each as a user starts it: in a process of its own, judged by its exit
status and by what it prints.
"""
import concurrent.futures
import json
import re
import shutil
import subprocess

from lib import store
from lib.cluster import wait_for


class Tools:
    def __init__(self, java, archive, cluster, work, claims):
        self.java, self.archive, self.cluster, self.work, self.claims = java, archive, cluster, work, claims

    def run(self, name, *args, text="", status=0, bootstrap=True):
        """What the tool prints; complains unless it ends with that status."""
        where = ["--bootstrap-server", self.cluster.bootstrap] if bootstrap else []
        done = subprocess.run([*self.java, f"org.apache.kafka.tools.{name}", *where, *args], input=text,
                              text=True, capture_output=True, timeout=60, cwd=self.work)
        if (done.returncode != 0) != (status != 0):
            said = (done.stdout + done.stderr).strip()[-600:]
            raise RuntimeError(f"{name} {' '.join(args)}: status {done.returncode}: {said}")
        return done.stdout + (done.stderr if status else "")

    def says(self, claim, wanted, printed):
        """Every one of the regular expressions is found in what was printed."""
        missing = [w for w in wanted if not re.search(w, printed, re.M)]
        self.claims.check(claim, not missing, f"no {missing} in: {printed.strip()[:700]}")

    def everything(self):
        """Two at a time: most of it is the starting of Java, so that the first one saves what it has loaded."""
        if not self.archive.exists():
            making = [f"-XX:ArchiveClassesAtExit={self.archive}" if "SharedArchiveFile" in word else word
                      for word in self.java]
            self.cluster.create_topic("tool-first", 1)
            subprocess.run([*making, "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server",
                            self.cluster.bootstrap, "--topic", "tool-first"],
                           input="x\n", text=True, capture_output=True, timeout=60)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name in [n for n in dir(self) if n.startswith("check_")]:
                pool.submit(self.claims.attempt, name.removeprefix("check_").replace("_", "-"),
                            getattr(self, name))

    def check_topics(self):
        self.run("TopicCommand", "--create", "--topic", "tool-t", "--partitions", "3",
                 "--replication-factor", "3", "--config", "retention.ms=3600000")
        printed = self.run("TopicCommand", "--describe", "--topic", "tool-t")
        self.says("kafka-topics --describe tells leaders, replicas and settings",
                  [r"PartitionCount: 3\s+ReplicationFactor: 3\s+Configs: .*retention.ms=3600000",
                   r"Partition: 2\s+Leader: [123]\s+Replicas: [123],[123],[123]\s+Isr: [123],[123],[123]"],
                  printed)
        self.run("TopicCommand", "--alter", "--topic", "tool-t", "--partitions", "5")
        self.says("kafka-topics --alter adds partitions", [r"PartitionCount: 5"],
                  self.run("TopicCommand", "--describe", "--topic", "tool-t"))
        printed = self.run("TopicCommand", "--create", "--topic", "tool-t", status=1)
        self.says("kafka-topics --create of what is there is refused", ["already exists"], printed)
        self.says("kafka-topics --describe: none is short of replicas", [r"\A\s*\Z"],
                  self.run("TopicCommand", "--describe", "--under-replicated-partitions"))
        self.run("TopicCommand", "--delete", "--topic", "tool-t")
        printed = self.run("TopicCommand", "--list")
        self.claims.check("kafka-topics --delete; --list", "tool-t\n" not in printed, printed)

    def check_configs(self):
        self.cluster.create_topic("tool-c", 1)
        name = "kafka.admin.ConfigCommand"
        run = lambda *args: self.run_class(name, *args)
        topic = ["--entity-type", "topics", "--entity-name", "tool-c"]
        run("--alter", *topic, "--add-config", "retention.ms=12345,cleanup.policy=[compact,delete]")
        self.says("kafka-configs --add-config; --describe",
                  [r"retention.ms=12345 .*DYNAMIC_TOPIC_CONFIG", r"cleanup.policy=compact,delete"],
                  run("--describe", *topic))
        run("--alter", *topic, "--delete-config", "retention.ms")
        printed = run("--describe", *topic)
        self.claims.check("kafka-configs --delete-config", "retention.ms" not in printed, printed)
        self.says("kafka-configs --describe --all of a broker",
                  [r"node.id=2 sensitive=false synonyms=\{STATIC_BROKER_CONFIG:node.id=2\}",
                   r"num.partitions=\d+"],
                  run("--describe", "--entity-type", "brokers", "--entity-name", "2", "--all"))

    def check_group_configs(self):
        run = lambda *args: self.run_class("kafka.admin.ConfigCommand", *args)
        group = ["--entity-type", "groups", "--entity-name", "tool-group"]
        run("--alter", *group, "--add-config", "consumer.session.timeout.ms=4000")
        self.says("kafka-configs --entity-type groups --add-config; --describe", ["consumer.session.timeout.ms=4000"], run("--describe", *group))
        self.says("... of all groups", ["group tool-group are:", "consumer.session.timeout.ms=4000"],
                  run("--describe", "--entity-type", "groups"))
        run("--alter", *group, "--delete-config", "consumer.session.timeout.ms")
        printed = run("--describe", *group)
        self.claims.check("... --delete-config", "consumer.session.timeout.ms=4000" not in printed, printed)

    def check_features(self):
        """Only what changes nothing: other claims need the consumer protocol meanwhile."""
        run = lambda *args, **more: self.run("FeatureCommand", *args, **more)
        self.says("kafka-features describe",
                  [r"group.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 1\s+FinalizedVersionLevel: 1\s"], run("describe"))
        self.says("kafka-features upgrade", ["group.version was upgraded to 1"], run("upgrade", "--feature", "group.version=1"))
        self.says("kafka-features downgrade --dry-run", ["group.version can be downgraded to 0"],
                  run("downgrade", "--feature", "group.version=0", "--dry-run"))
        self.says("kafka-features upgrade to what nobody knows", ["Could not upgrade", "Invalid update version 9"],
                  run("upgrade", "--feature", "group.version=9", status=1))

    def check_offsets_topic(self):
        """Kafka's own readers of what groups leave in __consumer_offsets."""
        self.cluster.create_topic("tool-offsets", 1)
        self.run("consumer.group.ConsumerGroupCommand", "--reset-offsets", "--group", "tool-offsets-group", "--topic", "tool-offsets",
                 "--to-latest", "--execute")
        wanted = r"tool-offsets-group.*tool-offsets.*"
        printed = self.run("consumer.ConsoleConsumer", "--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", "8000",
                           "--formatter", "org.apache.kafka.tools.consumer.OffsetsMessageFormatter")
        self.says("the console consumer's formatter of offsets", [wanted + r'"offset":0'], printed)
        files = ",".join(str(f) for f in self.cluster.folder.glob("broker-1/data/__consumer_offsets-*/*.log"))
        printed = self.run("DumpLogSegments", "--files", files, "--offsets-decoder", bootstrap=False)
        self.says("kafka-dump-log --offsets-decoder", [wanted + r'"offset":0'], printed)

    def check_reassignment(self):
        """Each verb of the tool, with a throttle; where the bytes lie, before and after."""
        self.cluster.create_topic("tool-m", 2, replicas=2)
        self.run("ConsoleProducer", "--topic", "tool-m", "--command-property", "acks=all", text="moved\n" * 100)
        name = "reassign.ReassignPartitionsCommand"
        topics, plan, back = (self.work / f"reassign-{word}.json" for word in ("topics", "plan", "back"))
        topics.write_text('{"topics": [{"topic": "tool-m"}], "version": 1}')
        printed = self.run(name, "--generate", "--topics-to-move-json-file", str(topics), "--broker-list", "1,2,3")
        now, proposed = re.findall(r"^\{.*\}$", printed, re.M)
        now, proposed = json.loads(now)["partitions"], json.loads(proposed)["partitions"]
        self.claims.check("kafka-reassign-partitions --generate tells what is and proposes what could be",
                          len(now) == len(proposed) == 2 and all(len(p["replicas"]) == 2 for p in proposed), printed)

        wanted = {p["partition"]: [({1, 2, 3} - set(p["replicas"])).pop(), p["replicas"][1]] for p in now}
        plan.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": "tool-m", "partition": n, "replicas": ids} for n, ids in wanted.items()]}))
        self.says("kafka-reassign-partitions --execute --throttle begins",
                  [r"Successfully started partition reassignments? for tool-m-0,tool-m-1", "limit was set to 1000000 B/s"],
                  self.run(name, "--execute", "--throttle", "1000000", "--reassignment-json-file", str(plan)))
        printed = wait_for("the reassignment completes", lambda: (lambda text: text if "still in progress" not in text else None)(
            self.run(name, "--verify", "--reassignment-json-file", str(plan))), seconds=60)
        self.says("kafka-reassign-partitions --verify sees it done and lifts the throttle",
                  [r"tool-m-0 is completed", r"tool-m-1 is completed", "Clearing broker-level throttles",
                   "Clearing topic-level throttles on topic tool-m"], printed)
        self.says("kafka-reassign-partitions --list: nothing moves any more", ["No partition reassignments found"],
                  self.run(name, "--list"))
        self.says("kafka-topics tells where they are now",
                  [rf"Partition: {n}\s+Leader: \d\s+Replicas: {ids[0]},{ids[1]}\s" for n, ids in wanted.items()],
                  self.run("TopicCommand", "--describe", "--topic", "tool-m"))
        entries = self.run_class("kafka.admin.ConfigCommand", "--describe", "--entity-type", "topics", "--entity-name", "tool-m")
        self.claims.check("... and no throttle is left", "throttled" not in entries, entries)
        back.write_text(json.dumps({"version": 1, "partitions": now}))
        self.says("kafka-reassign-partitions --cancel of what does not move",
                  ["None of the specified partition moves are active"],
                  self.run(name, "--cancel", "--reassignment-json-file", str(back)))
        held = json.loads(self.run("LogDirsCommand", "--describe", "--topic-list", "tool-m").splitlines()[-1])["brokers"]
        sizes = {(b["broker"], p["partition"]): p["size"] for b in held for d in b["logDirs"] for p in d["partitions"]}
        self.claims.check("kafka-log-dirs finds the bytes where they were to go",
                          sorted(sizes) == sorted((b, f"tool-m-{n}") for n, ids in wanted.items() for b in ids)
                          and sum(sizes.values()) > 2 * 100 * 6, str(sizes))

    def run_class(self, name, *args):
        done = subprocess.run([*self.java, name, "--bootstrap-server", self.cluster.bootstrap, *args],
                              text=True, capture_output=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{name} {args}: {(done.stdout + done.stderr).strip()[-600:]}")
        return done.stdout

    def check_console(self):
        """Keys, headers, a null value; read by assignment from the beginning."""
        self.cluster.create_topic("tool-console", 1)
        self.run("ConsoleProducer", "--topic", "tool-console", "--reader-property", "parse.key=true",
                 "--reader-property", "parse.headers=true", "--reader-property", "null.marker=NUL",
                 "--compression-codec", "zstd", "--command-property", "acks=all",
                 text="a:1\tk1\tone\nb:2\tk2\tNUL\nc:3\tNUL\tthree\n")
        printed = self.run("consumer.ConsoleConsumer", "--topic", "tool-console", "--partition", "0", "--offset",
                           "earliest", "--max-messages", "3", "--timeout-ms", "20000",
                           *[w for key in ("key", "headers", "offset", "partition")
                             for w in ("--formatter-property", f"print.{key}=true")])
        lines = [line for line in printed.splitlines() if line.startswith("Partition:")]
        self.claims.check("what the console producer sends the console consumer reads", lines == [
            "Partition:0\tOffset:0\ta:1\tk1\tone", "Partition:0\tOffset:1\tb:2\tk2\tnull",
            "Partition:0\tOffset:2\tc:3\tnull\tthree"], printed)

    def check_offsets_and_records(self):
        self.cluster.create_topic("tool-o", 2)
        self.run("ConsoleProducer", "--topic", "tool-o", text="x\n" * 10)
        printed = self.run("GetOffsetShell", "--topic", "tool-o")
        ends = dict(re.findall(r"^tool-o:(\d):(\d+)$", printed, re.M))
        self.claims.check("kafka-get-offsets tells where partitions end",
                          len(ends) == 2 and sum(map(int, ends.values())) == 10, printed)
        full = max(ends, key=lambda p: int(ends[p]))
        plan = self.work / "delete-records.json"
        plan.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": "tool-o", "partition": int(full), "offset": 1}]}))
        self.says("kafka-delete-records tells where the partition begins now",
                  [rf"partition: tool-o-{full}\s+low_watermark: 1"],
                  self.run("DeleteRecordsCommand", "--offset-json-file", str(plan)))
        self.says("kafka-get-offsets --time earliest agrees", [rf"^tool-o:{full}:1$"],
                  self.run("GetOffsetShell", "--topic", "tool-o", "--time", "earliest"))

    def check_election_and_quorum(self):
        self.cluster.create_topic("tool-e", 3)
        self.says("kafka-leader-election: the preferred ones lead already", [r"Valid replica already elected|^\s*$"],
                  self.run("LeaderElectionCommand", "--election-type", "preferred", "--topic", "tool-e",
                           "--partition", "0"))
        self.says("kafka-metadata-quorum describe --status",
                  [r"^ClusterId:\s+\S{22}$", r"^LeaderId:\s+10[123]$", r"^HighWatermark:\s+[1-9]",
                   r"^CurrentVoters:.*101.*102.*103"],
                  self.run("MetadataQuorumCommand", "describe", "--status"))
        self.says("kafka-metadata-quorum describe --replication",
                  [r"^10[123]\s.*Leader", r"^10[123]\s.*Follower", r"^[123]\s.*Observer"],
                  self.run("MetadataQuorumCommand", "describe", "--replication"))

    def check_cluster(self):
        printed = self.run("BrokerApiVersionsCommand")
        self.says("kafka-broker-api-versions asks each broker",
                  [rf"\(id: {i} rack: null isFenced: false\) -> \(" for i in (1, 2, 3)]
                  + [r"Produce\(0\): 0 to 13 \[usable: 13\]", r"Fetch\(1\): 4 to 18 \[usable: 18\]"],
                  printed)
        for key, tool in (("DescribeLogDirs", "kafka-log-dirs"),
                          ("AlterPartitionReassignments", "kafka-reassign-partitions")):
            if re.search(rf"{key}\(\d+\): UNSUPPORTED", printed):
                self.claims.skip(tool, f"{key} is not offered yet")
            elif tool == "kafka-log-dirs":
                self.says("kafka-log-dirs --describe", [r'"broker":1', r'"error":null'],
                          self.run("LogDirsCommand", "--describe"))
            else:
                self.says("kafka-reassign-partitions --list", ["No partition reassignments found"],
                          self.run("reassign.ReassignPartitionsCommand", "--list"))
        self.says("kafka-cluster cluster-id", [r"^Cluster ID: \S{22}$"],
                  self.run("ClusterTool", "cluster-id", "--bootstrap-server", self.cluster.bootstrap,
                           bootstrap=False))

    def check_producer_performance(self):
        self.cluster.create_topic("tool-perf", 3)
        printed = self.run("ProducerPerformance", "--topic", "tool-perf", "--num-records", "50000",
                           "--record-size", "200", "--throughput", "-1", "--command-property", "acks=all",
                           "--command-property", f"bootstrap.servers={self.cluster.bootstrap}", bootstrap=False)
        self.says("kafka-producer-perf-test sends what it was told to", [r"^50000 records sent"], printed)
        held = [store.batches(self.cluster.folder, "tool-perf", p) for p in range(3)]
        self.claims.check("kafka-producer-perf-test: all of it is stored",
                          sum(b.count for f in held for b in max(f.values(), key=len)) == 50000)

    def check_verifiable_producer(self):
        for acks in ("0", "1", "-1"):
            topic = f"tool-verify{acks}"
            self.cluster.create_topic(topic, 2)
            printed = self.run("VerifiableProducer", "--topic", topic, "--max-messages", "500",
                               "--acks", acks)
            events = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
            good = [e for e in events if e["name"] == "producer_send_success"]
            data = [e for e in events if e["name"] == "tool_data"]
            self.claims.check(f"VerifiableProducer, acks={acks}: all 500 succeed",
                              len(good) == 500 and data and data[0]["acked"] == 500,
                              f"{len(good)}, {data}: {printed[:300]}")
            if acks != "0":
                told = {p: sorted(e["offset"] for e in good if e["partition"] == p) for p in (0, 1)}
                self.claims.check(f"VerifiableProducer, acks={acks}: the offsets it is told are contiguous",
                                  all(told[p] == list(range(len(told[p]))) for p in told), str(told)[:300])

            def stored():
                held = [store.batches(self.cluster.folder, topic, p) for p in (0, 1)]
                return all(sum(sum(b.count for b in f.get(f"broker-{n}", [])) for f in held) == 500
                           for n in (1, 2, 3))

            self.claims.check(f"VerifiableProducer, acks={acks}: each replica holds them",
                              wait_for("500 records on each broker", stored))

    def check_dump(self):
        """Kafka's own reader of log files, on a file of ours."""
        self.cluster.create_topic("tool-dump", 1)
        self.run("ConsoleProducer", "--topic", "tool-dump", "--compression-codec", "lz4", text="one\ntwo\n")
        file = next(self.cluster.folder.glob("broker-1/data/tool-dump-0/*.log"))
        self.says("kafka-dump-log reads a segment",
                  [r"baseOffset: 0 lastOffset: 1 count: 2 .*compresscodec: lz4 .*isvalid: true",
                   r"offset: 1 .*payload: two"],
                  self.run("DumpLogSegments", "--files", str(file), "--print-data-log", "--deep-iteration",
                           bootstrap=False))

    def check_dump_compacted(self):
        """And on all files of a partition that was rolled and compacted: batches, indexes, producers."""
        self.cluster.create_topic("tool-folded", 1, 1, [("cleanup.policy", "compact"), ("segment.bytes", "20000"),
                                                        ("min.cleanable.dirty.ratio", "0.1"), ("index.interval.bytes", "500")])
        lines = self.work / "folded.txt"
        lines.write_text("".join(f"key-{i * 7 % 50}:value {i} {'x' * (i % 90)}\n" for i in range(3000)))
        for codec in ("none", "zstd", "none"):
            self.cluster.do("produce", "tool-folded", "-K", ":", "-z", codec, "--idempotent", "-f", str(lines),
                            "-X", "batch.num.messages=100")

        folder = next(self.cluster.folder.glob("broker-*/data/tool-folded-0"))
        copy = self.work / "folded"

        def listing():
            found = {}
            for f in folder.glob("0*"):
                try:
                    found[f.name] = (f.stat().st_size, f.stat().st_mtime_ns)
                except FileNotFoundError:
                    return None  # It is being compacted.
            return found

        def copied():
            """True if all but the active segment holds 50 keys, or little more, and nothing has changed meanwhile."""
            before = listing()
            logs = sorted(name for name in before or () if name.endswith(".log"))
            if len(logs) < 2 or sum(before[name][0] for name in logs[:-1]) > 30000:
                return False
            shutil.rmtree(copy, ignore_errors=True)
            try:
                shutil.copytree(folder, copy)
            except (FileNotFoundError, shutil.Error):
                return False
            return listing() == before

        self.claims.check("a compacted topic is compacted", wait_for("it is compacted", copied))
        everything = [str(f) for pattern in ("*.log", "*.index", "*.timeindex", "*.snapshot") for f in sorted(copy.glob(pattern))]
        printed = self.run("DumpLogSegments", "--files", ",".join(everything), "--deep-iteration", "--print-data-log",
                           bootstrap=False)
        self.says("kafka-dump-log reads what compaction wrote", [r"key: key-49 payload: value 2", r"producerId: \d+ producerEpoch: 0"],
                  printed)
        wrong = re.findall(r"^.*(?:isvalid: false|mismatch|not found|out of order).*$", printed, re.M | re.I)
        self.claims.check("and finds nothing wrong in segments, indexes and snapshots", not wrong, wrong[:5])
