/* SPDX-License-Identifier: MIT */
/* tests/unit/test-merge.c - profiles of several processes become one: what is the same, what adds up, who
 * made whom. */
#include "profile/merge.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"
#include "tests/support/spool_builder.h"

#define START 1700000000000000000ull
#define LOW 0x400000ull
#define HIGH 0x7f1200000000ull
#define OUTER 0x1000u /* in the module: calls INNER */
#define INNER 0x2000u
#define MOST 8

/* A process in the making: its program calls OUTER, which calls INNER. */
struct process {
	struct ap_builder *b;
	uint32_t shard, thread, outer, inner;
	uint64_t events;
};

static struct ap_profile *profiles[MOST];
static size_t profiles_n;
static struct ap_profile *merged;

static void setup(void)
{
	profiles_n = 0;
	merged = NULL;
}

static void teardown(void)
{
	for (size_t i = 0; i < profiles_n; i++) {
		ap_profile_free(profiles[i]);
	}
	ap_profile_free(merged);
}

static struct process begin(uint32_t pid, uint64_t after_ns, uint64_t bias, uint8_t build_id)
{
	struct process p = {.b = ap_builder_new()};
	struct ap_spool_header *h = p.b->hdr;

	h->pid = pid;
	h->ppid = 1;
	h->spool_id = 0x1000 + pid;
	h->start_unix_ns = START + after_ns;
	h->life = AP_LIFE_EXITING;
	h->end_kind = AP_END_EXIT;
	h->end_ticks = AP_BUILDER_START + 1000000;
	h->usage.cpu_ns = 500000 + pid;
	const uint32_t module = ap_builder_module(p.b, bias, bias + 0x10000, "/usr/bin/victim");
	ap_builder_module_at(p.b, module)->build_id_bytes = build_id ? 20 : 0;
	ap_builder_module_at(p.b, module)->build_id[0] = build_id;
	p.shard = ap_builder_shard(p.b);
	p.thread = ap_builder_thread(p.b, pid, "main");
	p.outer = ap_builder_node(p.b, AP_ID_ROOT,
				  ap_builder_function(p.b, bias + OUTER, module + 1));
	p.inner = ap_builder_node(p.b, p.outer, ap_builder_function(p.b, bias + INNER, module + 1));
	return p;
}

/* One call of OUTER with @n calls of INNER, each of @ns; all else is OUTER's own: 500 ns. */
static void call(struct process *p, unsigned n, uint64_t ns)
{
	for (unsigned i = 0; i < n; i++) {
		ap_builder_leaf(p->b, p->shard, p->inner, ns);
	}
	ap_builder_call(p->b, p->shard, p->outer, n * ns + 500, 500);
	p->events += 2 * ((uint64_t)n + 1);
}

static struct ap_profile *end(struct process *p)
{
	struct ap_profile_error error;
	size_t size;

	ck_assert_uint_lt(profiles_n, MOST);
	ap_builder_folded(p->b, p->thread, p->events, 0);
	const void *bytes = ap_builder_bytes(p->b, &size);
	ck_assert_msg(ap_profile_parse(bytes, size, NULL, &profiles[profiles_n], &error) == 0, "%s",
		      error.text);
	ap_builder_free(p->b);
	return profiles[profiles_n++];
}

static struct ap_profile *process(uint32_t pid, uint64_t after_ns, uint64_t bias, unsigned n,
				  uint64_t ns)
{
	struct process p = begin(pid, after_ns, bias, 7);

	call(&p, n, ns);
	return end(&p);
}

/* All of them, in the order that the digits of @order say. */
static struct ap_profile *merge_in(const char *order, uint32_t root, const struct ap_merge_end *how)
{
	struct ap_merge *merge = ap_merge_new(root);
	struct ap_profile *ret = NULL;

	ck_assert_ptr_nonnull(merge);
	for (; *order; order++) {
		ck_assert_int_eq(ap_merge_add(merge, profiles[*order - '0']), 0);
	}
	ck_assert_int_eq(ap_merge_finish(merge, how, &ret), 0);
	const char *wrong = ap_model_check(ret);
	ck_assert_msg(!wrong, "%s", wrong);
	return ret;
}

static void merge_all(void)
{
	char order[MOST + 1] = "01234567";

	order[profiles_n] = 0;
	merged = ap_profile_free(merged);
	merged = merge_in(order, 0, NULL);
}

static const struct ap_profile_function *function_at(const struct ap_profile *p, uint64_t address)
{
	const struct ap_profile_function *found = NULL;

	for (size_t i = AP_ID_FIRST; i < p->functions_n; i++) {
		if (p->functions[i].address == address) {
			ck_assert_msg(!found, "two functions at %" PRIx64, address);
			found = &p->functions[i];
		}
	}
	ck_assert_msg(found, "no function at %" PRIx64, address);
	return found;
}

START_TEST(one_program_at_two_addresses_is_one_table)
{
	process(10, 0, LOW, 3, 1000);
	process(11, 5000, HIGH, 5, 3000);
	merge_all();
	ck_assert_uint_eq(merged->modules_n, 1);
	ck_assert_uint_eq(merged->modules[0].bias, 0);
	ck_assert_uint_eq(merged->functions_n, AP_ID_FIRST + 2);
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 2);
	const struct ap_profile_function *inner = function_at(merged, INNER);
	ck_assert_int_eq(inner->module, 0);
	ck_assert_uint_eq(inner->calls, 8);
	ck_assert_uint_eq(inner->timed_calls, 8);
	ck_assert_uint_eq(inner->total_ns, 18000);
	ck_assert_uint_eq(inner->self_ns, 18000);
	ck_assert_uint_eq(inner->min_ns, 1000);
	ck_assert_uint_eq(inner->max_ns, 3000);
	ck_assert_double_eq(inner->sum_ns, 18000);
	ck_assert_double_eq(inner->sum_squares, 3 * 1e6 + 5 * 9e6);
	const struct ap_profile_function *outer = function_at(merged, OUTER);
	ck_assert_uint_eq(outer->calls, 2);
	ck_assert_uint_eq(outer->total_ns, 3500 + 15500);
	ck_assert_uint_eq(outer->self_ns, 1000);
	ck_assert_uint_eq(outer->min_ns, 3500);
}
END_TEST

START_TEST(histograms_and_categories_are_added)
{
	process(10, 0, LOW, 90, 1000);
	process(11, 0, HIGH, 10, 600000000);
	merge_all();
	const struct ap_profile_function *inner = function_at(merged, INNER);
	ck_assert_uint_eq(inner->total.count, 100);
	ck_assert_uint_eq(inner->self.count, 100);
	ck_assert_double_eq_tol(ap_histogram_quantile(&inner->total, 0.9), 1e-6, 0.011e-6);
	ck_assert_double_eq_tol(ap_histogram_quantile(&inner->total, 0.91), 0.6, 0.0066);
	ck_assert(!inner->total.coarse);
	/* The builder writes no categories: set them where the profile has them. */
	for (size_t i = 0; i < profiles_n; i++) {
		struct ap_profile_function *f = &profiles[i]->functions[AP_ID_FIRST + 1];
		f->slow = 1 + i;
		f->very_slow = 10 + i;
		f->critical = 100 + i;
		f->total.coarse = i == 1;
	}
	merge_all();
	inner = function_at(merged, INNER);
	ck_assert_uint_eq(inner->slow, 3);
	ck_assert_uint_eq(inner->very_slow, 21);
	ck_assert_uint_eq(inner->critical, 201);
	ck_assert(inner->total.coarse && !inner->self.coarse);
}
END_TEST

START_TEST(another_build_has_functions_of_its_own)
{
	struct process other = begin(11, 0, LOW, 8);

	process(10, 0, LOW, 3, 1000);
	call(&other, 4, 1000);
	end(&other);
	merge_all();
	ck_assert_uint_eq(merged->modules_n, 2);
	ck_assert_uint_eq(merged->functions_n, AP_ID_FIRST + 4);
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 4);
}
END_TEST

static void without_build_id(uint32_t pid, uint64_t bias, uint64_t inode)
{
	struct process p = begin(pid, pid, bias, 0);

	ap_builder_module_at(p.b, 0)->inode = inode;
	call(&p, 1, 100);
	end(&p);
}

START_TEST(without_a_build_id_the_file_tells)
{
	without_build_id(10, LOW, 55);
	without_build_id(11, HIGH, 55);
	merge_all();
	ck_assert_uint_eq(merged->modules_n, 1);
	without_build_id(12, LOW, 56);
	merge_all();
	ck_assert_uint_eq(merged->modules_n, 2);
	ck_assert_uint_eq(merged->functions_n, AP_ID_FIRST + 4);
}
END_TEST

/* What a merged profile says, ids aside. */
static void put_path(FILE *out, const struct ap_profile *p, uint32_t id)
{
	uint32_t path[16];
	unsigned n = 0;

	for (; id; id = p->nodes[id].parent) {
		path[n++] = id;
	}
	while (n) {
		fprintf(out, "/%" PRIx64, p->functions[p->nodes[path[--n]].function].address);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *line_of_function(const struct ap_profile_function *f)
{
	char *line;

	ck_assert_int_ge(asprintf(&line,
				  "%" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %a %a %" PRIu64
				  " %" PRIu64 " %a",
				  f->address, f->calls, f->total_ns, f->self_ns, f->sum_ns,
				  f->sum_squares, f->min_ns, f->max_ns,
				  ap_histogram_quantile(&f->total, 0.7)),
			 0);
	return line;
}

static char *line_of_node(const struct ap_profile *p, uint32_t id)
{
	const struct ap_profile_node *n = &p->nodes[id];
	char *line;
	size_t size;
	FILE *out = open_memstream(&line, &size);

	put_path(out, p, id);
	fprintf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %d", n->calls,
		n->total_ns, n->self_ns, n->min_ns, n->recursive, n->inherited);
	fclose(out);
	return line;
}

static void put_rest(FILE *out, const struct ap_profile *p)
{
	fprintf(out, "%s %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %a %a %zu\n", p->process.exe,
		p->process.pid, p->process.start_unix_ns, p->process.duration_ns, p->process.cpu_ns,
		p->quality.hook_ns, p->quality.overhead_pct, p->quality.notes_n);
	for (size_t i = 0; i < p->processes_n; i++) {
		fprintf(out, "%u %d %" PRIu64 "\n", p->processes[i].pid, p->processes[i].parent,
			p->processes[i].calls);
	}
	for (size_t i = 0; i < p->threads_n; i++) {
		fprintf(out, "%u %u %" PRIu64 "\n", p->threads[i].pid, p->threads[i].tid,
			p->threads[i].start_ns);
	}
}

static char *facts(const struct ap_profile *p)
{
	char **lines = calloc(p->functions_n + p->nodes_n, sizeof(*lines));
	size_t n = 0, size;
	char *all;
	FILE *out = open_memstream(&all, &size);

	for (size_t i = AP_ID_FIRST; i < p->functions_n; i++) {
		lines[n++] = line_of_function(&p->functions[i]);
	}
	for (uint32_t i = AP_ID_FIRST; i < p->nodes_n; i++) {
		lines[n++] = line_of_node(p, i);
	}
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", lines[i]);
		free(lines[i]);
	}
	free(lines);
	put_rest(out, p);
	fclose(out);
	return all;
}

static void three_processes(void)
{
	process(10, 0, LOW, 3, 1001);
	process(11, 5000, HIGH, 5, 3331);
	struct process p = begin(12, 2500, LOW, 9);
	p.b->hdr->hook_ticks_x1000 = 12345;
	p.b->hdr->ticks_per_s = 999999937; /* sums that no double holds exactly */
	call(&p, 7, 977);
	call(&p, 1, 31);
	end(&p);
}

static char *facts_in(const char *order)
{
	struct ap_profile *p = merge_in(order, 0, NULL);
	char *ret = facts(p);

	ap_profile_free(p);
	return ret;
}

START_TEST(any_order_gives_the_same)
{
	static const char *const orders[] = {"021", "102", "120", "201", "210"};

	three_processes();
	char *first = facts_in("012");
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		char *now = facts_in(orders[i]);
		ck_assert_str_eq(now, first);
		free(now);
	}
	free(first);
}
END_TEST

START_TEST(the_whole_is_named_for_the_first_and_has_the_figures_of_all)
{
	three_processes();
	profiles[1]->process.max_rss_bytes = 2000;
	profiles[0]->process.max_rss_bytes = 1000;
	profiles[2]->process.threads_created = 4;
	merge_all();
	ck_assert_uint_eq(merged->process.pid, 10);
	ck_assert_uint_eq(merged->process.start_unix_ns, START);
	ck_assert_uint_eq(merged->process.duration_ns, 1005000);
	ck_assert_uint_eq(merged->process.cpu_ns, 3 * 500000 + 10 + 11 + 12);
	ck_assert_uint_eq(merged->process.max_rss_bytes, 2000);
	ck_assert_uint_eq(merged->process.threads_created, 4);
	ck_assert_uint_eq(merged->quality.attempted, 40); /* of 4, 6 and 10 calls */
	ck_assert_uint_eq(merged->quality.folded, 40);
	ck_assert(merged->quality.identity_holds);
	ck_assert_uint_eq(merged->processes_n, 3);
	ck_assert_uint_eq(merged->processes[1].pid, 12);
	ck_assert_uint_eq(merged->processes[1].calls, 10);
	ck_assert_uint_eq(merged->processes[1].attempted, 20);
	ck_assert_uint_eq(merged->threads_n, 3);
	ck_assert_double_eq_tol(merged->quality.hook_ns, 12.345, 1e-3);
	merged = ap_profile_free(merged);
	merged = merge_in("012", 11, NULL); /* unless another is said to be the root */
	ck_assert_uint_eq(merged->process.pid, 11);
	ck_assert_uint_eq(merged->processes[0].pid, 11);
	ck_assert_uint_eq(merged->process.start_unix_ns, START);
}
END_TEST

START_TEST(memory_is_that_of_who_came_nearest_to_its_limit)
{
	process(10, 0, LOW, 1, 1);
	process(11, 1, LOW, 1, 1);
	profiles[0]->process.max_rss_bytes = 900;
	profiles[0]->process.limits.memory_bytes = 1000;
	profiles[1]->process.max_rss_bytes = 5000;
	profiles[1]->process.limits.memory_bytes = 100000;
	profiles[1]->process.limits.cpu_millicores = 4000;
	merge_all();
	ck_assert_uint_eq(merged->process.max_rss_bytes, 900);
	ck_assert_uint_eq(merged->process.limits.memory_bytes, 1000);
	ck_assert_uint_eq(merged->process.limits.cpu_millicores, 4000);
}
END_TEST

START_TEST(events_that_are_missing_in_one_are_missing_in_all)
{
	process(10, 0, LOW, 1, 1);
	process(11, 0, LOW, 1, 1);
	profiles[1]->quality.identity_holds = false;
	profiles[1]->quality.dropped[3].events = 5;
	profiles[0]->quality.dropped[3].events = 2;
	profiles[0]->quality.degraded = AP_DEGRADED_SMALL_CHUNKS;
	merge_all();
	ck_assert(!merged->quality.identity_holds);
	ck_assert_uint_eq(merged->quality.dropped[3].events, 7);
	ck_assert_str_eq(merged->quality.dropped[3].reason, "torn");
	ck_assert_uint_eq(merged->quality.degraded, AP_DEGRADED_SMALL_CHUNKS);
	ck_assert_uint_eq(merged->processes[1].dropped, 0); /* as its own profile counted */
}
END_TEST

START_TEST(notes_are_told_once)
{
	struct process p = begin(10, 0, LOW, 7);

	ap_builder_text(p.b, &p.b->hdr->notes, "one\ntwo");
	ap_builder_text(p.b, &p.b->hdr->options_ignored, "x: unknown");
	end(&p);
	p = begin(11, 0, LOW, 7);
	ap_builder_text(p.b, &p.b->hdr->notes, "three\none");
	ap_builder_text(p.b, &p.b->hdr->options_ignored, "x: unknown");
	end(&p);
	merge_all();
	ck_assert_uint_eq(merged->quality.notes_n, 3);
	ck_assert_str_eq(merged->quality.notes[0], "one");
	ck_assert_str_eq(merged->quality.notes[1], "three");
	ck_assert_str_eq(merged->quality.notes[2], "two");
	ck_assert_uint_eq(merged->quality.options_ignored_n, 1);
}
END_TEST

/* A child that was forked inside OUTER and called INNER there. */
static void forked_child(void)
{
	struct process p = begin(11, 2000, LOW, 7);

	ap_builder_node_at(p.b, p.outer)->address |= AP_NODE_INHERITED;
	const struct ap_frame frame = {
		.start = AP_BUILDER_START, .node = p.outer, .flags = AP_FRAME_INHERITED};
	ap_builder_frame(p.b, p.thread, &frame);
	ap_builder_thread_at(p.b, p.thread)->inherited = 1;
	for (unsigned i = 0; i < 4; i++) {
		ap_builder_leaf(p.b, p.shard, p.inner, 100);
	}
	p.events = 8;
	p.b->hdr->parent_spool_id = 0x1000 + 10;
	end(&p);
}

START_TEST(frames_that_a_fork_handed_down_are_no_calls_of_the_child)
{
	process(10, 0, LOW, 3, 1000);
	forked_child();
	ck_assert(profiles[1]->nodes[AP_ID_FIRST].inherited);
	merge_all();
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 2);
	const struct ap_profile_node *outer = &merged->nodes[AP_ID_FIRST];
	ck_assert_uint_eq(outer->calls, 1);
	ck_assert_uint_eq(outer->total_ns, 3500);
	ck_assert_uint_eq(outer->self_ns, 500);
	ck_assert(!outer->inherited);
	ck_assert_uint_eq(merged->nodes[AP_ID_FIRST + 1].calls, 7);
	ck_assert_uint_eq(function_at(merged, OUTER)->calls, 1);
	ck_assert_uint_eq(function_at(merged, OUTER)->total_ns, 3500);
	ck_assert_uint_eq(function_at(merged, INNER)->total_ns, 3400);
	ck_assert_uint_eq(merged->quality.inherited, 1);
	ck_assert(merged->quality.identity_holds);
	ck_assert_int_eq(merged->processes[1].parent, 0);
	char *there = facts(merged);
	struct ap_profile *back = merge_in("10", 0, NULL);
	char *and_back = facts(back);
	ck_assert_str_eq(there, and_back);
	free(there);
	free(and_back);
	ap_profile_free(back);
}
END_TEST

START_TEST(a_library_loaded_twice_that_calls_itself_is_recursion)
{
	struct process p = begin(10, 0, LOW, 7);
	const uint32_t copy = ap_builder_module(p.b, HIGH, HIGH + 0x10000, "/usr/bin/victim");

	ap_builder_module_at(p.b, copy)->build_id_bytes = 20;
	ap_builder_module_at(p.b, copy)->build_id[0] = 7;
	const uint32_t inner =
		ap_builder_node(p.b, p.outer, ap_builder_function(p.b, HIGH + OUTER, copy + 1));
	ap_builder_leaf(p.b, p.shard, inner, 300);
	ap_builder_call(p.b, p.shard, p.outer, 1000, 700);
	p.events = 4;
	end(&p);
	process(11, 0, LOW, 0, 0);
	merge_all();
	const struct ap_profile_function *f = function_at(merged, OUTER);
	ck_assert_uint_eq(f->calls, 3);
	ck_assert_uint_eq(f->total_ns, 1000 + 500);
	ck_assert_uint_eq(f->self_ns, 1000 + 500);
	ck_assert_double_eq(f->sum_ns, 1300 + 500);
	ck_assert_uint_eq(merged->nodes_n, AP_ID_FIRST + 3);
}
END_TEST

/* A row and nothing else. */
static struct ap_profile_process_row row(uint32_t pid, uint32_t ppid, uint64_t after)
{
	return (struct ap_profile_process_row){.pid = pid,
					       .ppid = ppid,
					       .parent = -1,
					       .exe = (char *)"/bin/x",
					       .spool_id = 0x1000 + pid + (after << 32),
					       .start_unix_ns = START + after,
					       .calls = 1,
					       .processes = 1,
					       .elsewhere = true};
}

/* The rows besides the process 10, which began at START. */
static void merge_rows(const struct ap_profile_process_row *rows, size_t n,
		       const struct ap_merge_end *how)
{
	struct ap_merge *merge = ap_merge_new(10);

	process(10, 0, LOW, 3, 1000);
	ck_assert_int_eq(ap_merge_add(merge, profiles[0]), 0);
	for (size_t i = n; i-- > 0;) {
		ck_assert_int_eq(ap_merge_row(merge, &rows[i]), 0);
	}
	ck_assert_int_eq(ap_merge_finish(merge, how, &merged), 0);
}

static int32_t parent_of(uint32_t pid, uint64_t after)
{
	for (size_t i = 0; i < merged->processes_n; i++) {
		if (merged->processes[i].pid == pid &&
		    merged->processes[i].start_unix_ns == START + after) {
			const int32_t parent = merged->processes[i].parent;
			return parent < 0 ? -1 : (int32_t)merged->processes[parent].pid;
		}
	}
	ck_abort_msg("no row of %u", pid);
	return -2;
}

START_TEST(three_generations_are_linked)
{
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(30, 20, 7), row(40, 30, 9),
						row(21, 10, 6)};

	rows[2].ppid = 1; /* its parent had died: the spool still tells */
	rows[2].parent_spool_id = rows[1].spool_id;
	merge_rows(rows, 4, NULL);
	ck_assert_int_eq(parent_of(10, 0), -1);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(21, 6), 10);
	ck_assert_int_eq(parent_of(30, 7), 20);
	ck_assert_int_eq(parent_of(40, 9), 30);
	ck_assert_uint_eq(merged->processes_n, 5);
	ck_assert_uint_eq(function_at(merged, INNER)->calls, 3); /* rows alone add nothing */
}
END_TEST

START_TEST(what_an_exec_replaced_is_the_parent)
{
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(20, 10, 8), row(30, 20, 9),
						row(31, 20, 6)};

	rows[0].end = AP_PROFILE_EXEC;
	merge_rows(rows, 4, NULL);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(20, 8), 20);
	ck_assert_int_eq(merged->processes[merged->processes[3].parent].start_unix_ns - START, 5);
	ck_assert_int_eq(parent_of(30, 9), 20);
	ck_assert_uint_eq(merged->processes[merged->processes[4].parent].start_unix_ns,
			  START + 8); /* by the second program */
	ck_assert_uint_eq(merged->processes[merged->processes[2].parent].start_unix_ns, START + 5);
}
END_TEST

START_TEST(a_pid_that_was_used_again_is_two_processes)
{
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(20, 10, 8), row(30, 20, 6)};

	merge_rows(rows, 3, NULL);
	ck_assert_int_eq(parent_of(20, 8), 10); /* the first did not exec */
	ck_assert_uint_eq(merged->processes[merged->processes[2].parent].start_unix_ns, START + 5);
}
END_TEST

START_TEST(who_recorded_nothing_still_links)
{
	static const struct ap_merge_kin kin[] = {
		{50, 10, START + 2}, {51, 50, START + 3}, {60, 99, START + 4}};
	const struct ap_merge_end how = {.kin = kin, .kin_n = 3};
	struct ap_profile_process_row rows[] = {row(20, 51, 5), row(21, 60, 6), row(22, 51, 2)};

	merge_rows(rows, 3, &how);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(21, 6), -1); /* 99 is nobody */
	ck_assert_int_eq(parent_of(22, 2), -1); /* began before 51 did */
}
END_TEST

START_TEST(what_the_root_was_is_the_root)
{
	static const struct ap_merge_kin kin[] = {{10, 1, START + 3}};
	const struct ap_merge_end how = {.kin = kin, .kin_n = 1};
	struct ap_profile_process_row rows[] = {row(20, 10, 5), row(21, 10, 2)};

	merge_rows(rows, 2, &how);
	ck_assert_int_eq(parent_of(20, 5), 10);
	ck_assert_int_eq(parent_of(21, 2), 10);
	ck_assert_int_eq(parent_of(10, 0), -1);
}
END_TEST

START_TEST(circles_are_broken)
{
	struct ap_profile_process_row rows[] = {row(20, 21, 5), row(21, 20, 5), row(22, 22, 6)};

	merge_rows(rows, 3, NULL);
	ck_assert_int_eq(parent_of(22, 6), -1);
	ck_assert(parent_of(20, 5) == -1 || parent_of(21, 5) == -1);
}
END_TEST

START_TEST(a_root_that_recorded_nothing_names_the_whole)
{
	struct ap_profile_process_row root = row(5, 1, 0);
	const struct ap_merge_end how = {.root = &root, .cwd = "/here"};

	root.start_unix_ns = START - 1000;
	root.duration_ns = 5000000;
	root.end = AP_PROFILE_EXIT;
	root.exit_status = 3;
	root.calls = 0;
	process(10, 0, LOW, 3, 1000);
	merged = merge_in("0", 5, &how);
	ck_assert_str_eq(merged->process.exe, "/bin/x");
	ck_assert_str_eq(merged->process.cwd, "/here");
	ck_assert_uint_eq(merged->process.pid, 5);
	ck_assert_int_eq(merged->process.exit_status, 3);
	ck_assert_uint_eq(merged->process.start_unix_ns, START - 1000);
	ck_assert_uint_eq(merged->process.duration_ns, 5000000);
	ck_assert_uint_eq(merged->processes_n, 2);
	ck_assert_uint_eq(merged->processes[0].pid, 5);
	ck_assert_uint_eq(merged->processes[0].calls, 0);
	merged = ap_profile_free(merged);
	merged = merge_in("0", 10, &how); /* not where it did */
	ck_assert_uint_eq(merged->process.pid, 10);
	ck_assert_uint_eq(merged->processes_n, 1);
}
END_TEST

START_TEST(the_end_is_that_of_the_last_program_of_the_root)
{
	struct process p = begin(10, 0, LOW, 7);

	p.b->hdr->end_kind = AP_END_EXEC;
	end(&p);
	p = begin(10, 50, LOW, 7);
	p.b->hdr->end_kind = AP_END_RAW_EXIT;
	p.b->hdr->end_status = 4;
	end(&p);
	for (const char *order = "10"; order; order = *order == '1' ? "01" : NULL) {
		struct ap_profile *both = merge_in(order, 10, NULL);
		ck_assert_int_eq(both->process.end, AP_PROFILE_RAW_EXIT);
		ck_assert_int_eq(both->process.exit_status, 4);
		ck_assert_int_eq(both->processes[0].end, AP_PROFILE_EXEC);
		ck_assert_int_eq(both->processes[1].parent, 0);
		ap_profile_free(both);
	}
}
END_TEST

static void add(struct ap_merge *merge, const struct ap_profile *p)
{
	ck_assert_int_eq(ap_merge_add(merge, p), 0);
}

/* 1,500 rows, not in the order in which they began. */
static void add_rows(struct ap_merge *merge)
{
	for (uint32_t i = 0; i < 1500; i++) {
		const struct ap_profile_process_row one = row(100 + i, 10, 1 + (i * 7) % 1500);
		ck_assert_int_eq(ap_merge_row(merge, &one), 0);
	}
}

START_TEST(a_thousand_rows_the_rest_is_summed)
{
	struct ap_merge *merge = ap_merge_new(10);

	process(10, 0, LOW, 3, 1000);
	add_rows(merge);
	add(merge, profiles[0]);
	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), 0);
	ck_assert_uint_eq(merged->processes_n, AP_PROFILE_PROCESSES_MOST);
	ck_assert_uint_eq(merged->more.processes, 501);
	ck_assert_uint_eq(merged->more.calls, 501);
	for (size_t i = 1; i < merged->processes_n; i++) {
		ck_assert_uint_eq(merged->processes[i].start_unix_ns, START + i);
		ck_assert_int_eq(merged->processes[i].parent, 0);
	}
}
END_TEST

START_TEST(the_busiest_thousand_threads_are_listed)
{
	struct ap_merge *merge = ap_merge_new(0);
	struct ap_profile *one = process(10, 0, LOW, 3, 1000);

	for (uint64_t i = 0; i < 3500; i++) {
		one->threads[0].cpu_ns = (i * 11) % 3500 + 1;
		add(merge, one);
	}
	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), 0);
	ck_assert_uint_eq(merged->threads_n, AP_PROFILE_THREADS_MOST);
	ck_assert_uint_eq(merged->threads_more, 2500);
	for (size_t i = 0; i < merged->threads_n; i++) {
		ck_assert_uint_eq(merged->threads[i].cpu_ns, 3500 - i);
	}
	ck_assert_uint_eq(function_at(merged, INNER)->calls, 10500); /* all are counted */
	ck_assert_uint_eq(merged->more.processes, 2500);
	ck_assert_uint_eq(merged->more.calls, 10000);
}
END_TEST

START_TEST(very_deep_stacks_lose_their_middle)
{
	struct ap_profile *one = process(10, 0, LOW, 3, 1000);
	struct ap_profile_thread *thread = &one->threads[0];

	thread->open_n = 5000;
	thread->open = calloc(thread->open_n, sizeof(*thread->open));
	for (size_t i = 0; i < thread->open_n; i++) {
		thread->open[i] =
			(struct ap_profile_open_call){AP_ID_FIRST, AP_ID_FIRST, 10000 - i, false};
	}
	merge_all();
	ck_assert_uint_eq(merged->threads[0].open_n, 256);
	ck_assert_uint_eq(merged->threads[0].open[0].age_ns, 10000);
	ck_assert_uint_eq(merged->threads[0].open[1].age_ns, 10000 - 4745);
	ck_assert_uint_eq(merged->threads[0].open[255].age_ns, 10000 - 4999);
	ck_assert_uint_eq(merged->quality.notes_n, 1);
	ck_assert_ptr_nonnull(strstr(merged->quality.notes[0], "1 threads"));
}
END_TEST

START_TEST(nothing_added_is_no_profile)
{
	struct ap_merge *merge = ap_merge_new(0);

	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), -ENOENT);
	ck_assert_ptr_null(merged);
}
END_TEST

/* What @merge becomes on the other side. */
static struct ap_merge *carried(struct ap_merge *merge, char **ret_bytes, size_t *ret_size)
{
	struct ap_merge *there = NULL;
	FILE *out = open_memstream(ret_bytes, ret_size);

	ck_assert_int_eq(ap_merge_save(merge, out), 0);
	fclose(out);
	ap_merge_free(merge);
	FILE *in = fmemopen(*ret_bytes, *ret_size, "r");
	ck_assert_int_eq(ap_merge_load(in, *ret_size, &there), 0);
	fclose(in);
	return there;
}

START_TEST(handed_on_after_each_it_is_the_same)
{
	struct ap_merge *merge = ap_merge_new(0);
	char *bytes;
	size_t size;

	three_processes();
	forked_child();
	for (size_t i = 0; i < profiles_n; i++) {
		add(merge, profiles[i]);
		merge = carried(merge, &bytes, &size);
		free(bytes);
	}
	ck_assert_int_eq(ap_merge_finish(merge, NULL, &merged), 0);
	ck_assert_ptr_null(ap_model_check(merged));
	struct ap_profile *at_once = merge_in("0123", 0, NULL);
	char *a = facts(merged), *b = facts(at_once);
	ck_assert_str_eq(a, b);
	free(a);
	free(b);
	ap_profile_free(at_once);
}
END_TEST

START_TEST(what_is_cut_short_or_damaged_is_refused)
{
	struct ap_merge *merge = ap_merge_new(0), *there;
	char *bytes;
	size_t size;

	process(10, 0, LOW, 3, 1000);
	ck_assert_int_eq(ap_merge_add(merge, profiles[0]), 0);
	ap_merge_free(carried(merge, &bytes, &size));
	for (size_t n = 1; n < size; n += n < 1000 ? 1 : 97) {
		FILE *in = fmemopen(bytes, n, "r");
		ck_assert_int_eq(ap_merge_load(in, n, &there), -EBADMSG);
		fclose(in);
	}
	for (size_t at = 0; at + 8 <= size; at += 8) { /* any word, made absurd */
		uint64_t word;
		memcpy(&word, bytes + at, sizeof(word));
		memset(bytes + at, 0x7e, sizeof(word));
		FILE *in = fmemopen(bytes, size, "r");
		if (ap_merge_load(in, size, &there) == 0) {
			ap_merge_free(there);
		}
		fclose(in);
		memcpy(bytes + at, &word, sizeof(word));
	}
	free(bytes);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("merge");
	TCase *sums = tcase_create("sums"), *rows = tcase_create("processes"),
	      *bounds = tcase_create("bounds");

	tcase_add_checked_fixture(sums, setup, teardown);
	tcase_add_test(sums, one_program_at_two_addresses_is_one_table);
	tcase_add_test(sums, histograms_and_categories_are_added);
	tcase_add_test(sums, another_build_has_functions_of_its_own);
	tcase_add_test(sums, without_a_build_id_the_file_tells);
	tcase_add_test(sums, any_order_gives_the_same);
	tcase_add_test(sums, the_whole_is_named_for_the_first_and_has_the_figures_of_all);
	tcase_add_test(sums, memory_is_that_of_who_came_nearest_to_its_limit);
	tcase_add_test(sums, events_that_are_missing_in_one_are_missing_in_all);
	tcase_add_test(sums, notes_are_told_once);
	tcase_add_test(sums, frames_that_a_fork_handed_down_are_no_calls_of_the_child);
	tcase_add_test(sums, a_library_loaded_twice_that_calls_itself_is_recursion);
	suite_add_tcase(s, sums);
	tcase_add_checked_fixture(rows, setup, teardown);
	tcase_add_test(rows, three_generations_are_linked);
	tcase_add_test(rows, what_an_exec_replaced_is_the_parent);
	tcase_add_test(rows, a_pid_that_was_used_again_is_two_processes);
	tcase_add_test(rows, who_recorded_nothing_still_links);
	tcase_add_test(rows, what_the_root_was_is_the_root);
	tcase_add_test(rows, circles_are_broken);
	tcase_add_test(rows, a_root_that_recorded_nothing_names_the_whole);
	tcase_add_test(rows, the_end_is_that_of_the_last_program_of_the_root);
	suite_add_tcase(s, rows);
	tcase_add_checked_fixture(bounds, setup, teardown);
	tcase_add_test(bounds, a_thousand_rows_the_rest_is_summed);
	tcase_add_test(bounds, the_busiest_thousand_threads_are_listed);
	tcase_add_test(bounds, very_deep_stacks_lose_their_middle);
	tcase_add_test(bounds, nothing_added_is_no_profile);
	tcase_add_test(bounds, handed_on_after_each_it_is_the_same);
	tcase_add_test(bounds, what_is_cut_short_or_damaged_is_refused);
	suite_add_tcase(s, bounds);
	return s;
}

int main(void)
{
	return ap_check_main(suite());
}
