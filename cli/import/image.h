/* image.h -- the metadata of the new cluster, as a snapshot that its controllers begin from. Pure
 * but for memory. */
#ifndef CLI_IMPORT_IMAGE_H
#define CLI_IMPORT_IMAGE_H

#include "cli/import/plan.h"

#define IMPORT_INDEX 1 /* The decision, and the term, that the snapshot stands for. */
#define IMPORT_TERM 1

/* The snapshot's bytes, checked by reading them again. 0 or an error with a sentence in `why`. */
MUST_USE int import_image(const struct plan *p, struct writer *out, char why[SOURCE_WHY_SIZE]);

#endif
