/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile.c - the model of a spool whose events are all folded: sums, times, identity. */
#include "profile/profile.h"
#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"
#include "tests/support/spool_builder.h"

static struct ap_builder *b;
static struct ap_profile *p;
static uint32_t f_main, f_work, n_main, n_work;

static void setup(void)
{
	b = ap_builder_new();
	const uint32_t module = ap_builder_module(b, 0x400000, 0x500000, "/usr/bin/victim");
	f_main = ap_builder_function(b, 0x401000, module + 1);
	f_work = ap_builder_function(b, 0x402000, module + 1);
	n_main = ap_builder_node(b, AP_ID_ROOT, f_main);
	n_work = ap_builder_node(b, n_main, f_work);
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

START_TEST(an_empty_spool_is_an_empty_profile)
{
	const struct ap_profile *m = read_it();
	ck_assert_str_eq(m->process.exe, "/usr/bin/victim");
	ck_assert_str_eq(m->process.cwd, "/tmp");
	ck_assert_str_eq(m->process.output, "autoprof.%e.%p.txt");
	ck_assert_uint_eq(m->functions_n, AP_ID_FIRST + 2);
	ck_assert_int_eq(m->functions[AP_ID_ROOT].kind, AP_FUNCTION_SYNTHETIC);
	ck_assert_int_eq(m->functions[f_main].kind, AP_FUNCTION_INSTRUMENTED);
	ck_assert_uint_eq(m->threads_n, 0);
	ck_assert_uint_eq(m->quality.attempted, 0);
	ck_assert_uint_eq(m->quality.folded, 0);
	ck_assert(m->quality.identity_holds);
	ck_assert_uint_eq(m->process.edge_ns[2], 500000000);
	ck_assert(m->process.report_wanted);
}
END_TEST

START_TEST(counters_are_summed_over_shards_by_node_and_by_function)
{
	const uint32_t other = ap_builder_shard(b);
	ap_builder_call(b, 0, n_main, 10000, 4000);
	ap_builder_leaf(b, 0, n_work, 6000);
	ap_builder_call(b, other, n_main, 3000, 1000);
	ap_builder_leaf(b, other, n_work, 500);
	ap_builder_leaf(b, other, n_work, 1500);

	const struct ap_profile *m = read_it();
	const struct ap_profile_node *n = &m->nodes[n_work];
	ck_assert_uint_eq(n->parent, n_main);
	ck_assert_uint_eq(n->function, f_work);
	ck_assert(!n->recursive);
	ck_assert_uint_eq(n->calls, 3);
	ck_assert_uint_eq(n->total_ns, 8000);
	ck_assert_uint_eq(n->self_ns, 8000);
	ck_assert_uint_eq(n->min_ns, 500);
	ck_assert_uint_eq(n->max_ns, 6000);
	const struct ap_profile_function *f = &m->functions[f_main];
	ck_assert_uint_eq(f->calls, 2);
	ck_assert_uint_eq(f->timed_calls, 2);
	ck_assert_uint_eq(f->open_calls, 0);
	ck_assert_uint_eq(f->total_ns, 13000);
	ck_assert_uint_eq(f->self_ns, 5000);
	ck_assert_double_eq(f->sum_ns, 13000);
	ck_assert_double_eq(f->sum_squares, 109e6);
	ck_assert_uint_eq(f->min_ns, 3000);
	ck_assert_uint_eq(f->max_ns, 10000);
}
END_TEST

START_TEST(histograms_of_leaf_and_other_calls_are_joined_and_read_once)
{
	const uint32_t elsewhere = ap_builder_node(b, AP_ID_ROOT, f_work);
	ap_builder_leaf(b, 0, n_work, 1000);
	ap_builder_leaf(b, 0, elsewhere, 1000); /* the same rows as the node before */
	ap_builder_call(b, 0, n_work, 60000000, 2000);
	ck_assert_uint_eq(ap_builder_node_stat(b, 0, n_work)->leaf_rows,
			  ap_builder_node_stat(b, 0, elsewhere)->leaf_rows);

	const struct ap_profile_function *f = &read_it()->functions[f_work];
	ck_assert_uint_eq(f->calls, 3);
	ck_assert_uint_eq(f->total.count, 3);
	ck_assert_uint_eq(f->self.count, 3);
	ck_assert_double_eq_tol(ap_histogram_quantile(&f->total, 0.5), 1000e-9, 11e-9);
	ck_assert_double_eq_tol(ap_histogram_quantile(&f->total, 1), 60e-3, 0.66e-3);
	ck_assert_double_eq_tol(ap_histogram_quantile(&f->self, 1), 2000e-9, 22e-9);
	ck_assert(!f->total.coarse);
}
END_TEST

START_TEST(categories_are_exact)
{
	static const uint64_t ms[] = {49, 50, 99, 100, 499, 500, 900};
	for (size_t i = 0; i < sizeof(ms) / sizeof(*ms); i++) {
		ap_builder_leaf(b, 0, n_work, ms[i] * 1000000);
	}
	const struct ap_profile_function *f = &read_it()->functions[f_work];
	ck_assert_uint_eq(f->slow, 2);
	ck_assert_uint_eq(f->very_slow, 2);
	ck_assert_uint_eq(f->critical, 2);
	ck_assert_uint_eq(f->timed_calls - f->slow - f->very_slow - f->critical, 1);
}
END_TEST

START_TEST(recursion_counts_once_in_the_total)
{
	const uint32_t inner = ap_builder_node(b, n_work, f_main);
	ap_builder_call(b, 0, n_main, 1000, 300);
	ap_builder_call(b, 0, n_work, 700, 200);
	ap_builder_leaf(b, 0, inner, 500);

	const struct ap_profile *m = read_it();
	ck_assert(m->nodes[inner].recursive);
	ck_assert_uint_eq(m->nodes[inner].total_ns, 500);
	ck_assert_uint_eq(m->functions[f_main].calls, 2);
	ck_assert_uint_eq(m->functions[f_main].total_ns, 1000);
	ck_assert_uint_eq(m->functions[f_main].self_ns, 800);
	ck_assert_double_eq(m->functions[f_main].sum_ns, 1500);
	ck_assert(!m->functions[f_main].total_partial);
}
END_TEST

START_TEST(outer_time_below_zero_in_one_shard_is_made_good_by_another)
{
	const uint32_t other = ap_builder_shard(b);
	/* A leaf called by itself: its time is taken off, the call around it was folded in another shard. */
	ap_builder_leaf(b, other, n_main, 400);
	ap_builder_node_stat(b, other, n_main)->outer_ticks -= 400;
	ap_builder_node_stat(b, other, n_main)->outer_ticks -= 300;
	ap_builder_call(b, 0, n_main, 1000, 300);
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->nodes[n_main].total_ns, 700);
	ck_assert_uint_eq(m->functions[f_main].total_ns, 700);
	ck_assert_uint_eq(m->functions[f_main].self_ns, 700);
}
END_TEST

START_TEST(coarse_rows_mark_the_histogram_and_keep_their_error)
{
	struct ap_function_stat *f = ap_builder_function_stat(b, 0, f_work);
	for (uint64_t ns = 1000; ns < 1000000; ns += ns / 7) {
		f->total_rows = f->self_rows = 0;
		ap_builder_count_coarse(b, &f->total_rows, ap_hist_index(&b->hist, ns), 5);
		ap_builder_count(b, &f->self_rows, ap_hist_index(&b->hist, ns), 5);
		const struct ap_profile_function *r = &read_it()->functions[f_work];
		ck_assert(r->total.coarse);
		ck_assert(!r->self.coarse);
		ck_assert_uint_eq(r->total.count, 5);
		ck_assert_double_eq_tol(ap_histogram_quantile(&r->total, 0.5) * 1e9, ns,
					0.045 * ns);
	}
}
END_TEST

START_TEST(time_below_deeper_makes_the_total_a_lower_bound)
{
	const uint32_t deep = ap_builder_node(b, AP_ID_DEEPER, f_work);
	ap_builder_call(b, 0, n_main, 3000, 3000);
	ap_builder_call(b, 0, deep, 1500, 1000);

	const struct ap_profile *m = read_it();
	ck_assert(m->functions[f_work].total_partial);
	ck_assert(!m->functions[f_main].total_partial);
	ck_assert_uint_eq(m->functions[f_work].total_ns, 1000);
	ck_assert_uint_eq(m->functions[f_work].self_ns, 1000);
	ck_assert_double_eq_tol(m->quality.paths_joined_pct, 25, 1e-9);
}
END_TEST

START_TEST(calls_beyond_the_frame_limit_are_counted_only)
{
	ap_builder_leaf(b, 0, n_work, 100);
	ap_builder_function_stat(b, 0, f_work)->beyond = 5;
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->functions[f_work].calls, 6);
	ck_assert_uint_eq(m->functions[f_work].timed_calls, 1);
	ck_assert_uint_eq(m->quality.beyond, 5);
	ck_assert_uint_eq(m->quality.folded, 2 + 5 + 5); /* enters and exits */
}
END_TEST

START_TEST(large_sums_keep_their_last_nanosecond)
{
	struct ap_node_stat *s = ap_builder_node_stat(b, 0, n_work);
	s->calls = 3;
	s->total_ticks = s->outer_ticks = s->self_ticks = (1ull << 62) + 12345;
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->functions[f_work].total_ns, (1ull << 62) + 12345);
}
END_TEST

/* Events of a thread that called main once, with five leaf calls in it. */
static void add_true_identity(void)
{
	const uint32_t thread = ap_builder_thread(b, 1, "main");
	ap_builder_call(b, 0, n_main, 5000, 4000);
	for (int i = 0; i < 5; i++) {
		ap_builder_leaf(b, 0, n_work, 200);
	}
	ap_builder_folded(b, thread, 12, 0);
}

START_TEST(the_identity_holds_for_a_true_spool)
{
	add_true_identity();
	struct ap_thread *t = ap_builder_thread_at(b, 0);
	t->torn = 3;
	t->unmatched_exits = 2;
	t->specials = 4;
	t->unclosed = 1;
	t->folded += 2 + 4 - 1;
	b->hdr->dropped[AP_DROP_NO_MEMORY] = 100;
	b->hdr->dropped[AP_DROP_NESTED] = 10;
	b->hdr->dropped[AP_DROP_EARLY] = 1;
	b->hdr->retired[0].attempted = 6;
	b->hdr->retired[0].specials = 5;
	b->hdr->retired[0].torn = 1;

	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->quality.attempted, 12 + 5 + 3 + 111 + 6);
	ck_assert_uint_eq(m->quality.folded, 12 + 5 + 5);
	ck_assert_str_eq(m->quality.dropped[0].reason, "no_memory");
	ck_assert_uint_eq(m->quality.dropped[0].events, 100);
	ck_assert_str_eq(m->quality.dropped[3].reason, "torn");
	ck_assert_uint_eq(m->quality.dropped[3].events, 4);
	ck_assert_uint_eq(m->quality.specials, 9);
	ck_assert_uint_eq(m->quality.unmatched_exits, 2);
	ck_assert_uint_eq(m->quality.unclosed_frames, 1);
	ck_assert_uint_eq(m->quality.in_doubt, 0);
	ck_assert(m->quality.identity_holds);
}
END_TEST

START_TEST(a_record_that_is_being_retired_counts_once)
{
	add_true_identity();
	struct ap_thread *t = ap_builder_thread_at(b, 0);
	t->torn = 3;
	t->specials = 4;
	t->folded += 4;
	const uint64_t attempted = read_it()->quality.attempted;

	/* Its sums are in the other copy, and it has been cleared, as far as its specials. */
	b->hdr->retired[1] = b->hdr->retired[0];
	b->hdr->retired[1].threads++;
	b->hdr->retired[1].attempted += t->folded + t->torn;
	b->hdr->retired[1].torn += t->torn;
	b->hdr->retired[1].specials += t->specials;
	t->torn = 0;
	b->hdr->retiring = 1 << 1 | 1;

	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->threads_n, 0);
	ck_assert_uint_eq(m->processes[0].threads, 1);
	ck_assert_uint_eq(m->quality.attempted, attempted);
	ck_assert_uint_eq(m->quality.specials, 4);
	ck_assert(m->quality.identity_holds);
}
END_TEST

static void drop_a_leaf_call(void)
{
	ap_builder_node_stat(b, 0, n_work)->leaf_calls--;
}

static void add_a_call(void)
{
	ap_builder_node_stat(b, 0, n_main)->calls++;
}

static void lose_an_event(void)
{
	ap_builder_thread_at(b, 0)->folded--;
}

static void add_a_special(void)
{
	ap_builder_thread_at(b, 0)->specials++;
}

static void add_an_unmatched_exit(void)
{
	b->hdr->retired[0].unmatched_exits++;
}

static void add_an_unclosed_frame(void)
{
	ap_builder_thread_at(b, 0)->unclosed++;
}

static void retire_an_event(void)
{
	b->hdr->retired[0].attempted++;
}

static void add_a_beyond(void)
{
	ap_builder_function_stat(b, 0, f_work)->beyond++;
}

static void inherit_a_frame(void)
{
	ap_builder_thread_at(b, 0)->inherited++;
}

static void (*const lies[])(void) = {
	drop_a_leaf_call,      add_a_call,
	lose_an_event,	       add_a_special,
	add_an_unmatched_exit, add_an_unclosed_frame,
	retire_an_event,       add_a_beyond,
	inherit_a_frame,
};

START_TEST(the_identity_fails_when_any_counter_lies)
{
	add_true_identity();
	ck_assert(read_it()->quality.identity_holds);
	lies[_i]();
	ck_assert(!read_it()->quality.identity_holds);
}
END_TEST

START_TEST(a_fold_cut_short_leaves_two_events_in_doubt)
{
	add_true_identity();
	ap_builder_shard_at(b, 0)->owner = 4711;
	add_a_call(); /* counted, position not yet moved */
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->quality.in_doubt, 2);
	ck_assert(m->quality.identity_holds);
	add_a_call();
	ck_assert(!read_it()->quality.identity_holds);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile");
	TCase *sums = tcase_create("sums");

	tcase_add_checked_fixture(sums, setup, teardown);
	tcase_add_test(sums, an_empty_spool_is_an_empty_profile);
	tcase_add_test(sums, a_record_that_is_being_retired_counts_once);
	tcase_add_test(sums, counters_are_summed_over_shards_by_node_and_by_function);
	tcase_add_test(sums, histograms_of_leaf_and_other_calls_are_joined_and_read_once);
	tcase_add_test(sums, categories_are_exact);
	tcase_add_test(sums, recursion_counts_once_in_the_total);
	tcase_add_test(sums, outer_time_below_zero_in_one_shard_is_made_good_by_another);
	tcase_add_test(sums, coarse_rows_mark_the_histogram_and_keep_their_error);
	tcase_add_test(sums, time_below_deeper_makes_the_total_a_lower_bound);
	tcase_add_test(sums, calls_beyond_the_frame_limit_are_counted_only);
	tcase_add_test(sums, large_sums_keep_their_last_nanosecond);
	tcase_add_test(sums, the_identity_holds_for_a_true_spool);
	tcase_add_loop_test(sums, the_identity_fails_when_any_counter_lies, 0,
			    sizeof(lies) / sizeof(*lies));
	tcase_add_test(sums, a_fold_cut_short_leaves_two_events_in_doubt);
	suite_add_tcase(suite, sums);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
