/* A node's keys: what is read, what is refused and how it is said, and what both programs make of
 * Apache Kafka's own files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/configure.h"
#include "controller/configure.h"
#include "proto/node_config.h"
#include "proto/topic_configs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct server_config c;
static struct broker_options broker;
static struct controller_options controller;

static void start(void)
{
    config_close(&c);
    memset(&c, 0, sizeof c);
}

static int load(const char *text)
{
    char path[] = "/tmp/jackdaw-config-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    start();
    int rc = config_load_file(&c, path);
    unlink(path);
    return rc;
}

/* A broker of one machine, so that a test says only what it is about. */
static int load_broker(const char *text)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "node.id=1\ncontroller.quorum.voters=101@127.0.0.1:9093\n%s\n",
             text);
    int rc = load(whole);
    return rc == 0 ? broker_configure(&c, &broker) : rc;
}

static int load_controller(const char *text)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "node.id=101\ncontroller.quorum.voters=101@127.0.0.1:9093\n%s\n",
             text);
    int rc = load(whole);
    return rc == 0 ? controller_configure(&c, &controller) : rc;
}

static void expect_refusal(int rc, const char *about, const char *words)
{
    cr_expect_eq(rc, -ERR_INVALID, "%s was not refused", about);
    cr_expect(strstr(c.error, words) != NULL, "%s: \"%s\" does not say \"%s\"", about, c.error,
              words);
    cr_expect(strchr(c.error, '\n') == NULL, "%s: more than one line", about);
}

/* ---- The table. ---- */

Test(config, every_row_of_the_table_is_sound)
{
    const struct server_key *k;
    uint32_t seeds = 0, rows = 0;
    for (uint32_t i = 0; (k = config_key_at(i)) != NULL; i++) {
        rows++;
        cr_expect_eq(config_key_find(k->name), k, "%s stands twice", k->name);
        if (k->verdict == CONFIG_SEED) {
            seeds++;
            cr_expect(cluster_config_find(slice_of_text(k->name)) != NULL, "%s", k->name);
            continue;
        }
        cr_expect(k->text != NULL && k->text[0] != '\0', "%s says nothing", k->name);
        if (k->verdict != CONFIG_HONOURED || k->otherwise == NULL) continue;
        start();
        cr_expect_eq(config_set(&c, k->name, k->otherwise), 0, "the default of %s: %s", k->name,
                     c.error);
    }
    cr_expect(rows > 350 && rows < SERVER_CONFIG_MAX);
    cr_expect(seeds > 20 && seeds <= NODE_SEEDS_MAX);
}

/* What may be changed by command may be said in a file, too. */
Test(config, every_default_of_the_cluster_has_a_row)
{
    for (uint32_t i = 0; i < cluster_config_count(); i++)
        cr_expect(config_key_find(cluster_config_at(i)->name) != NULL, "%s",
                  cluster_config_at(i)->name);
    for (uint32_t i = 0; i < topic_config_count(); i++) {
        const char *name = topic_config_at(i)->synonym;
        cr_expect(name == NULL || config_key_find(name) != NULL, "%s", name);
    }
}

/* ---- What is not right, and how it is said. ---- */

Test(config, an_unknown_key_names_the_nearest)
{
    static const char *const slips[][2] = {
        {"num.partition", "num.partitions"},
        {"nodeid", "node.id"},
        {"advertised.listener", "advertised.listeners"},
        {"log.retention.hour", "log.retention.hours"},
        {"controler.quorum.voters", "controller.quorum.voters"},
        {"min.in.sync.replicas", "min.insync.replicas"},
    };
    for (size_t i = 0; i < COUNT(slips); i++) {
        char words[128];
        snprintf(words, sizeof words, "unknown key %s: did you mean %s?", slips[i][0], slips[i][1]);
        start();
        expect_refusal(config_set(&c, slips[i][0], "1"), slips[i][0], words);
    }
}

Test(config, a_value_outside_its_range_is_refused_with_the_range)
{
    static const char *const wrong[][3] = {
        {"num.shards", "0", "from 1 to 63"},
        {"num.shards", "64", "from 1 to 63"},
        {"num.shards", "two", "a whole number"},
        {"num.shards", "", "a whole number"},
        {"node.id", "-1", "from 0 to 2147483647"},
        {"node.id", "2147483648", "from 0 to 2147483647"},
        {"node.id", "99999999999999999999", "a whole number"},
        {"socket.request.max.bytes", "4294967297", "from 1024 to 2147483647"},
        {"broker.heartbeat.interval.ms", "0", "from 10 to"},
        {"controller.quorum.election.timeout.ms", "99", "from 100 to"},
        {"num.io.threads", "0", "from 1 to"},
        {"auto.create.topics.enable", "yes", "true or false"},
        {"log.cleaner.io.buffer.load.factor", "much", "a decimal number"},
        {"min.insync.replicas", "0", "from 1 to"},
        {"log.cleanup.policy", "shrink", "compact,delete"},
        {"log.retention.ms", "-2", "from -1 to"},
        {"compression.type", "rar", "zstd"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        start();
        expect_refusal(config_set(&c, wrong[i][0], wrong[i][1]), wrong[i][0], wrong[i][2]);
        cr_expect(strstr(c.error, wrong[i][0]) != NULL, "%s is not named", wrong[i][0]);
    }
}

Test(config, what_is_refused_says_the_way_out)
{
    static const char *const wrong[][3] = {
        {"zookeeper.connect", "zk:2181", "controller.quorum.voters"},
        {"zookeeper.session.timeout.ms", "1", "controller.quorum.voters"},
        {"ssl.keystore.location", "/k", "leave the key out"},
        {"sasl.enabled.mechanisms", "PLAIN", "leave the key out"},
        {"authorizer.class.name", "org.Acls", "trusted networks"},
        {"listener.name.external.ssl.keystore.location", "/k", "PLAINTEXT"},
        {"security.inter.broker.protocol", "SSL", "PLAINTEXT"},
        {"host.name", "x", "listeners"},
        {"delete.topic.enable", "false", "leave the key out"},
        {"remote.log.storage.system.enable", "true", "leave the key out"},
        {"log.message.timestamp.difference.max.ms", "1", "log.message.timestamp.before.max.ms"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        start();
        expect_refusal(config_set(&c, wrong[i][0], wrong[i][1]), wrong[i][0], wrong[i][2]);
    }
}

Test(config, a_refused_key_that_asks_for_nothing_passes)
{
    static const char *const right[][2] = {
        {"security.inter.broker.protocol", "PLAINTEXT"},
        {"authorizer.class.name", ""},
        {"ssl.client.auth", "none"},
        {"delete.topic.enable", "true"},
        {"remote.log.storage.system.enable", "false"},
    };
    for (size_t i = 0; i < COUNT(right); i++) {
        start();
        cr_expect_eq(config_set(&c, right[i][0], right[i][1]), 0, "%s", c.error);
    }
}

Test(config, a_file_that_is_wrong_is_named_with_the_line)
{
    expect_refusal(load("# a comment\n\nnode.id=1\nno.such.key=2\n"), "line 4", ":4: unknown key");
    expect_refusal(load("node.id=1\nlisteners\n"), "no value", ":2: \"listeners\" has no \"=\"");
    start();
    cr_expect_eq(config_load_file(&c, "/nonexistent/x.properties"), -ERR_ABSENT);
    cr_expect(strstr(c.error, "/nonexistent/x.properties: ") != NULL);

    static char line[10000];
    memset(line, 'x', sizeof line - 1);
    expect_refusal(load(line), "a long line", "longer than");
}

/* ---- Kafka's format, the environment, and who wins. ---- */

Test(config, a_file_is_read_as_java_reads_it)
{
    cr_assert_eq(load("  node.id = 7 \r\n"
                      "! also a comment \\\n"
                      "broker.rack:a\\:b\\\\c\n"
                      "log.dirs /data one\n"
                      "listeners=A://127.0.0.1:1,\\\n"
                      "    \t B://127.0.0.1:2\n"
                      "num.shards=1\n"
                      "num.shards=3"),
                 0, "%s", c.error);
    cr_expect_str_eq(config_text(&c, "node.id"), "7");
    cr_expect_str_eq(config_text(&c, "broker.rack"), "a:b\\c");
    cr_expect_str_eq(config_text(&c, "log.dirs"), "/data one");
    cr_expect_str_eq(config_text(&c, "listeners"), "A://127.0.0.1:1,B://127.0.0.1:2");
    cr_expect_eq(config_number_of(&c, "num.shards"), 3);
}

Test(config, the_environment_names_keys_as_kafkas_images_do)
{
    char *environment[] = {"PATH=/bin",
                           "KAFKA_NODE_ID=5",
                           "KAFKA_LISTENERS=A://:9",
                           "JACKDAW_NODE_ID=6",
                           "KAFKA_HEAP_OPTS=-Xmx1G",
                           "KAFKA_JMX_PORT=1",
                           "KAFKA_PORT=tcp://10.0.0.1:9092",
                           "KAFKA_PORT_9092_TCP_ADDR=10.0.0.1",
                           "KAFKA_SERVICE_HOST=10.0.0.1",
                           "KAFKA_NUM_PARTITION=1",
                           NULL};
    char *text = NULL;
    size_t size = 0;
    FILE *notes = open_memstream(&text, &size);
    start();
    cr_assert_eq(config_load_environment(&c, environment, notes), 0, "%s", c.error);
    fclose(notes);
    cr_expect_eq(config_number_of(&c, "node.id"), 6);
    cr_expect_str_eq(config_text(&c, "listeners"), "A://:9");
    cr_expect_str_eq(text, "KAFKA_NUM_PARTITION in the environment is passed over: no key "
                           "num.partition; the nearest is num.partitions\n");
    free(text);

    char *wrong[] = {"KAFKA_NUM_SHARDS=none", NULL};
    start();
    expect_refusal(config_load_environment(&c, wrong, NULL), "environment",
                   "the environment: num.");
}

Test(config, the_command_line_wins_over_the_environment_over_the_file)
{
    char path[] = "/tmp/jackdaw-config-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "node.id=1\nnum.shards=1\nbroker.rack=file\n", 40), 40);
    close(fd);
    char *argv[] = {"jackdaw-broker", "--set", "node.id=3", "--config", path, "--shards", "4"};
    char *environment[] = {"KAFKA_NODE_ID=2", "KAFKA_NUM_SHARDS=2", NULL};
    start();
    cr_assert_eq(config_load_command_line(&c, 7, argv, environment, NULL), 0, "%s", c.error);
    unlink(path);
    cr_expect_eq(config_number_of(&c, "node.id"), 3);
    cr_expect_eq(config_number_of(&c, "num.shards"), 4);
    cr_expect_str_eq(config_text(&c, "broker.rack"), "file");

    char *bare[] = {"jackdaw-broker", "--set", "node.id"};
    start();
    expect_refusal(config_load_command_line(&c, 3, bare, environment + 2, NULL), "--set node.id",
                   "--set wants KEY=VALUE");
    start();
    expect_refusal(config_load_command_line(&c, 2, bare, environment + 2, NULL), "--set",
                   "without a value");
}

/* ---- Addresses. ---- */

Test(config, addresses_of_every_kind_are_read)
{
    static const struct {
        const char *text;
        const char *host; /* NULL: refused. */
        uint16_t port;
    } cases[] = {
        {"A://host:9092", "host", 9092},
        {"A://:9092", "", 9092},
        {"A://0.0.0.0:1", "0.0.0.0", 1},
        {"A://[::1]:9092", "::1", 9092},
        {"A://[::]:65535", "::", 65535},
        {"A://[fe80::1%eth0]:9", "fe80::1%eth0", 9},
        {" A://host:9092 ", "host", 9092},
        {"A://::1:9092", NULL, 0},
        {"A://[::1]", NULL, 0},
        {"A://[]:1", NULL, 0},
        {"A://host", NULL, 0},
        {"A://host:", NULL, 0},
        {"A://host:0", NULL, 0},
        {"A://host:65536", NULL, 0},
        {"A://host:9092x", NULL, 0},
        {"host:9092", NULL, 0},
        {"://host:9092", NULL, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *rest = cases[i].text;
        char name[8], host[ENV_HOST_MAX];
        uint16_t port = 0;
        int rc = config_next_address(&rest, "://", name, sizeof name, host, sizeof host, &port);
        if (cases[i].host == NULL) {
            cr_expect_eq(rc, -ERR_INVALID, "%s was read", cases[i].text);
            continue;
        }
        cr_expect_eq(rc, 1, "%s was not read", cases[i].text);
        cr_expect_str_eq(name, "A");
        cr_expect_str_eq(host, cases[i].host);
        cr_expect_eq(port, cases[i].port);
        cr_expect_eq(config_next_address(&rest, "://", name, sizeof name, host, sizeof host, &port),
                     0);
    }
}

Test(config, listeners_of_ipv6_start_a_broker)
{
    cr_assert_eq(load_broker("listeners=A://[::1]:9092,B://[2001:db8::1]:9093\n"), 0, "%s",
                 c.error);
    cr_expect_str_eq(broker.listeners[0].host, "::1");
    cr_expect_str_eq(broker.listeners[0].advertised_host, "");
    cr_expect_str_eq(broker.listeners[1].advertised_host, "2001:db8::1");
}

/* ---- Listeners. ---- */

Test(config, listeners_that_contradict_themselves_are_refused)
{
    static const char *const wrong[][2] = {
        {"listeners=A://127.0.0.1:1,A://127.0.0.1:2", "A stands there twice"},
        {"listeners=A://127.0.0.1:1,B://127.0.0.1:1", "A and B have the same port 1"},
        {"listeners=A://127.0.0.1:1,B://:1", "A and B have the same port 1"},
        {"listeners=127.0.0.1:1", "NAME://host:port"},
        {"listeners=CONTROLLER://127.0.0.1:1", "none but the controllers'"},
        {"advertised.listeners=B://127.0.0.1:1", "listeners has no B"},
        {"advertised.listeners=PLAINTEXT://0.0.0.0:1", "name this host"},
        {"inter.broker.listener.name=B", "listeners has no B"},
        {"http.listeners=127.0.0.1:1", "http://host:port"},
        {"http.listeners=https://127.0.0.1:1", "http://host:port"},
        {"log.dirs=/a,/b,/a/", "names /a twice"},
        {"log.dirs=,", "names no folder"},
        {"log.dirs=", "log.dirs names no folder"},
        {"log.dir=", "log.dir names no folder"},
        {"log.cleaner.min.compaction.lag.ms=6\nlog.cleaner.max.compaction.lag.ms=5",
         "min.compaction.lag.ms (6) > max.compaction.lag.ms (5)"},
        {"group.consumer.assignors=,", "names no assignor"},
        {"group.consumer.assignors=range, sticky", "there is no assignor sticky;"},
        {"group.coordinator.rebalance.protocols=classic,gossip", "there is no protocol gossip"},
        {"group.consumer.session.timeout.ms=60001",
         "must be from group.consumer.min.session.timeout.ms=45000 to "
         "group.consumer.max.session.timeout.ms=60000"},
        {"group.consumer.heartbeat.interval.ms=4999",
         "must be from group.consumer.min.heartbeat.interval.ms=5000"},
        {"group.consumer.max.heartbeat.interval.ms=45000\n"
         "group.consumer.heartbeat.interval.ms=45000",
         "must be above group.consumer.heartbeat.interval.ms=45000"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        expect_refusal(load_broker(wrong[i][0]), wrong[i][0], wrong[i][1]);
}

Test(config, a_listener_that_does_not_speak_plaintext_is_refused_by_name)
{
    static const char *const wrong[][2] = {
        {"listeners=SSL://127.0.0.1:1", "listener SSL is to speak SSL"},
        {"listeners=A://127.0.0.1:1\nlistener.security.protocol.map=A:SASL_SSL",
         "listener A is to speak SASL_SSL, which is not there yet: say A:PLAINTEXT"},
        {"listener.security.protocol.map=A:TELNET", "NAME:PLAINTEXT is expected, and not A:TELNET"},
        {"listener.security.protocol.map=A", "NAME:PLAINTEXT is expected"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        expect_refusal(load_broker(wrong[i][0]), wrong[i][0], wrong[i][1]);
    /* What no listener uses may stand there, as it does in Kafka's own file. */
    cr_expect_eq(load_broker("listeners=A://127.0.0.1:1\n"
                             "listener.security.protocol.map=A:PLAINTEXT,SSL:SSL"),
                 0, "%s", c.error);
}

Test(config, other_machines_must_be_able_to_find_a_broker)
{
    static const char *const hidden[] = {"PLAINTEXT://0.0.0.0:9092", "PLAINTEXT://:9092",
                                         "PLAINTEXT://[::]:9092", "PLAINTEXT://127.0.0.1:9092"};
    for (size_t i = 0; i < COUNT(hidden); i++) {
        char text[256];
        snprintf(text, sizeof text, "controller.quorum.voters=101@host-1:9093\nlisteners=%s",
                 hidden[i]);
        expect_refusal(load_broker(text), hidden[i],
                       "say advertised.listeners=PLAINTEXT://this-host:9092");

        snprintf(text, sizeof text,
                 "controller.quorum.voters=101@host-1:9093\nlisteners=%s\n"
                 "advertised.listeners=PLAINTEXT://me:1",
                 hidden[i]);
        cr_expect_eq(load_broker(text), 0, "%s", c.error);
        cr_expect_str_eq(broker.listeners[0].advertised_host, "me");
        cr_expect_eq(broker.listeners[0].advertised_port, 1);

        snprintf(text, sizeof text, "listeners=%s", hidden[i]);
        cr_expect_eq(load_broker(text), 0, "all on one machine: %s", c.error);
    }
    /* Clients of another listener are told the address by which they came. */
    cr_expect_eq(load_broker("controller.quorum.voters=101@host-1:9093\n"
                             "listeners=IN://host-2:9192,OUT://:9092"),
                 0, "%s", c.error);
    cr_expect_str_eq(broker.listeners[1].advertised_host, "");
    cr_expect_eq(broker.listeners[1].advertised_port, 9092);
}

/* ---- Roles and controllers. ---- */

Test(config, each_program_knows_its_role)
{
    expect_refusal(load_broker("process.roles=controller"), "controller",
                   "is for jackdaw-controller, and this is jackdaw-broker");
    expect_refusal(load_controller("process.roles=broker"), "broker",
                   "is for jackdaw-broker, and this is jackdaw-controller");
    expect_refusal(load_broker("process.roles=boss"), "boss", "there are broker and controller");
    cr_expect_eq(load_broker("process.roles=broker"), 0);
    cr_expect_eq(load_controller("process.roles=controller"), 0);
    expect_refusal(load_broker("broker.id=2"), "two ids", "leave one out");
}

Test(config, controllers_that_contradict_themselves_are_refused)
{
    static const char *const wrong[][2] = {
        {"controller.quorum.voters=", "controller.quorum.voters is not set"},
        {"controller.quorum.voters=101@h:1,101@i:1", "names node 101 twice"},
        {"controller.quorum.voters=101@h:1,102@h:1", "names h:1 twice"},
        {"controller.quorum.voters=0@h:1", "not a node id above 0"},
        {"controller.quorum.voters=x@h:1", "not a node id above 0"},
        {"controller.quorum.voters=101@:1", "a host that all nodes reach"},
        {"controller.quorum.voters=101@h", "id@host:port,... is expected"},
        {"controller.quorum.voters=102@127.0.0.1:1", "does not name this node, node.id=101"},
        {"controller.quorum.voters=101@h:1\nlisteners=CONTROLLER://127.0.0.1:1",
         "is only for this machine"},
        {"log.dirs=", "log.dirs names no folder"},
        {"listeners=PLAINTEXT://127.0.0.1:1", "none of the name in controller.listener.names"},
        {"broker.session.timeout.ms=300", "must be above broker.heartbeat.interval.ms=300"},
        {"controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=a:1,b:1",
         "need their ids too"},
        {"controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=a:1\n"
         "listeners=CONTROLLER://:2",
         "is not this controller"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        expect_refusal(load_controller(wrong[i][0]), wrong[i][0], wrong[i][1]);
}

Test(config, a_broker_finds_controllers_by_address_alone)
{
    cr_assert_eq(load_broker("controller.quorum.voters=\nlisteners=A://me:1\n"
                             "controller.quorum.bootstrap.servers=a:1,[::2]:3"),
                 0, "%s", c.error);
    cr_expect_eq(broker.voter_count, 2);
    cr_expect_eq(broker.voters[0].id, 0);
    cr_expect_str_eq(broker.voters[1].host, "::2");
    cr_expect_eq(broker.voters[1].port, 3);
}

Test(config, seeds_reach_both_programs)
{
    cr_assert_eq(load_broker("num.partitions=3\nlog.retention.hours=24"), 0, "%s", c.error);
    cr_expect_eq(broker.seed_count, 2);
    cr_expect_str_eq(broker.seeds[0], "num.partitions=3");
    cr_assert_eq(load_controller("num.partitions=3"), 0, "%s", c.error);
    cr_expect_str_eq(controller.seeds[0], "num.partitions=3");
}

/* ---- The files of Apache Kafka 4's distribution, without their comments. ---- */

#define STOCK_REST                                                                             \
    "num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n"               \
    "socket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n"                 \
    "num.partitions=1\nnum.recovery.threads.per.data.dir=2\n"                                  \
    "offsets.topic.replication.factor=1\nshare.coordinator.state.topic.replication.factor=1\n" \
    "share.coordinator.state.topic.min.isr=1\ntransaction.state.log.replication.factor=1\n"    \
    "transaction.state.log.min.isr=1\nlog.retention.hours=168\nlog.segment.bytes=1073741824\n" \
    "log.flush.interval.messages=10000\nlog.flush.interval.ms=1000\n"                          \
    "log.retention.check.interval.ms=300000\n"
#define STOCK_MAP                                          \
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT," \
    "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n"

Test(config, kafkas_server_properties_starts_both_programs)
{
    static const char text[] =
        "process.roles=broker,controller\nnode.id=1\n"
        "controller.quorum.bootstrap.servers=localhost:9093\n"
        "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n"
        "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
        "controller.listener.names=CONTROLLER\n" STOCK_MAP
        "log.dirs=/tmp/kraft-combined-logs\n" STOCK_REST;
    cr_assert_eq(load(text), 0, "%s", c.error);
    cr_assert_eq(broker_configure(&c, &broker), 0, "%s", c.error);
    cr_expect_eq(broker.listener_count, 1);
    cr_expect_str_eq(broker.listeners[0].host, "");
    cr_expect_str_eq(broker.listeners[0].advertised_host, "localhost");
    cr_expect_str_eq(broker.log_dirs[0], "/tmp/kraft-combined-logs");
    cr_expect_eq(broker.voters[0].port, 9093);

    cr_assert_eq(controller_configure(&c, &controller), 0, "%s", c.error);
    cr_expect_eq(controller.node_id, 1);
    cr_expect_eq(controller.voter_count, 1);
    cr_expect_eq(controller.voters[0].id, 1);
    cr_expect_eq(controller.listen_port, 9093);
    cr_expect_str_eq(controller.log_dir, "/tmp/kraft-combined-logs/controller");
}

Test(config, kafkas_broker_properties_starts_a_broker)
{
    static const char text[] =
        "process.roles=broker\nnode.id=2\ncontroller.quorum.bootstrap.servers=localhost:9093\n"
        "listeners=PLAINTEXT://localhost:9092\ninter.broker.listener.name=PLAINTEXT\n"
        "advertised.listeners=PLAINTEXT://"
        "localhost:9092\ncontroller.listener.names=CONTROLLER\n" STOCK_MAP
        "log.dirs=/tmp/kraft-broker-logs\n" STOCK_REST;
    cr_assert_eq(load(text), 0, "%s", c.error);
    cr_assert_eq(broker_configure(&c, &broker), 0, "%s", c.error);
    cr_expect_eq(broker.id, 2);
    expect_refusal(controller_configure(&c, &controller), "broker.properties", "jackdaw-broker");
}

Test(config, kafkas_controller_properties_starts_a_controller)
{
    static const char text[] =
        "process.roles=controller\nnode.id=1\n"
        "controller.quorum.bootstrap.servers=localhost:9093\nlisteners=CONTROLLER://:9093\n"
        "advertised.listeners=CONTROLLER://"
        "localhost:9093\ncontroller.listener.names=CONTROLLER\n" STOCK_MAP
        "log.dirs=/tmp/kraft-controller-logs\n" STOCK_REST;
    cr_assert_eq(load(text), 0, "%s", c.error);
    cr_assert_eq(controller_configure(&c, &controller), 0, "%s", c.error);
    cr_expect_eq(controller.voters[0].id, 1);
    cr_expect_str_eq(controller.log_dir, "/tmp/kraft-controller-logs");
}
