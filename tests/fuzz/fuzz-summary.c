/* Any bytes as a summary.json. */

#include "fuzz.h"

#include "model/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(summary_done) struct summary s = {0}, again = {0};
    if (!summary_parse((const char *)data, size, &s)) {
        REQUIRE(!s.id_json && !s.repository && !s.details);
        return 0;
    }
    REQUIRE(s.id_json && s.repository && s.commit && s.details && s.tests_passed <= s.tests);
    CLEANUP(mem_freep) char *text = summary_format(&s);
    REQUIRE(strlen(text) < SUMMARY_MAX_BYTES);
    REQUIRE(summary_parse(text, strlen(text), &again));
    CLEANUP(mem_freep) char *same = summary_format(&again);
    REQUIRE(strcmp(text, same) == 0);
    return 0;
}
