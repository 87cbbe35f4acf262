#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/clock.h"
#include "cli/json.h"
#include "cli/verbs.h"
#include "cli/where.h"
#include "common/check.h"

#define READ_SIZE (64u << 10)
#define IDLE_POLL_MS 20
#define PROGRESS_MS 200
#define ERRORS_SAID_MAX 5

struct produce_options {
    struct where where;
    const char *topic;
    const char *file;
    const char *key_separator;
    const char *null_text;
    const char *acks;
    const char *compression;
    struct strings headers;
    struct strings extra;
    int64_t partition;
    int64_t timeout_s;
    bool idempotent;
    bool json;
};

struct partition_count {
    int64_t acknowledged;
    int64_t last_offset; /* -1: not known (acks=0). */
};

struct producer {
    const struct produce_options *o;
    rd_kafka_t *rk;
    struct partition_count *partitions;
    size_t partition_count;
    uint64_t sent, acknowledged, failed;
    uint64_t began_ms, shown_ms;
    bool fancy;
    char *line; /* What has been read and not yet sent. */
    size_t line_size, line_room;
};

static struct partition_count *count_of(struct producer *p, int32_t partition)
{
    CHECK(partition >= 0);
    size_t index = (size_t)partition;
    if (index >= p->partition_count) {
        p->partitions = grow_memory(p->partitions, (index + 1) * sizeof *p->partitions);
        for (size_t i = p->partition_count; i <= index; i++) {
            p->partitions[i] = (struct partition_count){.last_offset = -1};
        }
        p->partition_count = index + 1;
    }
    return &p->partitions[index];
}

static void say_failed(struct producer *p, rd_kafka_resp_err_t err)
{
    p->failed++;
    if (p->failed > ERRORS_SAID_MAX) return;
    fail("a record was not acknowledged: %s: %s%s", rd_kafka_err2name(err), rd_kafka_err2str(err),
         p->failed == ERRORS_SAID_MAX ? " (further ones are only counted)" : "");
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    struct producer *p = opaque;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        say_failed(p, m->err);
        return;
    }
    struct partition_count *count = count_of(p, m->partition);
    p->acknowledged++;
    count->acknowledged++;
    if (m->offset > count->last_offset) count->last_offset = m->offset;
}

static void show_progress(struct producer *p, bool last)
{
    uint64_t now = clock_ms();
    if (!p->fancy || (!last && now - p->shown_ms < PROGRESS_MS)) return;

    p->shown_ms = now;
    double seconds = (double)(now - p->began_ms) / 1e3;
    fprintf(stderr, "\r\033[Ksent %llu, acknowledged %llu, failed %llu, %.0f records/s%s",
            (unsigned long long)p->sent, (unsigned long long)p->acknowledged,
            (unsigned long long)p->failed, seconds > 0 ? (double)p->acknowledged / seconds : 0,
            last ? "\n" : "");
}

static void serve(struct producer *p, int timeout_ms)
{
    rd_kafka_poll(p->rk, timeout_ms);
    show_progress(p, false);
}

/* Every record gets headers of its own: librdkafka takes them over. */
static rd_kafka_headers_t *new_headers(const struct produce_options *o)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(o->headers.count);
    for (size_t i = 0; i < o->headers.count; i++) {
        const char *text = o->headers.at[i], *equals = strchr(text, '=');
        rd_kafka_header_add(headers, text, equals - text, equals + 1, -1);
    }
    return headers;
}

static void send_record(struct producer *p, char *line, size_t size)
{
    const struct produce_options *o = p->o;
    char *key = NULL, *value = line;
    size_t key_size = 0, value_size = size;
    if (o->key_separator != NULL) {
        size_t separator_size = strlen(o->key_separator);
        char *at = memmem(line, size, o->key_separator, separator_size);
        if (at != NULL) {
            key = line;
            key_size = (size_t)(at - line);
            value = at + separator_size;
            value_size = size - key_size - separator_size;
        }
    }
    if (o->null_text != NULL && value_size == strlen(o->null_text) &&
        memcmp(value, o->null_text, value_size) == 0) {
        value = NULL;
        value_size = 0;
    }
    for (;;) {
        rd_kafka_headers_t *headers = new_headers(o);
        rd_kafka_vu_t parts[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = o->topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)o->partition},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = key, .size = key_size}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = value, .size = value_size}},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        };
        rd_kafka_error_t *error = rd_kafka_produceva(p->rk, parts, sizeof parts / sizeof parts[0]);
        rd_kafka_resp_err_t err = rd_kafka_error_code(error);
        if (error != NULL) {
            rd_kafka_error_destroy(error);
            rd_kafka_headers_destroy(headers);
        }
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            serve(p, IDLE_POLL_MS);
            continue;
        }
        p->sent++;
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) say_failed(p, err);
        return;
    }
}

/* Sends the whole lines that have been read; with `all`, the rest as well. */
static void send_lines(struct producer *p, bool all)
{
    size_t from = 0;
    for (;;) {
        const char *end =
            p->line_size == from ? NULL : memchr(p->line + from, '\n', p->line_size - from);
        if (end == NULL) break;
        send_record(p, p->line + from, (size_t)(end - p->line) - from);
        from = (size_t)(end - p->line) + 1;
    }
    if (all && from < p->line_size) {
        send_record(p, p->line + from, p->line_size - from);
        from = p->line_size;
    }
    if (from > 0) memmove(p->line, p->line + from, p->line_size - from);
    p->line_size -= from;
}

/* Reads to the end of the input. A person may type: what was sent is acknowledged meanwhile. */
static int pump(struct producer *p, int fd)
{
    for (;;) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        int ready = poll(&in, 1, IDLE_POLL_MS);
        serve(p, 0);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;

        if (p->line_room - p->line_size < READ_SIZE) {
            p->line_room = p->line_room * 2 + READ_SIZE;
            p->line = grow_memory(p->line, p->line_room);
        }
        ssize_t got = read(fd, p->line + p->line_size, READ_SIZE);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail("reading: %s", strerror(errno));
        p->line_size += (size_t)got;
        send_lines(p, got == 0);
        if (got == 0) return EXIT_OK;
    }
}

static json_t *summary(const struct producer *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct partition_count *c = &p->partitions[i];
        if (c->acknowledged == 0) continue;
        json_array_append_new(list, json_pack("{s:i, s:I, s:I}", "partition", (int)i,
                                              "acknowledged", (json_int_t)c->acknowledged,
                                              "last_offset", (json_int_t)c->last_offset));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "topic", p->o->topic, "acks", p->o->acks,
                     "sent", (json_int_t)p->sent, "acknowledged", (json_int_t)p->acknowledged,
                     "failed", (json_int_t)p->failed, "partitions", list);
}

static void print_summary(const struct producer *p)
{
    if (p->o->json) {
        json_t *all = summary(p);
        json_print(all);
        json_decref(all);
        return;
    }
    for (size_t i = 0; i < p->partition_count; i++) {
        const struct partition_count *c = &p->partitions[i];
        if (c->acknowledged == 0) continue;
        printf("%s-%zu  %lld records", p->o->topic, i, (long long)c->acknowledged);
        if (c->last_offset >= 0) {
            printf(", last offset %lld\n", (long long)c->last_offset);
        } else {
            puts(" sent; nobody acknowledged them (acks=0)");
        }
    }
}

static rd_kafka_t *new_producer(const struct produce_options *o, struct producer *p)
{
    char *bootstrap = where_bootstrap(&o->where);
    if (bootstrap == NULL) return NULL;

    char timeout_ms[24];
    snprintf(timeout_ms, sizeof timeout_ms, "%lld", (long long)o->timeout_s * 1000);
    /* Java's partitioner, so that a key goes to the same partition from here as from elsewhere. */
    const char *settings[] = {"acks",
                              o->acks,
                              "compression.codec",
                              o->compression,
                              "partitioner",
                              "murmur2_random",
                              "message.timeout.ms",
                              timeout_ms,
                              "enable.idempotence",
                              o->idempotent ? "true" : "false",
                              "retry.backoff.ms",
                              "20",
                              NULL};
    rd_kafka_conf_t *conf = client_conf(bootstrap, settings, &o->extra);
    free(bootstrap);
    if (conf == NULL) return NULL;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, p);
    return client_new(RD_KAFKA_PRODUCER, conf);
}

static int produce(const struct produce_options *o)
{
    int fd = o->file == NULL ? STDIN_FILENO : open(o->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail("%s: %s", o->file, strerror(errno));

    struct producer p = {.o = o, .began_ms = clock_ms(), .fancy = isatty(STDERR_FILENO) == 1};
    p.rk = new_producer(o, &p);
    int status = p.rk == NULL ? EXIT_FAILED : pump(&p, fd);
    if (p.rk != NULL) {
        while (rd_kafka_outq_len(p.rk) > 0) serve(&p, IDLE_POLL_MS);
        show_progress(&p, true);
        print_summary(&p);
        rd_kafka_destroy(p.rk);
    }
    if (o->file != NULL) close(fd);
    free(p.partitions);
    free(p.line);
    return p.failed > 0 ? EXIT_FAILED : status;
}

static bool is_codec(const char *name)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        if (strcmp(name, codecs[i]) == 0) return true;
    }
    return false;
}

static int check_options(const struct produce_options *o)
{
    static const char *const acks[] = {"0", "1", "all", "-1"};
    bool known = false;
    for (size_t i = 0; i < 4; i++) known = known || strcmp(o->acks, acks[i]) == 0;
    if (!known) return misuse("produce: --acks is 0, 1 or all, not %s", o->acks);
    if (!is_codec(o->compression))
        return misuse("produce: --compression is none, gzip, snappy, lz4 or zstd, not %s",
                      o->compression);
    if (o->idempotent && o->acks[0] != 'a' && o->acks[0] != '-') {
        return misuse("produce: --idempotent needs --acks all");
    }
    if (o->key_separator != NULL && *o->key_separator == 0) {
        return misuse("produce: --key-separator is empty");
    }
    for (size_t i = 0; i < o->headers.count; i++) {
        const char *equals = strchr(o->headers.at[i], '=');
        if (equals == NULL || equals == o->headers.at[i]) {
            return misuse("produce: --headers wants name=value,..., not %s", o->headers.at[i]);
        }
    }
    return EXIT_OK;
}

/* What was given as "a=1,b=2", once or more often, one by one. */
static void split_headers(struct produce_options *o)
{
    struct strings all = {0};
    for (size_t i = 0; i < o->headers.count; i++) strings_split(&all, o->headers.at[i], ',');
    strings_close(&o->headers);
    o->headers = all;
}

int verb_produce(int argc, char **argv)
{
    struct produce_options o = {
        .acks = "all", .compression = "none", .partition = -1, .timeout_s = 300};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_TEXT("file", 'f', &o.file, "FILE", "instead of standard input"),
        OPT_TEXT("key-separator", 'K', &o.key_separator, "TEXT",
                 "what stands before it in a line is the key; without it, the key is null"),
        OPT_TEXT("null", 0, &o.null_text, "TEXT",
                 "a value that is exactly this becomes null: a tombstone"),
        OPT_LIST("headers", 'H', &o.headers, "NAME=VALUE,...", "of every record; may be repeated"),
        OPT_TEXT("acks", 'a', &o.acks, "0|1|all",
                 "who must have a record before it counts (default: all)"),
        OPT_FLAG("idempotent", 0, &o.idempotent, "no record twice, none out of order"),
        OPT_NUMBER("partition", 'p', &o.partition, "N", 0, INT32_MAX,
                   "(default: by the key, as Java's client does; without one, spread)"),
        OPT_TEXT("compression", 'z', &o.compression, "CODEC",
                 "none, gzip, snappy, lz4, zstd (default: none)"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 86400,
                   "until a record counts as failed (default: 300)"),
        OPT_FLAG("json", 0, &o.json, "print the summary as JSON"),
        OPT_LIST("property", 'X', &o.extra, "KEY=VALUE",
                 "a property of librdkafka; may be repeated"),
    };
    const struct usage usage = {
        .verb = "produce",
        .operands = "TOPIC",
        .operand_min = 1,
        .operand_max = 1,
        .summary = "Sends each line of the input as a record, and prints where the last one of "
                   "each partition\n"
                   "stands. Progress is shown when standard error is a terminal.",
        ROWS(rows),
        .example = "seq 1000 | jackdaw produce numbers --acks all\n"
                   "  echo 'user-7:signed up' | jackdaw produce events --key-separator : --headers "
                   "source=web",
        .statuses = "0 every record was acknowledged (acks=0: sent), 1 some were not, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? EXIT_OK : args_status(result);
    if (result == ARGS_RUN) {
        o.topic = operands.at[0];
        split_headers(&o);
        status = check_options(&o);
        if (status == EXIT_OK) status = produce(&o);
    }
    strings_close(&operands);
    strings_close(&o.headers);
    strings_close(&o.extra);
    return status;
}
