#pragma once

/* What GET /mock/state shows, and how long it may be waited for. */

#include "mock/mock.h"

#include <jansson.h>

/* With the lock held. A new reference. */
json_t *state_json(const struct mock *mock);

/* The counter of this name; NULL: there is none. */
const int64_t *state_counter(const struct mock *mock, const char *name);

/* With the lock held: adds one to object[key], and to object[key][inner] where `inner` is given. */
void state_count(json_t *object, const char *key, const char *inner);

/* With the lock held: counts a request of this User-Agent; NULL: it names none. */
void state_agent(struct mock *mock, const char *agent);

/* With the lock held: counts a violation and keeps its reason. */
void state_violation(struct mock *mock, const char *reason);
