#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/api/handlers.h"
#include "common/check.h"
#include "proto/kafka_errors.h"
#include "proto/msg/create_topics.h"

#define FORWARD_TIMEOUT_MS 30000
#define CREATE_VERSION 7
#define CREATE_MAX_BYTES (1024u * 1024)

/* What is asked of the cluster goes to the leading controller as it came, and its answer comes back
 * in Kafka's own bytes. */
static void forward(struct shard *s, struct request *r, int16_t api_key, int16_t version,
                    const char *listener, struct buf *body)
{
    struct post_admin *post = calloc(1, sizeof *post);
    CHECK(post != NULL);
    post->post.link.kind = POST_ADMIN;
    post->request = r;
    post->api_key = api_key;
    post->api_version = version;
    (void)snprintf(post->listener, sizeof post->listener, "%s", listener);
    post->body = body;
    post->timeout_ms = FORWARD_TIMEOUT_MS;
    env_post(s->env, BROKER_LINK_ACTOR, &post->post);
}

bool handle_forward(struct shard *s, struct request *r, struct slice body)
{
    forward(s, r, r->api->key, r->version.number, s->options->listeners[r->conn->listener].name,
            buf_of(body));
    return true;
}

void forward_auto_create(struct shard *s, const struct slice *names, uint32_t count)
{
    const struct kafka_api *api = kafka_api_find(KAFKA_API_CREATE_TOPICS);
    struct create_topics_request q;
    kafka_defaults(api->request, &q);
    struct create_topics_request_topic *topics = arena_take(&s->scratch, count, sizeof *topics);
    if (topics == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        kafka_defaults(&schema_create_topics_request_topic, &topics[i]);
        topics[i].name = names[i];
        topics[i].num_partitions = -1;
        topics[i].replication_factor = -1;
    }
    q.topics = (struct array){topics, (int32_t)count};
    struct writer out = writer_with(CREATE_MAX_BYTES);
    if (kafka_encode(api->request, kafka_api_version(api, CREATE_VERSION), &q, &out) == 0) {
        forward(s, NULL, api->key, CREATE_VERSION, s->options->listeners[0].name,
                buf_of(writer_slice(&out)));
    }
    writer_close(&out);
}

void forward_on_back(struct shard *s, struct post_admin *post)
{
    struct request *r = post->request;
    if (r != NULL && post->answer != NULL) {
        request_answer_body(s, r, buf_slice(post->answer));
    } else if (r != NULL) {
        /* There is no answer, and nothing in the client's format says so for every part of what it
         * asked: a closed connection makes it ask again. */
        log_warn(s->env, "%s cannot be answered: %s. Is a majority of the controllers up?",
                 r->api->name, kafka_error_name(post->error));
        request_answer_nothing(s, r, true);
    }
    buf_unref(post->body);
    buf_unref(post->answer);
    free(post);
}
