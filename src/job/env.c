#include "job/env.h"

#include "base/capture.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "job/git/cache.h"
#include "job/requirements.h"
#include "job/venv.h"
#include "job/witness.h"
#include "model/state_files.h"
#include "requirements.py.h"
#include "sandbox/init_protocol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_PATH        "/usr/local/bin:/usr/bin:/bin"
#define ANSWER_LIMIT_BYTES (256U << 10)

/* ---- which python ---- */

static int find_python(const struct job *job, char **ret_python, struct err *err)
{
    static const char *const usual[] = {"/usr/bin/python3", "/usr/local/bin/python3"};
    const char *asked = job->options->python;
    for (size_t i = 0; !asked && i < ARRAY_LEN(usual); i++)
        if (access(usual[i], X_OK) == 0)
            asked = usual[i];
    if (!asked)
        return err_set(err, ERR_ENVIRONMENT, ENOENT, "The runner's machine has no python3 (see --python)");
    if (strchr(asked, '/') && access(asked, X_OK) == 0) {
        *ret_python = mem_strdup(asked);
        return 0;
    }
    CLEANUP(strv_done) struct strv dirs = {0};
    strv_split(&dirs, getenv("PATH") ? getenv("PATH") : SYSTEM_PATH, ":");
    for (size_t i = 0; !strchr(asked, '/') && i < dirs.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dirs.items[i], asked);
        if (access(path, X_OK) == 0) {
            *ret_python = TAKE_PTR(path);
            return 0;
        }
    }
    return err_set(err, ERR_ENVIRONMENT, ENOENT,
                   "There is no python '%s' on the runner's machine (see --python)", asked);
}

/* ---- whether the system's packages suffice ---- */

/* Returns the path in the cache for this python with these requirements. The caller frees. */
static int cache_name(const struct job *job, const char *python, const struct venv_wants *wants,
                      char **ret_path, struct err *err)
{
    CLEANUP(mem_freep)
    char *real = realpath(python, NULL); /* changes with an upgrade; a venv has its base's */
    uint64_t hash = hash_add(HASH_START, python, strlen(python)); // NOLINT: find_python() gave one
    hash = hash_add(hash, real ? real : "", real ? strlen(real) : 0);
    hash = hash_add(hash, &wants->pytest, sizeof(wants->pytest));
    CLEANUP(requirements_done) struct requirements requirements = {.hash = witness_hash(hash)};
    int r = wants->requirements ? requirements_read(wants->requirements, job->tests, &requirements, err) : 0;
    if (r < 0)
        return r == -ENOENT
                   ? err_set(err, ERR_ENVIRONMENT, ENOENT, "The suite's requirements file is missing")
                   : r;
    *ret_path =
        mem_printf("%s/" STATE_CACHE_ENVS "/%016llx", job->cache_dir, (unsigned long long)requirements.hash);
    return 0;
}

static int64_t mtime_ns(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/*
 * Returns true if a record shows that the system's packages suffice and has not changed since. It
 * has a line "<mtime in ns> <directory>" for each directory of packages.
 */
static bool record_holds(const char *path)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    if (fs_read_file(path, ANSWER_LIMIT_BYTES, &text, NULL) < 0 || !text.len)
        return false;
    CLEANUP(strv_done) struct strv lines = {0};
    strv_split(&lines, text.data, "\n");
    for (size_t i = 0; i < lines.len; i++) {
        const char *space = strchr(lines.items[i], ' ');
        if (!space || strtoll(lines.items[i], NULL, 10) != mtime_ns(space + 1))
            return false;
    }
    return true;
}

/* Returns the first missing requirement, or NULL; writes the directories into `ret_record`. */
static const char *read_answer(char *answer, struct buf *ret_record)
{
    const char *missing = NULL;
    char *rest;
    for (char *line = strtok_r(answer, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "path ", 5) == 0)
            buf_printf(ret_record, "%lld %s\n", (long long)mtime_ns(line + 5), line + 5);
        else if (strncmp(line, "missing ", 8) == 0 && !missing)
            missing = line + 8;
    }
    return missing;
}

static int ask_python(const struct job *job, const char *python, const struct venv_wants *wants,
                      struct buf *ret_answer, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    strv_push(&argv, python);
    strv_push(&argv, "-I");
    strv_push(&argv, "-c");
    strv_push(&argv, requirements_py);
    if (wants->requirements)
        strv_push(&argv, wants->requirements);
    if (wants->pytest)
        strv_push(&argv, "=pytest");
    CLEANUP(mem_freep) char *doing = mem_printf("Checking the suite's requirements with %s", python);
    struct capture capture = {
        .doing = doing,
        .argv = &argv,
        .timeout_ms = job->options->timeout_ms,
        .output_limit_bytes = ANSWER_LIMIT_BYTES,
        .cancel_fd = job->cancel_fd,
    };
    return capture_run(&capture, ret_answer, NULL, err);
}

/* Returns 0 if the system's packages suffice, or -ENOPKG with the missing package in `err`. */
static int check_system(const struct job *job, const char *python, const struct venv_wants *wants,
                        const char *record_path, struct err *err)
{
    CLEANUP(buf_done) struct buf answer = BUF_INIT(0);
    CLEANUP(buf_done) struct buf record = BUF_INIT(0);
    int r = ask_python(job, python, wants, &answer, err);
    if (r < 0)
        return r;
    const char *missing = answer.len ? read_answer(answer.data, &record) : NULL;
    if (missing)
        return err_set(err, ERR_ENVIRONMENT, ENOPKG, "The suite needs a package that %s does not have: %s",
                       python, missing);
    return record.len ? fs_write_atomic(record_path, record.data, record.len, err) : 0;
}

/* ---- the choice ---- */

/* Paths in the cache for one python with one set of requirements. */
struct entry {
    char *record;      /* file; exists if the system's packages suffice */
    char *venv;        /* directory */
    char *venv_python; /* interpreter in it */
    char *lock;
};

static void entry_done(struct entry *e)
{
    free(e->record);
    free(e->venv);
    free(e->venv_python);
    free(e->lock);
}

static bool system_is_known(const struct job *job, const struct entry *e)
{
    return job->options->env_mode != JOB_ENV_VENV && record_holds(e->record);
}

/* Takes the venv from the cache. Returns false if there is none, or --env excludes it. */
static bool take_venv(const struct job *job, const struct entry *e, struct env *env)
{
    if (job->options->env_mode == JOB_ENV_SYSTEM || access(e->venv_python, X_OK) != 0)
        return false;
    env->dir = mem_strdup(e->venv);
    env->is_venv = true;
    return true;
}

/* Takes the answer from the cache. Returns false if there is none. */
static bool take_known(const struct job *job, const struct entry *e, struct env *env)
{
    return system_is_known(job, e) || take_venv(job, e, env);
}

/* Checks the system's packages or builds a venv, and caches the answer. The entry is locked. */
static int find_out(const struct job *job, const struct venv_wants *wants, const struct entry *e,
                    const char *python, struct err *err)
{
    if (job->options->env_mode != JOB_ENV_VENV) {
        int r = check_system(job, python, wants, e->record, err);
        if (r != -ENOPKG || job->options->env_mode == JOB_ENV_SYSTEM)
            return r;
    }
    int r = fs_remove_tree(e->venv, err);
    return r < 0 ? r : venv_build(job, python, wants, e->venv, err);
}

static int choose(const struct job *job, const struct venv_wants *wants, const struct entry *e,
                  struct env *env, struct err *err)
{
    int lock = -1;
    if (system_is_known(job, e))
        return 0;
    int r = job->options->env_mode == JOB_ENV_SYSTEM ? 0 : cache_hold(e->venv, job->cancel_fd, err);
    if (r < 0 || take_venv(job, e, env))
        return r;
    r = fs_lock_wait(e->lock, job->cancel_fd, &lock, err);
    if (r < 0)
        return r;
    bool known = take_known(job, e, env); /* another job may have built it meanwhile */
    if (!known)
        r = find_out(job, wants, e, env->base_python, err);
    if (!known && r == 0)
        take_known(job, e, env);
    fs_unlock(e->lock, lock);
    return r;
}

/* Finds or builds the venv that uses the packages of `base_python`. */
static int take_system(const struct job *job, struct env *env, struct err *err)
{
    const char *python = env->base_python;
    CLEANUP(mem_freep) char *real = realpath(python, NULL);
    struct stat st = {0};
    stat(python, &st); /* the file is copied: an upgrade needs a new venv */
    uint64_t hash = witness_hash(hash_add(HASH_START, python, strlen(python)));
    hash = hash_add(hash, real ? real : "", real ? strlen(real) : 0);
    hash = hash_add(hash, &st.st_mtim.tv_sec, sizeof(st.st_mtim.tv_sec));
    hash = hash_add(hash, &st.st_size, sizeof(st.st_size));
    CLEANUP(mem_freep)
    char *venv = mem_printf("%s/" STATE_CACHE_ENVS "/%016llx", job->cache_dir, (unsigned long long)hash);
    CLEANUP(mem_freep) char *lock_path = mem_printf("%s.lock", venv);
    CLEANUP(mem_freep) char *found = mem_printf("%s/bin/python", venv);
    int lock = -1;
    int r = cache_hold(venv, job->cancel_fd, err);
    if (r == 0 && access(found, X_OK) != 0)
        r = fs_lock_wait(lock_path, job->cancel_fd, &lock, err);
    if (r == 0 && access(found, X_OK) != 0)
        r = fs_remove_tree(venv, err);
    if (r == 0 && access(found, X_OK) != 0)
        r = venv_build(job, python, NULL, venv, err);
    fs_unlock(lock_path, lock);
    if (r == 0)
        env->dir = TAKE_PTR(venv);
    return r;
}

static int choose_python(const struct job *job, const struct venv_wants *wants, struct env *env,
                         struct err *err)
{
    CLEANUP(mem_freep) char *name = NULL;
    CLEANUP(mem_freep) char *envs = mem_printf("%s/" STATE_CACHE_ENVS, job->cache_dir);
    int r = find_python(job, &env->base_python, err);
    if (r == 0)
        r = fs_make_dirs(envs, 0700, err);
    if (r == 0)
        r = cache_name(job, env->base_python, wants, &name, err);
    if (r < 0)
        return r;
    CLEANUP(entry_done)
    struct entry e = {
        .record = mem_printf("%s.system", name),
        .venv = mem_strdup(name),
        .venv_python = mem_printf("%s/bin/python", name),
        .lock = mem_printf("%s.lock", name),
    };
    bool needs_nothing = !wants->pytest && !wants->requirements;
    r = needs_nothing ? 0 : choose(job, wants, &e, env, err);
    return r < 0 || env->dir ? r : take_system(job, env, err);
}

/* Finds a python even for a suite that does not need one, since it may run pytest. */
static int take_python(const struct job *job, const struct venv_wants *wants, struct env *env,
                       struct err *err)
{
    struct err why = {0};
    int r = choose_python(job, wants, env, &why);
    if (r < 0 && r != -ECANCELED && !wants->python) {
        log_debug("no python environment: %s", why.message);
        env_done(env);
        return 0;
    }
    if (r < 0)
        *err = why;
    return r;
}

/* ---- the variables ---- */

static void set_variables(const struct job *job, struct env *env)
{
    const char *dir = env->dir && job_is_sandboxed(job) ? BOX_ENV : env->dir;
    struct strv *v = &env->variables;
    if (dir) {
        env->python = mem_printf("%s/bin/python", dir);
        strv_pushf(v, "PATH=%s/bin:%s", dir, SYSTEM_PATH);
        strv_pushf(v, "VIRTUAL_ENV=%s", dir);
    } else {
        strv_push(v, "PATH=" SYSTEM_PATH);
    }
    strv_pushf(v, "HOME=%s", job->inside.home);
    strv_pushf(v, "TMPDIR=%s", job->inside.tmp);
    strv_pushf(v, "OSTEST_SRC=%s", job->inside.src);
    strv_push(v, "LANG=C.UTF-8");
    strv_push(v, "LC_ALL=C.UTF-8");
    strv_push(v, "USER=student");
    strv_push(v, "LOGNAME=student");
    strv_push(v, "SHELL=/bin/sh");
    strv_push(v, "TERM=dumb");
    strv_push(v, "PYTHONNOUSERSITE=1");
    if (job_is_sandboxed(job)) /* so that only a cheat writes compiled files into the suite */
        strv_push(v, "PYTHONDONTWRITEBYTECODE=1");
}

/* Adds the directory above the program's "bin", unless it is /usr, which the run sees anyway. */
static void add_place(struct strv *places, const char *program)
{
    CLEANUP(mem_freep) char *dir = program ? mem_strdup(program) : NULL;
    for (int i = 0; dir && i < 2; i++) {
        char *slash = strrchr(dir, '/');
        *(slash ? slash : dir) = '\0';
    }
    if (dir && *dir && strcmp(dir, "/usr") != 0 && strncmp(dir, "/usr/", 5) != 0)
        strv_push(places, dir);
}

static void find_places(struct env *env)
{
    CLEANUP(mem_freep) char *real = env->base_python ? realpath(env->base_python, NULL) : NULL;
    add_place(&env->places, env->base_python);
    if (real && strcmp(real, env->base_python) != 0)
        add_place(&env->places, real);
}

int env_prepare(const struct job *job, const struct venv_wants *wants, struct env *ret_env, struct err *err)
{
    struct env env = {0};
    int r = take_python(job, wants, &env, err);
    if (r < 0) {
        env_done(&env);
        return r;
    }
    set_variables(job, &env);
    find_places(&env);
    *ret_env = env;
    return 0;
}

void env_done(struct env *env)
{
    free(env->dir);
    free(env->python);
    free(env->base_python);
    strv_done(&env->variables);
    strv_done(&env->places);
    *env = (struct env){0};
}
