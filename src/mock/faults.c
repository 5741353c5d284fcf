#include "mock/faults.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_COUNT         1000000000
#define MAX_SLOW_MS       3600000
#define MAX_HUGE_BYTES    (UINT64_C(1) << 40)
#define MAX_RETRY_AFTER_S 86400
#define MAX_DATE_S        UINT64_C(1000000000)

#define AT_GET     (1U << FAULT_AT_GET)
#define AT_POST    (1U << FAULT_AT_POST)
#define AT_ATTEMPT (1U << FAULT_AT_ATTEMPT)
#define AT_TASKS   (AT_GET | AT_POST | AT_ATTEMPT)
#define AT_AUTH    (1U << FAULT_AT_LOGIN | 1U << FAULT_AT_REFRESH)

static const struct {
    const char *name;
    unsigned places;
} places[] = {{"get", AT_GET},
              {"post", AT_POST},
              {"attempt", AT_ATTEMPT},
              {"login", 1U << FAULT_AT_LOGIN},
              {"refresh", 1U << FAULT_AT_REFRESH},
              {"all", AT_TASKS | AT_AUTH}};

static const struct {
    const char *name;
    enum fault_kind kind;
    uint64_t max; /* of the value after '='; 0: takes none */
} kinds[] = {{"drop", FAULT_DROP, 0},
             {"drop-after", FAULT_DROP_AFTER, 0},
             {"slow", FAULT_SLOW, MAX_SLOW_MS},
             {"garbage", FAULT_GARBAGE, 0},
             {"html", FAULT_HTML, 0},
             {"truncated", FAULT_TRUNCATED, 0},
             {"half", FAULT_HALF, 0},
             {"huge", FAULT_HUGE, MAX_HUGE_BYTES},
             {"dup-keys", FAULT_DUP_KEYS, 0},
             {"revoke", FAULT_REVOKE, 0},
             {"drop-reused", FAULT_DROP_REUSED, 0}};

/*
 * The random faults, and where they may occur. Only a claim whose answer is lost costs a task: see
 * may_strike().
 */
static const struct {
    unsigned places;
    struct fault fault;
} random_faults[] = {
    {AT_TASKS, {FAULT_STATUS, 429, -1, false}},
    {AT_TASKS | AT_AUTH, {FAULT_STATUS, 500, -1, false}},
    {AT_TASKS | AT_AUTH, {FAULT_STATUS, 503, -1, false}},
    {AT_TASKS, {FAULT_STATUS, 503, 1, false}},
    {AT_TASKS, {FAULT_DROP, 0, -1, false}},
    {AT_TASKS, {FAULT_DROP_AFTER, 0, -1, false}},
    {AT_TASKS, {FAULT_DROP_REUSED, 0, -1, false}},
    {AT_TASKS | AT_AUTH, {FAULT_SLOW, 200, -1, false}},
    {AT_GET | AT_ATTEMPT, {FAULT_GARBAGE, 0, -1, false}},
    {AT_TASKS, {FAULT_REVOKE, 0, -1, false}},
};

/* ---- reading a plan ---- */

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
    if (!isdigit((unsigned char)text[0]) || strlen(text) > 15)
        return false;
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0' || value > max)
        return false;
    *ret = value;
    return true;
}

static const char *parse_place(const char *text, struct fault_rule *rule)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (strcmp(text, places[i].name) == 0) {
            rule->places = places[i].places;
            return NULL;
        }
    }
    return "WHERE must be get, post, attempt, login, refresh or all";
}

/* Parses "2", "date=2" or "date=-2". */
static bool parse_retry_after(const char *text, struct fault *fault)
{
    static const char date[] = "date=";
    uint64_t wait;
    fault->retry_after_date = strncmp(text, date, strlen(date)) == 0;
    text += fault->retry_after_date ? strlen(date) : 0;
    bool ago = fault->retry_after_date && text[0] == '-';
    if (!parse_number(text + ago, fault->retry_after_date ? MAX_DATE_S : MAX_RETRY_AFTER_S, &wait))
        return false;
    fault->retry_after_s = ago ? -(int64_t)wait : (int64_t)wait;
    return true;
}

/* Parses "503", "503+2" or "503+date=2". */
static const char *parse_status(char *text, struct fault *fault)
{
    char *plus = strchr(text, '+');
    if (plus) {
        *plus = '\0';
        if (!parse_retry_after(plus + 1, fault))
            return "'+' must be followed by the seconds of Retry-After, or date=SECONDS";
    }
    if (!parse_number(text, 599, &fault->value) || fault->value < 200)
        return "a status must be a number from 200 to 599";
    fault->kind = FAULT_STATUS;
    return NULL;
}

static const char *parse_kind(char *text, struct fault *fault)
{
    if (isdigit((unsigned char)text[0]))
        return parse_status(text, fault);
    char *value = strchr(text, '=');
    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(text, kinds[i].name) != 0)
            continue;
        fault->kind = kinds[i].kind;
        if (!value == (kinds[i].max == 0) && (!value || parse_number(value, kinds[i].max, &fault->value)))
            return NULL;
        return kinds[i].max ? "its name must be followed by '=' and a number in range" : "it takes no value";
    }
    return "WHAT must be a status, drop, drop-after, drop-reused, slow=MS, garbage, html, truncated, "
           "half, "
           "huge=BYTES, dup-keys or revoke";
}

/* Parses a count, '*', or "after=N". */
static const char *parse_extra(const char *text, struct fault_rule *rule)
{
    uint64_t number;
    if (strcmp(text, "*") == 0) {
        rule->left = -1;
        return NULL;
    }
    bool after = strncmp(text, "after=", 6) == 0;
    if (!parse_number(after ? text + 6 : text, MAX_COUNT, &number) || (!after && number == 0))
        return "the fault may only be followed by a count, '*' and after=N";
    *(after ? &rule->after : &rule->left) = (int64_t)number;
    return NULL;
}

static const char *parse_rule(const char *text, struct fault_rule *ret_rule)
{
    CLEANUP(strv_done) struct strv parts = {0};
    strv_split(&parts, text, ":");
    struct fault_rule rule = {.fault.retry_after_s = -1, .left = 1};
    if (parts.len < 2)
        return "expected WHERE:WHAT[:COUNT][:after=N]";
    const char *problem = parse_place(parts.items[0], &rule);
    if (!problem)
        problem = parse_kind(parts.items[1], &rule.fault);
    for (size_t i = 2; !problem && i < parts.len; i++)
        problem = parse_extra(parts.items[i], &rule);
    if (!problem)
        *ret_rule = rule;
    return problem;
}

int faults_parse(struct faults *faults, const char *spec, struct strv *ret_problems)
{
    CLEANUP(strv_done) struct strv texts = {0};
    strv_split(&texts, spec, ", \t\r\n");
    struct fault_rule rules[FAULTS_MAX_RULES];
    size_t problems = ret_problems->len;
    if (texts.len > FAULTS_MAX_RULES) {
        strv_pushf(ret_problems, "more than %d faults", FAULTS_MAX_RULES);
        return -EINVAL;
    }
    for (size_t i = 0; i < texts.len; i++) {
        const char *problem = parse_rule(texts.items[i], &rules[i]);
        if (problem)
            strv_pushf(ret_problems, "fault '%s': %s", texts.items[i], problem);
    }
    if (ret_problems->len > problems)
        return -EINVAL;
    memcpy(faults->rules, rules, texts.len * sizeof(*rules));
    faults->len = texts.len;
    return 0;
}

/* ---- applying a plan */

/* splitmix64: small, and the same sequence on every machine. */
static uint64_t next_random(struct faults *faults)
{
    uint64_t z = faults->random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void faults_set_random(struct faults *faults, const struct faults_random *random)
{
    faults->random = *random;
    faults->random_state = random->seed;
}

static bool may_strike(const struct faults *faults, size_t i, enum fault_where where)
{
    bool loses_claim = where == FAULT_AT_GET && fault_loses_answer(&random_faults[i].fault);
    return random_faults[i].places & 1U << where && (faults->random.claims_too || !loses_claim);
}

static struct fault random_fault(struct faults *faults, enum fault_where where)
{
    struct fault fault = {.retry_after_s = -1};
    if (faults->random.rate <= 0 || (double)(next_random(faults) >> 11) * 0x1p-53 >= faults->random.rate)
        return fault;
    size_t fitting[ARRAY_LEN(random_faults)], len = 0;
    for (size_t i = 0; i < ARRAY_LEN(random_faults); i++)
        if (may_strike(faults, i, where))
            fitting[len++] = i;
    fault = random_faults[fitting[next_random(faults) % len]].fault;
    if (fault.kind == FAULT_SLOW)
        fault.value = 1 + next_random(faults) % fault.value;
    return fault;
}

/* Returns true if the rule applies to this request, and counts it. */
static bool rule_is_due(struct fault_rule *rule)
{
    if (rule->after > 0) {
        rule->after--;
        return false;
    }
    return rule->left != 0;
}

struct fault faults_next(struct faults *faults, enum fault_where where)
{
    struct fault_rule *hit = NULL;
    for (size_t i = 0; i < faults->len; i++) {
        struct fault_rule *rule = &faults->rules[i];
        if (rule->places & 1U << where && rule_is_due(rule) && !hit)
            hit = rule;
    }
    if (!hit)
        return random_fault(faults, where);
    if (hit->left > 0)
        hit->left--;
    return hit->fault;
}

bool fault_acts(const struct fault *fault, enum fault_where where)
{
    switch (fault->kind) {
    case FAULT_DROP:
        return false;
    case FAULT_STATUS: /* a 2xx tells the client that its result is stored, so it must be */
        return where == FAULT_AT_POST && fault->value < 300;
    case FAULT_GARBAGE:
    case FAULT_HTML:
    case FAULT_HUGE:
        return where == FAULT_AT_POST;
    default:
        return true;
    }
}

bool fault_loses_answer(const struct fault *fault)
{
    return fault->kind == FAULT_DROP_AFTER || fault->kind == FAULT_TRUNCATED || fault->kind == FAULT_HALF;
}

void fault_name(const struct fault *fault, char *ret_name, size_t size)
{
    const char *name = "none";
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == fault->kind)
            name = kinds[i].name;
    if (fault->kind == FAULT_STATUS)
        snprintf(ret_name, size, "%u", (unsigned)fault->value);
    else
        snprintf(ret_name, size, "%s", name);
}
