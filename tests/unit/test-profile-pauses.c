/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-pauses.c - the reader's side of recording that was stopped and started. */
#include "tests/support/profile_fixture.h"

static void pause(uint64_t stop, uint64_t start)
{
	b->hdr->pauses[b->hdr->pauses_n++] =
		(struct ap_pause){T0 + stop, start == UINT64_MAX ? start : T0 + start};
}

static void switch_to(uint32_t fiber, uint64_t at)
{
	ap_builder_special(b, thread, AP_SPECIAL_FIBER, fiber, T0 + at);
}

static void read_paused(uint64_t while_stopped, uint64_t stops, uint64_t stopped)
{
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.while_stopped, while_stopped);
	ck_assert_uint_eq(p->quality.stops, stops);
	ck_assert_uint_eq(p->quality.stopped_ns, stopped);
	ck_assert_uint_eq(p->quality.unmatched_exits, 0);
	ck_assert(p->quality.identity_holds);
}

START_TEST(what_is_called_in_a_pause_counts_for_nothing)
{
	pause(100, 200);
	ap_fixture_enter(A, 90, 0);
	ap_fixture_exit(A, 99, 0);
	ap_fixture_enter(B, 100, 0); /* from its first moment */
	ap_fixture_exit(B, 199, 0);
	ap_fixture_enter(C, 200, 0); /* to the one before its end */
	ap_fixture_exit(C, 230, 0);
	read_paused(2, 1, 100);
	ap_fixture_expect(A, 1, 9, 9);
	for (size_t i = 0; i < p->functions_n; i++) {
		ck_assert(p->functions[i].address != B); /* nobody has heard of it */
	}
	ap_fixture_expect(C, 1, 30, 30);
}
END_TEST

START_TEST(open_calls_end_where_recording_stops)
{
	pause(100, 200);
	ap_fixture_enter(A, 10, 0);
	ap_fixture_enter(B, 40, 1);
	ap_fixture_exit(B, 150, 1);
	ap_fixture_enter(C, 210, 1); /* not below A any more */
	ap_fixture_exit(C, 220, 1);
	ap_fixture_exit(A, 230, 0);
	read_paused(2, 1, 100);
	ap_fixture_expect(A, 1, 90, 30);
	ap_fixture_expect(B, 1, 60, 60);
	ap_fixture_expect(C, 1, 10, 10);
	ck_assert_uint_eq(p->quality.unclosed_frames, 2);
	ck_assert_uint_eq(p->threads[0].open_n, 0);
}
END_TEST

START_TEST(a_pause_without_events_ends_calls_too)
{
	pause(100, 200);
	pause(300, 400);
	ap_fixture_enter(A, 10, 0);
	ap_fixture_exit(A, 500, 0);
	read_paused(1, 2, 200);
	ap_fixture_expect(A, 1, 90, 90);
}
END_TEST

START_TEST(a_profile_that_ends_in_a_pause_ends_its_calls_at_the_stop)
{
	pause(100, UINT64_MAX);
	ap_fixture_enter(A, 10, 0);
	b->hdr->end_ticks = T0 + 1000;
	read_paused(0, 1, 900);
	ap_fixture_expect(A, 1, 90, 90);
	ck_assert_uint_eq(p->threads[0].open_n, 0);
}
END_TEST

START_TEST(a_pause_that_has_not_begun_changes_nothing)
{
	pause(5000, UINT64_MAX);
	ap_fixture_enter(A, 10, 0);
	b->hdr->end_ticks = T0 + 1000;
	read_paused(0, 0, 0);
	ap_fixture_expect(A, 1, 990, 990);
	ck_assert_uint_eq(p->threads[0].open_n, 1);
}
END_TEST

START_TEST(jumps_and_gaps_are_obeyed_in_a_pause)
{
	pause(100, 200);
	ap_fixture_enter(A, 10, 0);
	ap_builder_special(b, thread, AP_SPECIAL_GAP, 48 >> AP_SPECIAL_UNIT_SHIFT, T0 + 150);
	ap_fixture_enter(B, 210, 1);
	ap_fixture_exit(B, 250, 1);
	read_paused(0, 1, 100);
	ap_fixture_expect(A, 1, 90, 90);
	ap_fixture_expect(B, 1, 40, 40);
	ck_assert_uint_eq(p->quality.specials, 1);
}
END_TEST

START_TEST(calls_on_a_stack_that_was_left_end_where_it_was_left)
{
	const uint32_t fiber = ap_builder_fiber(b);

	pause(100, 200);
	ap_fixture_enter(A, 0, 0);
	switch_to(fiber, 50);
	ap_fixture_enter(B, 60, 0);
	switch_to(0, 150);
	ap_fixture_enter(C, 210, 1);
	ap_fixture_exit(C, 220, 1);
	switch_to(fiber, 230);
	ap_fixture_exit(B, 240, 0);
	read_paused(1, 1, 100);
	ap_fixture_expect(A, 1, 50, 50);
	ap_fixture_expect(B, 1, 40, 40);
	ap_fixture_expect(C, 1, 10, 10);
}
END_TEST

START_TEST(an_exit_without_its_enter_is_unmatched_only_where_others_are_open)
{
	pause(100, 200);
	ap_fixture_exit(A, 210, 0);
	ap_fixture_enter(B, 220, 0);
	ap_fixture_exit(C, 230, 0);
	ap_fixture_exit(B, 240, 0);
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.while_stopped, 1);
	ck_assert_uint_eq(p->quality.unmatched_exits, 1);
	ck_assert(p->quality.identity_holds);
}
END_TEST

START_TEST(what_folds_in_the_program_left_out_is_part_of_the_identity)
{
	pause(100, 200);
	ap_builder_folded(b, thread, 7, 0);
	ap_builder_shard_at(b, 0)->while_stopped = 7;
	b->hdr->end_ticks = T0 + 1000;
	read_paused(7, 1, 100);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-pauses");
	TCase *tests = tcase_create("pauses");

	tcase_add_checked_fixture(tests, ap_fixture_setup, ap_fixture_teardown);
	tcase_add_test(tests, what_is_called_in_a_pause_counts_for_nothing);
	tcase_add_test(tests, open_calls_end_where_recording_stops);
	tcase_add_test(tests, a_pause_without_events_ends_calls_too);
	tcase_add_test(tests, a_profile_that_ends_in_a_pause_ends_its_calls_at_the_stop);
	tcase_add_test(tests, a_pause_that_has_not_begun_changes_nothing);
	tcase_add_test(tests, jumps_and_gaps_are_obeyed_in_a_pause);
	tcase_add_test(tests, calls_on_a_stack_that_was_left_end_where_it_was_left);
	tcase_add_test(tests, an_exit_without_its_enter_is_unmatched_only_where_others_are_open);
	tcase_add_test(tests, what_folds_in_the_program_left_out_is_part_of_the_identity);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
