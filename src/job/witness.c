#include "job/witness.h"

#include "base/buf.h"
#include "base/capture.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "ostest_pytest.py.h"
#include "ostest_start.py.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIST_INFO   "ostest_pytest-1.dist-info"
#define CHUNK_BYTES 65536
/* Executable, but not readable. */
#define MODE_PYTHON 0111

/* Files of the package's metadata directory, in which importlib.metadata finds the entry point. */
static const struct {
    const char *name, *text;
} metadata[] = {
    {"METADATA", "Metadata-Version: 2.1\nName: ostest-pytest\nVersion: 1\n"},
    {"entry_points.txt", "[pytest11]\nostest = ostest_pytest\n"},
    {"INSTALLER", "ostest-runner\n"},
};

/* In the form that pip uses for paths that are too long for "#!". `%s`: the venv. */
#define SCRIPT \
    "#!/bin/sh\n" \
    "'''exec' \"%s/bin/python\" \"$0\" \"$@\"\n" \
    "' '''\n" \
    "import sys\n" \
    "import pytest\n" \
    "sys.exit(pytest.main())\n"

/* Imports the module despite PYTHONPATH; site.py sets `sitedir` to the .pth's directory. */
#define PTH "import sys; sys.path.insert(0, sitedir); import ostest_start; sys.path.remove(sitedir)\n"

uint64_t witness_hash(uint64_t hash)
{
    hash = hash_add(hash, ostest_pytest_py, ostest_pytest_py_len);
    hash = hash_add(hash, ostest_start_py, ostest_start_py_len);
    hash = hash_add(hash, PTH, sizeof(PTH));
    return hash_add(hash, SCRIPT, sizeof(SCRIPT));
}

char *witness_site_packages(const char *venv)
{
    CLEANUP(mem_freep) char *lib = mem_printf("%s/lib", venv);
    CLEANUP(strv_done) struct strv names = {0};
    fs_list_dir(lib, &names, NULL);
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s/site-packages", lib, names.items[i]);
        if (strncmp(names.items[i], "python3", strlen("python3")) == 0 && fs_is_dir(path))
            return TAKE_PTR(path);
    }
    return NULL;
}

/* Writes a file with `mode`, so that the slots' users can read it. */
static int write_file(const char *dir, const char *name, const char *text, size_t len, mode_t mode,
                      struct err *err)
{
    CLEANUP(mem_freep) char *path = mem_printf("%s/%s", dir, name);
    int r = fs_write_atomic(path, text, len, err);
    return r == 0 && chmod(path, mode) < 0 ? err_errno(err, errno, "Cannot change %s", path) : r;
}

static int write_modules(const char *site, const char *inherited, struct err *err)
{
    CLEANUP(mem_freep) char *info = mem_printf("%s/" DIST_INFO, site);
    CLEANUP(mem_freep) char *quoted = inherited ? json_quote(inherited, strlen(inherited)) : NULL;
    CLEANUP(mem_freep)
    char *pth = quoted ? mem_printf(PTH "import site; site.addsitedir(%s)\n", quoted) : mem_strdup(PTH);
    int r = write_file(site, "ostest_pytest.py", ostest_pytest_py, ostest_pytest_py_len, 0644, err);
    if (r == 0)
        r = write_file(site, "ostest_start.py", ostest_start_py, ostest_start_py_len, 0644, err);
    if (r == 0)
        r = write_file(site, "ostest.pth", pth, strlen(pth), 0644, err);
    if (r == 0)
        r = fs_make_dirs(info, 0755, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(metadata); i++)
        r = write_file(info, metadata[i].name, metadata[i].text, strlen(metadata[i].text), 0644, err);
    return r;
}

/* Shadows the system's pytest commands, which would run in the system's python. */
static int write_scripts(const char *staging, struct err *err)
{
    static const char *const names[] = {"pytest", "py.test", "pytest-3"};
    static const char *const places[] = {"/usr/local/bin", "/usr/bin"};
    CLEANUP(mem_freep) char *bin = mem_printf("%s/bin", staging);
    CLEANUP(mem_freep) char *script = mem_printf(SCRIPT, staging);
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++) {
        CLEANUP(mem_freep) char *own = mem_printf("%s/%s", bin, names[i]);
        bool is_there = false;
        for (size_t n = 0; n < ARRAY_LEN(places); n++) {
            CLEANUP(mem_freep) char *path = mem_printf("%s/%s", places[n], names[i]);
            is_there = is_there || fs_exists(path);
        }
        if (is_there && !fs_exists(own))
            r = write_file(bin, names[i], script, strlen(script), 0755, err);
    }
    return r;
}

/* ---- the interpreter ---- */

/* Returns 0 or -errno. */
static int copy_file(int from, const char *to)
{
    char chunk[CHUNK_BYTES];
    ssize_t n;
    CLEANUP(fd_closep) int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (fd < 0)
        return -errno;
    while ((n = read(from, chunk, sizeof(chunk))) > 0) {
        int r = fd_write_all(fd, chunk, (size_t)n);
        if (r < 0)
            return r;
    }
    return n < 0 || fchmod(fd, MODE_PYTHON) < 0 ? -errno : 0;
}

/* Returns true for a binary: a script must be readable to be executed. */
static bool is_elf(int fd)
{
    char magic[4];
    return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "\177ELF", 4) == 0;
}

/* Finds the venv's link to its interpreter; -ENOENT if it has none. The caller frees both. */
static int find_link(const char *staging, char **ret_link, char **ret_target)
{
    CLEANUP(mem_freep) char *bin = mem_printf("%s/bin", staging);
    CLEANUP(strv_done) struct strv names = {0};
    fs_list_dir(bin, &names, NULL);
    for (size_t i = 0; i < names.len; i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", bin, names.items[i]);
        char target[4096];
        ssize_t len = readlink(path, target, sizeof(target) - 1);
        if (len <= 0 || target[0] != '/')
            continue;
        *ret_target = mem_strndup(target, (size_t)len);
        *ret_link = TAKE_PTR(path);
        return 0;
    }
    return -ENOENT;
}

/* Replaces the link by an unreadable copy. The interpreter's other names are links to this one. */
static int hide_interpreter(const char *link, const char *target)
{
    CLEANUP(mem_freep) char *copy = mem_printf("%s.copy", link);
    CLEANUP(fd_closep) int fd = open(target, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || !is_elf(fd))
        return fd < 0 ? -errno : -ENOEXEC;
    int r = copy_file(fd, copy);
    if (r == 0 && rename(copy, link) < 0)
        r = -errno;
    if (r < 0)
        unlink(copy);
    return r;
}

/*
 * Compiles the modules, since the venv is read-only in the sandbox. Also shows whether the
 * interpreter starts.
 */
static int compile(const struct job *job, const char *staging, const char *site, struct err *err)
{
    CLEANUP(strv_done) struct strv argv = {0};
    CLEANUP(strv_done)
    struct strv env = {0}; /* not ours: packages may run code at the start */
    static const char *const words[] = {"-I", "-m", "compileall", "-q"};
    strv_pushf(&argv, "%s/bin/python", staging);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        strv_push(&argv, words[i]);
    strv_pushf(&argv, "%s/ostest_pytest.py", site);
    strv_pushf(&argv, "%s/ostest_start.py", site);
    strv_push(&env, "PATH=/usr/local/bin:/usr/bin:/bin");
    struct capture capture = {.doing = "Compiling the pytest plugin",
                              .argv = &argv,
                              .env = &env,
                              .timeout_ms = job->options->timeout_ms,
                              .output_limit_bytes = 65536,
                              .cancel_fd = job->cancel_fd};
    return capture_run(&capture, NULL, NULL, err);
}

/*
 * Hides the interpreter and compiles the modules. A python that finds its library relative to its
 * own file cannot be copied and stays readable; ostest_start.py copes with that.
 */
static int prepare_interpreter(const struct job *job, const char *staging, const char *site, struct err *err)
{
    CLEANUP(mem_freep) char *link = NULL;
    CLEANUP(mem_freep) char *target = NULL;
    struct err compiling = {0};
    int r = find_link(staging, &link, &target);
    if (r == 0)
        r = hide_interpreter(link, target);
    bool is_hidden = r == 0;
    r = compile(job, staging, site, &compiling);
    if (r == -EIO && is_hidden) {
        log_info("python cannot be copied and stays readable: %s", compiling.message);
        if (unlink(link) < 0 || symlink(target, link) < 0)
            return err_errno(err, errno, "Cannot link %s", link);
        r = compile(job, staging, site, &compiling);
    }
    if (r == -EIO) {
        log_debug("%s", compiling.message);
        return 0;
    }
    if (r < 0)
        *err = compiling;
    return r;
}

int witness_install(const struct job *job, const char *staging, const char *inherited, struct err *err)
{
    CLEANUP(mem_freep) char *site = witness_site_packages(staging);
    if (!site)
        return err_set(err, ERR_ENVIRONMENT, ENOENT, "The venv has no site-packages directory in %s/lib",
                       staging);
    int r = write_modules(site, inherited, err);
    if (r == 0)
        r = write_scripts(staging, err);
    return r < 0 ? r : prepare_interpreter(job, staging, site, err);
}
