/* view.h -- what one look at the cluster saw, kept as the JSON that --json prints: one form to
 * compare, to draw and to print.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "cli/json.h"
#include "cli/wire.h"
#include "common/err.h"

struct view {
    json_t *topics; /* [{topic, topic_id, error?}] */
    /* [{topic, partition, leader, leader_epoch, replicas, isr, elr, last_known_elr, offline,
     * adding, removing, successor, error?}] */
    json_t *partitions;
};

/* Asks for the topics, all if there are no names, page by page. 0 or an error of wire_call(). */
MUST_USE int view_open(struct view *v, struct wire *w, char **names, size_t count);
void view_close(struct view *v);

/* Every broker that is registered, by id: [{id, epoch, host, port, rack, fenced, stopping, drained,
 * leaders, replicas, isr_short}]; the last three as the view has them. The caller's. */
MUST_USE int view_brokers(const struct view *v, struct wire *w, json_t **out);

/* How many bytes each replica has, by broker and partition: {"1": {"orders-0": 4711}}. Brokers that
 * do not answer are left out. The caller's. */
json_t *view_sizes(const json_t *brokers, uint32_t timeout_ms);

/* 0: not known. */
json_int_t size_of(const json_t *sizes, json_int_t broker, const json_t *partition);

/* Is it on its way to other brokers? */
bool is_moving(const json_t *partition);

/* ---- Fields of a row. ---- */

long long number_in(const json_t *row, const char *key);
const char *text_in(const json_t *row, const char *key); /* "": none. */
bool flag_in(const json_t *row, const char *key);
bool ids_have(const json_t *ids, json_int_t id);

#define IDS_SIZE 128
const char *ids_text(const json_t *row, const char *key, char out[IDS_SIZE]); /* "1,2", or "-" */

/* The row of a partition, or NULL; the row of a broker. */
const json_t *view_partition(const struct view *v, const char *topic, json_int_t partition);
const json_t *broker_row(const json_t *brokers, json_int_t id);

#endif
