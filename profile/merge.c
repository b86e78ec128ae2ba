/* SPDX-License-Identifier: MIT */
/* profile/merge.c - add the profile of one process to those of others; see merge.h. */
#include "profile/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/merging.h"
#include "profile/notes.h"
#include "spool/sums.h"

/* What one profile's ids are in the merged one. */
struct ids {
	int32_t *modules;
	uint32_t *functions, *nodes;
	bool joined; /* two functions of the profile became one */
};

static int fixed_ids(struct ap_merge *merge)
{
	struct ap_profile *p = merge->profile;

	for (uint32_t id = 0; id < AP_ID_FIRST; id++) {
		const int e = ap_merge_room(merge);
		if (e < 0) {
			return e;
		}
		p->functions[id].kind = AP_FUNCTION_SYNTHETIC;
		p->functions[id].module = -1;
		p->nodes[id].function = id;
		p->nodes[id].used = id != AP_ID_NONE;
		p->functions_n = p->nodes_n = id + 1;
	}
	return 0;
}

struct ap_merge *ap_merge_new(uint32_t root_pid)
{
	struct ap_merge *merge = calloc(1, sizeof(*merge));

	if (!merge) {
		return NULL;
	}
	merge->root_pid = root_pid;
	merge->profile = calloc(1, sizeof(*merge->profile));
	if (!merge->profile || fixed_ids(merge) < 0) {
		return ap_merge_free(merge);
	}
	merge->profile->quality.identity_holds = true;
	return merge;
}

struct ap_merge *ap_merge_free(struct ap_merge *merge)
{
	if (merge) {
		ap_profile_free(merge->profile);
		free(merge->sums);
		free(merge->next_same);
		ap_map_finish(&merge->function_by_place);
		ap_map_finish(&merge->node_by_path);
		free(merge);
	}
	return NULL;
}

/* --- Modules. --- */

static bool same_module(const struct ap_profile_module *a, const struct ap_profile_module *b)
{
	if (a->build_id_bytes || b->build_id_bytes) {
		return a->build_id_bytes == b->build_id_bytes &&
		       memcmp(a->build_id, b->build_id, a->build_id_bytes) == 0;
	}
	return a->device == b->device && a->inode == b->inode && a->file_bytes == b->file_bytes &&
	       strcmp(a->path, b->path) == 0;
}

/* One file may have been loaded by several names; one that is still there has no blank in "(deleted)". */
static bool better_path(const char *a, const char *than)
{
	const bool gone = strstr(a, " (deleted)"), than_gone = strstr(than, " (deleted)");

	return gone == than_gone ? strcmp(a, than) < 0 : than_gone;
}

/* The file is told by the module that has the better path, all of it. */
static int take_file(struct ap_profile_module *to, const struct ap_profile_module *from)
{
	char *path = strdup(from->path);

	if (!path) {
		return -ENOMEM;
	}
	free(to->path);
	*to = (struct ap_profile_module){
		.end = from->end - from->bias,
		.device = from->device,
		.inode = from->inode,
		.file_bytes = from->file_bytes,
		.path = path,
		.build_id_bytes = from->build_id_bytes,
	};
	memcpy(to->build_id, from->build_id, sizeof(to->build_id));
	return 0;
}

static int add_module(struct ap_merge *merge, const struct ap_profile_module *from, int32_t *ret)
{
	struct ap_profile *p = merge->profile;

	for (size_t i = 0; i < p->modules_n; i++) {
		if (same_module(&p->modules[i], from)) {
			*ret = (int32_t)i;
			return better_path(from->path, p->modules[i].path)
				       ? take_file(&p->modules[i], from)
				       : 0;
		}
	}
	struct ap_profile_module *modules =
		reallocarray(p->modules, p->modules_n + 1, sizeof(*modules));
	if (!modules) {
		return -ENOMEM;
	}
	p->modules = modules;
	modules[p->modules_n] = (struct ap_profile_module){0};
	*ret = (int32_t)p->modules_n++;
	return take_file(&modules[*ret], from);
}

/* --- Functions. --- */

/* Returns the merged function at this place, added when it is new; 0 for want of memory. */
static uint32_t function_at(struct ap_merge *merge, int32_t module, uint64_t address)
{
	struct ap_profile *p = merge->profile;
	const uint64_t key = ap_merge_function_key(module, address);
	const uint32_t first = ap_map_get(&merge->function_by_place, key);

	for (uint32_t id = first; id; id = merge->next_same[id]) {
		if (p->functions[id].module == module && p->functions[id].address == address) {
			return id;
		}
	}
	const uint32_t id = (uint32_t)p->functions_n;
	if (ap_merge_room(merge) < 0 || ap_map_put(&merge->function_by_place, key, id) < 0) {
		return 0;
	}
	p->functions[id] = (struct ap_profile_function){.address = address, .module = module};
	merge->sums[id] = (struct ap_merge_sums){0};
	merge->next_same[id] = first;
	p->functions_n++;
	return id;
}

static int map_functions(struct ap_merge *merge, const struct ap_profile *from, struct ids *ids)
{
	for (uint32_t id = 0; id < from->functions_n; id++) {
		const struct ap_profile_function *f = &from->functions[id];
		const int32_t module = f->module < 0 ? -1 : ids->modules[f->module];
		const uint64_t bias = f->module < 0 ? 0 : from->modules[f->module].bias;
		ids->functions[id] =
			id < AP_ID_FIRST ? id : function_at(merge, module, f->address - bias);
		if (id && !ids->functions[id]) {
			return -ENOMEM;
		}
	}
	uint8_t *seen = calloc(merge->profile->functions_n, 1);
	if (!seen) {
		return -ENOMEM;
	}
	for (uint32_t id = 0; id < from->functions_n; id++) {
		ids->joined |= seen[ids->functions[id]];
		seen[ids->functions[id]] = 1;
	}
	free(seen);
	return 0;
}

static void add_extremes(struct ap_profile_function *to, const struct ap_profile_function *from)
{
	if (!from->timed_calls) {
		return;
	}
	to->min_ns = !to->timed_calls || from->min_ns < to->min_ns ? from->min_ns : to->min_ns;
	to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
}

/* @inner_ns: of its total, inside other calls of what is the same function here. */
static int add_function(struct ap_merge *merge, uint32_t id, const struct ap_profile_function *from,
			uint64_t inner_ns)
{
	struct ap_profile_function *to = &merge->profile->functions[id];

	add_extremes(to, from);
	to->calls = ap_sum(to->calls, from->calls);
	to->timed_calls = ap_sum(to->timed_calls, from->timed_calls);
	to->counted_calls = ap_sum(to->counted_calls, from->counted_calls);
	to->missed_calls = ap_sum(to->missed_calls, from->missed_calls);
	to->missed_error = ap_sum(to->missed_error, from->missed_error);
	to->calls_known = ap_calls_worse(to->calls_known, from->calls_known);
	to->estimated_calls = ap_sum(to->estimated_calls, from->estimated_calls);
	to->untimed_calls = ap_sum(to->untimed_calls, from->untimed_calls);
	to->open_calls = ap_sum(to->open_calls, from->open_calls);
	to->total_ns =
		ap_sum(to->total_ns, from->total_ns > inner_ns ? from->total_ns - inner_ns : 0);
	to->self_ns = ap_sum(to->self_ns, from->self_ns);
	to->raw_total_ns =
		ap_sum(to->raw_total_ns,
		       from->raw_total_ns > inner_ns ? from->raw_total_ns - inner_ns : 0);
	to->raw_self_ns = ap_sum(to->raw_self_ns, from->raw_self_ns);
	to->slow = ap_sum(to->slow, from->slow);
	to->very_slow = ap_sum(to->very_slow, from->very_slow);
	to->critical = ap_sum(to->critical, from->critical);
	to->total_partial |= from->total_partial;
	merge->sums[id].ns += ap_merge_exact(from->sum_ns);
	merge->sums[id].hooks += ap_merge_exact(from->hooks_ns);
	merge->sums[id].inside += ap_merge_exact(from->inside_ns);
	merge->sums[id].error += ap_merge_exact(from->error_ns);
	merge->sums[id].squares += ap_merge_exact(from->sum_squares);
	const int e = ap_histogram_merge(&to->total, &from->total);
	return e < 0 ? e : ap_histogram_merge(&to->self, &from->self);
}

/* --- Call paths. --- */

/* Is a call of the same merged function, of this process, further out? The runtime makes no longer paths. */
static bool is_inside(const struct ap_profile *from, const struct ids *ids, uint32_t id)
{
	const uint32_t function = ids->functions[from->nodes[id].function];
	uint32_t up = from->nodes[id].parent;

	for (unsigned i = 0; up && i <= AP_MAX_PATH_DEPTH + 8; i++, up = from->nodes[up].parent) {
		if (!from->nodes[up].inherited &&
		    ids->functions[from->nodes[up].function] == function) {
			return true;
		}
	}
	return false;
}

/* A frame of the parent process is where that one has it: recursive where its path says so. */
static bool is_recursive(const struct ap_merge *merge, const struct ap_profile *from,
			 const struct ids *ids, uint32_t id)
{
	const struct ap_profile_node *nodes = merge->profile->nodes;
	const struct ap_profile_node *node = &from->nodes[id];
	uint32_t up = ids->nodes[node->parent];

	if (!node->inherited) {
		return node->recursive || (ids->joined && is_inside(from, ids, id));
	}
	for (unsigned i = 0; up && i <= AP_MAX_PATH_DEPTH + 8; i++, up = nodes[up].parent) {
		if (nodes[up].function == ids->functions[node->function]) {
			return true;
		}
	}
	return false;
}

/* Returns the merged node, added when it is new; 0 for want of memory. */
static uint32_t node_at(struct ap_merge *merge, uint32_t parent, uint32_t function, bool recursive)
{
	struct ap_profile *p = merge->profile;
	const uint64_t key = ap_merge_node_key(parent, function, recursive);
	const uint32_t known = ap_map_get(&merge->node_by_path, key);
	const uint32_t id = (uint32_t)p->nodes_n;

	if (known) {
		return known;
	}
	if (ap_merge_room(merge) < 0 || ap_map_put(&merge->node_by_path, key, id) < 0) {
		return 0;
	}
	p->nodes[id] = (struct ap_profile_node){
		.parent = parent,
		.function = function,
		.recursive = recursive,
		.inherited = true, /* until somebody calls it */
		.used = true,
	};
	p->nodes_n++;
	return id;
}

static void add_node(struct ap_profile_node *to, const struct ap_profile_node *from)
{
	if (from->calls) {
		to->min_ns = !to->calls || from->min_ns < to->min_ns ? from->min_ns : to->min_ns;
		to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
	}
	to->calls = ap_sum(to->calls, from->calls);
	to->open_calls = ap_sum(to->open_calls, from->open_calls);
	to->total_ns = ap_sum(to->total_ns, from->total_ns);
	to->self_ns = ap_sum(to->self_ns, from->self_ns);
	to->inherited &= from->inherited;
	to->estimated |= from->estimated;
}

/* @inner_ns: by function of @from, gets what its paths count twice here. */
static int add_nodes(struct ap_merge *merge, const struct ap_profile *from, struct ids *ids,
		     uint64_t *inner_ns)
{
	for (uint32_t id = AP_ID_ROOT; id < from->nodes_n; id++) {
		const struct ap_profile_node *node = &from->nodes[id];
		if (!node->used) {
			continue;
		}
		if (id < AP_ID_FIRST) {
			ids->nodes[id] = id;
		} else {
			const bool recursive = is_recursive(merge, from, ids, id);
			ids->nodes[id] = node_at(merge, ids->nodes[node->parent],
						 ids->functions[node->function], recursive);
			if (recursive && !node->recursive) {
				inner_ns[node->function] += node->total_ns;
			}
		}
		if (!ids->nodes[id]) {
			return -ENOMEM;
		}
		add_node(&merge->profile->nodes[ids->nodes[id]], node);
	}
	return 0;
}

static int add_functions(struct ap_merge *merge, const struct ap_profile *from, struct ids *ids)
{
	uint64_t *inner_ns = calloc(from->functions_n + 1, sizeof(*inner_ns));
	int e = inner_ns ? add_nodes(merge, from, ids, inner_ns) : -ENOMEM;

	for (uint32_t id = 0; id < from->functions_n && e == 0; id++) {
		e = add_function(merge, ids->functions[id], &from->functions[id], inner_ns[id]);
	}
	free(inner_ns);
	return e;
}

/* --- The rest. --- */

static int add_threads(struct ap_merge *merge, const struct ap_profile *from, const struct ids *ids)
{
	for (size_t i = 0; i < from->threads_n; i++) {
		struct ap_profile_thread thread = from->threads[i];
		thread.start_ns = ap_sum(thread.start_ns, from->process.start_unix_ns);
		thread.open = calloc(thread.open_n + 1, sizeof(*thread.open));
		if (!thread.open) {
			return -ENOMEM;
		}
		for (size_t k = 0; k < thread.open_n; k++) {
			thread.open[k] = from->threads[i].open[k];
			thread.open[k].node = ids->nodes[thread.open[k].node];
			thread.open[k].function = ids->functions[thread.open[k].function];
		}
		if (ap_merge_thread(merge, &thread) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static void add_events(struct ap_profile_quality *to, const struct ap_profile_quality *from)
{
	to->attempted = ap_sum(to->attempted, from->attempted);
	to->folded = ap_sum(to->folded, from->folded);
	to->pending = ap_sum(to->pending, from->pending);
	for (int i = 0; i < AP_PROFILE_DROPS; i++) {
		to->dropped[i].reason = from->dropped[i].reason;
		to->dropped[i].events = ap_sum(to->dropped[i].events, from->dropped[i].events);
	}
	to->in_doubt = ap_sum(to->in_doubt, from->in_doubt);
	to->identity_holds &= from->identity_holds;
	to->resyncs += from->resyncs;
	to->unclosed_frames += from->unclosed_frames;
	to->unmatched_exits += from->unmatched_exits;
	to->clamps += from->clamps;
	to->beyond += from->beyond;
	to->inherited += from->inherited;
	to->specials += from->specials;
	to->while_stopped = ap_sum(to->while_stopped, from->while_stopped);
	to->stops += from->stops;
	to->stopped_ns = ap_sum(to->stopped_ns, from->stopped_ns);
}

static int copy_text(char **to, const char *from)
{
	char *copy = strdup(from);

	free(*to);
	*to = copy;
	return copy ? 0 : -ENOMEM;
}

/* Is there more to be said of the functions and sites of @a? */
static bool tells_more(const struct ap_profile_quality *a, const struct ap_profile_quality *b)
{
	const uint64_t a_not = (uint64_t)a->patch_unfit + a->patch_unread,
		       b_not = (uint64_t)b->patch_unfit + b->patch_unread;

	return a->patch_sites != b->patch_sites ? a->patch_sites > b->patch_sites : a_not > b_not;
}

/* Functions and sites: of the process that had most of them. Time: of all. */
static void add_patching(struct ap_profile_quality *to, const struct ap_profile_quality *q)
{
	to->patch |= q->patch;
	to->patched = q->patched > to->patched ? q->patched : to->patched;
	if (tells_more(q, to)) {
		to->patch_functions = q->patch_functions;
		to->patch_sites = q->patch_sites;
		to->patch_unfit = q->patch_unfit;
		to->patch_unread = q->patch_unread;
	}
	to->sleeps = ap_sum(to->sleeps, q->sleeps);
	to->asleep_ns = ap_sum(to->asleep_ns, q->asleep_ns);
}

static int add_quality(struct ap_merge *merge, const struct ap_profile *from)
{
	struct ap_profile_quality *to = &merge->profile->quality;
	const struct ap_profile_quality *q = &from->quality;
	int e = 0;

	add_events(to, q);
	to->degraded |= q->degraded;
	to->folds += q->folds;
	to->compensation_clamps += q->compensation_clamps;
	to->counted_calls = ap_sum(to->counted_calls, q->counted_calls);
	to->missed_calls = ap_sum(to->missed_calls, q->missed_calls);
	add_patching(to, q);
	to->left_out = ap_sum(to->left_out, q->left_out);
	to->left_out_ns += q->left_out_ns;
	to->budget_pct = q->budget_pct; /* all of a tree have the same */
	to->memory_used_bytes = ap_sum(to->memory_used_bytes, q->memory_used_bytes);
	to->memory_cap_bytes = ap_sum(to->memory_cap_bytes, q->memory_cap_bytes);
	for (size_t i = 0; i < from->functions_n && q->hook_ns > 0; i++) {
		const uint64_t missed = from->functions[i].missed_calls;
		const uint64_t hooked = ap_less(from->functions[i].calls, missed);
		const double calls = (double)hooked;
		const double counted = (double)ap_less(from->functions[i].counted_calls, missed);
		merge->cost_calls += hooked;
		merge->cost_ns += ap_merge_exact(q->hook_ns * calls);
		merge->gate_ns += ap_merge_exact(q->hook_gate_ns * calls);
		merge->spent_ns +=
			ap_merge_exact(q->hook_ns * (calls - counted) + q->hook_gate_ns * counted);
		merge->empty_ns += ap_merge_exact(q->hook_empty_ns * calls);
		merge->inside_ns += ap_merge_exact(q->hook_inside_ns * calls);
		merge->error_ns += ap_merge_exact(q->hook_error_ns * calls);
		merge->outside_ns += ap_merge_exact(q->hook_outside_ns * calls);
	}
	if (q->filters && !to->filters) { /* all of a tree have the same */
		e = copy_text(&to->filters, q->filters);
	}
	for (size_t i = 0; i < q->options_ignored_n && e == 0; i++) {
		e = ap_merge_line(&to->options_ignored, &to->options_ignored_n,
				  q->options_ignored[i]);
	}
	for (size_t i = 0; i < q->notes_n && e == 0; i++) {
		e = ap_merge_line(&to->notes, &to->notes_n, q->notes[i]);
	}
	return e;
}

/* The whole is named for its first process. */
static int take_identity(struct ap_merge *merge, const struct ap_profile *from)
{
	struct ap_profile_process *to = &merge->profile->process;
	const struct ap_profile_process *p = &from->process;

	to->pid = p->pid;
	to->ppid = p->ppid;
	to->uid = p->uid;
	to->spool_id = p->spool_id;
	to->parent_spool_id = p->parent_spool_id;
	to->report_wanted = p->report_wanted;
	memcpy(to->edge_ns, p->edge_ns, sizeof(to->edge_ns));
	merge->profile->quality.clock = from->quality.clock;
	merge->profile->quality.ticks_per_s = from->quality.ticks_per_s;
	int e = copy_text(&to->exe, p->exe);
	e = e < 0 ? e : copy_text(&to->cwd, p->cwd);
	return e < 0 ? e : copy_text(&to->output, p->output);
}

static long double use_of(const struct ap_merge_memory *memory)
{
	const struct ap_limits *limits = &memory->limits;
	const uint64_t own = limits->memory_bytes, machine = limits->host_memory_bytes;
	const uint64_t most = own && (!machine || own < machine) ? own : machine;

	return most ? (long double)memory->max_rss_bytes / most : 0;
}

/* The one that came nearest to its limit; of these the largest. */
static void add_memory(struct ap_merge *merge, const struct ap_profile_process *p)
{
	const struct ap_merge_memory that = {p->max_rss_bytes, p->limits, p->pid};
	const long double here = use_of(&merge->memory), there = use_of(&that);

	if (!merge->added || there > here ||
	    (there == here && (that.max_rss_bytes > merge->memory.max_rss_bytes ||
			       (that.max_rss_bytes == merge->memory.max_rss_bytes &&
				that.pid < merge->memory.pid)))) {
		merge->memory = that;
	}
}

static void add_figures(struct ap_merge *merge, const struct ap_profile_process *p)
{
	struct ap_profile_process *to = &merge->profile->process;
	const uint64_t end_ns = ap_sum(p->start_unix_ns, p->duration_ns);

	add_memory(merge, p);
	to->cpu_ns = ap_sum(to->cpu_ns, p->cpu_ns);
	to->threads_peak = p->threads_peak > to->threads_peak ? p->threads_peak : to->threads_peak;
	to->threads_created = ap_sum(to->threads_created, p->threads_created);
	to->processes_created = ap_sum(to->processes_created, p->processes_created);
	if (p->limits.cpu_millicores > to->limits.cpu_millicores) {
		to->limits.cpu_millicores = p->limits.cpu_millicores;
	}
	merge->begin_ns = !merge->added || p->start_unix_ns < merge->begin_ns ? p->start_unix_ns
									      : merge->begin_ns;
	merge->end_ns = end_ns > merge->end_ns ? end_ns : merge->end_ns;
}

static int add_process(struct ap_merge *merge, const struct ap_profile *from)
{
	struct ap_profile_process_row row = from->processes[0];
	int e = ap_merge_row(merge, &row);

	row.exe = NULL;
	if (e == 0 && (!merge->added || ap_merge_before(merge, &row, &merge->first))) {
		merge->first = row;
		e = take_identity(merge, from);
	}
	if (row.pid == merge->root_pid && row.start_unix_ns >= merge->last.start_unix_ns) {
		merge->last = row;
	}
	add_figures(merge, &from->process);
	merge->added++;
	return e;
}

static int add(struct ap_merge *merge, const struct ap_profile *from, struct ids *ids)
{
	int e = 0;

	for (size_t i = 0; i < from->modules_n && e == 0; i++) {
		e = add_module(merge, &from->modules[i], &ids->modules[i]);
	}
	e = e < 0 ? e : map_functions(merge, from, ids);
	e = e < 0 ? e : add_functions(merge, from, ids);
	e = e < 0 ? e : add_threads(merge, from, ids);
	e = e < 0 ? e : add_quality(merge, from);
	return e < 0 ? e : add_process(merge, from);
}

int ap_merge_add(struct ap_merge *merge, const struct ap_profile *profile)
{
	struct ids ids = {
		.modules = calloc(profile->modules_n + 1, sizeof(*ids.modules)),
		.functions = calloc(profile->functions_n + 1, sizeof(*ids.functions)),
		.nodes = calloc(profile->nodes_n + 1, sizeof(*ids.nodes)),
	};
	const bool memory = ids.modules && ids.functions && ids.nodes;
	const int e = memory ? add(merge, profile, &ids) : -ENOMEM;

	free(ids.modules);
	free(ids.functions);
	free(ids.nodes);
	return e;
}
