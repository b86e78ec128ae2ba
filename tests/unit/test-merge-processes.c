/* SPDX-License-Identifier: MIT */
/* tests/unit/test-merge-processes.c - a merge's processes: who made whom, what is listed, how it is handed on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ap_check.h"
#include "tests/support/merge_fixture.h"
#include "tests/support/model_check.h"

/* A row and nothing else. */
static struct ap_profile_process_row row(uint32_t pid, uint32_t ppid, uint64_t after)
{
	return (struct ap_profile_process_row){.pid = pid,
					       .ppid = ppid,
					       .parent = -1,
					       .exe = (char *)"/bin/x",
					       .spool_id = 0x1000 + pid + (after << 32),
					       .start_unix_ns = START + after,
					       .calls = 1,
					       .processes = 1,
					       .elsewhere = true};
}

/* The rows besides the process 10, which began at START. */
static void merge_rows(const struct ap_profile_process_row *rows, size_t n,
		       const struct ap_merge_end *how)
{
	struct ap_merge *merge = ap_merge_new(10);

	merge_fixture_process(10, 0, LOW, 3, 1000);
	ck_assert_int_eq(ap_merge_add(merge, profiles[0]), 0);
	for (size_t i = n; i-- > 0;) {
		ck_assert_int_eq(ap_merge_row(merge, &rows[i]), 0);
	}
	ck_assert_int_eq(ap_merge_finish(merge, how, &merged), 0);
}

static int32_t parent_of(uint32_t pid, uint64_t after)
{
	for (size_t i = 0; i < merged->processes_n; i++) {
		if (merged->processes[i].pid == pid &&
		    merged->processes[i].start_unix_ns == START + after) {
			const int32_t parent = merged->processes[i].parent;
			return parent < 0 ? -1 : (int32_t)merged->processes[parent].pid;
		}
	}
	ck_abort_msg("no row of %u", pid);
	return -2;
}

START_TEST(three_generations_are_linked)
{
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(30, 20, 7), row(40, 30, 9),
						row(21, 10, 6)};

	rows[2].ppid = 1; /* its parent had died: the spool still tells */
	rows[2].parent_spool_id = rows[1].spool_id;
	merge_rows(rows, 4, NULL);
	ck_assert_int_eq(parent_of(10, 0), -1);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(21, 6), 10);
	ck_assert_int_eq(parent_of(30, 7), 20);
	ck_assert_int_eq(parent_of(40, 9), 30);
	ck_assert_uint_eq(merged->processes_n, 5);
	ck_assert_uint_eq(merge_fixture_function(merged, INNER)->calls,
			  3); /* rows alone add nothing */
}
END_TEST

START_TEST(what_an_exec_replaced_is_the_parent)
{
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(20, 10, 8), row(30, 20, 9),
						row(31, 20, 6)};

	rows[0].end = AP_PROFILE_EXEC;
	merge_rows(rows, 4, NULL);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(20, 8), 20);
	ck_assert_int_eq(merged->processes[merged->processes[3].parent].start_unix_ns - START, 5);
	ck_assert_int_eq(parent_of(30, 9), 20);
	ck_assert_uint_eq(merged->processes[merged->processes[4].parent].start_unix_ns,
			  START + 8); /* by the second program */
	ck_assert_uint_eq(merged->processes[merged->processes[2].parent].start_unix_ns, START + 5);
}
END_TEST

START_TEST(a_pid_that_was_used_again_is_two_processes)
{
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(20, 10, 8), row(30, 20, 6)};

	merge_rows(rows, 3, NULL);
	ck_assert_int_eq(parent_of(20, 8), 10); /* the first did not exec */
	ck_assert_uint_eq(merged->processes[merged->processes[2].parent].start_unix_ns, START + 5);
}
END_TEST

START_TEST(who_recorded_nothing_still_links)
{
	static const struct ap_merge_kin kin[] = {
		{50, 10, START + 2}, {51, 50, START + 3}, {60, 99, START + 4}};
	const struct ap_merge_end how = {.kin = kin, .kin_n = 3};
	struct ap_profile_process_row rows[] = {row(20, 51, 5), row(21, 60, 6), row(22, 51, 2)};

	merge_rows(rows, 3, &how);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(21, 6), -1); /* 99 is nobody */
	ck_assert_int_eq(parent_of(22, 2), -1); /* began before 51 did */
}
END_TEST

START_TEST(what_the_root_was_is_the_root)
{
	static const struct ap_merge_kin kin[] = {{10, 1, START + 3}};
	const struct ap_merge_end how = {.kin = kin, .kin_n = 1};
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(21, 10, 2)};

	merge_rows(rows, 2, &how);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(21, 2), 10);
	ck_assert_int_eq(parent_of(10, 0), -1);
}
END_TEST

START_TEST(circles_are_broken)
{
	struct ap_profile_process_row rows[] = {row(20, 21, 5), row(21, 20, 5), row(22, 22, 6)};

	merge_rows(rows, 3, NULL);
	ck_assert_int_eq(parent_of(22, 6), -1);
	ck_assert(parent_of(20, 5) == -1 || parent_of(21, 5) == -1);
}
END_TEST

START_TEST(a_root_that_recorded_nothing_names_the_whole)
{
	struct ap_profile_process_row root = row(5, 1, 0);
	const struct ap_merge_end how = {.root = &root, .cwd = "/here"};

	root.start_unix_ns = START - 1000;
	root.duration_ns = 5000000;
	root.end = AP_PROFILE_EXIT;
	root.exit_status = 3;
	root.calls = 0;
	merge_fixture_process(10, 0, LOW, 3, 1000);
	merged = merge_fixture_in("0", 5, &how);
	ck_assert_str_eq(merged->process.exe, "/bin/x");
	ck_assert_str_eq(merged->process.cwd, "/here");
	ck_assert_uint_eq(merged->process.pid, 5);
	ck_assert_int_eq(merged->process.exit_status, 3);
	ck_assert_uint_eq(merged->process.start_unix_ns, START - 1000);
	ck_assert_uint_eq(merged->process.duration_ns, 5000000);
	ck_assert_uint_eq(merged->processes_n, 2);
	ck_assert_uint_eq(merged->processes[0].pid, 5);
	ck_assert_uint_eq(merged->processes[0].calls, 0);
	merged = ap_profile_free(merged);
	merged = merge_fixture_in("0", 10, &how); /* not where it did */
	ck_assert_uint_eq(merged->process.pid, 10);
	ck_assert_uint_eq(merged->processes_n, 1);
}
END_TEST

START_TEST(the_end_is_that_of_the_last_program_of_the_root)
{
	struct merge_fixture_process p = merge_fixture_begin(10, 0, LOW, 7);

	p.b->hdr->end_kind = AP_END_EXEC;
	merge_fixture_end(&p);
	p = merge_fixture_begin(10, 50, LOW, 7);
	p.b->hdr->end_kind = AP_END_RAW_EXIT;
	p.b->hdr->end_status = 4;
	merge_fixture_end(&p);
	for (const char *order = "10"; order; order = *order == '1' ? "01" : NULL) {
		struct ap_profile *both = merge_fixture_in(order, 10, NULL);
		ck_assert_int_eq(both->process.end, AP_PROFILE_RAW_EXIT);
		ck_assert_int_eq(both->process.exit_status, 4);
		ck_assert_int_eq(both->processes[0].end, AP_PROFILE_EXEC);
		ck_assert_int_eq(both->processes[1].parent, 0);
		ap_profile_free(both);
	}
}
END_TEST

static void add(struct ap_merge *merge, const struct ap_profile *p)
{
	ck_assert_int_eq(ap_merge_add(merge, p), 0);
}

/* 1,500 rows, not in the order in which they began. */
static void add_rows(struct ap_merge *merge)
{
	for (uint32_t i = 0; i < 1500; i++) {
		const struct ap_profile_process_row one = row(100 + i, 10, 1 + (i * 7) % 1500);
		ck_assert_int_eq(ap_merge_row(merge, &one), 0);
	}
}

START_TEST(a_thousand_rows_the_rest_is_summed)
{
	struct ap_merge *merge = ap_merge_new(10);

	merge_fixture_process(10, 0, LOW, 3, 1000);
	add_rows(merge);
	add(merge, profiles[0]);
	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), 0);
	ck_assert_uint_eq(merged->processes_n, AP_PROFILE_PROCESSES_MOST);
	ck_assert_uint_eq(merged->more.processes, 501);
	ck_assert_uint_eq(merged->more.calls, 501);
	for (size_t i = 1; i < merged->processes_n; i++) {
		ck_assert_uint_eq(merged->processes[i].start_unix_ns, START + i);
		ck_assert_int_eq(merged->processes[i].parent, 0);
	}
}
END_TEST

START_TEST(the_busiest_thousand_threads_are_listed)
{
	struct ap_merge *merge = ap_merge_new(0);
	struct ap_profile *one = merge_fixture_process(10, 0, LOW, 3, 1000);

	for (uint64_t i = 0; i < 3500; i++) {
		one->threads[0].cpu_ns = (i * 11) % 3500 + 1;
		add(merge, one);
	}
	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), 0);
	ck_assert_uint_eq(merged->threads_n, AP_PROFILE_THREADS_MOST);
	ck_assert_uint_eq(merged->threads_more, 2500);
	for (size_t i = 0; i < merged->threads_n; i++) {
		ck_assert_uint_eq(merged->threads[i].cpu_ns, 3500 - i);
	}
	ck_assert_uint_eq(merge_fixture_function(merged, INNER)->calls,
			  10500); /* all are counted */
	ck_assert_uint_eq(merged->more.processes, 2500);
	ck_assert_uint_eq(merged->more.calls, 10000);
}
END_TEST

START_TEST(very_deep_stacks_lose_their_middle)
{
	struct ap_profile *one = merge_fixture_process(10, 0, LOW, 3, 1000);
	struct ap_profile_thread *thread = &one->threads[0];

	thread->open_n = 5000;
	thread->open = calloc(thread->open_n, sizeof(*thread->open));
	for (size_t i = 0; i < thread->open_n; i++) {
		thread->open[i] =
			(struct ap_profile_open_call){AP_ID_FIRST, AP_ID_FIRST, 10000 - i, false};
	}
	merge_fixture_all();
	ck_assert_uint_eq(merged->threads[0].open_n, 256);
	ck_assert_uint_eq(merged->threads[0].open[0].age_ns, 10000);
	ck_assert_uint_eq(merged->threads[0].open[1].age_ns, 10000 - 4745);
	ck_assert_uint_eq(merged->threads[0].open[255].age_ns, 10000 - 4999);
	ck_assert_uint_eq(merged->quality.notes_n, 1);
	ck_assert_ptr_nonnull(strstr(merged->quality.notes[0], "1 threads"));
}
END_TEST

START_TEST(nothing_added_is_no_profile)
{
	struct ap_merge *merge = ap_merge_new(0);

	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), -ENOENT);
	ck_assert_ptr_null(merged);
}
END_TEST

/* What @merge becomes on the other side. */
static struct ap_merge *carried(struct ap_merge *merge, char **ret_bytes, size_t *ret_size)
{
	struct ap_merge *there = NULL;
	FILE *out = open_memstream(ret_bytes, ret_size);

	ck_assert_int_eq(ap_merge_save(merge, out), 0);
	fclose(out);
	ap_merge_free(merge);
	FILE *in = fmemopen(*ret_bytes, *ret_size, "r");
	ck_assert_int_eq(ap_merge_load(in, *ret_size, &there), 0);
	fclose(in);
	return there;
}

START_TEST(handed_on_after_each_it_is_the_same)
{
	struct ap_merge *merge = ap_merge_new(0);
	char *bytes;
	size_t size;

	merge_fixture_three();
	merge_fixture_forked();
	for (size_t i = 0; i < profiles_n; i++) {
		add(merge, profiles[i]);
		merge = carried(merge, &bytes, &size);
		free(bytes);
	}
	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), 0);
	ck_assert_ptr_null(ap_model_check(merged));
	struct ap_profile *at_once = merge_fixture_in("0123", 0, NULL);
	char *a = merge_fixture_facts(merged), *b = merge_fixture_facts(at_once);
	ck_assert_str_eq(a, b);
	free(a);
	free(b);
	ap_profile_free(at_once);
}
END_TEST

START_TEST(what_is_cut_short_or_damaged_is_refused)
{
	struct ap_merge *merge = ap_merge_new(0), *there;
	char *bytes;
	size_t size;

	merge_fixture_process(10, 0, LOW, 3, 1000);
	ck_assert_int_eq(ap_merge_add(merge, profiles[0]), 0);
	ap_merge_free(carried(merge, &bytes, &size));
	for (size_t n = 1; n < size; n += n < 1000 ? 1 : 97) {
		FILE *in = fmemopen(bytes, n, "r");
		ck_assert_int_eq(ap_merge_load(in, n, &there), -EBADMSG);
		fclose(in);
	}
	for (size_t at = 0; at + 8 <= size; at += 8) { /* any word, made absurd */
		uint64_t word;
		memcpy(&word, bytes + at, sizeof(word));
		memset(bytes + at, 0x7e, sizeof(word));
		FILE *in = fmemopen(bytes, size, "r");
		if (ap_merge_load(in, size, &there) == 0) {
			ap_merge_free(there);
		}
		fclose(in);
		memcpy(bytes + at, &word, sizeof(word));
	}
	free(bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("merge-processes");
	TCase *tc = tcase_create("merge-processes");

	tcase_add_checked_fixture(tc, merge_fixture_setup, merge_fixture_teardown);
	tcase_add_test(tc, three_generations_are_linked);
	tcase_add_test(tc, what_an_exec_replaced_is_the_parent);
	tcase_add_test(tc, a_pid_that_was_used_again_is_two_processes);
	tcase_add_test(tc, who_recorded_nothing_still_links);
	tcase_add_test(tc, what_the_root_was_is_the_root);
	tcase_add_test(tc, circles_are_broken);
	tcase_add_test(tc, a_root_that_recorded_nothing_names_the_whole);
	tcase_add_test(tc, the_end_is_that_of_the_last_program_of_the_root);
	tcase_add_test(tc, a_thousand_rows_the_rest_is_summed);
	tcase_add_test(tc, the_busiest_thousand_threads_are_listed);
	tcase_add_test(tc, very_deep_stacks_lose_their_middle);
	tcase_add_test(tc, nothing_added_is_no_profile);
	tcase_add_test(tc, handed_on_after_each_it_is_the_same);
	tcase_add_test(tc, what_is_cut_short_or_damaged_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
