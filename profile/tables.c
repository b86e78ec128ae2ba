/* SPDX-License-Identifier: MIT */
/* profile/tables.c - modules, functions and call-tree nodes: from records to the model, by id. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/model.h"

/* Open a table of the header: its directory must be there, an impossible count is cut and noted. */
static int open_table(struct ap_reader *r, struct ap_table *t, const struct ap_table_kind *kind,
		      ap_ref ref, uint32_t count)
{
	const int e = ap_table_open(t, &r->in, kind, ref, count);
	if (e == -EBADMSG) {
		return ap_reader_fail(r->error, "corrupt spool: a table lies outside of the file");
	}
	if (t->clamped) {
		ap_reader_damage(r, AP_DAMAGE_COUNT);
	}
	return e;
}

static int take_module(struct ap_reader *r, const struct ap_module *from,
		       struct ap_profile_module *to)
{
	*to = (struct ap_profile_module){
		.start = from->start,
		.end = from->end,
		.bias = from->bias,
		.device = from->device,
		.inode = from->inode,
		.file_bytes = from->file_bytes,
		.load_ticks = from->load_ticks,
		.unload_ticks = from->unload_ticks,
		.absent_from = from->absent_from,
		.absent_to = from->absent_to,
	};
	if (from->build_id_bytes <= sizeof(to->build_id)) {
		to->build_id_bytes = from->build_id_bytes;
		memcpy(to->build_id, from->build_id, from->build_id_bytes);
	} else {
		ap_reader_damage(r, AP_DAMAGE_MODULE);
	}
	const int e = ap_input_text(&r->in, &from->path, &to->path);
	if (e == -EBADMSG) {
		ap_reader_damage(r, AP_DAMAGE_MODULE);
	}
	return e == -EBADMSG ? 0 : e;
}

static int read_modules(struct ap_reader *r, struct ap_table *t)
{
	struct ap_profile *p = r->profile;
	int e = 0;

	if (t->count == 0) {
		return 0;
	}
	p->modules = calloc(t->count, sizeof(*p->modules));
	if (!p->modules) {
		return -ENOMEM;
	}
	p->modules_n = t->count;
	for (uint32_t id = ap_table_next(t, 0); id < t->count && e == 0;
	     id = ap_table_next(t, id + 1)) {
		struct ap_module record;
		if (ap_table_get(t, id, &record)) {
			e = take_module(r, &record, &p->modules[id]);
			e = e < 0 ? e : ap_reader_filter_module(r, id, &record);
		} else {
			ap_reader_damage(r, AP_DAMAGE_MODULE);
		}
	}
	for (size_t id = 0; id < p->modules_n && e == 0; id++) {
		if (!p->modules[id].path) {
			p->modules[id].path = strdup("");
			e = p->modules[id].path ? 0 : -ENOMEM;
		}
	}
	return e;
}

static void take_function(struct ap_reader *r, uint32_t id, const struct ap_function *from)
{
	struct ap_profile_function *to = &r->profile->functions[id];

	to->address = from->address;
	if (from->module > r->profile->modules_n) {
		ap_reader_damage(r, AP_DAMAGE_FUNCTION);
	} else {
		to->module = from->module ? (int32_t)from->module - 1
					  : ap_model_module_at(r, from->address, from->first_ticks);
	}
}

static void read_functions(struct ap_reader *r, struct ap_table *t)
{
	struct ap_profile *p = r->profile;

	for (uint32_t id = 0; id < p->functions_n; id++) {
		p->functions[id].module = -1;
		p->functions[id].kind =
			id < AP_ID_FIRST ? AP_FUNCTION_SYNTHETIC : AP_FUNCTION_INSTRUMENTED;
	}
	for (uint32_t id = ap_table_next(t, AP_ID_FIRST); id < t->count;
	     id = ap_table_next(t, id + 1)) {
		struct ap_function record;
		if (ap_table_get(t, id, &record)) {
			take_function(r, id, &record);
		} else {
			ap_reader_damage(r, AP_DAMAGE_FUNCTION);
		}
	}
}

/* Parents come before their children, and exist: so no path has a loop, and one pass in the order of the
 * ids sees every parent before its children. */
static void take_node(struct ap_reader *r, uint32_t id, const struct ap_node *from)
{
	struct ap_profile *p = r->profile;

	if (from->function == 0) {
		return; /* handed out, never published */
	}
	if (from->parent == 0 || from->parent >= id || !p->nodes[from->parent].used ||
	    from->function >= p->functions_n) {
		ap_reader_damage(r, AP_DAMAGE_NODE);
		return;
	}
	p->nodes[id].parent = from->parent;
	p->nodes[id].function = from->function;
	p->nodes[id].used = true;
	p->nodes[id].inherited = from->address & AP_NODE_INHERITED;
	r->function_sums[from->function].on_path = true;
	r->node_sums[id].mark =
		from->address & AP_NODE_THIN
			? (uint16_t)(AP_MARK_THIN + AP_MARK_EPOCH * AP_NODE_EPOCH_OF(from->address))
			: (uint16_t)AP_NODE_GROUP_OF(from->address);
	ap_model_path(r, id);
	/* Below "(deeper)" the path is unknown: such a call may well be an inner one. */
	p->nodes[id].recursive = (from->flags & AP_NODE_RECURSIVE) || r->node_sums[id].joined;
}

static void read_nodes(struct ap_reader *r, struct ap_table *t)
{
	for (uint32_t id = AP_ID_ROOT; id < AP_ID_FIRST; id++) {
		r->profile->nodes[id].function = id;
		r->profile->nodes[id].used = true;
		ap_model_path(r, id);
	}
	r->node_sums[AP_ID_DEEPER].depth =
		AP_MAX_PATH_DEPTH; /* what is below it has one step only */
	for (uint32_t id = ap_table_next(t, AP_ID_FIRST); id < t->count;
	     id = ap_table_next(t, id + 1)) {
		struct ap_node record;
		if (ap_table_get(t, id, &record)) {
			take_node(r, id, &record);
		} else {
			ap_reader_damage(r, AP_DAMAGE_NODE);
		}
	}
}

static uint32_t at_least_fixed(uint32_t count)
{
	return count > AP_ID_FIRST ? count : AP_ID_FIRST;
}

int ap_reader_tables(struct ap_reader *r)
{
	const struct ap_spool_header *h = &r->hdr;
	struct ap_table modules = {0}, functions = {0}, nodes = {0};

	int e = open_table(r, &modules, &ap_table_modules, h->module_blocks, h->modules);
	if (e == 0) {
		e = open_table(r, &functions, &ap_table_functions, h->function_blocks,
			       h->functions);
	}
	if (e == 0) {
		e = open_table(r, &nodes, &ap_table_nodes, h->node_blocks, h->nodes);
	}
	if (e == 0) {
		r->profile->functions_n = at_least_fixed(functions.count);
		r->profile->nodes_n = at_least_fixed(nodes.count);
		e = ap_model_reserve(r, r->profile->functions_n, r->profile->nodes_n);
	}
	if (e == 0) {
		e = read_modules(r, &modules);
	}
	if (e == 0) {
		read_functions(r, &functions);
		read_nodes(r, &nodes);
	}
	ap_table_close(&modules);
	ap_table_close(&functions);
	ap_table_close(&nodes);
	return e;
}
