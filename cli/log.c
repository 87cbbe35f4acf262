/* log: looks into the files of partitions. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/log_dump.h"
#include "cli/verbs.h"

int verb_log(int argc, char **argv)
{
    struct log_dump dump = {0};
    struct strings operands = {0};
    bool summary_only = false;
    struct option_row rows[] = {
        OPT_FLAG("records", 'r', &dump.prints_records,
                 "print every record, too, of batches that are not compressed"),
        OPT_FLAG("summary", 's', &summary_only, "one line per file, and what is wrong"),
    };
    struct usage usage = {
        .verb = "log",
        .operands = "dump FILE|FOLDER...",
        .operand_min = 2,
        .operand_max = SIZE_MAX,
        .summary = "Prints what is in segments (.log), what was cut off (.kept), indexes (.index,\n"
                   ".timeindex), producer snapshots (.snapshot) and leader-epoch-checkpoint, and "
                   "says what\n"
                   "is wrong where.\n"
                   "Changes nothing; a broker may have the files open.",
        ROWS(rows),
        .example = "jackdaw log dump --summary jackdaw-data/broker-1/data/orders-0",
        .statuses = "0 nothing is wrong, 1 something is, 2 misused",
    };
    enum args_result result = args_parse(&usage, argc, argv, &operands);
    int status = EXIT_OK;
    if (result != ARGS_RUN) {
        status = args_status(result);
    } else if (strcmp(operands.at[0], "dump") != 0) {
        status = misuse("log: no such thing to do: %s (jackdaw log --help)", operands.at[0]);
    } else {
        dump.prints_batches = !summary_only || dump.prints_records;
        for (size_t i = 1; i < operands.count; i++) {
            if (log_dump_path(&dump, operands.at[i])) continue;
            status = fail("%s: no file or folder of a partition", operands.at[i]);
        }
        if (dump.wrong > 0) status = EXIT_FAILED;
    }
    strings_close(&operands);
    return status;
}
