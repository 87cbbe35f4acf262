// GroupClaims.java -- kafka-consumer-groups, all its verbs, as against Apache Kafka: one group's life. The tool's own
// main is called, in one process: a Java for each of the thirty calls would take a minute.

package clients;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.InvalidUpdateVersionException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.consumer.group.ConsumerGroupCommand;

final class GroupClaims {
    private static final String TOPIC = "grp-tool";
    private static final String OTHER = "grp-other";
    private static final String GROUP = "grp";
    private static final long HOUR_MS = 3_600_000;
    private final Claims claims = new Claims();
    private final Admin admin;
    private final String bootstrap;
    private final PrintStream out = System.out;

    private GroupClaims(Admin admin, String bootstrap) {
        this.admin = admin;
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) throws Exception {
        Exit.setExitProcedure((status, message) -> {
            throw new Ended(status);
        });
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            GroupClaims all = new GroupClaims(admin, args[0]);
            all.claims.about("kafka-consumer-groups", all::begin);
            all.claims.about("kafka-consumer-groups, a member", all::withMember);
            all.claims.about("kafka-consumer-groups, nobody", all::empty);
            all.claims.about("kafka-consumer-groups --reset-offsets", all::resets);
            all.claims.about("kafka-consumer-groups, the end", all::deletions);
            all.claims.about("an expression", all::withExpression);
            all.claims.about("group.version", all::withoutFeature);
        }
    }

    private static final class Ended extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Ended(int status) {
            super("status " + status);
        }
    }

    // ---- The tool.

    /** All that it prints. */
    private String tool(String... words) {
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", bootstrap));
        all.addAll(Arrays.asList(words));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream err = System.err;
        try (PrintStream to = new PrintStream(said, true, StandardCharsets.UTF_8)) {
            System.setOut(to);
            System.setErr(to);
            ConsumerGroupCommand.main(all.toArray(String[]::new));
        } catch (Ended e) {
            return said.toString(StandardCharsets.UTF_8) + e.getMessage();
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
        return said.toString(StandardCharsets.UTF_8);
    }

    private static String[] with(String[] head, String... tail) {
        List<String> all = new ArrayList<>(Arrays.asList(head));
        all.addAll(Arrays.asList(tail));
        return all.toArray(String[]::new);
    }

    /** Of a table: the named columns, row by row. */
    private static List<String> columns(String printed, String... names) {
        List<String> heads = List.of();
        List<String> rows = new ArrayList<>();
        for (String line : printed.split("\n")) {
            List<String> words = List.of(line.strip().split("\\s+"));
            if (heads.isEmpty() && words.containsAll(List.of(names))) {
                heads = words;
            } else if (!heads.isEmpty() && words.size() >= heads.size()) {
                List<String> known = heads;
                rows.add(Arrays.stream(names).map(n -> words.get(known.indexOf(n))).collect(Collectors.joining(" ")));
            }
        }
        return rows.stream().sorted().collect(Collectors.toList());
    }

    /** "partition, current offset, end, lag" of the topic that is read. */
    private List<String> offsets() {
        return columns(tool("--describe", "--group", GROUP), "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG").stream()
            .filter(row -> row.startsWith(TOPIC + " ")).map(row -> row.substring(TOPIC.length() + 1)).collect(Collectors.toList());
    }

    private Map<Integer, Long> committed() throws Exception {
        Map<Integer, Long> found = new TreeMap<>();
        admin.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get()
            .forEach((p, o) -> found.put(p.partition() + (p.topic().equals(TOPIC) ? 0 : 10), o == null ? -1 : o.offset()));
        return found;
    }

    private void says(String claim, String printed, String... wanted) {
        claims.holds(claim, Arrays.stream(wanted).allMatch(printed::contains), printed);
    }

    // ---- The claims.

    /** Partition 0: three records of two hours ago and two of now; partition 1: five of now. */
    private void begin() throws Exception {
        Claims.settled(admin.createTopics(List.of(new NewTopic(TOPIC, 2, (short) -1), new NewTopic(OTHER, 1, (short) -1))).all().get());
        long now = System.currentTimeMillis();
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "acks", "all"), bytes, bytes)) {
            List<Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                sent.add(producer.send(new ProducerRecord<>(TOPIC, 0, i < 3 ? now - 2 * HOUR_MS : now, null, new byte[1])));
                sent.add(producer.send(new ProducerRecord<>(TOPIC, 1, now, null, new byte[1])));
            }
            for (Future<?> one : sent) one.get();
        }
        says("--describe of a group that is not", tool("--describe", "--group", "grp-none"), "Error: Executing consumer group command failed", "GroupIdNotFoundException: Group grp-none not found.");
        says("--delete of a group that is not", tool("--delete", "--group", "grp-none"), "Group 'grp-none' could not be deleted due to:", "GroupIdNotFoundException");
        String printed = tool("--reset-offsets", "--group", "grp-new", "--topic", TOPIC, "--to-latest", "--execute");
        claims.equal("--reset-offsets makes a group", List.of("0 5", "1 5"), columns(printed, "PARTITION", "NEW-OFFSET"));
        says("... which --list shows", tool("--list"), "grp-new\n");
        says("... and --delete deletes", tool("--delete", "--group", "grp-new"), "Deletion of requested consumer groups ('grp-new') was successful.");
    }

    private void withMember() throws Exception {
        CountDownLatch steady = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        Thread member = new Thread(() -> consume(steady, enough));
        member.start();
        try {
            claims.holds("it is there", steady.await(60, TimeUnit.SECONDS), "nothing");
            says("--list", tool("--list"), GROUP + "\n");
            claims.equal("--list --state", List.of(GROUP + " Stable"),
                columns(tool("--list", "--state"), "GROUP", "STATE").stream().filter((GROUP + " Stable")::equals).collect(Collectors.toList()));
            claims.holds("--list --state empty", !tool("--list", "--state", "empty").contains(GROUP + "\n"), "it is listed");
            says("--list --type classic", tool("--list", "--type", "classic").toLowerCase(), GROUP + "   ", "classic");
            claims.equal("--describe", List.of("0 3 5 2", "1 1 5 4"), offsets());
            String told = tool("--describe", "--group", GROUP);
            claims.equal("... with the owners, and a topic that nobody has", List.of("- -", "/127.0.0.1 gc-member", "/127.0.0.1 gc-member"),
                columns(told, "HOST", "CLIENT-ID"));
            claims.equal("--describe --members", List.of(GROUP + " /127.0.0.1 gc-member 2"),
                columns(tool("--describe", "--group", GROUP, "--members"), "GROUP", "HOST", "CLIENT-ID", "#PARTITIONS"));
            says("--describe --members --verbose", tool("--describe", "--group", GROUP, "--members", "--verbose"), TOPIC + ":0,1");
            claims.equal("--describe --state", List.of(GROUP + " range Stable 1"),
                columns(tool("--describe", "--group", GROUP, "--state"), "GROUP", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"));
            says("--delete is refused", tool("--delete", "--group", GROUP), "GroupNotEmptyException");
            says("--reset-offsets is refused", tool("--reset-offsets", "--group", GROUP, "--all-topics", "--to-earliest", "--execute"),
                "Error: Assignments can only be reset if the group '" + GROUP + "' is inactive, but the current state is Stable.");
            says("--delete-offsets of what it reads is refused", tool("--delete-offsets", "--group", GROUP, "--topic", TOPIC),
                "Error: Encountered some partition-level error", "GroupSubscribedToTopicException");
            says("--delete-offsets of what it does not read", tool("--delete-offsets", "--group", GROUP, "--topic", OTHER), "Request succeeded", OTHER);
            claims.equal("... is done", Map.of(0, 3L, 1, 1L), committed());
        } finally {
            enough.countDown();
            member.join();
        }
    }

    private void consume(CountDownLatch steady, CountDownLatch enough) {
        Map<String, Object> options = Map.of("bootstrap.servers", bootstrap, "group.id", GROUP, "client.id", "gc-member",
            "enable.auto.commit", false, "auto.offset.reset", "earliest", "partition.assignment.strategy",
            "org.apache.kafka.clients.consumer.RangeAssignor");
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(options, bytes, bytes)) {
            consumer.subscribe(List.of(TOPIC));
            while (consumer.assignment().size() < 2) consumer.poll(Duration.ofMillis(50));
            consumer.commitSync(Map.of(new TopicPartition(TOPIC, 0), new OffsetAndMetadata(3), new TopicPartition(TOPIC, 1),
                new OffsetAndMetadata(1), new TopicPartition(OTHER, 0), new OffsetAndMetadata(0)));
            steady.countDown();
            while (enough.getCount() > 0) consumer.poll(Duration.ofMillis(50));
        }
    }

    private void empty() {
        says("--describe", tool("--describe", "--group", GROUP), "Consumer group '" + GROUP + "' has no active members.");
        claims.equal("... with its offsets", List.of("0 3 5 2", "1 1 5 4"), offsets());
        claims.equal("--describe --state", List.of(GROUP + " Empty 0"),
            columns(tool("--describe", "--group", GROUP, "--state"), "GROUP", "STATE", "#MEMBERS"));
        says("--describe --members", tool("--describe", "--group", GROUP, "--members"), "has no active members");
    }

    private void reset(String claim, Map<Integer, Long> wanted, String... words) throws Exception {
        String[] head = {"--reset-offsets", "--group", GROUP, "--execute"};
        String printed = tool(with(head, words));
        claims.equal(claim, wanted, committed());
        claims.holds(claim + ": it says so", columns(printed, "PARTITION", "NEW-OFFSET").stream().allMatch(
            row -> wanted.get(Integer.valueOf(row.split(" ")[0])).equals(Long.valueOf(row.split(" ")[1]))), printed);
    }

    private void resets() throws Exception {
        String printed = tool("--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--to-earliest", "--dry-run");
        claims.equal("--dry-run tells", List.of("0 0", "1 0"), columns(printed, "PARTITION", "NEW-OFFSET"));
        claims.equal("--dry-run does nothing", Map.of(0, 3L, 1, 1L), committed());
        reset("--to-earliest", Map.of(0, 0L, 1, 0L), "--topic", TOPIC, "--to-earliest");
        reset("--to-latest of named partitions", Map.of(0, 5L, 1, 5L), "--topic", TOPIC + ":0,1", "--to-latest");
        reset("--to-earliest of all topics", Map.of(0, 0L, 1, 0L), "--all-topics", "--to-earliest");
        printed = tool("--reset-offsets", "--all-groups", "--topic", TOPIC, "--to-latest", "--dry-run");
        claims.holds("--all-groups tells of this one", columns(printed, "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET")
            .containsAll(List.of(GROUP + " " + TOPIC + " 0 5", GROUP + " " + TOPIC + " 1 5")), printed);
        reset("--to-latest of one partition", Map.of(0, 0L, 1, 5L), "--topic", TOPIC + ":1", "--to-latest");
        reset("--to-current", Map.of(0, 0L, 1, 5L), "--all-topics", "--to-current");
        reset("--to-offset", Map.of(0, 2L, 1, 2L), "--topic", TOPIC, "--to-offset", "2");
        reset("--to-offset past the end", Map.of(0, 5L, 1, 5L), "--topic", TOPIC, "--to-offset", "99");
        reset("--shift-by back", Map.of(0, 1L, 1, 1L), "--topic", TOPIC, "--shift-by", "-4");
        reset("--shift-by past the start", Map.of(0, 0L, 1, 0L), "--topic", TOPIC, "--shift-by", "-4");
        String then = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS").withZone(ZoneOffset.UTC)
            .format(Instant.ofEpochMilli(System.currentTimeMillis() - HOUR_MS));
        reset("--to-datetime", Map.of(0, 3L, 1, 0L), "--topic", TOPIC, "--to-datetime", then);
        reset("--to-datetime before all", Map.of(0, 0L, 1, 0L), "--topic", TOPIC, "--to-datetime", "2001-01-01T00:00:00.000");
        reset("--by-duration", Map.of(0, 3L, 1, 0L), "--topic", TOPIC, "--by-duration", "PT1H");

        Path file = Files.createTempFile("grp", ".csv");
        Files.writeString(file, tool("--reset-offsets", "--group", GROUP, "--topic", TOPIC, "--to-offset", "4", "--dry-run", "--export"));
        claims.equal("--export", List.of(TOPIC + ",0,4", TOPIC + ",1,4"),
            Files.readAllLines(file).stream().filter(l -> !l.isBlank()).sorted().collect(Collectors.toList()));
        reset("--from-file", Map.of(0, 4L, 1, 4L), "--from-file", file.toString());
        Files.delete(file);
        claims.equal("--describe after all that", List.of("0 4 5 1", "1 4 5 1"), offsets());
    }

    private void deletions() throws Exception {
        says("--delete-offsets of one partition", tool("--delete-offsets", "--group", GROUP, "--topic", TOPIC + ":1"), "Request succeeded");
        claims.equal("... is done", Map.of(0, 4L), committed());
        says("--delete-offsets of a partition that is not", tool("--delete-offsets", "--group", GROUP, "--topic", TOPIC + ":9"),
            "Encountered some partition-level error", "UnknownTopicOrPartition");
        says("--delete", tool("--delete", "--group", GROUP), "Deletion of requested consumer groups ('" + GROUP + "') was successful.");
        claims.holds("--list", !tool("--list").contains(GROUP + "\n"), "it is there");
        claims.equal("its offsets are gone", Map.of(), committed());
    }

    // ---- The consumer protocol.

    private KafkaConsumer<byte[], byte[]> speaker() {
        Map<String, Object> options = Map.of("bootstrap.servers", bootstrap, "group.id", "grp-regex", "group.protocol", "consumer",
            "client.id", "gc-speaker", "metadata.max.age.ms", 500);
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        return new KafkaConsumer<>(options, bytes, bytes);
    }

    /** Which topics it has, when they are so many partitions. */
    private static List<String> topicsOf(KafkaConsumer<byte[], byte[]> consumer, int count) {
        long end = System.currentTimeMillis() + 60_000;
        while (consumer.assignment().size() != count && System.currentTimeMillis() < end) consumer.poll(Duration.ofMillis(50));
        return consumer.assignment().stream().map(TopicPartition::toString).sorted().collect(Collectors.toList());
    }

    /** The brokers hold it against the topics: those that there are, and those that will be. */
    private void withExpression() throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = speaker()) {
            consumer.subscribe(new SubscriptionPattern("grp-(tool|oth.*)"));
            claims.equal("it stands for what it matches as a whole", List.of(OTHER + "-0", TOPIC + "-0", TOPIC + "-1"), topicsOf(consumer, 3));
            Claims.settled(admin.createTopics(List.of(new NewTopic(OTHER + "s", 1, (short) -1))).all().get());
            claims.equal("also for a topic that is made later", List.of(OTHER + "-0", OTHER + "s-0", TOPIC + "-0", TOPIC + "-1"),
                topicsOf(consumer, 4));
            says("kafka-consumer-groups --list --type consumer", tool("--list", "--type", "consumer").toLowerCase(), "grp-regex", "consumer");
            claims.equal("--describe --state", List.of("grp-regex uniform Stable 1"),
                columns(tool("--describe", "--group", "grp-regex", "--state"), "GROUP", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"));
            claims.equal("--describe --members", List.of("grp-regex gc-speaker 4"),
                columns(tool("--describe", "--group", "grp-regex", "--members"), "GROUP", "CLIENT-ID", "#PARTITIONS"));
        }
        try (KafkaConsumer<byte[], byte[]> consumer = speaker()) {
            consumer.subscribe(new SubscriptionPattern("grp-("));
            claims.refused("one that is none", InvalidRegularExpression.class, () -> topicsOf(consumer, 1));
        }
    }

    private Object finalizeVersion(int level, FeatureUpdate.UpgradeType type) throws Exception {
        return admin.updateFeatures(Map.of("group.version", new FeatureUpdate((short) level, type)), new UpdateFeaturesOptions()).all().get();
    }

    private void withoutFeature() throws Exception {
        claims.refused("a level that nobody knows", InvalidUpdateVersionException.class, () -> finalizeVersion(2, FeatureUpdate.UpgradeType.UPGRADE));
        finalizeVersion(0, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE);
        claims.equal("0 is none", null, admin.describeFeatures().featureMetadata().get().finalizedFeatures().get("group.version"));
        try (KafkaConsumer<byte[], byte[]> consumer = speaker()) {
            consumer.subscribe(List.of(TOPIC));
            claims.refused("nobody joins by the consumer protocol", UnsupportedVersionException.class, () -> topicsOf(consumer, 2));
        } finally {
            finalizeVersion(1, FeatureUpdate.UpgradeType.UPGRADE);
        }
        try (KafkaConsumer<byte[], byte[]> consumer = speaker()) {
            consumer.subscribe(List.of(TOPIC));
            claims.equal("until it is 1 again", 2, topicsOf(consumer, 2).size());
        }
    }
}
