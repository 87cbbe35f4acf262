/* plain.c -- runs the tests of a program one after the other, each in a process of its own, and
 * counts as Criterion does (criterion.h beside it says why). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct plain_test *tests;
static bool has_failed; /* In the test's own process. */

void plain_add(struct plain_test *test)
{
    struct plain_test **at = &tests;
    while (*at != NULL) at = &(*at)->next;
    *at = test;
}

void plain_check(bool ok, bool is_fatal, const char *file, int line, const char *what)
{
    if (ok) return;
    (void)fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    has_failed = true;
    if (is_fatal) _exit(EXIT_FAILURE);
}

static const struct plain_test *suite_of(const struct plain_test *test)
{
    const struct plain_test *t = tests;
    while (t != NULL && (t->name != NULL || strcmp(t->suite, test->suite) != 0)) t = t->next;
    return t;
}

static void run_here(const struct plain_test *test)
{
    const struct plain_test *suite = suite_of(test);
    if (suite != NULL && suite->init != NULL) suite->init();
    if (test->init != NULL) test->init();
    test->run();
    if (test->fini != NULL) test->fini();
    if (suite != NULL && suite->fini != NULL) suite->fini();
    exit(has_failed ? EXIT_FAILURE : EXIT_SUCCESS);
}

static bool passes(const struct plain_test *test)
{
    pid_t child = fork();
    if (child == 0) run_here(test);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return false;
    bool ok = test->signal == 0 ? WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS
                                : WIFSIGNALED(status) && WTERMSIG(status) == test->signal;
    if (!ok) (void)fprintf(stderr, "FAILED %s::%s (status %x)\n", test->suite, test->name, status);
    return ok;
}

int main(void)
{
    unsigned count = 0;
    unsigned failed = 0;
    for (const struct plain_test *t = tests; t != NULL; t = t->next) {
        if (t->name == NULL) continue;
        count++;
        if (!passes(t)) failed++;
    }
    (void)printf("Tested: %u | Passing: %u | Failing: %u | Crashing: 0\n", count, count - failed,
                 failed);
    return failed == 0 && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
