#include "base/url.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/*
 * Returns the start of the authority ("user@host:port") of scheme://authority/path, and its length.
 */
static const char *authority(const char *url, size_t *ret_len)
{
    const char *start = strstr(url, "://");
    if (!start)
        return NULL;
    start += 3;
    *ret_len = strcspn(start, "/?#");
    return start;
}

/* Returns the last '@' of the authority, or NULL. */
static const char *userinfo_end(const char *url, const char **ret_start)
{
    size_t len;
    const char *start = authority(url, &len);
    if (!start)
        return NULL;
    *ret_start = start;
    return memrchr(start, '@', len);
}

char *url_protocol(const char *url)
{
    size_t word = 0;
    while (isalnum((unsigned char)url[word]) || strchr("+-.", url[word]) != NULL) {
        if (url[word] == '\0')
            break;
        word++;
    }
    if (word > 0 && (strncmp(url + word, "::", 2) == 0 || strncmp(url + word, "://", 3) == 0))
        return mem_strndup(url, word);
    const char *colon = strchr(url, ':');
    const char *slash = strchr(url, '/');
    bool scp_like = colon && (!slash || colon < slash);
    return mem_strdup(scp_like ? "ssh" : "file");
}

/* Over HTTP, a user name alone can be a token; over ssh, it is only a name. */
static bool is_secret(const char *url, const char *start, const char *end)
{
    return strncasecmp(url, "http", 4) == 0 || memchr(start, ':', (size_t)(end - start));
}

char *url_without_userinfo(const char *url)
{
    const char *start;
    const char *end = userinfo_end(url, &start);
    if (!end || !is_secret(url, start, end))
        return mem_strdup(url);
    return mem_printf("%.*s%s", (int)(start - url), url, end + 1);
}

/* Accepts "host" or "host:port"; does not check the port of an IPv6 address. */
static bool is_host_and_port(const char *text, size_t len)
{
    const char *colon = *text == '[' ? NULL : memchr(text, ':', len);
    return !colon || colon + 1 + strspn(colon + 1, "0123456789") == text + len;
}

char *url_shown(const char *text)
{
    size_t len;
    const char *start = authority(text, &len), *user;
    const char *at = strrchr(text, '@');
    if (userinfo_end(text, &user) || !at || (start && is_host_and_port(start, len)))
        return url_without_userinfo(text);
    if (!start || start > at)
        start = text;
    if (!memchr(start, ':', (size_t)(at - start)))
        return mem_strdup(text);
    return mem_printf("%.*s(hidden)%s", (int)(start - text), text, at);
}

void url_blank_userinfo(char *url)
{
    const char *start;
    const char *end = userinfo_end(url, &start);
    if (end && is_secret(url, start, end))
        memset(url + (start - url), 'x', (size_t)(end - start));
}

char *url_userinfo(const char *url)
{
    const char *start;
    const char *end = userinfo_end(url, &start);
    if (!end || !is_secret(url, start, end))
        return NULL;
    return mem_strndup(start, (size_t)(end - start));
}
