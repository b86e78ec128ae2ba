/* SPDX-License-Identifier: MIT */
/* tests/unit/test-publish.c - reports from a spool: where they go, what is worth one, what a
 * crash costs. */
#include "monitor/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/load.h"
#include "tests/support/ap_check.h"
#include "tests/support/spool_builder.h"

#define SPOOL_NAME "77.0123456789abcdef.spool"

static char dir[] = "/tmp/ap-publish-XXXXXX";
static char spool[64];
static struct ap_published published;

static void make_dir(void)
{
	strcpy(dir, "/tmp/ap-publish-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(spool, sizeof(spool), "%s/" SPOOL_NAME, dir);
}

static void remove_dir(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A process that called one function of /bin/true @calls times; it began @life_ns ago. */
static void save_spool(unsigned calls, const char *output, uint64_t life_ns)
{
	struct ap_builder *b = ap_builder_new();

	ap_builder_text(b, &b->hdr->exe, "/usr/bin/app");
	ap_builder_text(b, &b->hdr->cwd, dir);
	ap_builder_text(b, &b->hdr->output, output);
	b->hdr->pid = 77;
	b->hdr->report_wanted = 1;
	b->hdr->life = AP_LIFE_EXITING;
	b->hdr->end_kind = AP_END_EXIT;
	b->hdr->end_ticks = AP_BUILDER_START + life_ns;
	const uint32_t module = ap_builder_module(b, 0x400000, 0x500000, "/bin/true");
	const uint32_t function = ap_builder_function(b, 0x401000, module + 1);
	const uint32_t node = ap_builder_node(b, AP_ID_ROOT, function);
	const uint32_t shard = ap_builder_shard(b);
	for (unsigned i = 0; i < calls; i++) {
		ap_builder_leaf(b, shard, node, 1000);
	}
	ap_builder_save(b, spool);
	ap_builder_free(b);
}

static void publish(const struct ap_publish *more)
{
	struct ap_publish what = *more;

	what.spool = spool;
	ck_assert_int_eq(ap_publish(&what, &published), 0);
}

static void assert_file(const char *name, const char *part)
{
	char path[PATH_MAX], text[65536];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in %s:\n%s", part, path, text);
}

static void assert_no_file(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_ne(access(path, F_OK), 0);
}

static const struct ap_publish plain;

START_TEST(every_pattern_becomes_a_file)
{
	save_spool(3, "%e.json,%p.txt", 1000);
	publish(&plain);
	ck_assert_int_eq(published.outcome, AP_PUBLISH_WRITTEN);
	ck_assert_uint_eq(published.files_n, 2);
	assert_file("app.json", "\"autoprof-report/1\"");
	assert_file("77.txt", "DATA QUALITY");
	ck_assert_str_eq(published.problem, "");
	ck_assert_int_eq(access(spool, F_OK), 0); /* the caller's to remove */
}
END_TEST

START_TEST(a_spool_without_a_pattern_has_the_default)
{
	save_spool(1, "", 1000);
	publish(&plain);
	assert_file("autoprof.app.77.txt", "DATA QUALITY");
}
END_TEST

START_TEST(the_caller_s_pattern_and_directory_go_before)
{
	const struct ap_publish what = {.output = "mine.txt", .cwd = "/nowhere/at/all"};
	char here[PATH_MAX];

	save_spool(1, "theirs.txt", 1000);
	publish(&what);
	assert_file("mine.txt",
		    "DATA QUALITY"); /* beside the spool, as there is no such directory */
	assert_no_file("theirs.txt");
	snprintf(here, sizeof(here), "%s/mine.txt", dir);
	ck_assert_str_eq(published.files[0], here);
	assert_file("log", "cannot write 'mine.txt': No such file or directory");
}
END_TEST

START_TEST(an_unknown_extension_is_text_that_says_so)
{
	save_spool(1, "report.xyz", 1000);
	publish(&plain);
	assert_file("report.xyz", "no writer knows the extension");
	assert_file("report.xyz", "DATA QUALITY");
}
END_TEST

START_TEST(nothing_recorded_is_no_report)
{
	save_spool(0, "r.txt", 5000000000u);
	publish(&plain);
	ck_assert_int_eq(published.outcome, AP_PUBLISH_NOTHING);
	assert_no_file("r.txt");
}
END_TEST

START_TEST(unless_one_is_wanted_whatever_it_says)
{
	const struct ap_publish what = {.whatever = true};

	save_spool(0, "r.txt", 1000);
	publish(&what);
	ck_assert_int_eq(published.outcome, AP_PUBLISH_WRITTEN);
	assert_file("r.txt", "DATA QUALITY");
}
END_TEST

START_TEST(a_corrupt_spool_fails_with_a_line_in_the_log)
{
	save_spool(1, "r.txt", 1000);
	ck_assert_int_eq(truncate(spool, 100), 0);
	publish(&plain);
	ck_assert_int_eq(published.outcome, AP_PUBLISH_FAILED);
	assert_file("log", SPOOL_NAME ": cannot read the spool: ");
}
END_TEST

START_TEST(no_more_than_eight_files)
{
	save_spool(1, "1.txt,2.txt,3.txt,4.txt,5.txt,6.txt,7.txt,8.txt,9.txt", 1000);
	publish(&plain);
	ck_assert_uint_eq(published.files_n, AP_PUBLISH_FILES);
	assert_file("8.txt", "DATA QUALITY");
	assert_no_file("9.txt");
	ck_assert_ptr_nonnull(strstr(published.problem, "9.txt"));
}
END_TEST

START_TEST(a_nameless_report_has_offsets_and_a_note)
{
	const struct ap_load what = {.spool = spool, .nameless = true};
	struct ap_profile_error error;
	struct ap_loaded loaded;

	save_spool(2, "r.txt", 1000);
	ck_assert_int_eq(ap_load_profile(&what, &loaded, &error), 0);
	const size_t notes = loaded.profile->quality.notes_n;
	ck_assert_int_eq(ap_load_names(&what, &loaded), 0);
	ck_assert_uint_eq(loaded.report->order_n, 1);
	ck_assert_str_eq(loaded.report->symbols[loaded.report->order[0]].name, "true+0x1000");
	ck_assert_str_eq(loaded.report->symbols[loaded.report->order[0]].module, "true");
	ck_assert_uint_eq(loaded.report->module_notes_n, 0);
	ck_assert_uint_eq(loaded.profile->quality.notes_n, notes + 1);
	ck_assert_ptr_nonnull(strstr(loaded.profile->quality.notes[notes], "module and offset"));
	ck_assert_int_eq(ap_load_note(&loaded, "another"), 0);
	ck_assert_str_eq(loaded.profile->quality.notes[notes + 1], "another");
	ap_load_clear(&loaded);
	ck_assert_ptr_null(loaded.profile);
	ap_load_clear(&loaded); /* takes zeroed ones */
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("publish");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(files, make_dir, remove_dir);
	tcase_set_timeout(files, 60);
	tcase_add_test(files, every_pattern_becomes_a_file);
	tcase_add_test(files, a_spool_without_a_pattern_has_the_default);
	tcase_add_test(files, the_caller_s_pattern_and_directory_go_before);
	tcase_add_test(files, an_unknown_extension_is_text_that_says_so);
	tcase_add_test(files, nothing_recorded_is_no_report);
	tcase_add_test(files, unless_one_is_wanted_whatever_it_says);
	tcase_add_test(files, a_corrupt_spool_fails_with_a_line_in_the_log);
	tcase_add_test(files, no_more_than_eight_files);
	tcase_add_test(files, a_nameless_report_has_offsets_and_a_note);
	suite_add_tcase(s, files);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
