/* server_keys_table.h -- the one list of a node's keys; server_keys.h says what a row is.
 *
 *   X(name, kind, verdict, who, default, min, max, text)
 *
 * A key that has begun to mean something moves from NO_EFFECT to HONOURED here, and the reference
 * page (deploy/CONFIG.md) is printed anew: jackdaw-broker --help-config. Rows of SEED keys have
 * nothing but the name: proto/topic_configs.c has the rest.
 */
#ifndef PROTO_SERVER_KEYS_TABLE_H
#define PROTO_SERVER_KEYS_TABLE_H

/* clang-format off */
#define AT_ONCE "partitions are shared out at once"
#define GONE_LISTENERS "Kafka 4 has listeners and advertised.listeners instead"
#define GONE_QUOTAS "Kafka 4 sets quotas by command, and they are not there yet: leave the key out"
#define GONE_VERSIONS "clients and brokers agree on versions by themselves"
#define GONE_ZOOKEEPER \
    "there is no ZooKeeper here: name the controllers in controller.quorum.voters=id@host:port,..."
#define INSIDE "it is about the inside of Apache's broker"
#define NO_ACLS "there are no ACLs yet: leave the key out, and use trusted networks"
#define SEE_GROUPS "groups are loaded, and their offsets written, without it"
#define NO_PLUGIN "classes of Java cannot be loaded: leave the key out"
#define NO_PURGATORY "waiting requests go when they are answered"
#define NO_QUOTAS "quotas are not there yet"
#define NO_SASL "there is no SASL yet: leave the key out, and use PLAINTEXT on trusted networks"
#define NO_SHARE "share groups are not there yet"
#define NO_STREAMS "streams groups are not there yet"
#define NO_TIER "tiered storage is not there yet"
#define NO_TLS "there is no TLS yet: leave the key out, and use PLAINTEXT on trusted networks"
#define NO_TXN "transactions are not there yet"
#define SEE_METADATA "see metadata.log.max.record.bytes.between.snapshots"
#define SEE_METRICS "see http.listeners: /metrics is always there"
#define SEE_RAFT "see controller.quorum.election.timeout.ms"
#define SEE_SASL "there is no SASL yet"
#define SEE_SHARDS "see num.shards"
#define SEE_TLS "there is no TLS yet"

/* ---- Of Kafka 4, and our own. ---- */
X("add.partitions.to.txn.retry.backoff.max.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_TXN)
X("add.partitions.to.txn.retry.backoff.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("advertised.listeners", TEXT, HONOURED, BROKER, NULL, 0, 0,
  "where clients and brokers find this broker, NAME://host:port,...; without it: the listener's "
  "own host, and where that is a loopback or every address, the address by which a client came")
X("alter.config.policy.class.name", TEXT, REFUSED, BOTH, "", 0, 0, NO_PLUGIN)
X("alter.log.dirs.replication.quota.window.num", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_QUOTAS)
X("alter.log.dirs.replication.quota.window.size.seconds", NUMBER, NO_EFFECT, BOTH,
  NULL, 1, INT32_MAX, NO_QUOTAS)
X("authorizer.class.name", TEXT, REFUSED, BOTH, "", 0, 0, NO_ACLS)
X("auto.create.topics.enable", FLAG, HONOURED, BROKER, "true", 0, 0,
  "a topic that a client asks for comes into being")
X("auto.leader.rebalance.enable", FLAG, HONOURED, CONTROLLER, "true", 0, 0,
  "preferred leaders get their partitions back")
X("background.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_SHARDS)
X("broker.hang.timeout.ms", NUMBER, HONOURED, CONTROLLER, "1500", 100, 3600000,
  "a broker of which a shard or its disk stands still for so long is fenced, though it says that "
  "it lives; never more than a third of the brokers at once")
X("broker.heartbeat.interval.ms", NUMBER, HONOURED, BOTH, "300", 10, 3600000,
  "between a broker's signs of life")
X("broker.id", NUMBER, HONOURED, BROKER, NULL, 0, INT32_MAX, "an older name of node.id")
X("broker.rack", TEXT, HONOURED, BROKER, NULL, 0, 0, "replicas are spread over racks")
X("broker.session.timeout.ms", NUMBER, HONOURED, BOTH, "1500", 20, 3600000,
  "a broker that is silent for so long is fenced")
X("client.quota.callback.class", TEXT, REFUSED, BOTH, "", 0, 0, NO_PLUGIN)
X("compression.gzip.level", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("compression.lz4.level", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("compression.type", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("compression.zstd.level", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("config.providers", TEXT, REFUSED, BOTH, "", 0, 0,
  "values are not fetched from elsewhere: write them here, or give them in the environment "
  "(KAFKA_NODE_ID is node.id)")
X("connection.failed.authentication.delay.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  SEE_SASL)
X("connections.max.idle.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  "idle connections cost next to nothing, and stay")
X("connections.max.reauth.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_SASL)
X("controlled.shutdown.enable", FLAG, NO_EFFECT, BOTH, NULL, 0, 0,
  "an orderly stop always hands leadership over")
X("controller.listener.names", TEXT, HONOURED, BOTH, "CONTROLLER", 0, 0,
  "the controllers' listener, of which a broker needs nothing but the name")
X("controller.performance.always.log.threshold.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT64_MAX,
  INSIDE)
X("controller.performance.sample.period.ms", NUMBER, NO_EFFECT, BOTH, NULL, 100, INT64_MAX, INSIDE)
X("controller.quorum.append.linger.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, SEE_RAFT)
X("controller.quorum.auto.join.enable", FLAG, REFUSED, BOTH, "false", 0, 0,
  "controllers are not added while running yet: name them all in controller.quorum.voters")
X("controller.quorum.bootstrap.servers", TEXT, HONOURED, BOTH, NULL, 0, 0,
  "the controllers, host:port,..., for brokers, and for a controller that is the only one; "
  "controller.quorum.voters goes before it")
X("controller.quorum.election.backoff.max.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  SEE_RAFT)
X("controller.quorum.election.timeout.ms", NUMBER, HONOURED, CONTROLLER, "300", 100, 3600000,
  "a controller that hears of no leader for so long, up to twice, stands for election")
X("controller.quorum.fetch.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_RAFT)
X("controller.quorum.fetch.snapshot.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  SEE_RAFT)
X("controller.quorum.fetch.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, SEE_RAFT)
X("controller.quorum.request.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, SEE_RAFT)
X("controller.quorum.retry.backoff.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, SEE_RAFT)
X("controller.quorum.voters", TEXT, HONOURED, BOTH, NULL, 0, 0,
  "the controllers, id@host:port,...; it seeds the quorum, whose log has the word afterwards")
X("controller.quota.window.num", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_QUOTAS)
X("controller.quota.window.size.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_QUOTAS)
X("controller.socket.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "broker.session.timeout.ms bounds it")
X("cordoned.log.dirs", TEXT, REFUSED, BOTH, "", 0, 0,
  "one folder is supported: there is no other to place replicas in")
X("create.topic.policy.class.name", TEXT, REFUSED, BOTH, "", 0, 0, NO_PLUGIN)
X("default.replication.factor", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("delegation.token.expiry.check.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  SEE_SASL)
X("delegation.token.expiry.time.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX, SEE_SASL)
X("delegation.token.max.lifetime.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX, SEE_SASL)
X("delegation.token.secret.key", TEXT, REFUSED, BOTH, "", 0, 0, NO_SASL)
X("delete.records.purgatory.purge.interval.requests", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  NO_PURGATORY)
X("delete.topic.enable", FLAG, REFUSED, BOTH, "true", 0, 0,
  "topics can always be deleted: leave the key out")
X("early.start.listeners", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "all listeners start when the broker is ready")
X("fetch.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1024, INT32_MAX,
  "the client's own fetch.max.bytes holds")
X("fetch.purgatory.purge.interval.requests", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  NO_PURGATORY)
X("follower.fetch.last.tiered.offset.enable", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("group.consumer.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  AT_ONCE)
X("group.consumer.assignors", TEXT, HONOURED, BROKER, "uniform,range", 0, 0,
  "how partitions may be shared out in groups of the consumer protocol; the first one is the "
  "default")
X("group.consumer.heartbeat.interval.ms", NUMBER, HONOURED, BROKER, "5000", 1, INT32_MAX,
  "between heartbeats of members of the consumer protocol")
X("group.consumer.max.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  AT_ONCE)
X("group.consumer.max.heartbeat.interval.ms", NUMBER, HONOURED, BOTH, "15000", 1, INT32_MAX,
  "a group may not be given more")
X("group.consumer.max.session.timeout.ms", NUMBER, HONOURED, BOTH, "60000", 1, INT32_MAX,
  "a group may not be given more")
X("group.consumer.max.size", NUMBER, HONOURED, BROKER, "2147483647", 1, INT32_MAX,
  "members of one group of the consumer protocol")
X("group.consumer.migration.policy", TEXT, HONOURED, BROKER, "bidirectional", 0, 0,
  "may a group with members change its protocol: bidirectional, upgrade (to the consumer "
  "protocol), downgrade, disabled")
X("group.consumer.min.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  AT_ONCE)
X("group.consumer.min.heartbeat.interval.ms", NUMBER, HONOURED, BOTH, "5000", 1, INT32_MAX,
  "a group may not be given less")
X("group.consumer.min.session.timeout.ms", NUMBER, HONOURED, BOTH, "45000", 1, INT32_MAX,
  "a group may not be given less")
X("group.consumer.regex.refresh.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 10000, INT32_MAX,
  "expressions are held against the topics whenever those change")
X("group.consumer.session.timeout.ms", NUMBER, HONOURED, BROKER, "45000", 1, INT32_MAX,
  "a member of the consumer protocol that is silent for so long is out of its group")
X("group.coordinator.append.linger.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_GROUPS)
X("group.coordinator.background.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_GROUPS)
X("group.coordinator.cached.buffer.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 524288, INT32_MAX,
  SEE_GROUPS)
X("group.coordinator.rebalance.protocols", TEXT, HONOURED, BROKER, "classic,consumer", 0, 0,
  "which protocols of groups are offered; without consumer, only the classic one")
X("group.coordinator.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_GROUPS)
X("group.initial.rebalance.delay.ms", NUMBER, HONOURED, BROKER, "3000", 0, INT32_MAX,
  "an empty group waits so long for more members before it shares out partitions")
X("group.max.session.timeout.ms", NUMBER, HONOURED, BROKER, "1800000", 0, INT32_MAX,
  "members of groups may not ask for more")
X("group.max.size", NUMBER, HONOURED, BROKER, "2147483647", 1, INT32_MAX,
  "members of one group")
X("group.min.session.timeout.ms", NUMBER, HONOURED, BROKER, "6000", 0, INT32_MAX,
  "members of groups may not ask for less")
X("group.share.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_SHARE)
X("group.share.assignors", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_SHARE)
X("group.share.delivery.count.limit", NUMBER, NO_EFFECT, BOTH, NULL, 2, 10, NO_SHARE)
X("group.share.heartbeat.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.initialize.retry.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.max.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_SHARE)
X("group.share.max.delivery.count.limit", NUMBER, NO_EFFECT, BOTH, NULL, 5, 25, NO_SHARE)
X("group.share.max.heartbeat.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.max.partition.max.record.locks", NUMBER, NO_EFFECT, BOTH, NULL, 2000, 10000,
  NO_SHARE)
X("group.share.max.record.lock.duration.ms", NUMBER, NO_EFFECT, BOTH, NULL, 30000, 3600000,
  NO_SHARE)
X("group.share.max.session.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.max.share.sessions", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.max.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, 1000, NO_SHARE)
X("group.share.min.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_SHARE)
X("group.share.min.delivery.count.limit", NUMBER, NO_EFFECT, BOTH, NULL, 2, 5, NO_SHARE)
X("group.share.min.heartbeat.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.min.partition.max.record.locks", NUMBER, NO_EFFECT, BOTH, NULL, 100, 2000, NO_SHARE)
X("group.share.min.record.lock.duration.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1000, 30000, NO_SHARE)
X("group.share.min.session.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.share.partition.max.record.locks", NUMBER, NO_EFFECT, BOTH, NULL, 100, 10000, NO_SHARE)
X("group.share.persister.class.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_SHARE)
X("group.share.record.lock.duration.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1000, 3600000, NO_SHARE)
X("group.share.session.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("group.streams.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_STREAMS)
X("group.streams.heartbeat.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_STREAMS)
X("group.streams.initial.rebalance.delay.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  NO_STREAMS)
X("group.streams.max.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  NO_STREAMS)
X("group.streams.max.heartbeat.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_STREAMS)
X("group.streams.max.session.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_STREAMS)
X("group.streams.max.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_STREAMS)
X("group.streams.max.standby.replicas", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_STREAMS)
X("group.streams.min.assignment.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  NO_STREAMS)
X("group.streams.min.heartbeat.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_STREAMS)
X("group.streams.min.session.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_STREAMS)
X("group.streams.num.standby.replicas", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, NO_STREAMS)
X("group.streams.session.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_STREAMS)
X("http.listeners", TEXT, HONOURED, BOTH, NULL, 0, 0,
  "http://host:port of /health, /metrics and /status; without it there are none")
X("initial.broker.registration.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "a broker tries until it is let in")
X("inter.broker.listener.name", TEXT, HONOURED, BROKER, NULL, 0, 0,
  "the listener by which brokers and controllers reach this broker; without it: the first")
X("internal.metadata.delete.delay.millis", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  SEE_METADATA)
X("internal.metadata.log.segment.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_METADATA)
X("internal.metadata.max.batch.size.in.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  SEE_METADATA)
X("kafka.metrics.polling.interval.secs", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_METRICS)
X("kafka.metrics.reporters", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_METRICS)
X("leader.imbalance.check.interval.seconds", NUMBER, HONOURED, CONTROLLER, "300", 1, 4000000,
  "how often that is looked at")
X("leader.imbalance.per.broker.percentage", NUMBER, HONOURED, CONTROLLER, "10", 0, 100,
  "of a broker's partitions led by others: not before")
X("leader.lease.ms", NUMBER, HONOURED, BROKER, "1000", 10, 3600000,
  "a leader without controllers and followers acknowledges for so long")
X("listener.security.protocol.map", TEXT, HONOURED, BOTH, NULL, 0, 0,
  "NAME:PLAINTEXT,...; another protocol is refused")
X("listeners", TEXT, HONOURED, BOTH, "PLAINTEXT://127.0.0.1:9092", 0, 0,
  "NAME://host:port,...; an empty host is every address of this machine. A controller without "
  "it listens where controller.quorum.voters has it")
X("log.cleaner.backoff.ms", NUMBER, HONOURED, BROKER, "15000", 1, INT64_MAX,
  "when no partition needs to be compacted, it is looked again after this, or when a segment is "
  "closed")
X("log.cleaner.dedupe.buffer.size", NUMBER, HONOURED, BROKER, "134217728", 0, INT64_MAX,
  "memory for the keys of what is being compacted, of all shards; more keys take more passes")
X("log.cleaner.delete.retention.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.cleaner.enable", FLAG, HONOURED, BROKER, "true", 0, 0,
  "topics with cleanup.policy=compact are compacted")
X("log.cleaner.io.buffer.load.factor", RATIO, NO_EFFECT, BOTH, NULL, 0, 0, INSIDE)
X("log.cleaner.io.buffer.size", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, INSIDE)
X("log.cleaner.io.max.bytes.per.second", RATIO, NO_EFFECT, BOTH, NULL, 0, 0,
  "compaction works in small pieces, behind all else")
X("log.cleaner.max.compaction.lag.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.cleaner.min.cleanable.ratio", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.cleaner.min.compaction.lag.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.cleaner.threads", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  "each shard compacts one partition at a time")
X("log.cleanup.policy", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.dir", TEXT, HONOURED, BOTH, "/tmp/kafka-logs", 0, 0, "the same, where log.dirs is not set")
X("log.dir.failure.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  "the controllers are told of a failed disk at once, and until they know")
X("log.dirs", TEXT, HONOURED, BOTH, NULL, 0, 0, "the folders of the logs, one for each disk: a,b")
X("log.flush.interval.messages", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.flush.interval.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.flush.offset.checkpoint.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  "checkpoints are written as they change")
X("log.flush.scheduler.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  "see log.flush.interval.messages")
X("log.flush.start.offset.checkpoint.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  "checkpoints are written as they change")
X("log.index.interval.bytes", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.index.size.max.bytes", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.initial.task.delay.ms", NUMBER, HONOURED, BROKER, "30000", 0, INT64_MAX,
  "from the start to the first look for segments that have been kept long enough")
X("log.local.retention.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -2, INT64_MAX, NO_TIER)
X("log.local.retention.ms", NUMBER, NO_EFFECT, BOTH, NULL, -2, INT64_MAX, NO_TIER)
X("log.message.timestamp.after.max.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.message.timestamp.before.max.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.message.timestamp.type", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.open.files.max", NUMBER, HONOURED, BROKER, "16384", 16, 1000000,
  "segment files that are kept open, of all shards; half of the descriptors that the process may "
  "have, at most. Others are opened when they are needed")
X("log.preallocate", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.reserve.bytes", NUMBER, HONOURED, BROKER, "67108864", 0, INT64_MAX,
  "of each disk, kept for the broker's own needs (offsets, checkpoints, compaction), 1/20 of "
  "the disk at most: with less, clients' records are refused (KAFKA_STORAGE_ERROR)")
X("log.retention.bytes", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.retention.check.interval.ms", NUMBER, HONOURED, BROKER, "300000", 1, INT64_MAX,
  "how often a leader looks for segments that have been kept long enough")
X("log.retention.hours", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.retention.minutes", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.retention.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.roll.hours", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.roll.jitter.hours", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.roll.jitter.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.roll.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.scrub.bytes.per.second", NUMBER, HONOURED, BROKER, "1048576", 0, INT64_MAX,
  "so much of what nobody writes to any more is read again in the background, of all shards, and "
  "its checksums are looked at; a bad batch is fetched again from another replica; 0: nothing is "
  "read")
X("log.scrub.interval.ms", NUMBER, HONOURED, BROKER, "86400000", 1, INT64_MAX,
  "from the beginning of one such pass over everything to that of the next, at the least")
X("log.segment.bytes", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("log.segment.delete.delay.ms", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("max.connection.creation.rate", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  "not bounded yet; see max.connections")
X("max.connections", NUMBER, HONOURED, BOTH, "2147483647", 1, INT32_MAX,
  "connections of the process; more are refused")
X("max.connections.per.ip", NUMBER, HONOURED, BOTH, "2147483647", 1, INT32_MAX,
  "the same, from one address")
X("max.connections.per.ip.overrides", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "not there yet; see max.connections.per.ip")
X("max.incremental.fetch.session.cache.slots", NUMBER, HONOURED, BROKER, "1000", 0, 1000000,
  "fetch sessions that are remembered")
X("max.request.partition.size.limit", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "not bounded yet")
X("message.max.bytes", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("metadata.log.dir", TEXT, HONOURED, CONTROLLER, NULL, 0, 0,
  "a controller's folder, instead of log.dirs")
X("metadata.log.max.record.bytes.between.snapshots", NUMBER, HONOURED, CONTROLLER,
  "8388608", 1024, 1073741824, "of the metadata log past one snapshot and before the next")
X("metadata.log.max.snapshot.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT64_MAX,
  SEE_METADATA)
X("metadata.log.segment.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 8388608, INT32_MAX, SEE_METADATA)
X("metadata.log.segment.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_METADATA)
X("metadata.max.idle.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX, SEE_METADATA)
X("metadata.max.retention.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_METADATA)
X("metadata.max.retention.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_METADATA)
X("metric.reporters", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_METRICS)
X("metrics.num.samples", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_METRICS)
X("metrics.recording.level", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_METRICS)
X("metrics.sample.window.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX, SEE_METRICS)
X("min.insync.replicas", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("node.id", NUMBER, HONOURED, BOTH, NULL, 0, INT32_MAX,
  "this node's number; brokers have theirs and controllers have theirs")
X("num.io.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_SHARDS)
X("num.network.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_SHARDS)
X("num.partitions", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("num.recovery.threads.per.data.dir", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "partitions recover side by side by themselves")
X("num.replica.alter.log.dirs.threads", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "one folder is supported")
X("num.replica.fetchers", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "there is one for each leader's shard")
X("num.shards", NUMBER, HONOURED, BROKER, "1", 1, 63,
  "threads that own partitions, about one for each core")
X("offset.metadata.max.bytes", NUMBER, HONOURED, BROKER, "4096", 0, INT32_MAX,
  "of the text that comes with a committed offset")
X("offsets.commit.timeout.ms", NUMBER, HONOURED, BROKER, "5000", 1, INT32_MAX,
  "whoever commits offsets waits no longer for the replicas")
X("offsets.load.buffer.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, SEE_GROUPS)
X("offsets.retention.check.interval.ms", NUMBER, HONOURED, BROKER, "600000", 1, INT32_MAX,
  "how often offsets are looked at that nobody needs any more")
X("offsets.retention.minutes", NUMBER, HONOURED, BROKER, "10080", 1, INT32_MAX,
  "offsets are kept so long after their group has become empty")
X("offsets.topic.compression.codec", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_GROUPS)
X("offsets.topic.num.partitions", NUMBER, HONOURED, BROKER, "50", 1, INT32_MAX,
  "of __consumer_offsets, when it is made")
X("offsets.topic.replication.factor", NUMBER, HONOURED, BROKER, "3", 1, INT16_MAX,
  "of __consumer_offsets, when it is made")
X("offsets.topic.segment.bytes", NUMBER, HONOURED, BROKER, "104857600", 14, INT32_MAX,
  "of __consumer_offsets, when it is made")
X("principal.builder.class", TEXT, REFUSED, BOTH, "", 0, 0, NO_PLUGIN)
X("process.roles", TEXT, HONOURED, BOTH, NULL, 0, 0,
  "broker or controller; a file with both serves jackdaw-broker and jackdaw-controller, which "
  "are two programs")
X("producer.id.expiration.check.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "it is looked at with retention: log.retention.check.interval.ms")
X("producer.id.expiration.ms", NUMBER, HONOURED, BROKER, "86400000", 1, INT32_MAX,
  "a producer is remembered for so long after its records have left the log, and while they are in "
  "it")
X("producer.purgatory.purge.interval.requests", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  NO_PURGATORY)
X("queued.max.request.bytes", NUMBER, HONOURED, BROKER, "268435456", -1, INT64_MAX,
  "of requests that are not answered, 1 MiB at least: past it, connections that send more wait; "
  "-1: as the default")
X("queued.max.requests", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "each connection has its own bound")
X("quota.window.num", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_QUOTAS)
X("quota.window.size.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_QUOTAS)
X("remote.fetch.max.wait.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TIER)
X("remote.list.offsets.request.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX, NO_TIER)
X("remote.log.index.file.cache.total.size.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  NO_TIER)
X("remote.log.index.file.cache.ttl.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, NO_TIER)
X("remote.log.manager.copier.thread.pool.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_TIER)
X("remote.log.manager.copy.max.bytes.per.second", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  NO_TIER)
X("remote.log.manager.copy.quota.window.num", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TIER)
X("remote.log.manager.copy.quota.window.size.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_TIER)
X("remote.log.manager.expiration.thread.pool.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_TIER)
X("remote.log.manager.fetch.max.bytes.per.second", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  NO_TIER)
X("remote.log.manager.fetch.quota.window.num", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TIER)
X("remote.log.manager.fetch.quota.window.size.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_TIER)
X("remote.log.manager.follower.thread.pool.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_TIER)
X("remote.log.manager.task.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX, NO_TIER)
X("remote.log.manager.task.retry.backoff.max.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  NO_TIER)
X("remote.log.manager.task.retry.backoff.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX, NO_TIER)
X("remote.log.manager.task.retry.jitter", RATIO, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.manager.thread.pool.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TIER)
X("remote.log.metadata.custom.metadata.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  NO_TIER)
X("remote.log.metadata.manager.class.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.metadata.manager.class.path", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.metadata.manager.impl.prefix", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.metadata.manager.listener.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.reader.max.pending.tasks", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TIER)
X("remote.log.reader.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TIER)
X("remote.log.storage.manager.class.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.storage.manager.class.path", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.storage.manager.impl.prefix", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("remote.log.storage.system.enable", FLAG, REFUSED, BOTH, "false", 0, 0,
  "there is no tiered storage yet: leave the key out")
X("replica.fetch.backoff.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT32_MAX,
  "an unanswered fetch is repeated at once, then with growing pauses")
X("replica.fetch.max.bytes", NUMBER, HONOURED, BROKER, "1048576", 1024, INT32_MAX,
  "of a partition in a follower's fetch")
X("replica.fetch.min.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "followers take whatever there is")
X("replica.fetch.response.max.bytes", NUMBER, HONOURED, BROKER, "10485760", 1024, INT32_MAX,
  "of a follower's fetch")
X("replica.fetch.wait.max.ms", NUMBER, HONOURED, BROKER, "500", 1, 600000,
  "a follower's fetch waits for records so long")
X("replica.hang.time.max.ms", NUMBER, HONOURED, BROKER, "1000", 10, 3600000,
  "a follower that does not fetch for so long leaves the ISR")
X("replica.high.watermark.checkpoint.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  "it is written as it moves")
X("replica.lag.time.max.ms", NUMBER, HONOURED, BROKER, "30000", 10, INT32_MAX,
  "a follower that fetches but is not at the end for so long leaves the ISR")
X("replica.page.cache.bytes", NUMBER, HONOURED, BROKER, "8388608", -1, INT64_MAX,
  "so much at the end of a follower's log, and as much again, stays in the page cache; what is "
  "older is written out early and leaves it, as nobody reads it there; -1: the kernel decides")
X("replica.selector.class", TEXT, REFUSED, BOTH, "", 0, 0, NO_PLUGIN)
X("replica.socket.receive.buffer.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "the kernel sizes it as the connection needs")
X("replica.socket.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "a silent leader is given up sooner")
X("replication.quota.window.num", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_QUOTAS)
X("replication.quota.window.size.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_QUOTAS)
X("request.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "broker.session.timeout.ms bounds it")
X("ring.bytes", NUMBER, HONOURED, BOTH, "1048576", 0, 1073741824,
  "memory for the last events of a controller, or of each shard of a broker, which are kept in "
  "events-N.ring beside its log for jackdaw replay; 0: none are kept")
X("sasl.client.callback.handler.class", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.enabled.mechanisms", TEXT, REFUSED, BOTH, "", 0, 0, NO_SASL)
X("sasl.jaas.config", TEXT, REFUSED, BOTH, "", 0, 0, NO_SASL)
X("sasl.kerberos.kinit.cmd", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.kerberos.min.time.before.relogin", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_SASL)
X("sasl.kerberos.principal.to.local.rules", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.kerberos.service.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.kerberos.ticket.renew.jitter", RATIO, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.kerberos.ticket.renew.window.factor", RATIO, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.login.callback.handler.class", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.login.class", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.login.connect.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_SASL)
X("sasl.login.read.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_SASL)
X("sasl.login.refresh.buffer.seconds", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT16_MAX, SEE_SASL)
X("sasl.login.refresh.min.period.seconds", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT16_MAX, SEE_SASL)
X("sasl.login.refresh.window.factor", RATIO, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.login.refresh.window.jitter", RATIO, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.login.retry.backoff.max.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_SASL)
X("sasl.login.retry.backoff.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX, SEE_SASL)
X("sasl.mechanism.controller.protocol", TEXT, REFUSED, BOTH, "", 0, 0, NO_SASL)
X("sasl.mechanism.inter.broker.protocol", TEXT, REFUSED, BOTH, "", 0, 0, NO_SASL)
X("sasl.oauthbearer.assertion.algorithm", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.claim.aud", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.claim.exp.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 0, 86400, SEE_SASL)
X("sasl.oauthbearer.assertion.claim.iss", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.claim.jti.include", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.claim.nbf.seconds", NUMBER, NO_EFFECT, BOTH, NULL, 0, 3600, SEE_SASL)
X("sasl.oauthbearer.assertion.claim.sub", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.file", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.private.key.file", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.private.key.passphrase", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.assertion.template.file", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.client.credentials.client.id", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.client.credentials.client.secret", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.clock.skew.seconds", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_SASL)
X("sasl.oauthbearer.expected.audience", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.expected.issuer", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.jwks.endpoint.refresh.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  SEE_SASL)
X("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", NUMBER, NO_EFFECT, BOTH,
  NULL, -1, INT64_MAX, SEE_SASL)
X("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  SEE_SASL)
X("sasl.oauthbearer.jwks.endpoint.url", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.jwt.retriever.class", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.jwt.validator.class", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.scope", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.scope.claim.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.sub.claim.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.oauthbearer.token.endpoint.url", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.server.callback.handler.class", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_SASL)
X("sasl.server.max.receive.size", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, SEE_SASL)
X("security.inter.broker.protocol", TEXT, REFUSED, BOTH, "PLAINTEXT", 0, 0, NO_TLS)
X("security.providers", TEXT, REFUSED, BOTH, "", 0, 0, NO_PLUGIN)
X("server.max.startup.time.ms", NUMBER, NO_EFFECT, BOTH, NULL, 0, INT64_MAX,
  "a broker tries until it is let in")
X("share.coordinator.append.linger.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX, NO_SHARE)
X("share.coordinator.cached.buffer.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 524288, INT32_MAX,
  NO_SHARE)
X("share.coordinator.cold.partition.snapshot.interval.ms", NUMBER, NO_EFFECT, BOTH,
  NULL, 1, INT32_MAX, NO_SHARE)
X("share.coordinator.load.buffer.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("share.coordinator.snapshot.update.records.per.snapshot", NUMBER, NO_EFFECT, BOTH, NULL, 0, 500,
  NO_SHARE)
X("share.coordinator.state.topic.compression.codec", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  NO_SHARE)
X("share.coordinator.state.topic.min.isr", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT16_MAX, NO_SHARE)
X("share.coordinator.state.topic.num.partitions", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_SHARE)
X("share.coordinator.state.topic.prune.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_SHARE)
X("share.coordinator.state.topic.replication.factor", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT16_MAX,
  NO_SHARE)
X("share.coordinator.state.topic.segment.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  NO_SHARE)
X("share.coordinator.threads", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("share.coordinator.write.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_SHARE)
X("share.fetch.purgatory.purge.interval.requests", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  NO_SHARE)
X("socket.connection.setup.timeout.max.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  "broker.session.timeout.ms bounds it")
X("socket.connection.setup.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT64_MAX,
  "broker.session.timeout.ms bounds it")
X("socket.listen.backlog.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "the kernel's bound holds")
X("socket.receive.buffer.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "the kernel sizes it as the connection needs")
X("socket.request.max.bytes", NUMBER, HONOURED, BROKER, "104857600", 1024, INT32_MAX,
  "of one request")
X("socket.send.buffer.bytes", NUMBER, NO_EFFECT, BOTH, NULL, -1, INT32_MAX,
  "the kernel sizes it as the connection needs")
X("ssl.allow.dn.changes", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.allow.san.changes", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.cipher.suites", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.client.auth", TEXT, REFUSED, BOTH, "none", 0, 0, NO_TLS)
X("ssl.enabled.protocols", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.endpoint.identification.algorithm", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.engine.factory.class", TEXT, REFUSED, BOTH, "", 0, 0, NO_TLS)
X("ssl.key.password", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.keymanager.algorithm", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.keystore.certificate.chain", TEXT, REFUSED, BOTH, "", 0, 0, NO_TLS)
X("ssl.keystore.key", TEXT, REFUSED, BOTH, "", 0, 0, NO_TLS)
X("ssl.keystore.location", TEXT, REFUSED, BOTH, "", 0, 0, NO_TLS)
X("ssl.keystore.password", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.keystore.type", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.principal.mapping.rules", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.protocol", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.provider", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.secure.random.implementation", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.trustmanager.algorithm", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.truststore.certificates", TEXT, REFUSED, BOTH, "", 0, 0, NO_TLS)
X("ssl.truststore.location", TEXT, REFUSED, BOTH, "", 0, 0, NO_TLS)
X("ssl.truststore.password", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("ssl.truststore.type", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_TLS)
X("telemetry.max.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX,
  "clients are not asked for their metrics")
X("transaction.abort.timed.out.transaction.cleanup.interval.ms", NUMBER, NO_EFFECT, BOTH,
  NULL, 1, INT32_MAX, NO_TXN)
X("transaction.max.timeout.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("transaction.partition.verification.enable", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, NO_TXN)
X("transaction.remove.expired.transaction.cleanup.interval.ms", NUMBER, NO_EFFECT, BOTH,
  NULL, 1, INT32_MAX, NO_TXN)
X("transaction.state.log.load.buffer.size", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("transaction.state.log.min.isr", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("transaction.state.log.num.partitions", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("transaction.state.log.replication.factor", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT16_MAX, NO_TXN)
X("transaction.state.log.segment.bytes", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("transaction.two.phase.commit.enable", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, NO_TXN)
X("transactional.id.expiration.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT32_MAX, NO_TXN)
X("unclean.leader.election.enable", TEXT, SEED, BOTH, NULL, 0, 0, NULL)
X("unclean.leader.election.interval.ms", NUMBER, NO_EFFECT, BOTH, NULL, 1, INT64_MAX,
  "unclean elections are not there yet")
X("unstable.api.versions.enable", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, INSIDE)
X("unstable.feature.versions.enable", FLAG, NO_EFFECT, BOTH, NULL, 0, 0, INSIDE)

/* ---- Of Kafka before 4, and families of keys. ---- */
X("allow.everyone.if.no.acl.found", TEXT, REFUSED, BOTH, "true", 0, 0, NO_ACLS)
X("super.users", TEXT, REFUSED, BOTH, "", 0, 0, NO_ACLS)
X("advertised.host.name", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_LISTENERS)
X("advertised.port", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_LISTENERS)
X("auto.include.jmx.reporter", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_METRICS)
X("broker.id.generation.enable", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, "node.id is always given")
X("config.providers.*", TEXT, REFUSED, BOTH, NULL, 0, 0,
  "values are not fetched from elsewhere: write them here, or give them in the environment "
  "(KAFKA_NODE_ID is node.id)")
X("control.plane.listener.name", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "the controllers have their own connections")
X("controlled.shutdown.max.retries", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "an orderly stop always hands leadership over")
X("controlled.shutdown.retry.backoff.ms", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "an orderly stop always hands leadership over")
X("eligible.leader.replicas.enable", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "eligible leader replicas are always tracked")
X("group.coordinator.new.enable", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, SEE_GROUPS)
X("group.share.enable", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_SHARE)
X("host.name", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_LISTENERS)
X("inter.broker.protocol.version", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, GONE_VERSIONS)
X("listener.name.*", TEXT, REFUSED, BOTH, NULL, 0, 0,
  "keys of one listener alone are for TLS and SASL, which are not supported yet: use PLAINTEXT "
  "on trusted networks")
X("log.message.downconversion.enable", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, GONE_VERSIONS)
X("log.message.format.version", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, GONE_VERSIONS)
X("log.message.timestamp.difference.max.ms", TEXT, REFUSED, BOTH, NULL, 0, 0,
  "Kafka 4 has two keys instead: log.message.timestamp.before.max.ms and "
  "log.message.timestamp.after.max.ms")
X("offsets.commit.required.acks", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "commits always wait for all in-sync replicas")
X("password.encoder.*", TEXT, NO_EFFECT, BOTH, NULL, 0, 0,
  "there is no ZooKeeper to keep secrets in")
X("port", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_LISTENERS)
X("quota.consumer.default", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_QUOTAS)
X("quota.producer.default", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_QUOTAS)
X("reserved.broker.max.id", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, "node.id is always given")
X("rlmm.config.*", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("rsm.config.*", TEXT, NO_EFFECT, BOTH, NULL, 0, 0, NO_TIER)
X("zookeeper.*", TEXT, REFUSED, BOTH, NULL, 0, 0, GONE_ZOOKEEPER)
/* clang-format on */

#endif
