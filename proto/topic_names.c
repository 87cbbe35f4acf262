#include "proto/topic_names.h"

#include <string.h>

static bool is_allowed(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool topic_name_is_metadata(struct slice name)
{
    return slice_equal(name, slice_of_text("__cluster_metadata"));
}

const char *topic_name_fault(struct slice name)
{
    if (name.at == NULL || name.size == 0) return "the topic name is empty";
    if (name.size > META_NAME_MAX) return "the topic name is longer than 249 characters";
    if (slice_equal(name, slice_of_text(".")) || slice_equal(name, slice_of_text("..")))
        return "the topic name is '.' or '..', which means a directory";
    if (topic_name_is_metadata(name)) return "__cluster_metadata is the controllers' own log";
    for (size_t i = 0; i < name.size; i++) {
        if (!is_allowed(name.at[i]))
            return "the topic name has characters other than letters, digits, '.', '_' and '-'";
    }
    return NULL;
}

static uint8_t folded(uint8_t c)
{
    return c == '.' ? '_' : c;
}

bool topic_names_collide(struct slice a, struct slice b)
{
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        if (folded(a.at[i]) != folded(b.at[i])) return false;
    }
    return true;
}

const struct meta_topic *topic_name_rival(const struct meta_image *image, struct slice name)
{
    if (memchr(name.at, '.', name.size) == NULL && memchr(name.at, '_', name.size) == NULL)
        return NULL;
    for (const struct meta_topic *t = image->topics_by_name; t != NULL; t = t->by_name.next) {
        if (topic_names_collide(name, slice_of_text(t->name))) return t;
    }
    return NULL;
}
