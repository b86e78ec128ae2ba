/* SPDX-License-Identifier: MIT */
/* tests/unit/test-output.c - names of report files, and how they come to be. */
#include "monitor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/ap_check.h"

static char dir[] = "/tmp/ap-output-XXXXXX";
static const struct ap_output_names names = {
	.exe = "/usr/bin/my app",
	.host = "example",
	.pid = 42,
	.start_unix_ns = 1700000000ull * 1000000000ull, /* 2023-11-14 22:13:20 UTC */
};

static void make_dir(void)
{
	strcpy(dir, "/tmp/ap-output-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static void assert_expands(const char *pattern, const char *want)
{
	char path[256];

	ck_assert_int_eq(ap_output_expand(pattern, &names, path, sizeof(path)), 0);
	ck_assert_str_eq(path, want);
}

START_TEST(patterns_are_filled_in)
{
	assert_expands("autoprof.%e.%p.txt", "autoprof.my app.42.txt");
	assert_expands("/a/%h/%t.json", "/a/example/20231114T221320Z.json");
	assert_expands("100%%", "100%");
	assert_expands("%x%", "%x%");
}
END_TEST

START_TEST(a_name_cannot_move_the_report_elsewhere)
{
	const struct ap_output_names odd = {.exe = "..", .host = "a/b\x01,c", .pid = 1};
	char path[256];

	ck_assert_int_eq(ap_output_expand("%e-%h", &odd, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "unknown-b__c");
}
END_TEST

START_TEST(a_path_that_is_too_long_is_an_error)
{
	char path[16];

	ck_assert_int_eq(ap_output_expand("0123456789abcde", &names, path, sizeof(path)), 0);
	ck_assert_int_eq(ap_output_expand("0123456789abcdef", &names, path, sizeof(path)),
			 -ENAMETOOLONG);
}
END_TEST

START_TEST(a_list_is_cut_at_its_commas)
{
	char one[16];

	const char *rest = ap_output_next(",a.txt,,b.json,", one, sizeof(one));
	ck_assert_str_eq(one, "a.txt");
	rest = ap_output_next(rest, one, sizeof(one));
	ck_assert_str_eq(one, "b.json");
	ck_assert_ptr_null(ap_output_next(rest, one, sizeof(one)));
}
END_TEST

START_TEST(numbers_go_before_a_known_extension)
{
	char path[64];

	ck_assert_int_eq(ap_output_numbered("d.x/r.txt", 1, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "d.x/r.txt");
	ck_assert_int_eq(ap_output_numbered("d.x/r.txt", 2, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "d.x/r.2.txt");
	ck_assert_int_eq(ap_output_numbered("d.x/r.app.123", 13, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "d.x/r.app.123.13");
}
END_TEST

/* Writes @text under @path; returns what commit said. */
static int write_text(const char *path, const char *text, char *ret)
{
	struct ap_output output;

	const int r = ap_output_open(path, dir, &output);
	if (r < 0) {
		return r;
	}
	fputs(text, output.stream);
	return ap_output_commit(&output, ret, PATH_MAX);
}

static void assert_holds(const char *path, const char *want)
{
	char text[64] = "";
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	ck_assert_str_eq(text, want);
}

START_TEST(an_existing_file_is_never_touched)
{
	char path[PATH_MAX], want[PATH_MAX];

	ck_assert_int_eq(write_text("r.txt", "one", path), 0);
	snprintf(want, sizeof(want), "%s/r.txt", dir);
	ck_assert_str_eq(path, want);
	ck_assert_int_eq(write_text("r.txt", "two", path), 0);
	snprintf(want, sizeof(want), "%s/r.2.txt", dir);
	ck_assert_str_eq(path, want);
	ck_assert_int_eq(write_text("r.txt", "three", path), 0);
	snprintf(want, sizeof(want), "%s/r.3.txt", dir);
	ck_assert_str_eq(path, want);
	assert_holds(path, "three");
	snprintf(want, sizeof(want), "%s/r.txt", dir);
	assert_holds(want, "one");
}
END_TEST

START_TEST(a_symbolic_link_is_not_followed)
{
	char link[PATH_MAX], victim[PATH_MAX], path[PATH_MAX];

	snprintf(link, sizeof(link), "%s/r.txt", dir);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	ck_assert_int_eq(symlink(victim, link), 0);
	ck_assert_int_eq(write_text("r.txt", "one", path), 0);
	ck_assert_str_ne(path, link);
	ck_assert_int_ne(access(victim, F_OK), 0);
}
END_TEST

START_TEST(a_link_to_a_device_is_not_followed_where_others_may_write)
{
	char link[PATH_MAX], path[PATH_MAX];
	struct stat st;

	snprintf(link, sizeof(link), "%s/r.txt", dir);
	ck_assert_int_eq(symlink("/dev/full", link), 0);
	ck_assert_int_eq(write_text("r.txt", "one", path), -ENOSPC); /* ours alone: the device */
	ck_assert_int_eq(chmod(dir, 01777), 0);
	ck_assert_int_eq(write_text("r.txt", "one", path), 0);
	ck_assert_str_ne(path, link);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(a_report_is_for_its_owner_only)
{
	static const mode_t masks[] = {0, 0777};

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		char path[PATH_MAX];
		struct stat st;
		const mode_t before = umask(masks[i]);

		ck_assert_int_eq(write_text("r.txt", "one", path), 0);
		umask(before);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0600);
	}
}
END_TEST

START_TEST(nothing_is_left_of_an_abandoned_one)
{
	struct ap_output output;

	ck_assert_int_eq(ap_output_open("r.txt", dir, &output), 0);
	fputs("half", output.stream);
	ap_output_abandon(&output);
	ck_assert_int_eq(rmdir(dir), 0); /* empty */
	ck_assert_int_eq(mkdir(dir, 0700), 0);
}
END_TEST

START_TEST(a_missing_directory_is_an_error_and_not_made)
{
	char path[PATH_MAX];

	ck_assert_int_eq(write_text("none/r.txt", "one", path), -ENOENT);
	ck_assert_int_eq(write_text("/dev/null/r.txt", "one", path), -ENOTDIR);
	ck_assert_int_eq(write_text("x/", "one", path), -EISDIR);
}
END_TEST

START_TEST(a_device_is_written_to_as_it_is)
{
	char path[PATH_MAX];

	ck_assert_int_eq(write_text("/dev/null", "one", path), 0);
	ck_assert_str_eq(path, "/dev/null");
	ck_assert_int_ne(access("/dev/null.2", F_OK), 0);
}
END_TEST

START_TEST(a_full_device_is_told)
{
	char path[PATH_MAX];

	ck_assert_int_eq(write_text("/dev/full", "one", path), -ENOSPC);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("output");
	TCase *text = tcase_create("names");
	TCase *files = tcase_create("files");

	tcase_add_test(text, patterns_are_filled_in);
	tcase_add_test(text, a_name_cannot_move_the_report_elsewhere);
	tcase_add_test(text, a_path_that_is_too_long_is_an_error);
	tcase_add_test(text, a_list_is_cut_at_its_commas);
	tcase_add_test(text, numbers_go_before_a_known_extension);
	suite_add_tcase(s, text);
	tcase_add_checked_fixture(files, make_dir, remove_dir);
	tcase_add_test(files, an_existing_file_is_never_touched);
	tcase_add_test(files, a_symbolic_link_is_not_followed);
	tcase_add_test(files, a_link_to_a_device_is_not_followed_where_others_may_write);
	tcase_add_test(files, a_report_is_for_its_owner_only);
	tcase_add_test(files, nothing_is_left_of_an_abandoned_one);
	tcase_add_test(files, a_missing_directory_is_an_error_and_not_made);
	tcase_add_test(files, a_device_is_written_to_as_it_is);
	tcase_add_test(files, a_full_device_is_told);
	suite_add_tcase(s, files);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
