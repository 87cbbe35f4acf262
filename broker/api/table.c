#include <stddef.h>

#include "broker/api/handlers.h"

request_handler *handler_of(int16_t api_key)
{
    switch (api_key) {
#define X(api, name) \
    case KAFKA_API_##api: return handle_##name;
        HANDLERS(X)
#undef X
    default: return NULL;
    }
}
