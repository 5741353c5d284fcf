#pragma once

/* The contents of GET /mock/state, and the counters that it can wait for. */

#include "mock/mock.h"

#include <jansson.h>

/* Returns the state as a new reference. Requires the lock. */
json_t *state_json(const struct mock *mock);

/* Returns the counter of this name, or NULL. */
const int64_t *state_counter(const struct mock *mock, const char *name);

/* Adds one to object[key], or to object[key][inner] if `inner` is given. Requires the lock. */
void state_count(json_t *object, const char *key, const char *inner);

/* Counts a request with this User-Agent; NULL: none. Requires the lock. */
void state_agent(struct mock *mock, const char *agent);

/* Counts a violation and keeps its reason. Requires the lock. */
void state_violation(struct mock *mock, const char *reason);
