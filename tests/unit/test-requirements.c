#include "job/requirements.h"

#include "base/hash.h"
#include "base/mem.h"
#include "scratch.h"

/* The suite is the temporary directory; its requirements are read from "requirements.txt". */
static struct requirements found;

static void read_bytes(const char *text, size_t len)
{
    struct err e = {0};
    requirements_done(&found);
    found = (struct requirements){.hash = HASH_START};
    const char *path = scratch_file("requirements.txt", text, len);
    if (requirements_read(path, scratch_dir, &found, &e) < 0)
        TEST_FAIL("%s", e.message);
}

static uint64_t hash_of(const char *text)
{
    read_bytes(text, strlen(text));
    return found.hash;
}

static void write_to(const char *name, const char *text)
{
    scratch_file(name, text, strlen(text));
}

/* Whether a change of the file's content changes the hash. */
static bool depends_on(const char *text, const char *name)
{
    write_to(name, "one");
    uint64_t before = hash_of(text);
    write_to(name, "two");
    return hash_of(text) != before;
}

static void make_packages(void)
{
    static bool is_made;
    if (!is_made) {
        make_dir("pkg", 0755);
        make_dir("pkg/src", 0755);
        make_dir("sub", 0755);
    }
    is_made = true;
    write_to("pkg/setup.py", "setup");
    write_to("x-1.0-py3-none-any.whl", "wheel");
}

/* ---- files */

static void the_file_itself_counts(void)
{
    CHECK(hash_of("a\n") != hash_of("b\n"));
    CHECK(hash_of("a\n") == hash_of("a\n"));
}

static void a_missing_file(void)
{
    struct err e = {0};
    struct requirements none = {0};
    CHECK_INT(requirements_read(scratch("missing.txt"), scratch_dir, &none, &e), -ENOENT);
    hash_of("-r missing.txt\n"); /* pip will say it */
}

static void included_files_count(void)
{
    static const char *const lines[] = {
        "-r other.txt\n",
        "-rother.txt\n",
        "--requirement other.txt\n",
        "--requirement=other.txt # x\n",
        "  -r  'other.txt'\n",
        "-c other.txt\r\n",
        "--constraint \"other.txt\"\n",
        "-r \\\n  other.txt\n",
        "-r ./other.txt",
        "a\n# x\n-r other.txt\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!depends_on(lines[i], "other.txt"))
            TEST_FAIL("not read: %s", lines[i]);
    CHECK(!depends_on("# -r other.txt\n", "other.txt"));
    CHECK(!depends_on("a # -r other.txt\n", "other.txt"));
}

static void they_are_relative_to_the_file(void)
{
    make_packages();
    write_to("sub/base.txt", "-r deep.txt\n");
    CHECK(depends_on("-r sub/base.txt\n", "sub/deep.txt"));
    CHECK(!depends_on("-r sub/base.txt\n", "deep.txt"));
}

static void a_circle_has_an_end(void)
{
    struct err e = {0};
    struct requirements none = {0};
    write_to("circle.txt", "-r circle.txt\n");
    CHECK_INT(requirements_read(scratch("circle.txt"), scratch_dir, &none, &e), -ELOOP);
    CHECK_CONTAINS(e.message, "too deeply");
}

/* ---- encodings */

static void utf16_is_read(void)
{
    static const char little[] = "\xFF\xFE-\0r\0 \0\x16\x04\x3D\xD8\x0D\xDC.\0t\0\r\0\n\0";
    static const char big[] = "\xFE\xFF\0-\0r\0 \x04\x16\xD8\x3D\xDC\x0D\0.\0t\0\r\0\n";
    static const struct {
        const char *text;
        size_t len;
    } files[] = {{little, sizeof(little) - 1}, {big, sizeof(big) - 1}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        write_to("Ж🐍.t", "one"); /* U+0416 U+1F40D */
        read_bytes(files[i].text, files[i].len);
        uint64_t before = found.hash;
        write_to("Ж🐍.t", "two");
        read_bytes(files[i].text, files[i].len);
        CHECK(found.hash != before);
    }
}

static void a_byte_order_mark_is_no_part_of_a_line(void)
{
    CHECK(depends_on("\xEF\xBB\xBF-r other.txt\n", "other.txt"));
}

static void bytes_that_make_no_sense(void)
{
    static const char odd[] = "\xFF\xFE-";
    static const char surrogate[] = "\xFF\xFE\x3D\xD8";
    read_bytes(odd, sizeof(odd) - 1);
    read_bytes(surrogate, sizeof(surrogate) - 1);
    read_bytes("a\0b\n", 4);
    read_bytes("", 0);
}

/* ---- packages of the suite */

static void packages_of_the_suite_count(void)
{
    static const char *const lines[] = {"./pkg\n",    "pkg/\n",   "./pkg[extra] ; python_version > '3'\n",
                                        "-e ./pkg\n", "-e pkg\n", "--editable=pkg\n"};
    make_packages();
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (!depends_on(lines[i], "pkg/src/module.py"))
            TEST_FAIL("not read: %s", lines[i]);
        CHECK(found.is_local);
        CHECK_INT(found.is_editable, strstr(lines[i], "-e") != NULL);
    }
    CHECK(!depends_on("pkg\n", "pkg/src/module.py")); /* one of the index */
    CHECK(!found.is_local);
}

static void what_lies_beside_counts_with_e_alone(void)
{
    make_packages();
    CHECK(depends_on("-e ./pkg\n", "beside.txt"));
    CHECK(!depends_on("./pkg\n", "beside.txt"));
}

static void archives_count_and_are_not_local(void)
{
    make_packages();
    CHECK(depends_on("x-1.0-py3-none-any.whl\n", "x-1.0-py3-none-any.whl"));
    CHECK(!found.is_local);
    CLEANUP(mem_freep) char *url = mem_printf("x @ file://%s\n", scratch("x-1.0-py3-none-any.whl"));
    CHECK(depends_on(url, "x-1.0-py3-none-any.whl"));
    CHECK(depends_on("--find-links .\nx\n", "x-1.0-py3-none-any.whl"));
}

static void other_urls_are_not_of_this_machine(void)
{
    hash_of("git+https://example.org/pkg.git@main\n-e "
            "git+https://example.org/a/b.git\nhttps://example.org/./x.whl\n"
            "-r https://example.org/more.txt\n");
    CHECK(!found.is_local && !found.is_editable);
}

/* ---- what holds for other packages, too */

static void options_are_kept(void)
{
    make_packages();
    write_to("sub/base.txt", "--extra-index-url https://two.example/ \\\n  --pre\n-c limits.txt\n");
    hash_of(
        "-i https://one.example/\n--no-index # x\n--require-hashes\na --hash=sha256:0\n-r sub/base.txt\n");
    CLEANUP(mem_freep) char *limits = mem_printf("-c \"%s/sub/limits.txt\"", scratch_dir);
    CHECK_INT(found.options.len, 4);
    CHECK_STR(found.options.items[0], "-i https://one.example/");
    CHECK_STR(found.options.items[1], "--no-index");
    CHECK_CONTAINS(found.options.items[2], "--extra-index-url https://two.example/");
    CHECK_CONTAINS(found.options.items[2], "--pre");
    CHECK_STR(found.options.items[3], limits);
}

TEST_MAIN(TEST(the_file_itself_counts), TEST(a_missing_file), TEST(included_files_count),
          TEST(they_are_relative_to_the_file), TEST(a_circle_has_an_end), TEST(utf16_is_read),
          TEST(a_byte_order_mark_is_no_part_of_a_line), TEST(bytes_that_make_no_sense),
          TEST(packages_of_the_suite_count), TEST(what_lies_beside_counts_with_e_alone),
          TEST(archives_count_and_are_not_local), TEST(other_urls_are_not_of_this_machine),
          TEST(options_are_kept))
