/* SPDX-License-Identifier: MIT */
/* profile/model.c - see model.h. */
#include "profile/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/huge_pages.h"

/* Functions at one address that are looked at: a library loaded and unloaded more often gets new ones. */
#define SAME_ADDRESS_MOST 64

static int grow(void **array, size_t size, size_t from, size_t to)
{
	char *bigger = reallocarray(*array, to, size);
	if (!bigger) {
		return -ENOMEM;
	}
	ap_advise_huge(bigger + from * size, (to - from) * size);
	memset(bigger + from * size, 0, (to - from) * size);
	*array = bigger;
	return 0;
}

static size_t room_for(size_t have, size_t want)
{
	return want > have + have / 2 ? want : have + have / 2;
}

static int reserve_functions(struct ap_reader *r, size_t want)
{
	const size_t have = r->functions_max;
	if (want <= have) {
		return 0;
	}
	const size_t room = room_for(have, want);
	if (grow((void **)&r->profile->functions, sizeof(*r->profile->functions), have, room) < 0 ||
	    grow((void **)&r->function_sums, sizeof(*r->function_sums), have, room) < 0) {
		return -ENOMEM;
	}
	r->functions_max = room;
	return 0;
}

static int reserve_nodes(struct ap_reader *r, size_t want)
{
	const size_t have = r->nodes_max;
	if (want <= have) {
		return 0;
	}
	const size_t room = room_for(have, want);
	if (grow((void **)&r->profile->nodes, sizeof(*r->profile->nodes), have, room) < 0 ||
	    grow((void **)&r->node_sums, sizeof(*r->node_sums), have, room) < 0) {
		return -ENOMEM;
	}
	r->nodes_max = room;
	return 0;
}

int ap_model_reserve(struct ap_reader *r, size_t functions, size_t nodes)
{
	const int f = reserve_functions(r, functions);
	return f < 0 ? f : reserve_nodes(r, nodes);
}

void ap_model_path(struct ap_reader *r, uint32_t id)
{
	const uint32_t parent = r->profile->nodes[id].parent;
	struct ap_node_sum *sum = &r->node_sums[id];

	sum->depth = parent ? r->node_sums[parent].depth + 1 : 0;
	sum->part = sum->mark && parent && !r->profile->nodes[parent].inherited &&
		    r->profile->nodes[parent].function == r->profile->nodes[id].function;
	sum->group = sum->mark ? (uint8_t)(sum->mark % AP_MARK_THIN)
		     : parent  ? r->node_sums[parent].group
			       : 0;
	sum->owner = !sum->group ? 0 : sum->mark ? parent : r->node_sums[parent].owner;
	sum->joined = id == AP_ID_DEEPER || (parent && r->node_sums[parent].joined);
}

static int index_function(struct ap_reader *r, uint32_t id)
{
	const uint64_t key = r->profile->functions[id].address + 1;
	r->function_sums[id].next_same = ap_map_get(&r->function_by_address, key);
	return ap_map_put(&r->function_by_address, key, id);
}

static uint64_t path_key(uint32_t parent, uint32_t function, uint32_t mark)
{
	return (uint64_t)parent << 32 | (uint64_t)mark << 20 | function;
}

/* The same may happen to paths: the one with calls is the one in use. */
static int index_node(struct ap_reader *r, uint32_t id)
{
	const struct ap_profile_node *n = &r->profile->nodes[id];
	const uint64_t key = path_key(n->parent, n->function, r->node_sums[id].mark);
	const uint32_t other = ap_map_get(&r->node_by_path, key);

	if (n->inherited || (other && r->node_sums[id].calls == 0)) {
		return 0;
	}
	return ap_map_put(&r->node_by_path, key, id);
}

/* Only a spool with pending events needs the maps. */
static int index_all(struct ap_reader *r)
{
	const struct ap_profile *p = r->profile;
	int e = 0;

	for (uint32_t id = AP_ID_FIRST; id < p->functions_n && e == 0; id++) {
		e = p->functions[id].address ? index_function(r, id) : 0;
	}
	for (uint32_t id = AP_ID_FIRST; id < p->nodes_n && e == 0; id++) {
		e = p->nodes[id].used ? index_node(r, id) : 0;
	}
	r->indexed = e == 0;
	return e;
}

/* When what was there @ticks went away: of no module, never. 0: it was not there then. */
static uint64_t there_until(const struct ap_reader *r, int32_t module, uint64_t ticks)
{
	if (module < 0) {
		return UINT64_MAX;
	}
	const struct ap_profile_module *m = &r->profile->modules[module];
	return ap_module_until(m->unload_ticks, m->absent_from, m->absent_to, ticks);
}

/* Two threads that meet a function at once may each have made a record: paths know one of them. */
static bool better(const struct ap_reader *r, uint32_t id, uint32_t than)
{
	return !than || (r->function_sums[id].on_path && !r->function_sums[than].on_path);
}

/* Of those that were there @ticks, the one that went away first. */
static uint32_t known_function(const struct ap_reader *r, uint64_t address, uint64_t ticks)
{
	uint64_t best_end = UINT64_MAX;
	uint32_t best = 0;
	uint32_t id = ap_map_get(&r->function_by_address, address + 1);

	for (unsigned i = 0; id && i < SAME_ADDRESS_MOST;
	     i++, id = r->function_sums[id].next_same) {
		const uint64_t end = there_until(r, r->profile->functions[id].module, ticks);
		if (end && (!best || end < best_end || (end == best_end && better(r, id, best)))) {
			best = id;
			best_end = end;
		}
	}
	return best;
}

int32_t ap_model_module_at(const struct ap_reader *r, uint64_t address, uint64_t ticks)
{
	const struct ap_profile *p = r->profile;
	uint64_t best_end = 0;
	int32_t best = -1;

	for (size_t i = 0; i < p->modules_n; i++) {
		const struct ap_profile_module *m = &p->modules[i];
		const uint64_t end = there_until(r, (int32_t)i, ticks);
		if (address >= m->start && address < m->end && end &&
		    (best < 0 || end < best_end)) {
			best = (int32_t)i;
			best_end = end;
		}
	}
	return best;
}

int ap_model_function(struct ap_reader *r, uint64_t address, uint64_t ticks, uint32_t *ret)
{
	if (!r->indexed && index_all(r) < 0) {
		return -ENOMEM;
	}
	*ret = known_function(r, address, ticks);
	if (*ret) {
		return 0;
	}
	const uint32_t id = (uint32_t)r->profile->functions_n;
	if (reserve_functions(r, (size_t)id + 1) < 0) {
		return -ENOMEM;
	}
	r->profile->functions[id] = (struct ap_profile_function){
		.address = address,
		.module = ap_model_module_at(r, address, ticks),
		.kind = AP_FUNCTION_INSTRUMENTED,
	};
	r->profile->functions_n++;
	*ret = id;
	return index_function(r, id);
}

static bool on_path(const struct ap_profile *p, uint32_t node, uint32_t function)
{
	for (; node; node = p->nodes[node].parent) {
		if (p->nodes[node].function == function && !p->nodes[node].inherited) {
			return true;
		}
	}
	return false;
}

int ap_model_child(struct ap_reader *r, uint32_t parent, uint32_t function, uint32_t mark,
		   uint32_t *ret)
{
	struct ap_profile *p = r->profile;

	if (!r->indexed && index_all(r) < 0) {
		return -ENOMEM;
	}
	if (r->node_sums[parent].depth >= AP_MAX_PATH_DEPTH) {
		parent = AP_ID_DEEPER;
	}
	*ret = ap_map_get(&r->node_by_path, path_key(parent, function, mark));
	if (*ret) {
		return 0;
	}
	const uint32_t id = (uint32_t)p->nodes_n;
	if (reserve_nodes(r, (size_t)id + 1) < 0) {
		return -ENOMEM;
	}
	p->nodes[id] =
		(struct ap_profile_node){.parent = parent, .function = function, .used = true};
	p->nodes_n++;
	r->node_sums[id].mark = (uint16_t)mark;
	ap_model_path(r, id);
	p->nodes[id].recursive = r->node_sums[id].joined || on_path(p, parent, function);
	*ret = id;
	return index_node(r, id);
}
