/* SPDX-License-Identifier: MIT */
/* tests/support/spool_builder.h - valid spools made in memory, for tests of what reads them.
 *
 * Written from spool/layout.h alone: it shares no code with the runtime or the reader. Ticks are
 * nanoseconds of CLOCK_MONOTONIC. Everything aborts the test on misuse or for want of memory. Pointers
 * into the spool stay valid until it is freed: a test may damage whatever it likes. */
#ifndef AP_TESTS_SUPPORT_SPOOL_BUILDER_H
#define AP_TESTS_SUPPORT_SPOOL_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "spool/event.h"
#include "spool/histogram.h"
#include "spool/layout.h"

#define AP_BUILDER_START 5000000000ull	   /* ticks when the process's profile began */
#define AP_BUILDER_STACK 0x7ffd00100000ull /* a stack pointer to count down from */

struct ap_builder {
	struct ap_spool_header *hdr; /* also the spool's bytes */
	struct ap_hist_map hist;
};

/** ap_builder_new() - a spool of a running process, without threads, with one shard. Returns new. */
struct ap_builder *ap_builder_new(void);
/** ap_builder_free() - takes NULL; returns NULL. */
struct ap_builder *ap_builder_free(struct ap_builder *b);
/** ap_builder_bytes() - the spool so far: borrowed. */
const void *ap_builder_bytes(const struct ap_builder *b, size_t *ret_size);
/** ap_builder_save() - write it to @path, with a hole up to the spool's size. */
void ap_builder_save(const struct ap_builder *b, const char *path);

/* The allocator and what it gave. */
ap_ref ap_builder_alloc(struct ap_builder *b, size_t bytes);
void *ap_builder_at(const struct ap_builder *b, ap_ref ref);
void ap_builder_text(struct ap_builder *b, struct ap_text *ret, const char *text);

/* Tables. Modules and threads are numbered from 0, functions and nodes from AP_ID_FIRST. */
uint32_t ap_builder_module(struct ap_builder *b, uint64_t start, uint64_t end, const char *path);
struct ap_module *ap_builder_module_at(const struct ap_builder *b, uint32_t id);
uint32_t ap_builder_function(struct ap_builder *b, uint64_t address, uint32_t module_plus_1);
struct ap_function *ap_builder_function_at(const struct ap_builder *b, uint32_t id);
uint32_t ap_builder_node(struct ap_builder *b, uint32_t parent, uint32_t function);
struct ap_node *ap_builder_node_at(const struct ap_builder *b, uint32_t id);

/* Counters, made at first use. */
uint32_t ap_builder_shard(struct ap_builder *b);
struct ap_shard *ap_builder_shard_at(const struct ap_builder *b, uint32_t shard);
struct ap_node_stat *ap_builder_node_stat(struct ap_builder *b, uint32_t shard, uint32_t node);
struct ap_function_stat *ap_builder_function_stat(struct ap_builder *b, uint32_t shard,
						  uint32_t function);
/** ap_builder_count() - add @n to bucket @j of the histogram at *@rows. */
void ap_builder_count(struct ap_builder *b, ap_ref *rows, uint32_t j, uint64_t n);
/** ap_builder_count_coarse() - the same in a row of 8. */
void ap_builder_count_coarse(struct ap_builder *b, ap_ref *rows, uint32_t j, uint64_t n);
/** ap_builder_leaf(), ap_builder_call() - what a fold writes for one closed call. */
void ap_builder_leaf(struct ap_builder *b, uint32_t shard, uint32_t node, uint64_t ticks);
void ap_builder_call(struct ap_builder *b, uint32_t shard, uint32_t node, uint64_t total,
		     uint64_t self);

/* Threads and their rings. A live thread has no chunk until its first event. */
uint32_t ap_builder_thread(struct ap_builder *b, uint32_t tid, const char *name);
struct ap_thread *ap_builder_thread_at(const struct ap_builder *b, uint32_t id);
/** ap_builder_folded() - so many events of the thread were folded (and so many slots torn) before the next. */
void ap_builder_folded(struct ap_builder *b, uint32_t thread, uint64_t folded, uint64_t torn);
/** ap_builder_frame() - a call that the fold left open. */
void ap_builder_frame(struct ap_builder *b, uint32_t thread, const struct ap_frame *frame);
/** ap_builder_fiber() - a stack that is no thread's own, without open calls. Returns its id, from 1. */
uint32_t ap_builder_fiber(struct ap_builder *b);
struct ap_fiber *ap_builder_fiber_at(const struct ap_builder *b, uint32_t id);
/** ap_builder_fiber_frame() - a call that the fold left open there. */
void ap_builder_fiber_frame(struct ap_builder *b, uint32_t fiber, const struct ap_frame *frame);
/** ap_builder_chunk() - the thread goes on in a new chunk of @slots. */
struct ap_chunk *ap_builder_chunk(struct ap_builder *b, uint32_t thread, uint32_t slots);
/** ap_builder_slot() - take the next slot, in a new chunk of 64 when the last is full. Nothing is stored. */
struct ap_event *ap_builder_slot(struct ap_builder *b, uint32_t thread);
/** ap_builder_event() - a hook's event; the call site is 7. */
void ap_builder_event(struct ap_builder *b, uint32_t thread, enum ap_event_kind kind,
		      uint64_t address, uint64_t ticks, uint64_t stack_pointer);
void ap_builder_event_at_site(struct ap_builder *b, uint32_t thread, enum ap_event_kind kind,
			      uint64_t address, uint64_t ticks, uint64_t stack_pointer,
			      uint64_t site);
void ap_builder_special(struct ap_builder *b, uint32_t thread, enum ap_special subject,
			uint64_t value, uint64_t ticks);

#endif
