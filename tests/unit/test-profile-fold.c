/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile-fold.c - what folding pending events and closing open calls makes of frames. */
#include <string.h>

#include "tests/support/profile_fixture.h"

START_TEST(a_gap_is_in_nobodys_time)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	ap_builder_special(b, thread, AP_SPECIAL_GAP, 20, T0 + 450); /* 320 ticks */
	ap_fixture_exit(B, 500, 1);
	ap_fixture_exit(A, 1000, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 680, 600);
	ap_fixture_expect(B, 1, 80, 80);
	ck_assert_uint_eq(p->quality.specials, 1);
}
END_TEST

START_TEST(gaps_folded_before_count_for_open_frames)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	const uint32_t n = ap_fixture_node(A);
	const struct ap_frame frame = {.word = A,
				       .start = T0 - 700,
				       .child_ticks = 30,
				       .node = n,
				       .stack = (uint16_t)(SP >> 4)};
	ap_builder_frame(b, thread, &frame);
	t->gap_ticks[0] = 1;
	t->gap_ticks[1] = 700;
	t->fold |= 1ull << 31;
	t->last_ticks = T0;
	ap_builder_folded(b, thread, 1, 0);
	t->fold |= 1ull << 31;
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 100, 70);
}
END_TEST

START_TEST(an_exit_closes_the_calls_above_its_own)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	ap_fixture_enter(C, 200, 2);
	ap_fixture_exit(A, 1000, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 100);
	ap_fixture_expect(B, 1, 900, 100);
	ap_fixture_expect(C, 1, 800, 800);
	ck_assert_uint_eq(p->quality.unclosed_frames, 2);
	ck_assert_uint_eq(p->quality.resyncs, 0);
}
END_TEST

START_TEST(an_exit_without_its_enter_changes_nothing)
{
	ap_fixture_exit(C, 0, 3);
	ap_fixture_enter(A, 10, 0);
	ap_fixture_exit(B, 50, 1);
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 90, 90);
	ck_assert_uint_eq(p->quality.unmatched_exits, 2);
	ck_assert_uint_eq(p->functions_n, AP_ID_FIRST + 1);
}
END_TEST

START_TEST(a_higher_stack_pointer_closes_frames_that_are_gone)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 5);
	ap_fixture_enter(B, 150, 9);
	ap_fixture_enter(C, 200, 2);
	ap_fixture_exit(C, 300, 2);
	ap_fixture_exit(A, 1000, 0);
	ap_fixture_read();
	ap_fixture_expect(B, 2, 100, 100);
	ap_fixture_expect(C, 1, 100, 100);
	ap_fixture_expect(A, 1, 1000, 800);
	ck_assert_uint_eq(p->quality.resyncs, 2);
	ck_assert_uint_eq(p->quality.unclosed_frames, 2);
}
END_TEST

START_TEST(the_same_stack_pointer_is_alive_only_for_the_same_call_site)
{
	ap_fixture_enter(A, 0, 0);
	ap_builder_event_at_site(b, thread, AP_EVENT_ENTER, B, T0 + 10, ap_fixture_down(1), 5);
	ap_builder_event_at_site(b, thread, AP_EVENT_ENTER, C, T0 + 20, ap_fixture_down(1),
				 5); /* inlined into B */
	ap_fixture_exit(C, 30, 1);
	ap_builder_event_at_site(b, thread, AP_EVENT_ENTER, C, T0 + 60, ap_fixture_down(1),
				 6); /* B is gone */
	ap_fixture_exit(C, 70, 1);
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ap_fixture_expect(B, 1, 50, 40);
	ap_fixture_expect(C, 2, 20, 20);
	ap_fixture_expect(A, 1, 100, 40);
	ck_assert_uint_eq(p->quality.resyncs, 1);
}
END_TEST

START_TEST(a_change_of_stack_concludes_nothing)
{
	ap_fixture_enter(A, 0, 0);
	ap_builder_event(b, thread, AP_EVENT_ENTER, B, T0 + 10, SP + (2 << 20));
	ap_builder_event(b, thread, AP_EVENT_EXIT, B, T0 + 30, SP + (2 << 20));
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 100, 80);
	ap_fixture_expect(B, 1, 20, 20);
	ck_assert_uint_eq(p->quality.resyncs, 0);
}
END_TEST

START_TEST(longjmp_and_catch_close_what_they_leave_behind)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	ap_fixture_enter(C, 200, 2);
	ap_builder_special(b, thread, _i ? AP_SPECIAL_CATCH : AP_SPECIAL_UNWIND,
			   ap_fixture_down(1) >> 4, T0 + 300);
	ap_fixture_exit(B, 500, 1);
	ap_fixture_exit(A, 600, 0);
	ap_fixture_read();
	ap_fixture_expect(C, 1, 100, 100);
	ap_fixture_expect(B, 1, 400, 300);
	ap_fixture_expect(A, 1, 600, 200);
	ck_assert_uint_eq(p->quality.unclosed_frames, 1);
	ck_assert_uint_eq(p->quality.resyncs, 0);
	ck_assert_uint_eq(p->quality.specials, 1);
}
END_TEST

START_TEST(direct_recursion_stays_in_its_node)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(A, 10, 1);
	ap_fixture_enter(A, 20, 2);
	ap_fixture_exit(A, 30, 2);
	ap_fixture_exit(A, 50, 1);
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 3, 100, 100);
	ck_assert_double_eq(ap_fixture_function(A)->sum_ns, 150);
	ck_assert_uint_eq(p->nodes_n, AP_ID_FIRST + 1);
	ck_assert_uint_eq(p->nodes[AP_ID_FIRST].total_ns, 100);
}
END_TEST

START_TEST(indirect_recursion_counts_once)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 10, 1);
	ap_fixture_enter(A, 20, 2);
	ap_fixture_exit(A, 60, 2);
	ap_fixture_exit(B, 80, 1);
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 2, 100, 70);
	ap_fixture_expect(B, 1, 70, 30);
	ck_assert(p->nodes[AP_ID_FIRST + 2].recursive);
}
END_TEST

START_TEST(paths_that_are_too_deep_join_deeper)
{
	const unsigned depth = 2 * (AP_MAX_PATH_DEPTH / 2 + 20);
	for (unsigned i = 0; i < depth; i++) {
		ap_fixture_enter(i % 2 ? A : B, 10 * i, i);
	}
	for (unsigned i = depth; i-- > 0;) {
		ap_fixture_exit(i % 2 ? A : B, 10 * (2 * depth - i), i);
	}
	ap_fixture_read();
	uint32_t joined = 0;
	for (size_t id = AP_ID_FIRST; id < p->nodes_n; id++) {
		joined += p->nodes[id].parent == AP_ID_DEEPER;
	}
	ck_assert_uint_eq(joined, 2); /* each function once */
	ck_assert(ap_fixture_function(A)->total_partial);
	ck_assert_uint_eq(ap_fixture_function(A)->calls, depth / 2);
	ck_assert_uint_eq(ap_fixture_function(B)->calls, depth / 2);
	/* All is below the outermost call, whose time is known. */
	ck_assert_uint_eq(ap_fixture_function(B)->total_ns, 20 * depth);
	ck_assert_double_gt(p->quality.paths_joined_pct, 1);
}
END_TEST

START_TEST(open_calls_end_with_the_profile)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	b->hdr->end_ticks = T0 + 1000;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 100);
	ap_fixture_expect(B, 1, 900, 900);
	ck_assert_uint_eq(ap_fixture_function(A)->open_calls, 1);
	ck_assert_uint_eq(p->quality.unclosed_frames, 0);
	const struct ap_profile_thread *t = &p->threads[0];
	ck_assert_uint_eq(t->open_n, 2);
	ck_assert_ptr_eq(&p->functions[t->open[0].function], ap_fixture_function(A));
	ck_assert_uint_eq(t->open[0].age_ns, 1000);
	ck_assert_uint_eq(t->open[1].age_ns, 900);
	ck_assert(!t->open[1].inherited);
}
END_TEST

START_TEST(without_an_announced_end_the_last_sign_of_life_counts)
{
	ap_fixture_enter(A, 0, 0);
	ap_fixture_enter(B, 100, 1);
	ap_fixture_exit(B, 300, 1);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 300, 100);
	b->hdr->usage.at_ticks = T0 + 700;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 700, 500);
	b->hdr->clock_last.ticks = T0 + 900;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 900, 700);
	/* Events may be younger than the announced end. */
	b->hdr->end_ticks = T0 + 50;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 300, 100);
}
END_TEST

START_TEST(frames_that_the_program_left_open_are_gone_on_with)
{
	const uint32_t n = ap_fixture_node(A);
	const struct ap_frame frame = {
		.word = ap_event_make_word(A, AP_EVENT_ENTER, 0, SP, 7),
		.start = T0 - 500,
		.child_ticks = 200,
		.node = n,
		.stack = (uint16_t)(SP >> 4),
	};
	ap_builder_frame(b, thread, &frame);
	ap_builder_folded(b, thread, 1, 0);
	ap_fixture_enter(B, 0, 1);
	ap_fixture_exit(B, 100, 1);
	b->hdr->end_ticks = T0 + 500;
	ap_fixture_read();
	ap_fixture_expect(A, 1, 1000, 700);
	ck_assert_uint_eq(p->nodes[n].open_calls, 1);
	ck_assert_uint_eq(p->quality.folded, 1);
	ap_fixture_exit(A, 300, 0);
	ap_fixture_read();
	ap_fixture_expect(A, 1, 800, 500);
	ck_assert_uint_eq(p->threads[0].open_n, 0);
}
END_TEST

static void inherit(uint64_t function, uint32_t node)
{
	const struct ap_frame frame = {
		.word = ap_event_make_word(function, AP_EVENT_ENTER, 0, SP, 7),
		.start = T0,
		.node = node,
		.stack = (uint16_t)(SP >> 4),
		.flags = AP_FRAME_INHERITED,
	};
	ap_builder_frame(b, thread, &frame);
	ap_builder_thread_at(b, thread)->inherited++;
}

START_TEST(inherited_frames_are_no_calls)
{
	const uint32_t n = ap_fixture_node(A);
	inherit(A, n);
	ap_fixture_enter(B, 100, 1);
	ap_fixture_exit(B, 200, 1);
	b->hdr->end_ticks = T0 + 500;
	ap_fixture_read();
	ap_fixture_expect(A, 0, 0, 0);
	ap_fixture_expect(B, 1, 100, 100);
	ck_assert_uint_eq(p->threads[0].open_n, 1);
	ck_assert(p->threads[0].open[0].inherited);
	ck_assert_uint_eq(p->quality.inherited, 1);
	ap_fixture_exit(A, 300, 0); /* its exit is an event of ours */
	ap_fixture_read();
	ap_fixture_expect(A, 0, 0, 0);
	ck_assert_uint_eq(p->threads[0].open_n, 0);
	ck_assert_uint_eq(p->quality.attempted, 3);
}
END_TEST

START_TEST(inherited_frames_that_the_program_closed_keep_the_identity)
{
	/* Of two, one was closed by its exit, the other by a longjmp: two events, one unclosed frame. */
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	t->inherited = 2;
	t->unclosed = 1;
	t->specials = 1;
	ap_builder_folded(b, thread, 2, 0);
	ck_assert_uint_eq(ap_fixture_read()->quality.folded, 2);
}
END_TEST

START_TEST(calls_beyond_the_frames_are_counted_until_they_return)
{
	const uint32_t n = ap_fixture_node(A);
	const struct ap_frame frame = {.word = ap_event_make_word(A, AP_EVENT_ENTER, 0, SP, 7),
				       .start = T0,
				       .node = n,
				       .stack = (uint16_t)(SP >> 4)};
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	ap_builder_frame(b, thread, &frame);
	t->frames_max = 1;
	t->fold += 2ull << 32; /* two more, known by number only */
	ap_builder_function_stat(b, 0, ap_builder_node_at(b, n)->function)->beyond = 2;
	ap_builder_folded(b, thread, 3, 0);
	ap_fixture_enter(B, 10, 3);
	ap_fixture_exit(B, 20, 3);
	ap_fixture_exit(A, 30, 2);
	ap_fixture_exit(A, 40, 1);
	ap_fixture_exit(A, 100, 0);
	ap_fixture_read();
	ck_assert_uint_eq(ap_fixture_function(A)->calls, 3);
	ck_assert_uint_eq(ap_fixture_function(A)->timed_calls, 1);
	ck_assert_uint_eq(ap_fixture_function(A)->total_ns, 100);
	ck_assert_uint_eq(ap_fixture_function(B)->calls, 1);
	ck_assert_uint_eq(ap_fixture_function(B)->timed_calls, 0);
	ck_assert_uint_eq(p->quality.beyond, 3);
	ck_assert_uint_eq(p->quality.folded, 3);
	ck_assert_uint_eq(p->quality.unmatched_exits, 0);
}
END_TEST

START_TEST(a_longjmp_also_ends_calls_that_were_counted_only)
{
	const uint32_t n = ap_fixture_node(A);
	const struct ap_frame frame = {
		.word = ap_event_make_word(A, AP_EVENT_ENTER, 0, ap_fixture_down(1), 7),
		.start = T0,
		.node = n,
		.stack = (uint16_t)(ap_fixture_down(1) >> 4)};
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	ap_builder_frame(b, thread, &frame);
	t->frames_max = 1;
	t->fold += 3ull << 32;
	ap_builder_function_stat(b, 0, ap_builder_node_at(b, n)->function)->beyond = 3;
	ap_builder_folded(b, thread, 4, 0);
	ap_builder_special(b, thread, AP_SPECIAL_UNWIND, SP >> 4, T0 + 50);
	ap_fixture_enter(B, 60, 1);
	ap_fixture_exit(B, 70, 1);
	ap_fixture_read();
	ap_fixture_expect(B, 1, 10, 10);
	ck_assert_uint_eq(ap_fixture_function(A)->total_ns, 50);
	ck_assert_uint_eq(p->quality.unclosed_frames, 4);
}
END_TEST

#define FUNCTIONS 6
static struct {
	uint64_t calls, total, self, sum;
	unsigned on_path;
} truth[FUNCTIONS];
static uint64_t random_state = 88172645463325252ull;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(random_state >> 33) % n;
}

/* A random call at @from, with all that it calls; the truth is kept beside. Return: when it ends. */
static uint64_t random_call(unsigned f, unsigned depth, uint64_t from)
{
	uint64_t now = from, inside = 0;

	truth[f].on_path++;
	ap_fixture_enter(A + 64 * f, from, depth);
	for (unsigned calls = depth < 12 ? random_below(4) : 0; calls > 0; calls--) {
		now += random_below(50);
		const uint64_t end = random_call(random_below(FUNCTIONS), depth + 1, now);
		inside += end - now;
		now = end;
	}
	now += random_below(1000);
	ap_fixture_exit(A + 64 * f, now, depth);
	truth[f].calls++;
	truth[f].sum += now - from;
	truth[f].self += now - from - inside;
	truth[f].total += --truth[f].on_path ? 0 : now - from;
	return now;
}

START_TEST(random_call_trees_have_the_figures_of_their_making)
{
	uint64_t now = 0, calls = 0;

	memset(truth, 0, sizeof(truth));
	random_state += (uint64_t)_i;
	for (int i = 0; i < 30; i++) {
		now = random_call(random_below(FUNCTIONS), 0, now + random_below(100));
	}
	ap_fixture_read();
	for (unsigned f = 0; f < FUNCTIONS; f++) {
		if (truth[f].calls) {
			ap_fixture_expect(A + 64 * f, truth[f].calls, truth[f].total,
					  truth[f].self);
			ck_assert_double_eq(ap_fixture_function(A + 64 * f)->sum_ns,
					    (double)truth[f].sum);
		}
		calls += truth[f].calls;
	}
	ck_assert_uint_gt(calls, 30);
	ck_assert_uint_eq(p->quality.pending, 2 * calls);
	ck_assert_uint_eq(
		p->quality.unclosed_frames + p->quality.unmatched_exits + p->quality.clamps, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile-fold");
	TCase *tests = tcase_create("fold");

	tcase_add_checked_fixture(tests, ap_fixture_setup, ap_fixture_teardown);
	tcase_add_test(tests, a_gap_is_in_nobodys_time);
	tcase_add_test(tests, gaps_folded_before_count_for_open_frames);
	tcase_add_test(tests, an_exit_closes_the_calls_above_its_own);
	tcase_add_test(tests, an_exit_without_its_enter_changes_nothing);
	tcase_add_test(tests, a_higher_stack_pointer_closes_frames_that_are_gone);
	tcase_add_test(tests, the_same_stack_pointer_is_alive_only_for_the_same_call_site);
	tcase_add_test(tests, a_change_of_stack_concludes_nothing);
	tcase_add_loop_test(tests, longjmp_and_catch_close_what_they_leave_behind, 0, 2);
	tcase_add_test(tests, direct_recursion_stays_in_its_node);
	tcase_add_test(tests, indirect_recursion_counts_once);
	tcase_add_test(tests, paths_that_are_too_deep_join_deeper);
	tcase_add_test(tests, open_calls_end_with_the_profile);
	tcase_add_test(tests, without_an_announced_end_the_last_sign_of_life_counts);
	tcase_add_test(tests, frames_that_the_program_left_open_are_gone_on_with);
	tcase_add_test(tests, inherited_frames_are_no_calls);
	tcase_add_test(tests, inherited_frames_that_the_program_closed_keep_the_identity);
	tcase_add_test(tests, calls_beyond_the_frames_are_counted_until_they_return);
	tcase_add_test(tests, a_longjmp_also_ends_calls_that_were_counted_only);
	tcase_add_loop_test(tests, random_call_trees_have_the_figures_of_their_making, 0, 20);
	suite_add_tcase(suite, tests);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
