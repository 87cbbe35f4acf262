#include <stdlib.h>

#include "broker/groups/consumer/inside.h"
#include "common/pattern.h"

struct consumer_pattern *consumer_pattern_find(const struct consumer_group *c, struct slice text)
{
    struct consumer_pattern *found = NULL;
    if (text.size > 0) HASH_FIND(hh, c->patterns, text.at, text.size, found);
    return found;
}

struct consumer_pattern *consumer_pattern_add(struct consumer_group *c, struct slice text)
{
    struct consumer_pattern *p = consumer_pattern_find(c, text);
    if (p != NULL) return p;

    p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->text = own_copy(text);
    HASH_ADD_KEYPTR(hh, c->patterns, p->text.at, p->text.size, p);
    consumer_forget_gone(c, text, true);
    return p;
}

static void free_topics(struct consumer_pattern *p)
{
    for (uint32_t i = 0; i < p->topic_count; i++) own_free(&p->topics[i]);
    free(p->topics);
    p->topics = NULL;
    p->topic_count = 0;
}

static void free_pattern(struct consumer_group *c, struct consumer_pattern *p)
{
    HASH_DEL(c->patterns, p);
    free_topics(p);
    own_free(&p->text);
    free(p);
}

void consumer_patterns_free(struct consumer_group *c)
{
    while (c->patterns != NULL) free_pattern(c, c->patterns);
}

void consumer_pattern_drop(struct consumer_group *c, struct slice text)
{
    struct consumer_pattern *p = consumer_pattern_find(c, text);
    if (p == NULL || (p->users > 0 && --p->users > 0)) return;

    consumer_mark_gone(c, text, true);
    free_pattern(c, p);
}

void consumer_pattern_set(struct consumer_pattern *p, const struct slice *topics, uint32_t count)
{
    struct slice *copy = calloc(count > 0 ? count : 1, sizeof *copy);
    CHECK(copy != NULL);
    for (uint32_t i = 0; i < count; i++) copy[i] = own_copy(topics[i]);
    free_topics(p);
    p->topics = copy;
    p->topic_count = count;
}

/* Holds it against the topics that there are. */
static void resolve(struct consumer_group *c, struct consumer_pattern *p,
                    const struct consumer_event *e)
{
    char why[64];
    struct pattern *compiled = pattern_new(p->text.at, p->text.size, why, sizeof why);
    const struct topic_table *t = e->topics;
    struct slice *names = calloc(t->count > 0 ? t->count : 1, sizeof *names);
    CHECK(names != NULL);
    uint32_t count = 0;
    bool is_same = true;
    for (uint32_t i = 0; compiled != NULL && i < t->count; i++) {
        if (!pattern_matches(compiled, t->topics[i].name.at, t->topics[i].name.size)) continue;
        is_same &= count < p->topic_count && slice_equal(p->topics[count], t->topics[i].name);
        names[count++] = t->topics[i].name;
    }
    pattern_free(compiled);
    bool is_first = p->version == 0 && p->wall_ms == 0;
    p->version = t->version;
    if (is_same && count == p->topic_count && !is_first) {
        free(names);
        return;
    }
    consumer_pattern_set(p, names, count);
    free(names);
    p->wall_ms = e->wall_ms;
    p->is_marked = true;
    consumer_mark_group(c, 0);
}

void consumer_patterns_refresh(struct consumer_group *c, const struct consumer_event *e)
{
    struct consumer_pattern *p;
    for (p = c->patterns; p != NULL; p = p->hh.next) {
        if (p->version != e->topics->version) resolve(c, p, e);
    }
}

void consumer_set_pattern(struct consumer_group *c, struct consumer_member *m, struct slice text,
                          const struct consumer_event *e)
{
    struct slice before = m->pattern;
    m->pattern = own_copy(text);
    if (text.size > 0) {
        struct consumer_pattern *p = consumer_pattern_add(c, text);
        p->users++;
        if (p->version != e->topics->version) resolve(c, p, e);
    }
    if (before.size > 0) consumer_pattern_drop(c, before);
    own_free(&before);
}
