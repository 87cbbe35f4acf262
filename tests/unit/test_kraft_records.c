/* The records of Kafka's metadata log, against bytes that Kafka 4.3's own classes have written; and
 * what they come to. */
#include <criterion/criterion.h>

#include "cli/import/fold.h"
#include "tests/unit/kafka_hex.h"

/* clang-format off */
#define ID      "0102030405060708090a0b0c0d0e0f10"
#define DIR_1   "00000000000000010000000000000002"
#define DIR_2   "00000000000000030000000000000004"
#define BROKER  "01 00 03 00000007 00" ID "0000000000000063 02 0250 0268 2384 0000 00 02" \
                "0266 0001 0002 00 0272 01 00 01 00 21 03" DIR_1 DIR_2
#define TOPIC   "01 02 00 07 6f7264657273" ID "00"
#define PART    "01 03 02 00000005" ID "04 00000001 00000002 00000003 02 00000002 02 00000001" \
                "02 00000003 00000002 0000000b 0000000c 04" DIR_1 DIR_2 DIR_1 \
                "02 01 05 02 00000003 02 05 02 00000001"
#define CHANGE  "01 05 02 00000005" ID "08 00 09 03 00000001 00000003 01 04 00000003" \
                "02 09 03 00000001 00000003 03 01 01 04 01 01 06 05 02 00000002 07 01 01" \
                "08 21 03" DIR_1 DIR_2
#define CONFIG  "01 04 00 02 07 6f7264657273 0d 726574656e74696f6e2e6d73 02 35 00"
#define BEGIN   "01 17 00 01 00 05 05 626f6f74"
#define END     "01 18 00 00"
#define ABORT   "01 19 00 01 00 04 04 776879"
#define REMOVE  "01 09 00" ID "00"
/* clang-format on */

static struct kafka_metadata m;

static int fold(const char *hex)
{
    uint8_t bytes[1024];
    return kafka_fold(&m, slice_of(bytes, hex_bytes(hex, bytes)));
}

static void must(const char *hex)
{
    int rc = fold(hex);
    cr_assert_eq(rc, 0, "%s: %s", hex, m.why);
}

static const struct kafka_partition *partition(void)
{
    const struct kafka_topic *t = kafka_topic_by_name(&m, "orders");
    cr_assert_not_null(t);
    const struct kafka_partition *p = kafka_partition_find(t, 5);
    cr_assert_not_null(p);
    return p;
}

static void is_set(const struct id_set *s, int32_t a, int32_t b, int32_t c)
{
    const int32_t want[] = {a, b, c};
    for (uint32_t i = 0; i < s->count; i++) cr_assert_eq(s->ids[i], want[i]);
    cr_assert_eq(s->count, (uint32_t)((a >= 0) + (b >= 0) + (c >= 0)));
}

static void end(void)
{
    kafka_metadata_close(&m);
}

TestSuite(kraft_records, .fini = end);

Test(kraft_records, what_kafka_writes_is_read_in_every_version)
{
    static const char *const all[] = {
        "010000000000070102030405060708090a0b0c0d0e0f10000000000000006302025002682384000000"
        "020266000100020002720100",
        "010001000000070102030405060708090a0b0c0d0e0f1000000000000000630202500268238400000002"
        "026600010002000272010000",
        "01000200000007000102030405060708090a0b0c0d0e0f1000000000000000630202500268238400000002"
        "026600010002000272010000",
        BROKER,
        "01000400000007000102030405060708090a0b0c0d0e0f1000000000000000630202500268238400000002"
        "0266000100020002720100010021030000000000000001000000000000000200000000000000030000000000"
        "000004",
        TOPIC,
        "010300000000050102030405060708090a0b0c0d0e0f10040000000100000002000000030200000002020000"
        "00010200000003000000020000000b0000000c00",
        "010301000000050102030405060708090a0b0c0d0e0f10040000000100000002000000030200000002020000"
        "00010200000003000000020000000b0000000c04000000000000000100000000000000020000000000000003"
        "00000000000000040000000000000001000000000000000200",
        PART,
        "010500000000050102030405060708090a0b0c0d0e0f1000",
        "010500000000050102030405060708090a0b0c0d0e0f10020001010104ffffffff",
        CHANGE,
        CONFIG,
        "010400040102780000",
        "010c00116d657461646174612e76657273696f6e001e00",
        "010f00000000010000000000000002000000000000138800",
        "011100000000070000000000000063010001ff",
        "0111030000000700000000000000630102110200000000000000010000000000000002",
        "011c00076f726465727300",
        BEGIN,
        END,
        BEGIN,
        ABORT,
        "01140000",
        "010e0001026b3ff80000000000000000",
        REMOVE,
        "01010000000007000000000000006300",
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) must(all[i]);
    cr_assert_eq(m.next_producer_id, 5000);
    cr_assert_eq(m.metadata_version, 30);
    cr_assert_eq(m.left_out[KRAFT_CLIENT_QUOTA], 1);
    cr_assert_null(m.by_id);
    cr_assert_null(m.configs);
    cr_assert_null(m.brokers);
}

Test(kraft_records, a_partition_is_what_its_record_says)
{
    must(TOPIC);
    must(PART);
    const struct kafka_partition *p = partition();
    cr_assert_eq(p->leader, 2);
    cr_assert_eq(p->leader_epoch, 11);
    cr_assert_eq(p->partition_epoch, 12);
    is_set(&p->replicas, 1, 2, 3);
    is_set(&p->isr, 2, -1, -1);
    is_set(&p->removing, 1, -1, -1);
    is_set(&p->adding, 3, -1, -1);
    is_set(&p->elr, 3, -1, -1);
    is_set(&p->last_known_elr, 1, -1, -1);
}

Test(kraft_records, a_change_raises_the_partition_epoch_and_an_election_the_leaders)
{
    must(TOPIC);
    must(PART);
    must("010500000000050102030405060708090a0b0c0d0e0f1000");
    cr_assert_eq(partition()->partition_epoch, 13);
    cr_assert_eq(partition()->leader_epoch, 11);
    is_set(&partition()->isr, 2, -1, -1);
    must(CHANGE);
    const struct kafka_partition *p = partition();
    cr_assert_eq(p->leader, 3);
    cr_assert_eq(p->leader_epoch, 12);
    cr_assert_eq(p->partition_epoch, 14);
    is_set(&p->replicas, 1, 3, -1);
    is_set(&p->isr, 1, 3, -1);
    is_set(&p->removing, -1, -1, -1);
    is_set(&p->elr, 2, -1, -1);
    is_set(&p->last_known_elr, -1, -1, -1);
}

Test(kraft_records, a_deleted_topic_takes_its_settings_along)
{
    must(TOPIC);
    must(CONFIG);
    cr_assert_str_eq(kafka_config_find(&m, 2, "orders", "retention.ms"), "5");
    must(REMOVE);
    cr_assert_null(kafka_config_find(&m, 2, "orders", "retention.ms"));
    cr_assert_null(kafka_topic_by_name(&m, "orders"));
    must(TOPIC); /* And its name is free. */
}

Test(kraft_records, a_transaction_counts_at_its_end_or_not_at_all)
{
    must(BEGIN);
    must(TOPIC);
    cr_assert_null(kafka_topic_by_name(&m, "orders"));
    must(ABORT);
    cr_assert_null(kafka_topic_by_name(&m, "orders"));
    must(BEGIN);
    must(TOPIC);
    must(PART);
    must(END);
    (void)partition();
}

Test(kraft_records, a_broker_says_how_many_log_dirs_it_has)
{
    must(BROKER);
    const struct kafka_broker *b = kafka_broker_find(&m, 7);
    cr_assert_not_null(b);
    cr_assert_eq(b->dir_count, 2);
    cr_assert_eq(b->dirs[1].bytes[15], 4);
}

static void is_refused(const char *hex, int rc, const char *why)
{
    cr_assert_eq(fold(hex), rc, "%s", hex);
    cr_assert_not_null(strstr(m.why, why), "%s", m.why);
}

Test(kraft_records, what_is_newer_or_nonsense_is_refused_by_name)
{
    static const struct {
        const char *hex;
        int rc;
        const char *why;
    } rows[] = {
        {"02 02 00", -ERR_UNSUPPORTED, "newer than Kafka 4.3"},
        {"01 03 03 00", -ERR_UNSUPPORTED, "Partition records of version 3"},
        {"01 63 00 00", -ERR_UNSUPPORTED, "kind 99"},
        {"01 06 00 00", -ERR_UNSUPPORTED, "kind 6"},
        {"010c00116d657461646174612e76657273696f6e001f00", -ERR_UNSUPPORTED,
         "metadata.version is 31"},
        {"01 02 00 07 6f72", -ERR_MALFORMED, "does not parse"},
        {"", -ERR_MALFORMED, "does not parse"},
        {"01 02 00 03 2e2e" ID "00", -ERR_INVALID, "a topic without a name"},
        {"01 02 00 04 2f2e61" ID "00", -ERR_INVALID, "a topic without a name"},
        {PART, -ERR_INVALID, "a topic that is not there"},
        {CHANGE, -ERR_INVALID, "partition 5 changes that is not there"},
        {REMOVE, -ERR_INVALID, "a topic is removed that was not there"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is_refused(rows[i].hex, rows[i].rc, rows[i].why);
        kafka_metadata_close(&m);
    }
}
