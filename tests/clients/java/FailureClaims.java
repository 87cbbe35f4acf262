// FailureClaims.java -- what Apache's producer is promised while brokers are killed: with its defaults (idempotent,
// acks=all) nothing is lost, doubled or out of order, and too few in-sync replicas are told.

package clients;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.NotEnoughReplicasException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

final class FailureClaims {
    private static final int PARTITIONS = 3;
    private static final int RECORDS = 30_000;
    private final Claims claims = new Claims();
    private final String bootstrap;
    private final Admin admin;

    private FailureClaims(String bootstrap, Admin admin) {
        this.bootstrap = bootstrap;
        this.admin = admin;
    }

    public static void main(String[] args) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            FailureClaims all = new FailureClaims(args[0], admin);
            all.claims.about("the idempotent producer, its leader killed", all::killLeader);
            all.claims.about("min.insync.replicas", all::tooFew);
            all.claims.about("electLeaders", all::preferred);
        }
    }

    private TopicPartitionInfo describe(String topic, int partition) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().get(partition);
    }

    private void create(String topic, Map<Integer, List<Integer>> placed, Map<String, String> configs)
        throws Exception {
        Claims.settled(
            admin.createTopics(List.of(new NewTopic(topic, placed).configs(configs))).all().get());
    }

    private KafkaProducer<String, String> producer(Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    private static boolean within(Duration limit, Condition condition) throws Exception {
        long end = System.nanoTime() + limit.toNanos();
        while (System.nanoTime() < end) {
            if (condition.holds()) return true;
            Thread.sleep(20);
        }
        return false;
    }

    private boolean isFull(String topic, int partition, int replicas) throws Exception {
        return within(Duration.ofSeconds(20), () -> describe(topic, partition).isr().size() == replicas);
    }

    private void killLeader() throws Exception {
        String topic = "fail-kill";
        create(topic, Map.of(0, List.of(1, 2, 3), 1, List.of(2, 3, 1), 2, List.of(3, 1, 2)), Map.of());
        int victim = describe(topic, 0).leader().id();
        AtomicInteger acknowledged = new AtomicInteger();
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaProducer<String, String> producer = producer(Map.of())) {
            for (int i = 0; i < RECORDS; i++) {
                if (i == RECORDS / 3) ClusterVerbs.kill(victim);
                if (i == 2 * RECORDS / 3) {
                    boolean moved = within(Duration.ofSeconds(20), () -> {
                        Node leader = describe(topic, 0).leader();
                        return leader != null && leader.id() != victim;
                    });
                    claims.holds("another broker leads meanwhile", moved, describe(topic, 0));
                    ClusterVerbs.start(victim);
                }
                // A record to each partition in turn; not so fast that all is sent before the leader dies.
                if (i % 300 == 0) Thread.sleep(10);
                producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, Integer.toString(i)),
                    (told, error) -> {
                        if (error == null) acknowledged.incrementAndGet();
                        else failure.set(error);
                    });
            }
        }
        claims.equal("no record fails", null, failure.get());
        claims.equal("every record is acknowledged", RECORDS, acknowledged.get());
        readBack(topic);
        claims.holds("the killed one is in sync again", isFull(topic, 0, 3), describe(topic, 0));
    }

    private void readBack(String topic) {
        List<List<Integer>> read = new ArrayList<>();
        List<TopicPartition> parts = new ArrayList<>();
        for (int p = 0; p < PARTITIONS; p++) {
            read.add(new ArrayList<>());
            parts.add(new TopicPartition(topic, p));
        }
        boolean contiguous = true;
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap),
                 new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(parts);
            consumer.seekToBeginning(parts);
            long end = consumer.endOffsets(parts).values().stream().mapToLong(Long::longValue).sum();
            claims.equal("the partitions end where " + RECORDS + " records end", (long) RECORDS, end);
            for (int i = 0, seen = 0; i < 200 && seen < end; i++) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(100))) {
                    contiguous &= r.offset() == read.get(r.partition()).size();
                    read.get(r.partition()).add(Integer.valueOf(r.value()));
                    seen++;
                }
            }
        }
        int lost = 0, doubled = 0, disordered = 0;
        for (int p = 0; p < PARTITIONS; p++) {
            Set<Integer> unique = new java.util.HashSet<>(read.get(p));
            lost += RECORDS / PARTITIONS - unique.size();
            doubled += read.get(p).size() - unique.size();
            for (int i = 1; i < read.get(p).size(); i++) {
                if (read.get(p).get(i) < read.get(p).get(i - 1)) disordered++;
            }
        }
        claims.equal("nothing is lost", 0, lost);
        claims.equal("nothing is doubled", 0, doubled);
        claims.equal("nothing is out of order", 0, disordered);
        claims.holds("offsets are contiguous", contiguous, "a gap");
    }

    private void tooFew() throws Exception {
        String topic = "fail-few";
        create(topic, Map.of(0, List.of(1, 2, 3)), Map.of("min.insync.replicas", "3"));
        ClusterVerbs.kill(3);
        try {
            claims.holds("the dead one leaves the ISR", isFull(topic, 0, 2), describe(topic, 0));
            Map<String, Object> once = Map.of("retries", 0, "enable.idempotence", false, "acks", "all");
            try (KafkaProducer<String, String> all = producer(once);
                 KafkaProducer<String, String> one = producer(Map.of("acks", "1"))) {
                claims.refused("acks=all with too few in sync", NotEnoughReplicasException.class,
                    () -> all.send(new ProducerRecord<>(topic, "v")).get());
                claims.equal("... took no offset; acks=1 is served", 0L,
                    one.send(new ProducerRecord<>(topic, "v")).get().offset());
                ClusterVerbs.start(3);
                claims.holds("it comes back", isFull(topic, 0, 3), describe(topic, 0));
                claims.equal("acks=all is served again", 1L,
                    all.send(new ProducerRecord<>(topic, "v")).get().offset());
            }
        } finally {
            ClusterVerbs.start(3);
        }
    }

    private void preferred() throws Exception {
        String topic = "fail-elect";
        create(topic, Map.of(0, List.of(2, 1, 3)), Map.of());
        ClusterVerbs.kill(2);
        boolean moved = within(Duration.ofSeconds(20), () -> {
            Node leader = describe(topic, 0).leader();
            return leader != null && leader.id() != 2;
        });
        claims.holds("another leads when the preferred one is dead", moved, describe(topic, 0));
        ClusterVerbs.start(2);
        claims.holds("it comes back in sync", isFull(topic, 0, 3), describe(topic, 0));
        TopicPartition part = new TopicPartition(topic, 0);
        if (describe(topic, 0).leader().id() != 2) {
            Claims.settled(admin.electLeaders(ElectionType.PREFERRED, Set.of(part)).all().get());
        }
        claims.equal("the preferred one leads again", 2, describe(topic, 0).leader().id());
    }
}
