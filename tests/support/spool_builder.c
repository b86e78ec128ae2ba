/* SPDX-License-Identifier: MIT */
/* tests/support/spool_builder.c - see spool_builder.h. */
#include "tests/support/spool_builder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (64u << 20)
#define MAP_ADDRESS 0x7f1234500000ull
#define SITE 7

static void require(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "spool builder: %s\n", what);
		abort();
	}
}

ap_ref ap_builder_alloc(struct ap_builder *b, size_t bytes)
{
	const uint64_t at = b->hdr->alloc_next;
	b->hdr->alloc_next += (bytes + AP_REF_UNIT - 1) / AP_REF_UNIT * AP_REF_UNIT;
	b->hdr->alloc_ready = b->hdr->alloc_next;
	require(b->hdr->alloc_next <= SIZE, "full");
	return (ap_ref)(at / AP_REF_UNIT);
}

void *ap_builder_at(const struct ap_builder *b, ap_ref ref)
{
	require(ref != 0, "no such thing");
	return (char *)b->hdr + (size_t)ref * AP_REF_UNIT;
}

void ap_builder_text(struct ap_builder *b, struct ap_text *ret, const char *text)
{
	ret->bytes = (uint32_t)strlen(text);
	ret->ref = ap_builder_alloc(b, (size_t)ret->bytes + 1);
	memcpy(ap_builder_at(b, ret->ref), text, (size_t)ret->bytes + 1);
}

/* A record in a table of blocks; block and directory are made when needed. */
static void *make_record(struct ap_builder *b, ap_ref *directory, uint32_t blocks, uint32_t id,
			 const uint32_t shape[2])
{
	if (*directory == 0) {
		*directory = ap_builder_alloc(b, blocks * sizeof(ap_ref));
	}
	ap_ref *block = (ap_ref *)ap_builder_at(b, *directory) + id / shape[0];
	if (*block == 0) {
		*block = ap_builder_alloc(b, (size_t)shape[0] * shape[1]);
	}
	return (char *)ap_builder_at(b, *block) + (size_t)(id % shape[0]) * shape[1];
}

#define RECORD(b, directory, blocks, per_block, type, id)                                          \
	((type *)make_record(b, directory, blocks, id,                                             \
			     (const uint32_t[2]){per_block, sizeof(type)}))

struct ap_function *ap_builder_function_at(const struct ap_builder *b, uint32_t id)
{
	return RECORD((struct ap_builder *)b, &b->hdr->function_blocks, AP_FUNCTION_BLOCKS,
		      AP_FUNCTIONS_PER_BLOCK, struct ap_function, id);
}

struct ap_node *ap_builder_node_at(const struct ap_builder *b, uint32_t id)
{
	return RECORD((struct ap_builder *)b, &b->hdr->node_blocks, AP_NODE_BLOCKS,
		      AP_NODES_PER_BLOCK, struct ap_node, id);
}

struct ap_module *ap_builder_module_at(const struct ap_builder *b, uint32_t id)
{
	return RECORD((struct ap_builder *)b, &b->hdr->module_blocks, AP_MODULE_BLOCKS,
		      AP_MODULES_PER_BLOCK, struct ap_module, id);
}

struct ap_thread *ap_builder_thread_at(const struct ap_builder *b, uint32_t id)
{
	return RECORD((struct ap_builder *)b, &b->hdr->thread_blocks, AP_THREAD_BLOCKS,
		      AP_THREADS_PER_BLOCK, struct ap_thread, id);
}

struct ap_fiber *ap_builder_fiber_at(const struct ap_builder *b, uint32_t id)
{
	return RECORD((struct ap_builder *)b, &b->hdr->fiber_blocks, AP_FIBER_BLOCKS,
		      AP_FIBERS_PER_BLOCK, struct ap_fiber, id);
}

static void init_header(struct ap_spool_header *h)
{
	static const uint64_t edges[3] = {50000000, 100000000, 500000000};

	memcpy(h->magic, AP_SPOOL_MAGIC, sizeof(h->magic));
	h->version = AP_SPOOL_VERSION;
	h->byte_order = AP_SPOOL_BYTE_ORDER;
	h->header_bytes = sizeof(*h);
	h->clock_kind = AP_CLOCK_MONOTONIC;
	h->size_bytes = SIZE;
	h->cap_bytes = SIZE;
	h->map_address = MAP_ADDRESS;
	h->alloc_next = 4096;
	h->pid = 0x7ffffff0; /* above any pid_max: nobody */
	h->ticks_per_s = 1000000000;
	h->clock_first = (struct ap_clock_pair){AP_BUILDER_START, AP_BUILDER_START};
	h->clock_last = h->clock_first;
	h->start_unix_ns = 1700000000000000000;
	h->spool_id = 0x5eed;
	h->life = AP_LIFE_RUNNING;
	h->report_wanted = 1;
	h->hist_log2 = 5;
	h->max_shards = AP_MAX_SHARDS;
	h->max_nodes = AP_MAX_NODES;
	h->max_functions = AP_MAX_FUNCTIONS;
	memcpy(h->edge_ns, edges, sizeof(edges));
	memcpy(h->edge_ticks, edges, sizeof(edges));
}

static void make_fixed_ids(struct ap_builder *b)
{
	b->hdr->functions = b->hdr->nodes = AP_ID_FIRST;
	for (uint32_t id = AP_ID_ROOT; id < AP_ID_FIRST; id++) {
		ap_builder_function_at(b, id);
		ap_builder_node_at(b, id)->function = id;
	}
}

struct ap_builder *ap_builder_new(void)
{
	struct ap_builder *b = calloc(1, sizeof(*b));
	require(b != NULL, "no memory");
	b->hdr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	require(b->hdr != MAP_FAILED, "no memory");
	init_header(b->hdr);
	ap_hist_map_init(&b->hist, b->hdr->ticks_per_s);
	make_fixed_ids(b);
	ap_builder_shard(b);
	ap_builder_text(b, &b->hdr->exe, "/usr/bin/victim");
	ap_builder_text(b, &b->hdr->cwd, "/tmp");
	ap_builder_text(b, &b->hdr->output, "autoprof.%e.%p.txt");
	return b;
}

struct ap_builder *ap_builder_free(struct ap_builder *b)
{
	if (b) {
		munmap(b->hdr, SIZE);
		free(b);
	}
	return NULL;
}

const void *ap_builder_bytes(const struct ap_builder *b, size_t *ret_size)
{
	*ret_size = (size_t)b->hdr->alloc_next;
	return b->hdr;
}

void ap_builder_save(const struct ap_builder *b, const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const size_t n = (size_t)b->hdr->alloc_next;
	require(fd >= 0 && pwrite(fd, b->hdr, n, 0) == (ssize_t)n && ftruncate(fd, SIZE) == 0,
		path);
	close(fd);
}

uint32_t ap_builder_module(struct ap_builder *b, uint64_t start, uint64_t end, const char *path)
{
	const uint32_t id = b->hdr->modules++;
	struct ap_module *m = ap_builder_module_at(b, id);

	m->start = start;
	m->end = end;
	m->bias = start;
	m->load_ticks = AP_BUILDER_START;
	ap_builder_text(b, &m->path, path);
	return id;
}

uint32_t ap_builder_function(struct ap_builder *b, uint64_t address, uint32_t module_plus_1)
{
	const uint32_t id = b->hdr->functions++;
	struct ap_function *f = ap_builder_function_at(b, id);

	f->address = address;
	f->module = module_plus_1;
	return id;
}

static bool path_has(const struct ap_builder *b, uint32_t node, uint32_t function)
{
	for (; node; node = ap_builder_node_at(b, node)->parent) {
		if (ap_builder_node_at(b, node)->function == function) {
			return true;
		}
	}
	return false;
}

uint32_t ap_builder_node(struct ap_builder *b, uint32_t parent, uint32_t function)
{
	const uint32_t id = b->hdr->nodes++;
	struct ap_node *n = ap_builder_node_at(b, id);

	n->address = ap_builder_function_at(b, function)->address;
	n->parent = parent;
	n->function = function;
	n->depth = ap_builder_node_at(b, parent)->depth + 1;
	n->flags = path_has(b, parent, function) ? AP_NODE_RECURSIVE : 0;
	return id;
}

uint32_t ap_builder_shard(struct ap_builder *b)
{
	const uint32_t id = b->hdr->shards++;
	b->hdr->shard_refs[id] = ap_builder_alloc(b, sizeof(struct ap_shard));
	ap_builder_shard_at(b, id)->index = id;
	return id;
}

struct ap_shard *ap_builder_shard_at(const struct ap_builder *b, uint32_t shard)
{
	return ap_builder_at(b, b->hdr->shard_refs[shard]);
}

struct ap_node_stat *ap_builder_node_stat(struct ap_builder *b, uint32_t shard, uint32_t node)
{
	return RECORD(b, &ap_builder_shard_at(b, shard)->node_stat_blocks, AP_NODE_STAT_BLOCKS,
		      AP_STATS_PER_BLOCK, struct ap_node_stat, node);
}

struct ap_function_stat *ap_builder_function_stat(struct ap_builder *b, uint32_t shard,
						  uint32_t function)
{
	struct ap_function_stat *s = RECORD(b, &ap_builder_shard_at(b, shard)->function_stat_blocks,
					    AP_FUNCTION_STAT_BLOCKS, AP_STATS_PER_BLOCK,
					    struct ap_function_stat, function);
	s->function = function;
	return s;
}

static uint64_t *make_row(struct ap_builder *b, ap_ref *rows, uint32_t j, ap_ref coarse)
{
	if (*rows == 0) {
		*rows = ap_builder_alloc(b, sizeof(struct ap_hist_dir));
	}
	ap_ref *entry =
		&((struct ap_hist_dir *)ap_builder_at(b, *rows))->rows[j / AP_HIST_ROW_BUCKETS];
	if (*entry == 0) {
		*entry =
			ap_builder_alloc(b, (coarse ? 8 : AP_HIST_ROW_BUCKETS) * sizeof(uint64_t)) |
			coarse;
	}
	require((*entry & AP_HIST_COARSE) == coarse, "a row is fine or coarse");
	return ap_builder_at(b, *entry & ~AP_HIST_COARSE);
}

void ap_builder_count(struct ap_builder *b, ap_ref *rows, uint32_t j, uint64_t n)
{
	make_row(b, rows, j, 0)[j % AP_HIST_ROW_BUCKETS] += n;
}

void ap_builder_count_coarse(struct ap_builder *b, ap_ref *rows, uint32_t j, uint64_t n)
{
	make_row(b, rows, j, AP_HIST_COARSE)[j % AP_HIST_ROW_BUCKETS / 4] += n;
}

static void add_square(uint64_t words[2], uint64_t ticks)
{
	__extension__ unsigned __int128 sum = (unsigned __int128)words[1] << 64 | words[0];
	sum += (unsigned __int128)ticks * ticks;
	words[0] = (uint64_t)sum;
	words[1] = (uint64_t)(sum >> 64);
}

static struct ap_function_stat *count_category(struct ap_builder *b, uint32_t shard, uint32_t node,
					       uint64_t ticks)
{
	const uint64_t *edges = b->hdr->edge_ticks;
	struct ap_function_stat *s =
		ap_builder_function_stat(b, shard, ap_builder_node_at(b, node)->function);

	s->critical += ticks >= edges[2];
	s->very_slow += ticks >= edges[1] && ticks < edges[2];
	s->slow += ticks >= edges[0] && ticks < edges[1];
	return s;
}

void ap_builder_leaf(struct ap_builder *b, uint32_t shard, uint32_t node, uint64_t ticks)
{
	struct ap_node_stat *s = ap_builder_node_stat(b, shard, node);
	struct ap_function_stat *f = count_category(b, shard, node, ticks);

	s->leaf_min = s->leaf_calls == 0 || ticks < s->leaf_min ? ticks : s->leaf_min;
	s->leaf_max = ticks > s->leaf_max ? ticks : s->leaf_max;
	s->leaf_calls++;
	s->leaf_ticks += ticks;
	add_square(s->leaf_squares, ticks);
	ap_builder_count(b, &f->leaf_rows, ap_hist_index(&b->hist, ticks), 1);
	s->leaf_rows = f->leaf_rows;
}

void ap_builder_call(struct ap_builder *b, uint32_t shard, uint32_t node, uint64_t total,
		     uint64_t self)
{
	struct ap_node_stat *s = ap_builder_node_stat(b, shard, node);
	struct ap_function_stat *f = count_category(b, shard, node, total);

	s->min = s->calls == 0 || total < s->min ? total : s->min;
	s->max = total > s->max ? total : s->max;
	s->calls++;
	s->total_ticks += total;
	s->outer_ticks += total;
	s->self_ticks += self;
	add_square(s->squares, total);
	ap_builder_count(b, &f->total_rows, ap_hist_index(&b->hist, total), 1);
	ap_builder_count(b, &f->self_rows, ap_hist_index(&b->hist, self), 1);
}

uint32_t ap_builder_thread(struct ap_builder *b, uint32_t tid, const char *name)
{
	const uint32_t id = b->hdr->threads++;
	struct ap_thread *t = ap_builder_thread_at(b, id);

	t->state = AP_THREAD_LIVE;
	t->tid = tid;
	t->start_ticks = AP_BUILDER_START;
	memcpy(t->name, name, strnlen(name, sizeof(t->name)));
	return id;
}

void ap_builder_folded(struct ap_builder *b, uint32_t thread, uint64_t folded, uint64_t torn)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);

	t->folded = folded;
	t->torn = (uint32_t)torn;
	t->fold = AP_FOLD(AP_FOLD_DEPTH(t->fold), AP_FOLD_GAP(t->fold), folded + torn);
}

static void put_frame(struct ap_builder *b, ap_ref *frames, uint32_t *most, uint32_t depth,
		      const struct ap_frame *frame)
{
	if (*frames == 0) {
		*most = 64;
		*frames = ap_builder_alloc(b, *most * sizeof(*frame));
	}
	require(depth < *most, "too many frames");
	((struct ap_frame *)ap_builder_at(b, *frames))[depth] = *frame;
}

void ap_builder_frame(struct ap_builder *b, uint32_t thread, const struct ap_frame *frame)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);

	put_frame(b, &t->frames, &t->frames_max, AP_FOLD_DEPTH(t->fold), frame);
	t->fold += 1ull << 32;
}

uint32_t ap_builder_fiber(struct ap_builder *b)
{
	const uint32_t id = b->hdr->fibers ? b->hdr->fibers : 1;

	b->hdr->fibers = id + 1;
	ap_builder_fiber_at(b, id)->state = AP_FIBER_USED;
	return id;
}

void ap_builder_fiber_frame(struct ap_builder *b, uint32_t fiber, const struct ap_frame *frame)
{
	struct ap_fiber *f = ap_builder_fiber_at(b, fiber);

	put_frame(b, &f->frames, &f->frames_max, f->depth++, frame);
}

static uint64_t address_of(const struct ap_builder *b, const void *p)
{
	return b->hdr->map_address + (uint64_t)((const char *)p - (const char *)b->hdr);
}

struct ap_chunk *ap_builder_chunk(struct ap_builder *b, uint32_t thread, uint32_t slots)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	const ap_ref ref =
		ap_builder_alloc(b, sizeof(struct ap_chunk) + slots * sizeof(struct ap_event));
	struct ap_chunk *chunk = ap_builder_at(b, ref);
	uint64_t base = t->folded + t->torn;

	if (t->last_chunk) {
		struct ap_chunk *last = ap_builder_at(b, t->last_chunk);
		base = AP_CHUNK_BASE(last->lap_base) + last->slots;
		last->next = ref;
	} else {
		t->first_chunk = ref;
	}
	chunk->slots = slots;
	chunk->lap_base = AP_CHUNK_LAP_BASE(1 + base % 3, base);
	chunk->thread = thread;
	t->last_chunk = ref;
	t->cursor = address_of(b, chunk + 1);
	return chunk;
}

struct ap_event *ap_builder_slot(struct ap_builder *b, uint32_t thread)
{
	struct ap_thread *t = ap_builder_thread_at(b, thread);
	struct ap_chunk *chunk = t->last_chunk ? ap_builder_at(b, t->last_chunk) : NULL;

	if (!chunk || t->cursor == address_of(b, (struct ap_event *)(chunk + 1) + chunk->slots)) {
		chunk = ap_builder_chunk(b, thread, AP_CHUNK_FIRST_SLOTS);
	}
	struct ap_event *events = (struct ap_event *)(chunk + 1);
	struct ap_event *slot = events + (t->cursor - address_of(b, events)) / sizeof(*events);
	t->cursor += sizeof(*events);
	return slot;
}

static void store(struct ap_builder *b, uint32_t thread, uint64_t word, uint64_t time)
{
	struct ap_event *slot = ap_builder_slot(b, thread);
	const struct ap_chunk *chunk =
		ap_builder_at(b, ap_builder_thread_at(b, thread)->last_chunk);

	slot->time = time;
	slot->word = word | (uint64_t)AP_CHUNK_LAP(chunk->lap_base) << AP_EVENT_LAP_SHIFT;
}

void ap_builder_event_at_site(struct ap_builder *b, uint32_t thread, enum ap_event_kind kind,
			      uint64_t address, uint64_t ticks, uint64_t stack_pointer,
			      uint64_t site)
{
	store(b, thread, ap_event_make_word(address, kind, 0, stack_pointer, site),
	      ap_event_make_time(ticks, stack_pointer));
}

void ap_builder_event(struct ap_builder *b, uint32_t thread, enum ap_event_kind kind,
		      uint64_t address, uint64_t ticks, uint64_t stack_pointer)
{
	ap_builder_event_at_site(b, thread, kind, address, ticks, stack_pointer, SITE);
}

void ap_builder_special(struct ap_builder *b, uint32_t thread, enum ap_special subject,
			uint64_t value, uint64_t ticks)
{
	store(b, thread, ap_special_make_word(subject, value, 0), ticks & AP_EVENT_TIME_MASK);
}
