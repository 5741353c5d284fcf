#include "runner/config/options.h"

#include "base/fs.h"
#include "base/opt/opt_live.h"
#include "base/utf8.h"
#include "runner/config/listen.h"
#include "runner/config/slurm_args.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PASSWORD_LIMIT_BYTES 4096
#define CA_FILE_LIMIT_BYTES  (16U << 20)
#define MAX_NAME_BYTES       64
#define NAME_CHARACTERS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:"
#define DEFAULT_PASSWORD     "dora_explorer"

/* A port that is not a number is the rest of a password with an unescaped '/' or the like. */
static bool is_port_fine(const char *host)
{
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    size_t skipped = at ? (size_t)(at + 1 - host) : 0;
    const char *colon = memrchr(host + skipped, ':', len - skipped);
    bool is_ipv6 = len && host[len - 1] == ']';
    return !colon || is_ipv6 || colon + 1 + strspn(colon + 1, "0123456789") == host + len;
}

static const char *check_url(const char *text)
{
    bool is_http = strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
    const char *host = is_http ? strstr(text, "://") + 3 : "";
    bool usable = *host && *host != '/' && !strchr(text, ' ') && !job_options_check_line(text);
    if (!usable)
        return "a URL that begins with http:// or https:// and names a host";
    if (strpbrk(host, "?#"))
        return "a URL without '?' and '#': the path of each API is appended to it; in a password they are "
               "written as %3F and %23";
    return is_port_fine(host) ? NULL : "a URL whose port is a number; in a password, '/' is written as %2F";
}

static const char *check_api(const char *text)
{
    bool usable = *text == '/' && !strchr(text, ' ') && !job_options_check_line(text);
    return usable ? NULL : "a path that begins with '/'";
}

static const char *check_attempt_api(const char *text)
{
    bool usable = !*text || (!check_api(text) && !strpbrk(text, "?#"));
    return usable ? NULL : "a path that begins with '/', without '?', or nothing";
}

/* Reads the file at start, so that errors show then and not at the first request. */
static const char *check_ca_file(const char *text)
{
    CLEANUP(buf_done) struct buf certificates = BUF_INIT(0);
    bool usable = fs_read_file(text, CA_FILE_LIMIT_BYTES, &certificates, NULL) == 0 && certificates.data &&
                  strstr(certificates.data, "-----BEGIN ");
    return usable ? NULL : "a readable file with certificates in PEM form";
}

static const char *check_text(const char *text)
{
    return *text && utf8_is_valid(text, strlen(text)) ? NULL : "a text in UTF-8 that is not empty";
}

static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len && len <= MAX_NAME_BYTES && strspn(text, NAME_CHARACTERS) == len;
}

static const char *check_name(const char *text)
{
    return is_name(text) ? NULL : "1 to 64 letters, digits and the characters . _ - @ :";
}

#define MEMBER(name) offsetof(struct options, name)

static const struct opt table[] = {
    {"backend-url", "URL", OPT_STRING, MEMBER(backend_url), "http://localhost:5000", .check = check_url,
     .help = "URL of the backend", .group = "Backend"},
    {"ca-file", "FILE", OPT_STRING, MEMBER(ca_file), .check = check_ca_file,
     .help =
         "PEM file with the CA certificates to verify the backend with [$CURL_CA_BUNDLE, $SSL_CERT_FILE or "
         "the system's]"},
    {"auth", NULL, OPT_FLAG, MEMBER(auth), "no", .help = "log in to the backend"},
    {"login", "NAME", OPT_STRING, MEMBER(login), "dora_explorer", .check = check_text,
     .help = "user name at the backend"},
    {"password", "WORD", OPT_SECRET, MEMBER(password), .check = check_text,
     .help = "password of that user; prefer --password-file [dora_explorer]"},
    {"password-file", "FILE", OPT_STRING, MEMBER(password_file),
     .help = "read the password from the first line of FILE [systemd credential 'password']"},
    {"check-interval", "S", OPT_SECONDS, MEMBER(check_interval_ms), "5", .min = 0.01, .max = 86400,
     .help = "time between two requests for a task while there is none (with jitter)", .is_live = true},
    {"refresh-time", "S", OPT_SECONDS, MEMBER(refresh_ms), "60", .min = 0.1, .max = 1e6,
     .help = "time between two refreshes of the access token"},
    {"get-api", "PATH", OPT_STRING, MEMBER(get_api), "/api/task/available", .check = check_api,
     .help = "path of the request for a task"},
    {"post-api", "PATH", OPT_STRING, MEMBER(post_api), "/api/task/result", .check = check_api,
     .help = "path to post results to"},
    {"attempt-api", "PATH", OPT_STRING, MEMBER(attempt_api), "/api/session/attempt",
     .check = check_attempt_api,
     .help = "path of an attempt without its /ID, queried before each post; empty: no query"},
    {"login-api", "PATH", OPT_STRING, MEMBER(login_api), "/api/v1/login", .check = check_api,
     .help = "path of the login"},
    {"token-refresh-api", "PATH", OPT_STRING, MEMBER(token_refresh_api), "/api/v1/auth/refresh",
     .check = check_api, .help = "path to refresh the access token"},
    {"concurrent", "N", OPT_INTEGER, MEMBER(concurrent), "2", .min = 1, .max = 1024,
     .help = "number of tasks to run at the same time", .group = "Tasks"},
    {"once", NULL, OPT_FLAG, MEMBER(once), "no", .help = "stop after one task; same as --max-tasks 1"},
    {"max-tasks", "N", OPT_INTEGER, MEMBER(max_tasks), "0", .max = 1e15,
     .help = "stop after N tasks; 0: no limit"},
    {"task-tries", "N", OPT_INTEGER, MEMBER(task_tries), "2", .min = 1, .max = 100,
     .help = "how often to start a task whose job dies before reporting an error", .is_live = true},
    {"drain-timeout", "S", OPT_SECONDS, MEMBER(drain_timeout_ms), .max = 1e6,
     .help = "time for running tasks and deliveries to finish after a stop request; 0: no limit [--timeout]",
     .is_live = true},
    {"executor", "WHERE", OPT_CHOICE, MEMBER(executor), "local", .choices = "local|slurm",
     .help = "where to run tasks: on this machine or on a Slurm cluster (docs/cluster.md)",
     .group = "Cluster"},
    {"slurm-args", "WORDS", OPT_STRING, MEMBER(slurm_args), "", .check = slurm_args_check,
     .help = "additional options for sbatch, such as '--partition=short --account=os'"},
    {"slurm-poll", "S", OPT_SECONDS, MEMBER(slurm_poll_ms), "5", .min = 0.1, .max = 600,
     .help = "time between two queries of Slurm for the state of all jobs"},
    {"slurm-grace", "S", OPT_SECONDS, MEMBER(slurm_grace_ms), "60", .min = 0.1, .max = 3600,
     .help = "time for the result of an ended Slurm job to appear on the shared file system"},
    JOB_OPTIONS(struct options, job.),
    {"name", "NAME", OPT_STRING, MEMBER(name), .check = check_name,
     .help = "name of this runner, sent to the backend and used in logs and metrics [host name]",
     .group = "This machine"},
    {"state-dir", "DIR", OPT_STRING, MEMBER(state_dir), .check = job_options_check_line,
     .help =
         "directory for journal, spool and caches [$STATE_DIRECTORY, else $XDG_STATE_HOME/ostest-runner]"},
    {"min-free-disk", "BYTES", OPT_BYTES, MEMBER(min_free_bytes), "1G", .max = 1e15,
     .help = "claim no task while less than this is free in --state-dir", .is_live = true},
    {"cache-size", "BYTES", OPT_BYTES, MEMBER(cache_bytes), "10G", .max = 1e15,
     .help = "size of the cache of repositories, suites and environments; least recently used entries are "
             "removed "
             "first",
     .is_live = true},
    {"keep-jobs", "N", OPT_INTEGER, MEMBER(keep_jobs), "100", .max = 1e6,
     .help = "number of finished tasks to keep the logs of, and as many that failed because of this machine",
     .is_live = true},
    {"max-unsent", "N", OPT_INTEGER, MEMBER(max_unsent), "1000", .min = 1, .max = 1e6,
     .help = "claim no task while this many results are undelivered", .is_live = true},
    {"pause-after", "N", OPT_INTEGER, MEMBER(pause_after), "5", .max = 1e6,
     .help = "pause claiming after N consecutive tasks that failed because of this machine; 0: never",
     .is_live = true},
    {"pause-time", "S", OPT_SECONDS, MEMBER(pause_ms), "30", .min = 0.01, .max = 600,
     .help = "length of the first pause; each further one is twice as long, up to 600", .is_live = true},
    {"http", "ADDRESS:PORT", OPT_STRING, MEMBER(http), "", .check = listen_check,
     .help =
         "serve the status page, metrics and health checks there; a port alone: on 127.0.0.1; 0: any free "
         "port [none]"},
    {"logger-level", "LEVEL", OPT_CHOICE, MEMBER(logger_level), "info",
     .choices = "debug|info|warning|error|critical", .help = "least severe messages to log", .group = "Log",
     .is_live = true},
    {"logger-output", "FILE", OPT_STRING, MEMBER(logger_output), "",
     .help = "append the log to FILE; SIGHUP reopens it [standard output]"},
    {"log-format", "FORM", OPT_CHOICE, MEMBER(log_format), "text", .choices = "text|json",
     .help = "log format: text, or one JSON object per line"},
    {"config", "FILE", OPT_STRING, MEMBER(config),
     .help = "configuration file with lines of the form 'option = value'", .group = "General"},
    {"check-config", "FILE", OPT_STRING, MEMBER(check_config), .is_of_call = true,
     .help = "check this configuration file and exit"},
    {"example", NULL, OPT_HELP, .help = "after 'config': print a configuration file with every option"},
    {"help", NULL, OPT_HELP, .help = "show this help"},
    {"version", NULL, OPT_HELP, .help = "show the version"},
};

/* ---- options that need more than their row ---- */

static int read_password_file(const char *path, char **ret_password, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    int r = fs_read_file(path, PASSWORD_LIMIT_BYTES, &text, err);
    if (r < 0)
        return r == -ENOENT ? err_set(err, ERR_ENVIRONMENT, ENOENT, "there is no file %s", path) : r;
    const char *word = text.len ? text.data + utf8_mark_len(text.data, text.len) : "";
    char *password = mem_strndup(word, strcspn(word, "\r\n"));
    if (text.data)
        explicit_bzero(text.data, text.len);
    if (check_text(password)) {
        mem_free_secret(password);
        return err_set(err, ERR_ENVIRONMENT, EINVAL, "the first line of %s is no password: %s is expected",
                       path, check_text(""));
    }
    *ret_password = password;
    return 0;
}

/*
 * Returns the path of systemd's credential, see systemd.exec(5), even if it is unreadable, which is
 * then an error. NULL: none. The caller frees.
 */
static char *systemd_credential(void)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char *path = dir ? mem_printf("%s/password", dir) : NULL;
    if (path && access(path, F_OK) < 0 && errno == ENOENT)
        mem_freep(&path), path = NULL;
    return path;
}

/*
 * The stronger source of --password and --password-file wins, then the credential, then the
 * default.
 */
static void choose_password(struct options *o, struct strv *faults)
{
    bool file_wins = o->password_file && (!o->password || opt_source_of(&o->set, "password-file") >
                                                              opt_source_of(&o->set, "password"));
    CLEANUP(mem_freep) char *credential = o->password || o->password_file ? NULL : systemd_credential();
    const char *path = file_wins ? o->password_file : credential;
    struct err err = {0};
    char *password = NULL;
    if (path && read_password_file(path, &password, &err) < 0)
        strv_pushf(faults, "--password-file: %s", err.message);
    if (password) {
        mem_free_secret(o->password);
        o->password = password;
    }
    if (credential)
        opt_settle(&o->set, "password-file", credential);
    if (o->password)
        return;
    o->password = mem_strdup(DEFAULT_PASSWORD);
    opt_settle(&o->set, "password", o->password);
}

char *options_default_state_dir(void)
{
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (xdg && *xdg == '/')
        return mem_printf("%s/ostest-runner", xdg);
    return home && *home == '/' ? mem_printf("%s/.local/state/ostest-runner", home) : NULL;
}

static void choose_state_dir(struct options *o, struct strv *faults)
{
    const char *from_systemd = getenv("STATE_DIRECTORY");
    if (!o->state_dir && from_systemd && *from_systemd)
        o->state_dir = mem_strndup(from_systemd, strcspn(from_systemd, ":"));
    else if (!o->state_dir)
        o->state_dir = options_default_state_dir();
    if (!o->state_dir || !*o->state_dir)
        strv_push(faults,
                  "--state-dir: nothing was given, and neither $STATE_DIRECTORY nor $HOME is set; accepted: "
                  "a directory");
}

static void choose_name(struct options *o)
{
    char host[MAX_NAME_BYTES + 1] = "";
    if (o->name)
        return;
    gethostname(host, sizeof(host) - 1);
    o->name = mem_strdup(is_name(host) ? host : "unnamed");
    opt_settle(&o->set, "name", o->name);
}

/* Jobs run in other working directories, so paths must be absolute. */
static void make_absolute(char **path)
{
    if (!*path || **path == '/')
        return;
    char *cwd = realpath(".", NULL);
    char *absolute = mem_printf("%s/%s", cwd ? cwd : "", *path);
    free(cwd);
    free(*path);
    *path = absolute;
}

/* For `config`, which shows the values in force. */
static void settle(struct options *o)
{
    if (o->state_dir)
        opt_settle(&o->set, "state-dir", o->state_dir);
    if (o->drain_timeout_ms < 0) {
        CLEANUP(mem_freep) char *seconds = mem_printf("%g", (double)o->job.timeout_ms / 1000);
        o->drain_timeout_ms = o->job.timeout_ms;
        opt_settle(&o->set, "drain-timeout", seconds);
    }
}

/* ---- */

int options_read(int argc, char **argv, struct options *ret_options, const char **ret_asked,
                 struct strv *ret_faults)
{
    *ret_options = (struct options){.set = {.table = table,
                                            .len = ARRAY_LEN(table),
                                            .env_prefix = "OSTEST_",
                                            .config_option = OPTIONS_CONFIG}};
    struct options *o = ret_options;
    o->argc = argc;
    o->argv = argv;
    o->drain_timeout_ms = -1;
    opt_parse(&o->set, argc, argv, o, ret_faults);
    *ret_asked = o->set.help_asked;
    if (*ret_asked)
        return 0;
    choose_password(o, ret_faults);
    choose_state_dir(o, ret_faults);
    make_absolute(&o->state_dir);
    make_absolute(&o->ca_file);
    choose_name(o);
    if (o->once)
        o->max_tasks = 1;
    settle(o);
    return ret_faults->len ? -EINVAL : 0;
}

void options_done(struct options *options)
{
    opt_done(&options->set, options);
}

int options_read_again(struct options *options, struct strv *ret_taken, struct strv *ret_left,
                       struct strv *ret_faults)
{
    struct options fresh;
    const char *asked;
    int r = options_read(options->argc, options->argv, &fresh, &asked, ret_faults);
    if (r == 0)
        opt_take_live(&options->set, options, &fresh.set, &fresh, ret_taken, ret_left);
    options_done(&fresh);
    return r;
}

char *options_url(const struct options *options, const char *api)
{
    size_t len = strlen(options->backend_url);
    while (len && options->backend_url[len - 1] == '/')
        len--;
    return mem_printf("%.*s%s", (int)len, options->backend_url, api);
}

int options_write_job_file(const struct options *options, const char *path, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    buf_puts(&text, "# Written by ostest-runner at each start, for ostest-job.\n");
    job_options_print(&options->set, MEMBER(job), &text);
    return fs_write_atomic(path, text.data, text.len, err);
}

struct opt_table options_table(void)
{
    return (struct opt_table){table, ARRAY_LEN(table)};
}

void options_check_file(const char *path, struct strv *ret_faults)
{
    struct options o = {.set = {.table = table, .len = ARRAY_LEN(table), .config_option = OPTIONS_CONFIG}};
    CLEANUP(mem_freep) char *option = mem_printf("--" OPTIONS_CONFIG "=%s", path);
    char *argv[] = {"", option, NULL};
    opt_parse(&o.set, 2, argv, &o, ret_faults);
    choose_password(&o, ret_faults);
    options_done(&o);
}
