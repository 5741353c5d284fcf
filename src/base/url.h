#pragma once

/* Scheme and credentials of URLs, as git and curl write them. */

#include <stddef.h>

/*
 * Returns the protocol that git would use, as in GIT_ALLOW_PROTOCOL: "https", "ssh" (also for
 * "host:path"), "file" (also for a plain path), "ext" for "ext::…". The caller frees.
 */
char *url_protocol(const char *url);

/*
 * Returns a copy without "user:password@" (over HTTP: without any user part, which may be a token),
 * for logs, messages and argument lists. The caller frees.
 */
char *url_without_userinfo(const char *url);

/*
 * Returns a copy for display only, of a text that may not be a valid URL: anything before an '@'
 * that may be a password becomes "(hidden)". The caller frees.
 */
char *url_shown(const char *text);

/* Overwrites the credentials with 'x', so that the rest can still be read as a URL. */
void url_blank_userinfo(char *url);

/*
 * Returns the part that url_without_userinfo() omits, without the '@'; NULL if there is none. The
 * caller frees.
 */
char *url_userinfo(const char *url);
