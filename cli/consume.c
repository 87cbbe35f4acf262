#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/client.h"
#include "cli/clock.h"
#include "cli/json.h"
#include "cli/reach.h"
#include "cli/verbs.h"
#include "cli/where.h"
#include "common/check.h"

#define POLL_MS 100
#define METADATA_TIMEOUT_MS 10000
#define FLUSH_MS 100

enum column {
    COLUMN_TOPIC,
    COLUMN_PARTITION,
    COLUMN_OFFSET,
    COLUMN_TIMESTAMP,
    COLUMN_HEADERS,
    COLUMN_KEY,
    COLUMN_VALUE,
    COLUMN_COUNT,
};

static const char *const column_names[COLUMN_COUNT] = {
    "topic", "partition", "offset", "timestamp", "headers", "key", "value"};

struct consume_options {
    struct where where;
    const char *topic;
    const char *offset;
    const char *print;
    struct strings partitions;
    struct strings extra;
    int64_t count;     /* 0: no end. */
    int64_t timeout_s; /* Without a record; 0: none. */
    bool exit_at_end;
    bool committed;
    bool json;
    enum column columns[COLUMN_COUNT];
    size_t column_count;
};

struct consumer {
    const struct consume_options *o;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *assigned;
    bool *at_end; /* By index in `assigned`. */
    int end_count;
    uint64_t got;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static bool parse_offset(const char *text, int64_t *out)
{
    if (strcmp(text, "beginning") == 0) {
        *out = RD_KAFKA_OFFSET_BEGINNING;
    } else if (strcmp(text, "end") == 0) {
        *out = RD_KAFKA_OFFSET_END;
    } else if (text[0] == '-') {
        if (!number_of(text + 1, 1, INT32_MAX, out)) return false;
        *out = RD_KAFKA_OFFSET_TAIL(*out);
    } else {
        return number_of(text, 0, INT64_MAX, out);
    }
    return true;
}

static int parse_columns(struct consume_options *o)
{
    struct strings names = {0};
    int status = EXIT_OK;
    strings_split(&names, o->print, ',');
    for (size_t i = 0; i < names.count && status == EXIT_OK; i++) {
        size_t column = 0;
        while (column < COLUMN_COUNT && strcmp(column_names[column], names.at[i]) != 0) column++;
        if (column == COLUMN_COUNT || o->column_count == COLUMN_COUNT) {
            status = misuse("consume: --print takes topic, partition, offset, timestamp, headers, "
                            "key, value, not %s",
                            names.at[i]);
        } else {
            o->columns[o->column_count++] = (enum column)column;
        }
    }
    strings_close(&names);
    return status;
}

static void print_bytes(const void *at, size_t size)
{
    if (at == NULL) {
        fputs("null", stdout);
    } else {
        fwrite(at, 1, size, stdout);
    }
}

static void print_headers(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
        printf("%s%s=", i ? "," : "", name);
        print_bytes(value, size);
    }
}

static void print_column(const struct consume_options *o, enum column column,
                         const rd_kafka_message_t *m)
{
    switch (column) {
    case COLUMN_TOPIC: fputs(o->topic, stdout); return;
    case COLUMN_PARTITION: printf("%d", m->partition); return;
    case COLUMN_OFFSET: printf("%lld", (long long)m->offset); return;
    case COLUMN_TIMESTAMP: printf("%lld", (long long)rd_kafka_message_timestamp(m, NULL)); return;
    case COLUMN_HEADERS: print_headers(m); return;
    case COLUMN_KEY: print_bytes(m->key, m->key_len); return;
    case COLUMN_VALUE: print_bytes(m->payload, m->len); return;
    case COLUMN_COUNT: break;
    }
    UNREACHABLE();
}

/* Headers may repeat a name, so they are a list and not an object. */
static json_t *headers_json(const rd_kafka_message_t *m)
{
    json_t *list = json_array();
    rd_kafka_headers_t *headers = NULL;
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return list;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
        json_t *one = json_pack("{s:s}", "name", name);
        json_set_bytes(one, "value", value, size);
        json_array_append_new(list, one);
    }
    return list;
}

static void print_json(const struct consume_options *o, const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t timestamp = rd_kafka_message_timestamp(m, &kind);
    json_t *record = json_pack("{s:s, s:i, s:I, s:I, s:s, s:o}", "topic", o->topic, "partition",
                               (int)m->partition, "offset", (json_int_t)m->offset, "timestamp",
                               (json_int_t)timestamp, "timestamp_type",
                               kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "append" : "create",
                               "headers", headers_json(m));
    json_set_bytes(record, "key", m->key, m->key_len);
    json_set_bytes(record, "value", m->payload, m->len);
    json_print(record);
    json_decref(record);
}

static void print_record(const struct consume_options *o, const rd_kafka_message_t *m)
{
    if (o->json) {
        print_json(o, m);
        return;
    }
    for (size_t i = 0; i < o->column_count; i++) {
        if (i > 0) putchar('\t');
        print_column(o, o->columns[i], m);
    }
    putchar('\n');
}

static bool is_wanted(const struct consume_options *o, int32_t partition)
{
    char text[16];
    snprintf(text, sizeof text, "%d", partition);
    return o->partitions.count == 0 || strings_have(&o->partitions, text);
}

static size_t distinct(const struct strings *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i; j++) is_new &= strcmp(list->at[i], list->at[j]) != 0;
        count += is_new;
    }
    return count;
}

/* Every partition of the topic that is wanted, from where it is wanted. */
static int assign(struct consumer *c, int64_t offset)
{
    const struct rd_kafka_metadata *md = client_metadata(c->rk, c->o->topic, METADATA_TIMEOUT_MS);
    if (md == NULL) return EXIT_FAILED;

    int status = EXIT_OK;
    const struct rd_kafka_metadata_topic *t = md->topic_cnt == 1 ? &md->topics[0] : NULL;
    c->assigned = rd_kafka_topic_partition_list_new(16);
    if (t == NULL || t->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        status = fail("%s: %s", c->o->topic, t ? rd_kafka_err2str(t->err) : "no such topic");
    }
    for (int i = 0; status == EXIT_OK && i < t->partition_cnt; i++) {
        if (!is_wanted(c->o, t->partitions[i].id)) continue;
        rd_kafka_topic_partition_list_add(c->assigned, c->o->topic, t->partitions[i].id)->offset =
            offset;
    }
    size_t wanted = distinct(&c->o->partitions);
    if (status == EXIT_OK && (size_t)c->assigned->cnt < (wanted > 0 ? wanted : 1)) {
        status = fail("%s has %d partitions, from 0 on", c->o->topic, t->partition_cnt);
    }
    if (status == EXIT_OK) {
        rd_kafka_resp_err_t err = rd_kafka_assign(c->rk, c->assigned);
        if (err != RD_KAFKA_RESP_ERR_NO_ERROR) status = fail("%s", rd_kafka_err2str(err));
    }
    c->at_end = get_memory((size_t)c->assigned->cnt * sizeof *c->at_end);
    rd_kafka_metadata_destroy(md);
    return status;
}

static void on_end(struct consumer *c, int32_t partition)
{
    for (int i = 0; i < c->assigned->cnt; i++) {
        if (c->assigned->elems[i].partition != partition || c->at_end[i]) continue;
        c->at_end[i] = true;
        c->end_count++;
    }
}

/* Errors that time may heal are librdkafka's to retry. */
static bool is_passing(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           err == RD_KAFKA_RESP_ERR__RESOLVE || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED;
}

/* True as long as there is more to read. */
static bool on_message(struct consumer *c, const rd_kafka_message_t *m, int *status)
{
    const struct consume_options *o = c->o;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        on_end(c, m->partition);
        return !o->exit_at_end || c->end_count < c->assigned->cnt;
    }
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (is_passing(m->err)) return true;
        *status = fail("%s-%d: %s: %s", o->topic, m->partition, rd_kafka_err2name(m->err),
                       rd_kafka_message_errstr(m));
        return false;
    }
    print_record(o, m);
    c->got++;
    return o->count == 0 || c->got < (uint64_t)o->count;
}

static int read_on(struct consumer *c)
{
    int status = EXIT_OK;
    uint64_t heard_ms = clock_ms(), flushed_ms = heard_ms;
    bool more = true;
    while (more && !interrupted) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(c->rk, POLL_MS);
        uint64_t now = clock_ms();
        if (m != NULL) {
            heard_ms = m->err == RD_KAFKA_RESP_ERR_NO_ERROR ? now : heard_ms;
            more = on_message(c, m, &status);
            rd_kafka_message_destroy(m);
        }
        if (m == NULL || now - flushed_ms > FLUSH_MS) {
            flushed_ms = now;
            if (fflush(stdout) != 0 || ferror(stdout)) return EXIT_FAILED;
        }
        bool is_late = c->o->timeout_s > 0 && now - heard_ms > (uint64_t)c->o->timeout_s * 1000;
        if (more && is_late) {
            return fail("no record for %lld s; %llu read", (long long)c->o->timeout_s,
                        (unsigned long long)c->got);
        }
    }
    return status;
}

static rd_kafka_t *new_consumer(const struct consume_options *o)
{
    int64_t wait_s = o->timeout_s > 0 ? o->timeout_s : METADATA_TIMEOUT_MS / 1000;
    char *bootstrap = reach_bootstrap(&o->where, wait_s, REACH_STARTING);
    if (bootstrap == NULL) return NULL;

    /* Partitions are assigned by hand: the group's name is only there because it must be. */
    const char *settings[] = {"group.id",
                              "jackdaw-consume",
                              "enable.auto.commit",
                              "false",
                              "enable.auto.offset.store",
                              "false",
                              "enable.partition.eof",
                              "true",
                              "auto.offset.reset",
                              "error",
                              "fetch.wait.max.ms",
                              "100",
                              "allow.auto.create.topics",
                              "false",
                              "isolation.level",
                              o->committed ? "read_committed" : "read_uncommitted",
                              NULL};
    rd_kafka_conf_t *conf = client_conf(bootstrap, settings, &o->extra);
    free(bootstrap);
    return conf ? client_new(RD_KAFKA_CONSUMER, conf) : NULL;
}

static int consume(const struct consume_options *o, int64_t offset)
{
    struct consumer c = {.o = o, .rk = new_consumer(o)};
    if (c.rk == NULL) return EXIT_FAILED;

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    rd_kafka_poll_set_consumer(c.rk);
    int status = assign(&c, offset);
    if (status == EXIT_OK) status = read_on(&c);
    rd_kafka_consumer_close(c.rk);
    if (c.assigned != NULL) rd_kafka_topic_partition_list_destroy(c.assigned);
    rd_kafka_destroy(c.rk);
    free(c.at_end);
    return status;
}

/* "0,2" or --partition 0 --partition 2. */
static int split_partitions(struct consume_options *o)
{
    struct strings all = {0};
    int64_t ignored = 0;
    for (size_t i = 0; i < o->partitions.count; i++) strings_split(&all, o->partitions.at[i], ',');
    strings_close(&o->partitions);
    o->partitions = all;
    for (size_t i = 0; i < all.count; i++) {
        if (number_of(all.at[i], 0, INT32_MAX, &ignored)) continue;
        return misuse("consume: --partition wants numbers, not %s", all.at[i]);
    }
    return EXIT_OK;
}

static int run(struct consume_options *o, const char *topic)
{
    int64_t offset = 0;
    o->topic = topic;
    if (!parse_offset(o->offset, &offset)) {
        return misuse("consume: --offset is beginning, end, a number, or -N for the last N");
    }
    int status = split_partitions(o);
    if (status == EXIT_OK) status = parse_columns(o);
    return status == EXIT_OK ? consume(o, offset) : status;
}

int verb_consume(int argc, char **argv)
{
    struct consume_options o = {.offset = "beginning", .print = "value"};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_LIST("partition", 'p', &o.partitions, "N,...", "only these (default: all)"),
        OPT_TEXT("offset", 'o', &o.offset, "OFFSET",
                 "beginning, end, a number, or -N for the last N (default: beginning)"),
        OPT_NUMBER("count", 'n', &o.count, "N", 1, INT64_MAX, "end after so many records"),
        OPT_FLAG("exit-at-end", 'e', &o.exit_at_end, "end where every partition ends now"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 86400,
                   "fail when no record comes for so long"),
        OPT_TEXT("print", 0, &o.print, "COLUMN,...",
                 "topic, partition, offset, timestamp, headers, key, value (default: value)"),
        OPT_FLAG("read-committed", 0, &o.committed,
                 "leave out what transactions have not committed"),
        OPT_FLAG("json", 0, &o.json, "a JSON object per record; bytes that are no text in base64"),
        OPT_LIST("property", 'X', &o.extra, "KEY=VALUE",
                 "a property of librdkafka; may be repeated"),
    };
    const struct usage usage = {
        .verb = "consume",
        .operands = "TOPIC",
        .operand_min = 1,
        .operand_max = 1,
        .summary =
            "Prints the records of a topic, a line each, columns parted by tabs, as they come; "
            "without\n"
            "--count and --exit-at-end until interrupted. No group is joined, no offset committed.",
        ROWS(rows),
        .example = "jackdaw consume events --exit-at-end --print partition,offset,key,value",
        .statuses = "0 read what was asked for, 1 failed, 2 misused",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? run(&o, operands.at[0]) : args_status(result);
    strings_close(&operands);
    strings_close(&o.partitions);
    strings_close(&o.extra);
    return status;
}
