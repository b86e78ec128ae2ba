/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-gates.c - the reader's side of a budget: calls that were counted, and windows of recording. */
#include "tests/support/profile_fixture.h"

/* M calls A, which is demoted, and B, which is not. */
#define M C

static struct ap_gates *gates;

static struct ap_gate *demote(uint64_t address, uint64_t calls)
{
	struct ap_gate *gate = &gates->gate[ap_gate_place(address, 0)];

	while (gate->function) {
		gate++;
	}
	*gate = (struct ap_gate){
		.function = address,
		.base = (uint32_t)calls,
		.known = calls,
		.id = ap_builder_function(b, address, 1),
	};
	return gate;
}

/* A, which is demoted, was patched: a standard error of @error calls, besides 2 % of those that were missed. */
static struct ap_patched *patch_a(struct ap_gate *gate, uint64_t missed, uint64_t error2)
{
	gates->sleepers = ap_builder_alloc(b, sizeof(struct ap_sleepers));
	gates->awake_others = 1;
	b->hdr->patched = ap_builder_alloc(b, sizeof(struct ap_patched));
	b->hdr->patched_n = 1;
	((struct ap_sleepers *)ap_builder_at(b, gates->sleepers))->all[0] = (struct ap_sleeper){
		.state = AP_SLEEPER_COUNTS,
		.seen = gate->known,
		.missed = missed,
		.error = {error2},
	};
	struct ap_patched *patched = ap_builder_at(b, b->hdr->patched);
	*patched = (struct ap_patched){.function = gate->id, .address = A, .sleeps = 1};
	return patched;
}

static void setup(void)
{
	ap_fixture_setup();
	const ap_ref ref = ap_builder_alloc(b, sizeof(*gates));
	gates = ap_builder_at(b, ref);
	gates->weight_log2 = 3;
	b->hdr->gates = ref;
	ap_builder_thread_at(b, thread)->gates = ref;
	ap_builder_thread_at(b, thread)->window = AP_WINDOW_THIN;
}

static void window(uint32_t group, uint64_t at)
{
	ap_builder_special(b, thread, AP_SPECIAL_WINDOW, group, T0 + at);
}

static void call(uint64_t address, uint64_t from, uint64_t to, unsigned depth)
{
	ap_fixture_enter(address, from, depth);
	ap_fixture_exit(address, to, depth);
}

/* A leaf, and demoted: what its histograms hold stands for its calls, and is not as many. */
static void expect(uint64_t address, uint64_t calls, uint64_t self)
{
	const struct ap_profile_function *f = ap_fixture_function(address);

	ck_assert_uint_eq(f->calls, calls);
	ck_assert_uint_eq(f->timed_calls, calls);
	ck_assert_uint_eq(f->self_ns, self);
	ck_assert_uint_eq(f->total_ns, self);
}

/* 100 long, with two calls of A that last for @each. */
static void window_of_two(uint32_t group, uint64_t start, uint64_t each)
{
	window(group, start);
	call(A, start + 10, start + 10 + each, 1);
	call(A, start + 20 + each, start + 20 + 2 * each, 1);
	window(0, start + 100);
}

START_TEST(time_between_windows_is_divided_as_windows_say)
{
	demote(A, 8);
	ap_fixture_enter(M, 0, 0);
	window_of_two(1, 100, 10);
	ap_fixture_exit(M, 1100, 0);
	ap_fixture_read();
	/* Each A stands for 4 more, and so does M's own time with them: 80 to 320 are the 1,000 between. */
	expect(A, 10, 20 + 200);
	ap_fixture_expect(M, 1, 1100, 80 + 800);
	ck_assert_uint_eq(ap_fixture_function(A)->counted_calls, 8);
	ck_assert_uint_eq(ap_fixture_function(A)->estimated_calls, 8);
	ck_assert_uint_eq(ap_fixture_function(A)->untimed_calls, 0);
	ck_assert_uint_eq(p->quality.counted_calls, 8);
	ck_assert_uint_eq(p->quality.unmatched_exits, 0);
	ck_assert_uint_eq(p->quality.unclosed_frames, 0);
}
END_TEST

START_TEST(hooks_in_windows_take_what_they_take_there)
{
	demote(A, 8);
	b->hdr->window_inside_x1000 = 2000;
	b->hdr->window_outside_x1000 = 6000;
	ap_fixture_enter(M, 0, 0);
	window_of_two(1, 100, 10);
	ap_fixture_exit(M, 1100, 0);
	ap_fixture_read();
	/* Of the window 16 to 68 are left. */
	expect(A, 10, 16 + 190);
	ck_assert_double_eq_tol(ap_fixture_function(A)->inside_ns, 8 * 2, 1e-9);
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 68 + 810);
}
END_TEST

/* A call of A takes 10 and M 40 for it; in windows the hooks add 3 to both, of which 1 was calibrated. */
static struct ap_gate *record_cycles(unsigned n, uint64_t between)
{
	struct ap_gate *gate = demote(A, 8ull * n);

	b->hdr->window_inside_x1000 = b->hdr->window_outside_x1000 = 1000;
	ap_fixture_enter(M, 0, 0);
	for (unsigned i = 0; i < n; i++) {
		const uint64_t start = (112 + between) * i;
		window(i % AP_WINDOW_GROUPS + 1, start);
		call(A, start + 20, start + 33, 1);
		call(A, start + 76, start + 89, 1);
		window(0, start + 112);
	}
	ap_fixture_exit(M, (112 + between) * n, 0);
	return gate;
}

static void cycles_of_ten_calls(unsigned n, uint64_t between)
{
	record_cycles(n, between);
	ap_fixture_read();
}

START_TEST(windows_take_as_long_as_what_they_stand_for)
{
	const unsigned n = 20 * AP_WINDOW_GROUPS;

	cycles_of_ten_calls(n, 400);
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 10ull * n);
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, 100.0 * n, n);
	ck_assert_double_eq_tol((double)ap_fixture_function(M)->self_ns, 400.0 * n, n);
}
END_TEST

/* Else hooks in windows would take nothing, and stay in the time of short calls. */
START_TEST(a_program_that_waits_between_windows_does_not_tell_what_hooks_take)
{
	const unsigned n = 20 * AP_WINDOW_GROUPS;

	cycles_of_ten_calls(n, 800);
	/* 24 and 84 are left of a window. */
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, (24 + 177.8) * n, n);
	ck_assert_double_eq_tol((double)ap_fixture_function(M)->self_ns, (84 + 622.2) * n, n);
}
END_TEST

START_TEST(a_few_windows_do_not_tell_what_hooks_take)
{
	cycles_of_ten_calls(10, 400);
	/* 24 and 84 are left of a window, and between are 400. */
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, 10 * (24 + 88.9), 10);
}
END_TEST

/* A call stands for 54 in windows and for 50 between them. If 1 of 54 calls more or less is the error, that is 1 more or less, as
 * much as code may differ by: so of the 4 that hooks take more, half is believed. */
START_TEST(calls_that_are_estimates_tell_less_of_what_hooks_take)
{
	const unsigned n = 20 * AP_WINDOW_GROUPS;

	patch_a(record_cycles(n, 400), 0, 430);
	ap_fixture_read();
	/* 22 and 82 are left of a window. */
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, (22 + 84.6) * n, n / 2.0);
}
END_TEST

START_TEST(calls_that_nobody_knows_do_not_tell_what_hooks_take)
{
	const unsigned n = 20 * AP_WINDOW_GROUPS;

	patch_a(record_cycles(n, 400), 0, 0)->uncounted = 1;
	ap_fixture_read();
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, (24 + 88.9) * n, n / 2.0);
}
END_TEST

START_TEST(without_a_window_the_time_is_the_callers)
{
	demote(A, 8);
	call(M, 0, 1100, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 1100);
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 8);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 0);
	ck_assert_uint_eq(ap_fixture_function(A)->timed_calls, 0);
	ck_assert_uint_eq(ap_fixture_function(A)->untimed_calls, 8);
}
END_TEST

START_TEST(a_call_that_a_window_finds_under_way_shows_itself_by_its_exit)
{
	demote(A, 1);
	ap_fixture_enter(M, 0, 0);
	window(1, 100);
	ap_fixture_exit(A, 150, 1);
	window(0, 200);
	ap_fixture_exit(M, 1100, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 1);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 50);
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 1050);
	ck_assert_uint_eq(p->quality.unmatched_exits, 0);
}
END_TEST

START_TEST(a_call_that_is_open_when_a_window_ends_is_cut)
{
	demote(A, 3);
	ap_fixture_enter(M, 0, 0);
	window(1, 100);
	ap_fixture_enter(A, 150, 1);
	window(0, 200);
	ap_fixture_exit(M, 700, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 4);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns,
			  50 + 300); /* half of the time, as in the window */
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 50 + 300);
	ck_assert_uint_eq(ap_fixture_function(M)->total_ns, 700);
	ck_assert_uint_eq(p->quality.unclosed_frames, 0);
}
END_TEST

/* The gate hides A, so B is M's child; in the window the same, though A called it. */
START_TEST(calls_that_are_not_demoted_are_exact_in_windows_and_between)
{
	demote(A, 3);
	ap_fixture_enter(M, 0, 0);
	call(B, 20, 30, 2);
	window(1, 100);
	ap_fixture_enter(A, 110, 1);
	call(B, 120, 140, 2);
	ap_fixture_exit(A, 160, 1);
	window(0, 200);
	ap_fixture_exit(M, 690, 0);
	ap_fixture_read();
	ap_fixture_expect(B, 2, 30, 30);
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 4);
	/* Between: 580 without B. In the window A had 30 of the 80. */
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 30 + 218);
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 50 + 362);
	ck_assert_uint_eq(ap_fixture_function(M)->total_ns, 690);
}
END_TEST

START_TEST(a_call_that_is_kept_is_recorded_and_what_is_above_it)
{
	struct ap_gate *gate = demote(A, 5);
	gate->function |= AP_GATE_KEEPS;
	gate->kept |= (uint32_t)(ap_fixture_down(1) >> 4) & 0x7ffff;
	ap_fixture_enter(M, 0, 0);
	ap_fixture_enter(A, 100, 1);
	ap_fixture_exit(A, 600, 1);
	ap_fixture_exit(M, 1000, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 6);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 500);
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 500);
}
END_TEST

START_TEST(a_call_that_was_open_at_its_demotion_ends_where_it_would_hide)
{
	demote(A, 5);
	ap_fixture_enter(M, 0, 0);
	ap_fixture_enter(A, 100, 1); /* the event whose slow path demoted A: its exit is hidden */
	call(B, 300, 400, 1);
	ap_fixture_exit(M, 1000, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 6);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 0);
	ap_fixture_expect(B, 1, 100, 100);
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 900);
	ck_assert_uint_eq(p->quality.unclosed_frames, 0);
}
END_TEST

/* A has 20 of 100 in one group, 40 of 100 in the other: 0.3 of what is between, with a deviation of 0.1 of half of it each
 * way; and two groups are corrected by 2/(2-1). */
START_TEST(groups_of_windows_that_differ_tell_the_error)
{
	demote(A, 4);
	ap_fixture_enter(M, 0, 0);
	window_of_two(1, 100, 10);
	window_of_two(2, 300, 20);
	ap_fixture_exit(M, 1000, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 60 + 240);
	ck_assert_double_eq_tol(ap_fixture_function(A)->error_ns, 800 * 0.5 * 0.1 * 2, 0.01);
	ck_assert_double_eq_tol(ap_fixture_function(M)->error_ns, 800 * 0.5 * 0.1 * 2, 0.01);
}
END_TEST

/* A 10, B 30 and M 60 of each window. With 2 calls more than the two that were recorded, each stands for two: 80, 240 and 480 of the
 * 800 between. */
static struct ap_patched *patched_beside_another(uint64_t calls, uint64_t missed, uint64_t error2)
{
	struct ap_patched *patched = patch_a(demote(A, calls), missed, error2);

	demote(B, 4);
	ap_fixture_enter(M, 0, 0);
	for (unsigned group = 1; group <= 2; group++) {
		window(group, 200 * group);
		call(A, 200 * group + 10, 200 * group + 20, 1);
		call(B, 200 * group + 40, 200 * group + 70, 1);
		window(0, 200 * group + 100);
	}
	ap_fixture_exit(M, 1000, 0);
	ap_fixture_read();
	return patched;
}

/* As half of what M calls is A, M's own time follows by half: 160 of 400 in weighted windows follow. So A gets 0.6 of the error,
 * M 0.5 - 0.4, and B loses 0.4. */
START_TEST(an_error_of_calls_moves_time_from_what_is_hidden_beside_them)
{
	patched_beside_another(2, 2, 4);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 20 + 80);
	ck_assert_double_eq_tol(ap_fixture_function(A)->error_ns, 80 * 0.5 * 0.6, 0.02);
	ck_assert_double_eq_tol(ap_fixture_function(B)->error_ns, 240 * 0.5 * 0.4, 0.02);
	ck_assert_double_eq_tol(ap_fixture_function(M)->error_ns, 480 * 0.5 * 0.1, 0.02);
}
END_TEST

/* A stands for itself only: 50, 300 and 450 are divided, a third of what M calls is A, and 80 of 320 follow. */
START_TEST(of_calls_that_nobody_knows_no_time_is_known)
{
	patched_beside_another(2, 0, 0)->uncounted = 1;
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 20 + 50);
	ck_assert_double_eq_tol(ap_fixture_function(A)->error_ns, 20 + 50, 1e-9);
	ck_assert_double_eq_tol(ap_fixture_function(B)->error_ns, 300 * 0.25, 0.02);
	ck_assert_double_eq_tol(ap_fixture_function(M)->error_ns, 450 * (1 / 3.0 - 0.25), 0.02);
}
END_TEST

/* However many there were, all time was in them and in what called them as often. */
START_TEST(an_error_of_the_only_calls_is_none_of_their_time)
{
	patch_a(demote(A, 2), 2, 4);
	ap_fixture_enter(M, 0, 0);
	window_of_two(1, 100, 10);
	window_of_two(2, 300, 10);
	ap_fixture_exit(M, 1000, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->missed_error, 2);
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 40 + 160);
	ck_assert_double_eq_tol(ap_fixture_function(A)->error_ns, 0, 0.02);
	ck_assert_double_eq_tol(ap_fixture_function(M)->error_ns, 0, 0.02);
}
END_TEST

START_TEST(a_single_group_says_nothing_of_its_error)
{
	demote(A, 8);
	ap_fixture_enter(M, 0, 0);
	window_of_two(1, 100, 10);
	ap_fixture_exit(M, 1100, 0);
	ap_fixture_read();
	ck_assert_double_ge(ap_fixture_function(A)->error_ns, 200);
}
END_TEST

/* Twice the calls in twice the time: how many calls there are in all is known, so nothing is uncertain. */
START_TEST(groups_with_more_calls_are_no_error)
{
	demote(A, 6);
	ap_fixture_enter(M, 0, 0);
	window_of_two(1, 100, 10);
	window(2, 300);
	for (unsigned i = 0; i < 4; i++) {
		call(A, 310 + 40 * i, 320 + 40 * i, 1);
	}
	window(0, 500);
	ap_fixture_exit(M, 1000, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->self_ns, 60 + 140);
	ck_assert_double_eq_tol(ap_fixture_function(A)->error_ns, 0, 0.01);
}
END_TEST

/* 20,000 in one call of A: what is left is 10 of 100, so A has a tenth of the rest. */
START_TEST(an_interruption_in_a_window_stands_for_nothing)
{
	demote(A, 8);
	ap_fixture_enter(M, 0, 0);
	window(1, 100);
	call(A, 110, 120, 1);
	call(A, 130, 20130, 1);
	window(0, 20200);
	ap_fixture_exit(M, 21100, 0);
	ap_fixture_read();
	expect(A, 10, 10 + 2100);
	ap_fixture_expect(M, 1, 21100, 90 + 18900);
}
END_TEST

/* Of two stretches of 20,000 one may be an interruption. @counted calls of A, as long as the others, and @between the windows. */
static void two_stretches(uint64_t counted, uint64_t between)
{
	demote(A, counted);
	ap_fixture_enter(M, 0, 0);
	window(1, 100);
	call(A, 110, 120, 1);
	call(A, 130, 20130, 1);
	call(A, 20140, 40140, 1);
	call(A, 40150, 40160, 1);
	window(0, 40200);
	ap_fixture_exit(M, 40100 + between, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 4 + counted);
}

/* Each call of A stands for one more: of 20 and 80 in the window, and 41,100 besides, 20,000 are given back. 20,020 and 80 divide
 * the other 21,100. */
START_TEST(stretches_may_be_what_is_missing_between_windows)
{
	two_stretches(4, 1100);
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, 20020 + 21016, 2);
	ck_assert_double_eq_tol((double)ap_fixture_function(M)->self_ns, 80 + 84, 2);
	ck_assert_uint_eq(p->quality.left_out, 1);
	ck_assert_double_eq_tol(p->quality.left_out_ns, 20000, 1);
}
END_TEST

/* They stand for ten times 20,000; but only 50,100 are missing: they are A's, no more. */
START_TEST(stretches_are_no_more_than_what_is_missing)
{
	two_stretches(40, 11100);
	ck_assert_double_eq_tol((double)ap_fixture_function(A)->self_ns, 5030 + 45369, 2);
	ck_assert_double_eq_tol((double)ap_fixture_function(M)->self_ns, 80 + 721, 2);
}
END_TEST

START_TEST(a_function_that_often_takes_long_gets_its_time)
{
	demote(A, 5);
	ap_fixture_enter(M, 0, 0);
	window(1, 100);
	for (unsigned i = 0; i < 5; i++) {
		call(A, 110 + 20100 * i, 20110 + 20100 * i, 1);
	}
	window(0, 100600);
	ap_fixture_exit(M, 201000, 0);
	ap_fixture_read();
	expect(A, 10, 200000);
	ap_fixture_expect(M, 1, 201000, 1000);
}
END_TEST

/* Neither the part of M nor the nodes of the window are there afterwards. */
START_TEST(calls_that_are_open_in_a_window_are_listed_by_their_paths)
{
	demote(A, 8);
	ap_fixture_enter(M, 0, 0);
	window(1, 100);
	call(A, 110, 120, 1);
	ap_fixture_enter(A, 130, 1);
	ap_fixture_read();
	const struct ap_profile_thread *t = &p->threads[0];
	ck_assert_uint_eq(t->open_n, 2);
	for (size_t i = 0; i < t->open_n; i++) {
		const struct ap_profile_node *node = &p->nodes[t->open[i].node];
		ck_assert(node->used);
		ck_assert_uint_eq(node->function, t->open[i].function);
	}
	ck_assert_uint_eq(p->functions[t->open[0].function].address, M);
	ck_assert_uint_eq(p->functions[t->open[1].function].address, A);
	ck_assert_uint_eq(p->nodes[t->open[1].node].parent, t->open[0].node);
}
END_TEST

static uint32_t marked(uint32_t parent, uint32_t function, uint64_t mark)
{
	const uint32_t node = ap_builder_node(b, parent, function);

	ap_builder_node_at(b, node)->address |= mark;
	return node;
}

static void add_self(uint32_t node, uint64_t self)
{
	ap_builder_node_stat(b, 0, node)->self_ticks += self;
}

/* As a fold leaves it: M since before there were gates, its part since then, two windows. */
START_TEST(what_the_program_has_folded_is_divided_and_joined)
{
	const uint32_t f = ap_builder_function(b, M, 1), a = demote(A, 8)->id;
	const uint32_t m = ap_builder_node(b, AP_ID_ROOT, f);
	const uint32_t thin = marked(m, f, AP_NODE_THIN);
	const uint32_t part1 = marked(thin, f, AP_NODE_GROUP(1));
	const uint32_t part2 = marked(thin, f, AP_NODE_GROUP(2));
	const uint32_t before = ap_builder_node(b, m, a);

	ap_builder_leaf(b, 0, before, 30);
	ap_builder_call(b, 0, m, 1230, 100);
	add_self(thin, 900);
	add_self(part1, 80);
	add_self(part2, 80);
	ap_builder_call(b, 0, ap_builder_node(b, part1, a), 20, 20);
	ap_builder_call(b, 0, ap_builder_node(b, part2, a), 20, 20);
	ap_builder_folded(b, thread, 8, 0);
	ap_fixture_read();
	ap_fixture_expect(M, 1, 1230, 100 + 160 + 720);
	expect(A, 11, 30 + 40 + 180);
	for (size_t i = 0; i < p->nodes_n; i++) {
		ck_assert(!p->nodes[i].used || i < AP_ID_FIRST || i == m || i == before);
	}
	ck_assert(p->nodes[before].estimated);
}
END_TEST

START_TEST(gates_that_lie_outside_of_the_file_are_damage)
{
	ap_builder_thread_at(b, thread)->gates = 0x7fffffff;
	call(M, 0, 1000, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(M)->self_ns, 1000);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-gates");
	TCase *tests = tcase_create("gates");

	tcase_add_checked_fixture(tests, setup, ap_fixture_teardown);
	tcase_add_test(tests, time_between_windows_is_divided_as_windows_say);
	tcase_add_test(tests, hooks_in_windows_take_what_they_take_there);
	tcase_add_test(tests, windows_take_as_long_as_what_they_stand_for);
	tcase_add_test(tests, a_program_that_waits_between_windows_does_not_tell_what_hooks_take);
	tcase_add_test(tests, a_few_windows_do_not_tell_what_hooks_take);
	tcase_add_test(tests, calls_that_are_estimates_tell_less_of_what_hooks_take);
	tcase_add_test(tests, calls_that_nobody_knows_do_not_tell_what_hooks_take);
	tcase_add_test(tests, without_a_window_the_time_is_the_callers);
	tcase_add_test(tests, a_call_that_a_window_finds_under_way_shows_itself_by_its_exit);
	tcase_add_test(tests, a_call_that_is_open_when_a_window_ends_is_cut);
	tcase_add_test(tests, calls_that_are_not_demoted_are_exact_in_windows_and_between);
	tcase_add_test(tests, a_call_that_is_kept_is_recorded_and_what_is_above_it);
	tcase_add_test(tests, a_call_that_was_open_at_its_demotion_ends_where_it_would_hide);
	tcase_add_test(tests, groups_of_windows_that_differ_tell_the_error);
	tcase_add_test(tests, an_error_of_calls_moves_time_from_what_is_hidden_beside_them);
	tcase_add_test(tests, of_calls_that_nobody_knows_no_time_is_known);
	tcase_add_test(tests, an_error_of_the_only_calls_is_none_of_their_time);
	tcase_add_test(tests, a_single_group_says_nothing_of_its_error);
	tcase_add_test(tests, groups_with_more_calls_are_no_error);
	tcase_add_test(tests, an_interruption_in_a_window_stands_for_nothing);
	tcase_add_test(tests, stretches_may_be_what_is_missing_between_windows);
	tcase_add_test(tests, stretches_are_no_more_than_what_is_missing);
	tcase_add_test(tests, a_function_that_often_takes_long_gets_its_time);
	tcase_add_test(tests, calls_that_are_open_in_a_window_are_listed_by_their_paths);
	tcase_add_test(tests, what_the_program_has_folded_is_divided_and_joined);
	tcase_add_test(tests, gates_that_lie_outside_of_the_file_are_damage);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
