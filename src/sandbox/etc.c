#include "sandbox/etc.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "sandbox/init_protocol.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

#define FILE_MAX_BYTES (4U << 20)
#define TREE_MAX_BYTES (64U << 20)
#define TREE_MAX_FILES 20000
#define LINKS_DEPTH    16       /* of links and directories */
#define SCAN_DEPTH     48       /* levels of directories below /usr */
#define SCAN_MAX       5000000U /* entries below /usr */

/* To be changed whenever the same sources yield a different tree. */
#define VERSION "2"

/* ---- the sandbox's own files ---- */

/*
 * The host name resolves to the loopback interface, the only one. The addresses of all nodes and
 * routers are those of Debian.
 */
#define HOSTS \
    "127.0.0.1 localhost\n" \
    "127.0.0.1 " BOX_HOSTNAME "\n" \
    "::1 localhost ip6-localhost ip6-loopback\n" \
    "::1 " BOX_HOSTNAME "\n" \
    "ff02::1 ip6-allnodes\n" \
    "ff02::2 ip6-allrouters\n"

static const struct {
    const char *name, *text;
} own_files[] = {
    {"passwd",
     "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n" BOX_USER
     ":x:" STRING(BOX_UID) ":" STRING(BOX_UID) "::" BOX_HOME ":/bin/sh\n" BOX_SUITE_USER ":x:" STRING(
         BOX_SUITE_UID) ":" STRING(BOX_SUITE_UID) "::/nonexistent:/usr/sbin/nologin\nnobody:x:65534:65534:"
                                                  "nobody:/nonexistent:/usr/sbin/nologin\n"},
    {"group", "root:x:0:\n" BOX_USER
              ":x:" STRING(BOX_UID) ":\n" BOX_SUITE_USER ":x:" STRING(BOX_SUITE_UID) ":\nnogroup:x:65534:\n"},
    /* The suite's directories may belong to another user than the one who runs git in them. */
    {"gitconfig", "[safe]\n\tdirectory = *\n"},
    {"hosts", HOSTS},
    {"hostname", BOX_HOSTNAME "\n"},
    /* All addresses of a name, as on Debian; without it, `localhost` is only 127.0.0.1. */
    {"host.conf", "multi on\n"},
    /* No name server is reachable. With the host's network, its file is mounted over this one. */
    {"nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\nnetworks: files\n"
                      "protocols: files\nservices: files\nethers: files\nrpc: files\n"},
    {"resolv.conf", ""}, /* mounted over, likewise */
    {"gai.conf", ""},
};

/*
 * Substitutes for hosts without Debian's package netbase: the names that course programs look up,
 * as assigned by IANA.
 */
static const struct {
    const char *name, *text;
} substitutes[] = {
    {"services",
     "tcpmux 1/tcp\necho 7/tcp\necho 7/udp\ndiscard 9/tcp sink null\ndiscard 9/udp sink null\n"
     "daytime 13/tcp\ndaytime 13/udp\nchargen 19/tcp ttytst source\nftp-data 20/tcp\nftp 21/tcp\n"
     "ssh 22/tcp\ntelnet 23/tcp\nsmtp 25/tcp mail\ntime 37/tcp timserver\ntime 37/udp timserver\n"
     "whois 43/tcp nicname\ndomain 53/tcp\ndomain 53/udp\nbootps 67/udp\nbootpc 68/udp\n"
     "tftp 69/udp\ngopher 70/tcp\nfinger 79/tcp\nhttp 80/tcp www\nkerberos 88/tcp\n"
     "kerberos 88/udp\npop3 110/tcp pop-3\nsunrpc 111/tcp portmapper\nsunrpc 111/udp portmapper\n"
     "nntp 119/tcp readnews untp\nntp 123/udp\nimap2 143/tcp imap\nsnmp 161/tcp\nsnmp 161/udp\n"
     "irc 194/tcp\nldap 389/tcp\nldap 389/udp\nhttps 443/tcp\nhttps 443/udp\n"
     "submissions 465/tcp ssmtp smtps urd\nsyslog 514/udp\nsubmission 587/tcp\nldaps 636/tcp\n"
     "imaps 993/tcp\npop3s 995/tcp\nsocks 1080/tcp\nmysql 3306/tcp\npostgresql 5432/tcp postgres\n"
     "x11 6000/tcp x11-0\nhttp-alt 8080/tcp webcache\nhttp-alt 8080/udp\n"},
    {"protocols",
     "ip 0 IP\nicmp 1 ICMP\nigmp 2 IGMP\nipencap 4 IP-ENCAP\ntcp 6 TCP\negp 8 EGP\nudp 17 UDP\n"
     "ipv6 41 IPv6\nipv6-route 43 IPv6-Route\nipv6-frag 44 IPv6-Frag\ngre 47 GRE\n"
     "esp 50 IPSEC-ESP\nah 51 IPSEC-AH\nipv6-icmp 58 IPv6-ICMP\nipv6-nonxt 59 IPv6-NoNxt\n"
     "ipv6-opts 60 IPv6-Opts\nospf 89 OSPFIGP\npim 103 PIM\nsctp 132 SCTP\nudplite 136 UDPLite\n"},
};

/* ---- files of the host ---- */

/* Paths built into libraries, which no link leads to. Missing ones are skipped. */
static const char *const fixed[] = {"alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
                                    "localtime",    "timezone",    "services",   "protocols",
                                    "rpc",          "ssl/certs",   "mime.types", "fonts"};

/*
 * Never copied, even if a link leads there. `environment` holds variables for logins, such as a
 * proxy's password.
 */
static const char *const never[] = {"shadow", "gshadow",     "sudoers",     "sudoers.d",
                                    "ssh",    "ssl/private", "fstab",       "machine-id",
                                    "munge",  "krb5.keytab", "environment", "ostest-runner"};

/*
 * Matches a private key, a URL with a password, or, outside comments, a single word as the value of
 * a password.
 */
#define SECRET \
    "PRIVATE KEY-----" \
    "|://[^/[:space:]@]*:[^/[:space:]@]+@" \
    "|^[^#;!*]*(pass(word|wd|phrase)|secret|token|credentials?|api_?key)" \
    "[\"']?[[:space:]]*[=:>][[:space:]]*[^[:space:]<]+[[:space:]]*($|<)"

#define SECRET_NAME "password|passwd|secret|credential|private|\\.key$"

/* Paths that change when packages are installed or removed: links in /usr may then have changed. */
static const char *const indicators[] = {
    "/var/log/dpkg.log", "/var/lib/rpm", "/usr/share/doc", "/usr/bin",       "/usr/lib",      "/usr/share",
    "/usr/lib64",        "/usr/local",   "/usr/local/bin", "/usr/local/lib", "/usr/local/etc"};

static char *parent_of(const char *path)
{
    return mem_strndup(path, (size_t)(strrchr(path, '/') - path));
}

struct build {
    const char *root, *to;
    struct etc_sources *sources;
    struct err *err;
    regex_t secret, secret_name;
    size_t bytes, files;
    unsigned seen; /* entries of /usr seen so far */
};

static void add_state(const char *root, const char *path, uint64_t *hash)
{
    CLEANUP(mem_freep) char *full = mem_printf("%s%s", root, path);
    struct stat st = {0};
    bool is_there = lstat(full, &st) == 0;
    const uint64_t state[] = {is_there, st.st_ino, (uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec};
    *hash = hash_add(hash_add(*hash, path, strlen(path) + 1), state, sizeof(state));
}

static uint64_t start_hash(const char *root)
{
    uint64_t hash = hash_add(HASH_START, VERSION, sizeof(VERSION));
    for (size_t i = 0; i < ARRAY_LEN(own_files); i++)
        hash = hash_add(hash, own_files[i].text, strlen(own_files[i].text));
    for (size_t i = 0; i < ARRAY_LEN(indicators); i++)
        add_state(root, indicators[i], &hash);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/etc/%s", fixed[i]);
        add_state(root, path, &hash);
    }
    return hash;
}

uint64_t etc_hash(const char *root, const struct strv *paths)
{
    uint64_t hash = start_hash(root);
    for (size_t i = 0; i < paths->len; i++)
        add_state(root, paths->items[i], &hash);
    return hash;
}

/*
 * Records a source before it is read, so that etc_hash() detects a change during the read. A link
 * can only change through its directory, which is usually recorded already.
 */
static void record(struct build *b, const char *path, bool is_link)
{
    CLEANUP(mem_freep) char *dir = parent_of(path);
    if (is_link && strv_contains(&b->sources->paths, dir))
        return;
    strv_push(&b->sources->paths, path);
    add_state(b->root, path, &b->sources->hash);
}

/* ---- paths ---- */

/*
 * Returns the absolute path that `target` has, relative to the directory `dir`, without looking at
 * the disk. The caller frees.
 */
static char *resolve(const char *dir, const char *target)
{
    CLEANUP(strv_done) struct strv words = {0};
    if (target[0] != '/')
        strv_split(&words, dir, "/");
    strv_split(&words, target, "/");
    CLEANUP(buf_done) struct buf path = BUF_INIT(0);
    for (size_t i = 0; i < words.len; i++) {
        const char *slash = path.len ? strrchr(path.data, '/') : NULL;
        if (strcmp(words.items[i], "..") != 0) {
            if (strcmp(words.items[i], ".") != 0)
                buf_printf(&path, "/%s", words.items[i]);
        } else if (slash) {
            path.len = (size_t)(slash - path.data);
            path.data[path.len] = '\0';
        }
    }
    return mem_strdup(path.len ? path.data : "/");
}

static bool is_never(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        CLEANUP(mem_freep) char *one = mem_printf("/etc/%s", never[i]);
        if (strcmp(path, one) == 0 || str_path_below(path, one))
            return true;
    }
    return false;
}

/* Returns where a path of the host's /etc is in the tree. The caller frees. */
static char *in_tree(const struct build *b, const char *path)
{
    return mem_printf("%s%s", b->to, path + strlen("/etc"));
}

/* ---- copying ---- */

static int take(struct build *b, const char *path, unsigned depth);

static int write_file(const char *path, const char *text, size_t len, struct err *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r = fd < 0 ? -errno : fd_write_all(fd, text, len);
    if (r == 0 && fchmod(fd, 0644) < 0) /* regardless of the umask */
        r = -errno;
    return r < 0 ? err_errno(err, -r, "Cannot write %s", path) : 0;
}

static bool tells_secret(const struct build *b, const char *path, const struct buf *text)
{
    regmatch_t match = {.rm_so = 0, .rm_eo = (regoff_t)text->len};
    return regexec(&b->secret_name, strrchr(path, '/') + 1, 0, NULL, 0) == 0 ||
           (text->len && regexec(&b->secret, text->data, 1, &match, REG_STARTEND) == 0);
}

/* Copies a regular file if everybody may read it; skips others. */
static int take_file(struct build *b, const char *path, const char *full, const char *copy)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(FILE_MAX_BYTES);
    CLEANUP(fd_closep) int fd = open(full, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IROTH) ||
        fd_read_all(fd, &text) < 0)
        return 0;
    if (tells_secret(b, path, &text)) {
        log_info("not shown to tests, since it seems to hold a secret: %s", path);
        return 0;
    }
    b->bytes += text.len;
    if (b->bytes > TREE_MAX_BYTES || ++b->files > TREE_MAX_FILES)
        return err_set(b->err, ERR_ENVIRONMENT, EFBIG, "The host's /etc is too large to be copied, at %s",
                       path);
    return write_file(copy, text.data ? text.data : "", text.len, b->err);
}

static int take_link(struct build *b, const char *path, const char *full, const char *copy, unsigned depth)
{
    char target[4096];
    ssize_t len = readlink(full, target, sizeof(target) - 1);
    if (len <= 0)
        return 0;
    target[len] = '\0';
    if (symlink(target, copy) < 0)
        return err_errno(b->err, errno, "Cannot create %s", copy);
    CLEANUP(mem_freep) char *dir = parent_of(path);
    CLEANUP(mem_freep) char *next = resolve(dir, target);
    return str_path_below(next, "/etc") ? take(b, next, depth + 1) : 0;
}

static int take_dir(struct build *b, const char *path, const char *full, const char *copy, unsigned depth)
{
    CLEANUP(strv_done) struct strv names = {0};
    if (mkdir(copy, 0755) < 0 && errno != EEXIST)
        return err_errno(b->err, errno, "Cannot create %s", copy);
    if (chmod(copy, 0755) < 0)
        return err_errno(b->err, errno, "Cannot change %s", copy);
    int r = 0;
    fs_list_dir(full, &names, NULL); /* none, if it has just gone */
    for (size_t i = 0; r == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *entry = mem_printf("%s/%s", path, names.items[i]);
        r = take(b, entry, depth + 1);
    }
    return r;
}

/*
 * Creates the parent directories. Returns -ENOENT if the path must not or cannot be copied: a
 * directory is not open to everybody, or is a link, which is copied instead.
 */
static int make_parents(struct build *b, const char *path, unsigned depth)
{
    for (const char *slash = strchr(path + strlen("/etc/"), '/'); slash; slash = strchr(slash + 1, '/')) {
        CLEANUP(mem_freep) char *dir = mem_strndup(path, (size_t)(slash - path));
        CLEANUP(mem_freep) char *full = mem_printf("%s%s", b->root, dir);
        CLEANUP(mem_freep) char *copy = in_tree(b, dir);
        struct stat st;
        if (lstat(full, &st) == 0 && S_ISLNK(st.st_mode)) {
            int r = take(b, dir, depth + 1);
            return r < 0 ? r : -ENOENT;
        }
        if (lstat(full, &st) < 0 || !S_ISDIR(st.st_mode) || !(st.st_mode & S_IXOTH))
            return -ENOENT;
        if (mkdir(copy, 0755) == 0 && chmod(copy, 0755) == 0)
            continue;
        if (errno != EEXIST)
            return err_errno(b->err, errno, "Cannot create %s", copy);
    }
    return 0;
}

/* Copies what the host's /etc has at `path`, and what it links to. Skips what must not be shown. */
static int take(struct build *b, const char *path, unsigned depth)
{
    CLEANUP(mem_freep) char *full = mem_printf("%s%s", b->root, path);
    CLEANUP(mem_freep) char *copy = in_tree(b, path);
    struct stat st, old;
    if (depth > LINKS_DEPTH || is_never(path) || lstat(full, &st) < 0)
        return 0;
    bool is_dir = S_ISDIR(st.st_mode);
    if (lstat(copy, &old) == 0 && !(is_dir && S_ISDIR(old.st_mode)))
        return 0;
    int r = make_parents(b, path, depth);
    if (r == -ENOENT)
        return 0;
    if (r < 0 || (is_dir && strv_contains(&b->sources->paths, path)))
        return r;
    record(b, path, S_ISLNK(st.st_mode));
    if (S_ISLNK(st.st_mode))
        return take_link(b, path, full, copy, depth);
    if (is_dir)
        return (st.st_mode & (S_IROTH | S_IXOTH)) == (S_IROTH | S_IXOTH)
                   ? take_dir(b, path, full, copy, depth)
                   : 0;
    return take_file(b, path, full, copy);
}

/* ---- links in /usr ---- */

static int scan_dir(struct build *b, int parent_fd, const char *name, const char *path, unsigned depth);

static int look_at_link(struct build *b, int dir_fd, const char *name, const char *dir)
{
    char target[4096];
    ssize_t len = readlinkat(dir_fd, name, target, sizeof(target) - 1);
    if (len <= 0)
        return 0;
    target[len] = '\0';
    if (!strstr(target, "etc/"))
        return 0;
    CLEANUP(mem_freep) char *path = resolve(dir, target);
    return str_path_below(path, "/etc") ? take(b, path, 0) : 0;
}

static unsigned char type_of(int dir_fd, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return DT_UNKNOWN;
    return S_ISLNK(st.st_mode) ? DT_LNK : S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
}

static int look_at(struct build *b, int dir_fd, const struct dirent *entry, const char *path, unsigned depth)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    unsigned char type = type_of(dir_fd, entry);
    b->seen++;
    if (type == DT_LNK)
        return look_at_link(b, dir_fd, entry->d_name, path);
    if (type != DT_DIR)
        return 0;
    CLEANUP(mem_freep) char *below = mem_printf("%s/%s", path, entry->d_name);
    return scan_dir(b, dir_fd, entry->d_name, below, depth + 1);
}

/* Skips directories that the runner cannot read: students cannot read them either. */
static int scan_dir(struct build *b, int parent_fd, const char *name, const char *path, unsigned depth)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        fd_close(fd);
        return 0;
    }
    int r = 0;
    for (struct dirent *entry;
         r == 0 && depth <= SCAN_DEPTH && b->seen <= SCAN_MAX && (entry = readdir(dir));)
        r = look_at(b, fd, entry, path, depth);
    closedir(dir);
    return r;
}

/* ---- */

static int write_own(struct build *b)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(own_files); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", b->to, own_files[i].name);
        r = write_file(path, own_files[i].text, strlen(own_files[i].text), b->err);
    }
    return r;
}

static int write_substitutes(struct build *b)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(substitutes); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("%s/%s", b->to, substitutes[i].name);
        if (!fs_exists(path))
            r = write_file(path, substitutes[i].text, strlen(substitutes[i].text), b->err);
    }
    return r;
}

static int fill(struct build *b)
{
    CLEANUP(mem_freep) char *usr = mem_printf("%s/usr", b->root);
    int r = write_own(b);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(fixed); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/etc/%s", fixed[i]);
        r = take(b, path, 0);
    }
    if (r == 0)
        r = scan_dir(b, AT_FDCWD, usr, "/usr", 0);
    if (b->seen > SCAN_MAX)
        log_warning("/usr has more than %u entries; links from the rest into /etc do not work in the sandbox",
                    SCAN_MAX);
    return r < 0 ? r : write_substitutes(b);
}

int etc_build(const char *root, const char *to, struct etc_sources *ret_sources, struct err *err)
{
    *ret_sources = (struct etc_sources){.hash = start_hash(root)};
    struct build b = {.root = root, .to = to, .sources = ret_sources, .err = err};
    if (mkdir(to, 0755) < 0 || chmod(to, 0755) < 0)
        return err_errno(err, errno, "Cannot create %s", to);
    if (regcomp(&b.secret, SECRET, REG_EXTENDED | REG_ICASE | REG_NEWLINE) != 0 ||
        regcomp(&b.secret_name, SECRET_NAME, REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
        return err_set(err, ERR_INTERNAL, EINVAL, "Cannot compile a regular expression");
    int r = fill(&b);
    regfree(&b.secret);
    regfree(&b.secret_name);
    return r;
}
