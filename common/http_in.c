#include "common/http_in.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define WAITING_MAX 64
#define HEADERS_MAX_BYTES 8192
#define BODY_MAX_BYTES 4096
#define TIMEOUT_S 5
#define ACCEPT_PAUSE_MS 100

struct http_server {
    struct http_server *next;
    struct http_in *in;
    struct evhttp *http;
    uint32_t tag;
};

struct http_in {
    struct loop *loop;
    struct inbox *inbox;
    struct env_counters *counters;
    struct http_server *servers;
    struct evhttp_request *waiting[WAITING_MAX];
    uint32_t generations[WAITING_MAX];
};

static void answer(struct evhttp_request *request, int status, const char *content_type,
                   struct slice body)
{
    struct evbuffer *bytes = evbuffer_new();
    CHECK(bytes != NULL);
    if (body.size > 0) CHECK(evbuffer_add(bytes, body.at, body.size) == 0);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    (void)evhttp_add_header(headers, "Content-Type", content_type);
    evhttp_send_reply(request, status, NULL, bytes);
    evbuffer_free(bytes);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http_server *server = arg;
    struct http_in *h = server->in;
    h->counters->http_requests++;
    uint32_t slot = 0;
    while (slot < WAITING_MAX && h->waiting[slot] != NULL) slot++;
    if (slot == WAITING_MAX) {
        answer(request, 503, "text/plain", slice_of_text("too many requests are waiting\n"));
        return;
    }
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
    if (path == NULL || path[0] == '\0') path = "/";
    if (strlen(path) >= ENV_ADDRESS_MAX) {
        answer(request, 404, "text/plain", slice_of_text("no such page\n"));
        return;
    }
    h->waiting[slot] = request;
    h->generations[slot]++;
    struct env_event *event = inbox_add(h->inbox, ENV_HTTP);
    event->http_id = (uint64_t)h->generations[slot] << 32 | (slot + 1);
    event->tag = server->tag;
    (void)snprintf(event->address, sizeof event->address, "%s", path);
}

/* NULL: it is to be of the usual kind. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    (void)base;
    ((struct http_in *)arg)->counters->http_connections++;
    return NULL;
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)evconnlistener_enable(arg);
}

/* Descriptors have run out: without a pause the backlog would wake us for ever. The base forgets
 * the event if it is closed before. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    struct event_base *base = evconnlistener_get_base(listener);
    (void)evconnlistener_disable(listener);
    CHECK(event_base_once(base, -1, EV_TIMEOUT, on_resume, listener, &pause) == 0);
}

struct http_in *http_in_open(struct loop *loop, struct inbox *inbox, struct env_counters *counters)
{
    struct http_in *h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->loop = loop;
    h->inbox = inbox;
    h->counters = counters;
    return h;
}

void http_in_listen(struct http_in *h, int fd, uint32_t tag)
{
    struct http_server *server = calloc(1, sizeof *server);
    CHECK(server != NULL);
    server->in = h;
    server->tag = tag;
    server->http = evhttp_new(loop_base(h->loop));
    CHECK(server->http != NULL);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(server->http, HEADERS_MAX_BYTES);
    evhttp_set_max_body_size(server->http, BODY_MAX_BYTES);
    evhttp_set_timeout(server->http, TIMEOUT_S);
    evhttp_set_gencb(server->http, on_request, server);
    evhttp_set_bevcb(server->http, on_connection, h);
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(server->http, fd);
    CHECK(bound != NULL);
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_error);
    server->next = h->servers;
    h->servers = server;
}

void http_in_answer(struct http_in *h, uint64_t http_id, int status, const char *content_type,
                    struct slice body)
{
    uint32_t slot = (uint32_t)http_id - 1;
    if (slot >= WAITING_MAX || h->waiting[slot] == NULL) return;
    if (h->generations[slot] != http_id >> 32) return;

    struct evhttp_request *request = h->waiting[slot];
    h->waiting[slot] = NULL;
    answer(request, status, content_type, body);
}

void http_in_close(struct http_in *h)
{
    if (h == NULL) return;
    /* Requests whose client is gone belong to nobody else; evhttp_free() frees the others. */
    for (uint32_t i = 0; i < WAITING_MAX; i++) {
        struct evhttp_request *request = h->waiting[i];
        if (request != NULL && evhttp_request_get_connection(request) == NULL) {
            evhttp_request_free(request);
        }
    }
    while (h->servers != NULL) {
        struct http_server *server = h->servers;
        h->servers = server->next;
        evhttp_free(server->http);
        free(server);
    }
    free(h);
}
