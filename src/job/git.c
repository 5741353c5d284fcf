#include "job/git.h"

#include "base/fs.h"
#include "base/url.h"
#include "job/child.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define GRACE_MS                   2000
#define MESSAGE_LIMIT_BYTES        65536
#define OUTPUT_DEFAULT_LIMIT_BYTES 65536

#define OUTPUT_LIMIT_BYTES 65536

/* ---- what git's words mean ---- */

#define GIT_NO_SUCH_REF "couldn't find remote ref"

/*
 * The first row whose words stand in git's messages decides. Most of the words are git's own with
 * LC_ALL=C, some are libcurl's and ssh's. "%s" is the URL.
 */
static const struct meaning {
    const char *words;
    enum err_class class;
    const char *sentence;
} meanings[] = {
    {"No space left on device", ERR_ENVIRONMENT, "The disk is full: %s could not be fetched"},
    {"Disk quota exceeded", ERR_ENVIRONMENT, "The disk quota is used up: %s could not be fetched"},
    {"dubious ownership", ERR_ENVIRONMENT,
     "git refuses %s: it belongs to another user (see safe.directory in git-config)"},
    {"not allowed", ERR_TASK, "git may not use the protocol of %s (see --git-protocols)"},
    {GIT_NO_SUCH_REF, ERR_TASK, "%s has no such branch"},
    {"could not read Username", ERR_TASK,
     "%s does not exist, or is private and the runner has no access to it"},
    {"could not read Password", ERR_TASK,
     "%s does not exist, or is private and the runner has no access to it"},
    {"Authentication failed", ERR_TASK, "%s is private, and the runner has no access to it"},
    {"Permission denied", ERR_TASK, "%s does not exist, or is private and the runner has no access to it"},
    {"Access denied", ERR_TASK, "%s does not exist, or is private and the runner has no access to it"},
    {"returned error: 401", ERR_TASK, "%s is private, and the runner has no access to it"},
    {"returned error: 403", ERR_TASK, "%s is private, and the runner has no access to it"},
    {"returned error: 404", ERR_TASK, "%s does not exist"},
    {"returned error: 410", ERR_TASK, "%s does not exist any more"},
    {"Host key verification failed", ERR_ENVIRONMENT, "The host of %s is not in the runner's known_hosts"},
    {"returned error: ", ERR_NETWORK, "The host of %s answers with an error"},
    {"Could not resolve host", ERR_NETWORK, "The host of %s is not known, or name resolution does not work"},
    {"Connection refused", ERR_NETWORK, "The host of %s does not answer (connection refused)"},
    {"timed out", ERR_NETWORK, "The host of %s does not answer (timed out)"},
    {"Failed to connect", ERR_NETWORK, "The host of %s does not answer"},
    {"Couldn't connect", ERR_NETWORK, "The host of %s does not answer"},
    {"unable to connect", ERR_NETWORK, "The host of %s does not answer"},
    {"early EOF", ERR_NETWORK, "The connection to the host of %s broke off"},
    {"hung up unexpectedly", ERR_NETWORK, "The connection to the host of %s broke off"},
    {"RPC failed", ERR_NETWORK, "The connection to the host of %s broke off"},
    {"Connection reset", ERR_NETWORK, "The connection to the host of %s broke off"},
    {"SSL", ERR_NETWORK, "No secure connection to the host of %s could be made"},
    {"not valid: is this a git repository?", ERR_TASK, "%s is not a git repository"},
    {"does not appear to be a git repository", ERR_TASK, "%s does not exist, or is not a git repository"},
    {"does not exist", ERR_TASK, "%s does not exist"},
    {"not found", ERR_TASK, "%s does not exist, or is private and the runner has no access to it"},
    {"strange hostname", ERR_TASK, "%s is not a usable URL"},
    {"strange pathname", ERR_TASK, "%s is not a usable URL"},
    {"Unable to find remote helper", ERR_TASK, "git does not know the protocol of %s"},
};

/* Puts a sentence for a person in the place of the child's own, where a row of the table fits. */
static int explain(const struct git_command *command, const char *url, const char *messages, struct err *err)
{
    for (size_t i = 0; command->url && i < ARRAY_LEN(meanings); i++) {
        if (!strstr(messages, meanings[i].words))
            continue;
        const char *sentence = meanings[i].sentence;
        int before_url = (int)(strstr(sentence, "%s") - sentence);
        int code = strcmp(meanings[i].words, GIT_NO_SUCH_REF) == 0 ? ENOENT : EIO;
        return err_set(err, meanings[i].class, code, "%.*s%s%s", before_url, sentence, url,
                       sentence + before_url + 2);
    }
    return -EIO;
}

/* ---- environment and arguments ---- */

/* Of our own environment, what could change where git looks or make it ask somebody. */
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

static void make_env(const struct git *git, const struct git_command *command, struct strv *env)
{
    for (char **v = environ; *v; v++)
        if (!is_left_out(*v))
            strv_push(env, *v);
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

static void make_argv(const struct git_command *command, const char *credentials, struct strv *argv)
{
    static const char *const settings[] = {
        "core.hooksPath=/dev/null", "core.fsmonitor=false",      "gc.auto=0",
        "maintenance.auto=false",   "advice.detachedHead=false", "core.attributesFile=/dev/null",
        "submodule.recurse=false"};
    strv_push(argv, "git");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        strv_push(argv, "-c");
        strv_push(argv, settings[i]);
    }
    if (credentials) {
        strv_push(argv, "-c");
        strv_pushf(argv, "credential.helper=store --file='%s'", credentials);
    }
    if (command->git_dir)
        strv_pushf(argv, "--git-dir=%s", command->git_dir);
    if (command->work_tree)
        strv_pushf(argv, "--work-tree=%s", command->work_tree);
    strv_extend(argv, command->args);
}

/* A file for git-credential-store(1) with what stood in the URL; NULL where there is nothing. */
static int write_credentials(const struct git *git, const char *url, char **ret_path, struct err *err)
{
    CLEANUP(mem_freep) char *userinfo = url ? url_userinfo(url) : NULL;
    if (!userinfo)
        return 0;
    CLEANUP(mem_freep) char *bare = url_without_userinfo(url);
    const char *host = strstr(bare, "://") + 3;
    CLEANUP(mem_freep) char *path = mem_printf("%s/credentials", git->scratch_dir);
    CLEANUP(mem_freep)
    char *line = mem_printf("%.*s%s%s@%.*s\n", (int)(host - bare), bare, userinfo,
                            strchr(userinfo, ':') ? "" : ":", (int)strcspn(host, "/?#"), host);
    int r = fs_write_atomic(path, line, strlen(line), err);
    explicit_bzero(line, strlen(line));
    if (r == 0)
        *ret_path = TAKE_PTR(path);
    return r;
}

static void unlink_and_free(char **path)
{
    if (*path)
        unlink(*path);
    free(*path);
}

int git_run(const struct git *git, const struct git_command *command, struct buf *ret_output, struct err *err)
{
    CLEANUP(unlink_and_free) char *credentials = NULL;
    int r = write_credentials(git, command->url, &credentials, err);
    if (r < 0)
        return r;
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv env = {0};
    make_argv(command, credentials, &argv);
    make_env(git, command, &env);
    struct child child = {
        .doing = command->doing,
        .argv = &argv,
        .env = &env,
        .timeout_ms = git->timeout_ms,
        .output_limit_bytes = MAX(command->output_limit_bytes, (size_t)OUTPUT_LIMIT_BYTES),
        .file_size_bytes = git->limit_bytes,
        .cancel_fd = git->cancel_fd,
        .keep = git->keep,
    };
    CLEANUP(buf_done) struct buf messages = BUF_INIT(0);
    CLEANUP(mem_freep) char *shown = command->url ? url_without_userinfo(command->url) : NULL;
    r = child_run(&child, ret_output, &messages, err);
    return r == -EIO && messages.len ? explain(command, shown, messages.data, err) : r;
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
