#pragma once

/* The little that we must know of URLs, as git and curl write them: scheme and credentials. */

#include <stddef.h>

/*
 * The protocol that git would use, as GIT_ALLOW_PROTOCOL names it: "https", "ssh" (also for
 * "host:path"), "file" (also for a plain path), "ext" for "ext::…". The caller frees.
 */
char *url_protocol(const char *url);

/*
 * A copy without "user:password@" (over HTTP: without any user part, which may be a token).
 * The caller frees. For logs, messages and argument lists.
 */
char *url_without_userinfo(const char *url);

/*
 * The same for the eye alone, of what need not be a URL, or not a right one: whatever may be a password
 * before an '@' becomes "(hidden)". The caller frees.
 */
char *url_shown(const char *text);

/* Puts 'x' in the place of that part, so that what is left can still be read as a URL. */
void url_blank_userinfo(char *url);

/* The part that url_without_userinfo() leaves out, without the '@'; NULL where it is none. */
char *url_userinfo(const char *url);
