/* SPDX-License-Identifier: MIT */
/* profile/merge_carry.c - hand a merge from one process of this program to the next: one description
 * of what goes, for both directions.
 *
 * What is read was written by a process that had read hostile spools: sizes and indexes are checked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/merging.h"

#define MAGIC 0x6170746d65726765ull
#define TEXT_MOST (64u << 10)

/* One direction. After an error nothing is moved any more. */
struct carrier {
	FILE *stream;
	bool loading;
	uint64_t left; /* loading: bytes that may still come */
	int error;
};

static void fail(struct carrier *c, int error)
{
	c->error = c->error ? c->error : error;
}

static void bytes(struct carrier *c, void *at, size_t n)
{
	if (c->error || n == 0) {
		return;
	}
	if (!c->loading) {
		if (fwrite(at, 1, n, c->stream) != n) {
			fail(c, -EIO);
		}
	} else if (n > c->left || fread(at, 1, n, c->stream) != n) {
		fail(c, -EBADMSG);
	} else {
		c->left -= n;
	}
}

/* An array that is allocated when it is loaded, with room for @spare more. Return: its elements. */
static size_t array(struct carrier *c, void **at, size_t n, size_t size, size_t spare)
{
	uint64_t count = n;

	bytes(c, &count, sizeof(count));
	if (c->loading) {
		*at = NULL;
		if (c->error || count > c->left / size || count > INT32_MAX) {
			fail(c, -EBADMSG);
			return 0;
		}
		*at = calloc(count + spare + 1, size);
		if (!*at) {
			fail(c, -ENOMEM);
			return 0;
		}
	}
	bytes(c, *at, (size_t)count * size);
	return c->error && c->loading ? 0 : (size_t)count;
}

static void text(struct carrier *c, char **at)
{
	uint64_t n = c->loading ? 0 : strlen(*at ? *at : "");

	bytes(c, &n, sizeof(n));
	if (c->loading) {
		*at = NULL;
		if (c->error || n > TEXT_MOST) {
			fail(c, -EBADMSG);
			return;
		}
		*at = calloc(n + 1, 1);
		if (!*at) {
			fail(c, -ENOMEM);
			return;
		}
	}
	bytes(c, *at, *at ? n : 0);
}

static void lines(struct carrier *c, char ***at, size_t *n)
{
	*n = array(c, (void **)at, *n, sizeof(**at), 0);
	for (size_t i = 0; c->loading && i < *n; i++) {
		(*at)[i] = NULL;
	}
	for (size_t i = 0; i < *n; i++) {
		text(c, &(*at)[i]);
	}
}

static void histogram(struct carrier *c, struct ap_histogram *h)
{
	bytes(c, &h->present, sizeof(h->present));
	bytes(c, &h->count, sizeof(h->count));
	uint8_t coarse = h->coarse;
	bytes(c, &coarse, 1);
	h->coarse = coarse != 0;
	const size_t n = (size_t)__builtin_popcountll(h->present);
	if (c->loading) {
		h->rows = n ? calloc(n, sizeof(*h->rows)) : NULL;
	}
	if (n && !h->rows) {
		h->present = 0;
		fail(c, -ENOMEM);
	} else {
		bytes(c, h->rows, n * sizeof(*h->rows));
	}
}

static void functions(struct carrier *c, struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;

	p->functions_n = array(c, (void **)&p->functions, p->functions_n, sizeof(*p->functions), 0);
	for (size_t i = 0; c->loading && i < p->functions_n; i++) {
		p->functions[i].total = p->functions[i].self = (struct ap_histogram){0};
	}
	for (size_t i = 0; i < p->functions_n; i++) {
		histogram(c, &p->functions[i].total);
		histogram(c, &p->functions[i].self);
	}
	const size_t n = array(c, (void **)&merge->sums, p->functions_n, sizeof(*merge->sums), 0);
	if (n != p->functions_n) {
		fail(c, -EBADMSG);
	}
}

static void modules(struct carrier *c, struct ap_profile *p)
{
	p->modules_n = array(c, (void **)&p->modules, p->modules_n, sizeof(*p->modules), 0);
	for (size_t i = 0; i < p->modules_n; i++) {
		text(c, &p->modules[i].path);
	}
}

static void threads(struct carrier *c, struct ap_profile *p)
{
	p->threads_n = array(c, (void **)&p->threads, p->threads_n, sizeof(*p->threads), 0);
	for (size_t i = 0; c->loading && i < p->threads_n; i++) {
		p->threads[i].open = NULL;
	}
	for (size_t i = 0; i < p->threads_n; i++) {
		struct ap_profile_thread *t = &p->threads[i];
		t->open_n = array(c, (void **)&t->open, t->open_n, sizeof(*t->open), 0);
		t->name[sizeof(t->name) - 1] = 0;
	}
	bytes(c, &p->threads_more, sizeof(p->threads_more));
}

static void rows(struct carrier *c, struct ap_profile *p)
{
	p->processes_n = array(c, (void **)&p->processes, p->processes_n, sizeof(*p->processes),
			       AP_PROFILE_PROCESSES_MOST);
	if (p->processes_n > AP_PROFILE_PROCESSES_MOST) {
		fail(c, -EBADMSG);
	}
	for (size_t i = 0; i < p->processes_n; i++) {
		text(c, &p->processes[i].exe);
	}
	bytes(c, &p->more, sizeof(p->more));
	p->more.exe = c->loading ? NULL : p->more.exe;
}

/* Names of clocks and reasons are pointers to constants: found again by what they say. */
static void quality(struct carrier *c, struct ap_profile_quality *q)
{
	static const char *const clocks[] = {"monotonic", "tsc", "cntvct"};
	static const char *const reasons[AP_PROFILE_DROPS] = {"no_memory", "nested", "early",
							      "torn"};
	uint32_t clock = 0;

	for (uint32_t i = 0; !c->loading && q->clock && i < 3; i++) {
		clock = strcmp(q->clock, clocks[i]) == 0 ? i : clock;
	}
	bytes(c, &clock, sizeof(clock));
	bytes(c, q, sizeof(*q));
	if (c->loading) {
		q->clock = clocks[clock % 3];
		q->notes = q->options_ignored = NULL;
		q->filters = NULL;
		for (int i = 0; i < AP_PROFILE_DROPS; i++) {
			q->dropped[i].reason = reasons[i];
		}
	}
	lines(c, &q->notes, &q->notes_n);
	lines(c, &q->options_ignored, &q->options_ignored_n);
	text(c, &q->filters);
	if (c->loading && q->filters && !*q->filters) {
		free(q->filters);
		q->filters = NULL;
	}
}

static void process(struct carrier *c, struct ap_profile_process *p)
{
	bytes(c, p, sizeof(*p));
	if (c->loading) {
		p->exe = p->cwd = p->output = NULL;
	}
	text(c, &p->exe);
	text(c, &p->cwd);
	text(c, &p->output);
}

static void carry(struct carrier *c, struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;
	uint64_t magic = MAGIC;

	bytes(c, &magic, sizeof(magic));
	if (magic != MAGIC) {
		fail(c, -EBADMSG);
		return;
	}
	bytes(c, &merge->root_pid, sizeof(merge->root_pid));
	bytes(c, &merge->added, sizeof(merge->added));
	bytes(c, &merge->first, sizeof(merge->first));
	bytes(c, &merge->last, sizeof(merge->last));
	merge->first.exe = merge->last.exe = NULL;
	bytes(c, &merge->begin_ns, sizeof(merge->begin_ns));
	bytes(c, &merge->end_ns, sizeof(merge->end_ns));
	bytes(c, &merge->spent_ns, sizeof(merge->spent_ns));
	bytes(c, &merge->cost_ns, sizeof(merge->cost_ns));
	bytes(c, &merge->gate_ns, sizeof(merge->gate_ns));
	bytes(c, &merge->cost_calls, sizeof(merge->cost_calls));
	bytes(c, &merge->empty_ns, sizeof(merge->empty_ns));
	bytes(c, &merge->inside_ns, sizeof(merge->inside_ns));
	bytes(c, &merge->outside_ns, sizeof(merge->outside_ns));
	bytes(c, &merge->error_ns, sizeof(merge->error_ns));
	bytes(c, &merge->cut_stacks, sizeof(merge->cut_stacks));
	bytes(c, &merge->memory, sizeof(merge->memory));
	process(c, &p->process);
	quality(c, &p->quality);
	modules(c, p);
	functions(c, merge);
	p->nodes_n = array(c, (void **)&p->nodes, p->nodes_n, sizeof(*p->nodes), 0);
	threads(c, p);
	rows(c, p);
}

int ap_merge_save(struct ap_merge *merge, FILE *out)
{
	struct carrier c = {.stream = out};

	carry(&c, merge);
	if (!c.error && fflush(out) != 0) {
		fail(&c, -EIO);
	}
	return c.error;
}

static bool is_sound(const struct ap_profile *p)
{
	if (p->functions_n < AP_ID_FIRST || p->nodes_n < AP_ID_FIRST) {
		return false;
	}
	for (size_t i = 0; i < p->functions_n; i++) {
		if (p->functions[i].module < -1 ||
		    p->functions[i].module >= (int64_t)p->modules_n) {
			return false;
		}
	}
	for (size_t i = 0; i < p->nodes_n; i++) {
		if (p->nodes[i].function >= p->functions_n ||
		    (p->nodes[i].parent >= i && p->nodes[i].parent)) {
			return false;
		}
	}
	for (size_t i = 0; i < p->threads_n; i++) {
		for (size_t k = 0; k < p->threads[i].open_n; k++) {
			if (p->threads[i].open[k].node >= p->nodes_n ||
			    p->threads[i].open[k].function >= p->functions_n) {
				return false;
			}
		}
	}
	for (size_t i = 0; i < p->processes_n; i++) {
		if (p->processes[i].end > AP_PROFILE_KILLED) {
			return false;
		}
	}
	return p->process.end <= AP_PROFILE_KILLED;
}

/* The maps are made again. */
static int index_all(struct ap_merge *merge)
{
	const struct ap_profile *p = merge->profile;
	int e = 0;

	merge->functions_room = p->functions_n;
	merge->nodes_room = p->nodes_n;
	merge->threads_room = p->threads_n;
	merge->next_same = calloc(p->functions_n, sizeof(*merge->next_same));
	if (!merge->next_same) {
		return -ENOMEM;
	}
	for (uint32_t id = AP_ID_FIRST; id < p->functions_n && e == 0; id++) {
		const uint64_t key =
			ap_merge_function_key(p->functions[id].module, p->functions[id].address);
		merge->next_same[id] = ap_map_get(&merge->function_by_place, key);
		e = ap_map_put(&merge->function_by_place, key, id);
	}
	for (uint32_t id = AP_ID_FIRST; id < p->nodes_n && e == 0; id++) {
		const struct ap_profile_node *n = &p->nodes[id];
		e = ap_map_put(&merge->node_by_path,
			       ap_merge_node_key(n->parent, n->function, n->recursive), id);
	}
	return e;
}

int ap_merge_load(FILE *in, uint64_t size, struct ap_merge **ret)
{
	struct carrier c = {.stream = in, .loading = true, .left = size};
	struct ap_merge *merge = calloc(1, sizeof(*merge));

	if (merge) {
		merge->profile = calloc(1, sizeof(*merge->profile));
	}
	if (!merge || !merge->profile) {
		ap_merge_free(merge);
		return -ENOMEM;
	}
	carry(&c, merge);
	if (!c.error && !is_sound(merge->profile)) {
		fail(&c, -EBADMSG);
	}
	if (!c.error) {
		fail(&c, index_all(merge));
	}
	if (c.error) {
		ap_merge_free(merge);
		return c.error;
	}
	*ret = merge;
	return 0;
}
