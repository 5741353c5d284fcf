#include "job/suite_fetch.h"

#include "base/copytree.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/log.h"
#include "job/git/cache.h"
#include "job/git/lfs.h"
#include "model/state_files.h"
#include "sandbox/init_protocol.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The suite's repository, and git with credentials of its own. */
struct suite_repo {
    struct git git;
    struct repo_source source;
    struct repo repo;
};

static char *tree_of(const struct job *job, const char *commit)
{
    return mem_printf("%s/" STATE_CACHE_SUITES "/%s", job->cache_dir, commit);
}

/* ---- the owner ---- */

/*
 * Makes files readable for all, as they would be inside if they belonged to the student. All may
 * create files in the directories, but only the owner of a file may rename or remove it (sticky
 * bit).
 */
static int give_entry(const FTSENT *e)
{
    mode_t mode = e->fts_statp->st_mode;
    mode_t wanted = S_ISDIR(mode) ? 01777 : (mode & 0777) | 0444 | (mode & 0100 ? 0111 : 0);
    if (lchown(e->fts_path, BOX_HOST_SUITE_UID, BOX_HOST_SUITE_UID) < 0)
        return -errno;
    return S_ISLNK(mode) || chmod(e->fts_path, wanted) == 0 ? 0 : -errno;
}

void suite_fetch_give(const char *tree)
{
    char *const roots[] = {(char *)tree, NULL};
    if (geteuid() != 0)
        return;
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int r = walk ? 0 : -errno;
    /* Directories after their content: if the root has its owner, the whole tree is done. */
    for (FTSENT *e; r == 0 && (e = fts_read(walk));)
        if (e->fts_info != FTS_D)
            r = e->fts_errno ? -e->fts_errno : give_entry(e);
    if (walk)
        fts_close(walk);
    if (r < 0)
        log_info("cannot change the owner of %s: %s", tree, strerror(-r));
}

/* Returns false for a tree of an older version, or of a runner that was not root then. */
static bool is_given(const char *tree)
{
    struct stat st;
    return geteuid() != 0 || (lstat(tree, &st) == 0 && st.st_uid == BOX_HOST_SUITE_UID);
}

/* ---- the tree ---- */

/* Builds the tree in a staging directory and renames it. The commit may be newer afterwards. */
static int build_tree(const struct job *job, struct suite_repo *s, unsigned *ret_submodules, struct err *err)
{
    CLEANUP(mem_freep) char *wanted = tree_of(job, s->repo.commit);
    CLEANUP(mem_freep) char *staging = mem_printf("%s.new", wanted);
    int r = fs_remove_tree(staging, err);
    if (r == 0)
        r = repo_checkout(&s->git, &s->source, &s->repo, staging, ret_submodules, err);
    CLEANUP(mem_freep) char *pointers = r == 0 ? lfs_tell(staging) : NULL;
    if (pointers)
        log_warning("The test suite: %s", pointers);
    if (r == 0 && job_is_sandboxed(job))
        suite_fetch_give(staging);
    CLEANUP(mem_freep) char *tree = tree_of(job, s->repo.commit);
    failpoint("suite-checked-out");
    if (r == 0 && !fs_exists(tree))
        r = fs_rename_tree_durable(staging, tree, err);
    fs_remove_tree(staging, NULL);
    return r;
}

static int build_tree_once(const struct job *job, struct suite_repo *s, unsigned *ret_submodules,
                           struct err *err)
{
    CLEANUP(mem_freep) char *tree = tree_of(job, s->repo.commit);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", tree);
    int lock = -1;
    if (fs_exists(tree) && (is_given(tree) || !job_is_sandboxed(job)))
        return 0;
    int r = fs_lock_wait(lock_path, job->cancel_fd, &lock, err);
    if (r == 0 && !fs_exists(tree)) /* no other job has built it meanwhile */
        r = build_tree(job, s, ret_submodules, err);
    else if (r == 0)
        suite_fetch_give(tree);
    fs_unlock(lock_path, lock);
    return r;
}

static int fetch(const struct job *job, struct suite_repo *s, struct suite_fetched *ret_fetched,
                 struct err *err)
{
    CLEANUP(mem_freep) char *suites = mem_printf("%s/" STATE_CACHE_SUITES, job->cache_dir);
    int r = repo_fetch(&s->git, job->cache_dir, &s->source, &s->repo, err);
    if (r == 0)
        r = fs_make_dirs(suites, 0700, err);
    CLEANUP(mem_freep) char *wanted = r == 0 ? tree_of(job, s->repo.commit) : NULL;
    if (r == 0)
        r = cache_hold(wanted, job->cancel_fd, err);
    if (r == 0)
        r = build_tree_once(job, s, &ret_fetched->submodules, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *tree = tree_of(job, s->repo.commit);
    memcpy(ret_fetched->commit, s->repo.commit, sizeof(s->repo.commit));
    return job_is_sandboxed(job) ? 0 : copytree(tree, job->tests, err);
}

int suite_fetch(const struct job *job, struct suite_fetched *ret_fetched, struct err *err)
{
    const char *branch = job->options->tests_branch ? job->options->tests_branch : "";
    struct suite_repo s = {
        .git = job->git,
        .source = {.url = job->options->tests_url, .branch = *branch ? branch : NULL, .rarely_new = true}};
    s.git.credentials_path = job->credentials[1];
    int r = fetch(job, &s, ret_fetched, err);
    repo_done(&s.repo);
    if (r == 0)
        return 0;
    err_prefix(err, "The test suite");
    if (err->class == ERR_TASK || err->class == ERR_LIMIT)
        err->class = ERR_ENVIRONMENT;
    return r;
}

int suite_fetch_use_tree(struct job *job, struct suite_fetched *fetched, struct err *err)
{
    CLEANUP(mem_freep) char *tree = tree_of(job, fetched->commit);
    int r = cache_hold(tree, job->cancel_fd, err);
    if (r == 0 && !fs_exists(tree))
        r = suite_fetch(job, fetched, err);
    free(job->tests);
    job->tests = tree_of(job, fetched->commit);
    return r;
}
