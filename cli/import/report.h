/* report.h -- a plan, told: to a person or as JSON. */
#ifndef CLI_IMPORT_REPORT_H
#define CLI_IMPORT_REPORT_H

#include "cli/import/plan.h"

void report_text(const struct plan *p);
void report_json(const struct plan *p, bool is_done);

/* "1.5 MiB" */
void report_bytes(uint64_t bytes, char out[32]);

#endif
