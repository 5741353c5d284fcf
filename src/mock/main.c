/*
 * ostest-mock-backend: the backend's side of the protocol (docs/protocol.md), for development,
 * tests and the demo.
 *
 * Theory of operation. libmicrohttpd gives each connection a thread, so a slow answer delays no
 * other request. server.c turns a connection into a request, asks the fault plan (faults.c) for its
 * fault, has a route (routes.c) carry it out, and applies the fault to the answer (answer.c). The
 * routes use queue.c (tasks and claims), results.c (the rules for results) and auth.c (tokens); all
 * of them are plain data, protected by the one lock in mock.h. GET /mock/state shows, and waits
 * for, what has happened; an answer is counted there before it is sent.
 *
 * The rule for faults: a 2xx on a result means that the result was stored, with a fault as well,
 * since a runner must be able to rely on it. On all other paths, a replaced body (garbage, html,
 * huge) means that nothing was done.
 *
 * This file contains the options, start and shutdown, and all output.
 */

#include "base/fd.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/opt/opt.h"
#include "base/opt/opt_help.h"
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
    int no_task_status; /* index in no_task_statuses */
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
     .help = "port on 127.0.0.1; 0: any free one, printed on the first line",
     .group = "Server"},
    {.name = "port-file",
     .arg = "FILE",
     .kind = OPT_STRING,
     .offset = AT(port_file),
     .help = "file to write the port to once it accepts connections"},
    {.name = "tasks",
     .arg = "FILE",
     .kind = OPT_STRING,
     .offset = AT(tasks),
     .help = "JSON array of tasks; strings in it are sent unchanged [built-in tasks, endlessly]",
     .group = "Tasks"},
    {.name = "repeat",
     .arg = "N",
     .kind = OPT_INTEGER,
     .offset = AT(repeat),
     .def = "1",
     .max = 1e9,
     .help = "hand out the tasks N times, with new ids; 0: endlessly"},
    {.name = "no-task-status",
     .arg = "N",
     .kind = OPT_CHOICE,
     .offset = AT(no_task_status),
     .def = "200",
     .choices = "200|204|404",
     .help = "status of the answer if there is no task"},
    {.name = "claim-lag",
     .arg = "S",
     .kind = OPT_SECONDS,
     .offset = AT(claim_lag_ms),
     .def = "0",
     .max = 60,
     .help =
         "time between choosing a task and marking it as taken; other requests get the same task meanwhile"},
    {.name = "get-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(get_api),
     .def = "/api/task/available",
     .check = check_path,
     .help = "path of tasks"},
    {.name = "post-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(post_api),
     .def = "/api/task/result",
     .check = check_path,
     .help = "path of results"},
    {.name = "attempt-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(attempt_api),
     .def = "/api/session/attempt",
     .check = check_path,
     .help = "path of attempts, followed by \"/\" and an id"},
    {.name = "login-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(login_api),
     .def = "/api/v1/login",
     .check = check_path,
     .help = "path of logins"},
    {.name = "token-refresh-api",
     .arg = "PATH",
     .kind = OPT_STRING,
     .offset = AT(token_refresh_api),
     .def = "/api/v1/auth/refresh",
     .check = check_path,
     .help = "path of token refreshes"},
    {.name = "auth",
     .kind = OPT_FLAG,
     .offset = AT(auth),
     .help = "require a token for requests of tasks",
     .group = "Accounts"},
    {.name = "user",
     .arg = "LIST",
     .kind = OPT_STRING,
     .offset = AT(users),
     .def = "dora_explorer:dora_explorer:ADMIN",
     .check = auth_check_users,
     .help = "accounts as NAME:PASSWORD:ROLE, separated by commas; only ADMIN may take tasks"},
    {.name = "token-ttl",
     .arg = "S",
     .kind = OPT_SECONDS,
     .offset = AT(token_ttl_ms),
     .def = "900",
     .max = 1e9,
     .help = "time until an access token expires"},
    {.name = "rules",
     .arg = "RULES",
     .kind = OPT_CHOICE,
     .offset = AT(rules),
     .def = "real",
     .choices = "real|lenient",
     .help = "how results are handled: like the real backend (docs/backend.md), or more leniently",
     .group = "Results"},
    {.name = "results",
     .arg = "FILE",
     .kind = OPT_STRING,
     .offset = AT(results),
     .help = "file to append results to, one line of JSON each"},
    {.name = "max-body",
     .arg = "BYTES",
     .kind = OPT_BYTES,
     .offset = AT(max_body_bytes),
     .def = "64M",
     .min = 1,
     .max = 1 << 30,
     .help = "largest body that is accepted; larger ones get a 413"},
    {.name = "faults",
     .arg = "LIST",
     .kind = OPT_STRING,
     .offset = AT(faults),
     .def = "",
     .help = "faults as WHERE:WHAT[:COUNT][:after=N], separated by commas, see below",
     .group = "Faults"},
    {.name = "fault-rate",
     .arg = "P",
     .kind = OPT_STRING,
     .offset = AT(fault_rate),
     .def = "0",
     .check = check_rate,
     .help = "probability per request of a random fault that loses nothing"},
    {.name = "fault-seed",
     .arg = "N",
     .kind = OPT_INTEGER,
     .offset = AT(fault_seed),
     .def = "1",
     .max = 9e15,
     .help = "seed of the random faults; the same seed gives the same faults"},
    {.name = "fault-claims",
     .kind = OPT_FLAG,
     .offset = AT(fault_claims),
     .help = "random faults may also drop answers to claims; /mock/state lists them (\"lost\")"},
    {.name = "quiet",
     .kind = OPT_FLAG,
     .offset = AT(quiet),
     .help = "do not print a line for each result",
     .group = "General"},
    {.name = "help", .kind = OPT_HELP, .help = "show this help"},
    {.name = "version", .kind = OPT_HELP, .help = "show the version"},
};

static const char help_head[] =
    "Usage: ostest-mock-backend [OPTION]...\n"
    "Hands out tasks to ostest-runner and takes its results, like the OSTEST backend.\n\n";

static const char help_tail[] =
    "\nFaults: WHERE is get, post, attempt, login, refresh or all. WHAT is one of\n"
    "  a status       e.g. 503, 503+2 with Retry-After: 2, or 503+date=2 with that as a date (date=-2:\n"
    "                 in the past); nothing is done, but a 2xx on a result stores it\n"
    "  drop           close the connection without doing anything\n"
    "  drop-after     do it (claim the task, store the result), then close the connection\n"
    "  drop-reused    the same, but only on a connection that has already served a request\n"
    "  slow=MS        do it, answer later; other requests are not delayed\n"
    "  truncated      do it, end the connection in the middle of the answer\n"
    "  half           do it, answer with half a JSON text\n"
    "  dup-keys       do it, repeat every member in the answer\n"
    "  revoke         drop all tokens, then continue without a fault (401 if a token is required)\n"
    "  garbage        200 and bytes that are not JSON\n"
    "  html           200 and a web page\n"
    "  huge=BYTES     200 and that much JSON, without Content-Length\n"
    "With garbage, html and huge nothing is done, except that a result is stored. COUNT: how many\n"
    "requests to hit (1), '*': all. after=N: spare the first N requests.\n"
    "\nControl requests:\n"
    "  GET /mock/state      show counters and tasks; ?results=3&timeout_ms=5000 (any counter) waits\n"
    "  POST /mock/tasks     add a task, or an array of tasks\n"
    "  POST /mock/faults    set the list of faults, as text; DELETE: remove all, random ones too\n"
    "  POST /mock/revoke    drop all tokens\n";

static void print_help(void)
{
    fputs(help_head, stdout);
    opt_help_print(options, ARRAY_LEN(options), stdout);
    fputs(help_tail, stdout);
}

/* ---- output while it runs */

/*
 * Prints one line, shorter than PIPE_BUF, and only if there is room: a slow reader must not block
 * the server.
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

/* ---- start and shutdown */

/* Checks what the option table cannot, and returns faults and tasks. */
static void check_config(const struct config *config, const struct opt_set *set, struct faults *ret_faults,
                         json_t **ret_tasks, struct strv *ret_problems)
{
    CLEANUP(strv_done) struct strv problems = {0};
    struct err err = {0};
    double rate = 0;
    for (size_t i = 0; i < set->operands.len; i++)
        strv_pushf(ret_problems, "unexpected argument '%s'; see --help", set->operands.items[i]);
    faults_parse(ret_faults, config->faults ? config->faults : "", &problems);
    for (size_t i = 0; i < problems.len; i++)
        strv_pushf(ret_problems, "--faults: %s", problems.items[i]);
    if (config->fault_rate && parse_rate(config->fault_rate, &rate))
        faults_set_random(ret_faults,
                          &(struct faults_random){(uint64_t)config->fault_seed, rate, config->fault_claims});
    if (config->tasks && queue_read_file(config->tasks, ret_tasks, &err) < 0)
        strv_pushf(ret_problems, "--tasks: %s", err.message);
}

static int report_problems(const struct strv *problems)
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

/*
 * Called before the first thread is created: all threads inherit the mask, and only sigwait(3)
 * receives these signals.
 */
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
        status = problems.len ? report_problems(&problems) : run(&config, &set, &faults, tasks, &signals);
    }
    opt_done(&set, &config);
    return status;
}
