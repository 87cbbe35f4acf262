#include "cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return true;
    misuse("librdkafka: %s", why);
    return false;
}

/* librdkafka tries again by itself for as long as it takes; a person wants to know why it is quiet
 * here, once. */
static void on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
    (void)opaque;
    static bool has_said;
    char why[512];
    rd_kafka_resp_err_t code = error;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(rk, why, sizeof why);
        fail("%s: %s", rd_kafka_err2name(code), why);
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !has_said) {
        has_said = true;
        fail("no broker can be reached; trying on (%s)", reason);
    }
}

rd_kafka_conf_t *client_conf(const char *bootstrap, const char *const *settings,
                             const struct strings *extra)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = set(conf, "bootstrap.servers", bootstrap) && set(conf, "client.id", "jackdaw") &&
                set(conf, "log_level", "0");
    for (size_t i = 0; good && settings[i] != NULL; i += 2) {
        good = set(conf, settings[i], settings[i + 1]);
    }
    for (size_t i = 0; good && i < extra->count; i++) {
        char *text = copy_text(extra->at[i]), *key = NULL, *value = NULL;
        if (split_pair(text, '=', &key, &value)) {
            good = set(conf, key, value);
        } else {
            misuse("-X wants key=value, not %s", text);
            good = false;
        }
        free(text);
    }
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (good) return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk != NULL) return rk;
    rd_kafka_conf_destroy(conf);
    fail("%s", why);
    return NULL;
}

const struct rd_kafka_metadata *client_metadata(rd_kafka_t *rk, const char *topic,
                                                uint32_t timeout_ms)
{
    rd_kafka_topic_t *handle = topic == NULL ? NULL : rd_kafka_topic_new(rk, topic, NULL);
    if (topic != NULL && handle == NULL) {
        fail("%s: %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
        return NULL;
    }
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, topic == NULL, handle, &md, (int)timeout_ms);
    if (handle != NULL) rd_kafka_topic_destroy(handle);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return md;
    fail("no metadata: %s", rd_kafka_err2str(err));
    return NULL;
}
