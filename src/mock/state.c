#include "mock/state.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stddef.h>
#include <string.h>

#define MAX_REASONS     50
#define MAX_AGENTS      50
#define MAX_AGENT_BYTES 200

static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    {"claimed", offsetof(struct mock_counters, claimed)},
    {"results", offsetof(struct mock_counters, results)},
    {"twin_results", offsetof(struct mock_counters, twin_results)},
    {"duplicates", offsetof(struct mock_counters, duplicates)},
    {"violations", offsetof(struct mock_counters, violations)},
    {"destroyed", offsetof(struct mock_counters, destroyed)},
    {"unanswerable", offsetof(struct mock_counters, unanswerable)},
    {"unstorable", offsetof(struct mock_counters, unstorable)},
    {"queries", offsetof(struct mock_counters, queries)},
    {"reused", offsetof(struct mock_counters, reused)},
    {"logins", offsetof(struct mock_counters, logins)},
    {"refreshes", offsetof(struct mock_counters, refreshes)},
    {"requests_total", offsetof(struct mock_counters, requests_total)},
    {"parallel_max", offsetof(struct mock_counters, parallel_max)},
    {"posts_parallel_max", offsetof(struct mock_counters, posts_parallel_max)},
};

static const int64_t *counter_at(const struct mock *mock, size_t i)
{
    return (const int64_t *)(const void *)((const char *)&mock->counters + counters[i].offset);
}

const int64_t *state_counter(const struct mock *mock, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        if (strcmp(counters[i].name, name) == 0)
            return counter_at(mock, i);
    return NULL;
}

static json_t *moment_or_null(int64_t ms)
{
    return ms == QUEUE_NOT_YET ? json_null() : json_integer(ms);
}

static json_t *claim_json(const struct claim *claim)
{
    return json_pack("{s:O, s:I, s:I, s:o, s:b, s:b, s:o, s:I, s:I}", "id", claim->id, "queued_ms",
                     (json_int_t)claim->queued_ms, "claimed_ms", (json_int_t)claim->claimed_ms, "answered_ms",
                     moment_or_null(claim->answered_ms), "lost", claim->lost, "destroyed",
                     claim->is_destroyed, "posted_ms", moment_or_null(claim->posted_ms), "claims",
                     (json_int_t)claim->claims, "posts", (json_int_t)claim->posts);
}

static json_t *moment_json(const struct mock *mock, int64_t monotonic_ms)
{
    int64_t ms = monotonic_ms - mock->start_ms;
    return json_pack("{s:I, s:I, s:I}", "ms", (json_int_t)ms, "monotonic_ms", (json_int_t)monotonic_ms,
                     "wall_ms", (json_int_t)(mock->start_wall_ms + ms));
}

json_t *state_json(const struct mock *mock)
{
    json_t *state = json_object();
    int64_t left = queue_left(&mock->queue);
    json_object_set_new(state, "tasks_left", left < 0 ? json_null() : json_integer(left));
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        json_object_set_new(state, counters[i].name, json_integer(*counter_at(mock, i)));
    json_object_set_new(state, "parallel", json_integer(mock->parallel));
    json_object_set_new(state, "requests", json_deep_copy(mock->requests));
    json_object_set_new(state, "faults", json_deep_copy(mock->fault_hits));
    json_object_set_new(state, "agents", json_deep_copy(mock->agents));
    json_object_set_new(state, "violation_reasons", json_deep_copy(mock->violation_reasons));
    json_object_set_new(state, "started", moment_json(mock, mock->start_ms));
    json_object_set_new(state, "first_claim",
                        mock->first_claim_ms ? moment_json(mock, mock->first_claim_ms) : json_null());
    json_object_set_new(state, "now_ms", json_integer(mock_now_ms(mock)));
    json_t *tasks = json_array();
    for (size_t i = 0; i < mock->queue.claims_len; i++)
        json_array_append_new(tasks, claim_json(&mock->queue.claims[i]));
    json_object_set_new(state, "tasks", tasks);
    return state;
}

void state_count(json_t *object, const char *key, const char *inner)
{
    if (inner) {
        json_t *below = json_object_get(object, key);
        if (!below) {
            below = json_object();
            json_object_set_new(object, key, below);
        }
        state_count(below, inner, NULL);
        return;
    }
    json_int_t count = json_integer_value(json_object_get(object, key));
    json_object_set_new(object, key, json_integer(count + 1));
}

void state_agent(struct mock *mock, const char *agent)
{
    agent = agent ? agent : "(none)";
    CLEANUP(mem_freep) char *text = utf8_repair(agent, MIN(strlen(agent), (size_t)MAX_AGENT_BYTES));
    if (json_object_get(mock->agents, text) || json_object_size(mock->agents) < MAX_AGENTS)
        state_count(mock->agents, text, NULL);
}

void state_violation(struct mock *mock, const char *reason)
{
    mock->counters.violations++;
    if (json_array_size(mock->violation_reasons) >= MAX_REASONS)
        return;
    CLEANUP(mem_freep) char *text = utf8_repair(reason, strlen(reason));
    json_array_append_new(mock->violation_reasons, json_string(text));
}
