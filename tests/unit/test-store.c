/* SPDX-License-Identifier: MIT */
/* tests/unit/test-store.c - the directory of spools: its name, its rules, its contents, its log. */
#include "monitor/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/ap_check.h"

static char dir[] = "/tmp/ap-store-XXXXXX";

static void make_dir(void)
{
	strcpy(dir, "/tmp/ap-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void make_file(const char *name)
{
	const int fd = open(in_dir(name), O_CREAT | O_WRONLY, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

START_TEST(spool_names_are_made_and_known_again)
{
	char name[AP_NAME_BYTES];

	ck_assert_int_eq(ap_names_spool(name, sizeof(name), "d", 4194304, 0x0123456789abcdefull),
			 0);
	ck_assert_str_eq(name, "d/4194304.0123456789abcdef.spool");
	ck_assert_uint_eq(ap_names_spool_pid(name + 2), 4194304);
	ck_assert_int_eq(ap_names_spool(name, sizeof("d/4194304.0123456789abcdef.spool") - 1, "d",
					4194304, 1),
			 -ENAMETOOLONG);
}
END_TEST

START_TEST(other_names_are_no_spools)
{
	static const char *const others[] = {
		"",
		"log",
		".spool",
		"12.spool",
		"12.0123456789abcde.spool",
		"12.0123456789abcdeg.spool",
		"12.0123456789ABCDEF.spool",
		"12.0123456789abcdef.spool2",
		"12.0123456789abcdef",
		"x12.0123456789abcdef.spool",
		"0.0123456789abcdef.spool",
		"99999999999.0123456789abcdef.spool",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(ap_names_spool_pid(others[i]) == 0, "%s", others[i]);
	}
}
END_TEST

START_TEST(run_directories_are_known)
{
	char name[AP_NAME_BYTES];

	ck_assert_int_eq(ap_names_run_dir(name, sizeof(name), "d", 7, 0xfedcba9876543210ull), 0);
	ck_assert_str_eq(name, "d/run-7-fedcba9876543210");
	ck_assert_uint_eq(ap_names_run_pid(name + 2), 7);
	ck_assert_uint_eq(ap_names_run_pid("run-7-fedcba987654321"), 0);
	ck_assert_uint_eq(ap_names_run_pid("run-7-fedcba98765432100"), 0);
	ck_assert_uint_eq(ap_names_run_pid("ran-7-fedcba9876543210"), 0);
}
END_TEST

START_TEST(the_default_directory_is_the_session_s_when_it_is_ours)
{
	char got[PATH_MAX], want[PATH_MAX];
	const uint32_t uid = geteuid();

	snprintf(want, sizeof(want), "%s/autoprof", dir);
	ck_assert_int_eq(ap_names_default_dir(got, sizeof(got), dir, uid), 0);
	ck_assert_str_eq(got, want);
	snprintf(want, sizeof(want), "/dev/shm/autoprof-%u", uid + 1);
	ck_assert_int_eq(ap_names_default_dir(got, sizeof(got), dir, uid + 1), 0);
	ck_assert_str_eq(got, want);
	snprintf(want, sizeof(want), "/dev/shm/autoprof-%u", uid);
	ck_assert_int_eq(ap_names_default_dir(got, sizeof(got), NULL, uid), 0);
	ck_assert_str_eq(got, want);
	ck_assert_int_eq(ap_names_default_dir(got, sizeof(got), "run/user", uid), 0);
	ck_assert_str_eq(got, want);
	ck_assert_int_eq(ap_names_default_dir(got, sizeof(got), in_dir("none"), uid), 0);
	ck_assert_str_eq(got, want);
}
END_TEST

static int check_of(const char *path, uint32_t uid)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return ap_names_check_dir(&st, uid);
}

START_TEST(a_directory_must_be_private_and_ours)
{
	const uint32_t uid = geteuid();

	ck_assert_int_eq(check_of(dir, uid), 0);
	ck_assert_int_eq(check_of(dir, uid + 1), -EPERM);
	ck_assert_int_eq(chmod(dir, 0710), 0);
	ck_assert_int_eq(check_of(dir, uid), -EACCES);
	ck_assert_int_eq(chmod(dir, 0700), 0);
	make_file("file");
	ck_assert_int_eq(check_of(in_dir("file"), uid), -ENOTDIR);
	ck_assert_int_eq(symlink(dir, in_dir("link")), 0);
	ck_assert_int_eq(check_of(in_dir("link"), uid), -ELOOP);
}
END_TEST

START_TEST(options_are_found_behind_escapes)
{
	static const char options[] = "output=a\\:dir=x:dir=/tmp/a\\:b:adir=no:memory=1M";
	char value[32];

	ck_assert_int_eq(ap_store_option(options, "dir", value, sizeof(value)), 1);
	ck_assert_str_eq(value, "/tmp/a:b");
	ck_assert_int_eq(ap_store_option(options, "memory", value, sizeof(value)), 1);
	ck_assert_str_eq(value, "1M");
	ck_assert_int_eq(ap_store_option(options, "hz", value, sizeof(value)), 0);
	ck_assert_int_eq(ap_store_option(NULL, "dir", value, sizeof(value)), 0);
	ck_assert_int_eq(ap_store_option("dir=a:dir=b", "dir", value, sizeof(value)), 1);
	ck_assert_str_eq(value, "b");
	ck_assert_int_eq(ap_store_option("dir=a\\\\:dir=no\\\\\\:", "dir", value, sizeof(value)),
			 1);
	ck_assert_str_eq(value, "no\\:");
	ck_assert_int_eq(ap_store_option("dir=abcd", "dir", value, 4), -ENAMETOOLONG);
	ck_assert_int_eq(ap_store_option("filter=a::dir=b:dir=c", "dir", value, sizeof(value)), 1);
	ck_assert_str_eq(value, "c");
}
END_TEST

START_TEST(the_command_line_goes_before_the_environment)
{
	char got[PATH_MAX];

	setenv("AUTOPROF_OPTIONS", "dir=/from/environment", 1);
	ck_assert_int_eq(ap_store_dir("/from/option", got, sizeof(got)), 0);
	ck_assert_str_eq(got, "/from/option");
	ck_assert_int_eq(ap_store_dir(NULL, got, sizeof(got)), 0);
	ck_assert_str_eq(got, "/from/environment");
	setenv("AUTOPROF_OPTIONS", "dir=relative", 1); /* which the runtime ignores */
	setenv("XDG_RUNTIME_DIR", dir, 1);
	ck_assert_int_eq(ap_store_dir(NULL, got, sizeof(got)), 0);
	ck_assert_str_eq(got, in_dir("autoprof"));
}
END_TEST

START_TEST(a_listing_has_spools_of_run_directories_too)
{
	struct ap_store store;

	make_file("2147483646.0123456789abcdef.spool");
	make_file("log");
	ck_assert_int_eq(mkdir(in_dir("run-5-0123456789abcdef"), 0700), 0);
	make_file("run-5-0123456789abcdef/2147483645.0123456789abcdef.spool");
	ck_assert_int_eq(ap_store_list(dir, &store), 0);
	ck_assert_uint_eq(store.n, 2);
	for (size_t i = 0; i < store.n; i++) {
		ck_assert(!store.entries[i].readable); /* empty files */
		ck_assert(!store.entries[i].alive);
		ck_assert(store.entries[i].error.text[0]);
		ck_assert_uint_ge(store.entries[i].pid, 2147483645);
	}
	ap_store_clear(&store);
	ck_assert_int_eq(ap_store_list(in_dir("none"), &store), -ENOENT);
}
END_TEST

START_TEST(a_directory_is_made_for_us_alone_whatever_the_umask)
{
	static const mode_t masks[] = {0, 022, 0777};

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		char path[PATH_MAX];
		struct stat st;

		snprintf(path, sizeof(path), "%s/made-%zu", dir, i);
		const mode_t before = umask(masks[i]);
		ck_assert_int_eq(ap_store_make(path), 0);
		umask(before);
		ck_assert_int_eq(lstat(path, &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0700);
		ck_assert_int_eq(ap_store_make(path), 0); /* there already */
	}
	ck_assert_int_eq(symlink(dir, in_dir("link")), 0);
	ck_assert_int_eq(ap_store_make(in_dir("link")), -ELOOP);
	make_file("file");
	ck_assert_int_eq(ap_store_make(in_dir("file")), -ENOTDIR);
}
END_TEST

START_TEST(a_directory_of_another_user_is_not_read)
{
	struct ap_store store;

	if (geteuid() != 0) {
		return; /* only root can give one away */
	}
	make_file("2147483646.0123456789abcdef.spool");
	ck_assert_int_eq(chown(dir, 65534, 65534), 0);
	ck_assert_int_eq(ap_store_list(dir, &store), -EPERM);
	ck_assert_str_eq(ap_store_why(-EPERM), "owned by another user");
	ck_assert_int_eq(chown(dir, 0, 0), 0);
	ck_assert_int_eq(ap_store_list(dir, &store), 0);
	ck_assert_uint_eq(store.n, 1);
	ap_store_clear(&store);
}
END_TEST

/* Who cleans up behind such a link would remove files of that name elsewhere. */
START_TEST(a_run_directory_that_is_a_link_or_another_s_is_left_alone)
{
	char target[PATH_MAX], link[PATH_MAX];
	struct ap_store store;

	ck_assert_int_eq(mkdir(in_dir("target"), 0700), 0);
	strcpy(target, in_dir("target"));
	make_file("target/log");
	make_file("target/2147483645.0123456789abcdef.spool");
	strcpy(link, in_dir("run-2147483646-0123456789abcdef"));
	ck_assert_int_eq(symlink(target, link), 0);
	ck_assert_int_eq(ap_store_list(dir, &store), 0);
	ck_assert_uint_eq(store.n, 0);
	ap_store_clear(&store);
	ck_assert_int_eq(unlink(in_dir("target/2147483645.0123456789abcdef.spool")), 0);
	ck_assert_int_lt(ap_store_remove_run(link), 0);
	ck_assert_int_eq(access(in_dir("target/log"), F_OK), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(unlink(link), 0);
		ck_assert_int_eq(rename(target, link), 0);
		ck_assert_int_eq(chown(link, 65534, 65534), 0);
		ck_assert_int_eq(ap_store_remove_run(link), -EPERM);
		ck_assert_int_eq(chown(link, 0, 0), 0);
		ck_assert_int_eq(ap_store_remove_run(link), 0);
	}
}
END_TEST

START_TEST(a_run_directory_goes_with_its_last_spool)
{
	char one[PATH_MAX], two[PATH_MAX];

	ck_assert_int_eq(mkdir(in_dir("run-5-0123456789abcdef"), 0700), 0);
	make_file("run-5-0123456789abcdef/log");
	make_file("run-5-0123456789abcdef/1.0123456789abcdef.spool");
	strcpy(one, in_dir("run-5-0123456789abcdef/1.0123456789abcdef.spool"));
	make_file("run-5-0123456789abcdef/2.0123456789abcdef.spool");
	strcpy(two, in_dir("run-5-0123456789abcdef/2.0123456789abcdef.spool"));
	ck_assert_int_eq(ap_store_discard(one), 0);
	ck_assert_int_eq(access(two, F_OK), 0);
	ck_assert_int_eq(ap_store_remove_run(in_dir("run-5-0123456789abcdef")), -ENOTEMPTY);
	ck_assert_int_eq(ap_store_discard(two), 0);
	ck_assert_int_ne(access(in_dir("run-5-0123456789abcdef"), F_OK), 0);
	ck_assert_int_eq(ap_store_discard(two), -ENOENT);
	ck_assert_int_eq(access(dir, F_OK), 0);
}
END_TEST

static size_t lines_of(const char *path, char *ret_last, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n = 0;

	while (file && fgets(ret_last, (int)size, file)) {
		n++;
	}
	if (file) {
		fclose(file);
	}
	return n;
}

START_TEST(the_log_of_a_run_directory_is_kept)
{
	char spool[PATH_MAX], line[256];

	ck_assert_int_eq(mkdir(in_dir("run-5-0123456789abcdef"), 0700), 0);
	strcpy(spool, in_dir("1.0123456789abcdef.spool"));
	ap_store_log(spool, "first");
	ck_assert_int_eq(
		rename(in_dir("log"), strcat(strcpy(line, dir), "/run-5-0123456789abcdef/log")), 0);
	ap_store_log(spool, "second");
	ck_assert_int_eq(ap_store_remove_run(in_dir("run-5-0123456789abcdef")), 0);
	ck_assert_uint_eq(lines_of(in_dir("log"), line, sizeof(line)), 2);
	ck_assert_ptr_nonnull(strstr(line, "first"));
}
END_TEST

START_TEST(foreign_files_keep_a_run_directory)
{
	ck_assert_int_eq(mkdir(in_dir("run-5-0123456789abcdef"), 0700), 0);
	make_file("run-5-0123456789abcdef/precious");
	ck_assert_int_eq(ap_store_remove_run(in_dir("run-5-0123456789abcdef")), -ENOTEMPTY);
	ck_assert_int_eq(access(in_dir("run-5-0123456789abcdef/precious"), F_OK), 0);
}
END_TEST

START_TEST(the_log_grows_by_lines_beside_the_spool_or_its_run_directory)
{
	char line[2048], spool[PATH_MAX], longest[2000];

	strcpy(spool, in_dir("1.0123456789abcdef.spool"));
	ap_store_log(spool, "first %d", 1);
	strcpy(spool, in_dir("run-5-0123456789abcdef/2.0123456789abcdef.spool"));
	ap_store_log(spool, "second");
	ck_assert_uint_eq(lines_of(in_dir("log"), line, sizeof(line)), 2);
	ck_assert_ptr_nonnull(strstr(line, " 2.0123456789abcdef.spool: second\n"));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	ap_store_log(spool, "%s", longest);
	ck_assert_uint_eq(lines_of(in_dir("log"), line, sizeof(line)), 3);
	ck_assert_uint_lt(strlen(line), 1025);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
}
END_TEST

START_TEST(the_log_is_not_written_through_a_link)
{
	char victim[PATH_MAX], spool[PATH_MAX];

	make_file("victim");
	strcpy(victim, in_dir("victim"));
	ck_assert_int_eq(symlink(victim, in_dir("log")), 0);
	strcpy(spool, in_dir("1.0123456789abcdef.spool"));
	ap_store_log(spool, "harm");
	struct stat st;
	ck_assert_int_eq(stat(victim, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("store");
	TCase *names = tcase_create("names");
	TCase *files = tcase_create("files");

	tcase_add_test(names, spool_names_are_made_and_known_again);
	tcase_add_test(names, other_names_are_no_spools);
	tcase_add_test(names, run_directories_are_known);
	tcase_add_test(names, options_are_found_behind_escapes);
	suite_add_tcase(s, names);
	tcase_add_checked_fixture(files, make_dir, remove_dir);
	tcase_add_test(files, the_default_directory_is_the_session_s_when_it_is_ours);
	tcase_add_test(files, a_directory_must_be_private_and_ours);
	tcase_add_test(files, the_command_line_goes_before_the_environment);
	tcase_add_test(files, a_listing_has_spools_of_run_directories_too);
	tcase_add_test(files, a_directory_is_made_for_us_alone_whatever_the_umask);
	tcase_add_test(files, a_directory_of_another_user_is_not_read);
	tcase_add_test(files, a_run_directory_that_is_a_link_or_another_s_is_left_alone);
	tcase_add_test(files, a_run_directory_goes_with_its_last_spool);
	tcase_add_test(files, the_log_of_a_run_directory_is_kept);
	tcase_add_test(files, foreign_files_keep_a_run_directory);
	tcase_add_test(files, the_log_grows_by_lines_beside_the_spool_or_its_run_directory);
	tcase_add_test(files, the_log_is_not_written_through_a_link);
	suite_add_tcase(s, files);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
