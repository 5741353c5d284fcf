/*
 * ostest-mock-backend: the other side of the contract (docs/protocol.md), for development, for
 * tests and for the demo.
 *
 * Theory of operation. libmicrohttpd gives each connection a thread, so an answer that is meant
 * to be slow keeps nobody else waiting. server.c turns a connection into a request, asks the
 * fault plan (faults.c) what is to go wrong with it, has a route (routes.c) do what was asked
 * for, and spoils the answer (answer.c) where the plan says so. The routes stand on queue.c
 * (tasks and claims), results.c (the contract's rules for a result) and auth.c (tokens); all of
 * them are plain data behind the one lock in mock.h. What happened can be read, and waited for,
 * at GET /mock/state; whoever has an answer in his hands finds it counted there.
 *
 * The rule behind the faults: a 2xx on a result is never a lie. A spoilt answer with a 2xx means
 * that the result was stored, because that is what a runner must be able to rely on; on all
 * other paths a foreign body (garbage, html, huge) means that nothing was done.
 *
 * This file has the options, the start and the end, and all that is printed.
 */

#include "base/fd.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/opt_help.h"
#include "base/utf8.h"
#include "mock/server.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct config {
    int64_t port;
    char *port_file;
    char *tasks;
    int64_t repeat;
    int no_task_status; /* index into no_task_statuses */
    char *get_api, *post_api, *attempt_api, *login_api, *token_refresh_api;
    int rules; /* enum results_rules */
    int64_t claim_lag_ms;
    bool auth;
    char *users;
    int64_t token_ttl_ms;
    char *results;
    uint64_t max_body_bytes;
    char *faults;
    int64_t fault_seed;
    char *fault_rate;
    bool fault_claims;
    bool quiet;
};

static const unsigned no_task_statuses[] = {MHD_HTTP_OK, MHD_HTTP_NO_CONTENT, MHD_HTTP_NOT_FOUND};

/* ---- options ---- */

static const char *check_path(const char *text)
{
    return text[0] == '/' && !strpbrk(text, "?# ") ? NULL : "a path that begins with '/', without '?'";
}

static bool parse_rate(const char *text, double *ret_rate)
{
    char *end;
    *ret_rate = strtod(text, &end);
    return end != text && *end == '\0' && *ret_rate >= 0 && *ret_rate <= 1;
}

static const char *check_rate(const char *text)
{
    double rate;
    return parse_rate(text, &rate) ? NULL : "a number from 0 to 1";
}

#define AT(member) offsetof(struct config, member)

static const struct opt options[] = {
    {.name = "port",
     .arg = "N",
     .kind = OPT_INTEGER,
     .offset = AT(port),
     .def = "5000",
     .max = 65535,
     .help = "port on 127.0.0.1; 0: any free one, see the first line of output",
     .group = "Server"},
    {.name = "port-file",
     .arg = "FILE",
     .kind = OPT_STRING,
     .offset = AT(port_file),
     .help = "write the port there once it can be reached"},
    {.name = "tasks",
     .arg = "FILE",
     .kind = OPT_STRING,
     .offset = AT(tasks),
     .help = "a JSON array of tasks; a string in it is sent as it is [built-in tasks, for ever]",
     .group = "Tasks"},
    {.name = "repeat",
     .arg = "N",
     .kind = OPT_INTEGER,
     .offset = AT(repeat),
     .def = "1",
     .max = 1e9,
     .help = "hand the tasks out N times, with new ids; 0: for ever"},
    {.name = "no-task-status",
     .arg = "N",
     .kind = OPT_CHOICE,
     .offset = AT(no_task_status),
     .def = "200",
     .choices = "200|204|404",
     .help = "how to say that there is no task"},
    {.name = "claim-lag",
     .arg = "S",
     .kind = OPT_SECONDS,
     .offset = AT(claim_lag_ms),
     .def = "0",
     .max = 60,
     .help = "from choosing a task to marking it as taken: who asks meanwhile gets the same one"},
    {.name = "get-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(get_api),
     .def = "/api/task/available",
     .check = check_path,
     .help = "where tasks are"},
    {.name = "post-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(post_api),
     .def = "/api/task/result",
     .check = check_path,
     .help = "where results go"},
    {.name = "attempt-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(attempt_api),
     .def = "/api/session/attempt",
     .check = check_path,
     .help = "where an attempt is asked for, with \"/\" and its id behind"},
    {.name = "login-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(login_api),
     .def = "/api/v1/login",
     .check = check_path,
     .help = "where to log in"},
    {.name = "token-refresh-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(token_refresh_api),
     .def = "/api/v1/auth/refresh",
     .check = check_path,
     .help = "where to refresh tokens"},
    {.name = "auth",
     .kind = OPT_FLAG,
     .offset = AT(auth),
     .help = "ask for a token on task requests",
     .group = "Accounts"},
    {.name = "user",
     .arg = "LIST",
     .kind = OPT_STRING,
     .offset = AT(users),
     .def = "dora_explorer:dora_explorer:ADMIN",
     .check = auth_check_users,
     .help = "accounts, NAME:PASSWORD:ROLE with commas between; only ADMIN may take tasks"},
    {.name = "token-ttl",
     .arg = "S",
     .kind = OPT_SECONDS,
     .offset = AT(token_ttl_ms),
     .def = "900",
     .max = 1e9,
     .help = "seconds until an access token expires"},
    {.name = "rules",
     .arg = "RULES",
     .kind = OPT_CHOICE,
     .offset = AT(rules),
     .def = "real",
     .choices = "real|lenient",
     .help =
         "what becomes of results: as at the real backend (docs/backend.md), or as a friendly one would do",
     .group = "Results"},
    {.name = "results",
     .arg = "FILE",
     .kind = OPT_STRING,
     .offset = AT(results),
     .help = "append each result there, one line of JSON each"},
    {.name = "max-body",
     .arg = "BYTES",
     .kind = OPT_BYTES,
     .offset = AT(max_body_bytes),
     .def = "64M",
     .min = 1,
     .max = 1 << 30,
     .help = "largest body that is taken; more is answered 413"},
    {.name = "faults",
     .arg = "LIST",
     .kind = OPT_STRING,
     .offset = AT(faults),
     .def = "",
     .help = "WHERE:WHAT[:COUNT][:after=N] with commas between, see below",
     .group = "Faults"},
    {.name = "fault-rate",
     .arg = "P",
     .kind = OPT_STRING,
     .offset = AT(fault_rate),
     .def = "0",
     .check = check_rate,
     .help = "probability of a random fault that loses nothing, per request"},
    {.name = "fault-seed",
     .arg = "N",
     .kind = OPT_INTEGER,
     .offset = AT(fault_seed),
     .def = "1",
     .max = 9e15,
     .help = "the same seed gives the same random faults"},
    {.name = "fault-claims",
     .kind = OPT_FLAG,
     .offset = AT(fault_claims),
     .help = "random faults also drop answers to claims; /mock/state says which (\"lost\")"},
    {.name = "quiet",
     .kind = OPT_FLAG,
     .offset = AT(quiet),
     .help = "no line for each result",
     .group = "General"},
    {.name = "help", .kind = OPT_HELP, .help = "this text"},
    {.name = "version", .kind = OPT_HELP, .help = "the version"},
};

static const char help_head[] =
    "Usage: ostest-mock-backend [OPTION]...\n"
    "Hands out tasks to ostest-runner and takes its results, as the OSTEST backend does.\n\n";

static const char help_tail[] =
    "\nFaults: WHERE is get, post, attempt, login, refresh or all. WHAT is one of\n"
    "  a status       e.g. 503, 503+2 with Retry-After: 2, or 503+date=2 with that as a date (date=-2:\n"
    "                 ago); nothing is done, but a 2xx on a result stores it\n"
    "  drop           close the connection, nothing is done\n"
    "  drop-after     do it (claim the task, store the result), then close the connection\n"
    "  drop-reused    the same, but only on a connection that has served a request before\n"
    "  slow=MS        do it, answer later; others are not kept waiting\n"
    "  truncated      do it, end the connection in the middle of the answer\n"
    "  half           do it, answer with half a JSON text\n"
    "  dup-keys       do it, answer with every member twice\n"
    "  revoke         forget all tokens, then do as without a fault (401 where a token is needed)\n"
    "  garbage        200 and bytes that are no JSON\n"
    "  html           200 and a web page\n"
    "  huge=BYTES     200 and that much JSON, without Content-Length\n"
    "Garbage, html and huge do nothing, but a result is stored. COUNT: how many requests are hit (1);\n"
    "'*': all. after=N: the first N are spared.\n"
    "\nWhile it runs:\n"
    "  GET /mock/state      what happened; ?results=3&timeout_ms=5000 (any counter) waits for it\n"
    "  POST /mock/tasks     add a task, or an array of tasks\n"
    "  POST /mock/faults    a new list of faults, as text; DELETE: no more faults, random or not\n"
    "  POST /mock/revoke    forget all tokens\n";

static void print_help(void)
{
    fputs(help_head, stdout);
    opt_help_print(options, ARRAY_LEN(options), stdout);
    fputs(help_tail, stdout);
}

/* ---- what is printed while it runs ---- */

/*
 * One line, less than PIPE_BUF and only where there is room: a reader that does not read must
 * not make the server wait.
 */
static void say(int fd, const char *prefix, const char *text)
{
    CLEANUP(mem_freep) char *valid = utf8_repair(text, utf8_cut(text, strlen(text), 2000));
    for (char *p = valid; *p; p++)
        if (iscntrl((unsigned char)*p))
            *p = ' ';
    CLEANUP(mem_freep) char *line = mem_printf("%s%s\n", prefix, valid);
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    if (poll(&room, 1, 0) == 1 && room.revents & POLLOUT)
        fd_write_all(fd, line, strlen(line));
}

static void note(enum mock_note kind, const char *line)
{
    if (kind == MOCK_NOTE_RESULT)
        say(STDOUT_FILENO, "", line);
    else
        say(STDERR_FILENO, "violation: ", line);
}

static void note_quietly(enum mock_note kind, const char *line)
{
    if (kind == MOCK_NOTE_VIOLATION)
        note(kind, line);
}

/* ---- start and end ---- */

/* Everything about the options that the table cannot know; fills what comes out of it. */
static void check_config(const struct config *config, const struct opt_set *set, struct faults *ret_faults,
                         json_t **ret_tasks, struct strv *ret_problems)
{
    CLEANUP(strv_done) struct strv problems = {0};
    struct err err = {0};
    double rate = 0;
    for (size_t i = 0; i < set->operands.len; i++)
        strv_pushf(ret_problems, "'%s' is no option; see --help", set->operands.items[i]);
    faults_parse(ret_faults, config->faults ? config->faults : "", &problems);
    for (size_t i = 0; i < problems.len; i++)
        strv_pushf(ret_problems, "--faults: %s", problems.items[i]);
    if (config->fault_rate && parse_rate(config->fault_rate, &rate))
        faults_set_random(ret_faults,
                          &(struct faults_random){(uint64_t)config->fault_seed, rate, config->fault_claims});
    if (config->tasks && queue_read_file(config->tasks, ret_tasks, &err) < 0)
        strv_pushf(ret_problems, "--tasks: %s", err.message);
}

static int complain(const struct strv *problems)
{
    for (size_t i = 0; i < problems->len; i++)
        fprintf(stderr, "ostest-mock-backend: %s\n", problems->items[i]);
    return 2;
}

static int write_port_file(const char *path, uint16_t port, struct err *err)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%u\n", port);
    return path ? fs_write_atomic(path, text, (size_t)len, err) : 0;
}

static int serve(struct mock *mock, const struct config *config, const sigset_t *signals, struct err *err)
{
    struct server *server;
    uint16_t port;
    int number;
    int r = server_start(mock, (uint16_t)config->port, &server, &port, err);
    if (r < 0)
        return r;
    r = write_port_file(config->port_file, port, err);
    if (r == 0) {
        printf("listening on http://127.0.0.1:%u\n", port);
        fflush(stdout);
        sigwait(signals, &number);
    }
    server_stop(server);
    return r;
}

static int open_results(const char *path, int *ret_fd, struct err *err)
{
    *ret_fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644) : -1;
    return path && *ret_fd < 0 ? err_errno(err, errno, "Cannot open %s", path) : 0;
}

static int run(const struct config *config, const struct opt_set *set, const struct faults *faults,
               json_t *tasks, const sigset_t *signals)
{
    struct err err = {0};
    bool endless = !config->tasks && opt_source_of(set, "repeat") == OPT_FROM_DEFAULT;
    struct mock mock;
    mock_init(&mock, &(struct mock_setup){.list = tasks,
                                          .rounds = endless ? 0 : config->repeat,
                                          .users = config->users,
                                          .token_ttl_ms = config->token_ttl_ms});
    mock.faults = *faults;
    mock.paths = (struct mock_paths){.get = config->get_api,
                                     .post = config->post_api,
                                     .attempt = config->attempt_api,
                                     .login = config->login_api,
                                     .refresh = config->token_refresh_api};
    mock.rules = (enum results_rules)config->rules;
    mock.auth_wanted = config->auth;
    mock.claim_lag_ms = config->claim_lag_ms;
    mock.no_task_status = no_task_statuses[config->no_task_status];
    mock.max_body_bytes = config->max_body_bytes;
    mock.note = config->quiet ? note_quietly : note;
    int r = open_results(config->results, &mock.results_fd, &err);
    if (r == 0)
        r = serve(&mock, config, signals, &err);
    if (r < 0)
        fprintf(stderr, "ostest-mock-backend: %s\n", err.message);
    fd_close(mock.results_fd);
    mock_done(&mock);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Before the first thread: all of them inherit it, and only sigwait(3) sees these signals. */
static void block_signals(sigset_t *ret_signals)
{
    sigemptyset(ret_signals);
    sigaddset(ret_signals, SIGTERM);
    sigaddset(ret_signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    struct config config = {0};
    struct opt_set set = {.table = options, .len = ARRAY_LEN(options)};
    struct faults faults = {0};
    CLEANUP(strv_done) struct strv problems = {0};
    CLEANUP(json_decrefp) json_t *tasks = NULL;
    sigset_t signals;
    int status = EXIT_SUCCESS;

    block_signals(&signals);
    opt_parse(&set, argc, argv, &config, &problems);
    if (set.help_asked) {
        if (strcmp(set.help_asked, "help") == 0)
            print_help();
        else
            puts("ostest-mock-backend " PROJECT_VERSION);
    } else {
        check_config(&config, &set, &faults, &tasks, &problems);
        status = problems.len ? complain(&problems) : run(&config, &set, &faults, tasks, &signals);
    }
    opt_done(&set, &config);
    return status;
}
