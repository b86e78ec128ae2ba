/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-ring.c - events that were pending: where they are found, when, and whose they are. */
#include <string.h>

#include "tests/support/profile_fixture.h"

START_TEST(nested_calls_have_their_times_and_paths)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	ap_fixture_enter(C, 150, 2);
	ap_fixture_exit(C, 180, 2);
	ap_fixture_exit(B, 400, 1);
	ap_fixture_exit(A, 1000, 0);

	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 700);
	ap_fixture_expect(B, 1, 300, 270);
	ap_fixture_expect(C, 1, 30, 30);
	ck_assert_uint_eq(p->quality.pending, 6);
	ck_assert_uint_eq(p->quality.folded, 0);
	ck_assert_uint_eq(p->quality.attempted, 6);
	ck_assert_uint_eq(p->threads[0].pending, 6);
	ck_assert_uint_eq(p->nodes_n, AP_ID_FIRST + 3);
	ck_assert_uint_eq(p->nodes[AP_ID_FIRST].parent, AP_ID_ROOT);
	ck_assert_uint_eq(p->nodes[AP_ID_FIRST + 2].parent, AP_ID_FIRST + 1);
	ck_assert_int_eq(ap_fixture_function(C)->module, 0);
	ck_assert_uint_eq(ap_fixture_function(B)->min_ns, 300);
	ck_assert_uint_eq(ap_fixture_function(B)->max_ns, 300);
	ck_assert_double_eq(ap_fixture_function(B)->sum_squares, 90000);
}
END_TEST

START_TEST(known_functions_and_paths_are_used_again)
{
	const uint32_t f = ap_builder_function(b, A, 1);
	const uint32_t n = ap_builder_node(b, AP_ID_ROOT, f);
	ap_builder_leaf(b, 0, n, 300);
	ap_builder_folded(b, thread, 2, 0);
	ap_fixture_enter(A, 0, 0);
	ap_fixture_exit(A, 100, 0);

	ap_fixture_read();
	ck_assert_uint_eq(p->functions_n, f + 1);
	ck_assert_uint_eq(p->nodes_n, n + 1);
	ck_assert_uint_eq(p->nodes[n].calls, 2);
	ck_assert_uint_eq(p->nodes[n].min_ns, 100);
	ck_assert_uint_eq(p->nodes[n].max_ns, 300);
	ap_fixture_expect(A, 2, 400, 400);
	ck_assert_uint_eq(p->threads[0].folded, 2);
	ck_assert_uint_eq(p->threads[0].attempted, 4);
}
END_TEST

START_TEST(folding_goes_on_in_the_middle_of_a_chunk_over_many_chunks)
{
	/* 10 events of the first chunk are folded: five calls of A. */
	const uint32_t n = ap_fixture_node(A);
	for (uint64_t i = 0; i < 500; i++) {
		ap_fixture_enter(A, 100 * i, 0);
		ap_fixture_exit(A, 100 * i + 10, 0);
	}
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	t->folded = 10;
	t->fold = AP_FOLD(0, 0, 10);
	t->last_ticks = T0 + 410;
	for (int i = 0; i < 5; i++) {
		ap_builder_leaf(b, 0, n, 10);
	}
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.attempted, 1000);
	ck_assert_uint_eq(p->quality.folded, 10);
	ck_assert_uint_eq(p->quality.pending, 990);
	ap_fixture_expect(A, 500, 5000, 5000);
}
END_TEST

START_TEST(a_first_chunk_that_is_folded_to_its_end_is_passed_over)
{
	for (uint64_t i = 0; i < 40; i++) {
		ap_fixture_enter(A, 10 * i, 0);
		ap_fixture_exit(A, 10 * i + 5, 0);
	}
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	const uint32_t n = ap_fixture_node(A);
	t->fold = AP_FOLD(0, 0, 64);
	for (int i = 0; i < 32; i++) {
		ap_builder_leaf(b, 0, n, 5);
	}
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.pending, 16);
	ap_fixture_expect(A, 40, 200, 200);
}
END_TEST

START_TEST(positions_are_widened_from_31_bits)
{
	const uint64_t before = (5ull << 31) - 2;
	const uint32_t n = ap_fixture_node(B);
	struct ap_node_stat *s = ap_builder_node_stat(b, 0, n);
	s->leaf_calls = before / 2;
	ap_builder_folded(b, thread, before, 0);
	for (uint64_t i = 0; i < 100; i++) {
		ap_fixture_enter(A, 10 * i, 0);
		ap_fixture_exit(A, 10 * i + 5, 0);
	}
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.attempted, before + 200);
	ck_assert_uint_eq(p->quality.pending, 200);
	ck_assert_uint_eq(p->quality.folded, before);
}
END_TEST

START_TEST(a_hole_is_torn_and_the_fold_goes_on_behind_it)
{
	ap_fixture_enter(A, 0, 0);
	ap_builder_slot(b, thread);
	ap_fixture_enter(B, 10, 1);
	ap_fixture_exit(B, 20, 1);
	ap_builder_slot(b, thread)->word = 3ull << AP_EVENT_LAP_SHIFT; /* of another lap */
	ap_fixture_exit(A, 100, 0);

	ap_fixture_read();
	ap_fixture_expect(A, 1, 100, 90);
	ap_fixture_expect(B, 1, 10, 10);
	ck_assert_uint_eq(p->quality.attempted, 6);
	ck_assert_uint_eq(p->quality.pending, 4);
	ck_assert_uint_eq(p->quality.dropped[3].events, 2);
	ck_assert_uint_eq(p->threads[0].torn, 2);
}
END_TEST

START_TEST(slots_above_the_cursor_do_not_count)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_exit(A, 100, 0);
	ap_fixture_enter(B, 200, 0);
	ap_fixture_exit(B, 300, 0);
	ap_builder_thread_at(b, thread)->cursor -= 2 * sizeof(struct ap_event);
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.attempted, 2);
	ck_assert_uint_eq(p->quality.pending, 2);
	ap_fixture_expect(A, 1, 100, 100);
}
END_TEST

START_TEST(a_cursor_beyond_a_full_chunk_means_all_of_it)
{
	for (uint64_t i = 0; i < 32; i++) {
		ap_fixture_enter(A, 10 * i, 0);
		ap_fixture_exit(A, 10 * i + 5, 0);
	}
	ap_builder_thread_at(b, thread)->cursor += 5 * sizeof(struct ap_event);
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.attempted, 64);
	ap_fixture_expect(A, 32, 160, 160);
}
END_TEST

/* A chunk is linked behind the one before; the cursor still stands where a hook found that one full. */
static void link_unused_chunk(ap_ref chunk)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	struct ap_chunk *before = ap_builder_at(b, t->last_chunk);
	struct ap_chunk *last = ap_builder_at(b, chunk);

	/* It was used before, in another lap than the one that it shows. */
	memcpy(last, before, sizeof(*before) + 64 * sizeof(struct ap_event));
	last->lap_base = AP_CHUNK_LAP_BASE(AP_CHUNK_LAP(before->lap_base) % 3 + 1, 64);
	last->next = 0;
	before->next = chunk;
	t->last_chunk = chunk;
	t->cursor += sizeof(struct ap_event);
}

START_TEST(a_chunk_that_the_cursor_has_not_reached_yet_is_empty)
{
	const size_t bytes = sizeof(struct ap_chunk) + 64 * sizeof(struct ap_event);
	const ap_ref below = ap_builder_alloc(b, bytes);

	for (uint64_t i = 0; i < 32; i++) {
		ap_fixture_enter(A, 10 * i, 0);
		ap_fixture_exit(A, 10 * i + 5, 0);
	}
	link_unused_chunk(_i ? below : ap_builder_alloc(b, bytes));
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.attempted, 64);
	ck_assert_uint_eq(p->quality.pending, 64);
	ck_assert_uint_eq(p->quality.dropped[3].events, 0);
}
END_TEST

START_TEST(a_chunk_without_a_lap_is_empty)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_exit(A, 10, 0);
	ap_builder_chunk(b, thread, 64)->lap_base = AP_CHUNK_LAP_BASE(0, 64);
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.pending, 2);
	ck_assert_uint_eq(p->quality.notes_n, 0);
}
END_TEST

START_TEST(slots_reserved_after_the_announced_end_are_no_events)
{
	ap_fixture_enter(A, 0, 0);
	ap_builder_slot(b, thread); /* in flight */
	ap_fixture_exit(A, 100, 0);
	ap_builder_slot(b, thread);
	ap_builder_slot(b, thread);
	b->hdr->end_ticks = T0 + 500;
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.attempted, 3);
	ck_assert_uint_eq(p->quality.dropped[3].events, 1);
}
END_TEST

START_TEST(a_clock_that_steps_back_stands_still_and_is_counted)
{
	ap_fixture_enter(A, 100, 0);
	ap_fixture_enter(B, 200, 1);
	ap_fixture_exit(B, 150, 1);
	ap_fixture_exit(A, 300, 0);
	ap_fixture_read();
	ap_fixture_expect(B, 1, 0, 0);
	ap_fixture_expect(A, 1, 200, 200);
	ck_assert_uint_eq(p->quality.clamps, 1);
}
END_TEST

START_TEST(times_are_widened_from_48_bits)
{
	const uint64_t wrap = 7ull << 48;
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	b->hdr->clock_first.ticks = t->start_ticks = wrap - 1000;
	b->hdr->clock_last.ticks = wrap - 1000;
	ap_builder_event(b, thread, AP_EVENT_ENTER, A, wrap - 500, SP);
	ap_builder_event(b, thread, AP_EVENT_EXIT, A, wrap + 500, SP);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 1000);
	ck_assert_uint_eq(p->process.duration_ns, 1500);
	ck_assert_uint_eq(p->quality.clamps, 0);
}
END_TEST

START_TEST(an_address_belongs_to_the_module_that_was_there_at_the_time)
{
	/* Two libraries loaded one after the other at the same place. */
	const uint32_t first = ap_builder_module(b, 0x700000, 0x800000, "/lib/first.so");
	const uint32_t second = ap_builder_module(b, 0x700000, 0x800000, "/lib/second.so");
	ap_builder_module_at(b, first)->unload_ticks = T0 + 500;
	ap_builder_module_at(b, second)->load_ticks = T0 + 600;
	const uint32_t known = ap_builder_function(b, 0x701000, first + 1);
	ap_fixture_enter(0x701000, 10, 0);
	ap_fixture_exit(0x701000, 20, 0);
	ap_fixture_enter(0x702000, 30, 0);
	ap_fixture_exit(0x702000, 40, 0);
	ap_fixture_enter(0x701000, 710, 0);
	ap_fixture_exit(0x701000, 730, 0);
	ap_fixture_read();
	ck_assert_uint_eq(p->functions[known].calls, 1);
	ck_assert_uint_eq(p->functions_n, known + 3);
	ck_assert_int_eq(p->functions[known + 1].module, (int32_t)first);
	ck_assert_uint_eq(p->functions[known + 2].address, 0x701000);
	ck_assert_int_eq(p->functions[known + 2].module, (int32_t)second);
	ck_assert_uint_eq(p->functions[known + 2].total_ns, 20);
}
END_TEST

START_TEST(an_ended_thread_whose_events_were_left_is_finished)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	ap_fixture_enter(A, 0, 0);
	ap_fixture_exit(A, 100, 0);
	t->state = AP_THREAD_ENDED;
	t->end_ticks = T0 + 150;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 100, 100);
	ck_assert(!p->threads[0].live);
	ck_assert_uint_eq(p->quality.pending, 2);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-ring");
	TCase *tests = tcase_create("ring");

	tcase_add_checked_fixture(tests, ap_fixture_setup, ap_fixture_teardown);
	tcase_add_test(tests, nested_calls_have_their_times_and_paths);
	tcase_add_test(tests, known_functions_and_paths_are_used_again);
	tcase_add_test(tests, folding_goes_on_in_the_middle_of_a_chunk_over_many_chunks);
	tcase_add_test(tests, a_first_chunk_that_is_folded_to_its_end_is_passed_over);
	tcase_add_test(tests, positions_are_widened_from_31_bits);
	tcase_add_test(tests, a_hole_is_torn_and_the_fold_goes_on_behind_it);
	tcase_add_test(tests, slots_above_the_cursor_do_not_count);
	tcase_add_test(tests, a_cursor_beyond_a_full_chunk_means_all_of_it);
	tcase_add_loop_test(tests, a_chunk_that_the_cursor_has_not_reached_yet_is_empty, 0, 2);
	tcase_add_test(tests, a_chunk_without_a_lap_is_empty);
	tcase_add_test(tests, slots_reserved_after_the_announced_end_are_no_events);
	tcase_add_test(tests, a_clock_that_steps_back_stands_still_and_is_counted);
	tcase_add_test(tests, times_are_widened_from_48_bits);
	tcase_add_test(tests, an_address_belongs_to_the_module_that_was_there_at_the_time);
	tcase_add_test(tests, an_ended_thread_whose_events_were_left_is_finished);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
