#include "proto/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"

/* Kafka's properties format has escapes and continued lines that INI readers do not know, so it is
 * read here by hand. */

#define LINE_MAX_BYTES 8192

#define GONE_ZOOKEEPER                                       \
    "there is no ZooKeeper here: name the controllers with " \
    "controller.quorum.voters=id@host:port,..."
#define GONE_SECURITY "TLS, SASL and ACLs are not supported yet: use PLAINTEXT on trusted networks"

static const struct server_key KEYS[] = {
    {"node.id", CONFIG_NUMBER, CONFIG_HONOURED, NULL, "this node's number in the cluster"},
    {"broker.id", CONFIG_NUMBER, CONFIG_HONOURED, NULL, "an older name of node.id"},
    {"process.roles", CONFIG_TEXT, CONFIG_HONOURED, NULL, "broker or controller"},
    {"listeners", CONFIG_TEXT, CONFIG_HONOURED, "PLAINTEXT://127.0.0.1:9092",
     "NAME://host:port,..."},
    {"advertised.listeners", CONFIG_TEXT, CONFIG_HONOURED, NULL, "where clients find this broker"},
    {"listener.security.protocol.map", CONFIG_TEXT, CONFIG_HONOURED, NULL, "NAME:PLAINTEXT,..."},
    {"inter.broker.listener.name", CONFIG_TEXT, CONFIG_HONOURED, NULL,
     "the listener of the followers"},
    {"security.inter.broker.protocol", CONFIG_TEXT, CONFIG_NO_EFFECT, NULL,
     "see inter.broker.listener.name"},
    {"controller.listener.names", CONFIG_TEXT, CONFIG_HONOURED, "CONTROLLER",
     "the controllers' listener"},
    {"controller.quorum.voters", CONFIG_TEXT, CONFIG_HONOURED, NULL, "id@host:port,..."},
    {"log.dirs", CONFIG_TEXT, CONFIG_HONOURED, NULL, "the folder of the logs"},
    {"log.dir", CONFIG_TEXT, CONFIG_HONOURED, "/tmp/kafka-logs",
     "the same, where log.dirs is not set"},
    {"metadata.log.dir", CONFIG_TEXT, CONFIG_HONOURED, NULL,
     "a controller's folder, instead of log.dirs"},
    {"broker.rack", CONFIG_TEXT, CONFIG_HONOURED, NULL, "replicas are spread over racks"},
    {"http.listeners", CONFIG_TEXT, CONFIG_HONOURED, NULL,
     "http://host:port for health and metrics"},
    {"num.shards", CONFIG_NUMBER, CONFIG_HONOURED, "1", "threads that own partitions"},
    {"auto.create.topics.enable", CONFIG_FLAG, CONFIG_HONOURED, "true",
     "Metadata requests create topics"},
    {"socket.request.max.bytes", CONFIG_NUMBER, CONFIG_HONOURED, "104857600", "of one request"},
    {"queued.max.request.bytes", CONFIG_NUMBER, CONFIG_HONOURED, "268435456",
     "of requests that are not answered: past it, connections that send more wait"},
    {"broker.heartbeat.interval.ms", CONFIG_NUMBER, CONFIG_HONOURED, "300", "to the controllers"},
    {"broker.session.timeout.ms", CONFIG_NUMBER, CONFIG_HONOURED, "1500",
     "without heartbeats: fenced"},
    {"auto.leader.rebalance.enable", CONFIG_FLAG, CONFIG_HONOURED, "true",
     "preferred leaders lead again"},
    {"leader.imbalance.check.interval.seconds", CONFIG_NUMBER, CONFIG_HONOURED, "300",
     "how often that is looked at"},
    {"leader.imbalance.per.broker.percentage", CONFIG_NUMBER, CONFIG_HONOURED, "10",
     "of a broker's partitions led by others: not before"},
    {"leader.lease.ms", CONFIG_NUMBER, CONFIG_HONOURED, "1000",
     "a leader alone acknowledges so long"},
    {"replica.hang.time.max.ms", CONFIG_NUMBER, CONFIG_HONOURED, "1000",
     "no fetch: out of the ISR"},
    {"replica.lag.time.max.ms", CONFIG_NUMBER, CONFIG_HONOURED, "30000",
     "never at the end: out of the ISR"},
    {"replica.fetch.wait.max.ms", CONFIG_NUMBER, CONFIG_HONOURED, "500", "followers' long poll"},
    {"replica.fetch.max.bytes", CONFIG_NUMBER, CONFIG_HONOURED, "1048576", "of a partition"},
    {"replica.fetch.response.max.bytes", CONFIG_NUMBER, CONFIG_HONOURED, "10485760",
     "of one answer"},
    {"max.incremental.fetch.session.cache.slots", CONFIG_NUMBER, CONFIG_HONOURED, "1000",
     "fetch sessions"},
    {"controller.quorum.election.timeout.ms", CONFIG_NUMBER, CONFIG_HONOURED, "300", "at least"},
    {"num.partitions", CONFIG_NUMBER, CONFIG_SEED, NULL, "of a topic created without a number"},
    {"default.replication.factor", CONFIG_NUMBER, CONFIG_SEED, NULL,
     "of a topic created without one"},
    {"min.insync.replicas", CONFIG_NUMBER, CONFIG_SEED, NULL, "for acks=all"},
    {"unclean.leader.election.enable", CONFIG_FLAG, CONFIG_SEED, NULL, "elect who lacks records"},
    {"log.retention.hours", CONFIG_NUMBER, CONFIG_SEED, NULL, "how long records are kept"},
    {"log.retention.minutes", CONFIG_NUMBER, CONFIG_SEED, NULL, "the same, finer"},
    {"log.retention.ms", CONFIG_NUMBER, CONFIG_SEED, NULL, "the same, finest"},
    {"log.retention.bytes", CONFIG_NUMBER, CONFIG_SEED, NULL, "how much of a partition is kept"},
    {"log.segment.bytes", CONFIG_NUMBER, CONFIG_SEED, NULL, "of a segment's file"},
    {"log.roll.ms", CONFIG_NUMBER, CONFIG_SEED, NULL, "age of a segment"},
    {"log.roll.hours", CONFIG_NUMBER, CONFIG_SEED, NULL, "the same, coarser"},
    {"log.index.interval.bytes", CONFIG_NUMBER, CONFIG_SEED, NULL, "between entries of an index"},
    {"log.index.size.max.bytes", CONFIG_NUMBER, CONFIG_SEED, NULL, "of an index"},
    {"log.cleanup.policy", CONFIG_TEXT, CONFIG_SEED, NULL, "delete, compact or both"},
    {"log.message.timestamp.type", CONFIG_TEXT, CONFIG_SEED, NULL, "CreateTime or LogAppendTime"},
    {"log.message.timestamp.before.max.ms", CONFIG_NUMBER, CONFIG_SEED, NULL, "oldest timestamp"},
    {"log.message.timestamp.after.max.ms", CONFIG_NUMBER, CONFIG_SEED, NULL, "furthest future one"},
    {"log.flush.interval.messages", CONFIG_NUMBER, CONFIG_SEED, NULL,
     "1: synced before the answer"},
    {"message.max.bytes", CONFIG_NUMBER, CONFIG_SEED, NULL, "of a batch"},
    {"compression.type", CONFIG_TEXT, CONFIG_SEED, NULL, "producer: as it comes"},
    {"offsets.topic.replication.factor", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "groups are not there yet"},
    {"offsets.topic.num.partitions", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "groups are not there yet"},
    {"group.initial.rebalance.delay.ms", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "groups are not there yet"},
    {"transaction.state.log.replication.factor", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "transactions are not there yet"},
    {"transaction.state.log.min.isr", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "transactions are not there yet"},
    {"share.coordinator.state.topic.replication.factor", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "share groups are not there yet"},
    {"share.coordinator.state.topic.min.isr", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "share groups are not there yet"},
    {"num.network.threads", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL, "see num.shards"},
    {"num.io.threads", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL, "see num.shards"},
    {"num.recovery.threads.per.data.dir", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "recovery is parallel by itself"},
    {"num.replica.fetchers", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL, "one per leader and shard"},
    {"socket.send.buffer.bytes", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "the kernel's own choice is used"},
    {"socket.receive.buffer.bytes", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "the kernel's own choice is used"},
    {"log.retention.check.interval.ms", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "retention is not there yet"},
    {"log.flush.interval.ms", CONFIG_NUMBER, CONFIG_NO_EFFECT, NULL,
     "see log.flush.interval.messages"},
    {"delete.topic.enable", CONFIG_FLAG, CONFIG_NO_EFFECT, NULL, "topics can always be deleted"},
    {"zookeeper.connect", CONFIG_TEXT, CONFIG_REFUSED, NULL, GONE_ZOOKEEPER},
    {"zookeeper.connection.timeout.ms", CONFIG_NUMBER, CONFIG_REFUSED, NULL, GONE_ZOOKEEPER},
    {"controller.quorum.bootstrap.servers", CONFIG_TEXT, CONFIG_REFUSED, NULL,
     "use controller.quorum.voters=id@host:port,..."},
    {"ssl.keystore.location", CONFIG_TEXT, CONFIG_REFUSED, NULL, GONE_SECURITY},
    {"ssl.truststore.location", CONFIG_TEXT, CONFIG_REFUSED, NULL, GONE_SECURITY},
    {"sasl.enabled.mechanisms", CONFIG_TEXT, CONFIG_REFUSED, NULL, GONE_SECURITY},
    {"sasl.mechanism.inter.broker.protocol", CONFIG_TEXT, CONFIG_REFUSED, NULL, GONE_SECURITY},
    {"authorizer.class.name", CONFIG_TEXT, CONFIG_REFUSED, NULL, GONE_SECURITY},
};

#define KEY_COUNT (sizeof KEYS / sizeof KEYS[0])

const struct server_key *config_key_at(uint32_t index)
{
    return index < KEY_COUNT ? &KEYS[index] : NULL;
}

const struct server_key *config_key_find(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(KEYS[i].name, name) == 0) return &KEYS[i];
    }
    return NULL;
}

/* How many characters must be changed, added or left out. Names are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[128], length = strlen(b);
    if (length >= 127 || strlen(a) >= 127) return 127;
    for (size_t j = 0; j <= length; j++) row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t change = before + (a[i - 1] != b[j - 1]);
            before = row[j];
            if (row[j] + 1 < change) change = row[j] + 1;
            if (row[j - 1] + 1 < change) change = row[j - 1] + 1;
            row[j] = change;
        }
    }
    return row[length];
}

static int unknown_key(struct server_config *c, const char *name)
{
    const struct server_key *nearest = &KEYS[0];
    for (size_t i = 1; i < KEY_COUNT; i++) {
        if (distance(name, KEYS[i].name) < distance(name, nearest->name)) nearest = &KEYS[i];
    }
    (void)snprintf(c->error, sizeof c->error, "unknown key %.100s: did you mean %s?", name,
                   nearest->name);
    return -ERR_INVALID;
}

static int check_value(struct server_config *c, const struct server_key *key, const char *value)
{
    int64_t number;
    bool ok = true;
    const char *expected = "";
    if (key->kind == CONFIG_NUMBER) {
        ok = text_to_i64((struct slice){(const uint8_t *)value, strlen(value)}, &number);
        expected = "a whole number";
    } else if (key->kind == CONFIG_FLAG) {
        ok = strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
        expected = "true or false";
    }
    if (ok) return 0;
    (void)snprintf(c->error, sizeof c->error, "%s=%.100s: %s is expected", key->name, value,
                   expected);
    return -ERR_INVALID;
}

int config_set(struct server_config *c, const char *key, const char *value)
{
    const struct server_key *known = config_key_find(key);
    if (known == NULL) return unknown_key(c, key);
    if (known->verdict == CONFIG_REFUSED) {
        (void)snprintf(c->error, sizeof c->error, "%s is refused: %s", key, known->text);
        return -ERR_INVALID;
    }
    int rc = check_value(c, known, value);
    if (rc != 0) return rc;

    struct server_value *at = NULL;
    for (uint32_t i = 0; i < c->count && at == NULL; i++) {
        if (c->values[i].key == known) at = &c->values[i];
    }
    if (at == NULL) {
        CHECK(c->count < SERVER_CONFIG_MAX);
        at = &c->values[c->count++];
    }
    free(at->text);
    at->key = known;
    at->text = strdup(value);
    CHECK(at->text != NULL);
    return 0;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) text++;
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1])) text[--size] = '\0';
    return text;
}

static int set_line(struct server_config *c, const char *path, uint32_t number, char *line)
{
    char *text = trim(line);
    if (*text == '\0' || *text == '#' || *text == '!') return 0;

    char *separator = text + strcspn(text, "=:");
    int rc = -ERR_INVALID;
    if (*separator == '\0') {
        (void)snprintf(c->error, sizeof c->error, "\"%.100s\" has no \"=\"", text);
    } else {
        *separator = '\0';
        rc = config_set(c, trim(text), trim(separator + 1));
    }
    if (rc == 0) return 0;
    char why[CONFIG_ERROR_MAX];
    memcpy(why, c->error, sizeof why);
    (void)snprintf(c->error, sizeof c->error, "%.200s:%u: %.280s", path, number, why);
    return rc;
}

int config_load_file(struct server_config *c, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(c->error, sizeof c->error, "%.300s: %s", path, strerror(errno));
        return errno == ENOENT ? -ERR_ABSENT : -ERR_DENIED;
    }
    char line[LINE_MAX_BYTES] = "";
    size_t used = 0;
    uint32_t number = 0;
    int rc = 0;
    while (rc == 0 && fgets(line + used, (int)(sizeof line - used), file) != NULL) {
        number++;
        used = strcspn(line, "\r\n");
        line[used] = '\0';
        /* A backslash at the end: the next line goes on here. */
        if (used > 0 && line[used - 1] == '\\' && used < sizeof line - 2) {
            used--;
            continue;
        }
        rc = set_line(c, path, number, line);
        used = 0;
    }
    (void)fclose(file);
    return rc;
}

/* KAFKA_NODE_ID -> node.id. False: the name does not fit. */
static bool key_of_variable(const char *variable, size_t size, char *key, size_t key_size)
{
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        if (at + 1 >= key_size) return false;
        size_t run = 0;
        while (i + run < size && variable[i + run] == '_') run++;
        if (run >= 3) {
            key[at++] = '-';
            i += 2;
        } else if (run == 2) {
            key[at++] = '_';
            i += 1;
        } else {
            key[at++] = run == 1 ? '.' : (char)tolower((unsigned char)variable[i]);
        }
    }
    key[at] = '\0';
    return true;
}

int config_load_environment(struct server_config *c, char *const *environment)
{
    static const char *const prefixes[] = {"KAFKA_", "JACKDAW_"};
    for (size_t p = 0; p < 2; p++) {
        size_t skip = strlen(prefixes[p]);
        for (char *const *v = environment; *v != NULL; v++) {
            const char *equals = strchr(*v, '=');
            if (equals == NULL || strncmp(*v, prefixes[p], skip) != 0) continue;
            char key[128];
            if (!key_of_variable(*v + skip, (size_t)(equals - *v) - skip, key, sizeof key))
                continue;
            /* Kafka's images carry variables that are no keys (KAFKA_HEAP_OPTS): those pass. */
            if (config_key_find(key) == NULL) continue;
            int rc = config_set(c, key, equals + 1);
            if (rc != 0) return rc;
        }
    }
    return 0;
}

static bool take(const char *from, size_t size, char *to, size_t to_size)
{
    if (size >= to_size) return false;
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

static int set_pair(struct server_config *c, const char *pair)
{
    char key[128];
    const char *equals = strchr(pair, '=');
    if (equals == NULL || !take(pair, (size_t)(equals - pair), key, sizeof key)) {
        (void)snprintf(c->error, sizeof c->error, "--set wants KEY=VALUE, not %.200s", pair);
        return -ERR_INVALID;
    }
    return config_set(c, key, equals + 1);
}

/* Options come in pairs. The file is read first, wherever it stands. */
int config_load_command_line(struct server_config *c, int argc, char **argv,
                             char *const *environment)
{
    int rc = 0;
    for (int i = 1; rc == 0 && i < argc; i += 2) {
        bool is_known = strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--set") == 0 ||
                        strcmp(argv[i], "--shards") == 0;
        if (!is_known || i + 1 == argc) {
            (void)snprintf(c->error, sizeof c->error, "%.100s is not understood%s; see --help",
                           argv[i], is_known ? " without a value" : "");
            return -ERR_INVALID;
        }
        if (strcmp(argv[i], "--config") == 0) rc = config_load_file(c, argv[i + 1]);
    }
    if (rc == 0) rc = config_load_environment(c, environment);
    for (int i = 1; rc == 0 && i < argc; i += 2) {
        if (strcmp(argv[i], "--set") == 0) rc = set_pair(c, argv[i + 1]);
        if (strcmp(argv[i], "--shards") == 0) rc = config_set(c, "num.shards", argv[i + 1]);
    }
    return rc;
}

static const struct server_value *find_value(const struct server_config *c, const char *key)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->values[i].key->name, key) == 0) return &c->values[i];
    }
    return NULL;
}

bool config_is_set(const struct server_config *c, const char *key)
{
    return find_value(c, key) != NULL;
}

const char *config_text(const struct server_config *c, const char *key)
{
    const struct server_key *known = config_key_find(key);
    CHECK(known != NULL);
    const struct server_value *value = find_value(c, key);
    return value != NULL ? value->text : known->otherwise;
}

int64_t config_number_of(const struct server_config *c, const char *key)
{
    const char *text = config_text(c, key);
    int64_t number = 0;
    CHECK(text != NULL);
    CHECK(text_to_i64((struct slice){(const uint8_t *)text, strlen(text)}, &number));
    return number;
}

bool config_flag(const struct server_config *c, const char *key)
{
    const char *text = config_text(c, key);
    CHECK(text != NULL);
    return strcmp(text, "true") == 0;
}

int config_next_address(const char **rest, const char *separator, char *name, size_t name_size,
                        char *host, size_t host_size, uint16_t *port)
{
    const char *at = *rest;
    while (*at == ',' || *at == ' ') at++;
    if (*at == '\0') return 0;

    size_t size = strcspn(at, ",");
    *rest = at + size;
    const char *split = strstr(at, separator);
    if (split == NULL || split >= at + size) return -ERR_INVALID;
    if (!take(at, (size_t)(split - at), name, name_size)) return -ERR_INVALID;
    const char *address = split + strlen(separator);
    const char *colon = NULL;
    for (const char *p = address; p < at + size; p++) {
        if (*p == ':') colon = p;
    }
    if (colon == NULL || !take(address, (size_t)(colon - address), host, host_size)) {
        return -ERR_INVALID;
    }
    int64_t number = 0;
    struct slice digits = {(const uint8_t *)colon + 1, (size_t)(at + size - colon - 1)};
    if (!text_to_i64(digits, &number) || number < 1 || number > UINT16_MAX) return -ERR_INVALID;
    *port = (uint16_t)number;
    return 1;
}

void config_close(struct server_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) free(c->values[i].text);
    c->count = 0;
}
