#include <re2/re2.h>
#include <stdio.h>

#include "common/pattern.h"

/* An expression may be made to be large: (((a{100}){100}){100}). */
static const int64_t PATTERN_MAX_BYTES = 1 << 20;

struct pattern {
    RE2 expression;
};

static re2::StringPiece piece_of(const void *at, size_t size)
{
    return re2::StringPiece(static_cast<const char *>(at), size);
}

static RE2::Options options()
{
    RE2::Options o;
    o.set_log_errors(false);
    o.set_max_mem(PATTERN_MAX_BYTES);
    return o;
}

extern "C" struct pattern *pattern_new(const void *text, size_t text_size, char *why, size_t size)
{
    struct pattern *p = new pattern{RE2(piece_of(text, text_size), options())};
    if (p->expression.ok()) return p;

    snprintf(why, size, "%s", p->expression.error().c_str());
    delete p;
    return nullptr;
}

extern "C" void pattern_free(struct pattern *p)
{
    delete p;
}

extern "C" bool pattern_matches(const struct pattern *p, const void *name, size_t name_size)
{
    return RE2::FullMatch(piece_of(name, name_size), p->expression);
}
