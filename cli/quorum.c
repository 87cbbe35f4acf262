/* `jackdaw quorum`: which controllers vote, and how one joins or leaves while the cluster runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/local_process.h"
#include "cli/reach.h"
#include "cli/verbs.h"
#include "cli/where.h"
#include "cli/wire.h"
#include "common/text.h"
#include "proto/kafka_apis.h"
#include "proto/kafka_errors.h"
#include "proto/msg/describe_quorum.h"
#include "proto/msg/raft_voters.h"

#define METADATA_TOPIC "__cluster_metadata"
#define FILE_MAX 4096

struct quorum_options {
    struct where where;
    const char *directory;
    const char *from;
    int64_t timeout_s;
    bool json;
    bool yes;
};

/* ---- Asking. ---- */

static int call(const struct quorum_options *o, int16_t key, int16_t version, const void *request,
                void *response, int (*then)(const void *response, const struct quorum_options *o))
{
    char *bootstrap = reach_bootstrap(&o->where, o->timeout_s, REACH_STANDING);
    if (bootstrap == NULL) return EXIT_FAILED;
    struct wire wire;
    wire_init(&wire, bootstrap, (uint32_t)o->timeout_s * 1000);
    int rc = wire_call(&wire, key, version, request, response);
    int status = rc == 0 ? then(response, o)
                         : fail("quorum: no broker at %s answers: %s", bootstrap, wire_why(rc));
    wire_close(&wire);
    free(bootstrap);
    return status;
}

static int refused(int16_t error, struct slice text)
{
    if (text.size > 0) return fail("quorum: %.*s", (int)text.size, (const char *)text.at);
    return fail("quorum: %s", kafka_error_text(error));
}

/* ---- Showing. ---- */

static void address_of(const struct describe_quorum_response *r, int32_t id, char *out, size_t size)
{
    const struct describe_quorum_response_node *nodes = r->nodes.items;
    (void)snprintf(out, size, "-");
    for (int32_t i = 0; i < r->nodes.count; i++) {
        const struct describe_quorum_response_listener *l = nodes[i].listeners.items;
        if (nodes[i].node_id != id || nodes[i].listeners.count == 0) continue;
        (void)snprintf(out, size, "%.*s:%u", (int)l->host.size, (const char *)l->host.at, l->port);
    }
}

static void show_one(const struct describe_quorum_response *r,
                     const struct describe_quorum_response_partition *p,
                     const struct describe_quorum_response_replica *c, bool is_voter, json_t *list)
{
    char address[320], disk[UUID_TEXT_SIZE];
    address_of(r, c->replica_id, address, sizeof address);
    uuid_to_text(c->replica_directory_id, disk);
    const char *role = c->replica_id == p->leader_id ? "leader" : is_voter ? "voter" : "learner";
    long long lag = (long long)(p->high_watermark - c->log_end_offset);
    if (lag < 0) lag = 0;
    if (list == NULL) {
        printf("%-6d %-8s %-22s %-24s %lld\n", c->replica_id, role, address, disk, lag);
        return;
    }
    (void)json_array_append_new(list, json_pack("{s:i s:s s:s s:s s:I}", "id", c->replica_id,
                                                "role", role, "address", address, "directory_id",
                                                disk, "lag", (json_int_t)lag));
}

static bool is_controller(const struct describe_quorum_response *r, int32_t id)
{
    const struct describe_quorum_response_node *nodes = r->nodes.items;
    for (int32_t i = 0; i < r->nodes.count; i++) {
        if (nodes[i].node_id == id) return true;
    }
    return false;
}

static int show_answer(const void *response, const struct quorum_options *o)
{
    const struct describe_quorum_response *r = response;
    const struct describe_quorum_response_topic *topic = r->topics.items;
    if (r->error_code != 0) return refused(r->error_code, r->error_message);
    if (r->topics.count != 1 || topic->partitions.count != 1)
        return fail("quorum: the answer holds no metadata partition");

    const struct describe_quorum_response_partition *p = topic->partitions.items;
    if (p->error_code != 0) return refused(p->error_code, p->error_message);
    json_t *list = o->json ? json_array() : NULL;
    if (list == NULL)
        printf("%-6s %-8s %-22s %-24s %s\n", "ID", "ROLE", "ADDRESS", "DIRECTORY", "LAG");
    const struct describe_quorum_response_replica *voters = p->current_voters.items;
    for (int32_t i = 0; i < p->current_voters.count; i++) show_one(r, p, &voters[i], true, list);
    const struct describe_quorum_response_replica *others = p->observers.items;
    for (int32_t i = 0; i < p->observers.count; i++) {
        if (is_controller(r, others[i].replica_id)) show_one(r, p, &others[i], false, list);
    }
    if (list != NULL) json_print(list);
    json_decref(list);
    return EXIT_OK;
}

static int show(const struct quorum_options *o)
{
    struct describe_quorum_request_partition partition = {0};
    struct describe_quorum_request_topic topic = {.topic_name = slice_of_text(METADATA_TOPIC),
                                                  .partitions = {&partition, 1}};
    struct describe_quorum_request request;
    struct describe_quorum_response response;
    kafka_defaults(&schema_describe_quorum_request, &request);
    request.topics = (struct array){&topic, 1};
    return call(o, KAFKA_API_DESCRIBE_QUORUM, 2, &request, &response, show_answer);
}

/* ---- Joining and leaving. ---- */

/* "104@host:port", or "[::1]:port" after the @. */
static bool take_member(const char *text, int32_t *id, char *host, size_t size, uint16_t *port)
{
    const char *at = strchr(text, '@');
    const char *colon = strrchr(text, ':');
    int64_t number, port_number;
    if (at == NULL || colon == NULL || colon <= at + 1) return false;
    if (!text_to_i64(slice_of(text, (size_t)(at - text)), &number)) return false;
    if (!text_to_i64(slice_of_text(colon + 1), &port_number)) return false;
    if (number < 1 || number > INT32_MAX || port_number < 1 || port_number > UINT16_MAX)
        return false;
    const char *from = at[1] == '[' ? at + 2 : at + 1;
    size_t length = (size_t)(colon - from) - (at[1] == '[');
    if (length == 0 || length >= size) return false;
    (void)snprintf(host, size, "%.*s", (int)length, from);
    *id = (int32_t)number;
    *port = (uint16_t)port_number;
    return true;
}

/* The directory id that was given, or the one in the folder that was named. */
static bool take_directory(const struct quorum_options *o, struct uuid *out)
{
    char path[4096], line[512];
    if (o->directory != NULL) {
        if (uuid_from_text(o->directory, out)) return true;
        (void)misuse("quorum: %s is no directory id", o->directory);
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/meta.properties", o->from);
    FILE *f = fopen(path, "r");
    bool found = false;
    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strncmp(line, "directory.id=", 13) == 0) found = uuid_from_text(line + 13, out);
    }
    if (f != NULL) (void)fclose(f);
    if (!found)
        (void)fail("quorum: %s holds no directory.id: has that controller started once?", path);
    return found;
}

static int added(const void *response, const struct quorum_options *o)
{
    const struct add_raft_voter_response *r = response;
    (void)o;
    if (r->error_code != 0) return refused(r->error_code, r->error_message);
    puts("it votes from now on");
    return EXIT_OK;
}

static int add(const struct quorum_options *o, const char *name)
{
    char host[256];
    struct add_raft_voter_request request;
    struct add_raft_voter_response response;
    struct add_raft_voter_request_listener listener = {.name = slice_of_text("CONTROLLER")};
    kafka_defaults(&schema_add_raft_voter_request, &request);
    if (!take_member(name, &request.voter_id, host, sizeof host, &listener.port))
        return misuse("quorum add: expected ID@HOST:PORT and not %s", name);
    if ((o->directory == NULL) == (o->from == NULL))
        return misuse(
            "quorum add: say which disk: --directory-id ID, or --from FOLDER (its log.dirs)");
    if (!take_directory(o, &request.voter_directory_id)) return EXIT_FAILED;

    listener.host = slice_of_text(host);
    request.listeners = (struct array){&listener, 1};
    request.timeout_ms = (int32_t)o->timeout_s * 1000;
    return call(o, KAFKA_API_ADD_RAFT_VOTER, 1, &request, &response, added);
}

static int removed(const void *response, const struct quorum_options *o)
{
    const struct remove_raft_voter_response *r = response;
    (void)o;
    if (r->error_code != 0) return refused(r->error_code, r->error_message);
    puts("it is no voter any more: stop it");
    return EXIT_OK;
}

static int leave(const struct quorum_options *o, const char *name)
{
    int64_t id;
    struct remove_raft_voter_request request;
    struct remove_raft_voter_response response;
    kafka_defaults(&schema_remove_raft_voter_request, &request);
    if (!text_to_i64(slice_of_text(name), &id) || id < 1 || id > INT32_MAX)
        return misuse("quorum remove: expected the node id of a controller and not %s", name);
    request.voter_id = (int32_t)id;
    if (o->directory != NULL && !take_directory(o, &request.voter_directory_id)) return EXIT_FAILED;
    return call(o, KAFKA_API_REMOVE_RAFT_VOTER, 0, &request, &response, removed);
}

/* The daemon itself reads its folder, by its own configuration. */
static int recover(const struct quorum_options *o, const char *file)
{
    char program[LOCAL_PATH_SIZE];
    if (!process_program("controller", program))
        return fail("quorum recover: there is no jackdaw-controller beside this program");
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl(program, program, "--recover-quorum", "--config", file,
                    o->yes ? "--yes" : (char *)NULL, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return fail("quorum recover: cannot be run");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return EXIT_FAILED;
    if (!o->yes) puts("nothing has been changed; with --yes it is done");
    return EXIT_OK;
}

static int dispatch(const struct quorum_options *o, const struct strings *operands)
{
    const char *what = operands->count > 0 ? operands->at[0] : "show";
    if (strcmp(what, "show") == 0) return show(o);
    static const char *const deeds[] = {"show", "add", "remove", "recover"};
    if (DEED_OF("quorum", what, deeds) == NULL) return EXIT_USAGE;
    bool is_recovery = strcmp(what, "recover") == 0;
    if (is_recovery && operands->count != 2)
        return misuse("quorum recover: which controller's properties file?");
    if (is_recovery) return recover(o, operands->at[1]);
    if (operands->count != 2) return misuse("quorum %s: which controller?", what);
    return what[0] == 'a' ? add(o, operands->at[1]) : leave(o, operands->at[1]);
}

int verb_quorum(int argc, char **argv)
{
    struct quorum_options o = {.timeout_s = 30};
    const struct option_row rows[] = {
        ROW_BOOTSTRAP(&o.where),
        ROW_WHERE_DIR(&o.where),
        OPT_TEXT("directory-id", 0, &o.directory, "ID",
                 "add, remove: of its disk, as meta.properties in its log.dirs says"),
        OPT_TEXT("from", 0, &o.from, "FOLDER", "add: read the directory id from this folder"),
        OPT_NUMBER("timeout", 0, &o.timeout_s, "SECONDS", 1, 3600,
                   "add: until it has the log (default: 30)"),
        OPT_FLAG("json", 0, &o.json, "show: print JSON"),
        OPT_FLAG("yes", 0, &o.yes, "recover: do it"),
    };
    const struct usage usage = {
        .verb = "quorum",
        .operands = "[show|add ID@HOST:PORT|remove ID|recover FILE]",
        .operand_max = 2,
        .summary =
            "The controllers that vote; one joins or leaves while the cluster runs.\n\n"
            "  show                who leads, votes and learns (what a bare `jackdaw quorum` "
            "does)\n"
            "  add ID@HOST:PORT    a controller that runs already, with the others in its\n"
            "                      controller.quorum.voters; returns when it votes\n"
            "  remove ID           it votes no more\n"
            "  recover FILE        when the majority is gone for good: shows what the controller "
            "with\n"
            "                      this properties file, which is down, would go on from; with "
            "--yes it\n"
            "                      votes alone from then on",
        ROWS(rows),
        .example = "jackdaw quorum add 104@127.0.0.1:9199 --from /var/lib/jackdaw/controller-104\n"
                   "  jackdaw quorum remove 101\n"
                   "  jackdaw quorum recover /etc/jackdaw/controller.properties",
    };
    struct strings operands = {0};
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = result == ARGS_RUN ? dispatch(&o, &operands) : args_status(result);
    strings_close(&operands);
    return status;
}
