/* topic_names.h -- which names a new topic may have. */
#ifndef PROTO_TOPIC_NAMES_H
#define PROTO_TOPIC_NAMES_H

#include "proto/meta.h"

/* NULL, or what is wrong with the name itself. */
const char *topic_name_fault(struct slice name);

/* The name of the controllers' own log, which is no topic. */
bool topic_name_is_metadata(struct slice name);

/* Names that differ in '.' and '_' only would share the name of a metric. */
bool topic_names_collide(struct slice a, struct slice b);

/* The topic that the name collides with, or NULL. */
const struct meta_topic *topic_name_rival(const struct meta_image *image, struct slice name);

#endif
