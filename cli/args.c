#include "cli/args.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"

#define NAMES_MAX 40

struct parser {
    const struct usage *usage;
    int argc;
    char **argv;
    int next;
};

static void print_help(const struct usage *u)
{
    printf("usage: jackdaw %s%s%s [options]\n\n%s\n\noptions:\n", u->verb, u->operands ? " " : "",
           u->operands ? u->operands : "", u->summary);
    for (size_t i = 0; i < u->row_count; i++) {
        const struct option_row *row = &u->rows[i];
        char left[64], letter[8] = "    ";
        if (row->letter != 0) snprintf(letter, sizeof letter, "-%c, ", row->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name, row->value_name ? " " : "",
                 row->value_name ? row->value_name : "");
        printf("  %-34s %s\n", left, row->help);
    }
    printf("  %-34s %s\n\nexample:\n  %s\n\nexit status: %s\n", "-h, --help", "this text",
           u->example,
           u->statuses ? u->statuses
                       : "0 done, 1 failed (the reason is on standard error), 2 misused");
}

static enum args_result wrong(const struct usage *u, const char *what, const char *name,
                              const char *way_out)
{
    misuse("%s: %s %s%s (jackdaw %s --help)", u->verb, what, name, way_out, u->verb);
    return ARGS_WRONG;
}

static enum args_result unknown(const struct usage *u, const char *name)
{
    const char *names[NAMES_MAX];
    CHECK(u->row_count < NAMES_MAX);
    for (size_t i = 0; i < u->row_count; i++) names[i] = u->rows[i].name;
    names[u->row_count] = "help";

    const char *near = nearest_name(name, names, u->row_count + 1);
    if (near == NULL) return wrong(u, "no such option:", name, "");

    char way_out[96];
    snprintf(way_out, sizeof way_out, "; did you mean --%s?", near);
    return wrong(u, "no such option:", name, way_out);
}

static enum args_result store(const struct usage *u, const struct option_row *row,
                              const char *value)
{
    if (row->given != NULL) *row->given = true;
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)row->to = true; return ARGS_RUN;
    case OPTION_TEXT: *(const char **)row->to = value; return ARGS_RUN;
    case OPTION_LIST: strings_add(row->to, value); return ARGS_RUN;
    case OPTION_NUMBER: break;
    }
    if (number_of(value, row->min, row->max, row->to)) return ARGS_RUN;

    char way_out[96];
    snprintf(way_out, sizeof way_out, " must be a number from %lld to %lld", (long long)row->min,
             (long long)row->max);
    return wrong(u, "option", row->name, way_out);
}

static const struct option_row *find_row(const struct usage *u, const char *arg, size_t size)
{
    for (size_t i = 0; i < u->row_count; i++) {
        const struct option_row *row = &u->rows[i];
        if (arg[1] == '-') {
            bool same = strlen(row->name) == size - 2 && memcmp(row->name, arg + 2, size - 2) == 0;
            if (same) return row;
        } else if (row->letter != 0 && row->letter == arg[1]) {
            return row;
        }
    }
    return NULL;
}

/* One option at argv[next - 1]; may take the argument behind it. */
static enum args_result parse_option(struct parser *p, char *arg)
{
    bool is_long = arg[1] == '-';
    char *equals = is_long ? strchr(arg, '=') : NULL;
    size_t size = equals ? (size_t)(equals - arg) : strlen(arg);
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        print_help(p->usage);
        return ARGS_HELP;
    }
    const struct option_row *row = find_row(p->usage, arg, size);
    if (row == NULL) return unknown(p->usage, is_long ? arg + 2 : arg);

    char *value = equals ? equals + 1 : NULL;
    if (!is_long && arg[2] != 0) value = arg + 2; /* -sKILL */
    if (row->kind == OPTION_FLAG) {
        if (value != NULL) return wrong(p->usage, "takes no value:", arg, "");
        return store(p->usage, row, "");
    }
    if (value == NULL) {
        if (p->next >= p->argc) return wrong(p->usage, "a value is missing after", arg, "");
        value = p->argv[p->next++];
    }
    return store(p->usage, row, value);
}

enum args_result args_parse(const struct usage *u, int argc, char **argv, struct strings *operands)
{
    CHECK(argc >= 1);
    struct parser p = {.usage = u, .argc = argc, .argv = argv, .next = 1};
    bool operands_only = false;
    while (p.next < argc) {
        char *arg = argv[p.next++];
        if (!operands_only && strcmp(arg, "--") == 0) {
            operands_only = true;
        } else if (operands_only || arg[0] != '-' || arg[1] == 0) {
            strings_add(operands, arg);
        } else {
            enum args_result result = parse_option(&p, arg);
            if (result != ARGS_RUN) return result;
        }
    }
    if (operands->count < u->operand_min) return wrong(u, "missing:", u->operands, "");
    if (operands->count > u->operand_max) {
        return wrong(u, "too much:", operands->at[u->operand_max], "");
    }
    return ARGS_RUN;
}

enum args_result args_parse_alone(const struct usage *u, int argc, char **argv)
{
    CHECK(u->operand_max == 0);
    struct strings operands = {0};
    enum args_result result = args_parse(u, argc, argv, &operands);
    strings_close(&operands);
    return result;
}

int args_status(enum args_result result)
{
    CHECK(result != ARGS_RUN);
    return result == ARGS_HELP ? EXIT_OK : EXIT_USAGE;
}

#define DEEDS_MAX 16

const void *deed_of(const char *verb, const char *name, const void *deeds, size_t size,
                    size_t count)
{
    CHECK(count <= DEEDS_MAX);
    const char *names[DEEDS_MAX];
    for (size_t i = 0; i < count; i++) {
        const void *row = (const char *)deeds + i * size;
        memcpy(&names[i], row, sizeof names[i]);
        if (strcmp(name, names[i]) == 0) return row;
    }
    const char *near = nearest_name(name, names, count);
    (void)misuse("%s: no such thing to do: %s%s%s (jackdaw %s --help)", verb, name,
                 near ? "; did you mean " : "", near ? near : "", verb);
    return NULL;
}
