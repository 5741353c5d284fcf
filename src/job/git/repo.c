#include "job/git/repo.h"

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/url.h"
#include "job/git/cache.h"
#include "model/state_files.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FETCH_TRIES         3
#define RETRY_PAUSE_MS      1000
#define MAX_FILES           100000
#define LISTING_LIMIT_BYTES (32U << 20)

/* No filters, no keyword expansion; takes precedence over all other files (gitattributes(5)). */
#define MIRROR_ATTRIBUTES "* -filter -ident\n"

/* ---- the mirror ---- */

/* Returns a readable path, made unique by a hash of the whole URL. The caller frees. */
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
    return mem_printf("%s/" STATE_CACHE_REPOS "/%s-%016llx.git", cache_dir, name, (unsigned long long)hash);
}

static int create_mirror(const struct git *git, struct repo *repo, const char *object_format, struct err *err)
{
    const char *path = repo->mirror;
    CLEANUP(mem_freep) char *staging = mem_printf("%s.new", path);
    CLEANUP(mem_freep) char *info = mem_printf("%s/info", staging);
    CLEANUP(mem_freep) char *attributes = mem_printf("%s/attributes", info);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "init");
    strv_push(&args, "--quiet");
    strv_push(&args, "--bare");
    strv_push(&args, "--template=");
    strv_pushf(&args, "--object-format=%s", object_format);
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
    repo->is_new = r == 0;
    return r;
}

/* Returns the object format that the mirror does not have. git's config file names only SHA-256. */
static const char *other_object_format(const char *mirror)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/config", mirror);
    CLEANUP(buf_done) struct buf config = BUF_INIT(0);
    bool is_sha256 = fs_read_file(path, 65536, &config, NULL) == 0 && config.len &&
                     strcasestr(config.data, "objectformat = sha256");
    return is_sha256 ? "sha1" : "sha256";
}

static bool is_leftover(const char *name)
{
    return strncmp(name, "tmp_", 4) == 0 || str_ends_with(name, ".lock");
}

static void remove_leftovers_in(const char *mirror, const char *sub_dir)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s/%s", mirror, sub_dir);
    CLEANUP(strv_done) struct strv names = {0};
    if (fs_list_dir(dir, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, names.items[i]);
        if (is_leftover(names.items[i]))
            unlink(path);
    }
}

/*
 * Removes lock files and half-written objects of a git that was killed. The caller holds the
 * mirror's lock, so no other git is at work; at most, a child of the killed one is still ending and
 * leaves one more file for the next time.
 */
static void remove_leftovers(const char *mirror)
{
    CLEANUP(mem_freep) char *objects = mem_printf("%s/objects", mirror);
    CLEANUP(strv_done) struct strv dirs = {0};
    remove_leftovers_in(mirror, ".");
    remove_leftovers_in(mirror, "refs/ostest");
    if (fs_list_dir(objects, &dirs, NULL) < 0)
        return;
    for (size_t i = 0; i < dirs.len; i++)
        remove_leftovers_in(objects, dirs.items[i]);
}

/* ---- fetching ---- */

/* What to fetch from a repository, and its ref in the mirror. */
struct wanted {
    const char *url;
    const char *branch; /* NULL: the default branch */
    char *our_ref;      /* flat, so that no branch is in the way of another; owned */
};

static void wanted_init(struct wanted *ret_wanted, const char *url, const char *branch)
{
    uint64_t hash = branch ? hash_add(HASH_START, branch, strlen(branch)) : 0;
    *ret_wanted = (struct wanted){
        .url = url,
        .branch = branch,
        .our_ref = branch ? mem_printf("refs/ostest/%016llx", (unsigned long long)hash)
                          : mem_strdup("refs/ostest/default"),
    };
}

static void wanted_done(struct wanted *w)
{
    free(w->our_ref);
}

/* Copies the object name at the start of the text. Returns false if there is none. */
static bool take_hash(const struct buf *text, char *ret_hash)
{
    size_t len = text->len ? strspn(text->data, "0123456789abcdef") : 0;
    if (len < 40 || len >= REPO_HASH_BYTES)
        return false;
    memcpy(ret_hash, text->data, len);
    ret_hash[len] = '\0';
    return true;
}

/* Reads the object name of our ref from git's file; nothing here packs refs. */
static bool read_our_ref(const char *mirror, const struct wanted *w, char *ret_hash)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", mirror, w->our_ref);
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    return fs_read_file(path, 4096, &text, NULL) == 0 && take_hash(&text, ret_hash);
}

static int fetch_ref(const struct git *git, const struct repo *repo, const struct wanted *w,
                     const char *their_ref, struct err *err)
{
    CLEANUP(strv_done) struct strv args = {0};
    static const char *const words[] = {"fetch",
                                        "--quiet",
                                        "--force",
                                        "--no-tags",
                                        "--no-write-fetch-head",
                                        "--no-recurse-submodules",
                                        "--no-auto-maintenance",
                                        "--update-shallow", /* as git clone does */
                                        "--"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(&args, words[i]);
    strv_push(&args, repo->shown_url);
    strv_pushf(&args, "+%s:%s", their_ref, w->our_ref);
    CLEANUP(mem_freep) char *doing = mem_printf("Cloning %s", repo->shown_url);
    struct git_command command = {
        .git_dir = repo->mirror, .repository = repo->shown_url, .url = w->url, .args = &args, .doing = doing};
    return git_run(git, &command, NULL, err);
}

/* Sets the commit that our ref leads to, also through an annotated tag. */
static int peel(const struct git *git, struct repo *repo, const struct wanted *w, struct err *err)
{
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "rev-parse");
    strv_push(&args, "--verify");
    strv_pushf(&args, "%s^{commit}", w->our_ref);
    struct git_command command = {.git_dir = repo->mirror,
                                  .repository = repo->shown_url,
                                  .args = &args,
                                  .doing = "Looking up the commit"};
    int r = git_run(git, &command, &output, err);
    if (r == 0 && !take_hash(&output, repo->commit))
        r = err_set(err, ERR_ENVIRONMENT, EIO, "git printed no object name for the commit");
    return r;
}

static int fetch_branch(const struct git *git, struct repo *repo, const struct wanted *w, struct err *err)
{
    CLEANUP(mem_freep) char *head = w->branch ? mem_printf("refs/heads/%s", w->branch) : mem_strdup("HEAD");
    int r = fetch_ref(git, repo, w, head, err);
    if (r == 0 && read_our_ref(repo->mirror, w, repo->commit))
        return 0;
    if (r == -ENOENT && !w->branch)
        return err_set(err, ERR_TASK, ENOENT, "%s is empty, or has no default branch", repo->shown_url);
    if (r == -ENOENT) {
        CLEANUP(mem_freep) char *tag = mem_printf("refs/tags/%s", w->branch);
        r = fetch_ref(git, repo, w, tag, err);
    }
    if (r == -ENOENT)
        return err_set(err, ERR_TASK, ENOENT, "%s has no branch '%s'", repo->shown_url, w->branch);
    return r < 0 ? r : peel(git, repo, w, err);
}

/*
 * Returns true if the branch is still where our ref is; false after any error, which the fetch will
 * then report.
 */
static bool is_unchanged(const struct git *git, struct repo *repo, const struct wanted *w)
{
    CLEANUP(buf_done) struct buf output = BUF_INIT(0);
    CLEANUP(strv_done) struct strv args = {0};
    char theirs[REPO_HASH_BYTES];
    struct err err = {0};
    if (!read_our_ref(repo->mirror, w, repo->commit))
        return false;
    strv_push(&args, "ls-remote");
    strv_push(&args, "--");
    strv_push(&args, repo->shown_url);
    strv_pushf(&args, "%s%s", w->branch ? "refs/heads/" : "HEAD", w->branch ? w->branch : "");
    struct git_command command = {.git_dir = repo->mirror,
                                  .repository = repo->shown_url,
                                  .url = w->url,
                                  .args = &args,
                                  .doing = "Checking for new commits"};
    return git_run(git, &command, &output, &err) == 0 && take_hash(&output, theirs) &&
           strcmp(theirs, repo->commit) == 0;
}

static int fetch_once(const struct git *git, struct repo *repo, const struct wanted *w, bool rarely_new,
                      struct err *err)
{
    if (!fs_exists(repo->mirror)) {
        int r = create_mirror(git, repo, "sha1", err);
        if (r < 0)
            return r;
    }
    failpoint("mirror-made");
    remove_leftovers(repo->mirror);
    if (rarely_new && is_unchanged(git, repo, w))
        return 0;
    int r = fetch_branch(git, repo, w, err);
    if (r != -EPROTOTYPE)
        return r;
    const char *format = other_object_format(repo->mirror);
    r = fs_remove_tree(repo->mirror, err);
    if (r == 0)
        r = create_mirror(git, repo, format, err);
    return r < 0 ? r : fetch_branch(git, repo, w, err);
}

static bool is_stopped_within(const struct git *git, int ms)
{
    struct pollfd stop = {.fd = git->cancel_fd, .events = POLLIN};
    return poll(&stop, 1, ms) > 0;
}

/* Returns 0 if the fetch, which failed with `r`, should be retried. */
static int prepare_retry(const struct git *git, const struct repo *repo, int r, int64_t pause_ms,
                         struct err *err)
{
    if (r == -EIO && !repo->is_new)
        return fs_remove_tree(repo->mirror, err);
    if (err->class != ERR_NETWORK)
        return r;
    return is_stopped_within(git, (int)pause_ms)
               ? err_set(err, ERR_CANCELLED, ECANCELED, "Cloning was stopped")
               : 0;
}

/*
 * Retries after a pause if the network failed, and once with a new mirror if the old one may be the
 * reason. Removes a mirror that is too large or unusable.
 */
static int fetch_with_retries(const struct git *git, struct repo *repo, const struct wanted *w,
                              bool rarely_new, struct err *err)
{
    int r = fetch_once(git, repo, w, rarely_new, err);
    for (int i = 1; i < FETCH_TRIES && r < 0; i++) {
        r = prepare_retry(git, repo, r, RETRY_PAUSE_MS << (i - 1), err);
        if (r < 0)
            break;
        r = fetch_once(git, repo, w, rarely_new, err);
    }
    if (r == -EFBIG || r == -EIO)
        fs_remove_tree(repo->mirror, NULL);
    return r;
}

static char *lock_path_of(const struct repo *repo)
{
    return mem_printf("%s.lock", repo->mirror);
}

static int fetch(const struct git *git, const struct repo_source *source, struct repo *repo, struct err *err)
{
    CLEANUP(wanted_done) struct wanted w;
    CLEANUP(mem_freep) char *lock_path = lock_path_of(repo);
    int lock = -1;
    wanted_init(&w, source->url, source->branch);
    int r = fs_lock_wait(lock_path, git->cancel_fd, &lock, err);
    if (r == 0)
        r = fetch_with_retries(git, repo, &w, source->rarely_new, err);
    fs_unlock(lock_path, lock);
    return r;
}

int repo_fetch(const struct git *git, const char *cache_dir, const struct repo_source *source,
               struct repo *ret_repo, struct err *err)
{
    int r = git_check_url(git, source->url, err);
    if (r < 0)
        return r;
    struct repo repo = {.shown_url = url_without_userinfo(source->url),
                        .mirror = mirror_path(cache_dir, source->url)};
    CLEANUP(mem_freep) char *repos_dir = mem_printf("%s/" STATE_CACHE_REPOS, cache_dir);
    r = fs_make_dirs(repos_dir, 0700, err);
    if (r == 0)
        r = cache_hold(repo.mirror, git->cancel_fd, err);
    if (r == 0)
        r = fetch(git, source, &repo, err);
    if (r < 0)
        repo_done(&repo);
    else
        *ret_repo = repo;
    return r;
}

/* ---- checking out ---- */

/* Sums over the output of `git ls-tree -r -l`: a line per file, "mode type hash size<TAB>path". */
struct tree_size {
    uint64_t files, bytes;
    unsigned submodules;
};

static void add_line(const char *line, struct tree_size *size)
{
    char start[128]; /* the part before the path, since sscanf() reads the whole string */
    char type[16];
    unsigned long long bytes = 0;
    snprintf(start, sizeof(start), "%.*s", (int)MIN(strcspn(line, "\t"), sizeof(start) - 1), line);
    size->files++;
    if (sscanf(start, "%*s %15s %*s %llu", type, &bytes) >= 1 && strcmp(type, "commit") == 0)
        size->submodules++;
    size->bytes += bytes;
}

static void add_up(const char *listing, struct tree_size *ret_size)
{
    for (const char *line = listing; line && *line;) {
        const char *end = strchr(line, '\n');
        add_line(line, ret_size);
        line = end ? end + 1 : NULL;
    }
}

static int list_size(const struct git *git, const struct repo *repo, struct tree_size *ret_size,
                     struct err *err)
{
    CLEANUP(buf_done) struct buf listing = BUF_INIT(0);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "ls-tree");
    strv_push(&args, "-r");
    strv_push(&args, "-t"); /* also trees, to notice a bomb of nothing but trees */
    strv_push(&args, "-l");
    strv_push(&args, "--full-tree");
    strv_pushf(&args, "%s^{commit}", repo->commit); /* git would accept a tree as well */
    struct git_command command = {.git_dir = repo->mirror,
                                  .repository = repo->shown_url,
                                  .args = &args,
                                  .doing = "Listing the repository's files",
                                  .output_limit_bytes = LISTING_LIMIT_BYTES};
    int r = git_run(git, &command, &listing, err);
    if (r == 0)
        add_up(listing.data, ret_size);
    return r;
}

/*
 * Reads the mirror's record of the last commit whose size was determined:
 * "<commit> <files> <bytes> <submodules>". Returns false if it is about another commit.
 */
static bool read_size(const char *path, const char *commit, struct tree_size *ret_size)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(0);
    unsigned long long files, bytes;
    struct tree_size size;
    int end = 0;
    size_t len = strlen(commit);
    if (fs_read_file(path, 256, &line, NULL) < 0 || line.len <= len || memcmp(line.data, commit, len) != 0 ||
        sscanf(line.data + len, " %llu %llu %u%n", &files, &bytes, &size.submodules, &end) != 3 ||
        strcmp(line.data + len + end, "\n") != 0)
        return false;
    size.files = files;
    size.bytes = bytes;
    *ret_size = size;
    return true;
}

static void write_size(const char *path, const char *commit, const struct tree_size *size)
{
    CLEANUP(mem_freep)
    char *line = mem_printf("%s %llu %llu %u\n", commit, (unsigned long long)size->files,
                            (unsigned long long)size->bytes, size->submodules);
    fs_write_atomic(path, line, strlen(line), NULL); /* if it fails, the next task lists again */
}

static int check_size(const struct git *git, const struct repo *repo, struct tree_size *ret_size,
                      struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/ostest-size", repo->mirror);
    if (!read_size(path, repo->commit, ret_size)) {
        int r = list_size(git, repo, ret_size, err);
        if (r < 0)
            return r;
        write_size(path, repo->commit, ret_size);
    }
    if (ret_size->files > MAX_FILES)
        return err_set(err, ERR_LIMIT, EFBIG, "The repository has %llu files; at most %d are allowed",
                       (unsigned long long)ret_size->files, MAX_FILES);
    if (ret_size->bytes > git->limit_bytes)
        return err_set(err, ERR_LIMIT, EFBIG,
                       "The repository's files take %llu MB; at most %llu MB are allowed (--disk)",
                       (unsigned long long)(ret_size->bytes >> 20),
                       (unsigned long long)(git->limit_bytes >> 20));
    return 0;
}

static int checkout(const struct git *git, const struct repo *repo, const char *dest,
                    unsigned *ret_submodules, struct err *err)
{
    struct tree_size size = {0};
    int r = check_size(git, repo, &size, err);
    if (r == 0)
        r = fs_make_dirs(dest, 0755, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *index = mem_printf("%s.index", dest);
    CLEANUP(mem_freep) char *index_lock = mem_printf("%s.lock", index);
    CLEANUP(strv_done) struct strv args = {0};
    strv_push(&args, "read-tree");
    strv_push(&args, "--reset");
    strv_push(&args, "-u");
    strv_push(&args, repo->commit);
    struct git_command command = {.git_dir = repo->mirror,
                                  .repository = repo->shown_url,
                                  .work_tree = dest,
                                  .index_file = index,
                                  .args = &args,
                                  .doing = "Checking out the commit"};
    unlink(index_lock); /* left by a killed git: we hold the mirror's lock */
    r = git_run(git, &command, NULL, err);
    unlink(index_lock);
    unlink(index);
    *ret_submodules = size.submodules;
    return r;
}

/* Removes the mirror, which may be damaged, and fetches again. The caller holds its lock. */
static int fetch_anew(const struct git *git, const struct repo_source *source, struct repo *repo,
                      struct err *err)
{
    CLEANUP(wanted_done) struct wanted w;
    wanted_init(&w, source->url, source->branch);
    int r = fs_remove_tree(repo->mirror, err);
    return r < 0 ? r : fetch_with_retries(git, repo, &w, false, err);
}

/* Holds the lock, so that no job creates the mirror anew while another reads it. */
int repo_checkout(const struct git *git, const struct repo_source *source, struct repo *repo,
                  const char *dest, unsigned *ret_submodules, struct err *err)
{
    CLEANUP(mem_freep) char *lock_path = lock_path_of(repo);
    int lock = -1;
    *ret_submodules = 0;
    int r = fs_lock_wait(lock_path, git->cancel_fd, &lock, err);
    if (r == 0)
        r = checkout(git, repo, dest, ret_submodules, err);
    if (r == -EIO && !repo->is_new) {
        r = fs_remove_tree(dest, err);
        if (r == 0)
            r = fetch_anew(git, source, repo, err);
        if (r == 0)
            r = checkout(git, repo, dest, ret_submodules, err);
    }
    if (r == -EIO)
        fs_remove_tree(repo->mirror, NULL);
    fs_unlock(lock_path, lock);
    return r;
}

void repo_done(struct repo *repo)
{
    free(repo->shown_url);
    free(repo->mirror);
    *repo = (struct repo){0};
}
