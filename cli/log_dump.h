/* log_dump.h -- what is in the files of a partition's folder, and what is wrong with them, without
 * a broker and without a JVM.
 *
 *   Changes:  nothing.
 *   Trusts:   nothing that it reads.
 */
#ifndef CLI_LOG_DUMP_H
#define CLI_LOG_DUMP_H

#include <stdbool.h>
#include <stdint.h>

struct log_dump {
    bool prints_batches; /* A line for each batch, entry and producer. */
    bool prints_records; /* And for each record of batches that are not compressed. */
    uint64_t wrong;      /* What was found to be wrong, each with a line that says where. */
    uint64_t files;
};

/* A file, or the files of a folder. False: it cannot be read, or is no file of a partition. */
bool log_dump_path(struct log_dump *d, const char *path);

#endif
