#include "sandbox/etc.h"

#include "base/fs.h"
#include "base/mem.h"
#include "scratch.h"

#include <time.h>

/* Each test has its own host and tree. */
static const char *host, *tree;
static struct etc_sources built;

static const char *in(const char *dir, const char *path)
{
    static char *full; /* until the next call */
    free(full);
    return full = mem_printf("%s%s", dir, path);
}

static void start(const char *name)
{
    CLEANUP(mem_freep) char *tree_name = mem_printf("%s-tree", name);
    host = scratch(name);
    tree = scratch(tree_name);
    CHECK_INT(fs_make_dirs(in(host, "/etc"), 0755, NULL), 0);
    CHECK_INT(fs_make_dirs(in(host, "/usr/share"), 0755, NULL), 0);
}

static void make_parents(const char *path)
{
    CLEANUP(mem_freep) char *dir = mem_strdup(in(host, path));
    *strrchr(dir, '/') = '\0';
    CHECK_INT(fs_make_dirs(dir, 0755, NULL), 0);
}

static void put(const char *path, mode_t mode, const char *text)
{
    make_parents(path);
    FILE *f = fopen(in(host, path), "we");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
    CHECK_INT(chmod(in(host, path), mode), 0);
}

static void link_to(const char *target, const char *path)
{
    make_parents(path);
    CHECK_INT(symlink(target, in(host, path)), 0);
}

static void build(void)
{
    struct err e = {0};
    if (etc_build(host, tree, &built, &e) < 0)
        TEST_FAIL("%s", e.message);
}

static void finish(void)
{
    strv_done(&built.paths);
}

static void check_text(const char *path, const char *want)
{
    check_content(in(tree, path), want, strlen(want));
    CHECK_INT(mode_of(in(tree, path)), 0644);
}

static char *text_of(const char *path)
{
    struct buf text = BUF_INIT(1 << 20);
    CHECK_INT(fs_read_file(in(tree, path), 1 << 20, &text, NULL), 0);
    return buf_take(&text);
}

static void check_link(const char *path, const char *want)
{
    char target[PATH_MAX] = "";
    CHECK(readlink(in(tree, path), target, sizeof(target) - 1) > 0);
    CHECK_STR(target, want);
}

/* ---- what is the sandbox's own */

static void names_of_the_sandbox(void)
{
    start("own");
    put("/etc/passwd", 0644, "teacher:x:1234:1234::/home/teacher:/bin/sh\n");
    put("/etc/hosts", 0644, "10.1.2.3 secret-host\n");
    put("/etc/host.conf", 0644, "multi off\n");
    build();
    CLEANUP(mem_freep) char *passwd = text_of("/passwd");
    CHECK_CONTAINS(passwd, "\nstudent:x:1000:1000::/box/home:/bin/sh\n");
    CHECK(!strstr(passwd, "teacher"));
    CLEANUP(mem_freep) char *group = text_of("/group");
    CHECK_CONTAINS(group, "\nstudent:x:1000:\n");
    CLEANUP(mem_freep) char *hosts = text_of("/hosts");
    CHECK_CONTAINS(hosts, "127.0.0.1 localhost\n127.0.0.1 ostest\n");
    CHECK_CONTAINS(hosts, "\n::1 localhost ip6-localhost ip6-loopback\n::1 ostest\n");
    CHECK(!strstr(hosts, "secret-host"));
    check_text("/host.conf", "multi on\n");
    finish();
}

/* bwrap cannot create mount points, since the tree is read-only. */
static void there_is_something_to_mount_on(void)
{
    start("mount-points");
    build();
    check_text("/resolv.conf", "");
    check_text("/gai.conf", "");
    CLEANUP(mem_freep) char *nsswitch = text_of("/nsswitch.conf");
    CHECK_CONTAINS(nsswitch, "hosts: files\n");
    finish();
}

static void services_and_protocols_are_the_hosts(void)
{
    start("services");
    put("/etc/services", 0644, "course 12345/tcp\n");
    put("/etc/protocols", 0644, "tcp 6 TCP\n");
    build();
    check_text("/services", "course 12345/tcp\n");
    check_text("/protocols", "tcp 6 TCP\n");
    finish();
}

static void without_them_there_is_a_substitute(void)
{
    start("no-netbase");
    put("/etc/services", 0640, "not for everybody 1/tcp\n");
    build();
    CLEANUP(mem_freep) char *services = text_of("/services");
    CHECK_CONTAINS(services, "\nhttp 80/tcp www\n");
    CLEANUP(mem_freep) char *protocols = text_of("/protocols");
    CHECK_CONTAINS(protocols, "\ntcp 6 TCP\n");
    finish();
}

/* ---- what links lead to */

static void links_of_usr_are_followed(void)
{
    start("links");
    put("/etc/java/security/java.security", 0644, "policy\n");
    put("/etc/java/net.properties", 0644, "net\n");
    put("/etc/java/unused", 0644, "nobody leads here\n");
    put("/etc/maven/logging/simple.properties", 0644, "log\n");
    put("/etc/other", 0644, "nobody leads here either\n");
    link_to("/etc/java/security/java.security", "/usr/lib/jvm/conf/security/java.security");
    link_to("../../../../etc/java/net.properties", "/usr/lib/jvm/conf/net.properties");
    link_to("/etc/maven", "/usr/share/maven/conf");
    link_to("/etc/not/there", "/usr/share/missing");
    build();
    check_text("/java/security/java.security", "policy\n");
    check_text("/java/net.properties", "net\n");
    check_text("/maven/logging/simple.properties", "log\n");
    CHECK_INT(mode_of(in(tree, "/java/security")), 0755);
    CHECK(!is_there(in(tree, "/java/unused")) && !is_there(in(tree, "/other")) &&
          !is_there(in(tree, "/not")));
    finish();
}

static void links_from_link_to_link(void)
{
    start("chains");
    put("/etc/java-17/jvm.cfg", 0644, "server\n");
    link_to("java-17", "/etc/java");
    link_to("/etc/java/jvm.cfg", "/usr/lib/jvm/jvm.cfg");
    link_to("/usr/bin/gcc", "/etc/alternatives/cc");
    link_to("/opt/elsewhere", "/etc/alternatives/elsewhere");
    link_to("round", "/etc/ring");
    link_to("ring", "/etc/round");
    link_to("/etc/ring", "/usr/share/ring");
    build();
    check_link("/java", "java-17");
    check_text("/java-17/jvm.cfg", "server\n");
    check_link("/alternatives/cc", "/usr/bin/gcc");
    check_link("/alternatives/elsewhere", "/opt/elsewhere");
    check_link("/ring", "round");
    check_link("/round", "ring");
    finish();
}

/* ---- what is never seen */

static void what_others_may_not_read_is_left_out(void)
{
    start("modes");
    put("/etc/app/open", 0644, "open\n");
    put("/etc/app/of-a-group", 0640, "closed\n");
    put("/etc/closed/open", 0644, "in a closed directory\n");
    put("/etc/unlisted/open", 0644, "can be read by name\n");
    link_to("/etc/app", "/usr/share/app");
    link_to("/etc/closed/open", "/usr/share/closed");
    link_to("/etc/unlisted/open", "/usr/share/unlisted");
    CHECK_INT(chmod(in(host, "/etc/closed"), 0750), 0);
    CHECK_INT(chmod(in(host, "/etc/unlisted"), 0711), 0);
    CHECK_INT(mkfifo(in(host, "/etc/app/fifo"), 0644), 0);
    build();
    check_text("/app/open", "open\n");
    check_text("/unlisted/open", "can be read by name\n");
    CHECK(!is_there(in(tree, "/app/of-a-group")) && !is_there(in(tree, "/app/fifo")));
    CHECK(!is_there(in(tree, "/closed")));
    finish();
}

static void secrets_are_left_out_though_everybody_may_read_them(void)
{
    static const char *const places[] = {
        "shadow",      "gshadow", "ssh/ssh_config", "ssl/private/key",
        "environment", "sudoers", "machine-id",     "ostest-runner/password"};
    start("never");
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/etc/%s", places[i]);
        CLEANUP(mem_freep) char *link = mem_printf("/usr/share/%zu", i);
        put(path, 0644, "x\n");
        link_to(path, link);
    }
    link_to("/etc/app/../shadow", "/usr/share/by-another-name");
    link_to("shadow", "/etc/through-a-link");
    link_to("/etc/through-a-link", "/usr/share/through-a-link");
    build();
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        CLEANUP(mem_freep) char *path = mem_printf("/%s", places[i]);
        CHECK(!is_there(in(tree, path)));
    }
    check_link("/through-a-link", "shadow"); /* a dangling link */
    finish();
}

static void what_looks_like_a_secret_is_left_out(void)
{
    static const char *const secrets[] = {
        "a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n",
        "proxy = http://user:word@proxy.example.org:3128/\n",
        "  password = word\n",
        "DB_PASSWD=\"word\"\n",
        "<server>\n <password>word</password>\n",
        "\"token\": abcdef\n",
    };
    static const char *const harmless[] = {
        "# password = word\n",
        "challengePassword = A challenge password\nchallengePassword_min = 4\n",
        "http.nonProxyHosts=localhost|127.*\nurl = http://example.org:80/a@b\n",
        "keystore.type=pkcs12\n#keyStorePassword=changeit\n",
        "-----BEGIN CERTIFICATE-----\nMII\n",
        "<password></password>\n",
    };
    start("secrets");
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        CLEANUP(mem_freep) char *secret = mem_printf("/etc/app/bad-%zu", i);
        CLEANUP(mem_freep) char *good = mem_printf("/etc/app/harmless-%zu", i);
        put(secret, 0644, secrets[i]);
        put(good, 0644, harmless[i]);
    }
    put("/etc/app/jmxremote.password", 0644, "control word\n");
    put("/etc/app/server.key", 0644, "x\n");
    link_to("/etc/app", "/usr/share/app");
    build();
    CHECK(!is_there(in(tree, "/app/jmxremote.password")) && !is_there(in(tree, "/app/server.key")));
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        CLEANUP(mem_freep) char *secret = mem_printf("/app/bad-%zu", i);
        CLEANUP(mem_freep) char *good = mem_printf("/app/harmless-%zu", i);
        if (is_there(in(tree, secret)))
            TEST_FAIL("seen: %s", secrets[i]);
        check_text(good, harmless[i]);
    }
    finish();
}

/* ---- when it is made anew */

static void the_hash_follows_what_was_read(void)
{
    start("hash");
    put("/etc/app/conf", 0644, "one\n");
    put("/etc/not-ours", 0644, "one\n");
    link_to("/etc/app", "/usr/share/app");
    build();
    CHECK(etc_hash(host, &built.paths) == built.hash);
    put("/etc/not-ours", 0644, "two\n");
    put("/etc/new", 0644, "one\n");
    CHECK(etc_hash(host, &built.paths) == built.hash);
    finish();
}

/* File timestamps have the resolution of a clock tick. */
static void wait_for_a_tick(void)
{
    struct timespec first, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &first);
    do
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    while (now.tv_sec == first.tv_sec && now.tv_nsec == first.tv_nsec);
}

/* Each has its own host, so that one change does not hide another. */
static void check_change(const char *name, const char *path)
{
    start(name);
    put("/etc/app/conf", 0644, "one\n");
    put("/var/log/dpkg.log", 0644, "one\n");
    put("/etc/ld.so.cache", 0644, "one\n");
    link_to("/etc/app", "/usr/share/app");
    build();
    wait_for_a_tick();
    put(path, 0644, "two\n");
    CHECK(etc_hash(host, &built.paths) != built.hash);
    finish();
}

static void the_hash_changes_with_an_alternative(void)
{
    start("another-alternative");
    link_to("/usr/bin/gcc-12", "/etc/alternatives/cc");
    build();
    CHECK_INT(built.paths.len, 1); /* only the directory: its links are covered by it */
    wait_for_a_tick();
    link_to("/usr/bin/gcc-14", "/etc/alternatives/cc.new");
    CLEANUP(mem_freep) char *from = mem_strdup(in(host, "/etc/alternatives/cc.new"));
    CHECK_INT(rename(from, in(host, "/etc/alternatives/cc")), 0);
    CHECK(etc_hash(host, &built.paths) != built.hash);
    finish();
}

static void the_hash_changes_with_what_matters(void)
{
    check_change("changed", "/etc/app/conf");
    check_change("added", "/etc/app/new");
    check_change("linker", "/etc/ld.so.cache");
    check_change("packages", "/var/log/dpkg.log");
    check_change("services-came", "/etc/services");
    check_change("program-came", "/usr/share/new");
}

TEST_MAIN(TEST(names_of_the_sandbox), TEST(there_is_something_to_mount_on),
          TEST(services_and_protocols_are_the_hosts), TEST(without_them_there_is_a_substitute),
          TEST(links_of_usr_are_followed), TEST(links_from_link_to_link),
          TEST(what_others_may_not_read_is_left_out),
          TEST(secrets_are_left_out_though_everybody_may_read_them),
          TEST(what_looks_like_a_secret_is_left_out), TEST(the_hash_follows_what_was_read),
          TEST(the_hash_changes_with_an_alternative), TEST(the_hash_changes_with_what_matters))
