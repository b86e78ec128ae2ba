/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-compensate.c - what hooks took is in no time, and what they did not take is. */
#include "profile/profile.h"
#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"
#include "tests/support/spool_builder.h"

/* In ticks: nanoseconds, here. */
#define INSIDE 12
#define OUTSIDE 20
#define PAIR (INSIDE + OUTSIDE)

static struct ap_builder *b;
static struct ap_profile *p;
static uint32_t f_main, f_outer, f_leaf, n_main, n_outer, n_leaf;

static void setup(void)
{
	b = ap_builder_new();
	const uint32_t module = ap_builder_module(b, 0x400000, 0x500000, "/usr/bin/victim");
	f_main = ap_builder_function(b, 0x401000, module + 1);
	f_outer = ap_builder_function(b, 0x402000, module + 1);
	f_leaf = ap_builder_function(b, 0x403000, module + 1);
	n_main = ap_builder_node(b, AP_ID_ROOT, f_main);
	n_outer = ap_builder_node(b, n_main, f_outer);
	n_leaf = ap_builder_node(b, n_outer, f_leaf);
	b->hdr->hook_inside_x1000 = INSIDE * 1000;
	b->hdr->hook_outside_x1000 = OUTSIDE * 1000;
	p = NULL;
}

static void teardown(void)
{
	p = ap_profile_free(p);
	b = ap_builder_free(b);
}

static const struct ap_profile *read_it(void)
{
	struct ap_profile_error error;
	size_t size;
	const void *bytes = ap_builder_bytes(b, &size);

	p = ap_profile_free(p);
	ck_assert_msg(ap_profile_parse(bytes, size, NULL, &p, &error) == 0, "%s", error.text);
	const char *wrong = ap_model_check(p);
	ck_assert_msg(!wrong, "%s", wrong);
	return p;
}

static void assert_times(uint32_t function, uint64_t total, uint64_t self)
{
	const struct ap_profile_function *f = &p->functions[function];

	ck_assert_uint_eq(f->total_ns, total);
	ck_assert_uint_eq(f->self_ns, self);
}

/* main does 500 of its own and calls outer 4 times, which does 100 and calls leaf 10 times, which does 7. */
START_TEST(every_call_loses_its_own_hooks_and_its_callers_lose_the_rest)
{
	const uint64_t leaf = 7 + INSIDE, outer_self = 100 + INSIDE + 10 * OUTSIDE;
	const uint64_t outer = outer_self + 10 * leaf;
	const uint64_t main_self = 500 + INSIDE + 4 * OUTSIDE;

	for (int i = 0; i < 40; i++) {
		ap_builder_leaf(b, 0, n_leaf, leaf);
	}
	for (int i = 0; i < 4; i++) {
		ap_builder_call(b, 0, n_outer, outer, outer_self);
	}
	ap_builder_call(b, 0, n_main, main_self + 4 * outer, main_self);

	const struct ap_profile *m = read_it();
	assert_times(f_leaf, 280, 280);
	assert_times(f_outer, 400 + 280, 400);
	assert_times(f_main, 500 + 680, 500);
	ck_assert_uint_eq(m->nodes[n_outer].total_ns, 680);
	ck_assert_uint_eq(m->nodes[n_outer].self_ns, 400);
	const struct ap_profile_function *f = &m->functions[f_outer];
	ck_assert_uint_eq(f->raw_total_ns, 4 * outer);
	ck_assert_uint_eq(f->raw_self_ns, 4 * outer_self);
	ck_assert_double_eq(f->sum_ns - f->hooks_ns, 680);
	ck_assert_double_eq(f->inside_ns, 4 * INSIDE);
	ck_assert_uint_eq(m->quality.compensation_clamps, 0);
	ck_assert_double_eq_tol(m->quality.hook_inside_ns, INSIDE, 1e-9);
	ck_assert_double_eq_tol(m->quality.hook_outside_ns, OUTSIDE, 1e-9);
}
END_TEST

START_TEST(recursion_loses_each_pair_once)
{
	const uint32_t n_inner = ap_builder_node(b, n_outer, f_outer);
	const uint64_t inner = 50 + INSIDE, self = 100 + INSIDE + OUTSIDE;

	ap_builder_node_at(b, n_inner)->flags = AP_NODE_RECURSIVE;
	ap_builder_leaf(b, 0, n_inner, inner);
	ap_builder_call(b, 0, n_outer, self + inner, self);
	read_it();
	assert_times(f_outer, 150, 150);
	ck_assert_double_eq(p->functions[f_outer].sum_ns - p->functions[f_outer].hooks_ns, 200);
}
END_TEST

/* As the runtime has it: in one node. main does 500, and calls outer, which does 100 at each of three levels. */
START_TEST(direct_recursion_pays_for_its_own_calls)
{
	const uint64_t third = 100 + INSIDE, second = 100 + PAIR + third,
		       first = 100 + PAIR + second;
	const uint64_t main_self = 500 + PAIR;

	ap_builder_leaf(b, 0, n_outer, third);
	ap_builder_call(b, 0, n_outer, second, 100 + PAIR);
	ap_builder_call(b, 0, n_outer, first, 100 + PAIR);
	ap_builder_node_stat(b, 0, n_outer)->outer_ticks -= second + third;
	ap_builder_function_stat(b, 0, f_outer)->inner = 2;
	ap_builder_call(b, 0, n_main, main_self + first, main_self);
	read_it();
	assert_times(f_outer, 300, 300);
	assert_times(f_main, 800, 500);
	ck_assert_uint_eq(p->quality.compensation_clamps, 0);
}
END_TEST

START_TEST(no_time_becomes_negative)
{
	ap_builder_leaf(b, 0, n_leaf, INSIDE - 5);
	ap_builder_leaf(b, 0, n_leaf, INSIDE + 2);
	ap_builder_call(b, 0, n_outer, 2 * INSIDE - 3 + PAIR + 39, PAIR + 39 - OUTSIDE);
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->quality.compensation_clamps,
			  2); /* the leaf, and outer: 2 x OUTSIDE + INSIDE */
	assert_times(f_leaf, 0, 0);
	ck_assert_uint_le(m->functions[f_outer].total_ns, m->functions[f_outer].raw_total_ns);
}
END_TEST

START_TEST(what_was_not_calibrated_is_not_taken)
{
	b->hdr->hook_inside_x1000 = b->hdr->hook_outside_x1000 = 0;
	ap_builder_leaf(b, 0, n_leaf, 7);
	ap_builder_call(b, 0, n_outer, 30, 23);
	read_it();
	assert_times(f_leaf, 7, 7);
	assert_times(f_outer, 30, 23);
}
END_TEST

START_TEST(hostile_costs_are_survived)
{
	b->hdr->hook_inside_x1000 = b->hdr->hook_outside_x1000 = UINT64_MAX;
	for (int i = 0; i < 3; i++) {
		ap_builder_leaf(b, 0, n_leaf, 7);
		ap_builder_call(b, 0, n_outer, 30, 23);
	}
	read_it();
}
END_TEST

START_TEST(overhead_is_of_the_time_without_it)
{
	struct ap_profile_quality q = {0};

	ap_profile_overhead(&q, 1200, 200, 100);
	ck_assert_double_eq_tol(q.overhead_pct, 20, 1e-9);
	ck_assert_double_eq_tol(q.empty_hooks_pct, 100.0 / 9, 1e-9);
	ap_profile_overhead(&q, 1000, 1100,
			    100); /* no more is known than that there is little else */
	ck_assert_double_eq_tol(q.overhead_pct, 2200, 1e-9);
	ap_profile_overhead(&q, 0, 100, 100);
	ck_assert_double_eq(q.overhead_pct, 0);
	ck_assert_double_eq(q.empty_hooks_pct, 0);
}
END_TEST

/* A fold that was cut short may have counted a call below twice: 95 do not hold 90 and two times 19. */
START_TEST(a_total_keeps_its_self_time_whatever_is_below)
{
	ap_builder_leaf(b, 0, n_leaf, 7 + INSIDE);
	ap_builder_leaf(b, 0, n_leaf, 7 + INSIDE);
	ap_builder_call(b, 0, n_outer, 95, 90);

	read_it();
	assert_times(f_leaf, 14, 14);
	assert_times(f_outer, 90 - INSIDE - 2 * OUTSIDE, 90 - INSIDE - 2 * OUTSIDE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("profile-compensate");
	TCase *t = tcase_create("hooks");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_call_loses_its_own_hooks_and_its_callers_lose_the_rest);
	tcase_add_test(t, recursion_loses_each_pair_once);
	tcase_add_test(t, direct_recursion_pays_for_its_own_calls);
	tcase_add_test(t, no_time_becomes_negative);
	tcase_add_test(t, a_total_keeps_its_self_time_whatever_is_below);
	tcase_add_test(t, what_was_not_calibrated_is_not_taken);
	tcase_add_test(t, hostile_costs_are_survived);
	tcase_add_test(t, overhead_is_of_the_time_without_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
