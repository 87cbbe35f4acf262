#include "broker/groups/protocols.h"

#include "broker/groups/own.h"

static void free_all(struct group_protocol *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        own_free(&list[i].name);
        own_free(&list[i].metadata);
    }
    free(list);
}

void protocols_set(struct group_protocol **list, uint32_t *list_count,
                   const struct group_protocol *from, uint32_t count)
{
    struct group_protocol *copy = calloc(count > 0 ? count : 1, sizeof *copy);
    CHECK(copy != NULL);
    for (uint32_t i = 0; i < count; i++) {
        copy[i].name = own_copy(from[i].name);
        copy[i].metadata = own_copy(from[i].metadata);
    }
    free_all(*list, *list_count); /* Not before: the new ones may be among the old ones. */
    *list = copy;
    *list_count = count;
}

void protocols_clear(struct group_protocol **list, uint32_t *list_count)
{
    free_all(*list, *list_count);
    *list = NULL;
    *list_count = 0;
}

bool protocols_equal(const struct group_protocol *a, uint32_t a_count,
                     const struct group_protocol *b, uint32_t b_count)
{
    if (a_count != b_count) return false;

    for (uint32_t i = 0; i < a_count; i++) {
        if (!slice_equal(a[i].name, b[i].name)) return false;
        if (!slice_equal(a[i].metadata, b[i].metadata)) return false;
    }
    return true;
}
