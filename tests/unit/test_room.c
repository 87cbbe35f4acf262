/* How much of a disk is left, between one question to it and the next (log.reserve.bytes). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "broker/partition/room.h"

#define MIB ((uint64_t)1024 * 1024)

struct told {
    struct env env; /* First. */
    uint32_t count;
    enum log_level level;
    char text[256];
};

static struct told told;
static struct broker_options options;
static struct partition_host host;

static void note(struct env *env, enum log_level level, const char *text)
{
    struct told *t = (struct told *)(void *)env;
    t->count++;
    t->level = level;
    (void)snprintf(t->text, sizeof t->text, "%s", text);
}

static const struct env_ops ops = {.log = note};

static void begin(void)
{
    memset(&told, 0, sizeof told);
    memset(&host, 0, sizeof host);
    told.env.ops = &ops;
    broker_options_default(&options);
    options.shard_count = 1;
    options.reserve_bytes = 10 * MIB;
    options.log_dir_count = 2;
    (void)snprintf(options.log_dirs[0], sizeof options.log_dirs[0], "/one");
    (void)snprintf(options.log_dirs[1], sizeof options.log_dirs[1], "/two");
    host.env = &told.env;
    host.options = &options;
}

TestSuite(room, .init = begin);

/* As disks_on_probe() does: the disk says what is free, and what had been appended until then is in
 * it. */
static void disk_says(uint32_t dir, uint64_t total_bytes, uint64_t free_bytes)
{
    struct host_dir *d = &host.dirs[dir];
    d->space = (struct fs_space){.total_bytes = total_bytes, .free_bytes = free_bytes};
    d->known_bytes = d->appended_bytes;
    room_look(&host, dir);
}

Test(room, before_the_disk_was_asked_nothing_is_refused)
{
    room_take(&host, 0, 1000 * MIB);
    cr_expect_not(host.dirs[0].is_short);
    cr_expect_eq(told.count, 0);
}

Test(room, the_reserve_begins_where_the_key_says)
{
    disk_says(0, 1000 * MIB, 10 * MIB);
    cr_expect_not(host.dirs[0].is_short, "exactly the reserve is enough");
    disk_says(0, 1000 * MIB, 10 * MIB - 1);
    cr_expect(host.dirs[0].is_short);
    cr_expect_eq(told.level, LOG_ERROR);
    cr_expect_not_null(strstr(told.text, "/one"), "%s", told.text);
    cr_expect_not_null(strstr(told.text, "log.reserve.bytes"), "%s", told.text);
    cr_expect_not(host.dirs[1].is_short, "another disk");
}

Test(room, of_a_small_disk_it_takes_a_twentieth_at_the_most)
{
    disk_says(0, 100 * MIB, 6 * MIB);
    cr_expect_not(host.dirs[0].is_short);
    disk_says(0, 100 * MIB, 5 * MIB - 1);
    cr_expect(host.dirs[0].is_short);
}

Test(room, what_is_appended_counts_until_the_disk_is_asked_again)
{
    disk_says(0, 1000 * MIB, 30 * MIB);
    room_take(&host, 0, 20 * MIB);
    cr_expect_not(host.dirs[0].is_short);
    room_take(&host, 0, 1);
    cr_expect(host.dirs[0].is_short);
    /* The file system had room of its own: what was counted is in what the disk says. */
    disk_says(0, 1000 * MIB, 25 * MIB);
    cr_expect_not(host.dirs[0].is_short);
    cr_expect_eq(told.count, 2);
}

Test(room, other_shards_are_taken_to_append_as_much)
{
    options.shard_count = 4;
    disk_says(0, 1000 * MIB, 30 * MIB);
    room_take(&host, 0, 5 * MIB);
    cr_expect_not(host.dirs[0].is_short);
    room_take(&host, 0, 1);
    cr_expect(host.dirs[0].is_short);
}

Test(room, it_ends_only_when_there_is_a_quarter_more)
{
    disk_says(0, 1000 * MIB, 9 * MIB);
    cr_expect(host.dirs[0].is_short);
    disk_says(0, 1000 * MIB, 12 * MIB);
    cr_expect(host.dirs[0].is_short);
    cr_expect_eq(told.count, 1, "it is said once");
    disk_says(0, 1000 * MIB, 12 * MIB + MIB / 2);
    cr_expect_not(host.dirs[0].is_short);
    cr_expect_eq(told.level, LOG_INFO);
    disk_says(0, 1000 * MIB, 11 * MIB);
    cr_expect_not(host.dirs[0].is_short, "and it does not begin anew before the reserve");
}

Test(room, more_appended_than_there_was_is_no_room_and_not_much_of_it)
{
    disk_says(0, 1000 * MIB, 30 * MIB);
    room_take(&host, 0, 500 * MIB);
    cr_expect(host.dirs[0].is_short);
}

Test(room, a_reserve_of_nothing_refuses_nothing)
{
    options.reserve_bytes = 0;
    disk_says(0, 1000 * MIB, 0);
    cr_expect_not(host.dirs[0].is_short);
}
