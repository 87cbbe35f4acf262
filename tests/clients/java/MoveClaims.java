// MoveClaims.java -- what Apache's AdminClient is promised of where replicas lie, and of moving them.

package clients;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class MoveClaims {
    private static final int RECORDS = 200;
    private static final int RECORD_BYTES = 1000;
    private final Claims claims = new Claims();
    private final Admin admin;
    private final String bootstrap;

    private MoveClaims(Admin admin, String bootstrap) {
        this.admin = admin;
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            MoveClaims all = new MoveClaims(admin, args[0]);
            all.claims.about("describeLogDirs", all::logDirs);
        }
    }

    /** Every replica has what was acknowledged when this returns. */
    private void write(String topic) throws Exception {
        Map<String, Object> options = Map.of("bootstrap.servers", bootstrap, "acks", "all");
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(options, bytes, bytes)) {
            List<Future<?>> sent = IntStream.range(0, RECORDS)
                .mapToObj(i -> producer.send(new ProducerRecord<>(topic, i % 2, null, new byte[RECORD_BYTES])))
                .collect(Collectors.toList());
            for (Future<?> one : sent) one.get();
        }
    }

    private void logDirs() throws Exception {
        Claims.settled(admin.createTopics(List.of(
            new NewTopic("mov-dirs", Map.of(0, List.of(1, 2, 3), 1, List.of(2, 3, 1))),
            new NewTopic("mov-else", Map.of(0, List.of(2, 3))))).all().get());
        write("mov-dirs");
        Map<Integer, Map<String, LogDirDescription>> all =
            admin.describeLogDirs(Set.of(1, 2, 3)).allDescriptions().get();
        long least = (long) RECORDS / 2 * RECORD_BYTES;
        for (int broker = 1; broker <= 3; broker++) {
            claims.equal("broker " + broker + " has one folder", 1, all.get(broker).size());
            LogDirDescription dir = all.get(broker).values().iterator().next();
            claims.equal("... in which nothing is wrong", null, dir.error());
            claims.holds("... on a disk of some size", dir.totalBytes().orElse(0) > 1 << 20, dir.totalBytes());
            claims.holds("... of which some is left",
                dir.usableBytes().orElse(0) > 0 && dir.usableBytes().getAsLong() <= dir.totalBytes().getAsLong(),
                dir.usableBytes());
            ReplicaInfo first = dir.replicaInfos().get(new TopicPartition("mov-dirs", 0));
            claims.holds("... a replica is as large as its records", first != null && first.size() >= least, first);
            claims.equal("... and not behind", 0L, first == null ? null : first.offsetLag());
            claims.equal("... and is not about to come from another folder", false,
                Optional.ofNullable(first).map(ReplicaInfo::isFuture).orElse(null));
            claims.equal("... and what is not there is not mentioned", broker != 1,
                dir.replicaInfos().containsKey(new TopicPartition("mov-else", 0)));
        }
    }
}
