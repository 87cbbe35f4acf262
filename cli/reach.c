#include "cli/reach.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/wire.h"
#include "proto/kafka_apis.h"
#include "proto/msg/api_versions.h"

#define STEP_MS 500u
#define PAUSE_US 100000u
#define SAY_MS 3000u
#define LONGEST_S 30

static int ask(struct wire *w)
{
    struct api_versions_request request = {0};
    struct api_versions_response response;
    return wire_call(w, KAFKA_API_API_VERSIONS, 0, &request, &response);
}

static int wait_for(const char *bootstrap, int64_t timeout_s, enum patience patience)
{
    struct wire w;
    bool has_said = false;
    uint64_t began_ms = clock_ms();
    int64_t most_s = timeout_s < LONGEST_S ? timeout_s : LONGEST_S;
    wire_init(&w, bootstrap, STEP_MS);
    int rc = ask(&w);
    while (rc != 0 && !(rc == -ERR_ABSENT && patience == REACH_STANDING)) {
        uint64_t waited_ms = clock_ms() - began_ms;
        if (waited_ms >= (uint64_t)most_s * 1000) break;
        if (waited_ms >= SAY_MS && !has_said) {
            has_said = true;
            fprintf(stderr, "jackdaw: no broker at %s answers yet: %s; waiting up to %lld s\n",
                    bootstrap, wire_why(rc), (long long)most_s);
        }
        pause_us(PAUSE_US);
        rc = ask(&w);
    }
    wire_close(&w);
    if (rc == 0) return EXIT_OK;
    return fail("no broker at %s answers: %s (is the cluster up? `jackdaw ps`, or name another "
                "with --bootstrap-server)",
                bootstrap, wire_why(rc));
}

char *reach_bootstrap(const struct where *where, int64_t timeout_s, enum patience patience)
{
    char *bootstrap = where_bootstrap(where);
    if (bootstrap == NULL || wait_for(bootstrap, timeout_s, patience) == EXIT_OK) return bootstrap;
    free(bootstrap);
    return NULL;
}
