#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/local_process.h"
#include "cli/local_shape.h"
#include "cli/local_stop.h"

static char dir[64];

static void make_dir(void)
{
    snprintf(dir, sizeof dir, "/tmp/jackdaw-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void create(struct cluster *c, const char *set)
{
    struct shape shape = {.brokers = 2, .controllers = 3, .port = 19092};
    if (set != NULL) strings_add(&shape.sets, set);
    cr_assert_eq(cluster_create(c, dir, &shape), 0);
    strings_close(&shape.sets);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

Test(cli_local, ports_and_ids_are_where_the_readme_says, .init = make_dir)
{
    struct cluster c = {0};
    create(&c, NULL);
    cr_assert_eq(c.node_count, 5);
    cr_assert_str_eq(c.nodes[0].name, "broker-0");
    cr_assert_str_eq(c.nodes[1].address, "127.0.0.1:19093");
    cr_assert_str_eq(c.nodes[1].http_address, "127.0.0.1:19393");
    const struct node *n = cluster_find(&c, "controller-3");
    cr_assert_not_null(n);
    cr_assert_eq(n->id, 103);
    cr_assert_str_eq(n->address, "127.0.0.1:19195");
    cr_assert_str_eq(n->http_address, "127.0.0.1:19495");
    char *bootstrap = cluster_bootstrap(&c);
    cr_assert_str_eq(bootstrap, "127.0.0.1:19092,127.0.0.1:19093");
    free(bootstrap);
    cr_assert_eq(cluster_wipe(&c), EXIT_OK);
    cluster_close(&c);
    rmdir(dir);
}

Test(cli_local, what_was_made_is_found_again, .init = make_dir)
{
    struct cluster made = {0}, found = {0};
    create(&made, "log.retention.hours=1");
    cr_assert_eq(cluster_open(&found, dir), 0);
    cr_assert_eq(found.shape.brokers, 2);
    cr_assert_eq(found.shape.first_id, 0);
    cr_assert_eq(found.shape.sets.count, 1);
    cr_assert_str_eq(found.shape.sets.at[0], "log.retention.hours=1");
    cr_assert_str_eq(found.nodes[0].address, made.nodes[0].address);
    cr_assert_eq(cluster_wipe(&found), EXIT_OK);
    cr_assert_eq(cluster_open(&found, dir), -ERR_ABSENT);
    cluster_close(&made);
    rmdir(dir);
}

/* A file in the folder, or in a folder in it. */
static void make_in(const char *data, const char *name, const char *file)
{
    char path[LOCAL_PATH_SIZE];
    path_of(path, "%s/%s", data, name);
    if (file != NULL && access(path, F_OK) != 0) cr_assert_eq(mkdir(path, 0755), 0);
    if (file != NULL) path_of(path, "%s/%s/%s", data, name, file);
    write_text(path, "x");
}

Test(cli_local, wiping_leaves_what_a_person_put_between_what_is_stored, .init = make_dir)
{
    static const char *const mine[] = {"notes",       "debug.log", "my.checkpoint", "old/notes-1",
                                       "events.ring", "a-0/notes", "1234.snapshot", "old/a.log"};
    struct cluster c = {0};
    char data[LOCAL_PATH_SIZE], path[LOCAL_PATH_SIZE];
    create(&c, NULL);
    path_of(data, "%s/data", c.nodes[0].home);
    cr_assert_eq(mkdir(data, 0755), 0);
    make_in(data, "a-0", "00000000000000000000.log");
    for (size_t i = 0; i < sizeof mine / sizeof mine[0]; i++) {
        char *text = copy_text(mine[i]), *folder = NULL, *file = NULL;
        if (split_pair(text, '/', &folder, &file))
            make_in(data, folder, file);
        else
            make_in(data, mine[i], NULL);
        free(text);
    }
    cr_assert_eq(cluster_wipe(&c), EXIT_OK);
    for (size_t i = 0; i < sizeof mine / sizeof mine[0]; i++) {
        path_of(path, "%s/%s", data, mine[i]);
        cr_expect_eq(access(path, F_OK), 0, "%s", mine[i]);
    }
    path_of(path, "%s/a-0/00000000000000000000.log", data);
    cr_expect_neq(access(path, F_OK), 0);
    cluster_close(&c);
    char *command = format_text("rm -r %s", dir);
    cr_assert_eq(system(command), 0);
    free(command);
}

Test(cli_local, wiping_leaves_what_is_not_ours, .init = make_dir)
{
    struct cluster c = {0};
    char path[LOCAL_PATH_SIZE], data[LOCAL_PATH_SIZE];
    create(&c, NULL);
    path_of(data, "%s/data", c.nodes[0].home);
    cr_assert_eq(mkdir(data, 0755), 0);
    make_in(data, "meta.properties", NULL);
    make_in(data, "events-12.before.ring", NULL);
    make_in(data, "replication-offset-checkpoint.2.tmp", NULL);
    make_in(data, "a.b-c-17", "00000000000000000000.log");
    make_in(data, "a.b-c-17", "00000000000000000001-4.kept");
    make_in(data, "a-0.adff4707c48e4811a8dd30e8844ed999-delete", "partition.metadata");
    path_of(path, "%s/notes", c.nodes[1].home);
    write_text(path, "x");
    cr_assert_eq(cluster_wipe(&c), EXIT_OK);
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_neq(access(c.nodes[0].home, F_OK), 0);

    unlink(path);
    rmdir(c.nodes[1].home);
    cr_assert_eq(rmdir(dir), 0, "nothing else is left");
    cluster_close(&c);
}

static unsigned long long own_start_time(void)
{
    char text[1024];
    unsigned long long start_time = 0;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[size] = 0;
    char *at = strrchr(text, ')') + 1;
    for (int field = 3; field <= 22; field++) {
        start_time = strtoull(at + 1, NULL, 10);
        at = strchr(at + 1, ' ');
    }
    return start_time;
}

static void own_pid_line(char *out, size_t size, unsigned long long start_time)
{
    char boot_id[40] = "", program[1024] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    cr_assert_eq(fscanf(f, "%39s", boot_id), 1);
    fclose(f);
    cr_assert_gt(readlink("/proc/self/exe", program, sizeof program - 1), 0);
    snprintf(out, size, "%d %llu %s %s\n", (int)getpid(), start_time, boot_id, program);
}

Test(cli_local, a_stale_pid_is_nobody, .init = make_dir)
{
    struct cluster c = {0};
    char path[LOCAL_PATH_SIZE], text[2048];
    create(&c, NULL);
    path_of(path, "%s/pid", c.nodes[0].home);
    unsigned long long start_time = own_start_time();
    own_pid_line(text, sizeof text, start_time);
    write_text(path, text);
    cr_assert_eq(process_look(&c.nodes[0]).state, PROCESS_UP, "this very process");

    own_pid_line(text, sizeof text, start_time + 1);
    write_text(path, text);
    cr_assert_eq(process_look(&c.nodes[0]).state, PROCESS_DOWN, "the same pid, started later");
    cr_assert_eq(process_look(&c.nodes[0]).pid, 0);
    cr_assert_eq(process_signal(&c.nodes[0], 9), -ERR_ABSENT);
    write_text(path, "garbage");
    cr_assert_eq(process_signal(&c.nodes[0], 9), -ERR_ABSENT);
    cr_assert_eq(cluster_wipe(&c), EXIT_OK);
    cluster_close(&c);
    rmdir(dir);
}
