/* Searches for a secret of others: the test has put one word into many places outside. */

#include "hostile.h"

#include <ftw.h>
#include <sys/klog.h>

#define FILE_MAX ((size_t)4 << 20)

static char secret[256];

/* The student's tree has the word reversed, so that it is found only where it is secret. */
static void learn_secret(void)
{
    const char *backwards = host_knows("terces");
    size_t len = strlen(backwards);
    for (size_t i = 0; i < len && i < sizeof(secret) - 1; i++)
        secret[i] = backwards[len - 1 - i];
}

static void search_file(const char *path)
{
    static char text[FILE_MAX];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    size_t len = 0;
    ssize_t n;
    while (fd >= 0 && len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
        len += (size_t)n;
    if (fd >= 0)
        close(fd);
    if (memmem(text, len, secret, strlen(secret)))
        reached("the secret in %s", path);
    memset(text, 0, len); /* or a process that reads this memory would find it here */
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    static const char *const elsewhere[] = {"/proc", "/sys", "/usr", "/lib", "/bin"};
    if (strstr(path + ftw->base, secret))
        reached("the secret as a name: %s", path);
    for (size_t i = 0; type == FTW_D && i < ARRAY_LEN(elsewhere); i++)
        if (strcmp(path, elsewhere[i]) == 0)
            return FTW_SKIP_SUBTREE;
    if (type == FTW_F && S_ISREG(st->st_mode))
        search_file(path);
    return FTW_CONTINUE;
}

static int search(char **words)
{
    (void)words;
    learn_secret();
    if (!*secret)
        return 2;
    nftw("/", visit, 32, FTW_PHYS | FTW_ACTIONRETVAL);
    return 0;
}

static int processes(char **words)
{
    (void)words;
    static const char *const files[] = {"environ", "cmdline", "comm",  "maps",   "mountinfo",
                                        "mounts",  "cgroup",  "stack", "status", "limits"};
    char path[64];
    learn_secret();
    if (!*secret)
        return 2;
    for (int pid = 1; pid < 5000; pid++)
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
            snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
            search_file(path);
        }
    return 0;
}

/* Only processes of this run are visible: pid 1 and a few others. */
static int others(char **words)
{
    (void)words;
    int count = 0;
    for (int pid = 1; pid < 100000; pid++)
        count += kill(pid, 0) == 0 || errno == EPERM;
    if (count > 40)
        reached("%d processes", count);
    return 0;
}

static int files(char **words)
{
    (void)words;
    static const char *const paths[] = {
        "/etc/shadow",      "/etc/gshadow", "/etc/sudoers",  "/root",           "/var/log",
        "/proc/kcore",      "/proc/kmsg",   "/dev/mem",      "/dev/kmsg",       "/etc/ssh",
        "/etc/ssl/private", "/var/lib",     "/run/systemd",  "/run/dbus",       "/var/spool",
        "/etc/machine-id",  "/sys/kernel",  "/sys/firmware", "/boot",           "/run/secrets",
        "/proc/1/mem",      "/run/user",    "/lost+found",   "/run/credentials"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        denied(paths[i], open(paths[i], O_RDONLY | O_NONBLOCK));
    DENIED(open(host_knows("secret-file"), O_RDONLY));
    DENIED(open(host_knows("state"), O_RDONLY));
    char text[4096];
    DENIED(klogctl(3 /* SYSLOG_ACTION_READ_ALL */, text, sizeof(text)));
    return 0;
}

/* The environment has only the variables in docs/suites.md. */
static int environment(char **words)
{
    (void)words;
    static const char *const known[] = {"PATH",
                                        "HOME",
                                        "TMPDIR",
                                        "OSTEST_SRC",
                                        "LANG",
                                        "LC_ALL",
                                        "USER",
                                        "LOGNAME",
                                        "SHELL",
                                        "TERM",
                                        "PWD",
                                        "OLDPWD",
                                        "VIRTUAL_ENV",
                                        "PYTHONNOUSERSITE",
                                        "PYTHONDONTWRITEBYTECODE",
                                        "PYTEST_VERSION",
                                        "PYTEST_CURRENT_TEST",
                                        "_",
                                        "SHLVL"};
    for (char **variable = environ; *variable; variable++) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
            size_t len = strlen(known[i]);
            is_known |= strncmp(*variable, known[i], len) == 0 && (*variable)[len] == '=';
        }
        if (!is_known)
            reached("the variable %s", *variable);
    }
    return 0;
}

MODES({"search", search}, {"processes", processes}, {"others", others}, {"files", files},
      {"environment", environment})
