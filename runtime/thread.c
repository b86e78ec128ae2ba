/* SPDX-License-Identifier: MIT */
/* runtime/thread.c - threads that record: their records, chunks and frames; how they begin and end.
 *
 * There is no wrapper around a thread's start and nothing to unwind: a thread registers with its first
 * event and leaves by the destructor of a pthread key. Events after that make a new record. Free lists are
 * guarded by one try-lock: whoever finds it taken uses fresh memory. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

#define FIRST_FRAMES 16u
#define FEWEST_FRAMES 4u   /* of fibers, and of threads where there are very many */
#define KEEP_RECORDS 1024u /* records of ended threads are kept for the report up to this many */
#define SCAN_STEP 64u
#define ASK_STEP 8u /* threads that are asked for in one scan, by a system call each */

static bool try_lock(struct ap_control *c)
{
	return __atomic_exchange_n(&c->registry_lock, 1, __ATOMIC_ACQUIRE) == 0;
}

static void unlock(struct ap_control *c)
{
	__atomic_store_n(&c->registry_lock, 0, __ATOMIC_RELEASE);
}

struct ap_thread *ap_thread_at(const struct ap_control *c, uint32_t id)
{
	const ap_ref *blocks = ap_at(c, c->header->thread_blocks);
	struct ap_thread *block =
		ap_at(c, __atomic_load_n(&blocks[id / AP_THREADS_PER_BLOCK], __ATOMIC_ACQUIRE));
	return block + id % AP_THREADS_PER_BLOCK;
}

/* Both free lists hold blocks by the power of two of their size; the first word of a block is the link. */
static uint32_t list_of(uint32_t items)
{
	return 31u - (uint32_t)__builtin_clz(items);
}

ap_ref ap_block_pop(struct ap_control *c, ap_ref *list)
{
	ap_ref ref = 0;
	if (__atomic_load_n(list, __ATOMIC_RELAXED) && try_lock(c)) {
		ref = *list;
		if (ref)
			__atomic_store_n(list, *(ap_ref *)ap_at(c, ref), __ATOMIC_RELAXED);
		unlock(c);
	}
	return ref;
}

void ap_block_push(struct ap_control *c, ap_ref *list, ap_ref ref)
{
	if (!try_lock(c))
		return; /* lost to the allocator: rare, and bounded by the cap */
	*(ap_ref *)ap_at(c, ref) = *list;
	__atomic_store_n(list, ref, __ATOMIC_RELAXED);
	unlock(c);
}

/** ap_chunk_new() - a chunk of @slots (a power of two) for a thread; its lap goes on where it was. */
ap_ref ap_chunk_new(struct ap_control *c, uint32_t slots, uint32_t thread)
{
	ap_ref ref = ap_block_pop(c, &c->free_chunks[list_of(slots)]);
	const bool used = ref != 0;
	if (!ref)
		ref = ap_space_alloc(c, sizeof(struct ap_chunk) +
						(uint64_t)slots * sizeof(struct ap_event));
	if (!ref)
		return 0;
	struct ap_chunk *chunk = ap_at(c, ref);
	if (used) /* its last owner may not have used all of it: laps of long ago would come round again */
		memset(chunk + 1, 0, slots * sizeof(struct ap_event));
	chunk->next = 0;
	chunk->slots = slots;
	chunk->thread = thread;
	return ref;
}

void ap_chunk_free(struct ap_control *c, ap_ref ref)
{
	const struct ap_chunk *chunk = ap_at(c, ref);
	ap_block_push(c, &c->free_chunks[list_of(chunk->slots)], ref);
}

void ap_chunk_keep(struct ap_control *c, struct ap_thread *thread, ap_ref ref)
{
	struct ap_chunk *chunk = ap_at(c, ref);
	chunk->next = thread->torn_chunks;
	thread->torn_chunks = ref;
}

ap_ref ap_chunk_kept(struct ap_control *c, struct ap_thread *thread, uint32_t slots)
{
	const ap_ref ref = thread->torn_chunks;
	struct ap_chunk *chunk = ap_at(c, ref);
	if (!ref || chunk->slots < slots)
		return 0;
	thread->torn_chunks = chunk->next;
	chunk->next = 0;
	return ref;
}

static void free_kept(struct ap_control *c, struct ap_thread *thread)
{
	for (ap_ref ref; (ref = ap_chunk_kept(c, thread, 0));)
		ap_chunk_free(c, ref);
}

static ap_ref frames_new(struct ap_control *c, uint32_t frames)
{
	const ap_ref ref = ap_block_pop(c, &c->free_frames[list_of(frames)]);
	return ref ? ref : ap_space_alloc(c, (uint64_t)frames * sizeof(struct ap_frame));
}

bool ap_frames_grow(struct ap_control *c, ap_ref *frames, uint32_t *most)
{
	const uint32_t wanted = *most ? *most * 2 : FEWEST_FRAMES;
	if (wanted > AP_MAX_FRAMES)
		return false;
	const ap_ref ref = frames_new(c, wanted);
	if (!ref)
		return false;
	const struct ap_frame *from = ap_at(c, *frames);
	struct ap_frame *into = ap_at(c, ref);
	for (uint32_t i = 0; i < *most; i++)
		into[i] = from[i];
	const ap_ref old = *frames;
	__atomic_store_n(frames, ref, __ATOMIC_RELEASE);
	__atomic_store_n(most, wanted, __ATOMIC_RELEASE);
	if (old)
		ap_block_push(c, &c->free_frames[list_of(wanted / 2)], old);
	return true;
}

static struct ap_retired sum_with(const struct ap_retired *r, const struct ap_thread *thread)
{
	return (struct ap_retired){
		.threads = r->threads + 1,
		.attempted = r->attempted + thread->folded + thread->torn,
		.folded = r->folded + thread->folded,
		.torn = r->torn + thread->torn,
		.specials = r->specials + thread->specials,
		.unmatched_exits = r->unmatched_exits + thread->unmatched_exits,
		.unclosed = r->unclosed + thread->unclosed,
		.resyncs = r->resyncs + thread->resyncs,
		.clamps = r->clamps + thread->clamps,
		.beyond = r->beyond + thread->beyond,
		.inherited = r->inherited + thread->inherited,
	};
}

/* A record is about to be used again: its sums live on in the header. One store moves them there, whenever we die. */
static void retire(struct ap_control *c, struct ap_thread *thread, uint32_t id)
{
	struct ap_spool_header *h = c->header;
	const uint64_t other = ~h->retiring & 1;
	h->retired[other] = sum_with(ap_retired_sums(h), thread);
	__atomic_store_n(&h->retiring, ((uint64_t)id + 1) << 1 | other, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	for (size_t k = 0; k < sizeof(*thread) / 8; k++)
		((uint64_t *)thread)[k] = 0;
	__atomic_store_n(&h->retiring, other, __ATOMIC_RELEASE);
}

/* The next few records in turn, so that the cost of one look is bounded. Under the lock.
 * @from: where this kind of search goes on
 * Return: the first one that @fits, or NULL. */
static struct ap_thread *search(struct ap_control *c, uint32_t *from,
				bool (*fits)(const struct ap_thread *thread, uint32_t id,
					     uint32_t *asked),
				uint32_t *ret_id)
{
	const uint32_t n = __atomic_load_n(&c->header->threads, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0, asked = 0; i < SCAN_STEP && i < n && asked < ASK_STEP; i++) {
		const uint32_t id = *from < n ? *from : 0;
		*from = id + 1;
		if (fits(ap_thread_at(c, id), id, &asked)) {
			*ret_id = id;
			return ap_thread_at(c, id);
		}
	}
	return NULL;
}

static bool ended(const struct ap_thread *thread, uint32_t id, uint32_t *asked)
{
	(void)id;
	(void)asked;
	return __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == AP_THREAD_ENDED &&
	       !thread->first_chunk;
}

/* A record of an ended thread to use again, once there are many. */
static struct ap_thread *reuse_record(struct ap_control *c, uint32_t *ret_id)
{
	if (__atomic_load_n(&c->header->threads, __ATOMIC_ACQUIRE) < KEEP_RECORDS || !try_lock(c))
		return NULL;
	struct ap_thread *found = search(c, &c->search_ended, ended, ret_id);
	if (found)
		retire(c, found, *ret_id);
	unlock(c);
	return found;
}

static bool ensure_block(struct ap_control *c, uint32_t index)
{
	ap_ref *block = (ap_ref *)ap_at(c, c->header->thread_blocks) + index;
	ap_ref none = 0;
	if (__atomic_load_n(block, __ATOMIC_ACQUIRE))
		return true;
	const ap_ref made = ap_space_alloc(c, AP_THREADS_PER_BLOCK * sizeof(struct ap_thread));
	if (made)
		__atomic_compare_exchange_n(block, &none, made, false, __ATOMIC_RELEASE,
					    __ATOMIC_ACQUIRE);
	return made != 0;
}

static struct ap_thread *new_record(struct ap_control *c, uint32_t *ret_id)
{
	struct ap_spool_header *h = c->header;
	uint32_t id = __atomic_load_n(&h->threads, __ATOMIC_ACQUIRE);
	do { /* the block first: an id without one would be lost at every event of a thread that finds no memory */
		if (id >= AP_MAX_THREADS || !ensure_block(c, id / AP_THREADS_PER_BLOCK))
			return NULL;
	} while (!__atomic_compare_exchange_n(&h->threads, &id, id + 1, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	*ret_id = id;
	return ap_thread_at(c, id);
}

bool ap_thread_settled(const struct ap_control *c, const struct ap_thread *thread)
{
	const struct ap_chunk *chunk = ap_at(c, thread->last_chunk);
	const uint64_t used = (thread->cursor - (uint64_t)(chunk + 1)) / sizeof(struct ap_event);
	const uint32_t done = ap_chunk_done(thread, chunk);
	return thread->first_chunk == thread->last_chunk && (done >= used || done >= chunk->slots);
}

static void leave(void *value)
{
	struct ap_ctl *ctl = value;
	if (ctl == ap_self && ctl->thread)
		ap_flush(true);
}

/** ap_thread_key_init() - constructor only: pthread_setspecific of one of the first 32 keys allocates nothing. */
void ap_thread_key_init(void)
{
	pthread_key_t key;
	if (pthread_key_create(&key, leave) == 0 && key < 32)
		ap_runtime.key = (uint32_t)key + 1;
}

static void read_name(struct ap_thread *thread)
{
	ap_sys2(SYS_prctl, 16 /* PR_GET_NAME */, thread->name);
}

struct ring {
	ap_ref frames;
	uint32_t frames_max;
	ap_ref chunk;
};

static void put_back(struct ap_control *c, const struct ring *ring)
{
	if (ring->frames)
		ap_block_push(c, &c->free_frames[list_of(ring->frames_max)], ring->frames);
	if (ring->chunk)
		ap_chunk_free(c, ring->chunk);
}

static bool take_ring(struct ap_control *c, struct ring *ring)
{
	const bool many = __atomic_load_n(&c->threads_now, __ATOMIC_RELAXED) >= AP_MANY_THREADS;
	const uint32_t slots = many ? AP_CHUNK_MIN_SLOTS : AP_CHUNK_FIRST_SLOTS;
	ring->frames_max = many ? FEWEST_FRAMES : FIRST_FRAMES;
	ring->frames = frames_new(c, ring->frames_max);
	ring->chunk = ring->frames ? ap_chunk_new(c, slots, 0) : 0;
	if (!ring->chunk)
		put_back(c, ring);
	return ring->chunk != 0;
}

static void give_ring(struct ap_control *c, struct ap_thread *thread, uint32_t id,
		      const struct ring *ring)
{
	struct ap_chunk *chunk = ap_at(c, ring->chunk);
	const uint32_t lap = AP_CHUNK_LAP(chunk->lap_base) % 3 + 1;
	chunk->thread = id;
	chunk->lap_base = AP_CHUNK_LAP_BASE(lap, 0);
	thread->frames = ring->frames;
	thread->frames_max = ring->frames_max;
	thread->cursor = (uint64_t)(chunk + 1);
	thread->first_chunk = thread->last_chunk = ring->chunk;
}

static void publish(struct ap_control *c, struct ap_ctl *ctl)
{
	const struct ap_chunk *chunk = ap_at(c, ctl->thread->first_chunk);
	ctl->lap = (uint64_t)AP_CHUNK_LAP(chunk->lap_base) << AP_EVENT_LAP_SHIFT;
	__atomic_store_n(&ctl->thread->state, AP_THREAD_LIVE, __ATOMIC_RELEASE);
	ctl->bytes = chunk->slots * sizeof(struct ap_event);
	__atomic_store_n(&ctl->end, ctl->thread->cursor + chunk->slots * sizeof(struct ap_event),
			 __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->ending, __ATOMIC_SEQ_CST))
		ctl->end = 0;
	ap_self = ctl;
	if (ap_runtime.key && ap_arch_libc_thread())
		pthread_setspecific(ap_runtime.key - 1, ctl);
}

#ifdef AP_TEST_LOSSY
/* The test build whose threads have recorded for long: so many events that were neither enter nor exit. */
static void grow_old(const struct ap_control *c, struct ap_thread *thread)
{
	const uint64_t age = ap_runtime.settings.age;
	struct ap_chunk *chunk = ap_at(c, thread->first_chunk);
	chunk->lap_base = AP_CHUNK_LAP_BASE(AP_CHUNK_LAP(chunk->lap_base), age);
	thread->fold = AP_FOLD(0, 0, age);
	thread->folded = thread->specials = age;
}
#else
#define grow_old(c, thread) ((void)0)
#endif

/* It may have been set before the thread's first event, or by a bare system call. */
static void read_alternate(struct ap_thread *thread)
{
	const struct ap_altstack alternate = ap_altstack_now();
	thread->alternate_start = alternate.start;
	thread->alternate_units = alternate.units;
}

/* Does the number belong to the thread-local storage that we are in? Not that of a vfork child, or of a bare clone that
 * borrows its maker's: it registers, and ends, but the maker goes on with its record. libc tells the number in the
 * kernel's name of a thread's CPU clock. */
static bool is_number_of_storage(uint32_t tid)
{
	clockid_t clock;
	return ap_arch_libc_thread() && pthread_getcpuclockid(pthread_self(), &clock) == 0 &&
	       clock == (clockid_t)(~tid << 3 | 6);
}

/** ap_thread_register() - give the calling thread a ring; ap_self then points to it.
 * @time: stamp of its first event, which lies before this call.
 * Slow path. Return: was there memory? */
bool ap_thread_register(struct ap_control *c, uint64_t time)
{
	const uint64_t now = ap_ticks();
	uint32_t id = 0;
	struct ring ring;
	struct ap_thread *thread = NULL;
	ap_space_grant_thread(c);
	/* Before the record: this comes again at every event that finds no memory. */
	if (take_ring(c, &ring)) {
		thread = reuse_record(c, &id);
		if (!thread)
			thread = new_record(c, &id);
		if (!thread)
			put_back(c, &ring);
	}
	if (!thread) {
		ap_space_thread_over(c);
		return false;
	}
	struct ap_ctl *ctl = &ap_runtime.ctls[id];
	thread->tid = ap_gettid();
	thread->start_ticks = thread->last_ticks = now - ((now - time) & AP_EVENT_TIME_MASK);
	read_name(thread);
	give_ring(c, thread, id, &ring);
	grow_old(c, thread);
	read_alternate(thread);
	ap_thread_inherit(c, thread);
	*ctl = (struct ap_ctl){
		.id = id,
		.tid = thread->tid,
		.tid_tells_end = is_number_of_storage(thread->tid),
	};
	ctl->thread = thread;
	ctl->cpu_start_ns = ap_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	publish(c, ctl);
	if (ap_fiber_now)
		ap_record(ap_special_make_word(AP_SPECIAL_FIBER, ap_fiber_now, 0),
			  time & AP_EVENT_TIME_MASK);
	return true;
}

/* The record of a thread that is over: what is folded makes room for others. */
static void end_record(struct ap_control *c, struct ap_thread *thread, uint64_t end_ticks)
{
	const struct ap_chunk *chunk = ap_at(c, thread->last_chunk);
	const uint32_t used =
		(uint32_t)((thread->cursor - (uint64_t)(chunk + 1)) / sizeof(struct ap_event));
	const uint32_t done = ap_chunk_done(thread, chunk);
	const bool whole = thread->first_chunk == thread->last_chunk && done >= used &&
			   !AP_FOLD_DEPTH(thread->fold);
	thread->end_ticks = end_ticks;
	if (whole) { /* else the reader finishes it */
		ap_gates_give(c, thread);
		const ap_ref last = thread->last_chunk;
		thread->first_chunk = thread->last_chunk = 0;
		ap_chunk_free(c, last);
		free_kept(c, thread);
		ap_block_push(c, &c->free_frames[list_of(thread->frames_max)], thread->frames);
		thread->frames = 0;
		thread->frames_max = 0;
	}
	ap_space_thread_over(c);
	__atomic_store_n(&thread->state, AP_THREAD_ENDED, __ATOMIC_RELEASE);
}

/** ap_thread_release() - the calling thread ends; its events are folded, its frames closed. */
void ap_thread_release(struct ap_control *c, struct ap_ctl *ctl)
{
	struct ap_thread *thread = ctl->thread;
	ctl->end = 0;
	ctl->thread = NULL;
	ap_self = &ap_no_ctl;
	read_name(thread);
	end_record(c, thread, ap_ticks());
}

static bool records(const struct ap_thread *thread, const struct ap_ctl *ctl)
{
	return __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == AP_THREAD_LIVE &&
	       __atomic_load_n(&ctl->thread, __ATOMIC_ACQUIRE) == thread;
}

/* Nobody has its number any more; who is of another process, but shares our memory, is there. Asked for once more
 * after that: it may have released its record before it went. */
static bool gone(const struct ap_thread *thread, uint32_t id, uint32_t *asked)
{
	const struct ap_ctl *ctl = &ap_runtime.ctls[id];
	if (!records(thread, ctl) || !ctl->tid_tells_end)
		return false;
	++*asked;
	return ap_sys2(SYS_tkill, thread->tid, 0) == -ESRCH && records(thread, ctl);
}

/* Under the lock nobody else claims it, and a thread that is gone does not release itself. */
struct ap_ctl *ap_thread_claim_gone(struct ap_control *c, struct ap_thread **ret_thread)
{
	struct ap_ctl *ctl = NULL;
	uint32_t id;
	if (!try_lock(c))
		return NULL;
	*ret_thread = search(c, &c->search_gone, gone, &id);
	if (*ret_thread) {
		ctl = &ap_runtime.ctls[id];
		ctl->end = 0;
		ctl->thread = NULL;
	}
	unlock(c);
	return ctl;
}

void ap_thread_bury(struct ap_control *c, struct ap_thread *thread)
{
	end_record(c, thread, thread->last_ticks);
}

/** ap_threads_freeze() - no thread gets another slot. Events in flight are finished by their threads. */
void ap_threads_freeze(struct ap_control *c)
{
	const uint32_t n = __atomic_load_n(&c->header->threads, __ATOMIC_ACQUIRE);
	for (uint32_t id = 0; id < n && id < AP_MAX_THREADS; id++)
		__atomic_store_n(&ap_runtime.ctls[id].end, 0, __ATOMIC_SEQ_CST);
}
