/* verbs.h -- every verb of the program. Each takes argv from its own name on, and returns the exit
 * status.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

/* clang-format off */
#define VERBS(X)                                                                                 \
    X(up,        "the local cluster", "make a local cluster if there is none, and start it")     \
    X(ps,        "the local cluster", "list its nodes: name, state, pid, address")               \
    X(bootstrap, "the local cluster", "print its brokers' addresses, for any client")            \
    X(kill,      "the local cluster", "send a node a signal: KILL unless said otherwise")        \
    X(stop,      "the local cluster", "shut a node down in order")                               \
    X(start,     "the local cluster", "start a node again")                                      \
    X(down,      "the local cluster", "stop every node; with --wipe, remove what `up` made")     \
    X(topics,    "any cluster",       "create, list, describe, watch, elect and delete topics")  \
    X(partitions, "any cluster",      "move partitions to other brokers, and watch them")        \
    X(brokers,   "any cluster",       "list, drain and remove brokers")                          \
    X(disks,     "any cluster",       "show every broker's disks, move replicas between them")   \
    X(produce,   "any cluster",       "send lines as records")                                   \
    X(consume,   "any cluster",       "read records")                                            \
    X(groups,    "any cluster",       "list, describe, reset and delete consumer groups")        \
    X(why,       "any cluster",       "why a group last rebalanced")                             \
    X(cluster,   "any cluster",       "show controllers and brokers: who leads, who is behind")  \
    X(quorum,    "any cluster",       "the controllers that vote: one joins or leaves")          \
    X(health,    "any cluster",       "whether nodes serve, as an exit status")                  \
    X(log,       "files",             "print what is in a partition's files, and what is wrong")  \
    X(import,    "files",             "make a cluster of what Apache Kafka has stored")            \
    X(replay,    "files",             "carry out a node's last events anew, step by step")

#define X(name, group, summary) int verb_##name(int argc, char **argv);
VERBS(X)
#undef X
/* clang-format on */

#endif
