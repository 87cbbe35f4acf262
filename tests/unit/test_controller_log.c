#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "controller/log.h"

static void push(struct metalog *log, uint64_t from, uint64_t to, uint32_t size)
{
    for (uint64_t i = from; i <= to; i++) {
        struct buf *b = buf_new(size);
        memset(b->data, (int)(i & 0xff), size);
        b->size = size;
        cr_assert_eq(metalog_next(log), i);
        metalog_push(log, b, i / 100 + 1);
    }
}

Test(metalog, finds_what_it_holds_and_nothing_else)
{
    struct metalog log = {.first_index = 1};
    cr_expect_null(metalog_at(&log, 1));
    push(&log, 1, 1000, 10);
    cr_expect_eq(log.bytes, 10000);
    cr_expect_null(metalog_at(&log, 0));
    cr_expect_null(metalog_at(&log, 1001));
    for (uint64_t i = 1; i <= 1000; i++) {
        cr_expect_eq(metalog_at(&log, i)->buf->data[0], i & 0xff);
        cr_expect_eq(metalog_at(&log, i)->term, i / 100 + 1);
    }
    metalog_close(&log);
}

Test(metalog, loses_its_ends_and_goes_on)
{
    struct metalog log = {.first_index = 1};
    push(&log, 1, 300, 10);
    metalog_drop(&log, 100);
    cr_expect_null(metalog_at(&log, 100));
    cr_expect_eq(log.first_index, 101);
    metalog_truncate(&log, 251);
    cr_expect_eq(metalog_next(&log), 251);
    cr_expect_eq(log.bytes, 1500);
    push(&log, 251, 900, 10);
    for (uint64_t i = 101; i <= 900; i++) cr_expect_eq(metalog_at(&log, i)->buf->data[0], i & 0xff);
    metalog_drop(&log, 2000);
    cr_expect_eq(log.first_index, 2001);
    cr_expect_eq(log.bytes, 0);
    metalog_reset(&log, 5);
    push(&log, 5, 6, 1);
    metalog_close(&log);
}

Test(metalog, cuts_by_bytes_and_joins)
{
    struct metalog log = {.first_index = 1};
    push(&log, 1, 10, 100);
    cr_expect_eq(metalog_cut(&log, 1, 10, 350), 3);
    cr_expect_eq(metalog_cut(&log, 4, 10, 1), 4);
    cr_expect_eq(metalog_cut(&log, 1, 10, 5000), 10);
    struct buf *joined = metalog_join(&log, 2, 4);
    cr_expect_eq(joined->size, 300);
    cr_expect_eq(joined->data[0], 2);
    cr_expect_eq(joined->data[299], 4);
    buf_unref(joined);
    metalog_close(&log);
}
