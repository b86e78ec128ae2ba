/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-since.c - what came after a reset, of functions that were demoted and patched. */
#include "profile/since.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/ap_check.h"

#define F 1

/* One function, in one process. */
struct fixture {
	struct ap_profile profile;
	struct ap_profile_function functions[2];
	struct ap_profile_node nodes[1];
	struct ap_profile_process_row row;
};
static struct fixture now, past;

static void init(struct fixture *fx)
{
	memset(fx, 0, sizeof(*fx));
	fx->profile.functions = fx->functions;
	fx->profile.functions_n = 2;
	fx->profile.nodes = fx->nodes;
	fx->profile.nodes_n = 1;
	fx->profile.processes = &fx->row;
	fx->profile.processes_n = 1;
	fx->functions[F].address = 0x401000;
}

static void setup(void)
{
	init(&now);
	init(&past);
}

/* @recorded calls, and @counted that were only counted, for which those in windows stand, or missed. */
static struct ap_profile_function *demoted(struct fixture *fx, uint64_t recorded, uint64_t counted,
					   uint64_t missed, uint64_t self)
{
	struct ap_profile_function *f = &fx->functions[F];

	f->calls = f->timed_calls = recorded + counted + missed;
	f->counted_calls = f->estimated_calls = counted + missed;
	f->missed_calls = missed;
	f->calls_known = missed ? AP_CALLS_ESTIMATED : AP_CALLS_EXACT;
	f->total_ns = f->self_ns = f->raw_total_ns = f->raw_self_ns = self;
	fx->profile.quality.counted_calls = counted;
	fx->profile.quality.missed_calls = missed;
	return f;
}

static const struct ap_profile_function *subtract(void)
{
	const struct ap_profile_function *f = &now.functions[F];
	struct ap_profile_quality *q = &now.profile.quality;

	ck_assert_int_eq(ap_profile_since(&now.profile, &past.profile), 0);
	for (size_t i = 0; i < q->notes_n; i++) {
		free(q->notes[i]);
	}
	free(q->notes);
	ck_assert_uint_eq(f->calls, f->timed_calls + f->untimed_calls);
	ck_assert_uint_le(f->missed_calls, f->counted_calls);
	ck_assert_uint_eq(now.row.calls, f->calls);
	return f;
}

START_TEST(calls_are_those_of_since_then)
{
	demoted(&now, 50, 300, 4000, 900);
	demoted(&past, 20, 100, 1000, 400);
	const struct ap_profile_function *f = subtract();
	ck_assert_uint_eq(f->calls, 30 + 200 + 3000);
	ck_assert_uint_eq(f->counted_calls, 200 + 3000);
	ck_assert_uint_eq(f->estimated_calls, 200 + 3000);
	ck_assert_uint_eq(f->missed_calls, 3000);
	ck_assert_uint_eq(f->self_ns, 500);
}
END_TEST

START_TEST(an_estimate_that_has_become_less_takes_no_counted_calls)
{
	demoted(&now, 50, 300, 600, 900);
	demoted(&past, 20, 100, 1000, 400);
	const struct ap_profile_function *f = subtract();
	ck_assert_uint_eq(f->calls, 30 + 200);
	ck_assert_uint_eq(f->counted_calls, 200);
	ck_assert_uint_eq(f->timed_calls, 30 + 200);
	ck_assert_uint_eq(f->missed_calls, 0);
	ck_assert_uint_eq(f->missed_error, 400); /* by so much it has become less */
}
END_TEST

START_TEST(late_estimates_of_what_was_counted_before_go_by_number)
{
	demoted(&now, 50, 400, 0, 900);
	struct ap_profile_function *f = demoted(&past, 20, 100, 0, 100);
	f->untimed_calls = f->estimated_calls;
	f->timed_calls = 20;
	f->estimated_calls = 0;
	subtract();
	ck_assert_uint_eq(now.functions[F].estimated_calls, 300);
	ck_assert_uint_eq(now.functions[F].timed_calls, 30 + 300);
	ck_assert_uint_eq(now.functions[F].self_ns, 600); /* three quarters of 800 */
}
END_TEST

START_TEST(calls_that_were_cut_stay_without_a_time)
{
	demoted(&now, 50, 400, 0, 900)->untimed_calls = 9;
	now.functions[F].calls += 9;
	demoted(&past, 20, 100, 0, 400)->untimed_calls = 4;
	past.functions[F].calls += 4;
	ck_assert_uint_eq(subtract()->untimed_calls, 5);
}
END_TEST

START_TEST(errors_that_came_one_by_one_are_subtracted_by_their_squares)
{
	demoted(&now, 0, 0, 4000, 900)->missed_error = 500;
	now.functions[F].error_ns = 50;
	demoted(&past, 0, 0, 2000, 450)->missed_error = 300;
	past.functions[F].error_ns = 30;
	const struct ap_profile_function *f = subtract();
	ck_assert_uint_eq(f->missed_error, 400);
	ck_assert_double_eq_tol(f->error_ns, 40, 1e-9);
}
END_TEST

START_TEST(errors_are_no_smaller_part_of_what_is_left)
{
	demoted(&now, 0, 0, 4000, 900)->missed_error = 500;
	now.functions[F].error_ns = 50;
	demoted(&past, 0, 0, 1000, 180)->missed_error = 600;
	past.functions[F].error_ns = 60;
	const struct ap_profile_function *f = subtract();
	ck_assert_uint_eq(f->missed_error, 375);
	ck_assert_double_eq_tol(f->error_ns, 40, 1e-9);
}
END_TEST

START_TEST(errors_of_hooks_alone_grow_with_the_calls)
{
	now.functions[F].error_ns = 50;
	past.functions[F].error_ns = 30;
	ck_assert_double_eq_tol(subtract()->error_ns, 20, 1e-9);
}
END_TEST

START_TEST(what_was_not_known_then_is_not_known_now)
{
	demoted(&now, 0, 0, 4000, 900)->error_ns = 50;
	demoted(&past, 0, 0, 1000, 400)->calls_known = AP_CALLS_MORE;
	now.row.calls_known = AP_CALLS_ESTIMATED;
	const struct ap_profile_function *f = subtract();
	ck_assert_int_eq(f->calls_known, AP_CALLS_MORE);
	ck_assert_int_eq(now.row.calls_known, AP_CALLS_MORE);
	ck_assert_double_eq_tol(f->error_ns, 500, 1e-9);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-since");
	TCase *tests = tcase_create("since");

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, calls_are_those_of_since_then);
	tcase_add_test(tests, an_estimate_that_has_become_less_takes_no_counted_calls);
	tcase_add_test(tests, late_estimates_of_what_was_counted_before_go_by_number);
	tcase_add_test(tests, calls_that_were_cut_stay_without_a_time);
	tcase_add_test(tests, errors_that_came_one_by_one_are_subtracted_by_their_squares);
	tcase_add_test(tests, errors_are_no_smaller_part_of_what_is_left);
	tcase_add_test(tests, errors_of_hooks_alone_grow_with_the_calls);
	tcase_add_test(tests, what_was_not_known_then_is_not_known_now);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
