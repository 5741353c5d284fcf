#include "job/git/git_fault.h"

#include "base/capture.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUOTE_BYTES 200

/* ---- the content of the repository ---- */

/*
 * The first row whose words are in git's messages decides. "%s" is the URL; git's line follows in
 * parentheses. `code` is what git_run() returns: EIO if a damaged mirror looks the same, 0 for
 * EREMOTEIO.
 */
static const char not_understood[] = "%s has settings that git does not understand";
static const char no_commit[] = "The branch of %s does not lead to a commit";
static const char damaged[] = "%s is damaged: objects are missing or broken (see git fsck)";
static const struct content {
    const char *words;
    const char *sentence;
    int code;
} contents[] = {
    {"unable to create symlink", "%s has a symbolic link whose target is empty or too long", 0},
    {"File name too long", "%s has a file whose name is too long", 0},
    {"invalid path", "%s has a file whose name git does not allow, such as '.git' or '..'", 0},
    {"expected commit type", no_commit, EIO},
    {"Needed a single revision", no_commit, EIO},
    {"bad config line", not_understood, EIO},
    {"git repo version", not_understood, EIO},
    {"unknown repository extension", not_understood, EIO},
    {"unable to read sha1 file", damaged, EIO},
    {"fatal: unable to read ", damaged, EIO},
    {"bad tree object", damaged, EIO},
    {"empty filename in tree entry", damaged, EIO},
    {"too-short tree", damaged, EIO},
    {"is corrupt", damaged, EIO},
    {"Failed to traverse parents", damaged, EIO},
    {"missing blob object", damaged, EIO},
    {"did not send all necessary objects", damaged, EIO},
    {"not our ref", damaged, EIO},
    {"repository corruption", damaged, EIO},
};

/* ---- the host, and access to it ---- */

/*
 * The first row whose words are in git's messages decides, so specific rows come first. Most of the
 * words are git's own with LC_ALL=C, some are libcurl's and ssh's. "%s" is the URL. `code` is what
 * git_run() returns, 0 for EREMOTEIO.
 */
static const char not_trusted[] =
    "The certificate of the host of %s is not trusted (see GIT_SSL_CAINFO and http.sslCAInfo in git-config)";
static const char no_authorities[] =
    "The CA certificates for %s cannot be read (see GIT_SSL_CAINFO and http.sslCAInfo in git-config)";
static const struct meaning {
    const char *words;
    enum err_class class;
    const char *sentence;
    int code;
} meanings[] = {
    {"cannot run ssh", ERR_NETWORK, "ssh, which %s needs, is not installed", 0},
    {"dubious ownership", ERR_NETWORK,
     "git refuses %s: it belongs to another user (see safe.directory in git-config)", 0},
    {"mismatched algorithms", ERR_TASK, "%s has an object format that git does not know", EPROTOTYPE},
    {"not allowed", ERR_TASK, "git may not use the protocol of %s (see --git-protocols)", 0},
    {"couldn't find remote ref", ERR_TASK, "%s has no such branch", ENOENT},
    {"could not read Username", ERR_TASK,
     "%s does not exist, or is private and the runner has no access to it", 0},
    {"could not read Password", ERR_TASK,
     "%s does not exist, or is private and the runner has no access to it", 0},
    {"Authentication failed", ERR_TASK, "%s is private, and the runner has no access to it", 0},
    {"Permission denied", ERR_TASK, "%s does not exist, or is private and the runner has no access to it", 0},
    {"Access denied", ERR_TASK, "%s does not exist, or is private and the runner has no access to it", 0},
    {"returned error: 401", ERR_TASK, "%s is private, and the runner has no access to it", 0},
    {"returned error: 403", ERR_TASK, "%s is private, and the runner has no access to it", 0},
    {"returned error: 404", ERR_TASK, "%s does not exist", 0},
    {"returned error: 410", ERR_TASK, "%s does not exist any more", 0},
    {"Host key verification failed", ERR_NETWORK, "The host of %s is not in the runner's known_hosts", 0},
    {"certificate verification failed", ERR_NETWORK, not_trusted, 0},
    {"SSL certificate problem", ERR_NETWORK, not_trusted, 0},
    {"certificate subject name", ERR_NETWORK, not_trusted, 0},
    {"no alternative certificate subject", ERR_NETWORK, not_trusted, 0},
    {"peer certificate", ERR_NETWORK, not_trusted, 0},
    {"SSL CA cert", ERR_ENVIRONMENT, no_authorities, 0},
    {"error setting certificate", ERR_ENVIRONMENT, no_authorities, 0},
    {"returned error: ", ERR_NETWORK, "The host of %s answers with an error", 0},
    {"Could not resolve host", ERR_NETWORK, "The host of %s is not known, or name resolution does not work",
     0},
    {"Connection refused", ERR_NETWORK, "The host of %s does not answer (connection refused)", 0},
    {"timed out", ERR_NETWORK, "The host of %s does not answer (timed out)", 0},
    {"Failed to connect", ERR_NETWORK, "The host of %s does not answer", 0},
    {"Couldn't connect", ERR_NETWORK, "The host of %s does not answer", 0},
    {"unable to connect", ERR_NETWORK, "The host of %s does not answer", 0},
    {"early EOF", ERR_NETWORK, "The connection to the host of %s broke off", 0},
    {"hung up unexpectedly", ERR_NETWORK, "The connection to the host of %s broke off", 0},
    {"RPC failed", ERR_NETWORK, "The connection to the host of %s broke off", 0},
    {"Connection reset", ERR_NETWORK, "The connection to the host of %s broke off", 0},
    {"not valid: is this a git repository?", ERR_TASK, "%s is not a git repository", 0},
    {"does not appear to be a git repository", ERR_TASK, "%s does not exist, or is not a git repository", 0},
    {"does not exist", ERR_TASK, "%s does not exist", 0},
    {"could not be found", ERR_TASK, "%s does not exist, or is private and the runner has no access to it",
     0},
    {"not found", ERR_TASK, "%s does not exist, or is private and the runner has no access to it", 0},
    {"strange hostname", ERR_TASK, "%s is not a usable URL", 0},
    {"strange pathname", ERR_TASK, "%s is not a usable URL", 0},
    {"Unable to find remote helper", ERR_NETWORK, "git on this machine does not support the protocol of %s",
     0},
    {"Could not resolve hostname", ERR_NETWORK,
     "The host of %s is not known, or name resolution does not work", 0},
    {"fatal: expected ", ERR_NETWORK, "The host of %s does not speak git's protocol correctly", 0},
    {"protocol error", ERR_NETWORK, "The host of %s does not speak git's protocol correctly", 0},
    {"bad pack header", ERR_NETWORK, "The connection to the host of %s broke off", 0},
    {"unexpected disconnect", ERR_NETWORK, "The connection to the host of %s broke off", 0},
    {"unable to access", ERR_NETWORK, "The connection to the host of %s does not work", 0},
    {"Could not read from remote repository", ERR_NETWORK, "The connection to the host of %s does not work",
     0},
};

/* ---- this machine ---- */

/* Errors that neither a repository's content nor a server can cause. */
static const int machine_errors[] = {EDQUOT, ENOMEM, EIO, EAGAIN, EMFILE, ENFILE};

/* Returns true for a line in which git itself says why it failed. */
static bool is_of_git(const char *line)
{
    return strncmp(line, "fatal: ", 7) == 0 || strncmp(line, "error: ", 7) == 0;
}

/*
 * Returns true for a line of the server's. The lines that follow may be the server's as well: git
 * does not prefix every one.
 */
static bool is_of_server(const char *line)
{
    return strncmp(line, "remote: ", 8) == 0 || strstr(line, "remote error: ");
}

static int say_machine(int code, const char *url, struct err *err)
{
    return err_set(err, ERR_ENVIRONMENT, code, "git failed on this machine: %s (reading %s)", strerror(code),
                   url);
}

/*
 * Returns 0 if git may write to the directory, or if it is missing: then the mirror is damaged,
 * which is not the machine's fault.
 */
static int look_at_dir(const char *dir, const char *url, struct err *err)
{
    if (access(dir, W_OK) == 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        return 0;
    int code = errno;
    return err_set(err, ERR_ENVIRONMENT, code, "The runner may not write to %s, its copy of %s: %s", dir, url,
                   strerror(code));
}

static int look_at_dirs(const struct git_command *command, struct err *err)
{
    static const char *const parts[] = {"", "/objects", "/objects/pack", "/refs", "/refs/ostest"};
    int r = command->work_tree ? look_at_dir(command->work_tree, command->repository, err) : 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
        CLEANUP(mem_freep) char *dir = mem_printf("%s%s", command->git_dir, parts[i]);
        r = look_at_dir(dir, command->repository, err);
    }
    return r;
}

/*
 * Returns true if the disk is full. git removes what it could not finish, so its message counts as
 * well if less space is free than the repository may take.
 */
static bool is_full(const char *dir, bool git_says_so, uint64_t limit_bytes)
{
    struct fs_room room;
    return dir && fs_free_space(dir, &room, NULL) == 0 &&
           (fs_is_full(&room) || (git_says_so && room.bytes < limit_bytes));
}

static bool says_full(const char *words)
{
    return strstr(words, strerror(ENOSPC)) || strstr(words, "unable to write") ||
           strstr(words, "write error");
}

/*
 * Reads "Out of memory, malloc failed (tried to allocate 123 bytes)". It is the task's fault if one
 * object is larger than the limit.
 */
static int read_out_of_memory(const char *line, const struct git *git, const char *url, struct err *err)
{
    static const char tried[] = "(tried to allocate ";
    const char *bytes = strstr(line, tried);
    if (bytes && str_ends_with(line, " bytes)") &&
        strtoull(bytes + strlen(tried), NULL, 10) > git->limit_bytes)
        return err_set(err, ERR_LIMIT, EFBIG, "%s has an object larger than the limit of %llu MB (--disk)",
                       url, (unsigned long long)(git->limit_bytes >> 20));
    return str_ends_with(line, " bytes)") || str_ends_with(line, " failed") ? say_machine(ENOMEM, url, err)
                                                                            : 0;
}

static int read_line(const char *line, const struct git *git, const char *url, struct err *err)
{
    if (strncmp(line + 7, "Out of memory, ", 15) == 0)
        return read_out_of_memory(line, git, url, err);
    for (size_t i = 0; i < ARRAY_LEN(machine_errors); i++) {
        CLEANUP(mem_freep) char *end = mem_printf(": %s", strerror(machine_errors[i]));
        if (str_ends_with(line, end))
            return say_machine(machine_errors[i], url, err);
    }
    if (str_ends_with(line, " died of signal 9") || str_ends_with(line, " died of signal 15"))
        return err_set(err, ERR_ENVIRONMENT, EINTR, "git was killed on this machine: %s", line + 7);
    return 0;
}

/*
 * Returns the index of the first line to read. Messages of a checkout contain file names verbatim,
 * with line breaks, but the last line never ends with a name; "is corrupt" follows the line with
 * the reason. Messages of a fetch contain no names.
 */
static size_t first_line(const struct strv *lines, const struct git_command *command)
{
    if (!command->work_tree || !lines->len)
        return 0;
    size_t last = lines->len - 1;
    return last && str_ends_with(lines->items[last], " is corrupt") ? last - 1 : last;
}

/* Looks for errors of this machine in git's messages. */
static int read_lines(const char *words, const struct git *git, const struct git_command *command,
                      struct err *err)
{
    CLEANUP(strv_done) struct strv lines = {0};
    strv_split(&lines, words, "\n");
    unsigned own = 0;
    int r = 0;
    for (size_t i = first_line(&lines, command); r == 0 && i < lines.len; i++) {
        if (is_of_server(lines.items[i]))
            return 0;
        if (!is_of_git(lines.items[i]))
            continue;
        own++;
        r = read_line(lines.items[i], git, command->repository, err);
    }
    /* git index-pack always says why it fails, unless it is killed. */
    if (r == 0 && own == 1 && strstr(words, "fatal: fetch-pack: invalid index-pack output"))
        return err_set(err, ERR_ENVIRONMENT, EINTR, "git was killed on this machine while it fetched %s",
                       command->repository);
    return r;
}

static int look_at_machine(const struct git *git, const struct git_command *command, const char *words,
                           struct err *err)
{
    int r = look_at_dirs(command, err);
    if (r < 0)
        return r;
    bool git_says_so = says_full(words);
    if (is_full(command->git_dir, git_says_so, git->limit_bytes) ||
        is_full(command->work_tree, git_says_so, git->limit_bytes))
        return err_set(err, ERR_ENVIRONMENT, ENOSPC, "The disk is full: %s could not be fetched",
                       command->repository);
    return read_lines(words, git, command, err);
}

/* ---- all together ---- */

/*
 * Returns git's messages without the URL, which may contain words from the tables. NUL bytes, which
 * a server may send, become spaces. The caller frees.
 */
static char *words_of(const struct buf *messages, const char *url)
{
    struct buf text = BUF_INIT(0);
    CLEANUP(mem_freep) char *all = mem_alloc(messages->len + 1);
    const char *from = all, *hit;
    for (size_t i = 0; i < messages->len; i++)
        all[i] = messages->data[i] ? messages->data[i] : ' ';
    for (; *url && (hit = strstr(from, url)); from = hit + strlen(url))
        buf_append(&text, from, (size_t)(hit - from));
    buf_puts(&text, from);
    return buf_take(&text);
}

/* Returns the start of the line at `at`; "" if it may contain a password. The caller frees. */
static char *quote(const char *words, const char *at)
{
    while (at > words && at[-1] != '\n')
        at--;
    size_t len = strcspn(at, "\r\n");
    while (len && at[len - 1] == ' ')
        len--;
    bool may_be_secret = memmem(at, len, "://", 3) && memchr(at, '@', len);
    return may_be_secret ? mem_strdup("") : mem_strndup(at, MIN(len, (size_t)QUOTE_BYTES));
}

static int say(enum err_class class, int code, const char *sentence, const char *url, const char *words,
               struct err *err)
{
    int before_url = (int)(strstr(sentence, "%s") - sentence);
    bool has_words = words && *words;
    return err_set(err, class, code ? code : EREMOTEIO, "%.*s%s%s%s%s%s", before_url, sentence, url,
                   sentence + before_url + 2, has_words ? " (git: " : "", has_words ? words : "",
                   has_words ? ")" : "");
}

static int explain_content(const char *words, const char *url, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        const char *hit = strstr(words, contents[i].words);
        CLEANUP(mem_freep) char *line = hit ? quote(words, hit) : NULL;
        if (hit)
            return say(ERR_TASK, contents[i].code, contents[i].sentence, url, line, err);
    }
    return 0;
}

static int explain_host(const char *words, const char *url, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (strstr(words, meanings[i].words))
            return say(meanings[i].class, meanings[i].code, meanings[i].sentence, url, NULL, err);
    return 0;
}

/*
 * Returns the last line of git's messages, or how git ended if it printed none. The caller frees.
 */
static char *last_words(const char *words, const struct err *err)
{
    static const struct buf nothing = BUF_INIT(0);
    struct buf text = {.data = (char *)words, .len = strlen(words)};
    CLEANUP(mem_freep) char *last = capture_last_words(&nothing, &text);
    return *last ? quote(last, last) : mem_strdup(err->message);
}

int git_fault_explain(const struct git *git, const struct git_command *command, const struct buf *messages,
                      struct err *err)
{
    const char *url = command->repository;
    CLEANUP(mem_freep) char *words = words_of(messages, url);
    int r = look_at_machine(git, command, words, err);
    if (r == 0)
        r = explain_content(words, url, err);
    if (r == 0 && command->url)
        r = explain_host(words, url, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *last = last_words(words, err);
    return say(ERR_TASK, EIO, "git cannot read %s: is it damaged, or not a git repository?", url, last, err);
}
