/* SPDX-License-Identifier: MIT */
/* tests/unit/test-profile.c - the model of a spool whose events are all folded: sums, times, ends, identity. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static const struct ap_profile *read_as(const struct ap_profile_known_end *known)
{
	struct ap_profile_error error;
	size_t size;
	const void *bytes = ap_builder_bytes(b, &size);

	p = ap_profile_free(p);
	ck_assert_msg(ap_profile_parse(bytes, size, known, &p, &error) == 0, "%s", error.text);
	const char *wrong = ap_model_check(p);
	ck_assert_msg(!wrong, "%s", wrong);
	return p;
}

static const struct ap_profile *read_it(void)
{
	return read_as(NULL);
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
		ap_builder_leaf(b, i % 2 ? 0 : 0, n_work, ms[i] * 1000000);
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
		ck_assert_double_eq_tol(ap_histogram_quantile(&r->total, 0.5) * 1e9, ns, 0.045 * ns);
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

START_TEST(modules_are_taken_over_and_functions_know_theirs)
{
	struct ap_module *from = ap_builder_module_at(b, 0);
	from->build_id_bytes = 20;
	memset(from->build_id, 0xab, 20);
	from->inode = 77;
	from->unload_ticks = AP_BUILDER_START + 9;
	const uint32_t nowhere = ap_builder_function(b, 0x900000, 0);

	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->modules_n, 1);
	ck_assert_str_eq(m->modules[0].path, "/usr/bin/victim");
	ck_assert_uint_eq(m->modules[0].start, 0x400000);
	ck_assert_uint_eq(m->modules[0].bias, 0x400000);
	ck_assert_uint_eq(m->modules[0].inode, 77);
	ck_assert_uint_eq(m->modules[0].unload_ticks, AP_BUILDER_START + 9);
	ck_assert_uint_eq(m->modules[0].build_id_bytes, 20);
	ck_assert_uint_eq(m->modules[0].build_id[19], 0xab);
	ck_assert_int_eq(m->functions[f_work].module, 0);
	ck_assert_uint_eq(m->functions[f_work].address, 0x402000);
	ck_assert_int_eq(m->functions[nowhere].module, -1);
}
END_TEST

START_TEST(threads_have_names_lives_and_a_peak)
{
	static const uint64_t lives[4][2] = {{0, 100}, {10, 50}, {60, 90}, {95, 0}};
	for (uint32_t i = 0; i < 4; i++) {
		struct ap_thread *t = ap_builder_thread_at(b, ap_builder_thread(b, 50 + i, "0123456789abcdef"));
		t->start_ticks = AP_BUILDER_START + lives[i][0];
		t->end_ticks = lives[i][1] ? AP_BUILDER_START + lives[i][1] : 0;
		t->state = lives[i][1] ? AP_THREAD_ENDED : AP_THREAD_LIVE;
		t->cpu_ns = 7 * i;
	}
	ap_builder_thread_at(b, ap_builder_thread(b, 99, "free"))->state = AP_THREAD_FREE;
	b->hdr->end_ticks = AP_BUILDER_START + 200;

	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->threads_n, 4);
	ck_assert_uint_eq(m->process.threads_peak, 2);
	ck_assert_uint_eq(m->process.duration_ns, 200);
	ck_assert_str_eq(m->threads[2].name, "0123456789abcdef");
	ck_assert_uint_eq(m->threads[2].tid, 52);
	ck_assert_uint_eq(m->threads[2].start_ns, 60);
	ck_assert_uint_eq(m->threads[2].duration_ns, 30);
	ck_assert_uint_eq(m->threads[2].cpu_ns, 14);
	ck_assert(!m->threads[2].live);
	ck_assert(m->threads[3].live);
	ck_assert_uint_eq(m->threads[3].duration_ns, 105);
	b->hdr->usage.threads_now = 9;
	ck_assert_uint_eq(read_it()->process.threads_peak, 9);
}
END_TEST

START_TEST(the_clock_is_fitted_only_where_both_readings_agree_with_the_estimate)
{
	static const struct {
		uint64_t ticks, ns;
		double rate;
		size_t notes;
	} cases[] = {
		{0, 0, 2e9, 0},
		{2000000, 1000000, 2e9, 0},              /* 1 ms apart: too near */
		{2019000000, 1000000000, 2.019e9, 1},    /* 0.95 % off: taken, and said so */
		{2000400000, 1000000000, 2.0004e9, 0},
		{2030000000, 1000000000, 2e9, 0},        /* 1.5 % off: not believed */
		{1981000000, 1000000000, 1.981e9, 1},
	};
	b->hdr->clock_kind = AP_CLOCK_TSC;
	b->hdr->ticks_per_s = 2000000000;
	ap_builder_leaf(b, 0, n_work, 4000000000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		b->hdr->clock_last.ticks = AP_BUILDER_START + cases[i].ticks;
		b->hdr->clock_last.mono_ns = AP_BUILDER_START + cases[i].ns;
		const struct ap_profile *m = read_it();
		ck_assert_str_eq(m->quality.clock, "tsc");
		ck_assert_double_eq_tol(m->quality.ticks_per_s, cases[i].rate, 1);
		ck_assert_uint_eq(m->functions[f_work].total_ns, (uint64_t)llround(4e18 / cases[i].rate));
		ck_assert_uint_eq(m->quality.notes_n, cases[i].notes);
	}
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
	b->hdr->retired_attempted = 6;
	b->hdr->retired_specials = 5;
	b->hdr->retired_torn = 1;

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

static void drop_a_leaf_call(void) { ap_builder_node_stat(b, 0, n_work)->leaf_calls--; }
static void add_a_call(void) { ap_builder_node_stat(b, 0, n_main)->calls++; }
static void lose_an_event(void) { ap_builder_thread_at(b, 0)->folded--; }
static void add_a_special(void) { ap_builder_thread_at(b, 0)->specials++; }
static void add_an_unmatched_exit(void) { b->hdr->retired_unmatched_exits++; }
static void add_an_unclosed_frame(void) { ap_builder_thread_at(b, 0)->unclosed++; }
static void retire_an_event(void) { b->hdr->retired_attempted++; }
static void add_a_beyond(void) { ap_builder_function_stat(b, 0, f_work)->beyond++; }
static void inherit_a_frame(void) { ap_builder_thread_at(b, 0)->inherited++; }

static void (*const lies[])(void) = {
	drop_a_leaf_call, add_a_call, lose_an_event, add_a_special, add_an_unmatched_exit,
	add_an_unclosed_frame, retire_an_event, add_a_beyond, inherit_a_frame,
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

static const struct {
	uint32_t life, end_kind, end_status;
	bool known;
	int wait_status;
	enum ap_profile_end end;
	int signal, exit_status;
} ends[] = {
	{AP_LIFE_RUNNING, AP_END_NONE, 0, false, 0, AP_PROFILE_KILLED, 0, -1},
	{AP_LIFE_EXITING, AP_END_EXIT, 0, false, 0, AP_PROFILE_EXIT, 0, -1},
	{AP_LIFE_EXITING, AP_END_RAW_EXIT, 3, false, 0, AP_PROFILE_RAW_EXIT, 0, 3},
	{AP_LIFE_ENDED, AP_END_QUICK_EXIT, 0, false, 0, AP_PROFILE_QUICK_EXIT, 0, -1},
	{AP_LIFE_ENDED, AP_END_EXEC, 0, false, 0, AP_PROFILE_EXEC, 0, -1},
	{AP_LIFE_ENDED, AP_END_EXEC, 0, true, SIGSEGV, AP_PROFILE_EXEC, 0, -1},
	{AP_LIFE_EXITING, AP_END_EXIT, 0, true, 5 << 8, AP_PROFILE_EXIT, 0, 5},
	{AP_LIFE_RUNNING, AP_END_NONE, 0, true, SIGKILL, AP_PROFILE_SIGNAL, SIGKILL, -1},
	{AP_LIFE_RUNNING, AP_END_NONE, 0, true, 7 << 8, AP_PROFILE_RAW_EXIT, 0, 7},
	{AP_LIFE_EXITING, AP_END_EXIT, 0, true, SIGABRT | 0x80, AP_PROFILE_SIGNAL, SIGABRT, -1},
	{AP_LIFE_EXITING, 77, 0, false, 0, AP_PROFILE_KILLED, 0, -1},
};

START_TEST(the_end_is_told_by_the_spool_and_by_who_saw_it)
{
	const struct ap_profile_known_end known = {ends[_i].known, ends[_i].wait_status};
	b->hdr->life = ends[_i].life;
	b->hdr->end_kind = ends[_i].end_kind;
	b->hdr->end_status = ends[_i].end_status;
	const struct ap_profile *m = read_as(&known);
	ck_assert_int_eq(m->process.end, ends[_i].end);
	ck_assert_int_eq(m->process.signal, ends[_i].signal);
	ck_assert_int_eq(m->process.exit_status, ends[_i].exit_status);
	ck_assert_uint_eq(m->quality.notes_n, 0);
}
END_TEST

START_TEST(a_process_that_is_there_still_runs_and_the_notes_say_so)
{
	b->hdr->pid = (uint32_t)getpid();
	const struct ap_profile *m = read_it();
	ck_assert_int_eq(m->process.end, AP_PROFILE_RUNNING);
	ck_assert_uint_eq(m->quality.notes_n, 1);
	ck_assert_ptr_nonnull(strstr(m->quality.notes[0], "still running"));
	b->hdr->proc_start = 1; /* another process had our pid */
	ck_assert_int_eq(read_it()->process.end, AP_PROFILE_KILLED);
	b->hdr->proc_start = 0;
	memset(b->hdr->boot_id, 0x11, sizeof(b->hdr->boot_id));
	ck_assert_int_eq(read_it()->process.end, AP_PROFILE_KILLED);
}
END_TEST

START_TEST(figures_of_the_process_are_taken_over)
{
	b->hdr->usage = (struct ap_usage){AP_BUILDER_START + 3000, 2000000, 4096, 1};
	b->hdr->limits.memory_bytes = 1 << 30;
	b->hdr->threads_created = 5;
	b->hdr->processes_created = 2;
	b->hdr->hook_ticks_x1000 = 40000;
	b->hdr->degraded = AP_DEGRADED_NO_SELF_HIST;
	b->hdr->folds = 12;
	for (int i = 0; i < 1000; i++) {
		ap_builder_leaf(b, 0, n_work, 10);
	}
	const struct ap_profile *m = read_it();
	ck_assert_uint_eq(m->process.duration_ns, 3000); /* the last sign of life */
	ck_assert_uint_eq(m->process.cpu_ns, 2000000);
	ck_assert_uint_eq(m->process.max_rss_bytes, 4096);
	ck_assert_uint_eq(m->process.limits.memory_bytes, 1 << 30);
	ck_assert_uint_eq(m->process.threads_created, 5);
	ck_assert_uint_eq(m->process.processes_created, 2);
	ck_assert_double_eq_tol(m->quality.hook_ns, 40, 1e-9);
	ck_assert_double_eq_tol(m->quality.overhead_pct, 2, 1e-9); /* 1000 calls of 40 ns in 2 ms */
	ck_assert_uint_eq(m->quality.degraded, AP_DEGRADED_NO_SELF_HIST);
	ck_assert_uint_eq(m->quality.folds, 12);
	ck_assert_uint_eq(m->quality.memory_cap_bytes, b->hdr->size_bytes);
	ck_assert_uint_eq(m->quality.memory_used_bytes, b->hdr->alloc_next);
}
END_TEST

START_TEST(texts_of_lines_become_lists)
{
	ap_builder_text(b, &b->hdr->options_ignored, "heat: unknown key\n\nhz: not a number\n");
	ap_builder_text(b, &b->hdr->notes, "one");
	b->hdr->flags = AP_SPOOL_FROZEN | AP_SPOOL_SIGNALS_OPEN;
	b->hdr->inert_reason = ENOSPC;
	const struct ap_profile_quality *q = &read_it()->quality;
	ck_assert_uint_eq(q->options_ignored_n, 2);
	ck_assert_str_eq(q->options_ignored[0], "heat: unknown key");
	ck_assert_str_eq(q->options_ignored[1], "hz: not a number");
	ck_assert_uint_eq(q->notes_n, 4);
	ck_assert_str_eq(q->notes[0], "one");
	ck_assert_ptr_nonnull(strstr(q->notes[1], strerror(ENOSPC)));
}
END_TEST

static char path[64];

static void make_path(void)
{
	strcpy(path, "/tmp/autoprof-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	strcat(path, "/spool");
}

static void remove_path(void)
{
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
}

START_TEST(a_file_reads_as_its_bytes_do_and_its_hole_costs_nothing)
{
	struct ap_profile_error error;
	struct ap_profile *from_file = NULL;

	make_path();
	add_true_identity();
	ap_builder_save(b, path);
	ck_assert_int_eq(ap_profile_open(path, NULL, &from_file, &error), 0);
	ck_assert_uint_eq(from_file->quality.attempted, 12);
	ck_assert(from_file->quality.identity_holds);
	ck_assert_uint_eq(from_file->functions[f_work].self_ns, 1000);
	ap_profile_free(from_file);
	remove_path();
}
END_TEST

START_TEST(a_head_tells_whose_spool_it_is)
{
	struct ap_profile_error error;
	struct ap_profile_head head;

	make_path();
	b->hdr->ppid = 12;
	b->hdr->uid = 1000;
	ap_builder_save(b, path);
	ck_assert_int_eq(ap_profile_head(path, &head, &error), 0);
	ck_assert_uint_eq(head.pid, b->hdr->pid);
	ck_assert_uint_eq(head.ppid, 12);
	ck_assert_uint_eq(head.uid, 1000);
	ck_assert_uint_eq(head.spool_id, 0x5eed);
	ck_assert_uint_eq(head.life, AP_LIFE_RUNNING);
	ck_assert_str_eq(head.exe, "/usr/bin/victim");
	ck_assert(!ap_profile_alive(&head));
	head.pid = (uint32_t)getpid();
	ck_assert(ap_profile_alive(&head));
	b->hdr->exe.ref = 0x7fffffff;
	ap_builder_save(b, path);
	ck_assert_int_eq(ap_profile_head(path, &head, &error), 0);
	ck_assert_str_eq(head.exe, "");
	remove_path();
}
END_TEST

START_TEST(files_that_are_no_spools_are_refused_in_one_line)
{
	struct ap_profile_error error = {""};
	struct ap_profile *none = NULL;

	ck_assert_int_eq(ap_profile_open("/nonexistent/x", NULL, &none, &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, strerror(ENOENT)));
	ck_assert_int_eq(ap_profile_open("/tmp", NULL, &none, &error), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(error.text, "not a regular file"));
	ck_assert_int_eq(ap_profile_open("/proc/self/exe", NULL, &none, &error), -EBADMSG);
	ck_assert_str_eq(error.text, "not an autoprof spool");
	make_path();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(ap_profile_open(path, NULL, &none, &error), -EBADMSG);
	remove_path();
	ck_assert_ptr_null(none);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("profile");
	TCase *sums = tcase_create("sums"), *process = tcase_create("process"), *file = tcase_create("file");

	tcase_add_checked_fixture(sums, setup, teardown);
	tcase_add_checked_fixture(process, setup, teardown);
	tcase_add_checked_fixture(file, setup, teardown);
	tcase_add_test(sums, an_empty_spool_is_an_empty_profile);
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
	tcase_add_loop_test(sums, the_identity_fails_when_any_counter_lies, 0, sizeof(lies) / sizeof(*lies));
	tcase_add_test(sums, a_fold_cut_short_leaves_two_events_in_doubt);
	tcase_add_test(process, modules_are_taken_over_and_functions_know_theirs);
	tcase_add_test(process, threads_have_names_lives_and_a_peak);
	tcase_add_test(process, the_clock_is_fitted_only_where_both_readings_agree_with_the_estimate);
	tcase_add_loop_test(process, the_end_is_told_by_the_spool_and_by_who_saw_it, 0,
			    sizeof(ends) / sizeof(*ends));
	tcase_add_test(process, a_process_that_is_there_still_runs_and_the_notes_say_so);
	tcase_add_test(process, figures_of_the_process_are_taken_over);
	tcase_add_test(process, texts_of_lines_become_lists);
	tcase_add_test(file, a_file_reads_as_its_bytes_do_and_its_hole_costs_nothing);
	tcase_add_test(file, a_head_tells_whose_spool_it_is);
	tcase_add_test(file, files_that_are_no_spools_are_refused_in_one_line);
	suite_add_tcase(suite, sums);
	suite_add_tcase(suite, process);
	suite_add_tcase(suite, file);
	return suite;
}

int main(void)
{
	return ap_check_main(make_suite());
}
