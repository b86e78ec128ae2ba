/* SPDX-License-Identifier: MIT */
/* tests/support/merge_fixture.c - see merge_fixture.h. */
#include "tests/support/merge_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/ap_check.h"
#include "tests/support/model_check.h"

struct ap_profile *profiles[MERGE_FIXTURE_MOST];
size_t profiles_n;
struct ap_profile *merged;

void merge_fixture_setup(void)
{
	profiles_n = 0;
	merged = NULL;
}

void merge_fixture_teardown(void)
{
	for (size_t i = 0; i < profiles_n; i++) {
		ap_profile_free(profiles[i]);
	}
	ap_profile_free(merged);
}

struct merge_fixture_process merge_fixture_begin(uint32_t pid, uint64_t after_ns, uint64_t bias,
						 uint8_t build_id)
{
	struct merge_fixture_process p = {.b = ap_builder_new()};
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
void merge_fixture_call(struct merge_fixture_process *p, unsigned n, uint64_t ns)
{
	for (unsigned i = 0; i < n; i++) {
		ap_builder_leaf(p->b, p->shard, p->inner, ns);
	}
	ap_builder_call(p->b, p->shard, p->outer, n * ns + 500, 500);
	p->events += 2 * ((uint64_t)n + 1);
}

struct ap_profile *merge_fixture_end(struct merge_fixture_process *p)
{
	struct ap_profile_error error;
	size_t size;

	ck_assert_uint_lt(profiles_n, MERGE_FIXTURE_MOST);
	ap_builder_folded(p->b, p->thread, p->events, 0);
	const void *bytes = ap_builder_bytes(p->b, &size);
	ck_assert_msg(ap_profile_parse(bytes, size, NULL, &profiles[profiles_n], &error) == 0, "%s",
		      error.text);
	ap_builder_free(p->b);
	return profiles[profiles_n++];
}

struct ap_profile *merge_fixture_process(uint32_t pid, uint64_t after_ns, uint64_t bias, unsigned n,
					 uint64_t ns)
{
	struct merge_fixture_process p = merge_fixture_begin(pid, after_ns, bias, 7);

	merge_fixture_call(&p, n, ns);
	return merge_fixture_end(&p);
}

/* All of them, in the order that the digits of @order say. */
struct ap_profile *merge_fixture_in(const char *order, uint32_t root,
				    const struct ap_merge_end *how)
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

void merge_fixture_all(void)
{
	char order[MERGE_FIXTURE_MOST + 1] = "01234567";

	order[profiles_n] = 0;
	merged = ap_profile_free(merged);
	merged = merge_fixture_in(order, 0, NULL);
}

const struct ap_profile_function *merge_fixture_function(const struct ap_profile *p,
							 uint64_t address)
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

char *merge_fixture_facts(const struct ap_profile *p)
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

void merge_fixture_three(void)
{
	merge_fixture_process(10, 0, LOW, 3, 1001);
	merge_fixture_process(11, 5000, HIGH, 5, 3331);
	struct merge_fixture_process p = merge_fixture_begin(12, 2500, LOW, 9);
	p.b->hdr->hook_ticks_x1000 = 12345;
	p.b->hdr->ticks_per_s = 999999937; /* sums that no double holds exactly */
	merge_fixture_call(&p, 7, 977);
	merge_fixture_call(&p, 1, 31);
	merge_fixture_end(&p);
}

/* A child that was forked inside OUTER and called INNER there. */
void merge_fixture_forked(void)
{
	struct merge_fixture_process p = merge_fixture_begin(11, 2000, LOW, 7);

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
	merge_fixture_end(&p);
}
