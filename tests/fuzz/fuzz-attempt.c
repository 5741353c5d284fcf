/*
 * Any bytes as the answer to a query for an attempt, maybe truncated, and as the start of a result.
 */

#include "fuzz.h"

#include "base/json.h"
#include "base/mem.h"
#include "model/attempt.h"

static const char id[] = "3fa85f64";

/* Returns the state according to the JSON library, for bodies that it accepts. */
static enum attempt_state expected(const char *body, size_t len)
{
    CLEANUP(json_decrefp) json_t *object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    const char *told = json_string_value(json_object_get(object, "id"));
    const json_t *result = json_object_get(object, "attemptResult");
    if (!told || strcasecmp(told, id) != 0 || (result && !json_is_null(result) && !json_is_object(result)))
        return ATTEMPT_UNREADABLE;
    return json_is_object(result) ? ATTEMPT_STORED : ATTEMPT_OPEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    enum attempt_verdict verdict;
    enum attempt_state whole = attempt_parse(body, size, false, id, &verdict);
    CLEANUP(json_decrefp) json_t *object = json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(!json_is_object(object) || whole == expected(body, size));
    /* A truncated body may be unreadable, but must not give another state. */
    enum attempt_state cut = attempt_parse(body, size - size / 4, true, id, &verdict);
    REQUIRE(whole == ATTEMPT_UNREADABLE || cut == ATTEMPT_UNREADABLE || cut == whole);
    CLEANUP(mem_freep) char *own_id = attempt_of_result(body, size, &verdict);
    REQUIRE(!own_id || strlen(own_id) <= size);
    return 0;
}
