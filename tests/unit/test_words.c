#include <criterion/criterion.h>

#include "common/words.h"

Test(words, what_is_added_stands_behind_what_was_there)
{
    char to[32];
    struct words w = {.to = to, .size = sizeof to};
    words_add(&w, "epoch %d", 7);
    words_add(&w, ", %s", "fenced");
    cr_assert_str_eq(to, "epoch 7, fenced");
    cr_assert_eq(w.used, strlen(to));
}

Test(words, what_does_not_fit_is_cut_off_and_the_end_is_a_zero)
{
    char to[8 + 1];
    struct words w = {.to = to, .size = 8};
    memset(to, '!', sizeof to);
    words_add(&w, "12345");
    words_add(&w, "67890");
    cr_assert_str_eq(to, "1234567");
    words_add(&w, "more");
    cr_assert_str_eq(to, "1234567");
    cr_assert_eq(w.used, 7);
    cr_assert_eq(to[8], '!');
}
