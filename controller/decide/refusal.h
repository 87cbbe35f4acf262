/* refusal.h -- why one part of a request is not granted: a code of Kafka's, and a sentence. */
#ifndef CONTROLLER_DECIDE_REFUSAL_H
#define CONTROLLER_DECIDE_REFUSAL_H

#include "controller/decide/decision.h"

struct refusal {
    int16_t error;     /* 0: granted. */
    struct slice text; /* Absent if granted. */
};

#define REFUSE(d, code, ...) ((struct refusal){(code), decision_say((d), __VA_ARGS__)})
#define GRANTED ((struct refusal){0})

#endif
