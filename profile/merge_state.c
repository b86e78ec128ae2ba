/* SPDX-License-Identifier: MIT */
/* profile/merge_state.c - the lists of a merge: what grows, what is cut. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/merging.h"
#include "profile/notes.h"
#include "spool/sums.h"

#define LINES_MOST 256u
/* Open calls of a thread that are listed: the outermost, and the innermost ones. */
#define OPEN_MOST 256u

ap_u128 ap_merge_exact(double value)
{
	/* Not a number is no more than 0. */
	return value > 0 ? (ap_u128)((value < 0x1p96 ? value : 0x1p96) * AP_MERGE_UNIT) : 0;
}

uint64_t ap_merge_function_key(int32_t module, uint64_t address)
{
	return (address + (uint64_t)(module + 1) * 0x9e3779b97f4a7c15ull) | 1ull << 63;
}

uint64_t ap_merge_node_key(uint32_t parent, uint32_t function, bool recursive)
{
	return (uint64_t)parent << 32 | (uint64_t)function << 1 | recursive;
}

static int grow(void **array, size_t size, size_t room)
{
	void *bigger = reallocarray(*array, room, size);

	if (!bigger) {
		return -ENOMEM;
	}
	*array = bigger;
	return 0;
}

static void clear_new(struct ap_profile *p, size_t functions_room, size_t nodes_room)
{
	memset(p->functions + p->functions_n, 0,
	       (functions_room - p->functions_n) * sizeof(*p->functions));
	memset(p->nodes + p->nodes_n, 0, (nodes_room - p->nodes_n) * sizeof(*p->nodes));
}

int ap_merge_room(struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;
	size_t functions = merge->functions_room, nodes = merge->nodes_room;

	if (p->functions_n < functions && p->nodes_n < nodes) {
		return 0;
	}
	functions = p->functions_n == functions ? 2 * functions + 64 : functions;
	nodes = p->nodes_n == nodes ? 2 * nodes + 64 : nodes;
	if (functions > INT32_MAX || nodes > INT32_MAX ||
	    grow((void **)&p->functions, sizeof(*p->functions), functions) < 0 ||
	    grow((void **)&merge->sums, sizeof(*merge->sums), functions) < 0 ||
	    grow((void **)&merge->next_same, sizeof(*merge->next_same), functions) < 0 ||
	    grow((void **)&p->nodes, sizeof(*p->nodes), nodes) < 0) {
		return -ENOMEM;
	}
	memset(merge->sums + p->functions_n, 0,
	       (functions - p->functions_n) * sizeof(*merge->sums));
	memset(merge->next_same + p->functions_n, 0,
	       (functions - p->functions_n) * sizeof(*merge->next_same));
	clear_new(p, functions, nodes);
	merge->functions_room = functions;
	merge->nodes_room = nodes;
	return 0;
}

/* Where @line is or belongs. */
static size_t place_of(char *const *lines, size_t n, const char *line)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (strcmp(lines[middle], line) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

int ap_merge_line(char ***lines, size_t *n, const char *line)
{
	const size_t at = place_of(*lines, *n, line);

	if (at == LINES_MOST || (at < *n && strcmp((*lines)[at], line) == 0)) {
		return 0;
	}
	if (ap_lines_add(lines, n, strdup(line)) < 0) {
		return -ENOMEM;
	}
	char *added = (*lines)[*n - 1];
	memmove(*lines + at + 1, *lines + at, (*n - 1 - at) * sizeof(**lines));
	(*lines)[at] = added;
	if (*n > LINES_MOST) {
		free((*lines)[--*n]);
	}
	return 0;
}

/* Those that say most stand first. */
static int by_work(const void *a, const void *b)
{
	const struct ap_profile_thread *x = a, *y = b;

	if (x->cpu_ns != y->cpu_ns) {
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	}
	if (x->attempted != y->attempted) {
		return x->attempted > y->attempted ? -1 : 1;
	}
	if (x->start_ns != y->start_ns) {
		return x->start_ns < y->start_ns ? -1 : 1;
	}
	if (x->pid != y->pid) {
		return x->pid < y->pid ? -1 : 1;
	}
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

void ap_merge_cut_threads(struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;

	if (p->threads_n) {
		qsort(p->threads, p->threads_n, sizeof(*p->threads), by_work);
	}
	while (p->threads_n > AP_PROFILE_THREADS_MOST) {
		free(p->threads[--p->threads_n].open);
		p->threads_more++;
	}
}

static void cut_stack(struct ap_merge *merge, struct ap_profile_thread *thread)
{
	if (thread->open_n <= OPEN_MOST) {
		return;
	}
	merge->cut_stacks++;
	memmove(thread->open + 1, thread->open + thread->open_n - (OPEN_MOST - 1),
		(OPEN_MOST - 1) * sizeof(*thread->open));
	thread->open_n = OPEN_MOST;
	/* Less of it cannot be had only for want of memory: then it stays. */
	(void)grow((void **)&thread->open, sizeof(*thread->open), OPEN_MOST);
}

int ap_merge_thread(struct ap_merge *merge, const struct ap_profile_thread *thread)
{
	struct ap_profile *p = merge->profile;

	if (p->threads_n >= 2 * (size_t)AP_PROFILE_THREADS_MOST) {
		ap_merge_cut_threads(merge);
	}
	if (p->threads_n == merge->threads_room) {
		const size_t room = 2 * merge->threads_room + 16;
		if (grow((void **)&p->threads, sizeof(*p->threads), room) < 0) {
			free(thread->open);
			return -ENOMEM;
		}
		merge->threads_room = room;
	}
	p->threads[p->threads_n] = *thread;
	cut_stack(merge, &p->threads[p->threads_n++]);
	return 0;
}

bool ap_merge_before(const struct ap_merge *merge, const struct ap_profile_process_row *a,
		     const struct ap_profile_process_row *b)
{
	const bool root_a = merge->root_pid && a->pid == merge->root_pid;
	const bool root_b = merge->root_pid && b->pid == merge->root_pid;

	if (root_a != root_b) {
		return root_a;
	}
	if (a->start_unix_ns != b->start_unix_ns) {
		return a->start_unix_ns < b->start_unix_ns;
	}
	return a->pid != b->pid ? a->pid < b->pid : a->spool_id < b->spool_id;
}

/* To those that are not listed. */
static void add_more(struct ap_profile_process_row *to, const struct ap_profile_process_row *row)
{
	to->processes += row->processes;
	to->cpu_ns = ap_sum(to->cpu_ns, row->cpu_ns);
	to->calls = ap_sum(to->calls, row->calls);
	to->calls_known = ap_calls_worse(to->calls_known, row->calls_known);
	to->threads = ap_sum(to->threads, row->threads);
	to->attempted = ap_sum(to->attempted, row->attempted);
	to->folded = ap_sum(to->folded, row->folded);
	to->pending = ap_sum(to->pending, row->pending);
	to->dropped = ap_sum(to->dropped, row->dropped);
	to->max_rss_bytes =
		row->max_rss_bytes > to->max_rss_bytes ? row->max_rss_bytes : to->max_rss_bytes;
}

/* Those that began first are listed: so the parent of a row is a row. */
int ap_merge_row(struct ap_merge *merge, const struct ap_profile_process_row *row)
{
	struct ap_profile *p = merge->profile;
	size_t at = p->processes_n;

	if (!p->processes) {
		p->processes = calloc(AP_PROFILE_PROCESSES_MOST + 1, sizeof(*p->processes));
	}
	char *exe = p->processes ? strdup(row->exe) : NULL;
	if (!exe) {
		return -ENOMEM;
	}
	while (at > 0 && ap_merge_before(merge, row, &p->processes[at - 1])) {
		at--;
	}
	memmove(p->processes + at + 1, p->processes + at,
		(p->processes_n - at) * sizeof(*p->processes));
	p->processes[at] = *row;
	p->processes[at].exe = exe;
	if (++p->processes_n > AP_PROFILE_PROCESSES_MOST) {
		add_more(&p->more, &p->processes[--p->processes_n]);
		free(p->processes[p->processes_n].exe);
	}
	return 0;
}
