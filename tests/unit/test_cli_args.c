#include <criterion/criterion.h>
#include <string.h>

#include "cli/args.h"
#include "cli/text.h"

struct options {
    const char *dir;
    int64_t port;
    bool port_given;
    bool wipe;
    struct strings sets;
};

static enum args_result parse(struct options *o, struct strings *operands, const char *line)
{
    const struct option_row rows[] = {
        OPT_TEXT("dir", 'd', &o->dir, "DIR", "where"),
        OPT_GIVEN("port", &o->port, "PORT", 1, 65535, &o->port_given, "which"),
        OPT_FLAG("wipe", 0, &o->wipe, "what"),
        OPT_LIST("set", 0, &o->sets, "KEY=VALUE", "how"),
    };
    const struct usage usage = {
        .verb = "test",
        .operands = "NAME",
        .operand_max = 1,
        .summary = "",
        ROWS(rows),
        .example = "",
    };
    static struct strings argv; /* Options point into it. */
    strings_close(&argv);
    strings_split(&argv, line, ' ');
    *o = (struct options){.dir = "default"};
    return args_parse(&usage, (int)argv.count, argv.at, operands);
}

Test(cli_args, options_may_follow_operands)
{
    struct options o;
    struct strings operands = {0};
    cr_assert_eq(parse(&o, &operands, "kill broker-2 --dir x --port=7 --set a=b --set c=d=e"),
                 ARGS_RUN);
    cr_assert_eq(operands.count, 1);
    cr_assert_str_eq(operands.at[0], "broker-2");
    cr_assert_str_eq(o.dir, "x");
    cr_assert_eq(o.port, 7);
    cr_assert(o.port_given);
    cr_assert(!o.wipe);
    cr_assert_eq(o.sets.count, 2);
    cr_assert_str_eq(o.sets.at[1], "c=d=e");
    strings_close(&o.sets);
    strings_close(&operands);
}

Test(cli_args, letters_take_their_value_with_or_without_a_blank)
{
    struct options o;
    struct strings operands = {0};
    cr_assert_eq(parse(&o, &operands, "kill -dx"), ARGS_RUN);
    cr_assert_str_eq(o.dir, "x");
    cr_assert_eq(parse(&o, &operands, "kill -d y"), ARGS_RUN);
    cr_assert_str_eq(o.dir, "y");
    cr_assert(!o.port_given);
}

Test(cli_args, what_follows_two_dashes_is_an_operand)
{
    struct options o;
    struct strings operands = {0};
    cr_assert_eq(parse(&o, &operands, "kill -- --wipe"), ARGS_RUN);
    cr_assert_eq(operands.count, 1);
    cr_assert_str_eq(operands.at[0], "--wipe");
    cr_assert(!o.wipe);
    strings_close(&operands);
}

Test(cli_args, what_is_wrong_is_refused)
{
    static const char *const lines[] = {
        "kill --prt 7",      "kill --port x",  "kill --port 0",
        "kill --port 65536", "kill --port",    "kill --wipe=1",
        "kill a b",          "kill --port 7x", "kill --port 99999999999999999999",
        "kill -z",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct options o;
        struct strings operands = {0};
        cr_assert_eq(parse(&o, &operands, lines[i]), ARGS_WRONG, "%s", lines[i]);
        strings_close(&operands);
    }
}

Test(cli_text, the_nearest_name_is_the_one_that_was_meant)
{
    static const char *const names[] = {"up", "topics", "produce", "bootstrap"};
    static const struct {
        const char *typed, *meant;
    } rows[] = {{"tpics", "topics"},   {"topic", "topics"},  {"pruduce", "produce"},
                {"boot", "bootstrap"}, {"xyzzyxyzzy", NULL}, {"", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *near = nearest_name(rows[i].typed, names, 4);
        if (rows[i].meant == NULL) {
            cr_assert_null(near, "%s", rows[i].typed);
        } else {
            cr_assert_str_eq(near, rows[i].meant);
        }
    }
}

Test(cli_text, a_number_fills_its_text_and_its_bounds)
{
    int64_t n = 0;
    cr_assert(number_of("-5", -5, 5, &n));
    cr_assert_eq(n, -5);
    cr_assert(!number_of("6", -5, 5, &n));
    cr_assert(!number_of("", -5, 5, &n));
    cr_assert(!number_of("5 ", -5, 5, &n));
}

Test(args, a_deed_is_found_by_its_name)
{
    static const struct {
        const char *name;
        int number;
    } deeds[] = {{"list", 1}, {"describe", 2}};
    cr_expect_eq(DEED_OF("topics", "describe", deeds), &deeds[1]);
    cr_expect_null(DEED_OF("topics", "describ", deeds));
}
