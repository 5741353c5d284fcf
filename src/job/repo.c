#include "job/repo.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/url.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FETCH_TRIES 3
#define RETRY_PAUSE_MS 1000
#define MAX_FILES 100000
#define LISTING_LIMIT_BYTES (32U << 20)

/* No filters, no keyword expansion: strongest of all attribute files (gitattributes(5)). */
#define MIRROR_ATTRIBUTES "* -filter -ident\n"

/* ---- the mirror ---- */

/* A readable name, made unique by a hash of the whole URL. */
static char *mirror_path(const char *cache_dir, const char *url)
{
    const char *slash = strrchr(url, '/');
    const char *tail = slash && slash[1] ? slash + 1 : url;
    char name[41];
    size_t len = 0;
    for (; *tail && len < sizeof(name) - 1; tail++)
        if (isascii(*tail) && (isalnum((unsigned char)*tail) || strchr("-_", *tail)))
            name[len++] = *tail;
    name[len] = '\0';
    uint64_t hash = hash_add(HASH_START, url, strlen(url));
    return mem_printf("%s/repos/%s-%016llx.git", cache_dir, name, (unsigned long long)hash);
}

static int create_mirror(const struct git *git, const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *staging = mem_printf("%s.new", path);
    CLEANUP(mem_freep) char *info = mem_printf("%s/info", staging);
    CLEANUP(mem_freep) char *attributes = mem_printf("%s/attributes", info);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "init");
    strv_push(&args, "--quiet");
    strv_push(&args, "--bare");
    strv_push(&args, "--template=");
    strv_push(&args, staging);
    struct git_command command = {.args = &args, .doing = "Creating a mirror in the cache"};
    int r = fs_remove_tree(staging, err);
    if (r == 0)
        r = git_run(git, &command, NULL, err);
    if (r == 0)
        r = fs_make_dirs(info, 0700, err);
    if (r == 0)
        r = fs_write_atomic(attributes, MIRROR_ATTRIBUTES, strlen(MIRROR_ATTRIBUTES), err);
    if (r == 0)
        r = fs_rename_durable(staging, path, err);
    return r;
}

static void remove_locks_in(const char *dir)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (fs_list_dir(dir, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.len; i++) {
        size_t len = strlen(names.items[i]);
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
        if (len > 5 && strcmp(names.items[i] + len - 5, ".lock") == 0)
            unlink(path);
    }
}

/* Lock files of a git that was killed. Nobody else is at work here: we hold the mirror's lock. */
static void remove_stale_locks(const char *mirror)
{
    CLEANUP(mem_freep) char *refs = mem_printf("%s/refs/ostest", mirror);
    remove_locks_in(mirror);
    remove_locks_in(refs);
}

/* ---- fetching ---- */

/* The ref of ours that holds a branch; flat, so that no branch stands in the way of another. */
static char *our_ref(const char *branch)
{
    const char *name = branch ? branch : "";
    uint64_t hash = hash_add(HASH_START, name, strlen(name));
    return branch ? mem_printf("refs/ostest/%016llx", (unsigned long long)hash) : mem_strdup("refs/ostest/default");
}

static int fetch_ref(const struct git *git, const char *mirror, const char *url, const char *their_ref, const char *ref,
                     struct err *err)
{
    CLEANUP(mem_freep) char *bare_url = url_without_userinfo(url);
    CLEANUP(strv_done) struct strv args = {0};
    static const char *const words[] = {"fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head",
                                        "--no-recurse-submodules", "--no-auto-maintenance", "--"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(&args, words[i]);
    strv_push(&args, bare_url);
    strv_pushf(&args, "+%s:%s", their_ref, ref);
    CLEANUP(mem_freep) char *doing = mem_printf("Cloning %s", bare_url);
    struct git_command command = {.git_dir = mirror, .url = url, .args = &args, .doing = doing};
    return git_run(git, &command, NULL, err);
}

static int fetch_branch(const struct git *git, const char *mirror, const char *url, const char *branch, struct err *err)
{
    CLEANUP(mem_freep) char *ref = our_ref(branch);
    CLEANUP(mem_freep) char *shown = url_without_userinfo(url);
    if (!branch) {
        int r = fetch_ref(git, mirror, url, "HEAD", ref, err);
        return r == -ENOENT ? err_set(err, ERR_TASK, ENOENT, "%s is empty, or has no default branch", shown) : r;
    }
    CLEANUP(mem_freep) char *head = mem_printf("refs/heads/%s", branch);
    CLEANUP(mem_freep) char *tag = mem_printf("refs/tags/%s", branch);
    int r = fetch_ref(git, mirror, url, head, ref, err);
    if (r == -ENOENT)
        r = fetch_ref(git, mirror, url, tag, ref, err);
    return r == -ENOENT ? err_set(err, ERR_TASK, ENOENT, "%s has no branch '%s'", shown, branch) : r;
}

static int resolve(const struct git *git, const char *mirror, const char *branch, char *ret_commit, struct err *err)
{
    CLEANUP(mem_freep) char *ref = our_ref(branch);
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "rev-parse");
    strv_push(&args, "--verify");
    strv_pushf(&args, "%s^{commit}", ref);
    struct git_command command = {.git_dir = mirror, .args = &args, .doing = "Looking up the commit"};
    int r = git_run(git, &command, &output, err);
    if (r < 0)
        return r;
    size_t len = output.len ? strspn(output.data, "0123456789abcdef") : 0;
    if (len < 40 || len >= REPO_HASH_BYTES)
        return err_set(err, ERR_ENVIRONMENT, EIO, "git gave no object name for the commit");
    memcpy(ret_commit, output.data, len);
    ret_commit[len] = '\0';
    return 0;
}

static int fetch_and_resolve(const struct git *git, struct repo *repo, const char *url, const char *branch,
                             struct err *err)
{
    if (!fs_exists(repo->mirror)) {
        int r = create_mirror(git, repo->mirror, err);
        if (r < 0)
            return r;
    }
    remove_stale_locks(repo->mirror);
    int r = fetch_branch(git, repo->mirror, url, branch, err);
    return r < 0 ? r : resolve(git, repo->mirror, branch, repo->commit, err);
}

/* Once more after a pause where the network is at fault; once more from nothing where the mirror may be. */
static int fetch_with_retries(const struct git *git, struct repo *repo, const char *url, const char *branch,
                              struct err *err)
{
    bool had_mirror = fs_exists(repo->mirror);
    int r = -EAGAIN;
    for (int i = 0; i < FETCH_TRIES; i++) {
        r = fetch_and_resolve(git, repo, url, branch, err);
        if (r == 0 || (err->class != ERR_NETWORK && err->class != ERR_ENVIRONMENT))
            return r;
        if (err->class == ERR_ENVIRONMENT && !had_mirror)
            return r;
        if (err->class == ERR_ENVIRONMENT && fs_remove_tree(repo->mirror, NULL) < 0)
            return r;
        had_mirror = had_mirror && err->class == ERR_NETWORK;
        struct pollfd stop = {.fd = git->cancel_fd, .events = POLLIN};
        if (err->class == ERR_NETWORK && i + 1 < FETCH_TRIES && poll(&stop, 1, RETRY_PAUSE_MS << i) > 0)
            return err_set(err, ERR_CANCELLED, ECANCELED, "Cloning was stopped");
    }
    return r;
}

int repo_fetch(const struct git *git, const char *cache_dir, const char *url, const char *branch, struct repo *ret_repo,
               struct err *err)
{
    int r = git_check_url(git, url, err);
    if (r < 0)
        return r;
    struct repo repo = {.mirror = mirror_path(cache_dir, url)};
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", repo.mirror);
    CLEANUP(mem_freep) char *repos_dir = mem_printf("%s/repos", cache_dir);
    int lock = -1;
    r = fs_make_dirs(repos_dir, 0700, err);
    if (r == 0)
        r = fs_lock_wait(lock_path, git->cancel_fd, &lock, err);
    if (r == 0)
        r = fetch_with_retries(git, &repo, url, branch, err);
    fs_unlock(lock_path, lock);
    if (r < 0)
        repo_done(&repo);
    else
        *ret_repo = repo;
    return r;
}

/* ---- checking out ---- */

/* What `git ls-tree -r -l` says of a commit: a line per file, "mode type hash size<TAB>path". */
struct tree_size {
    uint64_t files, bytes;
    unsigned submodules;
};

static void add_up(const char *listing, struct tree_size *ret_size)
{
    for (const char *line = listing; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        unsigned long long bytes = 0;
        char type[16];
        ret_size->files++;
        if (sscanf(line, "%*s %15s %*s %llu", type, &bytes) >= 1 && strcmp(type, "commit") == 0)
            ret_size->submodules++;
        ret_size->bytes += bytes;
    }
}

static int check_size(const struct git *git, const struct repo *repo, struct tree_size *ret_size, struct err *err)
{
    CLEANUP(buf_done) struct buf listing = BUF_INIT(0);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "ls-tree");
    strv_push(&args, "-r");
    strv_push(&args, "-l");
    strv_push(&args, "--full-tree");
    strv_push(&args, repo->commit);
    struct git_command command = {
        .git_dir = repo->mirror, .args = &args, .doing = "Listing the repository's files", .output_limit_bytes = LISTING_LIMIT_BYTES};
    int r = git_run(git, &command, &listing, err);
    if (r < 0)
        return r;
    add_up(listing.data, ret_size);
    if (ret_size->files > MAX_FILES)
        return err_set(err, ERR_LIMIT, EFBIG, "The repository has %llu files; at most %d are allowed",
                       (unsigned long long)ret_size->files, MAX_FILES);
    if (ret_size->bytes > git->limit_bytes)
        return err_set(err, ERR_LIMIT, EFBIG, "The repository's files take %llu MB; at most %llu MB are allowed (--disk)",
                       (unsigned long long)(ret_size->bytes >> 20), (unsigned long long)(git->limit_bytes >> 20));
    return 0;
}

int repo_checkout(const struct git *git, const struct repo *repo, const char *dest, unsigned *ret_submodules,
                  struct err *err)
{
    struct tree_size size = {0};
    int r = check_size(git, repo, &size, err);
    if (r == 0)
        r = fs_make_dirs(dest, 0755, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *index = mem_printf("%s.index", dest);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "read-tree");
    strv_push(&args, "--reset");
    strv_push(&args, "-u");
    strv_push(&args, repo->commit);
    struct git_command command = {.git_dir = repo->mirror, .work_tree = dest, .index_file = index, .args = &args,
                                  .doing = "Checking out the commit"};
    r = git_run(git, &command, NULL, err);
    unlink(index);
    if (r == 0)
        *ret_submodules = size.submodules;
    return r;
}

void repo_done(struct repo *repo)
{
    free(repo->mirror);
    *repo = (struct repo){0};
}
