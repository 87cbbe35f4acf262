#include "cli/plan.h"

#include <string.h>

#include "cli/text.h"
#include "common/check.h"

/* A broker that may take replicas. */
struct taker {
    json_int_t id;
    const char *rack;
    json_int_t bytes;
    json_int_t replicas;
    json_int_t leads;
};

struct takers {
    struct taker *at;
    size_t count;
};

static json_int_t bytes_of(const json_t *sizes, json_int_t id, const struct view *v)
{
    json_int_t sum = 0;
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach(v->partitions, i, row) sum += size_of(sizes, id, row);
    return sum;
}

static struct takers takers_open(const struct view *v, const json_t *brokers, const json_t *sizes,
                                 json_int_t leaving)
{
    struct takers t = {.at = get_memory((json_array_size(brokers) + 1) * sizeof *t.at)};
    size_t i = 0;
    const json_t *b = NULL;
    json_array_foreach(brokers, i, b)
    {
        bool serves = !flag_in(b, "fenced") && !flag_in(b, "stopping") && !flag_in(b, "drained");
        json_int_t id = number_in(b, "id");
        if (!serves || id == leaving) continue;
        t.at[t.count++] = (struct taker){.id = id,
                                         .rack = text_in(b, "rack"),
                                         .bytes = bytes_of(sizes, id, v),
                                         .replicas = number_in(b, "replicas"),
                                         .leads = number_in(b, "leaders")};
    }
    return t;
}

/* How many of the replicas are on the taker's rack; a broker without one has one of its own. */
static size_t count_on_rack(const json_t *replicas, const json_t *brokers, const struct taker *t)
{
    size_t count = 0, i = 0;
    const json_t *id = NULL;
    json_array_foreach(replicas, i, id)
    {
        const json_t *row = broker_row(brokers, json_integer_value(id));
        const char *rack = row == NULL ? "" : text_in(row, "rack");
        count += *rack != 0 && strcmp(rack, t->rack) == 0;
    }
    return count;
}

static bool is_better(const struct taker *a, size_t a_on_rack, const struct taker *b,
                      size_t b_on_rack, bool leads)
{
    if (a_on_rack != b_on_rack) return a_on_rack < b_on_rack;
    if (leads && a->leads != b->leads) return a->leads < b->leads;
    if (a->bytes != b->bytes) return a->bytes < b->bytes;
    if (a->replicas != b->replicas) return a->replicas < b->replicas;
    return a->id < b->id;
}

static struct taker *choose(const struct takers *t, const json_t *brokers, const json_t *others,
                            bool leads)
{
    struct taker *best = NULL;
    size_t best_on_rack = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (ids_have(others, t->at[i].id)) continue;
        size_t on_rack = count_on_rack(others, brokers, &t->at[i]);
        if (best != NULL && !is_better(&t->at[i], on_rack, best, best_on_rack, leads)) continue;
        best = &t->at[i];
        best_on_rack = on_rack;
    }
    return best;
}

/* The replicas that a partition is to have when what is under way is done. */
static json_t *target_of(const json_t *partition)
{
    json_t *ids = json_array(), *id = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(partition, "replicas"), i, id)
    {
        if (ids_have(json_object_get(partition, "removing"), json_integer_value(id))) continue;
        json_array_append(ids, id);
    }
    return ids;
}

/* In the place of the one that leaves. False: there is nobody. */
static bool replace(struct takers *t, const json_t *brokers, const json_t *sizes,
                    const json_t *partition, json_int_t leaving, json_t *target)
{
    json_t *others = json_array(), *id = NULL;
    size_t place = 0, i = 0;
    json_array_foreach(target, i, id)
    {
        if (json_integer_value(id) == leaving)
            place = i;
        else
            json_array_append(others, id);
    }
    struct taker *taker = choose(t, brokers, others, place == 0);
    json_decref(others);
    if (taker == NULL) return false;

    json_array_set_new(target, place, json_integer(taker->id));
    taker->bytes += size_of(sizes, number_in(partition, "leader"), partition);
    taker->replicas++;
    taker->leads += place == 0;
    return true;
}

json_t *plan_removal(const struct view *v, const json_t *brokers, const json_t *sizes,
                     json_int_t broker, json_t *left_over)
{
    CHECK(json_array_size(left_over) == 0);

    struct takers t = takers_open(v, brokers, sizes, broker);
    json_t *plan = json_array(), *row = NULL;
    size_t i = 0;
    json_array_foreach(v->partitions, i, row)
    {
        json_t *target = target_of(row);
        if (!ids_have(target, broker)) {
            json_decref(target);
        } else if (replace(&t, brokers, sizes, row, broker, target)) {
            json_array_append_new(plan, move_row(row, target));
        } else {
            json_array_append(left_over, row);
            json_decref(target);
        }
    }
    free(t.at);
    if (json_array_size(left_over) == 0) return plan;
    json_decref(plan);
    return NULL;
}
