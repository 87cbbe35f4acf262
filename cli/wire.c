#include "cli/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/http_get.h"
#include "common/check.h"
#include "proto/kafka_frame.h"

#define ARENA_SIZE (32u << 20)
#define FRAME_SIZE_MAX (64u << 20)

void wire_init(struct wire *w, const char *bootstrap, uint32_t timeout_ms)
{
    *w = (struct wire){.timeout_ms = timeout_ms};
    strings_split(&w->servers, bootstrap, ',');
    w->arena.base = grow_memory(NULL, ARENA_SIZE);
    w->arena.size = ARENA_SIZE;
}

static void hang_up(struct wire *w)
{
    if (w->fd != 0) close(w->fd - 1);
    w->fd = 0;
}

void wire_close(struct wire *w)
{
    hang_up(w);
    strings_close(&w->servers);
    free(w->arena.base);
    free(w->answer);
    *w = (struct wire){0};
}

const char *wire_why(int rc)
{
    if (rc == -ERR_ABSENT) return "they cannot be reached, or hang up";
    if (rc == -ERR_AGAIN) return "they are silent";
    return err_text(rc);
}

static int receive(int fd, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = recv(fd, (uint8_t *)to + done, size - done, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return -ERR_AGAIN;
        if (got <= 0) return -ERR_ABSENT;
        done += (size_t)got;
    }
    return 0;
}

static int send_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t put = send(fd, bytes.at, bytes.size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? -ERR_AGAIN : -ERR_ABSENT;
        bytes = slice_of(bytes.at + put, bytes.size - (size_t)put);
    }
    return 0;
}

/* One exchange with the broker that we are connected to; the answer's frame is in w->answer. */
static int exchange(struct wire *w, struct slice request, struct slice *frame)
{
    uint8_t length_bytes[4];
    int fd = w->fd - 1;
    int rc = send_all(fd, request);
    rc = rc != 0 ? rc : receive(fd, length_bytes, sizeof length_bytes);
    if (rc != 0) return rc;

    struct reader r = reader_of(slice_of(length_bytes, sizeof length_bytes));
    uint32_t length = read_u32(&r);
    if (length > FRAME_SIZE_MAX) return -ERR_MALFORMED;

    w->answer = grow_memory(w->answer, length);
    *frame = slice_of(w->answer, length);
    return receive(fd, w->answer, length);
}

static int dial(struct wire *w)
{
    const char *server = w->servers.at[w->next];
    w->next = (w->next + 1) % w->servers.count;
    int fd = tcp_dial(server, w->timeout_ms);
    if (fd < 0) return fd;
    w->fd = fd + 1;
    return 0;
}

static int decode(struct wire *w, const struct kafka_api *api, int16_t version, struct slice frame,
                  void *response)
{
    int32_t correlation_id = 0;
    struct slice body = {0};
    int rc = kafka_response_open(frame, api, version, &correlation_id, &body);
    if (rc != 0 || correlation_id != w->correlation_id) return -ERR_MALFORMED;

    w->arena.used = 0;
    return kafka_decode(api->response, kafka_api_version(api, version), body, &w->arena, response);
}

int wire_call(struct wire *w, int16_t api_key, int16_t version, const void *request, void *response)
{
    const struct kafka_api *api = kafka_api_find(api_key);
    CHECK(api != NULL);
    struct writer out = writer_with(FRAME_SIZE_MAX);
    struct slice frame = {0};
    w->correlation_id++;
    size_t start =
        kafka_request_begin(&out, api, version, w->correlation_id, slice_of_text("jackdaw"));
    int rc = kafka_encode(api->request, kafka_api_version(api, version), request, &out);
    if (rc == 0) rc = kafka_frame_end(&out, start, NULL, 0);
    if (rc == 0 && w->servers.count == 0) rc = -ERR_ABSENT;

    bool sendable = rc == 0, done = false;
    for (size_t i = 0; sendable && !done && i <= w->servers.count; i++) {
        rc = w->fd != 0 ? 0 : dial(w);
        if (rc == 0) rc = exchange(w, writer_slice(&out), &frame);
        done = rc == 0;
        if (!done) hang_up(w);
    }
    writer_close(&out);
    if (rc == 0) rc = decode(w, api, version, frame, response);
    if (rc != 0) hang_up(w);
    return rc;
}
