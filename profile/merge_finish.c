/* SPDX-License-Identifier: MIT */
/* profile/merge_finish.c - from a merge to the profile, and which process made which. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/merging.h"
#include "profile/notes.h"
#include "spool/sums.h"

#define HOPS_MOST 64 /* processes in between that recorded nothing */

/* Whoever is known to have had a pid. */
struct known {
	uint32_t pid, ppid;
	uint64_t start_unix_ns;
	int32_t row; /* -1: it recorded nothing */
};

static int by_pid(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	if (x->pid != y->pid) {
		return x->pid < y->pid ? -1 : 1;
	}
	if (x->start_unix_ns != y->start_unix_ns) {
		return x->start_unix_ns < y->start_unix_ns ? -1 : 1;
	}
	return x->row < y->row ? -1 : x->row > y->row;
}

/* The last one with this pid that had begun by then; NULL: none. */
static const struct known *find(const struct known *all, size_t n, uint32_t pid, uint64_t then)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (all[middle].pid < pid ||
		    (all[middle].pid == pid && all[middle].start_unix_ns <= then)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low > 0 && all[low - 1].pid == pid ? &all[low - 1] : NULL;
}

static int32_t by_spool(const struct ap_profile *p, uint64_t spool_id)
{
	for (size_t i = 0; spool_id && i < p->processes_n; i++) {
		if (p->processes[i].spool_id == spool_id) {
			return (int32_t)i;
		}
	}
	return -1;
}

/* The program that ran before in the same process. */
static int32_t by_exec(const struct ap_profile *p, const struct known *all, size_t n,
		       const struct ap_profile_process_row *row)
{
	uint64_t then = row->start_unix_ns;

	for (unsigned hops = 0; then && hops < HOPS_MOST; hops++) {
		const struct known *before = find(all, n, row->pid, then - 1);
		if (!before) {
			return -1;
		}
		if (before->row >= 0) {
			return p->processes[before->row].end == AP_PROFILE_EXEC ? before->row : -1;
		}
		then = before->start_unix_ns;
	}
	return -1;
}

static int32_t by_ppid(const struct known *all, size_t n, const struct ap_profile_process_row *row)
{
	uint32_t pid = row->ppid;
	uint64_t then = row->start_unix_ns;

	for (unsigned hops = 0; hops < HOPS_MOST; hops++) {
		const struct known *parent = pid == row->pid ? NULL : find(all, n, pid, then);
		if (!parent || parent->row >= 0) {
			return parent ? parent->row : -1;
		}
		pid = parent->ppid;
		then = parent->start_unix_ns;
	}
	return -1;
}

/* Only damaged rows can be their own ancestors. */
static void break_circles(struct ap_profile *p)
{
	for (size_t i = 0; i < p->processes_n; i++) {
		int32_t up = p->processes[i].parent;
		for (size_t steps = 0; up >= 0 && steps <= p->processes_n; steps++) {
			up = p->processes[up].parent;
		}
		p->processes[i].parent = up >= 0 ? -1 : p->processes[i].parent;
	}
}

int ap_merge_link(struct ap_profile *p, const struct ap_merge_kin *kin, size_t kin_n)
{
	const size_t n = p->processes_n + kin_n;
	struct known *all = calloc(n + 1, sizeof(*all));

	if (!all) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < p->processes_n; i++) {
		const struct ap_profile_process_row *row = &p->processes[i];
		all[i] = (struct known){row->pid, row->ppid, row->start_unix_ns, (int32_t)i};
	}
	for (size_t k = 0; k < kin_n; k++) {
		/* What the root was, before or after it recorded something, is the root. */
		const int32_t row = kin[k].pid == p->process.pid ? 0 : -1;
		all[p->processes_n + k] =
			(struct known){kin[k].pid, kin[k].ppid, kin[k].start_unix_ns, row};
	}
	qsort(all, n, sizeof(*all), by_pid);
	for (size_t i = 0; i < p->processes_n; i++) {
		struct ap_profile_process_row *row = &p->processes[i];
		row->parent = by_spool(p, row->parent_spool_id);
		row->parent = row->parent < 0 ? by_exec(p, all, n, row) : row->parent;
		row->parent = row->parent < 0 ? by_ppid(all, n, row) : row->parent;
		row->parent = row->parent == (int32_t)i ? -1 : row->parent;
	}
	free(all);
	break_circles(p);
	return 0;
}

static void finish_functions(struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;

	for (size_t i = 0; i < p->functions_n; i++) {
		p->functions[i].sum_ns = (double)(merge->sums[i].ns / AP_MERGE_UNIT);
		p->functions[i].hooks_ns = (double)(merge->sums[i].hooks / AP_MERGE_UNIT);
		p->functions[i].error_ns = (double)(merge->sums[i].error / AP_MERGE_UNIT);
		p->functions[i].inside_ns = (double)(merge->sums[i].inside / AP_MERGE_UNIT);
		p->functions[i].sum_squares = (double)(merge->sums[i].squares / AP_MERGE_UNIT);
	}
}

static int finish_paths(struct ap_profile *p)
{
	bool *joined = calloc(p->nodes_n, sizeof(*joined));
	double all = 0, below = 0;

	if (!joined) {
		return -ENOMEM;
	}
	for (size_t i = AP_ID_ROOT; i < p->nodes_n; i++) {
		joined[i] = i == AP_ID_DEEPER || joined[p->nodes[i].parent];
		all += (double)p->nodes[i].self_ns;
		below += joined[i] ? (double)p->nodes[i].self_ns : 0;
	}
	free(joined);
	p->quality.paths_joined_pct = all > 0 ? 100 * below / all : 0;
	return 0;
}

static double cost_a_call(const struct ap_merge *merge, ap_u128 sum)
{
	return merge->cost_calls ? (double)(sum / AP_MERGE_UNIT / merge->cost_calls) : 0;
}

static void finish_quality(struct ap_merge *merge)
{
	struct ap_profile_quality *q = &merge->profile->quality;
	const double cpu_ns = (double)merge->profile->process.cpu_ns;

	q->hook_ns = cost_a_call(merge, merge->cost_ns);
	q->hook_gate_ns = cost_a_call(merge, merge->gate_ns);
	q->hook_empty_ns = cost_a_call(merge, merge->empty_ns);
	q->hook_inside_ns = cost_a_call(merge, merge->inside_ns);
	q->hook_error_ns = cost_a_call(merge, merge->error_ns);
	q->hook_outside_ns = cost_a_call(merge, merge->outside_ns);
	ap_profile_overhead(q, cpu_ns, (double)(merge->spent_ns / AP_MERGE_UNIT),
			    (double)(merge->empty_ns / AP_MERGE_UNIT));
}

static void finish_threads(struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;

	ap_merge_cut_threads(merge);
	for (size_t i = 0; i < p->threads_n; i++) {
		struct ap_profile_thread *thread = &p->threads[i];
		thread->start_ns =
			thread->start_ns > merge->begin_ns ? thread->start_ns - merge->begin_ns : 0;
	}
}

static void take_end(struct ap_profile_process *to, const struct ap_profile_process_row *row)
{
	to->end = row->end;
	to->signal = row->signal;
	to->exit_status = row->exit_status;
}

/* The root recorded nothing: the whole is named for it all the same. */
static int take_root(struct ap_merge *merge, const struct ap_merge_end *end)
{
	struct ap_profile_process *to = &merge->profile->process;
	char *exe = strdup(end->root->exe), *cwd = strdup(end->cwd ? end->cwd : "");
	const uint64_t end_ns = ap_sum(end->root->start_unix_ns, end->root->duration_ns);

	if (!exe || !cwd || ap_merge_row(merge, end->root) < 0) {
		free(exe);
		free(cwd);
		return -ENOMEM;
	}
	free(to->exe);
	free(to->cwd);
	to->exe = exe;
	to->cwd = cwd;
	to->pid = end->root->pid;
	to->ppid = end->root->ppid;
	to->spool_id = to->parent_spool_id = 0;
	merge->last = *end->root;
	merge->begin_ns = end->root->start_unix_ns < merge->begin_ns ? end->root->start_unix_ns
								     : merge->begin_ns;
	merge->end_ns = end_ns > merge->end_ns ? end_ns : merge->end_ns;
	return 0;
}

static int finish_process(struct ap_merge *merge, const struct ap_merge_end *end)
{
	struct ap_profile_process *to = &merge->profile->process;
	const bool rooted = merge->root_pid && merge->first.pid == merge->root_pid;
	const int e = !rooted && end->root ? take_root(merge, end) : 0;

	to->start_unix_ns = merge->begin_ns;
	to->duration_ns = merge->end_ns - merge->begin_ns;
	to->max_rss_bytes = merge->memory.max_rss_bytes;
	const uint64_t millicores = to->limits.cpu_millicores;
	to->limits = merge->memory.limits;
	to->limits.cpu_millicores = millicores;
	take_end(to, rooted || end->root ? &merge->last : &merge->first);
	return e;
}

static int note_cuts(struct ap_merge *merge)
{
	struct ap_profile_quality *q = &merge->profile->quality;
	char line[128];

	if (!merge->cut_stacks) {
		return 0;
	}
	snprintf(line, sizeof(line),
		 "the open calls of %" PRIu64 " threads are listed without their middle",
		 merge->cut_stacks);
	return ap_merge_line(&q->notes, &q->notes_n, line);
}

static int finish(struct ap_merge *merge, const struct ap_merge_end *end)
{
	struct ap_profile *p = merge->profile;

	finish_functions(merge);
	int e = finish_process(merge, end);
	finish_quality(merge);
	finish_threads(merge);
	e = e < 0 ? e : finish_paths(p);
	e = e < 0 ? e : note_cuts(merge);
	e = e < 0 ? e : ap_merge_link(p, end->kin, end->kin_n);
	p->merged = true;
	return e;
}

int ap_merge_finish(struct ap_merge *merge, const struct ap_merge_end *end, struct ap_profile **ret)
{
	static const struct ap_merge_end nothing;
	const int e = merge->added ? finish(merge, end ? end : &nothing) : -ENOENT;

	if (e == 0) {
		*ret = merge->profile;
		merge->profile = NULL;
	}
	ap_merge_free(merge);
	return e;
}
