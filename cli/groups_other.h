/* groups_other.h -- groups that are no consumers' (of Kafka Connect, say), which librdkafka's newer
 * calls pass over. What their members have is their own business: its size is told.
 */
#ifndef CLI_GROUPS_OTHER_H
#define CLI_GROUPS_OTHER_H

#include "cli/groups_ask.h"
#include "cli/json.h"

/* Of all groups, or of the one of that name; the caller destroys the list. NULL: said why. */
const struct rd_kafka_group_list *groups_others_ask(struct groups_client *c, const char *name);

bool groups_is_other(const struct rd_kafka_group_info *group);

/* Lists those that are no consumers'. */
int groups_others_list(struct groups_client *c, const struct groups_options *o, json_t *all);

/* Describes a group of any type, also one of consumers whose assignments librdkafka cannot read; or
 * says `otherwise` if there is none of that name. */
int groups_others_describe(struct groups_client *c, const struct groups_options *o,
                           const char *name, const char *otherwise, json_t *all);

#endif
