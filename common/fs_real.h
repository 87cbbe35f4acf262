/* fs_real.h -- fs.h over the files of this host. Every thread may use it; it has no state. */
#ifndef COMMON_FS_REAL_H
#define COMMON_FS_REAL_H

#include "common/fs.h"

struct fs *fs_real(void);

#endif
