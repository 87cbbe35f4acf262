// Agent.java -- Apache's Java client, asked over standard input (see lib/agent.py).

package clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.utils.Utils;

final class Agent {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final String bootstrap;

    private Agent(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) throws IOException {
        Agent agent = new Agent(args[0]);
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(agent.answer(JSON.readTree(line)));
        }
    }

    private ObjectNode answer(JsonNode request) {
        try {
            switch (request.get("op").asText()) {
                case "produce": return produce(request);
                case "consume": return consume(request);
                case "group": return group(request);
                case "member": return member(request);
                case "partitions": return partitions(request);
                default: throw new IllegalArgumentException("no such operation");
            }
        } catch (Exception e) { // Told to the one who asked.
            e.printStackTrace();
            return JSON.createObjectNode().put("error", e.toString());
        }
    }

    static byte[] unpack(JsonNode node) throws IOException {
        return node == null || node.isNull() ? null : node.binaryValue();
    }

    private ObjectNode produce(JsonNode request) throws IOException, InterruptedException {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", request.get("acks").asText());
        settings.put("compression.type", request.get("codec").asText());
        settings.put("linger.ms", "20");
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode results = answer.putArray("results");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                 settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (JsonNode r : request.get("records")) {
                sent.add(producer.send(record(request.get("topic").asText(), r)));
            }
            producer.flush();
            for (Future<RecordMetadata> future : sent) {
                ObjectNode result = results.addObject();
                try {
                    RecordMetadata told = future.get();
                    result.put("p", told.partition()).put("o", told.offset());
                } catch (ExecutionException e) {
                    result.put("error", e.getCause().toString());
                }
            }
        }
        return answer;
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, JsonNode r)
        throws IOException {
        Integer partition = r.get("p").isNull() ? null : r.get("p").asInt();
        Long time = r.get("t").isNull() ? null : r.get("t").asLong();
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, partition, time, unpack(r.get("k")), unpack(r.get("v")));
        for (JsonNode header : r.get("h")) {
            record.headers().add(header.get(0).asText(), unpack(header.get(1)));
        }
        return record;
    }

    private ObjectNode consume(JsonNode request) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("auto.offset.reset", "none");
        settings.put("fetch.max.wait.ms", "50");
        settings.put("isolation.level", "read_committed");
        settings.put("check.crcs", "true");
        ObjectNode answer = JSON.createObjectNode();
        ObjectNode records = answer.putObject("records");
        ObjectNode ends = answer.putObject("ends");
        List<TopicPartition> parts = new ArrayList<>();
        long missing = 0;
        for (Map.Entry<String, JsonNode> topic : request.get("topics").properties()) {
            records.putArray(topic.getKey());
            for (JsonNode count : topic.getValue()) {
                parts.add(new TopicPartition(topic.getKey(), ends.withArray(topic.getKey()).size()));
                ends.withArray(topic.getKey()).add(-1);
                missing += count.asLong();
            }
        }
        long deadline = System.nanoTime() + request.get("timeout_ms").asLong() * 1_000_000;
        try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                 settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(parts);
            consumer.seekToBeginning(parts);
            while (missing > 0 && System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(100))) {
                    add(records.withArray(r.topic()), r);
                    missing--;
                }
            }
            consumer.endOffsets(parts).forEach(
                (part, end) -> ends.withArray(part.topic()).set(part.partition(), JSON.getNodeFactory().numberNode(end)));
        }
        return answer;
    }

    private ObjectNode group(JsonNode request) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", request.get("group").asText());
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("group.protocol", request.path("protocol").asText("classic"));
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode values = answer.putArray("values");
        long deadline = System.nanoTime() + request.get("timeout_ms").asLong() * 1_000_000;
        try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                 settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(request.get("topic").asText()));
            while (values.size() < request.get("count").asInt() && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(100)).forEach(r -> values.add(r.value()));
            }
            consumer.commitSync();
        }
        return answer;
    }

    private ObjectNode member(JsonNode request) throws IOException {
        Properties settings = new Properties();
        settings.putAll(Map.of("bootstrap.servers", bootstrap, "group.id", request.get("group").asText(),
            "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        if (request.path("protocol").asText().equals("consumer")) {
            settings.put("group.protocol", "consumer");
        } else {
            settings.putAll(Map.of("session.timeout.ms", "3000", "heartbeat.interval.ms", "500",
                "partition.assignment.strategy", request.path("strategy").asText().equals("cooperative")
                    ? CooperativeStickyAssignor.class.getName() : RangeAssignor.class.getName()));
        }
        Path until = Path.of(request.get("until").asText());
        try (Consumer<String, String> consumer = new KafkaConsumer<>(
                 settings, new StringDeserializer(), new StringDeserializer());
             PrintWriter out = new PrintWriter(new FileWriter(request.get("out").asText(), true))) {
            consumer.subscribe(List.of(request.get("topic").asText()));
            while (!Files.exists(until)) {
                consumer.poll(Duration.ofMillis(50)).forEach(
                    r -> out.println(r.partition() + " " + r.offset() + " " + r.value()));
                out.flush();
                try {
                    consumer.commitSync();
                } catch (CommitFailedException | RebalanceInProgressException e) {
                    System.err.println("handled again by somebody: " + e);
                }
            }
        }
        return JSON.createObjectNode();
    }

    private static void add(ArrayNode records, ConsumerRecord<byte[], byte[]> r) {
        if (r.timestampType() != TimestampType.CREATE_TIME) {
            throw new IllegalStateException("timestamp type " + r.timestampType());
        }
        ObjectNode node = records.addObject();
        node.put("p", r.partition()).put("o", r.offset()).put("t", r.timestamp());
        node.put("k", r.key()).put("v", r.value());
        ArrayNode headers = node.putArray("h");
        for (Header header : r.headers()) {
            headers.addArray().add(header.key()).add(header.value());
        }
    }

    /** Where the client's own murmur2 puts each key. */
    private ObjectNode partitions(JsonNode request) throws IOException {
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode partitions = answer.putArray("partitions");
        for (JsonNode key : request.get("keys")) {
            partitions.add(
                Utils.toPositive(Utils.murmur2(unpack(key))) % request.get("count").asInt());
        }
        return answer;
    }
}
