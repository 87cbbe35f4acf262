/* The reference page of a node's keys, printed from their table. */
#include <inttypes.h>
#include <string.h>

#include "common/check.h"
#include "proto/config.h"
#include "proto/topic_configs.h"

static const char *const heads[] = {
    [CONFIG_HONOURED] = "## Honoured\n\n| key | default | range | obeyed by | what it is |\n"
                        "|---|---|---|---|---|\n",
    [CONFIG_SEED] =
        "\n## Defaults of the cluster\n\n"
        "Brokers must agree on these, so they live in the replicated metadata. A file's value\n"
        "becomes the cluster's at its birth; a file that differs later is said in the "
        "controller's\n"
        "log, and `IncrementalAlterConfigs` changes them. \"Not yet\": kept and shown, and "
        "nothing\n"
        "obeys it yet.\n\n| key | default | range | what it is |\n|---|---|---|---|\n",
    [CONFIG_NO_EFFECT] =
        "\n## Accepted without effect\n\nSaid once at start. The value must still be of its kind.\n"
        "\n| key | why |\n|---|---|\n",
    [CONFIG_REFUSED] =
        "\n## Refused\n\nThe node does not start. The value in the middle is let through.\n"
        "\n| key | but for | why, and the way out |\n|---|---|---|\n",
};

static void print_default(FILE *out, const char *text)
{
    if (text != NULL && text[0] != '\0') (void)fprintf(out, "`%s`", text);
}

static void print_bound(FILE *out, int64_t bound)
{
    if (bound == INT64_MAX || bound == INT64_MIN || bound == INT32_MAX) return;
    (void)fprintf(out, "%" PRId64, bound);
}

/* A bound that is the type's own says nothing. */
static void print_range(FILE *out, int64_t min, int64_t max)
{
    print_bound(out, min);
    (void)fputs(" ... ", out);
    print_bound(out, max);
}

static void print_honoured(FILE *out, const struct server_key *k)
{
    static const char *const who[] = {"both", "broker", "controller"};
    (void)fprintf(out, "| `%s` | ", k->name);
    print_default(out, k->otherwise);
    (void)fputs(" | ", out);
    if (k->kind == CONFIG_NUMBER) print_range(out, k->min, k->max);
    if (k->kind == CONFIG_FLAG) (void)fputs("true, false", out);
    (void)fprintf(out, " | %s | %s |\n", who[k->who], k->text);
}

static void print_words(FILE *out, const char *words)
{
    for (; *words != '\0'; words++) {
        (void)fputc(*words, out);
        if (*words == ',') (void)fputc(' ', out);
    }
}

static void print_seed(FILE *out, const char *name)
{
    const struct config_key *k = cluster_config_find(slice_of_text(name));
    CHECK(k != NULL);
    (void)fprintf(out, "| `%s` | ", name);
    print_default(out, k->otherwise);
    (void)fputs(" | ", out);
    if (k->type == CONFIG_INT || k->type == CONFIG_LONG) print_range(out, k->min, k->max);
    if (k->type == CONFIG_DOUBLE) (void)fputs("0 ... 1", out);
    if (k->type == CONFIG_BOOLEAN && k->valid == NULL) (void)fputs("true, false", out);
    if (k->valid != NULL) print_words(out, k->valid);
    (void)fprintf(out, " | %s%s |\n", k->doc, k->has_effect ? "" : " (not yet)");
}

static void print_key(FILE *out, const struct server_key *k)
{
    switch (k->verdict) {
    case CONFIG_HONOURED: print_honoured(out, k); return;
    case CONFIG_SEED: print_seed(out, k->name); return;
    case CONFIG_NO_EFFECT: (void)fprintf(out, "| `%s` | %s |\n", k->name, k->text); return;
    case CONFIG_REFUSED:
        (void)fprintf(out, "| `%s` | ", k->name);
        if (k->otherwise != NULL)
            (void)fprintf(out, "%s", k->otherwise[0] == '\0' ? "nothing" : k->otherwise);
        (void)fprintf(out, " | %s |\n", k->text);
        return;
    }
}

void config_print_page(FILE *out)
{
    (void)fputs("# The keys of a node\n\n"
                "Printed by `jackdaw-broker --help-config`; a test compares. Every key of Apache "
                "Kafka 4 is here.\n"
                "They are read from `--config FILE`, then the environment (`KAFKA_NODE_ID` or "
                "`JACKDAW_NODE_ID` is\n`node.id`: `_` is `.`, `__` is `_`, `___` is `-`), then "
                "`--set key=value`; the last one wins.\n\n",
                out);
    for (int verdict = CONFIG_HONOURED; verdict <= CONFIG_REFUSED; verdict++) {
        (void)fputs(heads[verdict], out);
        const struct server_key *k;
        for (uint32_t i = 0; (k = config_key_at(i)) != NULL; i++) {
            if ((int)k->verdict == verdict) print_key(out, k);
        }
    }
}
