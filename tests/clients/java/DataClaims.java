// DataClaims.java -- what Apache's clients are promised of records and of the cluster: offsets, refusals,
// descriptions, and clear words for what is not there yet.

package clients;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeProducersOptions;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

final class DataClaims {
    private static final long BASE_MS = 1_700_000_000_000L;
    private final Claims claims = new Claims();
    private final String bootstrap;
    private final Admin admin;

    private DataClaims(String bootstrap, Admin admin) {
        this.bootstrap = bootstrap;
        this.admin = admin;
    }

    public static void main(String[] args) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            DataClaims all = new DataClaims(args[0], admin);
            all.claims.about("listOffsets", all::listOffsets);
            all.claims.about("deleteRecords", all::deleteRecords);
            all.claims.about("describeProducers", all::describeProducers);
            all.claims.about("refused records", all::refusedRecords);
            all.claims.about("LogAppendTime", all::appendTime);
            all.claims.about("auto-creation", all::autoCreation);
            all.claims.about("describeCluster", all::describeCluster);
            all.claims.about("describeMetadataQuorum", all::describeQuorum);
            all.claims.about("describeFeatures", all::describeFeatures);
            all.claims.about("listConfigResources", all::listConfigResources);
            all.claims.about("electLeaders", all::electLeaders);
            all.claims.about("committed offsets", all::offsets);
            all.claims.about("what is not there yet", all::notYet);
        }
    }

    private void create(String topic, int partitions, Map<String, String> configs) throws Exception {
        Claims.settled(admin.createTopics(List.of(
            new NewTopic(topic, partitions, (short) 3).configs(configs))).all().get());
    }

    private KafkaProducer<String, String> producer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", 50));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap,
            "auto.offset.reset", "none", "fetch.max.wait.ms", 50, "enable.auto.commit", false));
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private RecordMetadata send(String topic, Long timeMs, String value, Map<String, Object> more)
        throws Exception {
        try (KafkaProducer<String, String> producer = producer(more)) {
            return producer.send(new ProducerRecord<>(topic, 0, timeMs, null, value)).get();
        }
    }

    /** Ten records at BASE_MS + 0, 10, ... 90, but the fifth is the latest by far. */
    private TopicPartition tenRecords(String topic) throws Exception {
        create(topic, 1, Map.of());
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                long timeMs = i == 4 ? BASE_MS + 1000 : BASE_MS + i * 10;
                sent.add(producer.send(new ProducerRecord<>(topic, 0, timeMs, "k" + i, "v" + i)));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent) one.get();
        }
        return new TopicPartition(topic, 0);
    }

    private ListOffsetsResultInfo offset(TopicPartition part, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(part, spec)).partitionResult(part).get();
    }

    private void listOffsets() throws Exception {
        TopicPartition part = tenRecords("data-offsets");
        claims.equal("the earliest", 0L, offset(part, OffsetSpec.earliest()).offset());
        claims.equal("the latest", 10L, offset(part, OffsetSpec.latest()).offset());
        ListOffsetsResultInfo max = offset(part, OffsetSpec.maxTimestamp());
        claims.equal("the record with the highest timestamp", "4 at " + (BASE_MS + 1000),
            max.offset() + " at " + max.timestamp());
        ListOffsetsResultInfo by = offset(part, OffsetSpec.forTimestamp(BASE_MS + 25));
        claims.equal("the first that is not older", "3 at " + (BASE_MS + 30), by.offset() + " at " + by.timestamp());
        claims.equal("a time before them all", 0L, offset(part, OffsetSpec.forTimestamp(0)).offset());
        claims.equal("a time after them all", -1L,
            offset(part, OffsetSpec.forTimestamp(BASE_MS + 5000)).offset());
        claims.equal("the leader's epoch is told", true,
            offset(part, OffsetSpec.latest()).leaderEpoch().isPresent());
        create("data-empty", 1, Map.of());
        TopicPartition empty = new TopicPartition("data-empty", 0);
        claims.equal("an empty partition begins in the leader's epoch", Optional.of(0),
            offset(empty, OffsetSpec.earliest()).leaderEpoch());
        claims.equal("an empty partition has no highest timestamp", -1L,
            offset(empty, OffsetSpec.maxTimestamp()).offset());
        try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
            claims.equal("a consumer's offsetsForTimes", 3L,
                consumer.offsetsForTimes(Map.of(part, BASE_MS + 25)).get(part).offset());
            claims.equal("... past the end: none", null,
                consumer.offsetsForTimes(Map.of(part, BASE_MS + 5000)).get(part));
        }
    }

    private long deleteBefore(TopicPartition part, long offset) throws Exception {
        return admin.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(offset)))
            .lowWatermarks().get(part).get().lowWatermark();
    }

    private void deleteRecords() throws Exception {
        TopicPartition part = tenRecords("data-delete");
        claims.equal("the answer is where the log begins now", 4L, deleteBefore(part, 4));
        claims.equal("it begins there", 4L, offset(part, OffsetSpec.earliest()).offset());
        claims.equal("it ends where it ended", 10L, offset(part, OffsetSpec.latest()).offset());
        claims.equal("what is gone stays gone", 4L, deleteBefore(part, 2));
        try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
            consumer.assign(List.of(part));
            consumer.seekToBeginning(List.of(part));
            claims.equal("reading begins with the first that is left", List.of("v4", "v5", "v6", "v7", "v8", "v9"),
                read(consumer, 6).stream().map(ConsumerRecord::value).collect(Collectors.toList()));
            consumer.seek(part, 1);
            claims.refused("a fetch below", OffsetOutOfRangeException.class,
                () -> consumer.poll(Duration.ofSeconds(5)).count());
        }
        claims.refused("beyond the high watermark",
            org.apache.kafka.common.errors.OffsetOutOfRangeException.class, () -> deleteBefore(part, 11));
        create("data-compact", 1, Map.of("cleanup.policy", "compact"));
        claims.refused("of a compacted topic",
                       org.apache.kafka.common.errors.PolicyViolationException.class,
                       () -> deleteBefore(new TopicPartition("data-compact", 0), 0));
        create("data-compact-delete", 1, Map.of("cleanup.policy", "compact,delete"));
        claims.equal("one that is deleted as well", 0L,
                     deleteBefore(new TopicPartition("data-compact-delete", 0), 0));
        claims.equal("-1 is the high watermark", 10L, deleteBefore(part, -1));
        claims.equal("all are gone", 10L, offset(part, OffsetSpec.earliest()).offset());
        claims.equal("the next record takes the next offset", 10L,
            send(part.topic(), null, "next", Map.of()).offset());
    }

    private Collection<ProducerState> producersOf(TopicPartition part, DescribeProducersOptions options) throws Exception {
        return admin.describeProducers(List.of(part), options).partitionResult(part).get().activeProducers();
    }

    private void describeProducers() throws Exception {
        TopicPartition part = new TopicPartition("data-producers", 0);
        create(part.topic(), 1, Map.of());
        claims.equal("nobody has written", 0, producersOf(part, new DescribeProducersOptions()).size());
        long last = 0;
        try (KafkaProducer<String, String> producer = producer(Map.of("acks", "all"))) {
            for (int i = 0; i < 3; i++) {
                last = BASE_MS + i;
                producer.send(new ProducerRecord<>(part.topic(), 0, last, null, "v" + i)).get();
            }
        }
        List<Integer> replicas = new ArrayList<>();
        admin.describeTopics(List.of(part.topic())).allTopicNames().get().get(part.topic()).partitions().get(0).replicas()
            .forEach(node -> replicas.add(node.id()));
        for (int replica : replicas) {
            List<ProducerState> all = List.copyOf(producersOf(part, new DescribeProducersOptions().brokerId(replica)));
            claims.equal("one has, says replica " + replica, 1, all.size());
            ProducerState one = all.get(0);
            claims.equal("its epoch and last sequence", "0 2", one.producerEpoch() + " " + one.lastSequence());
            claims.equal("the time of its last record", last, one.lastTimestamp());
            claims.equal("no transaction is open", "none none", (one.coordinatorEpoch().isPresent() ? "an epoch" : "none")
                + (one.currentTransactionStartOffset().isPresent() ? " an offset" : " none"));
        }
    }

    private static List<ConsumerRecord<String, String>> read(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < 100 && records.size() < count; i++) {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
        }
        return records;
    }

    private void refusedRecords() throws Exception {
        create("data-small", 1, Map.of("max.message.bytes", "1000"));
        claims.refused("a record that is too large", RecordTooLargeException.class,
            () -> send("data-small", null, "x".repeat(2000), Map.of("acks", "all")));
        claims.refused("... with acks=1", RecordTooLargeException.class,
            () -> send("data-small", null, "x".repeat(2000), Map.of("acks", "1")));
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                sent.add(producer.send(new ProducerRecord<>("data-small", 0, null, i + "x".repeat(300))));
            }
            producer.flush();
            Set<Long> offsets = new java.util.TreeSet<>();
            for (Future<RecordMetadata> one : sent) offsets.add(one.get().offset());
            claims.equal("a batch that is too large is split and sent again", 12, offsets.size());
        }
        create("data-times", 1, Map.of("message.timestamp.before.max.ms", "60000",
            "message.timestamp.after.max.ms", "60000"));
        long nowMs = System.currentTimeMillis();
        claims.refused("a timestamp in the future", InvalidTimestampException.class,
            () -> send("data-times", nowMs + 3_600_000, "v", Map.of()));
        claims.refused("a timestamp too old", InvalidTimestampException.class,
            () -> send("data-times", nowMs - 3_600_000, "v", Map.of()));
        claims.equal("what was refused took no offset", 0L, send("data-times", nowMs, "v", Map.of()).offset());
        create("data-plain", 1, Map.of());
        claims.refused("by default: more than an hour ahead", InvalidTimestampException.class,
            () -> send("data-plain", nowMs + 2 * 3_600_000, "v", Map.of()));
        claims.equal("by default: as old as may be", 0L, send("data-plain", 1L, "v", Map.of()).offset());
        claims.refused("a partition that is not there", TimeoutException.class, () -> {
            try (KafkaProducer<String, String> producer = producer(Map.of("max.block.ms", 500))) {
                return producer.send(new ProducerRecord<>("data-plain", 9, null, "v")).get();
            }
        });
    }

    private void appendTime() throws Exception {
        create("data-append", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        long beforeMs = System.currentTimeMillis();
        RecordMetadata told = send("data-append", 1L, "v", Map.of("compression.type", "lz4"));
        long afterMs = System.currentTimeMillis();
        claims.holds("the answer tells the broker's time",
            told.timestamp() >= beforeMs && told.timestamp() <= afterMs, told.timestamp());
        try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
            TopicPartition part = new TopicPartition("data-append", 0);
            consumer.assign(List.of(part));
            consumer.seekToBeginning(List.of(part));
            ConsumerRecord<String, String> read = read(consumer, 1).get(0);
            claims.equal("so does the record", "LogAppendTime " + told.timestamp(),
                read.timestampType() + " " + read.timestamp());
        }
    }

    private void autoCreation() throws Exception {
        claims.equal("a producer makes its topic", 0L, send("data-auto", null, "v", Map.of()).offset());
        claims.equal("... as the cluster's defaults say", 3, admin.describeTopics(List.of("data-auto"))
            .allTopicNames().get().get("data-auto").partitions().get(0).replicas().size());
        try (KafkaConsumer<String, String> consumer = consumer(Map.of("allow.auto.create.topics", false))) {
            consumer.assign(List.of(new TopicPartition("data-not-made", 0)));
            consumer.seek(new TopicPartition("data-not-made", 0), 0);
            consumer.poll(Duration.ofMillis(300));
            claims.holds("a consumer that may not makes none",
                !admin.listTopics().names().get().contains("data-not-made"), "it");
        }
    }

    private void describeCluster() throws Exception {
        DescribeClusterResult seen = admin.describeCluster();
        claims.equal("three brokers", Set.of(1, 2, 3),
            seen.nodes().get().stream().map(n -> n.id()).collect(Collectors.toSet()));
        claims.equal("on three addresses", 3,
            seen.nodes().get().stream().map(n -> n.host() + ":" + n.port()).collect(Collectors.toSet()).size());
        claims.holds("none is fenced", seen.nodes().get().stream().noneMatch(n -> n.isFenced()), "some");
        claims.holds("the cluster has an id", seen.clusterId().get().length() == 22, seen.clusterId().get());
        claims.holds("one takes what is for the controller",
            Set.of(1, 2, 3).contains(seen.controller().get().id()), seen.controller().get());
        claims.equal(
            "without an authorizer everything may be done to the cluster",
            Set.of(AclOperation.CREATE, AclOperation.ALTER, AclOperation.DESCRIBE,
                   AclOperation.CLUSTER_ACTION, AclOperation.DESCRIBE_CONFIGS,
                   AclOperation.ALTER_CONFIGS, AclOperation.IDEMPOTENT_WRITE),
            admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true))
                .authorizedOperations()
                .get());
    }

    private void describeQuorum() throws Exception {
        QuorumInfo seen = admin.describeMetadataQuorum().quorumInfo().get();
        Collection<Integer> voters =
            seen.voters().stream().map(QuorumInfo.ReplicaState::replicaId).collect(Collectors.toSet());
        claims.equal("three voters", Set.of(101, 102, 103), voters);
        claims.holds("one of them leads", voters.contains(seen.leaderId()), seen.leaderId());
        claims.holds("in an epoch", seen.leaderEpoch() > 0, seen.leaderEpoch());
        claims.holds("each voter's log has an end",
            seen.voters().stream().allMatch(v -> v.logEndOffset() > 0), seen.voters());
        claims.equal("brokers observe", Set.of(1, 2, 3), seen.observers().stream()
            .map(QuorumInfo.ReplicaState::replicaId).collect(Collectors.toSet()));
        claims.holds("the high watermark is one of the log",
            seen.highWatermark() > 0, seen.highWatermark());
    }

    private void describeFeatures() throws Exception {
        FeatureMetadata seen = admin.describeFeatures().featureMetadata().get();
        claims.holds("answers with an epoch", seen.finalizedFeaturesEpoch().isPresent(), seen);
        claims.holds("what is finalized is supported", seen.finalizedFeatures().entrySet().stream()
            .allMatch(f -> seen.supportedFeatures().containsKey(f.getKey())), seen);
    }

    private void listConfigResources() throws Exception {
        create("data-resources", 1, Map.of());
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, "data-group");
        admin.incrementalAlterConfigs(Map.of(group, List.of(
            new AlterConfigOp(new ConfigEntry("consumer.session.timeout.ms", "5000"), AlterConfigOp.OpType.SET),
            new AlterConfigOp(new ConfigEntry("consumer.heartbeat.interval.ms", "1000"), AlterConfigOp.OpType.SET)))).all().get();
        Collection<ConfigResource> all = admin.listConfigResources().all().get();
        claims.holds("topics", all.contains(new ConfigResource(ConfigResource.Type.TOPIC, "data-resources")), all);
        claims.equal("brokers", Set.of("1", "2", "3"), all.stream().filter(r -> r.type() == ConfigResource.Type.BROKER)
            .map(ConfigResource::name).collect(Collectors.toSet()));
        Collection<ConfigResource> groups = admin.listConfigResources(Set.of(ConfigResource.Type.GROUP),
            new ListConfigResourcesOptions()).all().get();
        claims.equal("a group that has some, once", 1L, groups.stream().filter(group::equals).count());
        claims.holds("and nothing but groups", groups.stream().allMatch(r -> r.type() == ConfigResource.Type.GROUP), groups);
    }

    private void electLeaders() throws Exception {
        create("data-elect", 1, Map.of());
        TopicPartition part = new TopicPartition("data-elect", 0);
        Throwable why = admin.electLeaders(ElectionType.PREFERRED, Set.of(part)).partitions().get()
            .get(part).orElse(null);
        claims.holds("the preferred one leads already", why instanceof ElectionNotNeededException, why);
        TopicPartition none = new TopicPartition("data-none", 0);
        Throwable unknown = admin.electLeaders(ElectionType.PREFERRED, Set.of(none)).partitions().get()
            .get(none).orElse(null);
        claims.holds("an unknown topic", unknown instanceof UnknownTopicOrPartitionException, unknown);
    }

    private void notYet() throws Exception {
        claims.refused("without an authorizer there are no ACLs", SecurityDisabledException.class,
            () -> admin.describeAcls(AclBindingFilter.ANY).values().get());
        claims.refused("a transactional id is refused for good", TransactionalIdAuthorizationException.class, () -> {
            try (KafkaProducer<String, String> producer = producer(Map.of("transactional.id", "t"))) {
                producer.initTransactions();
                return "a transaction";
            }
        });
    }

    private void offsets() throws Exception {
        TopicPartition p = new TopicPartition("data-elect", 0);
        try (KafkaConsumer<String, String> consumer = consumer(Map.of("group.id", "data-offsets"))) {
            claims.equal("what was never committed is null", null, consumer.committed(Set.of(p)).get(p));
            consumer.assign(Set.of(p));
            OffsetAndMetadata put = new OffsetAndMetadata(7, Optional.of(0), "said with it");
            consumer.commitSync(Map.of(p, put));
            claims.equal("what was comes back, with epoch and metadata", put, consumer.committed(Set.of(p)).get(p));
        }
        claims.refused("records of the topic where they lie cannot be deleted",
                       org.apache.kafka.common.errors.InvalidTopicException.class,
                       () -> deleteBefore(new TopicPartition("__consumer_offsets", 0), 0));
    }
}
