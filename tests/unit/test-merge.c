/* SPDX-License-Identifier: MIT */
/* tests/unit/test-merge.c - profiles of several processes become one: what is the same, what adds up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ap_check.h"
#include "tests/support/merge_fixture.h"
#include "tests/support/model_check.h"

START_TEST(one_program_at_two_addresses_is_one_table)
{
	merge_fixture_process(10, 0, LOW, 3, 1000);
	merge_fixture_process(11, 5000, HIGH, 5, 3000);
	merge_fixture_all();
	ck_assert_uint_eq(merged->modules_n, 1);
	ck_assert_uint_eq(merged->modules[0].bias, 0);
	ck_assert_uint_eq(merged->functions_n, AP_ID_FIRST + 2);
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 2);
	const struct ap_profile_function *inner = merge_fixture_function(merged, INNER);
	ck_assert_int_eq(inner->module, 0);
	ck_assert_uint_eq(inner->calls, 8);
	ck_assert_uint_eq(inner->timed_calls, 8);
	ck_assert_uint_eq(inner->total_ns, 18000);
	ck_assert_uint_eq(inner->self_ns, 18000);
	ck_assert_uint_eq(inner->min_ns, 1000);
	ck_assert_uint_eq(inner->max_ns, 3000);
	ck_assert_double_eq(inner->sum_ns, 18000);
	ck_assert_double_eq(inner->sum_squares, 3 * 1e6 + 5 * 9e6);
	const struct ap_profile_function *outer = merge_fixture_function(merged, OUTER);
	ck_assert_uint_eq(outer->calls, 2);
	ck_assert_uint_eq(outer->total_ns, 3500 + 15500);
	ck_assert_uint_eq(outer->self_ns, 1000);
	ck_assert_uint_eq(outer->min_ns, 3500);
}
END_TEST

START_TEST(histograms_and_categories_are_added)
{
	merge_fixture_process(10, 0, LOW, 90, 1000);
	merge_fixture_process(11, 0, HIGH, 10, 600000000);
	merge_fixture_all();
	const struct ap_profile_function *inner = merge_fixture_function(merged, INNER);
	ck_assert_uint_eq(inner->total.count, 100);
	ck_assert_uint_eq(inner->self.count, 100);
	ck_assert_double_eq_tol(ap_histogram_quantile(&inner->total, 0.9), 1e-6, 0.011e-6);
	ck_assert_double_eq_tol(ap_histogram_quantile(&inner->total, 0.91), 0.6, 0.0066);
	ck_assert(!inner->total.coarse);
	/* The builder writes no categories: set them where the profile has them. */
	for (size_t i = 0; i < profiles_n; i++) {
		struct ap_profile_function *f = &profiles[i]->functions[AP_ID_FIRST + 1];
		f->slow = 1 + i;
		f->very_slow = 10 + i;
		f->critical = 100 + i;
		f->total.coarse = i == 1;
	}
	merge_fixture_all();
	inner = merge_fixture_function(merged, INNER);
	ck_assert_uint_eq(inner->slow, 3);
	ck_assert_uint_eq(inner->very_slow, 21);
	ck_assert_uint_eq(inner->critical, 201);
	ck_assert(inner->total.coarse && !inner->self.coarse);
}
END_TEST

START_TEST(another_build_has_functions_of_its_own)
{
	struct merge_fixture_process other = merge_fixture_begin(11, 0, LOW, 8);

	merge_fixture_process(10, 0, LOW, 3, 1000);
	merge_fixture_call(&other, 4, 1000);
	merge_fixture_end(&other);
	merge_fixture_all();
	ck_assert_uint_eq(merged->modules_n, 2);
	ck_assert_uint_eq(merged->functions_n, AP_ID_FIRST + 4);
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 4);
}
END_TEST

static void without_build_id(uint32_t pid, uint64_t bias, uint64_t inode)
{
	struct merge_fixture_process p = merge_fixture_begin(pid, pid, bias, 0);

	ap_builder_module_at(p.b, 0)->inode = inode;
	merge_fixture_call(&p, 1, 100);
	merge_fixture_end(&p);
}

START_TEST(without_a_build_id_the_file_tells)
{
	without_build_id(10, LOW, 55);
	without_build_id(11, HIGH, 55);
	merge_fixture_all();
	ck_assert_uint_eq(merged->modules_n, 1);
	without_build_id(12, LOW, 56);
	merge_fixture_all();
	ck_assert_uint_eq(merged->modules_n, 2);
	ck_assert_uint_eq(merged->functions_n, AP_ID_FIRST + 4);
}
END_TEST

static char *facts_in(const char *order)
{
	struct ap_profile *p = merge_fixture_in(order, 0, NULL);
	char *ret = merge_fixture_facts(p);

	ap_profile_free(p);
	return ret;
}

START_TEST(any_order_gives_the_same)
{
	static const char *const orders[] = {"021", "102", "120", "201", "210"};

	merge_fixture_three();
	char *first = facts_in("012");
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		char *now = facts_in(orders[i]);
		ck_assert_str_eq(now, first);
		free(now);
	}
	free(first);
}
END_TEST

START_TEST(the_whole_is_named_for_the_first_and_has_the_figures_of_all)
{
	merge_fixture_three();
	profiles[1]->process.max_rss_bytes = 2000;
	profiles[0]->process.max_rss_bytes = 1000;
	profiles[2]->process.threads_created = 4;
	merge_fixture_all();
	ck_assert_uint_eq(merged->process.pid, 10);
	ck_assert_uint_eq(merged->process.start_unix_ns, START);
	ck_assert_uint_eq(merged->process.duration_ns, 1005000);
	ck_assert_uint_eq(merged->process.cpu_ns, 3 * 500000 + 10 + 11 + 12);
	ck_assert_uint_eq(merged->process.max_rss_bytes, 2000);
	ck_assert_uint_eq(merged->process.threads_created, 4);
	ck_assert_uint_eq(merged->quality.attempted, 40); /* of 4, 6 and 10 calls */
	ck_assert_uint_eq(merged->quality.folded, 40);
	ck_assert(merged->quality.identity_holds);
	ck_assert_uint_eq(merged->processes_n, 3);
	ck_assert_uint_eq(merged->processes[1].pid, 12);
	ck_assert_uint_eq(merged->processes[1].calls, 10);
	ck_assert_uint_eq(merged->processes[1].attempted, 20);
	ck_assert_uint_eq(merged->threads_n, 3);
	ck_assert_double_eq_tol(merged->quality.hook_ns, 12.345, 1e-3);
	merged = ap_profile_free(merged);
	merged = merge_fixture_in("012", 11, NULL); /* unless another is said to be the root */
	ck_assert_uint_eq(merged->process.pid, 11);
	ck_assert_uint_eq(merged->processes[0].pid, 11);
	ck_assert_uint_eq(merged->process.start_unix_ns, START);
}
END_TEST

START_TEST(memory_is_that_of_who_came_nearest_to_its_limit)
{
	merge_fixture_process(10, 0, LOW, 1, 1);
	merge_fixture_process(11, 1, LOW, 1, 1);
	profiles[0]->process.max_rss_bytes = 900;
	profiles[0]->process.limits.memory_bytes = 1000;
	profiles[1]->process.max_rss_bytes = 5000;
	profiles[1]->process.limits.memory_bytes = 100000;
	profiles[1]->process.limits.cpu_millicores = 4000;
	merge_fixture_all();
	ck_assert_uint_eq(merged->process.max_rss_bytes, 900);
	ck_assert_uint_eq(merged->process.limits.memory_bytes, 1000);
	ck_assert_uint_eq(merged->process.limits.cpu_millicores, 4000);
}
END_TEST

START_TEST(events_that_are_missing_in_one_are_missing_in_all)
{
	merge_fixture_process(10, 0, LOW, 1, 1);
	merge_fixture_process(11, 0, LOW, 1, 1);
	profiles[1]->quality.identity_holds = false;
	profiles[1]->quality.dropped[3].events = 5;
	profiles[0]->quality.dropped[3].events = 2;
	profiles[0]->quality.degraded = AP_DEGRADED_SMALL_CHUNKS;
	merge_fixture_all();
	ck_assert(!merged->quality.identity_holds);
	ck_assert_uint_eq(merged->quality.dropped[3].events, 7);
	ck_assert_str_eq(merged->quality.dropped[3].reason, "torn");
	ck_assert_uint_eq(merged->quality.degraded, AP_DEGRADED_SMALL_CHUNKS);
	ck_assert_uint_eq(merged->processes[1].dropped, 0); /* as its own profile counted */
}
END_TEST

START_TEST(what_could_not_be_patched_is_that_of_who_tells_most)
{
	merge_fixture_three();
	profiles[0]->quality.patch_unfit = 3;
	merge_fixture_all();
	ck_assert_uint_eq(merged->quality.patch_unfit, 3); /* though the others have no list */
	profiles[1]->quality.patch_sites = 5;
	profiles[1]->quality.patch_unread = 1;
	merge_fixture_all();
	ck_assert_uint_eq(merged->quality.patch_sites, 5);
	ck_assert_uint_eq(merged->quality.patch_unfit, 0);
	ck_assert_uint_eq(merged->quality.patch_unread, 1);
}
END_TEST

/* Of a damaged spool, for one. */
START_TEST(more_missed_calls_than_calls_cost_nothing)
{
	merge_fixture_three();
	for (size_t i = 0; i < profiles_n; i++) {
		profiles[i]->quality.hook_ns = 10;
	}
	struct ap_profile_function *f = &profiles[0]->functions[AP_ID_FIRST];
	f->counted_calls = f->missed_calls = f->calls;
	merge_fixture_all();
	const double overhead_pct = merged->quality.overhead_pct;
	f->counted_calls = f->missed_calls = f->calls + 1;
	merge_fixture_all();
	ck_assert_double_gt(overhead_pct, 0);
	ck_assert_double_eq_tol(merged->quality.overhead_pct, overhead_pct, 1e-9);
}
END_TEST

START_TEST(notes_are_told_once)
{
	struct merge_fixture_process p = merge_fixture_begin(10, 0, LOW, 7);

	ap_builder_text(p.b, &p.b->hdr->notes, "one\ntwo");
	ap_builder_text(p.b, &p.b->hdr->options_ignored, "x: unknown");
	merge_fixture_end(&p);
	p = merge_fixture_begin(11, 0, LOW, 7);
	ap_builder_text(p.b, &p.b->hdr->notes, "three\none");
	ap_builder_text(p.b, &p.b->hdr->options_ignored, "x: unknown");
	merge_fixture_end(&p);
	merge_fixture_all();
	ck_assert_uint_eq(merged->quality.notes_n, 3);
	ck_assert_str_eq(merged->quality.notes[0], "one");
	ck_assert_str_eq(merged->quality.notes[1], "three");
	ck_assert_str_eq(merged->quality.notes[2], "two");
	ck_assert_uint_eq(merged->quality.options_ignored_n, 1);
}
END_TEST

START_TEST(frames_that_a_fork_handed_down_are_no_calls_of_the_child)
{
	merge_fixture_process(10, 0, LOW, 3, 1000);
	merge_fixture_forked();
	ck_assert(profiles[1]->nodes[AP_ID_FIRST].inherited);
	merge_fixture_all();
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 2);
	const struct ap_profile_node *outer = &merged->nodes[AP_ID_FIRST];
	ck_assert_uint_eq(outer->calls, 1);
	ck_assert_uint_eq(outer->total_ns, 3500);
	ck_assert_uint_eq(outer->self_ns, 500);
	ck_assert(!outer->inherited);
	ck_assert_uint_eq(merged->nodes[AP_ID_FIRST + 1].calls, 7);
	ck_assert_uint_eq(merge_fixture_function(merged, OUTER)->calls, 1);
	ck_assert_uint_eq(merge_fixture_function(merged, OUTER)->total_ns, 3500);
	ck_assert_uint_eq(merge_fixture_function(merged, INNER)->total_ns, 3400);
	ck_assert_uint_eq(merged->quality.inherited, 1);
	ck_assert(merged->quality.identity_holds);
	ck_assert_int_eq(merged->processes[1].parent, 0);
	char *there = merge_fixture_facts(merged);
	struct ap_profile *back = merge_fixture_in("10", 0, NULL);
	char *and_back = merge_fixture_facts(back);
	ck_assert_str_eq(there, and_back);
	free(there);
	free(and_back);
	ap_profile_free(back);
}
END_TEST

START_TEST(a_library_loaded_twice_that_calls_itself_is_recursion)
{
	struct merge_fixture_process p = merge_fixture_begin(10, 0, LOW, 7);
	const uint32_t copy = ap_builder_module(p.b, HIGH, HIGH + 0x10000, "/usr/bin/victim");

	ap_builder_module_at(p.b, copy)->build_id_bytes = 20;
	ap_builder_module_at(p.b, copy)->build_id[0] = 7;
	const uint32_t inner =
		ap_builder_node(p.b, p.outer, ap_builder_function(p.b, HIGH + OUTER, copy + 1));
	ap_builder_leaf(p.b, p.shard, inner, 300);
	ap_builder_call(p.b, p.shard, p.outer, 1000, 700);
	p.events = 4;
	merge_fixture_end(&p);
	merge_fixture_process(11, 0, LOW, 0, 0);
	merge_fixture_all();
	const struct ap_profile_function *f = merge_fixture_function(merged, OUTER);
	ck_assert_uint_eq(f->calls, 3);
	ck_assert_uint_eq(f->total_ns, 1000 + 500);
	ck_assert_uint_eq(f->self_ns, 1000 + 500);
	ck_assert_double_eq(f->sum_ns, 1300 + 500);
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 3);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("merge");
	TCase *tc = tcase_create("merge");

	tcase_add_checked_fixture(tc, merge_fixture_setup, merge_fixture_teardown);
	tcase_add_test(tc, one_program_at_two_addresses_is_one_table);
	tcase_add_test(tc, histograms_and_categories_are_added);
	tcase_add_test(tc, another_build_has_functions_of_its_own);
	tcase_add_test(tc, without_a_build_id_the_file_tells);
	tcase_add_test(tc, any_order_gives_the_same);
	tcase_add_test(tc, the_whole_is_named_for_the_first_and_has_the_figures_of_all);
	tcase_add_test(tc, memory_is_that_of_who_came_nearest_to_its_limit);
	tcase_add_test(tc, events_that_are_missing_in_one_are_missing_in_all);
	tcase_add_test(tc, what_could_not_be_patched_is_that_of_who_tells_most);
	tcase_add_test(tc, more_missed_calls_than_calls_cost_nothing);
	tcase_add_test(tc, notes_are_told_once);
	tcase_add_test(tc, frames_that_a_fork_handed_down_are_no_calls_of_the_child);
	tcase_add_test(tc, a_library_loaded_twice_that_calls_itself_is_recursion);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
