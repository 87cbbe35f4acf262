#include "proto/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/text.h"
#include "proto/topic_configs.h"

/* Kafka's properties format has escapes and continued lines that INI readers do not know, so it is
 * read here by hand. */

#define LINE_MAX_BYTES 8192
#define KEY_MAX_BYTES 128

int config_refuse(struct server_config *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->error, sizeof c->error, format, args);
    va_end(args);
    return -ERR_INVALID;
}

/* ---- One key. ---- */

/* A plain decimal number, as 0.5 or 1.7976931348623157E308. */
static bool is_decimal(const char *text)
{
    char *end;
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

static int check_number(struct server_config *c, const struct server_key *key, const char *value)
{
    int64_t number;
    if (!text_to_i64(slice_of_text(value), &number))
        return config_refuse(c, "%s=%.100s: a whole number is expected", key->name, value);
    if (number >= key->min && number <= key->max) return 0;
    return config_refuse(c, "%s=%.100s: a number from %lld to %lld is expected", key->name, value,
                         (long long)key->min, (long long)key->max);
}

/* The cluster's own table knows what is a value of its defaults. */
static int check_seed(struct server_config *c, const char *name, const char *value)
{
    char why[CONFIG_WHY_SIZE];
    const struct config_key *key = cluster_config_find(slice_of_text(name));
    CHECK(key != NULL);
    if (config_check(key, slice_of_text(value), why) == 0) return 0;
    return config_refuse(c, "%s=%.100s: %s", name, value, why);
}

static int check_value(struct server_config *c, const struct server_key *key, const char *name,
                       const char *value)
{
    if (key->verdict == CONFIG_SEED) return check_seed(c, key->name, value);
    if (key->verdict == CONFIG_REFUSED) {
        if (key->otherwise != NULL && strcmp(key->otherwise, value) == 0) return 0;
        return config_refuse(c, "%s=%.100s is refused: %s", name, value, key->text);
    }
    switch (key->kind) {
    case CONFIG_TEXT: return 0;
    case CONFIG_NUMBER: return check_number(c, key, value);
    case CONFIG_FLAG:
        if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) return 0;
        return config_refuse(c, "%s=%.100s: true or false is expected", key->name, value);
    case CONFIG_RATIO:
        if (is_decimal(value)) return 0;
        return config_refuse(c, "%s=%.100s: a decimal number is expected", key->name, value);
    }
    return 0;
}

/* As it is kept: a flag in small letters, a default of the cluster as its own table has it. The
 * caller frees it. */
static char *normal_of(const struct server_key *key, const char *value)
{
    char *text = strdup(value);
    CHECK(text != NULL);
    if (key->verdict == CONFIG_SEED) {
        const struct config_key *known = cluster_config_find(slice_of_text(key->name));
        text[config_normal(known, slice_of_text(value), text).size] = '\0';
    } else if (key->kind == CONFIG_FLAG) {
        for (char *c = text; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
    }
    return text;
}

int config_set(struct server_config *c, const char *name, const char *value)
{
    const struct server_key *key = config_key_find(name);
    if (key == NULL)
        return config_refuse(c, "unknown key %.100s: did you mean %s?", name,
                             config_key_nearest(name)->name);
    char *text = normal_of(key, value);
    int rc = check_value(c, key, name, text);
    if (rc != 0) {
        free(text);
        return rc;
    }
    struct server_value *at = NULL;
    for (uint32_t i = 0; i < c->count && at == NULL; i++) {
        if (c->values[i].key == key) at = &c->values[i];
    }
    if (at == NULL) {
        CHECK(c->count < SERVER_CONFIG_MAX);
        at = &c->values[c->count++];
    }
    free(at->text);
    at->key = key;
    at->text = text;
    return 0;
}

/* ---- A properties file. ---- */

static char *trim(char *text)
{
    while (isspace((unsigned char)*text)) text++;
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1])) text[--size] = '\0';
    return text;
}

/* In place: \t, \n, \r and \f are blanks of their kind, \ before anything else is that. */
static void unescape(char *text)
{
    static const char letters[] = "tnrf";
    static const char blanks[] = "\t\n\r\f";
    char *to = text;
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0') {
            const char *letter = strchr(letters, *++text);
            *to++ = letter == NULL ? *text : blanks[letter - letters];
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

/* The end of the key: "=", ":" or a blank, without a backslash before it. */
static char *key_end(char *text)
{
    while (*text != '\0' && strchr("=: \t", *text) == NULL)
        text += text[0] == '\\' && text[1] != '\0' ? 2 : 1;
    return text;
}

/* `text` is a line that begins with no blank. */
static int set_line(struct server_config *c, char *text)
{
    char *end = key_end(text);
    char *value = end + strspn(end, " \t");
    if (*value == '=' || *value == ':') value++;
    if (value == end) return config_refuse(c, "\"%.100s\" has no \"=\"", text);

    *end = '\0';
    value = trim(value);
    unescape(text);
    unescape(value);
    return config_set(c, text, value);
}

/* An odd number of backslashes at the end: the next line goes on here. */
static bool is_continued(const char *line, size_t size)
{
    size_t count = 0;
    while (count < size && line[size - 1 - count] == '\\') count++;
    return count % 2 == 1;
}

/* One line with those that go on after it. 1: it is in `line`; 0: no more; -ERR_INVALID. */
static int read_line(struct server_config *c, FILE *file, char line[LINE_MAX_BYTES],
                     uint32_t *number)
{
    size_t used = 0;
    bool is_comment = false;
    while (fgets(line + used, (int)(LINE_MAX_BYTES - used), file) != NULL) {
        ++*number;
        size_t size = used + strcspn(line + used, "\r\n");
        if (line[size] == '\0' && size == LINE_MAX_BYTES - 1)
            return config_refuse(c, "the line is longer than %d bytes", LINE_MAX_BYTES - 2);
        line[size] = '\0';
        char *text = trim(line + used);
        if (used == 0) is_comment = *text == '#' || *text == '!' || *text == '\0';
        size = strlen(text);
        memmove(line + used, text, size + 1);
        used += size;
        if (is_comment) used = 0;
        if (is_comment || used == 0) continue;
        if (!is_continued(line, used)) return 1;
        line[--used] = '\0';
    }
    return used > 0 ? 1 : 0;
}

int config_load_file(struct server_config *c, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        int rc = errno == ENOENT ? -ERR_ABSENT : -ERR_DENIED;
        (void)config_refuse(c, "%.300s: %s", path, strerror(errno));
        return rc;
    }
    char line[LINE_MAX_BYTES];
    uint32_t number = 0;
    int rc;
    while ((rc = read_line(c, file, line, &number)) == 1) {
        rc = set_line(c, line);
        if (rc != 0) break;
    }
    bool is_broken = ferror(file) != 0;
    (void)fclose(file);
    if (is_broken) return config_refuse(c, "%.300s: it cannot be read", path);
    if (rc == 0) return 0;

    char why[CONFIG_ERROR_MAX];
    memcpy(why, c->error, sizeof why);
    return config_refuse(c, "%.200s:%u: %.280s", path, number, why);
}

/* ---- The environment and the command line. ---- */

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

/* Of Kafka's images, and of Kubernetes beside a service that is called kafka, but no keys. */
static bool is_known_stranger(const char *name)
{
    static const char *const names[] = {"HOME=",       "VERSION=", "CONFIG=", "BOOTSTRAP=",
                                        "CLUSTER_ID=", "PORT=",    "PORT_",   "SERVICE_",
                                        "JMX_",        "LOG4J_",   "E2E_",    "NETWORK="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0) return true;
    }
    const char *opts = strstr(name, "OPTS=");
    return opts != NULL && strchr(name, '=') > opts;
}

int config_load_environment(struct server_config *c, char *const *environment, FILE *notes)
{
    static const char *const prefixes[] = {"KAFKA_", "JACKDAW_"};
    for (size_t p = 0; p < 2; p++) {
        size_t skip = strlen(prefixes[p]);
        for (char *const *v = environment; *v != NULL; v++) {
            const char *equals = strchr(*v, '=');
            if (equals == NULL || strncmp(*v, prefixes[p], skip) != 0) continue;
            if (is_known_stranger(*v + skip)) continue;
            char key[KEY_MAX_BYTES];
            bool fits = key_of_variable(*v + skip, (size_t)(equals - *v) - skip, key, sizeof key);
            if (fits && config_key_find(key) != NULL) {
                if (config_set(c, key, equals + 1) == 0) continue;
                char why[CONFIG_ERROR_MAX];
                memcpy(why, c->error, sizeof why);
                return config_refuse(c, "the environment: %.400s", why);
            }
            if (fits && notes != NULL)
                (void)fprintf(notes,
                              "%.*s in the environment is passed over: no key %s; the "
                              "nearest is %s\n",
                              (int)(equals - *v), *v, key, config_key_nearest(key)->name);
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
    char key[KEY_MAX_BYTES];
    const char *equals = strchr(pair, '=');
    if (equals == NULL || !take(pair, (size_t)(equals - pair), key, sizeof key))
        return config_refuse(c, "--set wants KEY=VALUE, not %.200s", pair);
    return config_set(c, key, equals + 1);
}

/* Options come in pairs. The file is read first, wherever it stands. */
int config_load_command_line(struct server_config *c, int argc, char **argv,
                             char *const *environment, FILE *notes)
{
    int rc = 0;
    for (int i = 1; rc == 0 && i < argc; i += 2) {
        bool is_known = strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "--set") == 0 ||
                        strcmp(argv[i], "--shards") == 0;
        if (!is_known || i + 1 == argc)
            return config_refuse(c, "%.100s is not understood%s; see --help", argv[i],
                                 is_known ? " without a value" : "");
        if (strcmp(argv[i], "--config") == 0) rc = config_load_file(c, argv[i + 1]);
    }
    if (rc == 0) rc = config_load_environment(c, environment, notes);
    for (int i = 1; rc == 0 && i < argc; i += 2) {
        if (strcmp(argv[i], "--set") == 0) rc = set_pair(c, argv[i + 1]);
        if (strcmp(argv[i], "--shards") == 0) rc = config_set(c, "num.shards", argv[i + 1]);
    }
    return rc;
}

/* ---- Asking. ---- */

static const struct server_value *find_value(const struct server_config *c, const char *key)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->values[i].key->name, key) == 0) return &c->values[i];
    }
    return NULL;
}

bool config_is_set(const struct server_config *c, const char *key)
{
    const struct server_value *value = find_value(c, key);
    return value != NULL && value->text[0] != '\0';
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
    CHECK(text_to_i64(slice_of_text(text), &number));
    return number;
}

uint32_t config_u32_of(const struct server_config *c, const char *key)
{
    int64_t value = config_number_of(c, key);
    CHECK(value >= 0 && value <= INT32_MAX); /* The table's bounds. */
    return (uint32_t)value;
}

int config_need_above(struct server_config *c, const char *high, const char *low)
{
    uint32_t above = config_u32_of(c, high), below = config_u32_of(c, low);
    if (above > below) return 0;
    return config_refuse(c, "%s=%u must be above %s=%u", high, above, low, below);
}

int config_need_within(struct server_config *c, const char *key, const char *min, const char *max)
{
    uint32_t value = config_u32_of(c, key), from = config_u32_of(c, min),
             to = config_u32_of(c, max);
    if (value >= from && value <= to) return 0;
    return config_refuse(c, "%s=%u must be from %s=%u to %s=%u", key, value, min, from, max, to);
}

bool config_flag(const struct server_config *c, const char *key)
{
    const char *text = config_text(c, key);
    CHECK(text != NULL);
    return strcmp(text, "true") == 0;
}

bool config_next_word(const char **rest, struct slice *word)
{
    const char *at = *rest + strspn(*rest, ", \t");
    size_t size = strcspn(at, ",");
    *rest = at + size;
    while (size > 0 && isblank((unsigned char)at[size - 1])) size--;
    *word = slice_of(at, size);
    return size > 0;
}

/* "host:port", "[address]:port" or ":port", of `size` bytes. */
static bool take_address(const char *at, size_t size, char *host, size_t host_size, uint16_t *port)
{
    const char *end = at + size;
    const char *colon = memrchr(at, ':', size);
    if (colon == NULL) return false;
    size_t length = (size_t)(colon - at);
    if (length > 0 && at[0] == '[') {
        if (at[length - 1] != ']' || length < 3) return false;
        at++;
        length -= 2;
    } else if (memchr(at, ':', length) != NULL) {
        return false; /* An IPv6 address without brackets: where would its port begin? */
    }
    int64_t number = 0;
    if (!text_to_i64(slice_of(colon + 1, (size_t)(end - colon - 1)), &number)) return false;
    if (number < 1 || number > UINT16_MAX) return false;
    *port = (uint16_t)number;
    return take(at, length, host, host_size);
}

int config_next_address(const char **rest, const char *separator, char *name, size_t name_size,
                        char *host, size_t host_size, uint16_t *port)
{
    const char *at = *rest + strspn(*rest, ", \t");
    *rest = at;
    if (*at == '\0') return 0;

    size_t size = strcspn(at, ",");
    const char *next = at + size;
    while (size > 0 && isblank((unsigned char)at[size - 1])) size--;
    if (separator[0] != '\0') {
        const char *split = memmem(at, size, separator, strlen(separator));
        if (split == NULL || split == at) return -ERR_INVALID;
        if (!take(at, (size_t)(split - at), name, name_size)) return -ERR_INVALID;
        size -= (size_t)(split - at) + strlen(separator);
        at = split + strlen(separator);
    }
    if (!take_address(at, size, host, host_size, port)) return -ERR_INVALID;
    *rest = next;
    return 1;
}

void config_close(struct server_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) free(c->values[i].text);
    c->count = 0;
}
