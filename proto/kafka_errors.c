#include "proto/kafka_errors.h"

/* clang-format off */
const char *kafka_error_name(int16_t code)
{
    switch (code) {
    case KAFKA_NONE: return "NONE";
#define X(code, name, retriable, text) case KAFKA_##name: return #name;
    KAFKA_ERRORS(X)
#undef X
    default: return "UNKNOWN_CODE";
    }
}

const char *kafka_error_text(int16_t code)
{
    switch (code) {
    case KAFKA_NONE: return "no error";
#define X(code, name, retriable, text) case KAFKA_##name: return text;
    KAFKA_ERRORS(X)
#undef X
    default: return "an error code that is not in the protocol";
    }
}

bool kafka_error_is_retriable(int16_t code)
{
    switch (code) {
    case KAFKA_NONE: return false;
#define X(code, name, retriable, text) case KAFKA_##name: return retriable;
    KAFKA_ERRORS(X)
#undef X
    default: return false;
    }
}
/* clang-format on */
