/* SPDX-License-Identifier: MIT */
/* tests/unit/test-process-tree.c - the processes of a run become one profile: what is removed, what a bad spool costs. */
#include "monitor/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/ap_check.h"
#include "tests/support/spool_builder.h"

/* The linker sends the readers here. */
int __real_ap_profile_open(const char *path, const struct ap_profile_known_end *known,
			   struct ap_profile **ret, struct ap_profile_error *error);
int __wrap_ap_profile_open(const char *path, const struct ap_profile_known_end *known,
			   struct ap_profile **ret, struct ap_profile_error *error);

/* Process 666 kills who reads it. */
int __wrap_ap_profile_open(const char *path, const struct ap_profile_known_end *known,
			   struct ap_profile **ret, struct ap_profile_error *error)
{
	if (strstr(path, "/666.")) {
		abort();
	}
	return __real_ap_profile_open(path, known, ret, error);
}

static char dir[64];
static struct ap_tree tree;
static struct ap_profile *profile;

static void setup(void)
{
	strcpy(dir, "/tmp/ap-tree-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ap_tree_init(&tree, dir, 10);
	profile = NULL;
}

static void teardown(void)
{
	char command[128];

	ap_profile_free(profile);
	ap_tree_clear(&tree);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static const char *path_of(uint32_t pid)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%u.0123456789abcdef.spool", dir, pid);
	return path;
}

/* A process that called one function @calls times. */
static void save(uint32_t pid, uint32_t ppid, unsigned calls)
{
	struct ap_builder *b = ap_builder_new();

	b->hdr->pid = pid;
	b->hdr->ppid = ppid;
	b->hdr->start_unix_ns += pid;
	b->hdr->spool_id = pid;
	b->hdr->life = AP_LIFE_EXITING;
	b->hdr->end_kind = AP_END_EXIT;
	b->hdr->end_ticks = AP_BUILDER_START + 1000;
	const uint32_t module = ap_builder_module(b, 0x400000, 0x500000, "/bin/true");
	const uint32_t node =
		ap_builder_node(b, AP_ID_ROOT, ap_builder_function(b, 0x401000, module + 1));
	const uint32_t thread = ap_builder_thread(b, pid, "main");
	for (unsigned i = 0; i < calls; i++) {
		ap_builder_leaf(b, ap_builder_shard(b), node, 1000);
	}
	ap_builder_folded(b, thread, 2 * (uint64_t)calls, 0);
	ap_builder_save(b, path_of(pid));
	ap_builder_free(b);
	ck_assert_int_eq(ap_tree_add(&tree, path_of(pid), AP_TREE_WAITS, NULL), 0);
}

static bool is_there(uint32_t pid)
{
	return access(path_of(pid), F_OK) == 0;
}

static uint64_t calls(void)
{
	uint64_t sum = 0;

	ap_profile_free(profile);
	ck_assert_int_eq(ap_tree_profile(&tree, &profile), 0);
	for (size_t i = 0; i < profile->functions_n; i++) {
		sum += profile->functions[i].calls;
	}
	return sum;
}

START_TEST(merged_spools_are_removed)
{
	save(10, 1, 5);
	save(11, 10, 7);
	ap_tree_merge(&tree);
	ck_assert_uint_eq(tree.merged_n, 2);
	ck_assert(!is_there(10) && !is_there(11));
	ck_assert_uint_eq(calls(), 12);
	ap_tree_forget(&tree);
	ck_assert_uint_eq(tree.spools_n, 0);
	save(12, 11, 100); /* and it goes on */
	ap_tree_merge(&tree);
	ck_assert_uint_eq(calls(), 112);
	ck_assert_uint_eq(profile->processes_n, 3);
	ck_assert_int_eq(profile->processes[2].parent, 1);
}
END_TEST

START_TEST(they_stay_where_that_is_wanted)
{
	tree.keep_spools = true;
	save(10, 1, 5);
	ap_tree_merge(&tree);
	ck_assert(is_there(10));
	ck_assert_uint_eq(calls(), 5);
}
END_TEST

static void assert_logged(const char *part)
{
	char path[128], line[256] = "";

	snprintf(path, sizeof(path), "%s/log", dir);
	FILE *log = fopen(path, "r");
	ck_assert_ptr_nonnull(log);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), log));
	ck_assert_ptr_nonnull(strstr(line, part));
	fclose(log);
}

START_TEST(a_corrupt_spool_costs_itself)
{
	save(10, 1, 5);
	save(11, 10, 7);
	save(12, 10, 9);
	ck_assert_int_eq(truncate(path_of(11), 5000), 0);
	ap_tree_merge(&tree);
	ck_assert_uint_eq(calls(), 14);
	ck_assert_uint_eq(tree.failed_n, 1);
	ck_assert_int_eq(is_there(11), 1);
	ck_assert_int_eq(is_there(12), 0);
	ck_assert_int_eq(tree.spools[1].state, AP_TREE_FAILED);
	ck_assert_ptr_nonnull(strstr(tree.spools[1].problem, "truncated spool"));
	assert_logged("11.0123456789abcdef.spool: cannot read the spool");
}
END_TEST

START_TEST(which_the_report_says)
{
	char note[256];

	save(10, 1, 5);
	save(11, 10, 7);
	ck_assert_int_eq(truncate(path_of(11), 5000), 0);
	ap_tree_merge(&tree);
	ck_assert(ap_tree_note(&tree, 0, note, sizeof(note)));
	ck_assert_ptr_nonnull(strstr(note, "1 process could not be read"));
	ck_assert(!ap_tree_note(&tree, 1, note, sizeof(note)));
}
END_TEST

static void save_many(uint32_t first, uint32_t behind)
{
	for (uint32_t pid = first; pid < behind; pid++) {
		save(pid, 10, 1);
	}
}

START_TEST(one_that_kills_its_reader_costs_itself)
{
	save_many(660, 670);
	ap_tree_merge(&tree);
	ck_assert_uint_eq(calls(), 9);
	ck_assert_uint_eq(tree.merged_n, 9);
	ck_assert_int_eq(is_there(666), 1);
	ck_assert_str_eq(tree.spools[6].problem, "the reader died of it");
	ap_tree_merge(&tree); /* is not tried again */
	ck_assert_uint_eq(tree.failed_n, 1);
}
END_TEST

START_TEST(many_are_merged_in_turn)
{
	for (uint32_t pid = 1000; pid < 1200; pid++) {
		save(pid, 10, 3);
		ck_assert_int_eq(ap_tree_is_full(&tree), pid >= 1063);
	}
	ap_tree_merge(&tree);
	ck_assert_uint_eq(calls(), 600);
	ck_assert_uint_eq(profile->processes_n, 200);
	ck_assert_uint_lt(ap_tree_bytes(&tree), 200000); /* they have all in common */
}
END_TEST

START_TEST(silent_ones_are_kin)
{
	save(10, 1, 5);
	save(11, 10, 0);
	save(12, 11, 2);
	ap_tree_merge(&tree);
	ck_assert_uint_eq(tree.merged_n, 2);
	ck_assert(!is_there(11));
	ck_assert_uint_eq(calls(), 7);
	ck_assert_uint_eq(profile->processes_n, 2);
	ck_assert_int_eq(profile->processes[1].parent, 0);
}
END_TEST

START_TEST(kin_is_read_with_care)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/kin", dir);
	FILE *file = fopen(path, "w");
	fprintf(file, "11 10 1700000000000000011\nnonsense\n12\n-1 -1 -1 -1\n13 11 "
		      "1700000000000000013\n");
	for (int i = 0; i < 10000; i++) {
		fputc('x', file);
	}
	fclose(file);
	ap_tree_read_kin(&tree, dir);
	ck_assert_uint_ge(tree.kin_n, 2);
	save(10, 1, 5);
	save(14, 13, 1);
	ap_tree_merge(&tree);
	ck_assert_uint_eq(calls(), 6);
	ck_assert_int_eq(profile->processes[1].parent, 0);
}
END_TEST

START_TEST(who_goes_on_is_listed_and_not_counted)
{
	const struct ap_profile_process_row row = {.pid = 20,
						   .ppid = 10,
						   .exe = (char *)"/bin/daemon",
						   .start_unix_ns = 1700000000000000020,
						   .calls = 77,
						   .processes = 1,
						   .elsewhere = true};
	char note[256];

	save(10, 1, 5);
	ck_assert_int_eq(ap_tree_add_running(&tree, &row), 0);
	ck_assert_int_eq(ap_tree_add(&tree, "/x/15.0.spool", AP_TREE_LEFT, NULL), 0);
	ap_tree_merge(&tree);
	ck_assert_uint_eq(calls(), 5);
	ck_assert_uint_eq(profile->processes_n, 2);
	ck_assert_int_eq(profile->processes[1].parent, 0);
	ck_assert(ap_tree_note(&tree, 0, note, sizeof(note)));
	ck_assert_ptr_nonnull(strstr(note, "1 process asked for no report"));
	ck_assert(ap_tree_note(&tree, 1, note, sizeof(note)));
	ck_assert_ptr_nonnull(strstr(note, "1 process still ran"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tree");
	TCase *tc = tcase_create("tree");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, merged_spools_are_removed);
	tcase_add_test(tc, they_stay_where_that_is_wanted);
	tcase_add_test(tc, a_corrupt_spool_costs_itself);
	tcase_add_test(tc, which_the_report_says);
	tcase_add_test(tc, one_that_kills_its_reader_costs_itself);
	tcase_add_test(tc, many_are_merged_in_turn);
	tcase_add_test(tc, silent_ones_are_kin);
	tcase_add_test(tc, kin_is_read_with_care);
	tcase_add_test(tc, who_goes_on_is_listed_and_not_counted);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
