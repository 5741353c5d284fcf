#include "mock/routes.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "mock/results.h"
#include "mock/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WAIT_DEFAULT_MS 10000
#define WAIT_MAX_MS     600000

static const char *header_of(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static const char *body_text(const struct request *request)
{
    return request->body.data ? request->body.data : "";
}

/* ---- authorization */

/* Returns true if the request may continue; otherwise fills the answer. Requires the lock. */
static bool authorized(struct mock *mock, const struct request *request, bool any_account,
                       struct answer *ret_answer)
{
    if (!mock->auth_wanted)
        return true;
    int r = auth_authorize(&mock->auth, header_of(request, MHD_HTTP_HEADER_AUTHORIZATION), mock_now_ms(mock));
    if (r == -EPERM && any_account)
        return true;
    if (r == -EPERM)
        answer_message(ret_answer, MHD_HTTP_FORBIDDEN, "This account may not process tasks");
    if (r == -EACCES) { /* like the real one, which takes tokens but asks for Basic */
        answer_message(ret_answer, MHD_HTTP_UNAUTHORIZED, "A valid token is required");
        answer_header(ret_answer, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"Realm\"");
    }
    return r == 0;
}

static bool is_json(const struct request *request)
{
    static const char json[] = "application/json";
    const char *type = header_of(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    size_t len = sizeof(json) - 1;
    return type && strncasecmp(type, json, len) == 0 && strchr("; \t", type[len]) != NULL;
}

static void tokens_answer(const struct auth_pair *pair, struct answer *ret_answer)
{
    answer_json(ret_answer, MHD_HTTP_OK,
                json_pack("{s:s, s:s, s:s}", "type", "Bearer", "accessToken", pair->access, "refreshToken",
                          pair->refresh));
}

/*
 * Parses the body: a JSON object with these strings; `second` may be NULL. Returns a new reference,
 * or NULL with an answer.
 */
static json_t *read_credentials(const struct request *request, const char *first, const char *second,
                                struct answer *ret_answer)
{
    struct err err = {0};
    json_t *body = NULL;
    if (!is_json(request)) {
        answer_message(ret_answer, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                       "The content type must be application/json");
        return NULL;
    }
    if (json_parse_object(body_text(request), request->body.len, &body, &err) < 0) {
        answer_message(ret_answer, MHD_HTTP_BAD_REQUEST, err.message);
        return NULL;
    }
    if (!json_is_string(json_object_get(body, first)) ||
        (second && !json_is_string(json_object_get(body, second)))) {
        answer_message(ret_answer, MHD_HTTP_BAD_REQUEST, "A member is missing, or is not a string");
        json_decref(body);
        return NULL;
    }
    return body;
}

static void handle_login(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    CLEANUP(json_decrefp) json_t *body = read_credentials(request, "username", "password", ret_answer);
    if (!body)
        return;
    struct auth_pair pair;
    pthread_mutex_lock(&mock->lock);
    int r = auth_login(&mock->auth, json_string_value(json_object_get(body, "username")),
                       json_string_value(json_object_get(body, "password")), mock_now_ms(mock), &pair);
    mock->counters.logins += r == 0;
    pthread_mutex_unlock(&mock->lock);
    if (r == 0)
        tokens_answer(&pair, ret_answer);
    else if (r == -ENOENT)
        answer_message(ret_answer, MHD_HTTP_BAD_REQUEST, "There is no account with this name");
    else
        answer_message(ret_answer, MHD_HTTP_UNAUTHORIZED, "Not logged in: the password is wrong");
}

static void handle_refresh(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    CLEANUP(json_decrefp) json_t *body = read_credentials(request, "refreshToken", NULL, ret_answer);
    if (!body)
        return;
    struct auth_pair pair;
    pthread_mutex_lock(&mock->lock);
    int r = auth_refresh(&mock->auth, json_string_value(json_object_get(body, "refreshToken")),
                         mock_now_ms(mock), &pair);
    mock->counters.refreshes += r == 0;
    pthread_mutex_unlock(&mock->lock);
    if (r == 0)
        tokens_answer(&pair, ret_answer);
    else
        answer_message(ret_answer, MHD_HTTP_UNAUTHORIZED,
                       "Not refreshed: the token is not or no longer valid");
}

/* ---- tasks and results ---- */

static void no_task_answer(const struct mock *mock, struct answer *ret_answer)
{
    if (mock->no_task_status == MHD_HTTP_NO_CONTENT)
        answer_set(ret_answer, MHD_HTTP_NO_CONTENT, NULL, NULL, 0);
    else if (mock->no_task_status == MHD_HTTP_NOT_FOUND)
        answer_message(ret_answer, MHD_HTTP_NOT_FOUND, "There is no task");
    else
        answer_json(ret_answer, MHD_HTTP_OK, json_pack("{s:s}", "status", "UNAVAILABLE"));
}

/*
 * Behaves like a backend that reads and marks a claim without a lock: requests in between get the
 * same task.
 */
static bool claim_twin(struct mock *mock, struct buf *ret_body, size_t *ret_number)
{
    if (clock_now_ms() >= mock->unmarked_until_ms || !queue_claim_twin(&mock->queue, mock->unmarked))
        return false;
    *ret_number = mock->unmarked;
    buf_puts(ret_body, mock->unmarked_text);
    return true;
}

static bool claim_next(struct mock *mock, struct buf *ret_body, size_t *ret_number)
{
    if (!queue_claim(&mock->queue, mock_now_ms(mock), ret_body, ret_number))
        return false;
    if (mock->claim_lag_ms) {
        free(mock->unmarked_text);
        mock->unmarked_text = mem_strdup(ret_body->data);
        mock->unmarked = *ret_number;
        mock->unmarked_until_ms = clock_now_ms() + mock->claim_lag_ms;
    }
    return true;
}

static void claim(struct mock *mock, struct answer *ret_answer)
{
    struct buf body = BUF_INIT(0);
    size_t number;
    if (!claim_twin(mock, &body, &number) && !claim_next(mock, &body, &number)) {
        no_task_answer(mock, ret_answer);
        return;
    }
    if (mock->counters.claimed++ == 0)
        mock->first_claim_ms = clock_now_ms();
    size_t len = body.len;
    answer_set(ret_answer, MHD_HTTP_OK, "application/json", buf_take(&body), len);
    ret_answer->claim = number;
}

/* Waits until the claim is marked: then its answer is sent. Requires the lock. */
static void wait_for_mark(struct mock *mock)
{
    int64_t until_ms = mock->unmarked_until_ms;
    while (!mock->stopping && clock_now_ms() < until_ms)
        mock_wait(mock, until_ms);
}

static void handle_get(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    pthread_mutex_lock(&mock->lock);
    if (authorized(mock, request, false, ret_answer)) {
        claim(mock, ret_answer);
        wait_for_mark(mock);
    }
    pthread_mutex_unlock(&mock->lock);
}

/* Requires the lock. */
static void count_outcome(struct mock *mock, enum results_outcome outcome, const char *reason)
{
    mock->counters.results += outcome == RESULTS_STORED;
    mock->counters.twin_results += outcome == RESULTS_STORED_TWIN;
    mock->counters.duplicates += outcome == RESULTS_SAME_AGAIN;
    mock->counters.destroyed += outcome == RESULTS_DESTROYED;
    if (reason)
        state_violation(mock, reason);
}

static void result_answer(struct mock *mock, json_t *result, enum results_outcome outcome, const char *reason,
                          struct answer *ret_answer)
{
    CLEANUP(mem_freep) char *line = result_describe(result);
    if (outcome == RESULTS_STORED || outcome == RESULTS_STORED_TWIN)
        mock->note(MOCK_NOTE_RESULT, line);
    if (outcome == RESULTS_DESTROYED)
        mock->note(MOCK_NOTE_VIOLATION, "a repeated result: its attempt is deleted");
    if (reason)
        mock->note(MOCK_NOTE_VIOLATION, reason);
    if (outcome == RESULTS_UNKNOWN)
        answer_text(ret_answer, MHD_HTTP_BAD_REQUEST, reason);
    else if (outcome == RESULTS_FAILED)
        answer_message(ret_answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "Cannot write the file of results");
    else
        answer_json(ret_answer, MHD_HTTP_OK, json_pack("{s:O}", "id", json_object_get(result, "id")));
}

static void store(struct mock *mock, json_t *result, struct answer *ret_answer)
{
    static const char *const faults[RESULTS_OUTCOMES] = {
        [RESULTS_DIFFERENT] = "two different results",
        [RESULTS_UNKNOWN] = "no task with this id was handed out (its JSON type counts)",
    };
    CLEANUP(mem_freep) char *id = json_dumps(json_object_get(result, "id"), JSON_ENCODE_ANY);
    pthread_mutex_lock(&mock->lock);
    enum results_outcome outcome =
        results_store(&mock->queue, result, mock->rules, mock->results_fd, mock_now_ms(mock));
    CLEANUP(mem_freep)
    char *reason = faults[outcome] ? mem_printf("result %.80s: %s", id, faults[outcome]) : NULL;
    count_outcome(mock, outcome, reason);
    pthread_mutex_unlock(&mock->lock);
    result_answer(mock, result, outcome, reason, ret_answer);
}

static void refuse_result(struct mock *mock, unsigned status, const char *reason, struct answer *ret_answer)
{
    pthread_mutex_lock(&mock->lock);
    state_violation(mock, reason);
    pthread_mutex_unlock(&mock->lock);
    mock->note(MOCK_NOTE_VIOLATION, reason);
    answer_text(ret_answer, status, reason);
}

/* An empty object, with which `doctor` checks if the account may deliver at all. */
static bool is_probe(const struct request *request)
{
    return request->body.len == 2 && memcmp(request->body.data, "{}", 2) == 0;
}

static void answer_unstorable(struct mock *mock, unsigned status, const char *reason,
                              struct answer *ret_answer)
{
    pthread_mutex_lock(&mock->lock);
    mock->counters.unstorable++;
    pthread_mutex_unlock(&mock->lock);
    mock->note(MOCK_NOTE_VIOLATION, reason);
    answer_message(ret_answer, status, reason);
}

static void handle_post(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    CLEANUP(json_decrefp) json_t *result = NULL;
    struct err err = {0};
    pthread_mutex_lock(&mock->lock);
    bool allowed = authorized(mock, request, false, ret_answer);
    pthread_mutex_unlock(&mock->lock);
    if (!allowed)
        return;
    const char *reason = "";
    unsigned unstorable = mock->rules == RESULTS_RULES_REAL
                              ? results_unstorable(body_text(request), request->body.len, &reason)
                              : 0;
    if (is_probe(request))
        answer_message(ret_answer, MHD_HTTP_BAD_REQUEST, "There is no id");
    else if (unstorable)
        answer_unstorable(mock, unstorable, reason, ret_answer);
    else if (!is_json(request))
        refuse_result(mock, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json",
                      ret_answer);
    else if (result_check(body_text(request), request->body.len, &result, &err) < 0)
        refuse_result(mock, MHD_HTTP_BAD_REQUEST, err.message, ret_answer);
    else
        store(mock, result, ret_answer);
}

/* ---- attempts ---- */

/* Returns the claim whose id is written in a path, as a string or a number. */
static struct claim *find_by_path(struct queue *queue, const char *text)
{
    CLEANUP(json_decrefp) json_t *id = json_string(text);
    CLEANUP(json_decrefp) json_t *number = json_loads(text, JSON_DECODE_ANY, NULL);
    struct claim *claim = id ? queue_find(queue, id) : NULL;
    return !claim && json_is_integer(number) ? queue_find(queue, number) : claim;
}

/* The protocol has no such query: the path does not exist under the lenient rules. */
static void handle_attempt(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    if (mock->rules == RESULTS_RULES_LENIENT) {
        answer_message(ret_answer, MHD_HTTP_NOT_FOUND, "There is nothing at this path");
        return;
    }
    pthread_mutex_lock(&mock->lock);
    mock->counters.queries++;
    if (authorized(mock, request, true, ret_answer)) {
        const struct claim *claim = find_by_path(&mock->queue, request->rest);
        if (claim && !claim->is_destroyed)
            answer_json(ret_answer, MHD_HTTP_OK, results_attempt(claim));
        else
            answer_message(ret_answer, MHD_HTTP_BAD_REQUEST, "There is no attempt with this id");
    }
    pthread_mutex_unlock(&mock->lock);
}

/* ---- the mock's own paths ---- */

static void handle_add_tasks(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    struct err err = {0};
    json_error_t error;
    CLEANUP(json_decrefp)
    json_t *tasks = json_loadb(body_text(request), request->body.len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!tasks) {
        answer_text(ret_answer, MHD_HTTP_BAD_REQUEST, error.text);
        return;
    }
    pthread_mutex_lock(&mock->lock);
    int r = queue_add(&mock->queue, tasks, mock_now_ms(mock), &err);
    int64_t left = queue_left(&mock->queue);
    pthread_mutex_unlock(&mock->lock);
    if (r < 0)
        answer_text(ret_answer, MHD_HTTP_BAD_REQUEST, err.message);
    else
        answer_json(ret_answer, MHD_HTTP_OK,
                    json_pack("{s:o}", "tasks_left", left < 0 ? json_null() : json_integer(left)));
}

/* The condition of GET /mock/state?results=3&timeout_ms=500. */
struct wait {
    struct mock *mock;
    int64_t timeout_ms;
    struct {
        const int64_t *counter;
        int64_t least;
    } goals[16];
    size_t len;
    bool wrong;
};

static enum MHD_Result read_goal(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct wait *wait = cls;
    char *end = NULL;
    long long number = value ? strtoll(value, &end, 10) : -1;
    const int64_t *counter = state_counter(wait->mock, key);
    if (!value || end == value || *end || number < 0 || wait->len == ARRAY_LEN(wait->goals)) {
        wait->wrong = true;
    } else if (strcmp(key, "timeout_ms") == 0) {
        wait->timeout_ms = MIN(number, (long long)WAIT_MAX_MS);
    } else if (counter) {
        wait->goals[wait->len].counter = counter;
        wait->goals[wait->len++].least = number;
    } else {
        wait->wrong = true;
    }
    return MHD_YES;
}

static bool reached(const struct wait *wait)
{
    for (size_t i = 0; i < wait->len; i++)
        if (*wait->goals[i].counter < wait->goals[i].least)
            return false;
    return true;
}

static void handle_state(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    struct wait wait = {.mock = mock, .timeout_ms = WAIT_DEFAULT_MS};
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, read_goal, &wait);
    if (wait.wrong) {
        answer_text(ret_answer, MHD_HTTP_BAD_REQUEST,
                    "only timeout_ms and counters are accepted, each with a number");
        return;
    }
    int64_t deadline_ms = clock_now_ms() + wait.timeout_ms;
    pthread_mutex_lock(&mock->lock);
    while (!reached(&wait) && !mock->stopping && mock_wait(mock, deadline_ms))
        ;
    answer_json(ret_answer, MHD_HTTP_OK, state_json(mock));
    pthread_mutex_unlock(&mock->lock);
}

static void handle_set_faults(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    CLEANUP(strv_done) struct strv problems = {0};
    pthread_mutex_lock(&mock->lock);
    faults_parse(&mock->faults, body_text(request), &problems);
    pthread_mutex_unlock(&mock->lock);
    if (problems.len) {
        CLEANUP(mem_freep) char *text = strv_join(&problems, "\n");
        answer_text(ret_answer, MHD_HTTP_BAD_REQUEST, text);
        return;
    }
    answer_set(ret_answer, MHD_HTTP_NO_CONTENT, NULL, NULL, 0);
}

static void handle_clear_faults(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    pthread_mutex_lock(&mock->lock);
    mock->faults.len = 0;
    faults_set_random(&mock->faults, &(struct faults_random){0});
    pthread_mutex_unlock(&mock->lock);
    answer_set(ret_answer, MHD_HTTP_NO_CONTENT, NULL, NULL, 0);
}

static void handle_revoke(struct mock *mock, const struct request *request, struct answer *ret_answer)
{
    pthread_mutex_lock(&mock->lock);
    auth_forget(&mock->auth);
    pthread_mutex_unlock(&mock->lock);
    answer_set(ret_answer, MHD_HTTP_NO_CONTENT, NULL, NULL, 0);
}

/* ---- the table ---- */

/* Returns what follows the route's path; NULL: not this route. */
static const char *rest_of(const struct route *route, const char *path)
{
    if (!route->has_rest)
        return strcmp(route->path, path) == 0 ? "" : NULL;
    const char *below = str_path_below(path, route->path);
    return below ? below + 1 : NULL;
}

unsigned route_find(const struct mock *mock, const char *method, const char *path, struct route *ret_route,
                    const char **ret_rest, char *ret_allow)
{
    const struct route routes[] = {
        {"GET", mock->paths.get, handle_get, FAULT_AT_GET, false},
        {"POST", mock->paths.post, handle_post, FAULT_AT_POST, false},
        {"GET", mock->paths.attempt, handle_attempt, FAULT_AT_ATTEMPT, true},
        {"POST", mock->paths.login, handle_login, FAULT_AT_LOGIN, false},
        {"POST", mock->paths.refresh, handle_refresh, FAULT_AT_REFRESH, false},
        {"POST", "/mock/tasks", handle_add_tasks, ROUTE_CONTROL, false},
        {"GET", "/mock/state", handle_state, ROUTE_CONTROL, false},
        {"POST", "/mock/faults", handle_set_faults, ROUTE_CONTROL, false},
        {"DELETE", "/mock/faults", handle_clear_faults, ROUTE_CONTROL, false},
        {"POST", "/mock/revoke", handle_revoke, ROUTE_CONTROL, false},
    };
    unsigned status = MHD_HTTP_NOT_FOUND;
    ret_allow[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        const char *rest = rest_of(&routes[i], path);
        if (!rest)
            continue;
        *ret_rest = rest;
        *ret_route = routes[i];
        if (strcmp(routes[i].method, method) == 0)
            return MHD_HTTP_OK;
        size_t len = strlen(ret_allow);
        snprintf(ret_allow + len, ROUTE_ALLOW_SIZE - len, "%s%s", len ? ", " : "", routes[i].method);
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    return status;
}
