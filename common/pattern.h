/* pattern.h -- a regular expression in RE2's syntax: which names does it match, as a whole?
 *
 *   Used by:  whoever holds names against an expression that a client has sent: matching takes time
 *             linear in the name, whatever the expression is.
 *   Knows:    nothing of topics. Its one file is C++, because the library is; so what crosses this
 *             border is plain bytes.
 */
#ifndef COMMON_PATTERN_H
#define COMMON_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pattern;

/* NULL: it is none, or too large; *why says so, in up to `size` bytes. */
struct pattern *pattern_new(const void *text, size_t text_size, char *why, size_t size);
void pattern_free(struct pattern *p);

/* All of the name, from its beginning to its end. */
bool pattern_matches(const struct pattern *p, const void *name, size_t name_size);

#ifdef __cplusplus
}
#endif

#endif
