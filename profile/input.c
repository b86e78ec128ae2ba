/* SPDX-License-Identifier: MIT */
/* profile/input.c - see input.h. */
#include "profile/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_SLACK (64u << 10) /* so that tiny files are judged by their contents */
#define TEXT_MOST (64u << 10)	 /* longest text that is believed */

void ap_input_init(struct ap_input *in, const void *bytes, size_t size)
{
	*in = (struct ap_input){
		.bytes = bytes, .size = size, .budget = 2 * (uint64_t)size + BUDGET_SLACK};
}

bool ap_input_copy(struct ap_input *in, ap_ref ref, uint64_t offset, void *ret, size_t n)
{
	const uint64_t at = (uint64_t)ref * AP_REF_UNIT;
	if (at < sizeof(struct ap_spool_header) || at > in->size || offset > in->size - at ||
	    n > in->size - at - offset || n > in->budget) {
		return false;
	}
	in->budget -= n;
	memcpy(ret, in->bytes + at + offset, n);
	return true;
}

int ap_input_text(struct ap_input *in, const struct ap_text *text, char **ret)
{
	if (text->bytes > TEXT_MOST) {
		return -EBADMSG;
	}
	char *s = calloc(1, (size_t)text->bytes + 1);
	if (!s) {
		return -ENOMEM;
	}
	if (text->ref && !ap_input_copy(in, text->ref, 0, s, text->bytes)) {
		free(s);
		return -EBADMSG;
	}
	*ret = s;
	return 0;
}

const struct ap_table_kind ap_table_functions = {AP_FUNCTION_BLOCKS, AP_FUNCTIONS_PER_BLOCK,
						 sizeof(struct ap_function)};
const struct ap_table_kind ap_table_nodes = {AP_NODE_BLOCKS, AP_NODES_PER_BLOCK,
					     sizeof(struct ap_node)};
const struct ap_table_kind ap_table_modules = {AP_MODULE_BLOCKS, AP_MODULES_PER_BLOCK,
					       sizeof(struct ap_module)};
const struct ap_table_kind ap_table_threads = {AP_THREAD_BLOCKS, AP_THREADS_PER_BLOCK,
					       sizeof(struct ap_thread)};
const struct ap_table_kind ap_table_fibers = {AP_FIBER_BLOCKS, AP_FIBERS_PER_BLOCK,
					      sizeof(struct ap_fiber)};
const struct ap_table_kind ap_table_node_stats = {AP_NODE_STAT_BLOCKS, AP_STATS_PER_BLOCK,
						  sizeof(struct ap_node_stat)};
const struct ap_table_kind ap_table_function_stats = {AP_FUNCTION_STAT_BLOCKS, AP_STATS_PER_BLOCK,
						      sizeof(struct ap_function_stat)};

/* Ids beyond the last block cannot be in use; a count alone must not cost memory. */
static void trim_count(struct ap_table *t, uint32_t blocks)
{
	while (blocks > 0 && t->blocks[blocks - 1] == 0) {
		blocks--;
	}
	const uint32_t most = blocks * t->kind->per_block;
	t->count = t->count < most ? t->count : most;
}

int ap_table_open(struct ap_table *t, struct ap_input *in, const struct ap_table_kind *kind,
		  ap_ref ref, uint32_t count)
{
	const uint32_t most = kind->blocks * kind->per_block;

	*t = (struct ap_table){.in = in, .kind = kind, .count = count};
	if (count > most) {
		t->count = most;
		t->clamped = true;
	}
	if (ref == 0 || count == 0) {
		t->count = 0;
		return 0;
	}
	const uint32_t blocks = (t->count + kind->per_block - 1) / kind->per_block;
	t->blocks = calloc(blocks, sizeof(*t->blocks));
	if (!t->blocks) {
		t->count = 0;
		return -ENOMEM;
	}
	if (!ap_input_copy(in, ref, 0, t->blocks, blocks * sizeof(*t->blocks))) {
		t->count = 0;
		return -EBADMSG;
	}
	trim_count(t, blocks);
	return 0;
}

void ap_table_close(struct ap_table *t)
{
	free(t->blocks);
	*t = (struct ap_table){0};
}

uint32_t ap_table_next(const struct ap_table *t, uint32_t id)
{
	while (id < t->count && t->blocks[id / t->kind->per_block] == 0) {
		id = (id / t->kind->per_block + 1) * t->kind->per_block;
	}
	return id < t->count ? id : t->count;
}

bool ap_table_get(struct ap_table *t, uint32_t id, void *ret)
{
	if (id >= t->count) {
		return false;
	}
	const uint64_t offset = (uint64_t)(id % t->kind->per_block) * t->kind->record_bytes;
	return ap_input_copy(t->in, t->blocks[id / t->kind->per_block], offset, ret,
			     t->kind->record_bytes);
}
