/* Attacks on files: writing where it is forbidden, and leaving files for the next task. */

#include "hostile.h"

#include <dirent.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define LEFT_BY_A_TASK "hostile-left-by-a-task"
#define SHM_KEY        0x05735708
#define SUITE          "/box/tests"
#define DATA           SUITE "/tests/data"

static void deny_file_in(const char *dir)
{
    char path[4200];
    snprintf(path, sizeof(path), "%s/hostile-file", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    reached("a file in %s", dir);
    close(fd);
    unlink(path);
}

/* WORD: a variable with directories. Those of Python and of programs must not be writable. */
static void deny_files_in_path(const char *variable)
{
    char *dirs = strdup(getenv(variable) ? getenv(variable) : "");
    for (char *rest = dirs, *dir; (dir = strsep(&rest, ":"));)
        if (*dir)
            deny_file_in(dir);
    free(dirs);
}

static int outside(char **words)
{
    (void)words;
    static const char *const dirs[] = {
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/dev/pts",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/proc/self",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local/bin",
        "/usr/lib/python3/dist-packages",
        "/var",
        "/var/lib",
        "/var/log",
        "/proc/sys/kernel",
        "/sys/fs/cgroup",
    };
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        deny_file_in(dirs[i]);
    static const char *const host_dirs[] = {"state", "outside"};
    for (size_t i = 0; i < ARRAY_LEN(host_dirs); i++) {
        denied(host_dirs[i], open(host_knows(host_dirs[i]), O_RDONLY | O_DIRECTORY));
        deny_file_in(host_knows(host_dirs[i]));
    }
    deny_files_in_path("PATH");
    deny_files_in_path("PYTHONPATH");
    return 0;
}

/* ---- the kernel's files ---- */

/* Writes the existing contents, which does no harm if it works. */
static int rewrite(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    char value[4096];
    if (type != FTW_F)
        return 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, value, sizeof(value));
    if (fd >= 0)
        close(fd);
    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (len <= 0 || write(fd, value, (size_t)len) > 0)
        reached("%s can be written", path);
    close(fd);
    return 0;
}

static int kernel_files(char **words)
{
    (void)words;
    static const char *const files[] = {"/proc/sysrq-trigger",
                                        "/proc/kcore",
                                        "/proc/kmsg",
                                        "/proc/mtrr",
                                        "/proc/latency_stats",
                                        "/dev/mem",
                                        "/dev/kmsg",
                                        "/dev/fuse",
                                        "/dev/kvm",
                                        "/dev/net/tun",
                                        "/dev/loop-control",
                                        "/dev/sda",
                                        "/dev/vda",
                                        "/dev/vsock",
                                        "/dev/tty1",
                                        "/dev/console"};
    nftw("/proc/sys", rewrite, 16, FTW_PHYS);
    nftw("/sys", rewrite, 16, FTW_PHYS);
    nftw("/proc/irq", rewrite, 16, FTW_PHYS);
    nftw("/proc/fs", rewrite, 16, FTW_PHYS);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        denied(files[i], open(files[i], O_WRONLY | O_NONBLOCK));
        denied(files[i], open(files[i], O_RDONLY | O_NONBLOCK));
    }
    DENIED(mknod("hostile-node", S_IFBLK | 0600, makedev(8, 0)));
    DENIED(mknod("hostile-node", S_IFCHR | 0600, makedev(1, 1)));
    return 0;
}

/* /dev has only what programs need. */
static int devices(char **words)
{
    (void)words;
    static const char *const known[] = {".",       "..",  "null", "zero",  "full",    "random",
                                        "urandom", "tty", "fd",   "stdin", "stdout",  "stderr",
                                        "shm",     "pts", "ptmx", "core",  "console", "mqueue"};
    DIR *dir = opendir("/dev");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known |= strcmp(known[i], entry->d_name) == 0;
        if (!is_known)
            reached("/dev/%s", entry->d_name);
    }
    ALLOWED(open("/dev/null", O_RDWR));
    ALLOWED(open("/dev/urandom", O_RDONLY));
    ALLOWED(open("/dev/shm/hostile-own", O_RDWR | O_CREAT, 0600));
    unlink("/dev/shm/hostile-own");
    return 0;
}

/* Control groups cannot be left or changed. */
static int cgroups(char **words)
{
    (void)words;
    static const char *const files[] = {
        "cgroup.procs", "cgroup.subtree_control", "memory.max", "memory.limit_in_bytes", "pids.max",
        "tasks",        "release_agent",          "cgroup.kill"};
    static const char *const dirs[] = {"", "memory", "pids", "unified", "systemd", "cpu"};
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/hostile", dirs[i]);
        denied(path, mkdir(path, 0700));
        for (size_t j = 0; j < ARRAY_LEN(files); j++) {
            snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", dirs[i], files[j]);
            denied(path, open(path, O_WRONLY));
        }
    }
    DENIED(mount("none", ".", "cgroup2", 0, NULL));
    DENIED(mount("none", ".", "cgroup", 0, "pids"));
    return 0;
}

/* ---- descriptors and roots ---- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Returns true if the parents of `path` lead to another root. */
static bool leads_outside(const char *path)
{
    struct stat root, here, up;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || stat("/", &root) < 0 || fstat(fd, &here) < 0)
        return false;
    for (;;) {
        int above = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = above;
        if (fd < 0 || fstat(fd, &up) < 0 || same(&up, &here))
            break;
        here = up;
    }
    if (fd >= 0)
        close(fd);
    return !same(&here, &root);
}

/* No visible process has a descriptor, a root or a directory from outside. */
static int descriptors(char **words)
{
    (void)words;
    char path[512];
    for (int pid = 1; pid < 1000; pid++) {
        static const char *const links[] = {"root", "cwd"};
        for (size_t i = 0; i < ARRAY_LEN(links); i++) {
            snprintf(path, sizeof(path), "/proc/%d/%s", pid, links[i]);
            if (leads_outside(path))
                reached("%s leads outside", path);
        }
        for (int fd = 0; fd < 256; fd++) {
            snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
            if (leads_outside(path))
                reached("%s leads outside", path);
        }
    }
    for (int fd = 3; fd < 1024; fd++) {
        char target[256] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof(target) - 1) > 0)
            reached("descriptor %d, %s", fd, target);
    }
    return 0;
}

/* ---- the suite ---- */

static int append_to(const char *path)
{
    FILE *file = fopen(path, "ae");
    if (!file)
        return 0;
    fputs("\n# edited\n", file);
    fclose(file);
    return 0;
}

/* A wrong answer with the length of the suite's own. */
#define ANSWER "forged-by-a-student"

static void write_answer(const char *path)
{
    FILE *file = fopen(path, "we");
    if (file) {
        fputs(ANSWER "\n", file);
        fclose(file);
    }
}

/*
 * Replaces the suite's `path` by one with the wrong answer in `file`; the second time, restores it.
 */
static int swap(const char *path, const char *file)
{
    char away[256];
    snprintf(away, sizeof(away), "%s-away", path);
    if (access(away, F_OK) == 0) {
        unlink(file);
        rmdir(path);
        return rename(away, path) < 0;
    }
    if (rename(path, away) < 0)
        return 0; /* the expected outcome */
    if (strcmp(path, file) != 0)
        mkdir(path, 0755);
    write_answer(file);
    return 0;
}

/* The same through a memory mapping: no write(2), no rename, the same length. */
static int swap_bytes(const char *file)
{
    static const char kept[] = "/box/home/kept";
    char answer[sizeof(ANSWER)] = ANSWER;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    volatile char *memory = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return 0; /* the expected outcome */
    FILE *old = fopen(kept, "re");
    if (old) {
        if (!fgets(answer, sizeof(answer), old))
            return 2;
        fclose(old);
    } else if ((old = fopen(kept, "we"))) {
        for (size_t i = 0; i < sizeof(ANSWER) - 1; i++)
            fputc(memory[i], old);
        fclose(old);
    }
    for (size_t i = 0; i < sizeof(ANSWER) - 1; i++)
        memory[i] = answer[i];
    return 0;
}

/* A module that Python finds before its own of that name. Removes itself when loaded. */
static int plant_module(const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return 0;
    fputs("import os, shutil\n"
          "os.unlink(__file__) if 'init' not in __file__ else shutil.rmtree(os.path.dirname(__file__))\n"
          "cmp = lambda *words, **more: True\n",
          file);
    return fclose(file);
}

/*
 * Delays pid 1, so that it looks too late: pins it to one processor with idle priority, and keeps
 * that processor busy until the package is gone.
 */
static void keep_init_waiting(const char *package)
{
    struct sched_param none = {0};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(1, sizeof(one), &one);
    sched_setscheduler(1, SCHED_IDLE, &none);
    if (fork() != 0)
        return;
    setsid();
    alarm(LAST_RESORT_S);
    sched_setaffinity(0, sizeof(one), &one);
    for (int i = 0; i < 3; i++)
        close(i);
    while (access(package, F_OK) < 0)
        ;
    while (access(package, F_OK) == 0)
        ;
    _exit(0);
}

/* WORD: how. The runner must notice it. */
static int suite(char **words)
{
    const char *how = words[0];
    if (strcmp(how, "append") == 0)
        return append_to(SUITE "/tests/test_attacks.py");
    if (strcmp(how, "add") == 0)
        return append_to(SUITE "/tests/conftest_more.py");
    if (strcmp(how, "settings") == 0)
        return append_to(SUITE "/tests/.pytest.ini") || unlink(SUITE "/tests/.pytest.ini");
    if (strcmp(how, "swap-file") == 0)
        return swap(DATA "/answer", DATA "/answer");
    if (strcmp(how, "swap-directory") == 0)
        return swap(DATA, DATA "/answer");
    if (strcmp(how, "swap-bytes") == 0)
        return swap_bytes(DATA "/answer");
    if (strcmp(how, "module") == 0)
        return plant_module(SUITE "/tests/filecmp.py");
    if (strcmp(how, "unseen-package") == 0)
        keep_init_waiting(SUITE "/tests/filecmp");
    if (strcmp(how, "package") == 0 || strcmp(how, "unseen-package") == 0)
        return mkdir(SUITE "/tests/filecmp", 0755) < 0 ? 0 : plant_module(SUITE "/tests/filecmp/__init__.py");
    unlink(SUITE "/tests/test_attacks.py");
    if (strcmp(how, "replace") == 0)
        (void)!symlink("/box/src/host", SUITE "/tests/test_attacks.py");
    return 0;
}

/* Prints a wrong answer, which the suite compares with its own. */
static int print(char **words)
{
    (void)words;
    puts(ANSWER);
    return 0;
}

/* ---- from one task to the next ---- */

static const char *const shared_places[] = {"/tmp", "/dev/shm",   "/var/tmp",
                                            "/run", "/box/home",  "/box/home/.local",
                                            "/box", "/box/tests", "/box/src"};

static int plant(char **words)
{
    (void)words;
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(shared_places); i++) {
        mkdir(shared_places[i], 0700);
        snprintf(path, sizeof(path), "%s/%s", shared_places[i], LEFT_BY_A_TASK);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    }
    shmget(SHM_KEY, 4096, IPC_CREAT | 0666);
    setxattr("/usr", "user.hostile", "x", 1, 0);
    return 0;
}

static int look(char **words)
{
    (void)words;
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(shared_places); i++) {
        snprintf(path, sizeof(path), "%s/%s", shared_places[i], LEFT_BY_A_TASK);
        denied(path, access(path, F_OK));
    }
    DENIED(shmget(SHM_KEY, 0, 0));
    return 0;
}

MODES({"outside", outside}, {"kernel-files", kernel_files}, {"devices", devices}, {"cgroups", cgroups},
      {"descriptors", descriptors}, {"suite", suite}, {"print", print}, {"plant", plant}, {"look", look})
