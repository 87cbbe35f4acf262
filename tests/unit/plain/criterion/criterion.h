/* criterion.h -- as much of Criterion as our tests use, for a build with ThreadSanitizer: Criterion
 * wants memory at addresses that ThreadSanitizer has for itself. Each test runs in a process of its
 * own here too; a report of the sanitizer ends that process with a status that is not 0.
 */
#ifndef TESTS_UNIT_PLAIN_CRITERION_CRITERION_H
#define TESTS_UNIT_PLAIN_CRITERION_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_test {
    struct plain_test *next;
    const char *suite;
    const char *name; /* NULL: what all tests of the suite have. */
    void (*run)(void);
    void (*init)(void);
    void (*fini)(void);
    int signal; /* With which the test is expected to end. */
    double timeout;
};

void plain_add(struct plain_test *test);
void plain_check(bool ok, bool is_fatal, const char *file, int line, const char *what);

#define PLAIN_ADD(symbol)                                       \
    __attribute__((constructor)) static void add_##symbol(void) \
    {                                                           \
        plain_add(&symbol);                                     \
    }

#define TestSuite(suite_, ...)                                                       \
    static struct plain_test plain_suite_##suite_ = {.suite = #suite_, __VA_ARGS__}; \
    PLAIN_ADD(plain_suite_##suite_)                                                  \
    _Static_assert(true, "a semicolon may follow")

#define Test(suite_, name_, ...)                                                 \
    static void suite_##_##name_(void);                                          \
    static struct plain_test plain_##suite_##_##name_ = {                        \
        .suite = #suite_, .name = #name_, .run = suite_##_##name_, __VA_ARGS__}; \
    PLAIN_ADD(plain_##suite_##_##name_)                                          \
    static void suite_##_##name_(void)

#define PLAIN(fatal, ok, text) plain_check((ok), fatal, __FILE__, __LINE__, text)

#define cr_assert(a, ...) PLAIN(true, (a), #a)
#define cr_assert_not(a, ...) PLAIN(true, !(a), "not " #a)
#define cr_assert_fail(...) PLAIN(true, false, "fail")
#define cr_assert_null(a, ...) PLAIN(true, (a) == NULL, #a " is null")
#define cr_assert_not_null(a, ...) PLAIN(true, (a) != NULL, #a " is not null")
#define cr_assert_eq(a, b, ...) PLAIN(true, (a) == (b), #a " == " #b)
#define cr_assert_neq(a, b, ...) PLAIN(true, (a) != (b), #a " != " #b)
#define cr_assert_lt(a, b, ...) PLAIN(true, (a) < (b), #a " < " #b)
#define cr_assert_leq(a, b, ...) PLAIN(true, (a) <= (b), #a " <= " #b)
#define cr_assert_gt(a, b, ...) PLAIN(true, (a) > (b), #a " > " #b)
#define cr_assert_geq(a, b, ...) PLAIN(true, (a) >= (b), #a " >= " #b)
#define cr_assert_str_eq(a, b, ...) PLAIN(true, strcmp((a), (b)) == 0, #a " reads " #b)
#define cr_assert_str_neq(a, b, ...) PLAIN(true, strcmp((a), (b)) != 0, #a " reads not " #b)
#define cr_assert_arr_eq(a, b, size, ...) PLAIN(true, memcmp((a), (b), (size)) == 0, #a " is " #b)
#define cr_expect(a, ...) PLAIN(false, (a), #a)
#define cr_expect_not(a, ...) PLAIN(false, !(a), "not " #a)
#define cr_expect_null(a, ...) PLAIN(false, (a) == NULL, #a " is null")
#define cr_expect_not_null(a, ...) PLAIN(false, (a) != NULL, #a " is not null")
#define cr_expect_eq(a, b, ...) PLAIN(false, (a) == (b), #a " == " #b)
#define cr_expect_neq(a, b, ...) PLAIN(false, (a) != (b), #a " != " #b)
#define cr_expect_lt(a, b, ...) PLAIN(false, (a) < (b), #a " < " #b)
#define cr_expect_leq(a, b, ...) PLAIN(false, (a) <= (b), #a " <= " #b)
#define cr_expect_gt(a, b, ...) PLAIN(false, (a) > (b), #a " > " #b)
#define cr_expect_geq(a, b, ...) PLAIN(false, (a) >= (b), #a " >= " #b)
#define cr_expect_str_eq(a, b, ...) PLAIN(false, strcmp((a), (b)) == 0, #a " reads " #b)

#endif
