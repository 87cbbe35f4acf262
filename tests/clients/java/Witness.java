// Witness.java -- numbered records by Apache's producer with its defaults (idempotent, acks=all), for as long as it is told; then
// everything is read back, and every acknowledged record accounted for. What tests/bench/witness is to librdkafka. One JSON object.

package clients;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Witness {
    private static final int RECORD_BYTES = 200;
    private final String bootstrap;
    private final String topic;
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final BitSet acknowledged = new BitSet();
    private final BitSet seen = new BitSet();
    private long sent;
    private long failed;
    private String error = "";
    private long doubled;
    private long outOfOrder;
    private long gaps;
    private int partitions;

    private Witness(String bootstrap, String topic) {
        this.bootstrap = bootstrap;
        this.topic = topic;
    }

    /** Witness BOOTSTRAP TOPIC RECORDS-PER-SECOND: until its input ends. */
    public static void main(String[] args) throws Exception {
        Witness one = new Witness(args[0], args[1]);
        Thread listener = new Thread(() -> {
            try {
                while (System.in.read() >= 0) continue;
            } catch (java.io.IOException end) {
                one.error = end.toString();
            }
            one.stopping.set(true);
        });
        listener.setDaemon(true);
        listener.start();
        one.send(Long.parseLong(args[2]));
        one.readBack();
        System.out.println(one.report());
    }

    private synchronized void note(int id, Exception problem) {
        if (problem == null) {
            acknowledged.set(id);
        } else {
            failed++;
            error = problem.toString().replace('"', '\'');
        }
    }

    private void send(long rate) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "delivery.timeout.ms", 600_000,
            "request.timeout.ms", 2_000, "max.block.ms", 600_000, "reconnect.backoff.max.ms", 200);
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            partitions = producer.partitionsFor(topic).size();
            long began = System.nanoTime();
            while (!stopping.get()) {
                long due = began + sent * 1_000_000_000L / rate;
                if (System.nanoTime() < due) {
                    Thread.sleep(1);
                    continue;
                }
                int id = (int) sent++;
                byte[] value = ByteBuffer.allocate(RECORD_BYTES).putInt(id).array();
                producer.send(new ProducerRecord<>(topic, id % partitions, null, value), (told, problem) -> note(id, problem));
            }
        }
    }

    private void readBack() {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest");
        List<TopicPartition> parts = new ArrayList<>();
        for (int p = 0; p < partitions; p++) parts.add(new TopicPartition(topic, p));
        Map<Integer, Long> nextOffset = new HashMap<>();
        Map<Integer, Integer> nextId = new HashMap<>();
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.assign(parts);
            Map<TopicPartition, Long> ends = consumer.endOffsets(parts);
            consumer.seekToBeginning(parts);
            Set<TopicPartition> open = ends.keySet().stream().filter(p -> ends.get(p) > 0).collect(Collectors.toSet());
            while (!open.isEmpty()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) see(record, nextOffset, nextId);
                open.removeIf(p -> consumer.position(p) >= ends.get(p));
            }
        }
    }

    private void see(ConsumerRecord<byte[], byte[]> record, Map<Integer, Long> nextOffset, Map<Integer, Integer> nextId) {
        int id = ByteBuffer.wrap(record.value()).getInt();
        if (record.offset() != nextOffset.getOrDefault(record.partition(), 0L)) gaps++;
        nextOffset.put(record.partition(), record.offset() + 1);
        if (seen.get(id)) {
            doubled++;
        } else if (id < nextId.getOrDefault(record.partition(), 0)) {
            outOfOrder++;
        }
        seen.set(id);
        nextId.merge(record.partition(), id + 1, Math::max);
    }

    private synchronized String report() {
        BitSet lost = (BitSet) acknowledged.clone();
        lost.andNot(seen);
        return String.format("{\"acks\": \"java\", \"sent\": %d, \"acknowledged\": %d, \"failed\": %d, \"error\": \"%s\", \"read\": %d, "
            + "\"lost\": %d, \"doubled\": %d, \"out_of_order\": %d, \"offset_gaps\": %d}", sent, acknowledged.cardinality(), failed,
            error, seen.cardinality(), lost.cardinality(), doubled, outOfOrder, gaps);
    }
}
