// AdminClaims.java -- what Apache's AdminClient is promised: topics, partitions, configurations.

package clients;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class AdminClaims {
    private static final short THREE = 3;
    private final Claims claims = new Claims();
    private final Admin admin;

    private AdminClaims(Admin admin) {
        this.admin = admin;
    }

    public static void main(String[] args) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            AdminClaims all = new AdminClaims(admin);
            all.claims.about("createTopics", all::createTopics);
            all.claims.about("createTopics by assignment", all::assignTopics);
            all.claims.about("createTopics refuses", all::refuseTopics);
            all.claims.about("describeTopics", all::describeTopics);
            all.claims.about("createPartitions", all::createPartitions);
            all.claims.about("deleteTopics", all::deleteTopics);
            all.claims.about("describeConfigs of a topic", all::topicConfigs);
            all.claims.about("describeConfigs of a broker", all::brokerConfigs);
            all.claims.about("incrementalAlterConfigs of a topic", all::alterTopic);
            all.claims.about("incrementalAlterConfigs of brokers", all::alterBrokers);
        }
    }

    private TopicDescription describe(String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    private static List<List<Integer>> replicas(TopicDescription topic) {
        return topic.partitions().stream().map(p -> ids(p.replicas())).collect(Collectors.toList());
    }

    private static List<Integer> ids(Collection<Node> nodes) {
        return nodes.stream().map(Node::id).collect(Collectors.toList());
    }

    private Void create(NewTopic topic) throws Exception {
        return Claims.settled(admin.createTopics(List.of(topic)).all().get());
    }

    private void createTopics() throws Exception {
        NewTopic wanted = new NewTopic("adm-a", 4, THREE).configs(Map.of("retention.ms", "1234567"));
        CreateTopicsResult made = admin.createTopics(List.of(wanted));
        Claims.settled(made.all().get());
        TopicDescription seen = describe("adm-a");
        claims.equal("the answer tells the partitions", 4, made.numPartitions("adm-a").get());
        claims.equal("... and the replicas", 3, made.replicationFactor("adm-a").get());
        claims.equal("... and the id by which it is known", seen.topicId(), made.topicId("adm-a").get());
        ConfigEntry told = made.config("adm-a").get().get("retention.ms");
        claims.equal("... and what was configured", "1234567", told == null ? null : told.value());
        claims.equal("... and the rest by default", "delete",
            Optional.ofNullable(made.config("adm-a").get().get("cleanup.policy"))
                .map(ConfigEntry::value).orElse(null));
        claims.equal("each replica is another broker", Set.of(Set.of(1, 2, 3)),
            replicas(seen).stream().map(Set::copyOf).collect(Collectors.toSet()));
        claims.equal("leaders are spread", Set.of(1, 2, 3),
            seen.partitions().stream().map(p -> p.leader().id()).collect(Collectors.toSet()));

        create(new NewTopic("adm-default", Optional.empty(), Optional.empty()));
        TopicDescription plain = describe("adm-default");
        claims.equal("the cluster's defaults: one partition", 1, plain.partitions().size());
        claims.equal("... of three replicas", 3, plain.partitions().get(0).replicas().size());

        CreateTopicsOptions dry = new CreateTopicsOptions().validateOnly(true);
        CreateTopicsResult tried =
            admin.createTopics(List.of(new NewTopic("adm-dry", 2, THREE)), dry);
        claims.equal("validateOnly answers as if", 2, tried.numPartitions("adm-dry").get());
        claims.holds("... and makes nothing", !admin.listTopics().names().get().contains("adm-dry"), "it");
        claims.refused("validateOnly refuses what would be", TopicExistsException.class,
            () -> admin.createTopics(List.of(new NewTopic("adm-a", 2, THREE)), dry).all().get());
        CreateTopicsResult mixed = admin.createTopics(
            List.of(new NewTopic("adm-b", 1, THREE), new NewTopic("adm-a", 1, THREE)));
        mixed.values().get("adm-b").get();
        claims.refused("one that is there does not stop another", TopicExistsException.class,
            () -> mixed.values().get("adm-a").get());
    }

    private void assignTopics() throws Exception {
        create(new NewTopic("adm-placed", Map.of(0, List.of(3, 1), 1, List.of(1, 2))));
        TopicDescription placed = describe("adm-placed");
        claims.equal("replicas are where they were put", List.of(List.of(3, 1), List.of(1, 2)),
            replicas(placed));
        claims.equal("the first leads", List.of(3, 1),
            placed.partitions().stream().map(p -> p.leader().id()).collect(Collectors.toList()));
        claims.refused("a broker twice", InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("adm-x", Map.of(0, List.of(1, 1, 2)))));
        claims.refused("a broker that is not there", InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("adm-x", Map.of(0, List.of(1, 2, 99)))));
        claims.refused("a gap between partitions", InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("adm-x", Map.of(0, List.of(1), 2, List.of(2)))));
        claims.refused("partitions of different size", InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("adm-x", Map.of(0, List.of(1, 2), 1, List.of(2)))));
        claims.refused("no broker at all", InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("adm-x", Map.of(0, List.of()))));
    }

    private void refuseTopics() throws Exception {
        for (String name : List.of("", ".", "..", "sl/ash", "bl ank", "n".repeat(250))) {
            claims.refused("the name '" + name.substring(0, Math.min(9, name.length())) + "'",
                InvalidTopicException.class, () -> create(new NewTopic(name, 1, THREE)));
        }
        create(new NewTopic("adm.dotted_name", 1, THREE));
        claims.refused("a name that differs only in a dot", InvalidTopicException.class,
            () -> create(new NewTopic("adm_dotted.name", 1, THREE)));
        claims.refused("more replicas than brokers", InvalidReplicationFactorException.class,
            () -> create(new NewTopic("adm-x", 1, (short) 4)));
        claims.refused("no replicas", InvalidReplicationFactorException.class,
            () -> create(new NewTopic("adm-x", 1, (short) 0)));
        claims.refused("no partitions", InvalidPartitionsException.class,
            () -> create(new NewTopic("adm-x", 0, THREE)));
        Map<String, String> bad = new TreeMap<>(Map.of("no.such.key", "1", "retention.ms", "soon",
            "compression.type", "zip", "cleanup.policy", "keep", "min.insync.replicas", "0"));
        bad.forEach((key, value) -> claims.refused(key + "=" + value, InvalidConfigurationException.class,
            () -> create(new NewTopic("adm-x", 1, THREE).configs(Map.of(key, value)))));
        claims.holds("what was refused is not there", !admin.listTopics().names().get().contains("adm-x"), "it");
    }

    private void describeTopics() throws Exception {
        create(new NewTopic("adm-many", 7, THREE));
        TopicDescription by = admin.describeTopics(List.of("adm-many"),
            new DescribeTopicsOptions().partitionSizeLimitPerResponse(2).includeAuthorizedOperations(true))
            .allTopicNames().get().get("adm-many");
        claims.equal("pages are put together", Arrays.asList(0, 1, 2, 3, 4, 5, 6),
            by.partitions().stream().map(p -> p.partition()).collect(Collectors.toList()));
        claims.holds("every replica is in sync", by.partitions().stream()
            .allMatch(p -> Set.copyOf(ids(p.isr())).equals(Set.of(1, 2, 3))), by);
        claims.holds("no eligible leaders beside the ISR", by.partitions().stream()
            .allMatch(p -> p.elr() != null && p.elr().isEmpty()), by);
        claims.holds("nodes have addresses", by.partitions().stream()
            .allMatch(p -> p.leader().host() != null && p.leader().port() > 0), by);
        claims.holds("it is not internal", !by.isInternal(), by);
        Uuid id = by.topicId();
        TopicDescription found =
            admin
                .describeTopics(TopicCollection.ofTopicIds(List.of(id)),
                                new DescribeTopicsOptions().includeAuthorizedOperations(true))
                .allTopicIds()
                .get()
                .get(id);
        claims.equal("it is found by its id", "adm-many", found.name());
        Set<AclOperation> may =
            Set.of(AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE, AclOperation.DELETE,
                   AclOperation.ALTER, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS,
                   AclOperation.ALTER_CONFIGS);
        claims.equal("without an authorizer everything may be done to it", may,
                     found.authorizedOperations());
        claims.equal("whichever way it is asked for", may, by.authorizedOperations());
        claims.holds("listTopics knows it", admin.listTopics().listings().get().stream()
            .anyMatch(t -> t.name().equals("adm-many") && t.topicId().equals(id)), "no listing");
        claims.refused("an unknown name", UnknownTopicOrPartitionException.class, () -> describe("adm-no"));
        claims.refused("an unknown id", UnknownTopicIdException.class, () -> admin.describeTopics(
            TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds().get());
        claims.refused("a name that cannot be", InvalidTopicException.class, () -> describe("sl/ash"));
    }

    private Void grow(String topic, NewPartitions to, boolean dry) throws Exception {
        return Claims.settled(admin.createPartitions(Map.of(topic, to),
            new CreatePartitionsOptions().validateOnly(dry)).all().get());
    }

    private void createPartitions() throws Exception {
        create(new NewTopic("adm-grow", 2, (short) 2));
        grow("adm-grow", NewPartitions.increaseTo(4), true);
        claims.equal("validateOnly changes nothing", 2, describe("adm-grow").partitions().size());
        grow("adm-grow", NewPartitions.increaseTo(4), false);
        TopicDescription grown = describe("adm-grow");
        claims.equal("there are as many as asked for", 4, grown.partitions().size());
        claims.holds("new ones have as many replicas",
            replicas(grown).stream().allMatch(r -> r.size() == 2), replicas(grown));
        grow("adm-grow", NewPartitions.increaseTo(6, List.of(List.of(3, 2), List.of(1, 3))), false);
        claims.equal("replicas are where they were put", List.of(List.of(3, 2), List.of(1, 3)),
            replicas(describe("adm-grow")).subList(4, 6));
        claims.refused("fewer", InvalidPartitionsException.class,
            () -> grow("adm-grow", NewPartitions.increaseTo(3), false));
        claims.refused("as many as there are", InvalidPartitionsException.class,
            () -> grow("adm-grow", NewPartitions.increaseTo(6), false));
        claims.refused("an unknown topic", UnknownTopicOrPartitionException.class,
            () -> grow("adm-no", NewPartitions.increaseTo(6), false));
        claims.refused("an assignment for too few", InvalidReplicaAssignmentException.class,
            () -> grow("adm-grow", NewPartitions.increaseTo(8, List.of(List.of(1, 2))), false));
        claims.refused("an assignment of another size", InvalidReplicaAssignmentException.class,
            () -> grow("adm-grow", NewPartitions.increaseTo(7, List.of(List.of(1, 2, 3))), false));
        claims.refused("a broker that is not there", InvalidReplicaAssignmentException.class,
            () -> grow("adm-grow", NewPartitions.increaseTo(7, List.of(List.of(1, 99))), false));
    }

    private void deleteTopics() throws Exception {
        create(new NewTopic("adm-gone", 1, THREE));
        Uuid first = describe("adm-gone").topicId();
        Claims.settled(admin.deleteTopics(List.of("adm-gone")).all().get());
        claims.refused("by name: it is gone", UnknownTopicOrPartitionException.class,
            () -> describe("adm-gone"));
        create(new NewTopic("adm-gone", 1, THREE));
        Uuid second = describe("adm-gone").topicId();
        claims.holds("the same name again is another topic", !first.equals(second), first);
        claims.refused("the first id is no more", UnknownTopicIdException.class, () -> admin.deleteTopics(
            TopicCollection.ofTopicIds(List.of(first))).all().get());
        Claims.settled(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all().get());
        claims.holds("by id: it is gone", !admin.listTopics().names().get().contains("adm-gone"), "it");
        claims.refused("an unknown name", UnknownTopicOrPartitionException.class,
            () -> admin.deleteTopics(List.of("adm-no")).all().get());
    }

    private Config configs(ConfigResource of) throws Exception {
        return admin.describeConfigs(List.of(of), new DescribeConfigsOptions().includeSynonyms(true)
            .includeDocumentation(true)).all().get().get(of);
    }

    private static ConfigResource topic(String name) {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    private static ConfigResource broker(String id) {
        return new ConfigResource(ConfigResource.Type.BROKER, id);
    }

    private static String source(Config config, String key) {
        ConfigEntry entry = config.get(key);
        return entry == null ? "no entry" : entry.value() + " " + entry.source();
    }

    private void topicConfigs() throws Exception {
        create(new NewTopic("adm-conf", 1, THREE).configs(Map.of("segment.bytes", "2097152")));
        Config seen = configs(topic("adm-conf"));
        claims.equal("what was set is the topic's", "2097152 DYNAMIC_TOPIC_CONFIG", source(seen, "segment.bytes"));
        claims.equal("what was not is the default", "604800000 DEFAULT_CONFIG", source(seen, "retention.ms"));
        claims.equal("Kafka's defaults", "delete CreateTime producer 1048588",
            List.of("cleanup.policy", "message.timestamp.type", "compression.type", "max.message.bytes")
                .stream().map(key -> seen.get(key) == null ? "none" : seen.get(key).value())
                .collect(Collectors.joining(" ")));
        List<String> undocumented = seen.entries().stream()
            .filter(e -> e.documentation() == null || e.documentation().length() < 10)
            .map(ConfigEntry::name).collect(Collectors.toList());
        claims.holds("each key is documented", undocumented.isEmpty(), undocumented);
        List<String> untyped = seen.entries().stream()
            .filter(e -> e.type() == null || e.type() == ConfigEntry.ConfigType.UNKNOWN)
            .map(ConfigEntry::name).collect(Collectors.toList());
        claims.holds("each key has a type", untyped.isEmpty(), untyped);
        claims.holds("synonyms tell what it overrides", seen.get("segment.bytes").synonyms().size() >= 2,
            seen.get("segment.bytes").synonyms());
        claims.holds("none is secret or fixed", seen.entries().stream()
            .noneMatch(e -> e.isSensitive() || e.isReadOnly()), "some");
        claims.refused("an unknown topic", UnknownTopicOrPartitionException.class,
            () -> configs(topic("adm-no")));
    }

    private void brokerConfigs() throws Exception {
        Config seen = configs(broker("1"));
        claims.equal("its id comes from its file", "1 STATIC_BROKER_CONFIG", source(seen, "node.id"));
        claims.holds("and cannot be changed", seen.get("node.id").isReadOnly(), seen.get("node.id"));
        claims.equal("its listeners are a list", ConfigEntry.ConfigType.LIST, seen.get("listeners").type());
        claims.holds("it tells the cluster's defaults, too", seen.get("log.retention.hours") != null,
            seen.entries().size() + " keys");
        List<String> undocumented = seen.entries().stream()
            .filter(e -> e.documentation() == null || e.documentation().length() < 10)
            .map(ConfigEntry::name).collect(Collectors.toList());
        claims.holds("each key is documented", undocumented.isEmpty(), undocumented);
        claims.holds("each broker answers for itself", "3 STATIC_BROKER_CONFIG".equals(
            source(configs(broker("3")), "node.id")), "another");
    }

    private Void alter(ConfigResource of, AlterConfigOp.OpType op, String key, String value) throws Exception {
        return Claims.settled(admin.incrementalAlterConfigs(Map.of(of,
            List.of(new AlterConfigOp(new ConfigEntry(key, value), op)))).all().get());
    }

    private void alterTopic() throws Exception {
        create(new NewTopic("adm-alter", 1, THREE));
        ConfigResource it = topic("adm-alter");
        alter(it, AlterConfigOp.OpType.SET, "retention.ms", "60000");
        claims.equal("set", "60000 DYNAMIC_TOPIC_CONFIG", source(configs(it), "retention.ms"));
        alter(it, AlterConfigOp.OpType.DELETE, "retention.ms", "");
        claims.equal("deleted", "604800000 DEFAULT_CONFIG", source(configs(it), "retention.ms"));
        alter(it, AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact");
        claims.equal("appended", "delete,compact DYNAMIC_TOPIC_CONFIG", source(configs(it), "cleanup.policy"));
        alter(it, AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "delete");
        claims.equal("subtracted", "compact DYNAMIC_TOPIC_CONFIG", source(configs(it), "cleanup.policy"));
        admin.incrementalAlterConfigs(Map.of(it, List.of(new AlterConfigOp(
            new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET))),
            new AlterConfigsOptions().validateOnly(true)).all().get();
        claims.equal("validateOnly changes nothing", "604800000 DEFAULT_CONFIG",
            source(configs(it), "retention.ms"));
        claims.refused("an unknown key", InvalidConfigurationException.class,
            () -> alter(it, AlterConfigOp.OpType.SET, "no.such.key", "1"));
        claims.refused("a value of another type", InvalidConfigurationException.class,
            () -> alter(it, AlterConfigOp.OpType.SET, "retention.ms", "soon"));
        claims.refused("a value out of bounds", InvalidConfigurationException.class,
            () -> alter(it, AlterConfigOp.OpType.SET, "min.insync.replicas", "0"));
        claims.refused("appending to what is no list", InvalidConfigurationException.class,
            () -> alter(it, AlterConfigOp.OpType.APPEND, "retention.ms", "1"));
        claims.refused("an unknown topic", UnknownTopicOrPartitionException.class,
            () -> alter(topic("adm-no"), AlterConfigOp.OpType.SET, "retention.ms", "1"));
        claims.refused("a key twice", InvalidRequestException.class,
            () -> admin.incrementalAlterConfigs(Map.of(it, List.of(
                new AlterConfigOp(new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(new ConfigEntry("retention.ms", "2"), AlterConfigOp.OpType.SET))))
                .all().get());
    }

    private void alterBrokers() throws Exception {
        ConfigResource all = broker("");
        create(new NewTopic("adm-heir", 1, THREE));
        alter(all, AlterConfigOp.OpType.SET, "log.retention.ms", "7654321");
        claims.equal("a default of all brokers", "7654321 DYNAMIC_DEFAULT_BROKER_CONFIG",
            source(configs(all), "log.retention.ms"));
        claims.equal("... is each broker's", "7654321 DYNAMIC_DEFAULT_BROKER_CONFIG",
            source(configs(broker("2")), "log.retention.ms"));
        claims.equal("... and each topic's that has none of its own",
            "7654321 DYNAMIC_DEFAULT_BROKER_CONFIG", source(configs(topic("adm-heir")), "retention.ms"));
        alter(all, AlterConfigOp.OpType.DELETE, "log.retention.ms", "");
        claims.equal("... until it is deleted", "604800000 DEFAULT_CONFIG",
            source(configs(topic("adm-heir")), "retention.ms"));
        claims.refused("on one broker, what all must agree on", InvalidRequestException.class,
            () -> alter(broker("2"), AlterConfigOp.OpType.SET, "log.segment.bytes", "3145728"));
        claims.refused("a value of another type", InvalidRequestException.class,
            () -> alter(all, AlterConfigOp.OpType.SET, "log.retention.ms", "soon"));
        claims.refused("a key that is fixed at start", InvalidRequestException.class,
            () -> alter(broker("1"), AlterConfigOp.OpType.SET, "node.id", "7"));
    }
}
