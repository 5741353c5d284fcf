#pragma once

/* Simulated machines: what the kernel reports about control groups, and the files of the groups. */

#include "base/mem.h"
#include "base/strv.h"
#include "scratch.h"

#include <stdarg.h>
#include <sys/syscall.h>

/* Replaces open(2), so that /proc/self describes the simulated machine. */
int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (strcmp(path, "/proc/self/cgroup") == 0)
        path = scratch("own-cgroup");
    else if (strcmp(path, "/proc/self/mountinfo") == 0)
        path = scratch("own-mountinfo");
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int number;
static char own[8192], mounts[8192];

static inline void machine(void)
{
    number++;
    strcpy(own, "");
    strcpy(mounts,
           "22 1 0:21 / /proc rw,nosuid shared:3 - proc proc rw\n23 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
}

/* Returns a directory of the machine's cgroup file system. */
static inline const char *dir_of(const char *name)
{
    CLEANUP(mem_freep) char *path = mem_printf("machine-%d%s%s", number, *name ? "/" : "", name);
    return scratch(path);
}

static inline void put(const char *dir, const char *file, const char *text)
{
    CLEANUP(mem_freep) char *path = mem_printf("machine-%d/%s/%s", number, dir, file);
    make_file(path, text);
}

/* Creates a group with its parent directories; `is_ours`: with a writable cgroup.procs. */
static inline void group(const char *name, bool is_ours)
{
    CLEANUP(strv_done) struct strv parts = {0};
    CLEANUP(mem_freep) char *path = mem_strdup(dir_of(""));
    mkdir(path, 0755);
    strv_split(&parts, name, "/");
    for (size_t i = 0; i < parts.len; i++) {
        char *longer = mem_printf("%s/%s", path, parts.items[i]);
        free(path);
        path = longer;
        mkdir(path, 0755);
    }
    if (is_ours)
        put(name, "cgroup.procs", "");
}

static inline void mounted(const char *type, const char *options, const char *root, const char *at)
{
    size_t len = strlen(mounts);
    snprintf(mounts + len, sizeof(mounts) - len,
             "30 22 0:30 %s %s rw,nosuid,relatime shared:9 - %s %s rw,%s\n", root, dir_of(at), type, type,
             options);
}

static inline void member(const char *line)
{
    snprintf(own + strlen(own), sizeof(own) - strlen(own), "%s\n", line);
}

static inline void write_machine(void)
{
    make_file("own-cgroup", own);
    make_file("own-mountinfo", mounts);
}

/* Sets up a single hierarchy with our group in it. */
static inline void unified(const char *path, const char *available, const char *enabled)
{
    machine();
    group(path, true);
    put(path, "cgroup.controllers", available);
    put(path, "cgroup.subtree_control", enabled);
    mounted("cgroup2", "nsdelegate", "/", "");
    CLEANUP(mem_freep) char *line = mem_printf("0::/%s", path);
    member(line);
}

/* Sets up a controller's own hierarchy with our group in it. */
static inline void v1(const char *controller, const char *path, bool is_ours)
{
    CLEANUP(mem_freep) char *dir = mem_printf("%s%s", controller, path);
    CLEANUP(mem_freep) char *line = mem_printf("5:%s:%s", controller, path);
    group(dir, is_ours);
    mounted("cgroup", controller, "/", controller);
    member(line);
}
