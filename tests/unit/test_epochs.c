/* Which leader epoch began where. */
#include <criterion/criterion.h>

#include "journal/epochs.h"

static struct epochs three(void)
{
    struct epochs e = {0};
    epochs_note(&e, 2, 0);
    epochs_note(&e, 5, 100);
    epochs_note(&e, 6, 250);
    return e;
}

Test(epochs, an_epoch_that_is_not_above_the_last_is_ignored)
{
    struct epochs e = three();
    epochs_note(&e, 6, 300);
    epochs_note(&e, 4, 300);
    epochs_note(&e, -1, 300);
    cr_assert_eq(e.count, 3);
    cr_assert_eq(epochs_last(&e), 6);
    epochs_close(&e);
    cr_assert_eq(epochs_last(&e), -1);
}

Test(epochs, an_epoch_without_records_disappears_when_the_next_one_begins)
{
    struct epochs e = three();
    epochs_note(&e, 8, 250);
    cr_assert_eq(e.count, 3);
    cr_assert_eq(e.items[2].epoch, 8);
    epochs_note(&e, 9, 50);
    cr_assert_eq(e.count, 2);
    cr_assert_eq(epochs_of(&e, 49), 2);
    cr_assert_eq(epochs_of(&e, 50), 9);
    epochs_close(&e);
}

Test(epochs, a_record_has_the_epoch_that_began_at_or_before_it)
{
    static const struct {
        int64_t offset;
        int32_t epoch;
    } table[] = {{0, 2}, {99, 2}, {100, 5}, {249, 5}, {250, 6}, {1000, 6}};
    struct epochs e = three();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        cr_assert_eq(epochs_of(&e, table[i].offset), table[i].epoch);
    }
    epochs_cut_head(&e, 50);
    cr_assert_eq(epochs_of(&e, 49), -1);
    epochs_close(&e);
}

Test(epochs, who_asks_for_an_unknown_epoch_is_told_of_the_largest_below_it)
{
    static const struct {
        int32_t asked;
        bool found;
        int32_t epoch;
        int64_t end;
    } table[] = {{1, false, 0, 0},   {2, true, 2, 100}, {3, true, 2, 100}, {4, true, 2, 100},
                 {5, true, 5, 250}, {6, true, 6, 400}, {7, true, 6, 400}};
    struct epochs e = three();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int32_t epoch = 0;
        int64_t end = 0;
        cr_assert_eq(epochs_end_of(&e, table[i].asked, 400, &epoch, &end), table[i].found);
        cr_assert_eq(epoch, table[i].epoch);
        cr_assert_eq(end, table[i].end);
    }
    epochs_close(&e);
}

Test(epochs, truncation_forgets_what_begins_at_or_past_the_end)
{
    struct epochs e = three();
    epochs_cut_tail(&e, 251);
    cr_assert_eq(e.count, 3);
    epochs_cut_tail(&e, 250);
    cr_assert_eq(epochs_last(&e), 5);
    epochs_cut_tail(&e, 0);
    cr_assert_eq(e.count, 0);
    epochs_close(&e);
}

Test(epochs, the_entry_in_force_moves_up_with_the_start)
{
    struct epochs e = three();
    epochs_cut_head(&e, 120);
    cr_assert_eq(e.count, 2);
    cr_assert_eq(e.items[0].epoch, 5);
    cr_assert_eq(e.items[0].start_offset, 120);
    epochs_cut_head(&e, 250);
    cr_assert_eq(e.count, 1);
    cr_assert_eq(e.items[0].epoch, 6);
    epochs_cut_head(&e, 900);
    cr_assert_eq(epochs_last(&e), 6);
    cr_assert_eq(e.items[0].start_offset, 900);
    epochs_close(&e);
}

Test(epochs, a_copy_is_its_own)
{
    struct epochs e = three();
    struct epochs copy = {0};
    epochs_copy(&copy, &e);
    epochs_cut_tail(&e, 0);
    cr_assert_eq(copy.count, 3);
    epochs_copy(&copy, &e);
    cr_assert_eq(copy.count, 0);
    epochs_close(&e);
    epochs_close(&copy);
}
