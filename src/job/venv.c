#include "job/venv.h"

#include "base/capture.h"
#include "base/copytree.h"
#include "base/fs.h"
#include "base/str.h"
#include "job/requirements.h"
#include "job/witness.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_LIMIT_BYTES (256U << 10)
#define SCRIPT_LIMIT_BYTES (256U << 10)
/* Directory in the environment. */
#define COPY_OF_SUITE "suite"

/* ---- running pip ---- */

/* Adds our own environment, for proxies and pip settings, without variables that change python. */
static void builder_env(struct strv *env)
{
    static const char *const left_out[] = {"PYTHON", "VIRTUAL_ENV", "OSTEST_", "CREDENTIALS_DIRECTORY="};
    for (char **v = environ; *v; v++) {
        bool keep = true;
        for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
            keep = keep && strncmp(*v, left_out[i], strlen(left_out[i])) != 0;
        if (keep)
            strv_push(env, *v);
    }
    strv_push(env, "PIP_DISABLE_PIP_VERSION_CHECK=1");
    strv_push(env, "PIP_NO_INPUT=1");
}

static int run_step(const struct job *job, const struct strv *argv, const char *cwd, const char *doing,
                    struct err *err)
{
    CLEANUP(strv_done) struct strv env = {0};
    CLEANUP(buf_done) struct buf messages = BUF_INIT(0);
    builder_env(&env);
    struct capture capture = {
        .doing = doing,
        .argv = argv,
        .env = &env,
        .cwd = cwd,
        .timeout_ms = job->options->timeout_ms,
        .output_limit_bytes = OUTPUT_LIMIT_BYTES,
        .cancel_fd = job->cancel_fd,
    };
    int r = capture_run(&capture, NULL, &messages, err);
    const char *reason = NULL; /* pip's last line with "ERROR: " is the most specific */
    for (const char *p = messages.data; r == -EIO && p && (p = strstr(p, "ERROR: ")); p++)
        reason = p + strlen("ERROR: ");
    if (reason)
        return err_set(err, ERR_ENVIRONMENT, EIO, "%s failed: %.*s", doing, (int)strcspn(reason, "\n"),
                       reason);
    return r;
}

/* Returns the venv that contains the python, or NULL. The caller frees. */
static char *venv_of(const char *python)
{
    CLEANUP(mem_freep) char *copy = mem_strdup(python);
    char *slash = strrchr(copy, '/');
    *(slash ? slash : copy) = '\0';
    CLEANUP(mem_freep) char *config = mem_printf("%s/../pyvenv.cfg", copy);
    return fs_exists(config) ? mem_printf("%s/..", copy) : NULL;
}

/* Returns true if `venv` uses the system's packages; NULL: the python is not in a venv. */
static bool sees_system(const char *venv)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(mem_freep) char *config = venv ? mem_printf("%s/pyvenv.cfg", venv) : NULL;
    if (!config || fs_read_file(config, SCRIPT_LIMIT_BYTES, &text, NULL) < 0)
        return true;
    return text.data && strstr(text.data, "include-system-site-packages = true");
}

/* Creates the venv. `over`: it uses the packages of `python`. */
static int create(const struct job *job, const char *python, const char *staging, bool over, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(mem_freep) char *venv = venv_of(python);
    static const char *const words[] = {"-I", "-m", "venv"};
    strv_push(&argv, python);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(&argv, words[i]);
    strv_push(&argv, staging);
    if (over)
        strv_push(&argv, "--without-pip");
    if (over && sees_system(venv))
        strv_push(&argv, "--system-site-packages");
    CLEANUP(mem_freep) char *doing = mem_printf("Creating a venv with %s", python);
    int r = run_step(job, &argv, NULL, doing, err);
    struct err why = *err;
    if (r == -EIO)
        err_set(err, ERR_ENVIRONMENT, EIO, "%s; is the package python3-venv installed?", why.message);
    return r;
}

static void push_pip_install(struct strv *argv, const char *staging)
{
    static const char *const words[] = {"-I", "-m", "pip", "install", "--quiet", "--no-input"};
    strv_pushf(argv, "%s/bin/python", staging);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(argv, words[i]);
}

/* Runs pip with only a requirements file: if it has hashes, every requirement needs one. */
static int install_file(const struct job *job, const char *staging, const char *file, const char *suite,
                        const char *doing, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    push_pip_install(&argv, staging);
    strv_push(&argv, "-r");
    strv_push(&argv, file);
    return run_step(job, &argv, suite, doing, err);
}

/* ---- pytest, if the suite's requirements did not install it ---- */

static bool has_pytest(const struct job *job, const char *staging, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    strv_pushf(&argv, "%s/bin/python", staging);
    strv_push(&argv, "-I");
    strv_push(&argv, "-c");
    strv_push(&argv, "import importlib.util, sys; sys.exit(importlib.util.find_spec('pytest') is None)");
    return run_step(job, &argv, NULL, "Looking for pytest", err) == 0;
}

/* Adds the installed versions, as constraints. */
static int add_installed(const struct job *job, const char *staging, struct buf *text, struct err *err)
{
    static const char *const words[] = {"-I", "-m", "pip", "list", "--format=freeze"};
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done) struct strv env = {0};
    strv_pushf(&argv, "%s/bin/python", staging);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(&argv, words[i]);
    builder_env(&env);
    struct capture capture = {.doing = "Listing the suite's packages",
                              .argv = &argv,
                              .env = &env,
                              .timeout_ms = job->options->timeout_ms,
                              .output_limit_bytes = OUTPUT_LIMIT_BYTES,
                              .cancel_fd = job->cancel_fd};
    return capture_run(&capture, text, NULL, err);
}

/*
 * Installs pytest from the indexes that the suite's requirements name, in a version that fits the
 * installed packages.
 */
static int install_pytest(const struct job *job, const struct requirements *requirements, const char *staging,
                          const char *suite, struct err *err)
{
    CLEANUP(mem_freep) char *file = mem_printf("%s/pytest.txt", staging);
    CLEANUP(mem_freep) char *installed = mem_printf("%s/installed.txt", staging);
    CLEANUP(mem_freep) char *options = strv_join(&requirements->options, "\n");
    CLEANUP(mem_freep) char *text = mem_printf("%s\n-c installed.txt\npytest\n", options);
    CLEANUP(buf_done) struct buf versions = BUF_INIT(0);
    int r = add_installed(job, staging, &versions, err);
    if (r == 0)
        r = fs_write_plain(installed, versions.data ? versions.data : "", versions.len, err);
    if (r == 0)
        r = fs_write_plain(file, text, strlen(text), err);
    if (r == 0)
        r = install_file(job, staging, file, suite, "Installing pytest beside the suite's requirements", err);
    unlink(file);
    unlink(installed);
    return r;
}

/* ---- packages in the suite ---- */

/*
 * Copies the suite into the environment: building a package writes next to its files, and a package
 * that is installed with -e is used in place. The caller frees `ret_suite`.
 */
static int copy_suite(const struct job *job, const char *staging, char **ret_suite, struct err *err)
{
    CLEANUP(mem_freep) char *copy = mem_printf("%s/" COPY_OF_SUITE, staging);
    int r = copytree(job->tests, copy, err);
    if (r == 0 && chmod(copy, 0755) < 0)
        r = err_errno(err, errno, "Cannot change %s", copy);
    if (r == 0)
        *ret_suite = TAKE_PTR(copy);
    return r;
}

/* Returns the path in the copy; a file outside of the suite keeps its path. The caller frees. */
static char *in_copy(const struct job *job, const char *suite, const char *file)
{
    const char *below = str_path_below(file, job->tests);
    return below ? mem_printf("%s%s", suite, below) : mem_strdup(file);
}

static int install(const struct job *job, const struct venv_wants *wants, const char *staging,
                   struct err *err)
{
    CLEANUP(requirements_done) struct requirements found = {0};
    CLEANUP(requirements_done) struct requirements used = {0};
    CLEANUP(mem_freep) char *suite = NULL;
    int r = wants->requirements ? requirements_read(wants->requirements, job->tests, &found, err) : 0;
    if (r == 0 && found.is_local)
        r = copy_suite(job, staging, &suite, err);
    const char *dir = suite ? suite : job->tests;
    CLEANUP(mem_freep) char *file = wants->requirements ? in_copy(job, dir, wants->requirements) : NULL;
    if (r == 0 && file)
        r = requirements_read(file, dir, &used, err);
    if (r == 0 && file)
        r = install_file(job, staging, file, dir, "Installing the suite's requirements", err);
    if (r == 0 && wants->pytest && !has_pytest(job, staging, err))
        r = install_pytest(job, &used, staging, dir, err);
    if (suite && !found.is_editable)
        fs_remove_tree(suite, NULL);
    return r;
}

/* ---- moving ---- */

/*
 * Scripts in a venv name their interpreter by its full path, which is another one after the rename
 * of the staging directory, and yet another one in the sandbox.
 */

/* The directory of a shell script, as the script itself writes it. */
#define BESIDE "${0%/*}"

static void replace_all(const struct buf *text, const char *from, const char *to, struct buf *ret_text)
{
    const char *p = text->data;
    const char *end = text->data + text->len;
    for (const char *hit; (hit = memmem(p, (size_t)(end - p), from, strlen(from))); p = hit + strlen(from)) {
        buf_append(ret_text, p, (size_t)(hit - p));
        buf_puts(ret_text, to);
    }
    buf_append(ret_text, p, (size_t)(end - p));
}

/*
 * Makes a script find the interpreter in its own directory. A python script whose first line names
 * the interpreter in `from` is started by the shell, in the form that pip uses for long paths. In
 * any other file, `from` is replaced by `to`.
 */
static void redirect_text(const struct buf *text, const char *from, const char *to, struct buf *ret_text)
{
    static const char by_shell[] = "#!/bin/sh\n'''exec'";
    CLEANUP(mem_freep) char *direct = mem_printf("#!%s/bin/", from);
    size_t line = strcspn(text->data, "\n"), len = strlen(direct);
    if (strncmp(text->data, by_shell, strlen(by_shell)) == 0) {
        replace_all(text, from, BESIDE "/..", ret_text);
    } else if (strncmp(text->data, direct, len) == 0) {
        buf_printf(ret_text, "%s \"%s/%.*s\" \"$0\" \"$@\"\n' '''", by_shell, BESIDE, (int)(line - len),
                   text->data + len);
        buf_append(ret_text, text->data + line, text->len - line);
    } else {
        replace_all(text, from, to, ret_text);
    }
}

static int redirect_script(const char *path, const char *from, const char *to, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > SCRIPT_LIMIT_BYTES || st.st_size == 0)
        return 0;
    CLEANUP(buf_done) struct buf text = BUF_INIT(0);
    CLEANUP(buf_done) struct buf changed = BUF_INIT(0);
    int r = fs_read_file(path, SCRIPT_LIMIT_BYTES, &text, err);
    if (r < 0)
        return r;
    redirect_text(&text, from, to, &changed);
    if (changed.len == text.len && memcmp(changed.data, text.data, text.len) == 0)
        return 0;
    r = fs_write_atomic(path, changed.data, changed.len, err);
    return r == 0 && chmod(path, st.st_mode & 0777) < 0 ? err_errno(err, errno, "Cannot change %s", path) : r;
}

static int redirect_scripts(const char *staging, const char *path, struct err *err)
{
    CLEANUP(mem_freep) char *bin = mem_printf("%s/bin", staging);
    CLEANUP(strv_done) struct strv names = {0};
    int r = fs_list_dir(bin, &names, err);
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *script = mem_printf("%s/%s", bin, names.items[i]);
        r = redirect_script(script, staging, path, err);
    }
    return r;
}

/*
 * Changes the paths in the files that represent editable packages: in a .pth, relative to its
 * directory; in setuptools' python code, relative to the environment.
 */
static int redirect_editable(const char *staging, struct err *err)
{
    CLEANUP(mem_freep) char *site = witness_site_packages(staging);
    CLEANUP(mem_freep) char *real = realpath(staging, NULL); /* the form that build tools write */
    CLEANUP(mem_freep) char *quoted = mem_printf("'%s/", real ? real : staging);
    CLEANUP(mem_freep) char *plain = mem_printf("%s/", real ? real : staging);
    CLEANUP(strv_done) struct strv names = {0};
    int r = site ? fs_list_dir(site, &names, err) : 0;
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        const char *name = names.items[i];
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", site, name);
        if (str_ends_with(name, ".pth") || str_ends_with(name, ".egg-link"))
            r = redirect_script(path, plain, "../../../", err);
        else if (str_ends_with(name, ".py") && strncmp(name, "__editable__", strlen("__editable__")) == 0)
            r = redirect_script(path, quoted, "__import__('sys').prefix + '/", err);
    }
    return r;
}

int venv_build(const struct job *job, const char *python, const struct venv_wants *wants, const char *path,
               struct err *err)
{
    CLEANUP(mem_freep) char *staging = mem_printf("%s.new", path);
    CLEANUP(mem_freep) char *own_venv = wants ? NULL : venv_of(python);
    CLEANUP(mem_freep) char *inherited = own_venv ? witness_site_packages(own_venv) : NULL;
    int r = fs_remove_tree(staging, err);
    if (r == 0)
        r = create(job, python, staging, !wants, err);
    if (r == 0 && wants)
        r = install(job, wants, staging, err);
    if (r == 0)
        r = witness_install(job, staging, inherited, err);
    if (r == 0)
        r = redirect_scripts(staging, path, err);
    if (r == 0)
        r = redirect_editable(staging, err);
    if (r == 0)
        r = fs_rename_tree_durable(staging, path, err);
    if (r < 0)
        fs_remove_tree(staging, NULL);
    return r;
}
