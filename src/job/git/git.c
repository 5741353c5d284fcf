#include "job/git/git.h"

#include "base/capture.h"
#include "base/fs.h"
#include "base/url.h"
#include "job/git/git_fault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_LIMIT_BYTES 65536

/* ---- environment and arguments ---- */

/* Returns true for a variable that could change where git looks or make it prompt. */
static bool is_left_out(const char *variable)
{
    static const char *const prefixes[] = {"GIT_DIR=",
                                           "GIT_WORK_TREE=",
                                           "GIT_INDEX_FILE=",
                                           "GIT_OBJECT_DIRECTORY=",
                                           "GIT_ALTERNATE_",
                                           "GIT_NAMESPACE=",
                                           "GIT_TRACE",
                                           "GIT_ALLOW_PROTOCOL=",
                                           "SSH_ASKPASS",
                                           "DISPLAY=",
                                           "LC_",
                                           "LANG=",
                                           "LANGUAGE=",
                                           "OSTEST_",
                                           "CREDENTIALS_DIRECTORY="};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* `own_count`: the caller sets GIT_CONFIG_COUNT itself. */
static void push_environ(bool own_count, struct strv *env)
{
    for (char **v = environ; *v; v++)
        if (!is_left_out(*v) && !(own_count && strncmp(*v, "GIT_CONFIG_COUNT=", 17) == 0))
            strv_push(env, *v);
}

void git_clean_env(struct strv *ret_env)
{
    push_environ(false, ret_env);
}

static void make_env(const struct git *git, const struct git_command *command, bool own_count,
                     struct strv *env)
{
    push_environ(own_count, env);
    strv_push(env, "LC_ALL=C");
    strv_push(env, "GIT_TERMINAL_PROMPT=0");
    strv_push(env, "GIT_LFS_SKIP_SMUDGE=1");
    strv_push(env, "GIT_NO_REPLACE_OBJECTS=1");
    CLEANUP(strv_done) struct strv protocols = {0};
    strv_split(&protocols, git->protocols, ",");
    CLEANUP(mem_freep) char *allowed = strv_join(&protocols, ":");
    strv_pushf(env, "GIT_ALLOW_PROTOCOL=%s", allowed);
    if (command->index_file)
        strv_pushf(env, "GIT_INDEX_FILE=%s", command->index_file);
}

static void push_setting(struct strv *argv, const char *setting)
{
    strv_push(argv, "-c");
    strv_push(argv, setting);
}

/* Adds a setting through the environment (git-config(1)), where its key may contain '='. */
static void push_env_setting(struct strv *env, unsigned number, const char *url, size_t url_len,
                             const char *value)
{
    strv_pushf(env, "GIT_CONFIG_KEY_%u=credential.%.*s.helper", number, (int)url_len, url);
    strv_pushf(env, "GIT_CONFIG_VALUE_%u=%s", number, value);
}

/*
 * Makes git use only the credentials of the URL: the operator's helpers are neither asked nor told.
 * Set for the URL, which takes precedence over settings for its host, and for the host, in case of
 * a redirect.
 */
static void push_credentials(const struct git *git, const char *url, struct strv *env)
{
    const char *before = getenv("GIT_CONFIG_COUNT");
    unsigned number = before ? (unsigned)strtoul(before, NULL, 10) : 0;
    const char *host = strstr(url, "://") + 3;
    size_t lengths[] = {strlen(url), (size_t)(host - url) + strcspn(host, "/?#")};
    CLEANUP(mem_freep) char *helper = mem_printf("store --file='%s'", git->credentials_path);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        push_env_setting(env, number++, url, lengths[i], "");
        push_env_setting(env, number++, url, lengths[i], helper);
    }
    strv_pushf(env, "GIT_CONFIG_COUNT=%u", number);
}

static void make_argv(const struct git *git, const struct git_command *command, struct strv *argv)
{
    static const char *const settings[] = {
        /* run nothing that a repository brings, nothing in the background */
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null",
        "submodule.recurse=false", "gc.auto=0", "maintenance.auto=false",
        /* fetched objects stay packed, so that the limit of a file is the limit of a fetch */
        "fetch.unpackLimit=1",
        /* files are written unchanged, whatever the operator's settings */
        "core.autocrlf=false", "core.eol=lf", "core.symlinks=true", "core.fileMode=true",
        "core.ignoreCase=false", "core.sparseCheckout=false"};
    strv_push(argv, "git");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        push_setting(argv, settings[i]);
    CLEANUP(mem_freep) char *threads = mem_printf("pack.threads=%u", git->threads);
    push_setting(argv, threads);
    if (command->git_dir)
        strv_pushf(argv, "--git-dir=%s", command->git_dir);
    if (command->work_tree)
        strv_pushf(argv, "--work-tree=%s", command->work_tree);
}

/* Writes the URL's credentials to a file for git-credential-store(1). */
static int write_credentials(const struct git *git, const char *url, const char *userinfo, struct err *err)
{
    CLEANUP(mem_freep) char *bare = url_without_userinfo(url);
    const char *host = strstr(bare, "://") + 3;
    char *line = mem_printf("%.*s%s%s@%.*s\n", (int)(host - bare), bare, userinfo,
                            strchr(userinfo, ':') ? "" : ":", (int)strcspn(host, "/?#"), host);
    int r = fs_write_atomic(git->credentials_path, line, strlen(line), err);
    mem_free_secret(line);
    return r;
}

static int run(const struct git *git, const struct git_command *command, bool has_credentials,
               struct buf *ret_output, struct err *err)
{
    CLEANUP(mem_freep) char *shown = command->url ? url_without_userinfo(command->url) : NULL;
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv env = {0};
    make_argv(git, command, &argv);
    strv_extend(&argv, command->args);
    make_env(git, command, has_credentials, &env);
    if (has_credentials)
        push_credentials(git, shown, &env);
    struct capture capture = {
        .doing = command->doing,
        .argv = &argv,
        .env = &env,
        .timeout_ms = git->timeout_ms,
        .output_limit_bytes = MAX(command->output_limit_bytes, (size_t)OUTPUT_LIMIT_BYTES),
        .file_size_bytes = git->limit_bytes,
        .file_size_option = "--disk",
        .cancel_fd = git->cancel_fd,
        .keep = git->keep,
    };
    CLEANUP(buf_done) struct buf messages = BUF_INIT(0);
    int r = capture_run(&capture, ret_output, &messages, err);
    return r == -EIO && command->repository ? git_fault_explain(git, command, &messages, err) : r;
}

int git_run(const struct git *git, const struct git_command *command, struct buf *ret_output, struct err *err)
{
    char *userinfo = command->url ? url_userinfo(command->url) : NULL;
    int r = userinfo ? write_credentials(git, command->url, userinfo, err) : 0;
    if (r == 0)
        r = run(git, command, userinfo, ret_output, err);
    if (userinfo)
        unlink(git->credentials_path);
    mem_free_secret(userinfo);
    return r;
}

int git_check_url(const struct git *git, const char *url, struct err *err)
{
    CLEANUP(mem_freep) char *protocol = url_protocol(url);
    CLEANUP(strv_done) struct strv allowed = {0};
    strv_split(&allowed, git->protocols, ",");
    if (strv_contains(&allowed, protocol))
        return 0;
    CLEANUP(mem_freep) char *shown = url_without_userinfo(url);
    return err_set(err, ERR_TASK, EINVAL, "%s uses the protocol '%s'; allowed here: %s", shown, protocol,
                   git->protocols);
}
