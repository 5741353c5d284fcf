#include "base/url.h"

#include "base/mem.h"
#include "test.h"

static void check_protocol(const char *url, const char *want)
{
    CLEANUP(mem_freep) char *got = url_protocol(url);
    CHECK_STR(got, want);
}

static void check_without_userinfo(const char *url, const char *want)
{
    CLEANUP(mem_freep) char *got = url_without_userinfo(url);
    CHECK_STR(got, want);
}

static void check_userinfo(const char *url, const char *want)
{
    CLEANUP(mem_freep) char *got = url_userinfo(url);
    if (want)
        CHECK_STR(got, want);
    else
        CHECK(got == NULL);
}

static void the_scheme_is_the_protocol(void)
{
    check_protocol("https://github.com/os-nsu/proxy.git", "https");
    check_protocol("http://localhost:5000/x", "http");
    check_protocol("git://host/x", "git");
    check_protocol("ssh://git@host:22/x", "ssh");
    check_protocol("file:///srv/x", "file");
    check_protocol("git+ssh://host/x", "git+ssh");
}

static void the_scheme_keeps_its_case(void) /* like git: HTTPS is not on the list */
{
    check_protocol("HTTPS://host/x", "HTTPS");
}

static void host_and_path_is_ssh(void)
{
    check_protocol("host:path", "ssh");
    check_protocol("git@github.com:os-nsu/proxy.git", "ssh");
    check_protocol("host:/absolute", "ssh");
    check_protocol("[::1]:path", "ssh");
    check_protocol("host:a//b", "ssh");
}

static void a_path_is_file(void)
{
    check_protocol("/srv/git/x", "file");
    check_protocol("./a:b", "file");
    check_protocol("../x", "file");
    check_protocol("x", "file");
    check_protocol("", "file");
    check_protocol("dir/host:path", "file");
}

static void a_helper_is_its_own_protocol(void)
{
    check_protocol("ext::sh -c touch% /tmp/x", "ext");
    check_protocol("fd::17", "fd");
    check_protocol("ext::https://host/x", "ext");
}

static void what_only_looks_like_a_scheme_is_none(void)
{
    check_protocol("://host/x", "ssh"); /* the colon comes before the slash */
    check_protocol("-oProxyCommand=x:y", "ssh");
    check_protocol("ht tps://host/x", "ssh");
    check_protocol("/path/https://host", "file");
}

static void user_and_password_are_left_out(void)
{
    check_without_userinfo("https://user:word@host/x.git", "https://host/x.git");
    check_without_userinfo("http://user:word@host:8080", "http://host:8080");
    check_without_userinfo("https://:word@host/", "https://host/");
    check_without_userinfo("https://user:@host/", "https://host/");
}

static void a_lone_user_is_left_out_over_http(void) /* it may be a token */
{
    check_without_userinfo("https://ghp_token@host/x", "https://host/x");
    check_without_userinfo("https://@host/x", "https://host/x");
    check_without_userinfo("HTTPS://ghp_token@host/x", "HTTPS://host/x");
}

static void a_lone_user_stays_over_ssh(void) /* over ssh it is a name */
{
    check_without_userinfo("ssh://git@host/x", "ssh://git@host/x");
    check_without_userinfo("git@host:x", "git@host:x");
}

static void a_password_is_left_out_over_ssh_and_ftp(void)
{
    check_without_userinfo("ssh://git:word@host/x", "ssh://host/x");
    check_without_userinfo("ftp://me:word@host/x", "ftp://host/x");
}

static void the_last_at_sign_counts(void)
{
    check_without_userinfo("https://me@work:wo@rd@host/x", "https://host/x");
    check_userinfo("https://me@work:wo@rd@host/x", "me@work:wo@rd");
}

static void an_at_sign_behind_the_host_is_no_user(void)
{
    static const char *const urls[] = {"https://host/a@b",
                                       "https://host?a@b",
                                       "https://host#a@b",
                                       "https://host/u:p@x/",
                                       "https://host",
                                       "/path/u:p@host",
                                       ""};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        check_without_userinfo(urls[i], urls[i]);
        check_userinfo(urls[i], NULL);
    }
}

static void userinfo_is_what_is_left_out(void)
{
    check_userinfo("https://user:word@host/x.git", "user:word");
    check_userinfo("https://token@host/x", "token");
    check_userinfo("https://@host/x", "");
    check_userinfo("ssh://git:word@host/x", "git:word");
    check_userinfo("ssh://git@host/x", NULL);
    check_userinfo("https://host/x", NULL);
}

static void what_is_shown_hides_more_rather_than_less(void)
{
    static const char *const texts[][2] = {
        {"https://user:word@host/x", "https://host/x"},
        {"ftp://user:word@host/x", "ftp://host/x"},
        {"https://user:wo/rd@host/x", "https://(hidden)@host/x"},
        {"https://user:w#rd@host/x", "https://(hidden)@host/x"},
        {"http//user:word@host", "(hidden)@host"},
        {"user:word@host:x", "(hidden)@host:x"},
        {"https://host:80/a@b", "https://host:80/a@b"},
        {"https://[::1]:80/a@b", "https://[::1]:80/a@b"},
        {"git@host:x", "git@host:x"},
        {"a:b", "a:b"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CLEANUP(mem_freep) char *shown = url_shown(texts[i][0]);
        CHECK_STR(shown, texts[i][1]);
    }
}

TEST_MAIN(TEST(the_scheme_is_the_protocol), TEST(the_scheme_keeps_its_case), TEST(host_and_path_is_ssh),
          TEST(a_path_is_file), TEST(a_helper_is_its_own_protocol),
          TEST(what_only_looks_like_a_scheme_is_none), TEST(user_and_password_are_left_out),
          TEST(a_lone_user_is_left_out_over_http), TEST(a_lone_user_stays_over_ssh),
          TEST(a_password_is_left_out_over_ssh_and_ftp), TEST(the_last_at_sign_counts),
          TEST(an_at_sign_behind_the_host_is_no_user), TEST(userinfo_is_what_is_left_out),
          TEST(what_is_shown_hides_more_rather_than_less))
