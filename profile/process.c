/* SPDX-License-Identifier: MIT */
/* profile/process.c - whose profile it is, how the process ended, and its figures as a whole. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "profile/notes.h"
#include "profile/reader.h"

static int take_text(struct ap_reader *r, const struct ap_text *text, char **ret)
{
	int e = ap_input_text(&r->in, text, ret);
	if (e == -EBADMSG) {
		ap_reader_damage(r, AP_DAMAGE_TEXT);
		*ret = strdup("");
		e = *ret ? 0 : -ENOMEM;
	}
	return e;
}

static int take_lines(struct ap_reader *r, const struct ap_text *text, char ***lines, size_t *n)
{
	char *s;
	int e = take_text(r, text, &s);
	if (e < 0) {
		return e;
	}
	e = ap_lines_split(lines, n, s);
	free(s);
	return e;
}

static int take_texts(struct ap_reader *r)
{
	struct ap_profile_process *p = &r->profile->process;
	struct ap_profile_quality *q = &r->profile->quality;

	int e = take_text(r, &r->hdr.exe, &p->exe);
	if (e == 0) {
		e = take_text(r, &r->hdr.cwd, &p->cwd);
	}
	if (e == 0) {
		e = take_text(r, &r->hdr.output, &p->output);
	}
	if (e == 0) {
		e = take_lines(r, &r->hdr.options_ignored, &q->options_ignored,
			       &q->options_ignored_n);
	}
	return e == 0 ? take_lines(r, &r->hdr.notes, &q->notes, &q->notes_n) : e;
}

static enum ap_profile_end announced_end(const struct ap_spool_header *h)
{
	static const enum ap_profile_end ends[] = {
		[AP_END_NONE] = AP_PROFILE_KILLED,
		[AP_END_EXIT] = AP_PROFILE_EXIT,
		[AP_END_RAW_EXIT] = AP_PROFILE_RAW_EXIT,
		[AP_END_QUICK_EXIT] = AP_PROFILE_QUICK_EXIT,
		[AP_END_EXEC] = AP_PROFILE_EXEC,
	};
	/* An exec that fails takes its word back. */
	const bool said = h->life >= AP_LIFE_EXITING || h->end_kind == AP_END_EXEC;
	if (!said || h->end_kind >= sizeof(ends) / sizeof(*ends)) {
		return AP_PROFILE_KILLED;
	}
	return ends[h->end_kind];
}

/* An exit that was not announced went past libc, straight to the kernel. */
static void take_known_end(struct ap_profile_process *p, int status)
{
	if (WIFSIGNALED(status)) {
		p->end = AP_PROFILE_SIGNAL;
		p->signal = WTERMSIG(status);
	} else if (WIFEXITED(status)) {
		p->end = p->end == AP_PROFILE_KILLED ? AP_PROFILE_RAW_EXIT : p->end;
		p->exit_status = WEXITSTATUS(status);
	}
}

static void find_end(const struct ap_reader *r, const struct ap_profile_known_end *known)
{
	struct ap_profile_process *p = &r->profile->process;
	struct ap_profile_head head;

	p->end = announced_end(&r->hdr);
	p->exit_status = p->end == AP_PROFILE_RAW_EXIT ? (int)(r->hdr.end_status & 0xff) : -1;
	if (p->end == AP_PROFILE_EXEC) {
		return; /* what ended later was another program */
	}
	if (known && known->known) {
		take_known_end(p, known->wait_status);
		return;
	}
	ap_header_head(&r->hdr, &head);
	if (p->end == AP_PROFILE_KILLED && ap_profile_alive(&head)) {
		p->end = AP_PROFILE_RUNNING;
	}
}

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Most threads at once, from the starts and ends of those whose records are still there. */
static uint64_t most_at_once(const struct ap_reader *r, uint64_t *starts, uint64_t *ends)
{
	const size_t n = r->profile->threads_n;
	uint64_t now = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ap_thread *t = &r->threads[i].record;
		starts[i] = t->start_ticks;
		ends[i] = t->state == AP_THREAD_ENDED && t->end_ticks ? t->end_ticks : UINT64_MAX;
	}
	qsort(starts, n, sizeof(*starts), by_value);
	qsort(ends, n, sizeof(*ends), by_value);
	for (size_t i = 0, ended = 0; i < n; i++) {
		for (now++; ended < n && ends[ended] <= starts[i]; ended++) {
			now -= now > 0;
		}
		most = now > most ? now : most;
	}
	return most;
}

static int count_threads(struct ap_reader *r)
{
	struct ap_profile_process *p = &r->profile->process;
	const size_t n = r->profile->threads_n;
	uint64_t *times = calloc(2 * n + 1, sizeof(*times));

	if (!times) {
		return -ENOMEM;
	}
	p->threads_peak = most_at_once(r, times, times + n);
	if (p->threads_peak < r->hdr.usage.threads_now) {
		p->threads_peak = r->hdr.usage.threads_now;
	}
	free(times);
	return 0;
}

/* The loader's and our own start are no part of the profile's time either. */
static uint64_t cpu_since_start(const struct ap_spool_header *h)
{
	return h->usage.cpu_ns > h->cpu_start_ns ? h->usage.cpu_ns - h->cpu_start_ns : 0;
}

static void take_figures(struct ap_reader *r)
{
	const struct ap_spool_header *h = &r->hdr;
	struct ap_profile_process *p = &r->profile->process;

	p->pid = h->pid;
	p->ppid = h->ppid;
	p->uid = h->uid;
	p->spool_id = h->spool_id;
	p->parent_spool_id = h->parent_spool_id;
	p->start_unix_ns = h->start_unix_ns;
	p->duration_ns = ap_reader_between(r, h->clock_first.ticks, r->end_ticks);
	p->cpu_ns = cpu_since_start(h);
	p->max_rss_bytes = h->usage.max_rss_bytes;
	p->threads_created = h->threads_created;
	p->processes_created = h->processes_created;
	p->limits = h->limits;
	p->report_wanted = h->report_wanted != 0;
	memcpy(p->edge_ns, h->edge_ns, sizeof(p->edge_ns));
}

/* That of the process's life. */
static void take_pauses(struct ap_reader *r)
{
	const uint64_t from = r->hdr.clock_first.ticks, to = r->end_ticks;
	struct ap_profile_quality *q = &r->profile->quality;

	for (uint32_t i = 0; i < r->hdr.pauses_n; i++) {
		const struct ap_pause *pause = &r->hdr.pauses[i];
		const uint64_t stop = pause->stop > from ? pause->stop : from;
		const uint64_t start = pause->start < to ? pause->start : to;
		q->stops += stop < start;
		q->stopped_ns += ap_reader_between(r, stop, start);
	}
}

/* Of a program that does next to nothing but call, the rest is no more than what the costs are wrong by. */
#define LEAST_OWN_SHARE 20

void ap_profile_overhead(struct ap_profile_quality *q, double cpu_ns, double hooks_ns,
			 double empty_ns)
{
	const double least_ns = cpu_ns / LEAST_OWN_SHARE;
	const double without_ns = fmax(cpu_ns - hooks_ns, least_ns);
	const double bare_ns = fmax(without_ns - empty_ns, least_ns);

	q->overhead_pct = cpu_ns > 0 ? 100 * hooks_ns / without_ns : 0;
	q->empty_hooks_pct = cpu_ns > 0 ? 100 * empty_ns / bare_ns : 0;
}

static void take_costs(struct ap_reader *r)
{
	const struct ap_spool_header *h = &r->hdr;
	struct ap_profile_quality *q = &r->profile->quality;
	double calls = 0, counted = 0, missed = 0;

	for (size_t i = 0; i < r->profile->functions_n; i++) {
		calls += (double)r->profile->functions[i].calls;
		counted += (double)r->function_sums[i].counted;
		missed += (double)r->function_sums[i].missed;
	}
	q->hook_ns = ap_reader_ns_x1000(r, h->hook_ticks_x1000);
	q->hook_inside_ns = ap_reader_ns_x1000(r, h->hook_inside_x1000);
	q->hook_outside_ns = ap_reader_ns_x1000(r, h->hook_outside_x1000);
	q->hook_error_ns = ap_reader_ns_x1000(r, h->hook_error_x1000);
	q->hook_empty_ns = ap_reader_ns_x1000(r, h->hook_empty_x1000);
	q->hook_gate_ns = ap_reader_ns_x1000(r, h->hook_gate_x1000);
	q->counted_calls = (uint64_t)fmin(counted, 0x1p63);
	q->missed_calls = (uint64_t)fmin(missed, 0x1p63);
	q->budget_pct = h->budget_pct;
	ap_profile_overhead(q, (double)r->profile->process.cpu_ns,
			    (calls - counted - missed) * q->hook_ns + counted * q->hook_gate_ns,
			    (calls - missed) * q->hook_empty_ns);
	q->degraded = h->degraded;
	q->folds = h->folds;
	q->memory_used_bytes = ap_header_used_bytes(h);
	q->memory_cap_bytes = h->cap_bytes;
}

static void sum_calls(const struct ap_profile *p, struct ap_profile_process_row *row)
{
	for (size_t i = 0; i < p->functions_n; i++) {
		row->calls += p->functions[i].calls;
		row->calls_known = ap_calls_worse(row->calls_known, p->functions[i].calls_known);
	}
	for (int i = 0; i < AP_PROFILE_DROPS; i++) {
		row->dropped += p->quality.dropped[i].events;
	}
}

/* The table of processes has this one; its threads say whose they are. */
static int take_row(struct ap_reader *r)
{
	struct ap_profile *p = r->profile;
	struct ap_profile_process_row *row = calloc(1, sizeof(*row));

	if (!row) {
		return -ENOMEM;
	}
	p->processes = row;
	p->processes_n = 1;
	*row = (struct ap_profile_process_row){
		.pid = p->process.pid,
		.ppid = p->process.ppid,
		.parent = -1,
		.exe = strdup(p->process.exe),
		.spool_id = p->process.spool_id,
		.parent_spool_id = p->process.parent_spool_id,
		.start_unix_ns = p->process.start_unix_ns,
		.duration_ns = p->process.duration_ns,
		.end = p->process.end,
		.signal = p->process.signal,
		.exit_status = p->process.exit_status,
		.cpu_ns = p->process.cpu_ns,
		.threads = ap_retired_sums(&r->hdr)->threads + p->threads_n,
		.attempted = p->quality.attempted,
		.folded = p->quality.folded,
		.pending = p->quality.pending,
		.max_rss_bytes = p->process.max_rss_bytes,
		.processes = 1,
	};
	sum_calls(p, row);
	for (size_t i = 0; i < p->threads_n; i++) {
		p->threads[i].pid = p->process.pid;
	}
	return row->exe ? 0 : -ENOMEM;
}

int ap_reader_process(struct ap_reader *r, const struct ap_profile_known_end *known)
{
	take_figures(r);
	take_pauses(r);
	take_costs(r);
	find_end(r, known);
	int e = count_threads(r);
	e = e < 0 ? e : take_texts(r);
	return e < 0 ? e : take_row(r);
}
