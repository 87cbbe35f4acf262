#include "proto/node_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/ring.h"
#include "common/text.h"
#include "proto/topic_configs.h"

#define USAGE_STATUS 2

static bool has_word(const char *words, const char *wanted)
{
    struct slice word;
    while (config_next_word(&words, &word)) {
        if (slice_equal(word, slice_of_text(wanted))) return true;
    }
    return false;
}

/* ---- Who. ---- */

int node_role(struct server_config *c, const char *role, bool *is_combined)
{
    const char *roles = config_text(c, "process.roles");
    *is_combined = false;
    if (roles == NULL || roles[0] == '\0') return 0;

    const char *rest = roles;
    struct slice word;
    bool is_ours = false;
    while (config_next_word(&rest, &word)) {
        bool is_broker = slice_equal(word, slice_of_text("broker"));
        if (!is_broker && !slice_equal(word, slice_of_text("controller")))
            return config_refuse(c, "process.roles=%.100s: there are broker and controller", roles);
        if (slice_equal(word, slice_of_text(role)))
            is_ours = true;
        else
            *is_combined = true;
    }
    if (is_ours) return 0;
    bool is_broker = strcmp(role, "broker") == 0;
    return config_refuse(c, "process.roles=%.100s is for jackdaw-%s, and this is jackdaw-%s", roles,
                         is_broker ? "controller" : "broker", role);
}

int node_id(struct server_config *c, int64_t min, int32_t *out)
{
    const char *key = config_is_set(c, "node.id") ? "node.id" : "broker.id";
    if (!config_is_set(c, key))
        return config_refuse(c, "node.id is not set: each node needs its own");
    int64_t id = config_number_of(c, key);
    if (config_is_set(c, "broker.id") && config_number_of(c, "broker.id") != id)
        return config_refuse(c, "broker.id=%s and node.id=%s are the same thing: leave one out",
                             config_text(c, "broker.id"), config_text(c, "node.id"));
    if (id < min)
        return config_refuse(c, "%s=%s: %lld or more is expected", key, config_text(c, key),
                             (long long)min);
    *out = (int32_t)id;
    return 0;
}

/* ---- Where. ---- */

#define RING_FLUSH_MS 200

int node_ring(struct server_config *c, uint64_t *bytes, uint32_t *flush_ms)
{
    *bytes = (uint64_t)config_number_of(c, "ring.bytes");
    *flush_ms = RING_FLUSH_MS;
    if (*bytes == 0 || *bytes >= RING_MIN_BYTES) return 0;
    return config_refuse(c, "ring.bytes=%llu is too small to hold anything: %u at least, or 0",
                         (unsigned long long)*bytes, RING_MIN_BYTES);
}

bool node_host_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0;
}

bool node_host_is_any(const char *host)
{
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

bool node_is_of_controllers(const struct server_config *c, const char *listener)
{
    return has_word(config_text(c, "controller.listener.names"), listener);
}

static bool is_protocol(struct slice word)
{
    static const char protocols[] = "PLAINTEXT,SSL,SASL_PLAINTEXT,SASL_SSL";
    char text[NODE_NAME_SIZE];
    (void)snprintf(text, sizeof text, "%.*s", SLICE_TEXT(word));
    return has_word(protocols, text);
}

/* What the map says that `name` speaks; without an entry a name that is a protocol's speaks that,
 * and any other PLAINTEXT. */
static int protocol_of(struct server_config *c, const char *name, struct slice *protocol)
{
    const char *rest = config_text(c, "listener.security.protocol.map");
    struct slice word;
    *protocol = slice_of_text(is_protocol(slice_of_text(name)) ? name : "PLAINTEXT");
    while (rest != NULL && config_next_word(&rest, &word)) {
        const uint8_t *colon = memchr(word.at, ':', word.size);
        size_t size = colon == NULL ? word.size : (size_t)(colon - word.at);
        struct slice value =
            colon == NULL ? slice_of("", 0) : slice_of(colon + 1, word.size - size - 1);
        if (!is_protocol(value))
            return config_refuse(c,
                                 "listener.security.protocol.map: NAME:PLAINTEXT is expected, "
                                 "and not %.*s",
                                 SLICE_TEXT(word));
        if (slice_equal(slice_of(word.at, size), slice_of_text(name))) *protocol = value;
    }
    return 0;
}

static int check_protocol(struct server_config *c, const char *name)
{
    struct slice protocol;
    int rc = protocol_of(c, name, &protocol);
    if (rc != 0 || slice_equal(protocol, slice_of_text("PLAINTEXT"))) return rc;
    return config_refuse(c,
                         "listener.security.protocol.map: listener %s is to speak %.*s, which is "
                         "not there yet: say %s:PLAINTEXT, on trusted networks",
                         name, SLICE_TEXT(protocol), name);
}

static bool is_same_place(const struct node_listener *a, const struct node_listener *b)
{
    if (a->port != b->port) return false;
    return strcmp(a->host, b->host) == 0 || node_host_is_any(a->host) || node_host_is_any(b->host);
}

int node_listeners(struct server_config *c, struct node_listener out[NODE_LISTENERS_MAX],
                   uint32_t *count)
{
    const char *rest = config_text(c, "listeners");
    struct node_listener l;
    int rc;
    *count = 0;
    while ((rc = config_next_address(&rest, "://", l.name, sizeof l.name, l.host, sizeof l.host,
                                     &l.port)) == 1) {
        if (*count == NODE_LISTENERS_MAX)
            return config_refuse(c, "listeners: %d are the most", NODE_LISTENERS_MAX);
        for (uint32_t i = 0; i < *count; i++) {
            if (strcmp(out[i].name, l.name) == 0)
                return config_refuse(c, "listeners: %s stands there twice", l.name);
            if (is_same_place(&out[i], &l))
                return config_refuse(c, "listeners: %s and %s have the same port %u", out[i].name,
                                     l.name, l.port);
        }
        if (check_protocol(c, l.name) != 0) return -ERR_INVALID;
        l.is_controllers = node_is_of_controllers(c, l.name);
        out[(*count)++] = l;
    }
    if (rc == 0 && *count > 0) return 0;
    return config_refuse(c, "listeners: NAME://host:port,... is expected, and not %.200s",
                         rest[0] == '\0' ? "nothing" : rest);
}

int node_http(struct server_config *c, char host[ENV_HOST_MAX], uint16_t *port)
{
    const char *rest = config_text(c, "http.listeners");
    char scheme[16] = "";
    *port = 0;
    if (rest == NULL || rest[0] == '\0') return 0;
    int rc = config_next_address(&rest, "://", scheme, sizeof scheme, host, ENV_HOST_MAX, port);
    if (rc == 1 && strcmp(scheme, "http") == 0 && rest[0] == '\0') return 0;
    return config_refuse(c, "http.listeners=%.200s: one http://host:port is expected",
                         config_text(c, "http.listeners"));
}

/* ---- The controllers. ---- */

static int add_voter(struct server_config *c, const char *key, struct node_voter *out, uint32_t max,
                     uint32_t *count, const struct node_voter *v)
{
    if (*count == max) return config_refuse(c, "%s: %u controllers are the most", key, max);
    for (uint32_t i = 0; i < *count; i++) {
        if (v->id != 0 && out[i].id == v->id)
            return config_refuse(c, "%s names node %u twice", key, v->id);
        if (out[i].port == v->port && strcmp(out[i].host, v->host) == 0)
            return config_refuse(c, "%s names %.100s:%u twice", key, v->host, v->port);
    }
    if (node_host_is_any(v->host))
        return config_refuse(c, "%s: a host that all nodes reach is expected before :%u", key,
                             v->port);
    out[(*count)++] = *v;
    return 0;
}

int node_voters(struct server_config *c, struct node_voter *out, uint32_t max, uint32_t *count)
{
    bool has_ids = config_is_set(c, "controller.quorum.voters");
    const char *key = has_ids ? "controller.quorum.voters" : "controller.quorum.bootstrap.servers";
    const char *form = has_ids ? "id@host:port,..." : "host:port,...";
    *count = 0;
    if (!config_is_set(c, key))
        return config_refuse(c, "controller.quorum.voters is not set: name the controllers, "
                                "id@host:port,...");

    const char *rest = config_text(c, key);
    char id[32] = "0";
    struct node_voter v;
    int rc;
    while ((rc = config_next_address(&rest, has_ids ? "@" : "", id, sizeof id, v.host,
                                     sizeof v.host, &v.port)) == 1) {
        int64_t number = 0;
        if (!text_to_i64(slice_of_text(id), &number) || number < has_ids || number > INT32_MAX)
            return config_refuse(c, "%s: %s is not a node id above 0", key, id);
        v.id = (uint32_t)number;
        if (add_voter(c, key, out, max, count, &v) != 0) return -ERR_INVALID;
    }
    if (rc == 0 && *count > 0) return 0;
    return config_refuse(c, "%s: %s is expected, and not %.200s", key, form, rest);
}

/* ---- The rest. ---- */

const char *node_folders_key(const struct server_config *c)
{
    return config_text(c, "log.dirs") != NULL ? "log.dirs" : "log.dir";
}

static int64_t seed_number(const struct server_config *c, const char *name)
{
    const struct config_key *key = cluster_config_find(slice_of_text(name));
    CHECK(key != NULL);
    const char *text = config_text(c, name);
    return config_number(key, text != NULL ? text : key->otherwise);
}

static int check_seeds(struct server_config *c)
{
    char why[CONFIG_WHY_SIZE];
    int rc = config_check_lags(seed_number(c, "log.cleaner." CONFIG_MIN_LAG),
                               seed_number(c, "log.cleaner." CONFIG_MAX_LAG), why);
    return rc == 0 ? 0 : config_refuse(c, "log.cleaner.%s", why);
}

int node_seeds(struct server_config *c, char out[NODE_SEEDS_MAX][NODE_SEED_SIZE], uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct server_value *v = &c->values[i];
        if (v->key->verdict != CONFIG_SEED) continue;
        CHECK(*count < NODE_SEEDS_MAX);
        int size = snprintf(out[*count], NODE_SEED_SIZE, "%s=%s", v->key->name, v->text);
        if (size >= NODE_SEED_SIZE) return config_refuse(c, "%s is too long", v->key->name);
        ++*count;
    }
    return check_seeds(c);
}

/* ---- Programs. ---- */

int node_refused(const struct node_program *program, const struct server_config *c)
{
    (void)fprintf(stderr, "%s: %s\n", program->name, c->error);
    return USAGE_STATUS;
}

bool node_begin(const struct node_program *program, int argc, char **argv, char *const *environment,
                struct server_config *c, int *status)
{
    *status = EXIT_SUCCESS;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(program->usage, stdout);
        return false;
    }
    if (argc == 2 && strcmp(argv[1], "--help-config") == 0) {
        config_print_page(stdout);
        return false;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("%s %s\n", program->name, JACKDAW_VERSION);
        return false;
    }
    if (config_load_command_line(c, argc, argv, environment, stderr) == 0) return true;
    *status = node_refused(program, c);
    return false;
}

void node_say_no_effect(const struct node_program *program, const struct server_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct server_key *key = c->values[i].key;
        if (key->verdict != CONFIG_NO_EFFECT) continue;
        (void)fprintf(stderr, "%s: %s has no effect: %s\n", program->name, key->name, key->text);
    }
}

void node_warn_open(const struct node_program *program, const char *what, const char *host,
                    const char *danger)
{
    if (node_host_is_loopback(host)) return;
    (void)fprintf(stderr,
                  "%s: %s is open to %s: there is no authentication yet, whoever reaches it %s\n",
                  program->name, what,
                  node_host_is_any(host) ? "every network of this machine" : host, danger);
}
