/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-patched.c - how many calls were there while hooks were patched out? */
#include "tests/support/profile_fixture.h"

/* A was patched; B and what has no gate are others. */
static struct ap_gates *first;
static struct ap_sleeper *sleeper; /* A in the first table */
static struct ap_patched *patched;
static uint32_t ids[2];

static struct ap_gates *table(void)
{
	const ap_ref ref = ap_builder_alloc(b, sizeof(*first));
	struct ap_gates *gates = ap_builder_at(b, ref);

	gates->next = b->hdr->gates;
	gates->sleepers = ap_builder_alloc(b, sizeof(struct ap_sleepers));
	b->hdr->gates = ref;
	return gates;
}

static void gate(struct ap_gates *gates, uint64_t address, uint64_t calls)
{
	gates->gate[ap_gate_place(address, 0)] = (struct ap_gate){
		.function = address,
		.base = (uint32_t)calls,
		.known = calls,
		.id = ids[address == B],
	};
}

/* A's gate has counted @calls; how many were missed in sleeps that are over is @missed. */
static struct ap_sleeper *slept(struct ap_gates *gates, uint64_t calls, uint64_t missed)
{
	struct ap_sleepers *sleepers = ap_builder_at(b, gates->sleepers);

	gate(gates, A, calls);
	gates->awake_others = 40;
	sleepers->all[0] = (struct ap_sleeper){
		.state = AP_SLEEPER_COUNTS,
		.seen = calls,
		.awake_calls = 400,
		.missed = missed,
	};
	return &sleepers->all[0];
}

static void setup(void)
{
	ap_fixture_setup();
	ids[0] = ap_builder_function(b, A, 1);
	ids[1] = ap_builder_function(b, B, 1);
	first = table();
	const ap_ref ref = ap_builder_alloc(b, sizeof(*patched));
	patched = ap_builder_at(b, ref);
	*patched = (struct ap_patched){
		.function = ids[0],
		.address = A,
		.sleeps = 5,
	};
	b->hdr->patch_wanted = 1;
	b->hdr->patched = ref;
	b->hdr->patched_n = 1;
	sleeper = slept(first, 1000, 4000);
}

static void expect(uint64_t missed, uint64_t error, enum ap_calls_known known)
{
	ap_fixture_read();
	const struct ap_profile_function *f = ap_fixture_function(A);

	ck_assert_uint_eq(f->missed_calls, missed);
	ck_assert_uint_eq(f->missed_error, error);
	ck_assert_int_eq(f->calls_known, known);
	ck_assert_uint_eq(f->calls, f->counted_calls);
	ck_assert_uint_eq(p->quality.missed_calls, missed);
	ck_assert_uint_eq(p->quality.patched, 1);
}

START_TEST(as_many_as_was_estimated)
{
	/* 2 % is what the model itself may be wrong by. */
	expect(4000, 80, AP_CALLS_ESTIMATED);
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 1000 + 4000);
}
END_TEST

START_TEST(what_was_counted_in_sleep_is_not_missed)
{
	patched->leaked = 80;
	expect(4000 - 80, 80, AP_CALLS_ESTIMATED);
	b->hdr->asleep_since = T0;
	b->hdr->asleep_late = UINT64_MAX / 4;
	sleeper->seen = 980;
	expect(4000 - 80 - 20, 80, AP_CALLS_ESTIMATED);
}
END_TEST

START_TEST(threads_are_added_up_and_so_are_their_errors)
{
	struct ap_sleeper *second = slept(table(), 300, 600);
	second->error[0] = 300 * 300;
	sleeper->error[0] = 400 * 400;
	expect(4000 + 600, 706, AP_CALLS_ESTIMATED); /* 700, and 92 by the model */
}
END_TEST

START_TEST(squares_have_two_halves)
{
	sleeper->missed = 1ull << 40;
	sleeper->error[1] = 1ull << 10;				 /* 2^74 */
	expect(1ull << 40, 139187054927ull, AP_CALLS_ESTIMATED); /* 2^37, and 2 % of 2^40 */
}
END_TEST

/* A phase with hooks in which others made 30 calls, and a sleep in which they made 50. */
static void phase_of(uint64_t calls)
{
	sleeper->now_calls += calls;
	sleeper->squares[0] += calls * calls;
	sleeper->products[0] += calls * 30;
	first->now_others += 30;
	first->now_squares[0] += 30 * 30;
	first->now_phases++;
}

START_TEST(a_batch_that_is_not_over_tells_of_its_sleeps)
{
	phase_of(300);
	phase_of(300);
	first->sleep_others = 50;
	/* 250 by how few there are, 90 by the model, 20 of the sample. */
	expect(4000 + 500, 266, AP_CALLS_ESTIMATED);
}
END_TEST

START_TEST(phases_that_differ_tell_the_error)
{
	phase_of(200);
	phase_of(400);
	first->sleep_others = 50;
	expect(4000 + 500, 363, AP_CALLS_ESTIMATED); /* 247 of phases, and the same */
}
END_TEST

START_TEST(phases_that_differ_in_all_alike_do_not)
{
	phase_of(600);
	first->now_others += 30;
	first->now_squares[0] = 60 * 60;
	sleeper->products[0] = 600 * 60;
	phase_of(300);
	first->sleep_others = 75;
	expect(4000 + 750, 388, AP_CALLS_ESTIMATED); /* 375, 95 and 25 */
}
END_TEST

START_TEST(the_phase_that_is_not_over_is_one)
{
	phase_of(200);
	gate(first, B, 30);
	gate(first, A, 1000 + 400);
	first->sleep_others = 50;
	expect(4000 + 500, 363, AP_CALLS_ESTIMATED);
}
END_TEST

static void eight_phases(void)
{
	for (int i = 0; i < 8; i++) {
		phase_of(300);
	}
}

START_TEST(eight_phases_are_not_few)
{
	eight_phases();
	first->sleep_others = 50;
	expect(4000 + 500, 91, AP_CALLS_ESTIMATED); /* 90 by the model, 10 of the sample */
}
END_TEST

/* It goes on; others have made 20 calls in it. */
static void sleep_on(void)
{
	b->hdr->asleep_since = T0;
	b->hdr->asleep_late = UINT64_MAX / 4;
	gate(first, B, 50);
	first->others = 500;
	first->others_seen = 530;
}

START_TEST(a_sleep_without_phases_is_like_those_before)
{
	sleep_on();
	sleeper->error[0] = 400 * 400;
	expect(4000 + 200, 418,
	       AP_CALLS_ESTIMATED); /* 400 of 4,000, so 410 of 4,200, and 84 by the model */
}
END_TEST

START_TEST(of_a_sleep_that_goes_on_for_too_long_nothing_is_known)
{
	sleep_on();
	b->hdr->asleep_late = T0 + 1;
	b->hdr->end_ticks = T0 + 2;
	b->hdr->asleep_late_cpu_ns = 1000;
	b->hdr->usage.cpu_at_ticks = T0 + 1;
	b->hdr->usage.cpu_ns = 1000;
	expect(4000 + 200, 84, AP_CALLS_ESTIMATED); /* idle */
	b->hdr->usage.cpu_ns = 1001;
	expect(0, 0, AP_CALLS_MORE);
	b->hdr->usage.cpu_ns = 1000;
	b->hdr->usage.cpu_at_ticks = T0 - 1;
	b->hdr->usage.at_ticks = T0 + 1; /* a sign of life says nothing of CPU time */
	expect(0, 0, AP_CALLS_MORE);
	b->hdr->asleep_late = UINT64_MAX / 4;
	expect(4000 + 200, 84, AP_CALLS_ESTIMATED);
}
END_TEST

START_TEST(of_the_first_sleep_all_is_uncertain)
{
	sleep_on();
	sleeper->missed = 0;
	expect(200, 200, AP_CALLS_ESTIMATED);
}
END_TEST

START_TEST(one_that_joined_in_this_phase_does_not_tell_yet)
{
	gate(first, B, 30);
	gate(first, A, 1000 + 300);
	first->sleep_others = 50;
	sleeper->state = AP_SLEEPER_JOINED;
	sleeper->missed = sleeper->awake_calls = 0;
	sleeper->pending = 30;
	first->sleep_others = 0;
	expect(300, 300, AP_CALLS_ESTIMATED); /* 30 calls of others, by one phase */
}
END_TEST

START_TEST(where_nothing_else_is_called_there_were_more)
{
	first->awake_others = 0;
	expect(0, 0, AP_CALLS_MORE);
}
END_TEST

START_TEST(a_thread_without_others_is_no_more_than_the_error_when_it_called_little)
{
	struct ap_gates *second = table();
	struct ap_sleeper *s = slept(second, 9, 0);

	second->awake_others = 0;
	s->seen = 0;
	expect(4000, 80, AP_CALLS_ESTIMATED);
	gate(second, A, 10);
	expect(0, 0, AP_CALLS_MORE);
}
END_TEST

START_TEST(a_thread_that_ran_in_sleep_only_is_like_the_others)
{
	struct ap_gates *second = table();

	slept(second, 0, 0)->awake_calls = 0;
	second->awake_others = 0;
	second->sleep_others = 50;
	expect(4000 + 500, 506, AP_CALLS_ESTIMATED); /* 500, and 80 by the model */
}
END_TEST

START_TEST(a_thread_that_had_no_room_for_its_gate)
{
	patched->uncounted = 1;
	expect(0, 0, AP_CALLS_MORE);
}
END_TEST

START_TEST(a_function_that_never_slept_is_exact)
{
	patched->sleeps = 0;
	expect(0, 0, AP_CALLS_EXACT);
	patched->uncounted = 1; /* its hooks may be out */
	expect(0, 0, AP_CALLS_MORE);
}
END_TEST

START_TEST(a_table_that_cannot_be_read_may_have_had_any_calls)
{
	first->next = 0x7fffffff;
	expect(0, 0, AP_CALLS_MORE);
	first->next = 0;
	first->sleepers = 0x7fffffff;
	expect(0, 0, AP_CALLS_MORE);
}
END_TEST

START_TEST(none_missed_is_still_an_estimate)
{
	sleeper->missed = 90;
	sleeper->error[0] = 30 * 30;
	patched->leaked = 100;
	expect(0, 104, AP_CALLS_ESTIMATED); /* 30, 2 by the model, and 100 */
}
END_TEST

START_TEST(calls_beyond_all_numbers_are_the_largest_number)
{
	gate(first, A, UINT64_MAX - 5);
	sleeper->seen = UINT64_MAX - 5;
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->missed_calls, 4000);
	ck_assert_uint_eq(ap_fixture_function(A)->counted_calls, UINT64_MAX);
	ck_assert_uint_eq(p->quality.counted_calls, 1ull << 63);
}
END_TEST

START_TEST(numbers_that_lie_outside_are_damage)
{
	b->hdr->patched_n = AP_PATCHED_MOST + 1;
	ap_fixture_read();
	b->hdr->patched_n = 1;
	patched->function = 1u << 30;
	ap_fixture_read();
	b->hdr->patched = 0x7fffffff;
	ap_fixture_read();
	ck_assert_uint_eq(p->quality.missed_calls, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-patched");
	TCase *tests = tcase_create("patched");

	tcase_add_checked_fixture(tests, setup, ap_fixture_teardown);
	tcase_add_test(tests, as_many_as_was_estimated);
	tcase_add_test(tests, what_was_counted_in_sleep_is_not_missed);
	tcase_add_test(tests, threads_are_added_up_and_so_are_their_errors);
	tcase_add_test(tests, squares_have_two_halves);
	tcase_add_test(tests, a_batch_that_is_not_over_tells_of_its_sleeps);
	tcase_add_test(tests, phases_that_differ_tell_the_error);
	tcase_add_test(tests, phases_that_differ_in_all_alike_do_not);
	tcase_add_test(tests, the_phase_that_is_not_over_is_one);
	tcase_add_test(tests, eight_phases_are_not_few);
	tcase_add_test(tests, a_sleep_without_phases_is_like_those_before);
	tcase_add_test(tests, of_a_sleep_that_goes_on_for_too_long_nothing_is_known);
	tcase_add_test(tests, of_the_first_sleep_all_is_uncertain);
	tcase_add_test(tests, one_that_joined_in_this_phase_does_not_tell_yet);
	tcase_add_test(tests, where_nothing_else_is_called_there_were_more);
	tcase_add_test(tests,
		       a_thread_without_others_is_no_more_than_the_error_when_it_called_little);
	tcase_add_test(tests, a_thread_that_ran_in_sleep_only_is_like_the_others);
	tcase_add_test(tests, a_thread_that_had_no_room_for_its_gate);
	tcase_add_test(tests, a_function_that_never_slept_is_exact);
	tcase_add_test(tests, a_table_that_cannot_be_read_may_have_had_any_calls);
	tcase_add_test(tests, none_missed_is_still_an_estimate);
	tcase_add_test(tests, calls_beyond_all_numbers_are_the_largest_number);
	tcase_add_test(tests, numbers_that_lie_outside_are_damage);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
