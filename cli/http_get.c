#include "cli/http_get.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/text.h"

#define BODY_SIZE_MAX (64u << 20)

static bool split_address(const char *address, char *host, size_t host_size, const char **port)
{
    const char *scheme = strstr(address, "://");
    if (scheme != NULL) address = scheme + 3;
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == 0) return false;

    size_t size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && colon[-1] == ']') { /* [::1]:9092 */
        address++;
        size -= 2;
    }
    if (size >= host_size) return false;

    memcpy(host, address, size);
    host[size] = 0;
    if (size == 0) snprintf(host, host_size, "127.0.0.1");
    *port = colon + 1;
    return true;
}

static int connect_one(const struct addrinfo *to, uint32_t timeout_ms)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -ERR_ABSENT;

    int rc = 0, error = 0;
    socklen_t error_size = sizeof error;
    if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (errno != EINPROGRESS) {
            rc = -ERR_ABSENT;
        } else if (poll(&p, 1, (int)timeout_ms) <= 0) {
            rc = -ERR_AGAIN;
        } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0 || error != 0) {
            rc = -ERR_ABSENT;
        }
    }
    if (rc != 0) {
        close(fd);
        return rc;
    }
    int on = 1;
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int tcp_dial(const char *address, uint32_t timeout_ms)
{
    char host[256];
    const char *port = NULL;
    if (!split_address(address, host, sizeof host, &port)) return -ERR_ABSENT;

    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, port, &want, &found) != 0) return -ERR_ABSENT;

    int fd = -ERR_ABSENT;
    for (const struct addrinfo *to = found; to != NULL && fd < 0; to = to->ai_next) {
        fd = connect_one(to, timeout_ms);
    }
    freeaddrinfo(found);
    return fd;
}

/* Whether the whole answer is here, by its Content-Length; if it has none, only the end of the
 * connection tells. */
static bool is_complete(const char *text, size_t size)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (end == NULL || length == NULL || length > end) return false;

    return size - (size_t)(end + 4 - text) >= strtoul(length + 17, NULL, 10);
}

/* Reads until the answer is whole or the peer closes. */
static int read_all(int fd, char **out, size_t *out_size)
{
    size_t size = 0, room = 0;
    char *text = NULL;
    for (;;) {
        if (size + 1 >= room) {
            room = room == 0 ? 16384 : room * 2;
            text = grow_memory(text, room);
        }
        ssize_t got = recv(fd, text + size, room - size - 1, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) break;
        if (got < 0 || size > BODY_SIZE_MAX) {
            bool late = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
            free(text);
            return late ? -ERR_AGAIN : -ERR_ABSENT;
        }
        size += (size_t)got;
        text[size] = 0;
        if (is_complete(text, size)) break;
    }
    text[size] = 0;
    *out = text;
    *out_size = size;
    return 0;
}

static int read_answer(int fd, char **body)
{
    char *text = NULL;
    size_t size = 0;
    int rc = read_all(fd, &text, &size);
    if (rc != 0) return rc;

    int status = 0;
    char *end = strstr(text, "\r\n\r\n");
    if (end == NULL || sscanf(text, "HTTP/1.%*1d %3d", &status) != 1 || status < 100) {
        free(text);
        return -ERR_MALFORMED;
    }
    if (body != NULL) *body = copy_text(end + 4);
    free(text);
    return status;
}

int http_get(const char *address, const char *path, uint32_t timeout_ms, char **body)
{
    if (body != NULL) *body = NULL;
    int fd = tcp_dial(address, timeout_ms);
    if (fd < 0) return fd;

    /* Version 1.0: the answer ends where the connection does, and is never chunked. */
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.0\r\nHost: jackdaw\r\nConnection: close\r\n\r\n", path);
    int rc = -ERR_ABSENT;
    if (size > 0 && (size_t)size < sizeof request &&
        send(fd, request, (size_t)size, MSG_NOSIGNAL) == size) {
        rc = read_answer(fd, body);
    }
    close(fd);
    return rc;
}
