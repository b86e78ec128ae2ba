/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-fibers.c - the reader's side of stacks that are no thread's own. */
#include "tests/support/profile_fixture.h"

static void switch_to(uint32_t fiber, uint64_t at)
{
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, fiber, T0 + at);
}

static struct ap_frame frame_of(uint64_t function, uint64_t start)
{
	return (struct ap_frame){.word = ap_event_make_word(function, AP_EVENT_ENTER, 0, SP, 7),
				 .start = T0 + start,
				 .node = ap_fixture_node(function),
				 .stack = (uint16_t)(SP >> 4)};
}

START_TEST(each_stack_has_a_tree_of_its_own_and_stands_still_while_it_is_left)
{
	const uint32_t fiber = ap_builder_fiber(b);

	ap_fixture_enter(A, 0, 0);
	switch_to(fiber, 100);
	ap_fixture_enter(B, 100, 0); /* at the same stack pointer: another stack */
	switch_to(0, 150);
	ap_fixture_enter(C, 160, 1);
	ap_fixture_exit(C, 180, 1);
	switch_to(fiber, 200);
	ap_fixture_exit(B, 225, 0);
	switch_to(0, 300);
	ap_fixture_exit(A, 310, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 100 + 50 + 10, 140);
	ap_fixture_expect(B, 1, 50 + 25, 75);
	ap_fixture_expect(C, 1, 20, 20);
	ck_assert_uint_eq(p->quality.resyncs, 0);
	ck_assert_uint_eq(p->quality.unclosed_frames, 0);
	ck_assert_uint_eq(p->quality.specials, 4);
}
END_TEST

START_TEST(what_folds_left_on_a_fiber_goes_on_where_it_was)
{
	const uint32_t fiber = ap_builder_fiber(b);
	const struct ap_frame frame = frame_of(B, 0);

	ap_builder_fiber_frame(b, fiber, &frame);
	ap_builder_fiber_at(b, fiber)->virtual_ticks = T0 + 40; /* 40 ticks into its call */
	ap_builder_folded(b, thread, 1, 0);
	switch_to(fiber, 1000);
	ap_fixture_exit(B, 1002, 0);
	ap_fixture_read();
	ap_fixture_expect(B, 1, 42, 42);
}
END_TEST

START_TEST(a_thread_found_on_a_fiber_has_that_ones_frames_and_its_own)
{
	const uint32_t fiber = ap_builder_fiber(b);
	const struct ap_frame own = frame_of(A, 0), there = frame_of(B, 50);
	struct ap_thread *t = ap_builder_thread_at(b, thread);

	ap_builder_frame(b, thread, &own);
	ap_builder_fiber_frame(b, fiber, &there);
	t->own_depth = 1;
	t->own_virtual = T0 + 50;
	t->fiber[0] = fiber;
	t->last_ticks = T0 + 60;
	ap_builder_folded(b, thread, 2, 0);
	ap_fixture_exit(B, 70, 0);
	switch_to(0, 80);
	ap_fixture_exit(A, 90, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 50 + 10, 60);
	ap_fixture_expect(B, 1, 20, 20);
}
END_TEST

START_TEST(calls_that_stand_on_a_stack_are_open_at_the_end)
{
	const uint32_t fiber = ap_builder_fiber(b);

	ap_fixture_enter(A, 0, 0);
	switch_to(fiber, 100);
	ap_fixture_enter(B, 100, 0);
	switch_to(0, 150);
	ap_fixture_enter(C, 200, 1);
	ap_fixture_exit(C, 230, 1);
	b->hdr->end_ticks = T0 + 400;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 100 + 250, 320);
	ap_fixture_expect(B, 1, 50, 50);
	ck_assert_uint_eq(ap_fixture_function(B)->open_calls, 1);
	ck_assert_uint_eq(p->threads[0].open_n, 1);
}
END_TEST

START_TEST(the_end_of_a_fiber_closes_its_calls)
{
	const uint32_t fiber = ap_builder_fiber(b);

	switch_to(fiber, 0);
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 10, 1);
	switch_to(0, 30);
	ap_builder_special(b, thread, AP_SPECIAL_FIBER_END, fiber, T0 + 100);
	switch_to(fiber, 200);
	ap_fixture_enter(C, 200, 0);
	ap_fixture_exit(C, 210, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 30, 10);
	ap_fixture_expect(B, 1, 20, 20);
	ap_fixture_expect(C, 1, 10, 10);
	ck_assert_uint_eq(p->quality.unclosed_frames, 2);
}
END_TEST

/* Another thread holds it, or there is no such fiber: what is called there is counted, not timed. */
START_TEST(a_fiber_that_cannot_be_had_is_lost)
{
	const uint32_t fiber = ap_builder_fiber(b);
	const uint32_t other = ap_builder_thread(b, 2, "other");

	ap_builder_thread_at(b, other)->fiber[0] = fiber;
	switch_to(_i ? fiber : fiber + 7, 10);
	ap_fixture_enter(A, 20, 0);
	ap_fixture_enter(B, 30, 1);
	ap_fixture_exit(B, 40, 1);
	switch_to(0, 50);
	ap_fixture_enter(C, 60, 0);
	ap_fixture_exit(C, 70, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 1);
	ck_assert_uint_eq(ap_fixture_function(A)->timed_calls, 0);
	ck_assert_uint_eq(ap_fixture_function(B)->calls, 1);
	ck_assert_uint_eq(p->quality.beyond, 2);
	ck_assert_uint_eq(p->quality.unclosed_frames, 1);
	ap_fixture_expect(C, 1, 10, 10);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-fibers");
	TCase *tests = tcase_create("fibers");

	tcase_add_checked_fixture(tests, ap_fixture_setup, ap_fixture_teardown);
	tcase_add_test(tests, each_stack_has_a_tree_of_its_own_and_stands_still_while_it_is_left);
	tcase_add_test(tests, what_folds_left_on_a_fiber_goes_on_where_it_was);
	tcase_add_test(tests, a_thread_found_on_a_fiber_has_that_ones_frames_and_its_own);
	tcase_add_test(tests, calls_that_stand_on_a_stack_are_open_at_the_end);
	tcase_add_test(tests, the_end_of_a_fiber_closes_its_calls);
	tcase_add_loop_test(tests, a_fiber_that_cannot_be_had_is_lost, 0, 2);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
