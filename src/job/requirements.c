#include "job/requirements.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_DEPTH_MAX 8
#define FILES_MAX       100
#define FILE_MAX_BYTES  (1U << 20)
#define TREE_DEPTH_MAX  64
#define TREE_FILES_MAX  100000

struct reading {
    const char *suite;
    struct requirements *requirements;
    struct err *err;
    size_t files, tree_files;
};

/* ---- contents of packages ---- */

static int hash_path(struct reading *r, const char *path, unsigned depth);

static void add_text(struct reading *r, const char *text)
{
    r->requirements->hash = hash_add(r->requirements->hash, text, strlen(text) + 1);
}

static int hash_content(struct reading *r, const char *path)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    uint64_t content[2] = {0};
    int result = fd < 0 ? -errno : hash_fd(fd, &content[0], &content[1]);
    if (result < 0)
        return err_errno(r->err, -result, "Cannot read %s", path);
    r->requirements->hash = hash_add(r->requirements->hash, content, sizeof(content));
    return 0;
}

/* Returns true for entries that are not part of a package. */
static bool is_left_out(const char *name)
{
    return strcmp(name, ".git") == 0 || strcmp(name, "__pycache__") == 0;
}

static int hash_dir(struct reading *r, const char *path, unsigned depth)
{
    CLEANUP(strv_done) struct strv names = {0};
    int result = fs_list_dir(path, &names, r->err);
    for (size_t i = 0; result == 0 && i < names.len; i++) {
        CLEANUP(mem_freep) char *entry = mem_printf("%s/%s", path, names.items[i]);
        if (is_left_out(names.items[i]))
            continue;
        add_text(r, names.items[i]);
        result = hash_path(r, entry, depth + 1);
    }
    return result;
}

static int hash_path(struct reading *r, const char *path, unsigned depth)
{
    struct stat st;
    char target[4096];
    if (depth > TREE_DEPTH_MAX || ++r->tree_files > TREE_FILES_MAX)
        return err_set(r->err, ERR_ENVIRONMENT, EFBIG,
                       "A package in the suite's requirements is too large: %s", path);
    if (lstat(path, &st) < 0)
        return err_errno(r->err, errno, "Cannot read %s", path);
    const mode_t kind = st.st_mode & (S_IFMT | S_IXUSR);
    r->requirements->hash = hash_add(r->requirements->hash, &kind, sizeof(kind));
    if (S_ISDIR(st.st_mode))
        return hash_dir(r, path, depth);
    if (S_ISREG(st.st_mode))
        return hash_content(r, path);
    ssize_t len = S_ISLNK(st.st_mode) ? readlink(path, target, sizeof(target)) : 0;
    r->requirements->hash = hash_add(r->requirements->hash, target, (size_t)MAX(len, 0));
    return 0;
}

/* ---- text ---- */

static void put_utf8(struct buf *b, uint32_t c)
{
    char bytes[4];
    size_t len = 0;
    if (c < 0x80) {
        bytes[len++] = (char)c;
    } else {
        unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        bytes[len++] = (char)((0xFF00U >> (more + 1) & 0xFF) | c >> (6 * more));
        while (more-- > 0)
            bytes[len++] = (char)(0x80 | (c >> (6 * more) & 0x3F));
    }
    buf_append(b, bytes, len);
}

/* `high`: the index of the high byte in each pair. Lone surrogates, which no path has, are kept. */
static void decode_utf16(const struct buf *from, unsigned high, struct buf *to)
{
    const unsigned char *p = (const unsigned char *)from->data;
    for (size_t i = 2; i + 1 < from->len; i += 2) {
        uint32_t c = (uint32_t)p[i + high] << 8 | p[i + 1 - high];
        uint32_t next = i + 3 < from->len ? (uint32_t)p[i + 2 + high] << 8 | p[i + 3 - high] : 0;
        if (c >= 0xD800 && c < 0xDC00 && next >= 0xDC00 && next < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (next - 0xDC00);
            i += 2;
        }
        put_utf8(to, c);
    }
}

static void decode(const struct buf *from, struct buf *to)
{
    if (from->len >= 2 && memcmp(from->data, "\xFF\xFE", 2) == 0)
        decode_utf16(from, 1, to);
    else if (from->len >= 2 && memcmp(from->data, "\xFE\xFF", 2) == 0)
        decode_utf16(from, 0, to);
    else if (from->len) {
        size_t mark_len = utf8_mark_len(from->data, from->len);
        buf_append(to, from->data + mark_len, from->len - mark_len);
    }
}

/* Cuts off a comment, and white space at both ends. */
static char *trimmed(char *line)
{
    for (char *p = line; (p = strchr(p, '#')); p++) {
        if (p != line && !isspace((unsigned char)p[-1]))
            continue;
        *p = '\0';
        break;
    }
    while (isspace((unsigned char)*line))
        line++;
    for (char *end = line + strlen(line); end > line && isspace((unsigned char)end[-1]);)
        *--end = '\0';
    return line;
}

/* ---- one line ---- */

enum option_kind { INCLUDES, CONSTRAINS, EDITABLE, FINDS, HOLDS };

static const struct {
    const char *word, *letter;
    enum option_kind kind;
} known[] = {
    {"--requirement", "-r", INCLUDES}, {"--constraint", "-c", CONSTRAINS},
    {"--editable", "-e", EDITABLE},    {"--find-links", "-f", FINDS},
    {"--index-url", "-i", HOLDS},      {"--extra-index-url", NULL, HOLDS},
    {"--no-index", NULL, HOLDS},       {"--pre", NULL, HOLDS},
    {"--prefer-binary", NULL, HOLDS},  {"--trusted-host", NULL, HOLDS},
    {"--no-binary", NULL, HOLDS},      {"--only-binary", NULL, HOLDS},
};

/*
 * Returns the value in "--option VALUE", "--option=VALUE" or "-oVALUE", without quotes; NULL if the
 * line has another option. The caller frees.
 */
static char *value_of(const char *line, const char *word, const char *letter)
{
    size_t len = strlen(word);
    if (strncmp(line, word, len) == 0 && (line[len] == '\0' || strchr(" \t=", line[len])))
        line += len;
    else if (letter && strncmp(line, letter, 2) == 0)
        line += 2;
    else
        return NULL;
    line += strspn(line, " \t=");
    char quote = *line == '"' || *line == '\'' ? *line : '\0';
    return quote ? mem_strndup(line + 1, strcspn(line + 1, (char[]){quote, '\0'}))
                 : mem_strndup(line, strcspn(line, " \t"));
}

/*
 * Returns the path in a package's name, as pip reads it: "./pkg[extra]", "file:///pkg", "file:pkg",
 * with -e also "pkg". NULL if there is none, or it does not exist. The caller frees.
 */
static char *local_path(const char *name, const char *suite, bool is_editable)
{
    static const char *const archives[] = {".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz"};
    const char *at = strstr(name, "file:");
    const char *start = at ? at + strlen("file:") : name;
    if (strncmp(start, "///", 3) == 0 || strncmp(start, "//localhost/", 12) == 0)
        start = strchr(start + 2, '/');
    CLEANUP(mem_freep) char *word = mem_strndup(start, strcspn(start, " \t;["));
    bool is_path = at || is_editable || *word == '.' || (strchr(word, '/') && !strstr(name, "://"));
    for (size_t i = 0; i < ARRAY_LEN(archives); i++)
        is_path = is_path || str_ends_with(word, archives[i]);
    CLEANUP(mem_freep) char *path = fs_path_from(suite, word);
    return is_path && *word && fs_exists(path) ? TAKE_PTR(path) : NULL;
}

static int take_package(struct reading *r, const char *name, bool is_editable)
{
    CLEANUP(mem_freep) char *path = local_path(name, r->suite, is_editable);
    if (!path)
        return 0;
    bool is_dir = fs_is_dir(path);
    r->requirements->is_local |= is_dir;
    if (!is_editable || !is_dir)
        return hash_path(r, path, 0);
    /* Used in place, it may use other files of the suite. */
    bool is_first = !r->requirements->is_editable;
    r->requirements->is_editable = true;
    return is_first ? hash_path(r, r->suite, 0) : 0;
}

static int read_file(struct reading *r, const char *path, unsigned depth);

static int take_option(struct reading *r, const char *dir, const char *line, enum option_kind kind,
                       const char *value, unsigned depth)
{
    bool is_url = strstr(value, "://") != NULL;
    CLEANUP(mem_freep) char *path = fs_path_from(kind == FINDS ? r->suite : dir, value);
    if (kind == EDITABLE)
        return take_package(r, value, true);
    if (kind == CONSTRAINS)
        strv_pushf(&r->requirements->options, "-c \"%s\"", is_url ? value : path);
    if (kind == FINDS || kind == HOLDS)
        strv_push(&r->requirements->options, line);
    if (kind == FINDS && !is_url && fs_exists(path))
        return hash_path(r, path, 0);
    if ((kind != INCLUDES && kind != CONSTRAINS) || is_url)
        return 0;
    int result = read_file(r, path, depth + 1);
    return result == -ENOENT ? 0 : result;
}

static int take_line(struct reading *r, const char *dir, const char *line, unsigned depth)
{
    for (size_t i = 0; *line == '-' && i < ARRAY_LEN(known); i++) {
        CLEANUP(mem_freep) char *value = value_of(line, known[i].word, known[i].letter);
        if (value)
            return take_option(r, dir, line, known[i].kind, value, depth);
    }
    return *line == '-' || !*line ? 0 : take_package(r, line, false);
}

/* ---- one file ---- */

static int take_lines(struct reading *r, const char *dir, char *text, unsigned depth)
{
    CLEANUP(buf_done) struct buf whole = BUF_INIT(FILE_MAX_BYTES * 2);
    int result = 0;
    char *next = text;
    for (char *line = text; result == 0 && line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        size_t len = strlen(line);
        if (len && line[len - 1] == '\r')
            line[--len] = '\0';
        bool continues = len && line[len - 1] == '\\' && line[strspn(line, " \t")] != '#';
        buf_append(&whole, line, len - continues);
        if (continues && next)
            continue;
        result = take_line(r, dir, trimmed(whole.data), depth);
        buf_clear(&whole);
    }
    return result;
}

static int read_file(struct reading *r, const char *path, unsigned depth)
{
    CLEANUP(buf_done) struct buf raw = BUF_INIT(0);
    CLEANUP(buf_done) struct buf text = BUF_INIT(FILE_MAX_BYTES * 2);
    if (depth > FILES_DEPTH_MAX || ++r->files > FILES_MAX)
        return err_set(r->err, ERR_ENVIRONMENT, ELOOP,
                       "The suite's requirements files include each other too deeply");
    int result = fs_read_file(path, FILE_MAX_BYTES, &raw, r->err);
    if (result < 0)
        return result;
    r->requirements->hash = hash_add(r->requirements->hash, raw.data, raw.len);
    decode(&raw, &text);
    buf_append(&text, "", 1);
    CLEANUP(mem_freep) char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
    return take_lines(r, dir, text.data, depth);
}

int requirements_read(const char *path, const char *suite, struct requirements *ret, struct err *err)
{
    struct reading r = {.suite = suite, .requirements = ret, .err = err};
    return read_file(&r, path, 0);
}

void requirements_done(struct requirements *requirements)
{
    strv_done(&requirements->options);
}
