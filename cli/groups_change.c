#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/groups_ask.h"

#define PARTITIONS_MAX 100000
#define LINE_SIZE 1024

/* ---- reset: which partitions, and where to. ---- */

/* "2026-11-25T21:00:00Z", or milliseconds since 1970. */
static bool parse_time(const char *text, int64_t *ms)
{
    struct tm t = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    if (end != NULL && (strcmp(end, "Z") == 0 || *end == '\0')) {
        *ms = (int64_t)timegm(&t) * 1000;
        return true;
    }
    return number_of(text, 0, INT64_MAX, ms);
}

static bool add_all(struct groups_client *c, const char *topic,
                    rd_kafka_topic_partition_list_t *plan)
{
    const struct rd_kafka_metadata *md = client_metadata(c->rk, topic, (uint32_t)c->timeout_ms);
    if (md == NULL) return false;
    bool good = md->topic_cnt == 1 && md->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; good && i < md->topics[0].partition_cnt; i++) {
        (void)rd_kafka_topic_partition_list_add(plan, topic, md->topics[0].partitions[i].id);
    }
    rd_kafka_metadata_destroy(md);
    if (!good) fail("%s: no such topic", topic);
    return good;
}

/* "orders" or "orders:0,3". */
static bool add_operand(struct groups_client *c, const char *operand,
                        rd_kafka_topic_partition_list_t *plan)
{
    char *text = copy_text(operand);
    char *colon = strrchr(text, ':');
    bool good = true;
    if (colon == NULL) {
        good = add_all(c, text, plan);
        free(text);
        return good;
    }
    *colon = '\0';
    struct strings numbers = {0};
    strings_split(&numbers, colon + 1, ',');
    good = numbers.count > 0;
    for (size_t i = 0; good && i < numbers.count; i++) {
        int64_t number = 0;
        good = number_of(numbers.at[i], 0, INT32_MAX, &number);
        if (good) (void)rd_kafka_topic_partition_list_add(plan, text, (int32_t)number);
    }
    if (!good) misuse("groups reset: TOPIC or TOPIC:0,1,2 is expected, not %s", operand);
    strings_close(&numbers);
    free(text);
    return good;
}

static bool read_line(const char *path, uint32_t number, char *line,
                      rd_kafka_topic_partition_list_t *plan)
{
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') return true;
    char *last = strrchr(line, ',');
    if (last != NULL) *last = '\0';
    char *middle = last != NULL ? strrchr(line, ',') : NULL;
    int64_t partition = 0, offset = 0;
    bool good = middle != NULL && number_of(middle + 1, 0, INT32_MAX, &partition) &&
                number_of(last + 1, 0, INT64_MAX, &offset);
    if (good) *middle = '\0';
    if (good && line[0] != '\0') {
        rd_kafka_topic_partition_list_add(plan, line, (int32_t)partition)->offset = offset;
        return true;
    }
    misuse("%s:%u: TOPIC,PARTITION,OFFSET is expected", path, number);
    return false;
}

static bool add_file(const char *path, rd_kafka_topic_partition_list_t *plan)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        fail("%s cannot be opened", path);
        return false;
    }
    char line[LINE_SIZE];
    uint32_t number = 0;
    bool good = true;
    while (good && fgets(line, sizeof line, file) != NULL) {
        good = read_line(path, ++number, line, plan);
    }
    if (file != stdin) (void)fclose(file);
    return good;
}

/* The first record at or after a time, in every partition; the end where there is none. */
static bool look_up(struct groups_client *c, int64_t ms, rd_kafka_topic_partition_list_t *plan)
{
    for (int i = 0; i < plan->cnt; i++) plan->elems[i].offset = ms;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(c->rk, plan, c->timeout_ms);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
    fail("looking up a time: %s", rd_kafka_err2str(err));
    return false;
}

static int64_t within(int64_t offset, int64_t start, int64_t end)
{
    return offset < start ? start : offset > end ? end : offset;
}

/* Sets each partition's new offset, within its log. */
static bool set_offsets(struct groups_client *c, const struct groups_options *o,
                        const rd_kafka_topic_partition_list_t *now,
                        rd_kafka_topic_partition_list_t *plan)
{
    int64_t ms = 0;
    if (o->to_time != NULL && (!parse_time(o->to_time, &ms) || !look_up(c, ms, plan))) return false;
    for (int i = 0; i < plan->cnt; i++) {
        rd_kafka_topic_partition_t *p = &plan->elems[i];
        const rd_kafka_topic_partition_t *is =
            rd_kafka_topic_partition_list_find(now, p->topic, p->partition);
        int64_t start = 0, end = 0;
        if (!groups_ends(c, p->topic, p->partition, &start, &end)) return false;
        int64_t from = is != NULL && is->offset >= 0 ? is->offset : start;
        if (o->to_earliest) p->offset = start;
        if (o->to_latest || p->offset == RD_KAFKA_OFFSET_END) p->offset = end;
        if (o->has_offset) p->offset = o->offset;
        if (o->has_shift) {
            bool is_over = __builtin_add_overflow(from, o->shift, &p->offset);
            if (is_over) p->offset = o->shift > 0 ? end : start;
        }
        p->offset = within(p->offset, start, end);
    }
    return true;
}

static void print_plan(const struct groups_options *o, const rd_kafka_topic_partition_list_t *now,
                       const rd_kafka_topic_partition_list_t *plan)
{
    printf("%-30s %9s %12s %12s\n", "TOPIC", "PARTITION", "FROM", "TO");
    for (int i = 0; i < plan->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &plan->elems[i];
        const rd_kafka_topic_partition_t *is =
            rd_kafka_topic_partition_list_find(now, p->topic, p->partition);
        char from[24] = "-";
        if (is != NULL && is->offset >= 0) {
            (void)snprintf(from, sizeof from, "%" PRId64, is->offset);
        }
        printf("%-30s %9d %12s %12" PRId64 "\n", p->topic, p->partition, from, p->offset);
    }
    if (!o->execute) puts("Nothing is changed yet: add --execute to do it.");
}

/* Of a whole answer: the first error there is. */
static rd_kafka_resp_err_t first_error(const rd_kafka_group_result_t *result)
{
    const rd_kafka_error_t *error = rd_kafka_group_result_error(result);
    if (error != NULL) return rd_kafka_error_code(error);
    const rd_kafka_topic_partition_list_t *parts = rd_kafka_group_result_partitions(result);
    for (int i = 0; parts != NULL && i < parts->cnt; i++) {
        if (parts->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return parts->elems[i].err;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int say_changed(const char *group, const rd_kafka_group_result_t *result)
{
    const rd_kafka_error_t *error = rd_kafka_group_result_error(result);
    if (error != NULL) return fail("%s: %s", group, rd_kafka_error_string(error));
    const rd_kafka_topic_partition_list_t *parts = rd_kafka_group_result_partitions(result);
    int status = EXIT_OK;
    for (int i = 0; parts != NULL && i < parts->cnt; i++) {
        rd_kafka_resp_err_t err = parts->elems[i].err;
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        status = fail("%s: %s-%d: %s%s", group, parts->elems[i].topic, parts->elems[i].partition,
                      rd_kafka_err2str(err),
                      err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID
                          ? " (somebody is in the group: its members must stop first)"
                          : "");
    }
    return status;
}

/* False: it may be tried again. */
static bool carry_out_once(struct groups_client *c, const char *group,
                           const rd_kafka_topic_partition_list_t *plan, int *status)
{
    rd_kafka_AdminOptions_t *options = groups_admin(c, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
    rd_kafka_AlterConsumerGroupOffsets_t *request =
        rd_kafka_AlterConsumerGroupOffsets_new(group, plan);
    rd_kafka_AlterConsumerGroupOffsets(c->rk, &request, 1, options, c->queue);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_resp_err_t err;
    rd_kafka_event_t *event = groups_try(c, &err);
    const rd_kafka_group_result_t **results = NULL;
    size_t count = 0;
    if (event != NULL) {
        results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
            rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
        err = count == 1 ? first_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    bool is_over = !groups_again(c, err);
    if (is_over) {
        *status = count == 1 ? say_changed(group, results[0]) : groups_say(c, group, err);
    }
    if (event != NULL) rd_kafka_event_destroy(event);
    return is_over;
}

static int carry_out(struct groups_client *c, const char *group,
                     const rd_kafka_topic_partition_list_t *plan)
{
    int status = EXIT_FAILED;
    while (!carry_out_once(c, group, plan, &status)) {
    }
    return status;
}

static int reset(struct groups_client *c, const struct groups_options *o, char **names,
                 size_t count)
{
    rd_kafka_topic_partition_list_t *now = groups_committed(c, names[0]);
    if (now == NULL) return EXIT_FAILED;
    rd_kafka_topic_partition_list_t *plan = rd_kafka_topic_partition_list_new(16);
    bool good = true;
    if (o->from_file != NULL) good = add_file(o->from_file, plan);
    for (size_t i = 1; good && i < count; i++) good = add_operand(c, names[i], plan);
    bool is_all = o->from_file == NULL && count == 1;
    for (int i = 0; is_all && i < now->cnt; i++) {
        (void)rd_kafka_topic_partition_list_add(plan, now->elems[i].topic, now->elems[i].partition);
    }
    int status = good ? EXIT_OK : EXIT_FAILED;
    if (good && (plan->cnt == 0 || plan->cnt > PARTITIONS_MAX)) {
        status = fail("%s: nothing to reset: it has committed no offsets; name a topic", names[0]);
    }
    if (status == EXIT_OK && !set_offsets(c, o, now, plan)) status = EXIT_FAILED;
    if (status == EXIT_OK) print_plan(o, now, plan);
    if (status == EXIT_OK && o->execute) status = carry_out(c, names[0], plan);
    rd_kafka_topic_partition_list_destroy(plan);
    rd_kafka_topic_partition_list_destroy(now);
    return status;
}

int groups_reset(const struct groups_options *o, const char *bootstrap, char **names, size_t count)
{
    int forms = o->to_earliest + o->to_latest + o->has_offset + o->has_shift +
                (o->to_time != NULL) + (o->from_file != NULL);
    if (forms != 1) {
        return misuse("groups reset: one of --to-earliest, --to-latest, --to-offset, --shift-by, "
                      "--to-time and --from-file says where to");
    }
    int64_t ms;
    if (o->to_time != NULL && !parse_time(o->to_time, &ms)) {
        return misuse("groups reset: --to-time wants 2026-11-25T21:00:00Z or milliseconds, not %s",
                      o->to_time);
    }
    if (o->from_file != NULL && count > 1) {
        return misuse("groups reset: the file says which topics");
    }
    struct groups_client c;
    if (!groups_open(&c, o, bootstrap)) return EXIT_FAILED;
    int status = reset(&c, o, names, count);
    groups_close(&c);
    return status;
}

/* ---- delete ---- */

static rd_kafka_resp_err_t ask_deletion(struct groups_client *c, const char *name)
{
    rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(name);
    rd_kafka_AdminOptions_t *options = groups_admin(c, RD_KAFKA_ADMIN_OP_DELETEGROUPS);
    rd_kafka_DeleteGroups(c->rk, &group, 1, options, c->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteGroup_destroy(group);
    rd_kafka_resp_err_t err;
    rd_kafka_event_t *event = groups_try(c, &err);
    if (event == NULL) return err;

    size_t count = 0;
    const rd_kafka_group_result_t **results =
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
    err = count != 1 ? RD_KAFKA_RESP_ERR__BAD_MSG
                     : rd_kafka_error_code(rd_kafka_group_result_error(results[0]));
    rd_kafka_event_destroy(event);
    return err;
}

static int delete_one(struct groups_client *c, const char *name)
{
    rd_kafka_resp_err_t err;
    do {
        err = ask_deletion(c, name);
    } while (groups_again(c, err));
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) return groups_say(c, name, err);
    printf("%s deleted\n", name);
    return EXIT_OK;
}

int groups_delete(const struct groups_options *o, const char *bootstrap, char **names, size_t count)
{
    struct groups_client c;
    if (!groups_open(&c, o, bootstrap)) return EXIT_FAILED;
    int status = EXIT_OK;
    for (size_t i = 0; i < count; i++) {
        if (delete_one(&c, names[i]) != EXIT_OK) status = EXIT_FAILED;
    }
    groups_close(&c);
    return status;
}
