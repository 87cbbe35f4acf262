/* Real files, and the conveniences over them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs_real.h"

static char root[64];

static void make_root(void)
{
    snprintf(root, sizeof root, "/tmp/test_fs.XXXXXX");
    cr_assert_not_null(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(fs, .init = make_root, .fini = remove_root);

static const char *in_root(const char *name)
{
    static char paths[4][FS_PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, FS_PATH_MAX, "%s/%s", root, name);
    return path;
}

Test(fs, many_pieces_are_written_in_order)
{
    struct fs *fs = fs_real();
    struct file *file = NULL;
    cr_assert_eq(fs->ops->open(fs, in_root("f"), FS_READ | FS_WRITE | FS_CREATE, &file), 0);
    uint32_t numbers[300];
    struct iovec iov[300];
    for (uint32_t i = 0; i < 300; i++) {
        numbers[i] = i;
        iov[i] = (struct iovec){&numbers[i], i % 7 == 0 ? 0 : sizeof numbers[i]};
    }
    cr_assert_eq(fs->ops->pwritev(fs, file, iov, 300, 5), 0);
    uint64_t size = 0;
    cr_assert_eq(fs->ops->size(fs, file, &size), 0);
    cr_assert_eq(size, 5 + 4 * (300 - 43));
    uint32_t back[300];
    size_t got = 0;
    cr_assert_eq(fs->ops->pread(fs, file, back, sizeof back, 5, &got), 0);
    cr_assert_eq(got, size - 5);
    for (uint32_t i = 0, at = 0; i < 300; i++) {
        if (i % 7 != 0) cr_assert_eq(back[at++], i);
    }
    cr_assert_eq(fs->ops->truncate(fs, file, 9), 0);
    cr_assert_eq(fs->ops->sync(fs, file), 0);
    cr_assert_eq(fs->ops->pread(fs, file, back, sizeof back, 5, &got), 0);
    cr_assert_eq(got, 4);
    fs->ops->close(fs, file);
    cr_assert_eq(fs->ops->sync_all(fs, root), 0);
}

Test(fs, errors_have_their_names)
{
    struct fs *fs = fs_real();
    struct file *file = NULL;
    cr_expect_eq(fs->ops->open(fs, in_root("none"), FS_READ, &file), -ERR_ABSENT);
    cr_assert_eq(fs->ops->open(fs, in_root("f"), FS_WRITE | FS_CREATE, &file), 0);
    fs->ops->close(fs, file);
    unsigned excl = FS_WRITE | FS_CREATE | FS_EXCL;
    cr_expect_eq(fs->ops->open(fs, in_root("f"), excl, &file), -ERR_EXISTS);
    cr_expect_eq(fs->ops->unlink(fs, in_root("none")), -ERR_ABSENT);
    cr_expect_eq(fs->ops->mkdir(fs, in_root("d")), 0);
    cr_expect_eq(fs->ops->mkdir(fs, in_root("d")), 0, "existing is fine");
    cr_expect_eq(fs->ops->mkdir(fs, in_root("f")), -ERR_EXISTS, "a file is not");
    cr_assert_eq(fs_replace_file(fs, in_root("d/x"), "x", 1), 0);
    cr_expect_eq(fs->ops->rmdir(fs, in_root("d")), -ERR_EXISTS);

    /* A device that is always full. */
    cr_assert_eq(fs->ops->open(fs, "/dev/full", FS_WRITE, &file), 0);
    struct iovec iov = {root, 4};
    cr_expect_eq(fs->ops->pwritev(fs, file, &iov, 1, 0), -ERR_FULL);
    fs->ops->close(fs, file);
}

static void add_name(void *arg, const struct fs_entry *entry)
{
    char *names = arg;
    size_t size = strlen(names);
    snprintf(names + size, 256 - size, "%s%s ", entry->name, entry->is_dir ? "/" : "");
}

Test(fs, a_listing_is_in_byte_order)
{
    struct fs *fs = fs_real();
    cr_assert_eq(fs_replace_file(fs, in_root("b"), "1", 1), 0);
    cr_assert_eq(fs_replace_file(fs, in_root("a10"), "1", 1), 0);
    cr_assert_eq(fs_replace_file(fs, in_root("B"), "1", 1), 0);
    cr_assert_eq(fs->ops->mkdir(fs, in_root("a9")), 0);
    char names[256] = "";
    cr_assert_eq(fs->ops->list(fs, root, add_name, names), 0);
    cr_assert_str_eq(names, "B a10 a9/ b ");
}

Test(fs, a_file_is_replaced_whole)
{
    struct fs *fs = fs_real();
    uint8_t *bytes = NULL;
    size_t size = 0;
    cr_assert_eq(fs_read_file(fs, in_root("f"), 100, &bytes, &size), -ERR_ABSENT);
    cr_assert_eq(fs_replace_file(fs, in_root("f"), "first, and long", 15), 0);
    cr_assert_eq(fs_replace_file(fs, in_root("f"), "second", 6), 0);
    cr_assert_eq(fs_read_file(fs, in_root("f"), 100, &bytes, &size), 0);
    cr_assert_eq(size, 6);
    cr_assert_str_eq((char *)bytes, "second");
    free(bytes);
    cr_assert_eq(fs_read_file(fs, in_root("f"), 5, &bytes, &size), -ERR_LIMIT);
    cr_assert_null(bytes);
    cr_assert_neq(access(in_root("f.tmp"), F_OK), 0);
}

Test(fs, a_tree_of_two_levels_is_removed_and_a_deeper_one_is_not)
{
    struct fs *fs = fs_real();
    cr_assert_eq(fs->ops->mkdir(fs, in_root("p")), 0);
    cr_assert_eq(fs->ops->mkdir(fs, in_root("p/q")), 0);
    cr_assert_eq(fs_replace_file(fs, in_root("p/1"), "1", 1), 0);
    cr_assert_eq(fs_replace_file(fs, in_root("p/q/2"), "2", 1), 0);
    cr_assert_eq(fs_remove_tree(fs, in_root("p")), 0);
    cr_assert_neq(access(in_root("p"), F_OK), 0);
    cr_assert_eq(fs_remove_tree(fs, in_root("p")), -ERR_ABSENT);

    cr_assert_eq(fs->ops->mkdir(fs, in_root("p")), 0);
    cr_assert_eq(fs->ops->mkdir(fs, in_root("p/q")), 0);
    cr_assert_eq(fs->ops->mkdir(fs, in_root("p/q/r")), 0);
    cr_assert_neq(fs_remove_tree(fs, in_root("p")), 0);
    cr_assert_eq(access(in_root("p/q/r"), F_OK), 0);
}

Test(fs, a_lock_lasts_as_long_as_its_process)
{
    struct fs *fs = fs_real();
    int go[2];
    int done[2];
    cr_assert_eq(pipe(go), 0);
    cr_assert_eq(pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        char c = fs->ops->lock(fs, root) == 0 ? 'y' : 'n';
        if (write(done[1], &c, 1) != 1) _exit(1);
        if (read(go[0], &c, 1) != 1) _exit(1);
        _exit(0);
    }
    char c = 0;
    cr_assert_eq(read(done[0], &c, 1), 1);
    cr_assert_eq(c, 'y');
    cr_expect_eq(fs->ops->lock(fs, root), -ERR_BUSY);
    cr_assert_eq(write(go[1], "x", 1), 1);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_eq(fs->ops->lock(fs, root), 0);
    cr_expect_eq(fs->ops->lock(fs, root), -ERR_BUSY, "not even we have it twice");
    cr_expect_eq(fs->ops->lock(fs, in_root("none")), -ERR_ABSENT);
}

Test(fs, the_boot_mark_names_boot_and_device)
{
    struct fs *fs = fs_real();
    char a[128];
    char b[128];
    char c[128];
    cr_assert_eq(fs->ops->boot_mark(fs, root, a, sizeof a), 0);
    cr_assert_eq(fs->ops->boot_mark(fs, root, b, sizeof b), 0);
    cr_assert_eq(fs->ops->boot_mark(fs, "/proc", c, sizeof c), 0);
    cr_assert_str_eq(a, b);
    cr_assert_str_neq(a, c);
    cr_assert_eq(fs->ops->boot_mark(fs, root, a, 8), -ERR_LIMIT);
    struct fs_space space;
    cr_assert_eq(fs->ops->space(fs, root, &space), 0);
    cr_assert_gt(space.total_bytes, space.free_bytes);
}
