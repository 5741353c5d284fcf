#include "job/suite_fetch.h"

#include "base/copytree.h"
#include "base/fs.h"

#include <string.h>

/* Makes the tree in a staging directory and renames it. */
static int build_tree(const struct job *job, const struct repo *repo, const char *tree,
                      unsigned *ret_submodules, struct err *err)
{
    CLEANUP(mem_freep) char *staging = mem_printf("%s.new", tree);
    int r = fs_remove_tree(staging, err);
    if (r == 0)
        r = repo_checkout(&job->git, repo, staging, ret_submodules, err);
    if (r == 0)
        r = fs_rename_durable(staging, tree, err);
    if (r < 0)
        fs_remove_tree(staging, NULL);
    return r;
}

static int build_tree_once(const struct job *job, const struct repo *repo, const char *tree,
                           unsigned *ret_submodules, struct err *err)
{
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", tree);
    int lock = -1;
    int r = fs_lock_wait(lock_path, job->cancel_fd, &lock, err);
    if (r < 0)
        return r;
    if (!fs_exists(tree)) /* nobody has built it while we waited */
        r = build_tree(job, repo, tree, ret_submodules, err);
    fs_unlock(lock_path, lock);
    return r;
}

static int fetch(const struct job *job, struct suite_fetched *ret_fetched, struct err *err)
{
    CLEANUP(repo_done) struct repo repo = {0};
    CLEANUP(mem_freep) char *suites = mem_printf("%s/suites", job->cache_dir);
    int r = repo_fetch(&job->git, job->cache_dir, job->options->tests_url, job->options->tests_branch, true,
                       &repo, err);
    if (r == 0)
        r = fs_make_dirs(suites, 0700, err);
    if (r < 0)
        return r;
    CLEANUP(mem_freep) char *tree = mem_printf("%s/%s", suites, repo.commit);
    memcpy(ret_fetched->commit, repo.commit, sizeof(repo.commit));
    if (!fs_exists(tree))
        r = build_tree_once(job, &repo, tree, &ret_fetched->submodules, err);
    return r < 0 ? r : copytree(tree, job->tests, err);
}

int suite_fetch(const struct job *job, struct suite_fetched *ret_fetched, struct err *err)
{
    int r = fetch(job, ret_fetched, err);
    if (r == 0)
        return 0;
    err_prefix(err, "The test suite");
    if (err->class == ERR_TASK)
        err->class = ERR_ENVIRONMENT;
    return r;
}
