/* SPDX-License-Identifier: MIT */
/* runtime/tables.c - the function table and the call tree: append-only, shared by all threads, lock-free.
 *
 * An entry is written whole, then published by one compare-and-swap of {tag, id} into a lookup slot. Two
 * threads that make the same entry at once: one loses and leaves its id unused. */
#include "runtime/runtime.h"

#define FIRST_FUNCTION_LOG2 9
#define FIRST_NODE_LOG2 10

static uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

struct ap_function *ap_function_at(const struct ap_control *c, uint32_t id)
{
	const ap_ref *blocks = ap_at(c, c->header->function_blocks);
	struct ap_function *block =
		ap_at(c, __atomic_load_n(&blocks[id / AP_FUNCTIONS_PER_BLOCK], __ATOMIC_ACQUIRE));
	return block + id % AP_FUNCTIONS_PER_BLOCK;
}

struct ap_node *ap_node_at(const struct ap_control *c, uint32_t id)
{
	const ap_ref *blocks = ap_at(c, c->header->node_blocks);
	struct ap_node *block =
		ap_at(c, __atomic_load_n(&blocks[id / AP_NODES_PER_BLOCK], __ATOMIC_ACQUIRE));
	return block + id % AP_NODES_PER_BLOCK;
}

/* The block that holds an id; made by whoever comes first. */
static bool ensure_block(struct ap_control *c, ap_ref directory, uint32_t index, uint64_t bytes)
{
	ap_ref *entry = (ap_ref *)ap_at(c, directory) + index;
	ap_ref none = 0;
	if (__atomic_load_n(entry, __ATOMIC_ACQUIRE))
		return true;
	const ap_ref made = ap_space_alloc(c, bytes);
	if (!made)
		return false;
	__atomic_compare_exchange_n(entry, &none, made, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE);
	return true;
}

/* A new id below @most, or 0. */
static uint32_t take_id(uint32_t *count, uint32_t most)
{
	uint32_t id = __atomic_load_n(count, __ATOMIC_RELAXED);
	do {
		if (id >= most)
			return 0;
	} while (!__atomic_compare_exchange_n(count, &id, id + 1, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return id;
}

/* A table made at its first use, twice as large as the one before. */
static uint64_t *lookup_slots(struct ap_control *c, struct ap_lookup_table *table,
			      uint32_t log2_slots)
{
	ap_ref none = 0;
	ap_ref slots = __atomic_load_n(&table->slots, __ATOMIC_ACQUIRE);
	if (!slots) {
		const ap_ref made = ap_space_alloc(c, 8ull << log2_slots);
		if (!made)
			return NULL;
		__atomic_store_n(&table->log2_slots, log2_slots,
				 __ATOMIC_RELAXED); /* whoever makes it: the same */
		if (!__atomic_compare_exchange_n(&table->slots, &none, made, false,
						 __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
			slots = none;
		else
			slots = made;
	}
	return ap_at(c, slots);
}

struct lookup {
	struct ap_lookup_table *tables;
	uint32_t first_log2;
	uint64_t hash;
	/* does the entry @id have the key that is looked for? */
	bool (*same)(const struct ap_control *c, uint32_t id, const struct lookup *lookup);
	/* is it of code that was unloaded and that cannot be known again? Its slot is free */
	bool (*gone)(const struct ap_control *c, uint32_t id);
	/* make the entry. Return: its id, or 0 */
	uint32_t (*make)(struct ap_control *c, const struct lookup *lookup);
	uint64_t address;
	uint32_t parent;
	uint64_t ticks;
	bool by_module; /* something was unloaded: an address alone does not say what it means */
	uint32_t module;
};

/* One slot: the id found, or made and published there, or 0 for "another key, go on". */
static uint32_t probe(struct ap_control *c, const struct lookup *l, uint64_t *slot, uint32_t *made,
		      bool *full)
{
	const uint32_t tag = (uint32_t)(l->hash >> 32) | 1;
	uint64_t seen = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	/* A library loaded again and again at one address would else fill the window of its functions. */
	const bool reusable = (uint32_t)(seen >> 32) == tag && l->gone(c, (uint32_t)seen);
	if (seen == 0 || reusable) {
		if (!*made)
			*made = l->make(c, l);
		if (!*made) {
			*full = true;
			return 0;
		}
		const uint64_t mine = (uint64_t)tag << 32 | *made;
		if (__atomic_compare_exchange_n(slot, &seen, mine, false, __ATOMIC_RELEASE,
						__ATOMIC_ACQUIRE))
			return *made;
	}
	return (uint32_t)(seen >> 32) == tag && l->same(c, (uint32_t)seen, l) ? (uint32_t)seen : 0;
}

/* Return: the id, found or made; 0 when there is no room for another. */
static uint32_t find_or_make(struct ap_control *c, const struct lookup *l)
{
	uint32_t made = 0;
	bool full = false;
	for (uint32_t t = 0; t < AP_LOOKUP_TABLES; t++) {
		const uint32_t log2_slots = l->first_log2 + t;
		uint64_t *slots = lookup_slots(c, &l->tables[t], log2_slots);
		if (!slots)
			return 0;
		for (uint32_t i = 0; i < AP_LOOKUP_WINDOW; i++) {
			const uint64_t at = (l->hash + i) & ((1ull << log2_slots) - 1);
			const uint32_t id = probe(c, l, &slots[at], &made, &full);
			if (id || full)
				return id;
		}
	}
	return 0;
}

static bool same_function(const struct ap_control *c, uint32_t id, const struct lookup *l)
{
	const struct ap_function *function = ap_function_at(c, id);
	return function->address == l->address && (!l->by_module || function->module == l->module);
}

/* What has a build id is known again when it comes back: modules.c. */
static bool gone_function(const struct ap_control *c, uint32_t id)
{
	const uint32_t module = ap_function_at(c, id)->module;
	return ap_module_unloaded(c, module) && !ap_module_recognizable(c, module);
}

static uint32_t make_function(struct ap_control *c, const struct lookup *l)
{
	const uint32_t id = take_id(&c->header->functions, c->header->max_functions);
	if (!id || !ensure_block(c, c->header->function_blocks, id / AP_FUNCTIONS_PER_BLOCK,
				 sizeof(struct ap_function) * AP_FUNCTIONS_PER_BLOCK))
		return 0;
	struct ap_function *function = ap_function_at(c, id);
	function->address = l->address;
	function->module = l->by_module ? l->module : ap_module_of(c, l->address, l->ticks);
	function->first_ticks = l->ticks;
	return id;
}

/* The function of the path that @node looks for. */
static uint32_t function_of(struct ap_control *c, const struct lookup *node)
{
	const uint64_t address = node->address & AP_NODE_ADDRESS_MASK;
	if (address < AP_ID_FIRST)
		return (uint32_t)address; /* left out by filters */
	const struct lookup l = {
		.tables = c->header->function_lookup,
		.first_log2 = FIRST_FUNCTION_LOG2,
		.hash = mix(address),
		.same = same_function,
		.gone = gone_function,
		.make = make_function,
		.address = address,
		.ticks = node->ticks,
		.by_module = node->by_module,
		.module = node->module,
	};
	const uint32_t id = find_or_make(c, &l);
	if (!id)
		ap_space_degrade(c, AP_DEGRADED_NAMES_JOINED);
	return id ? id : AP_ID_OTHER;
}

uint32_t ap_function_id(struct ap_control *c, uint64_t address, uint64_t ticks)
{
	const bool by_module = __atomic_load_n(&c->cache_epoch, __ATOMIC_ACQUIRE) != 0;
	const struct lookup l = {
		.address = address,
		.ticks = ticks,
		.by_module = by_module,
		.module = by_module ? ap_module_of(c, address, ticks) : 0,
	};
	return function_of(c, &l);
}

static bool same_node(const struct ap_control *c, uint32_t id, const struct lookup *l)
{
	const struct ap_node *node = ap_node_at(c, id);
	return node->address == l->address && node->parent == l->parent &&
	       (!l->by_module || ap_function_at(c, node->function)->module == l->module);
}

static bool gone_node(const struct ap_control *c, uint32_t id)
{
	return gone_function(c, ap_node_at(c, id)->function);
}

static bool on_path(const struct ap_control *c, uint32_t node, uint32_t function)
{
	for (uint32_t i = 0; node > AP_ID_FORKED && i <= AP_MAX_PATH_DEPTH; i++) {
		const struct ap_node *n = ap_node_at(c, node);
		if (n->function == function &&
		    !(__atomic_load_n(&n->address, __ATOMIC_RELAXED) & AP_NODE_INHERITED))
			return true;
		node = n->parent;
	}
	return node == AP_ID_DEEPER;
}

static uint32_t make_node(struct ap_control *c, const struct lookup *l)
{
	struct ap_spool_header *h = c->header;
	const uint32_t function = function_of(c, l);
	if (function == AP_ID_OTHER)
		return 0;
	const uint32_t id = take_id(&h->nodes, h->max_nodes);
	if (!id || !ensure_block(c, h->node_blocks, id / AP_NODES_PER_BLOCK,
				 sizeof(struct ap_node) * AP_NODES_PER_BLOCK))
		return 0;
	struct ap_node *node = ap_node_at(c, id);
	node->address = l->address;
	node->parent = l->parent;
	node->function = function;
	node->depth = ap_node_at(c, l->parent)->depth + 1;
	node->flags = on_path(c, l->parent, function) ? AP_NODE_RECURSIVE : 0;
	return id;
}

static uint32_t child_of(struct ap_control *c, uint32_t parent, uint64_t address, uint64_t ticks)
{
	const bool by_module = __atomic_load_n(&c->cache_epoch, __ATOMIC_ACQUIRE) != 0;
	const struct lookup l = {
		.tables = c->header->node_lookup,
		.first_log2 = FIRST_NODE_LOG2,
		.hash = mix(address ^ mix(parent)),
		.same = same_node,
		.gone = gone_node,
		.make = make_node,
		.address = address,
		.parent = parent,
		.ticks = ticks,
		.by_module = by_module,
		.module = by_module ? ap_module_of(c, address & AP_NODE_ADDRESS_MASK, ticks) : 0,
	};
	return find_or_make(c, &l);
}

/* What is left out below what is left out in the same way, in this process, is part of it. */
static bool is_part_of(const struct ap_control *c, uint32_t parent, uint64_t left_out)
{
	const struct ap_node *node = ap_node_at(c, parent);
	return node->function == left_out && !(node->address & AP_NODE_INHERITED);
}

/* The tree may take a quarter of the memory; deeper and further paths are joined by function. */
uint32_t ap_node_child(struct ap_control *c, uint32_t parent, uint64_t address, uint64_t ticks)
{
	uint32_t id = 0;
	if (AP_UNLIKELY(c->header->filters)) {
		const uint64_t inherited = address & AP_NODE_INHERITED;
		const uint32_t left_out =
			ap_filter_call(c, parent, address & AP_NODE_ADDRESS_MASK, ticks);
		if (left_out && !inherited && is_part_of(c, parent, left_out))
			return parent;
		if (left_out)
			address = left_out | inherited;
	}
	if (ap_node_at(c, parent)->depth < AP_MAX_PATH_DEPTH && parent != AP_ID_DEEPER)
		id = child_of(c, parent, address, ticks);
	if (id)
		return id;
	ap_space_degrade(c, AP_DEGRADED_PATHS_JOINED);
	id = child_of(c, AP_ID_DEEPER, address, ticks);
	return id ? id : AP_ID_OTHER;
}

static bool make_directories(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	h->function_blocks = ap_space_alloc(c, AP_FUNCTION_BLOCKS * sizeof(ap_ref));
	h->node_blocks = ap_space_alloc(c, AP_NODE_BLOCKS * sizeof(ap_ref));
	h->module_blocks = ap_space_alloc(c, AP_MODULE_BLOCKS * sizeof(ap_ref));
	h->thread_blocks = ap_space_alloc(c, AP_THREAD_BLOCKS * sizeof(ap_ref));
	return h->function_blocks && h->node_blocks && h->module_blocks && h->thread_blocks;
}

/** ap_tables_init() - directories, first blocks and the fixed ids. Return: was there memory? */
bool ap_tables_init(struct ap_control *c)
{
	struct ap_spool_header *h = c->header;
	const uint64_t affordable =
		c->cap / 4 / (sizeof(struct ap_node_stat) + sizeof(struct ap_node) + 32);
	h->max_nodes = affordable < AP_MAX_NODES ? (uint32_t)affordable : AP_MAX_NODES;
	h->max_functions = AP_MAX_FUNCTIONS;
	if (!make_directories(c) ||
	    !ensure_block(c, h->function_blocks, 0,
			  sizeof(struct ap_function) * AP_FUNCTIONS_PER_BLOCK) ||
	    !ensure_block(c, h->node_blocks, 0, sizeof(struct ap_node) * AP_NODES_PER_BLOCK))
		return false;
	for (uint32_t id = AP_ID_ROOT; id < AP_ID_FIRST; id++) {
		ap_node_at(c, id)->function = id;
		ap_node_at(c, id)->parent = id == AP_ID_ROOT ? AP_ID_NONE : AP_ID_ROOT;
	}
	ap_node_at(c, AP_ID_DEEPER)->depth = AP_MAX_PATH_DEPTH; /* what is joined stays joined */
	h->functions = h->nodes = AP_ID_FIRST;
	return true;
}
