/* The witness: numbers every record that it sends, times every acknowledgement, and reads
 * everything back to say which acknowledged records are missing, doubled or out of order, and for
 * how long nothing was acknowledged. It believes nobody: neither the cluster nor the client's own
 * counters. One JSON object is printed. Exit status 1 if an acknowledged record is missing. */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/clock.h"
#include "cli/where.h"
#include "common/check.h"

#define NS_PER_S 1000000000ull
#define QUIET_MS 2000 /* After which nothing more is on its way. */
#define READ_LIMIT_MS 600000
#define METADATA_TRIES 100
#define PAUSE_US 200
#define SILENCE_MIN_NS 10000000ull /* From here on a silence is told of by itself. */
#define SILENCES_MAX 4096
#define LOSSES_MAX 4096

enum fate { ACKNOWLEDGED = 1, SEEN = 2, SEEN_AGAIN = 4 };

/* What stands at the head of every record. */
struct stamp {
    uint64_t run;
    uint64_t id;
};

/* Nothing was acknowledged in some partition. By the clock that all processes of a host share. */
struct silence {
    uint64_t from_ns;
    uint64_t length_ns;
};

struct witness {
    struct where where;
    const char *topic;
    const char *acks;
    int64_t size_bytes, seconds, rate, count;
    bool idempotent;
    struct strings extra;

    char *bootstrap;
    uint64_t run;
    uint64_t sent, acknowledged, failed;
    rd_kafka_resp_err_t last_error;
    char fatal[256]; /* What the client gave up for; empty: it did not. */
    uint8_t *fates;  /* By id. */
    uint64_t *acknowledged_ns; /* By id; when. */
    uint32_t *latencies_us;
    uint64_t id_count;
    int partition_count;
    uint64_t *heard_ns; /* By partition: its last acknowledgement, or the start. */
    uint64_t start_ns, silence_ns, silence_at_ns;
    struct silence *silences; /* The first SILENCES_MAX. */
    uint32_t silence_count;

    uint64_t read, lost, doubled, out_of_order, offset_gaps;
};

static volatile sig_atomic_t stopping;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

static void note_silence(struct witness *w, int32_t partition, uint64_t now_ns)
{
    uint64_t *heard = &w->heard_ns[partition % w->partition_count];
    uint64_t length_ns = now_ns - *heard;
    if (length_ns > w->silence_ns) {
        w->silence_ns = length_ns;
        w->silence_at_ns = *heard - w->start_ns;
    }
    if (length_ns >= SILENCE_MIN_NS && w->silence_count < SILENCES_MAX) {
        w->silences[w->silence_count++] =
            (struct silence){.from_ns = *heard, .length_ns = length_ns};
    }
    *heard = now_ns;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    struct witness *w = opaque;
    uint64_t now_ns = clock_ns(), sent_ns = (uint64_t)(uintptr_t)m->_private;
    struct stamp stamp;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        w->failed++;
        w->last_error = m->err;
        return;
    }
    CHECK(m->len >= sizeof stamp);
    memcpy(&stamp, m->payload, sizeof stamp);
    CHECK(stamp.id < w->id_count);
    w->latencies_us[w->acknowledged++] = (uint32_t)((now_ns - sent_ns) / 1000);
    w->fates[stamp.id] |= ACKNOWLEDGED;
    w->acknowledged_ns[stamp.id] = now_ns;
    note_silence(w, m->partition, now_ns);
}

static int partitions_of(rd_kafka_t *rk, const char *topic)
{
    for (int i = 0; i < METADATA_TRIES; i++) {
        const struct rd_kafka_metadata *md = client_metadata(rk, topic, 5000);
        int count = md != NULL && md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
        if (md != NULL) rd_kafka_metadata_destroy(md);
        if (count > 0) return count;
        pause_us(50000);
    }
    return 0;
}

static rd_kafka_t *new_producer(struct witness *w)
{
    /* So that the stopwatch shows the cluster and not the client's patience. */
    const char *settings[] = {"acks",
                              w->acks,
                              "enable.idempotence",
                              w->idempotent ? "true" : "false",
                              "linger.ms",
                              "0",
                              "retry.backoff.ms",
                              "10",
                              "reconnect.backoff.ms",
                              "10",
                              "reconnect.backoff.max.ms",
                              "50",
                              "topic.metadata.refresh.interval.ms",
                              "20",
                              "topic.metadata.refresh.fast.interval.ms",
                              "10",
                              "socket.timeout.ms",
                              "1000",
                              "request.timeout.ms",
                              "1000",
                              "queue.buffering.max.messages",
                              "1000000",
                              NULL};
    rd_kafka_conf_t *conf = client_conf(w->bootstrap, settings, &w->extra);
    if (conf == NULL) return NULL;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, w);
    return client_new(RD_KAFKA_PRODUCER, conf);
}

static void send_one(struct witness *w, rd_kafka_t *rk, rd_kafka_topic_t *topic, char *record)
{
    struct stamp stamp = {.run = w->run, .id = w->sent};
    int32_t partition = (int32_t)(w->sent % (uint64_t)w->partition_count);
    memcpy(record, &stamp, sizeof stamp);
    while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, record, (size_t)w->size_bytes,
                            NULL, 0, (void *)(uintptr_t)clock_ns()) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            w->failed++;
            w->last_error = rd_kafka_last_error();
            break;
        }
        rd_kafka_poll(rk, 1);
    }
    w->sent++;
}

static bool is_over(const struct witness *w)
{
    if (stopping || w->sent >= w->id_count) return true;
    if (w->count > 0) return w->sent >= (uint64_t)w->count;
    return clock_ns() - w->start_ns >= (uint64_t)w->seconds * NS_PER_S;
}

static int send_all(struct witness *w, rd_kafka_t *rk)
{
    w->partition_count = partitions_of(rk, w->topic);
    if (w->partition_count == 0) return fail("%s: no such topic", w->topic);

    char *record = get_memory((size_t)w->size_bytes);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, w->topic, NULL);
    for (int64_t i = 0; i < w->size_bytes; i++) record[i] = (char)('a' + i % 26);
    w->heard_ns = get_memory((size_t)w->partition_count * sizeof *w->heard_ns);
    w->start_ns = clock_ns();
    for (int i = 0; i < w->partition_count; i++) w->heard_ns[i] = w->start_ns;
    while (!is_over(w)) {
        uint64_t due_ns = w->start_ns + w->sent * NS_PER_S / (uint64_t)w->rate;
        rd_kafka_poll(rk, 0);
        if (clock_ns() < due_ns) {
            pause_us(PAUSE_US);
        } else {
            send_one(w, rk, topic, record);
        }
    }
    rd_kafka_flush(rk, 60000);
    (void)rd_kafka_fatal_error(rk, w->fatal, sizeof w->fatal);
    if (w->fatal[0] != 0) (void)fail("the client gives up: %s", w->fatal);
    /* A silence that never ended counts, too. */
    bool unanswered = rd_kafka_outq_len(rk) > 0;
    for (int i = 0; unanswered && i < w->partition_count; i++) note_silence(w, i, clock_ns());
    rd_kafka_topic_destroy(topic);
    free(record);
    return EXIT_OK;
}

/* Where reading back stands in one partition. */
struct place {
    int64_t next_offset; /* 0: nothing read yet. */
    uint64_t next_id;
    bool at_end;
};

static void see(struct witness *w, struct place *place, const rd_kafka_message_t *m)
{
    struct stamp stamp;
    if (place->next_offset != 0 && m->offset != place->next_offset) w->offset_gaps++;
    place->next_offset = m->offset + 1;
    if (m->len < sizeof stamp) return;
    memcpy(&stamp, m->payload, sizeof stamp);
    if (stamp.run != w->run || stamp.id >= w->id_count) return;

    uint8_t *fate = &w->fates[stamp.id];
    w->read++;
    if (*fate & SEEN) {
        if (!(*fate & SEEN_AGAIN)) w->doubled++;
        *fate |= SEEN_AGAIN;
    } else if (stamp.id < place->next_id) {
        w->out_of_order++;
    }
    *fate |= SEEN;
    if (stamp.id >= place->next_id) place->next_id = stamp.id + 1;
}

static rd_kafka_t *new_reader(struct witness *w)
{
    static const char *const settings[] = {"group.id",
                                           "witness",
                                           "enable.auto.commit",
                                           "false",
                                           "enable.auto.offset.store",
                                           "false",
                                           "enable.partition.eof",
                                           "true",
                                           "fetch.wait.max.ms",
                                           "100",
                                           NULL};
    struct strings none = {0};
    rd_kafka_conf_t *conf = client_conf(w->bootstrap, settings, &none);
    rd_kafka_t *rk = conf != NULL ? client_new(RD_KAFKA_CONSUMER, conf) : NULL;
    if (rk == NULL) return NULL;

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(w->partition_count);
    for (int i = 0; i < w->partition_count; i++) {
        rd_kafka_topic_partition_list_add(list, w->topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

/* The end is where every partition has ended and stayed there: a watermark may be on its way. */
static int read_back(struct witness *w)
{
    rd_kafka_t *rk = new_reader(w);
    if (rk == NULL) return EXIT_FAILED;

    struct place *places = get_memory((size_t)w->partition_count * sizeof *places);
    uint64_t began_ms = clock_ms(), moved_ms = began_ms;
    int end_count = 0;
    while (end_count < w->partition_count || clock_ms() - moved_ms < QUIET_MS) {
        if (clock_ms() - began_ms > READ_LIMIT_MS) break;
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (m == NULL) continue;
        struct place *place = &places[m->partition >= 0 ? m->partition % w->partition_count : 0];
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            end_count += !place->at_end;
            place->at_end = true;
        } else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            moved_ms = clock_ms();
            see(w, place, m);
        }
        rd_kafka_message_destroy(m);
    }
    for (uint64_t i = 0; i < w->sent; i++) {
        w->lost += (w->fates[i] & (ACKNOWLEDGED | SEEN)) == ACKNOWLEDGED;
    }
    free(places);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    if (end_count < w->partition_count) return fail("read back only a part; it does not end");
    return EXIT_OK;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(const struct witness *w, uint64_t permille)
{
    if (w->acknowledged == 0) return 0;
    uint64_t at = w->acknowledged * permille / 1000;
    return (double)w->latencies_us[at < w->acknowledged ? at : w->acknowledged - 1] / 1e3;
}

static void report(struct witness *w)
{
    qsort(w->latencies_us, w->acknowledged, sizeof *w->latencies_us, by_size);
    printf("{\"acks\": \"%s\", \"sent\": %llu, \"acknowledged\": %llu, \"failed\": %llu, "
           "\"error\": \"%s\", \"read\": %llu, \"lost\": %llu, \"doubled\": %llu, "
           "\"out_of_order\": %llu, \"offset_gaps\": %llu, \"longest_silence_ms\": %.1f, "
           "\"silence_at_s\": %.2f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.1f",
           w->acks, (unsigned long long)w->sent, (unsigned long long)w->acknowledged,
           (unsigned long long)w->failed, w->last_error ? rd_kafka_err2name(w->last_error) : "",
           (unsigned long long)w->read, (unsigned long long)w->lost, (unsigned long long)w->doubled,
           (unsigned long long)w->out_of_order, (unsigned long long)w->offset_gaps,
           (double)w->silence_ns / 1e6, (double)w->silence_at_ns / 1e9, percentile_ms(w, 500),
           percentile_ms(w, 990), percentile_ms(w, 1000));
    printf(", \"silences\": [");
    for (uint32_t i = 0; i < w->silence_count; i++) {
        printf("%s{\"from_ns\": %llu, \"ms\": %.1f}", i > 0 ? ", " : "",
               (unsigned long long)w->silences[i].from_ns, (double)w->silences[i].length_ns / 1e6);
    }
    printf("], \"losses\": [");
    uint32_t losses = 0;
    for (uint64_t i = 0; i < w->sent && losses < LOSSES_MAX; i++) {
        if ((w->fates[i] & (ACKNOWLEDGED | SEEN)) != ACKNOWLEDGED) continue;
        printf("%s{\"partition\": %d, \"acknowledged_ns\": %llu}", losses++ > 0 ? ", " : "",
               (int)(i % (uint64_t)w->partition_count), (unsigned long long)w->acknowledged_ns[i]);
    }
    printf("]}\n");
}

static int testify(struct witness *w)
{
    w->bootstrap = where_bootstrap(&w->where);
    if (w->bootstrap == NULL) return EXIT_FAILED;

    w->run = clock_ns();
    w->id_count = w->count > 0 ? (uint64_t)w->count : (uint64_t)((w->seconds + 5) * w->rate);
    w->fates = get_memory(w->id_count);
    w->acknowledged_ns = get_memory(w->id_count * sizeof *w->acknowledged_ns);
    w->latencies_us = get_memory(w->id_count * sizeof *w->latencies_us);
    w->silences = get_memory(SILENCES_MAX * sizeof *w->silences);
    rd_kafka_t *rk = new_producer(w);
    int status = rk != NULL ? send_all(w, rk) : EXIT_FAILED;
    if (rk != NULL) rd_kafka_destroy(rk);
    if (status == EXIT_OK) status = read_back(w);
    if (w->partition_count > 0) report(w);
    free(w->bootstrap);
    free(w->fates);
    free(w->acknowledged_ns);
    free(w->latencies_us);
    free(w->heard_ns);
    free(w->silences);
    return w->lost > 0 ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
    struct witness w = {
        .acks = "all", .topic = "witness", .size_bytes = 200, .seconds = 10, .rate = 1000};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&w.where),
        ROW_WHERE_DIR(&w.where),
        OPT_TEXT("topic", 't', &w.topic, "TOPIC", "where to (default: witness)"),
        OPT_TEXT("acks", 'a', &w.acks, "0|1|all", "(default: all)"),
        OPT_NUMBER("size", 's', &w.size_bytes, "BYTES", 16, 1 << 20, "of a record (default: 200)"),
        OPT_NUMBER("seconds", 'd', &w.seconds, "N", 1, 86400, "how long to send (default: 10)"),
        OPT_NUMBER("count", 'n', &w.count, "N", 1, 100000000, "how many to send, instead"),
        OPT_NUMBER("rate", 'R', &w.rate, "N", 1, 10000000, "records per second (default: 1000)"),
        OPT_FLAG("idempotent", 'i', &w.idempotent, "send with a producer id"),
        OPT_LIST("property", 'X', &w.extra, "KEY=VALUE", "of librdkafka's producer"),
    };
    const struct usage usage = {
        .verb = "witness",
        .summary =
            "Sends numbered records, reads them back, and accounts for every acknowledged one.",
        ROWS(rows),
        .example = "witness -b 127.0.0.1:9092 -t orders -a all -d 6",
        .statuses =
            "0 nothing that was acknowledged is missing, 1 something is, or it failed, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    int status = result == ARGS_RUN ? testify(&w) : args_status(result);
    strings_close(&operands);
    strings_close(&w.extra);
    return status;
}
