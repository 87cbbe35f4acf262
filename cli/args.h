/* args.h -- options as tables: what a verb takes, and the help that says so, from the same rows.
 *
 * Options may stand before, between and after operands, as --name VALUE, --name=VALUE or -n VALUE;
 * what follows "--" is operands only. --help (-h) is understood by every verb.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/text.h"

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *, into argv */
    OPTION_NUMBER, /* int64_t, within min..max */
    OPTION_LIST,   /* struct strings; may be given again and again */
};

struct option_row {
    const char *name;
    char letter; /* 0: none */
    enum option_kind kind;
    void *to;
    const char *value_name; /* NULL for a flag. */
    const char *help;
    int64_t min;
    int64_t max;
    bool *given; /* NULL, or set when the option was there. */
};

struct usage {
    const char *verb;
    const char *operands; /* As help shows them: "NAME". NULL: none. */
    size_t operand_min;
    size_t operand_max;
    const char *summary;
    const struct option_row *rows;
    size_t row_count;
    const char *example;
    const char *statuses; /* NULL: the usual three. */
};

enum args_result {
    ARGS_RUN,
    ARGS_HELP,  /* Help was asked for and has been printed. */
    ARGS_WRONG, /* What was wrong has been said. */
};

/* argv[0] is the verb itself. */
enum args_result args_parse(const struct usage *usage, int argc, char **argv,
                            struct strings *operands);

/* The same for a verb that takes no operands. */
enum args_result args_parse_alone(const struct usage *usage, int argc, char **argv);

/* The row of a table of things that a verb does, by its name; each row begins with one. NULL: there
 * is none, which has been said, with the nearest: the exit status is EXIT_USAGE. */
const void *deed_of(const char *verb, const char *name, const void *deeds, size_t size,
                    size_t count);
#define DEED_OF(verb, name, table) \
    deed_of((verb), (name), (table), sizeof(table)[0], sizeof(table) / sizeof(table)[0])

/* The exit status after ARGS_HELP or ARGS_WRONG. */
int args_status(enum args_result result);

#define OPT_FLAG(name, letter, to, help)                      \
    {                                                         \
        name, letter, OPTION_FLAG, to, NULL, help, 0, 0, NULL \
    }
#define OPT_TEXT(name, letter, to, value, help)                \
    {                                                          \
        name, letter, OPTION_TEXT, to, value, help, 0, 0, NULL \
    }
#define OPT_LIST(name, letter, to, value, help)                \
    {                                                          \
        name, letter, OPTION_LIST, to, value, help, 0, 0, NULL \
    }
#define OPT_NUMBER(name, letter, to, value, min, max, help)          \
    {                                                                \
        name, letter, OPTION_NUMBER, to, value, help, min, max, NULL \
    }
#define OPT_GIVEN(name, to, value, min, max, given, help)        \
    {                                                            \
        name, 0, OPTION_NUMBER, to, value, help, min, max, given \
    }

#define ROWS(table) .rows = (table), .row_count = sizeof(table) / sizeof((table)[0])

#endif
