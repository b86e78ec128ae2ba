/* SPDX-License-Identifier: MIT */
/* tests/torture/kills_spool.c - see kills_spool.h. */
#include "kills_spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "profile/profile.h"
#include "spool/event.h"

#define NEVER_SO_LARGE (1ull << 62) /* what was below zero looks larger than this */

static char wrong[512];

#define WRONG(...) (snprintf(wrong, sizeof wrong, __VA_ARGS__), wrong)

/* ---- where the kill hit: the spool of a dead process, mapped; we trust it, ap_profile_open() does not */

static const void *at(const struct ap_spool_header *h, ap_ref ref)
{
	return (const char *)h + (uint64_t)ref * AP_REF_UNIT;
}

static const struct ap_thread *thread_at(const struct ap_spool_header *h, uint32_t id)
{
	const ap_ref *blocks = at(h, h->thread_blocks);
	const ap_ref block = h->thread_blocks ? blocks[id / AP_THREADS_PER_BLOCK] : 0;
	return block ? (const struct ap_thread *)at(h, block) + id % AP_THREADS_PER_BLOCK : NULL;
}

/* Slots of @ref that hooks took: the cursor is an address in the program. */
static uint64_t taken(const struct ap_spool_header *h, const struct ap_thread *t, ap_ref ref)
{
	const struct ap_chunk *chunk = at(h, ref);
	const uint64_t first = h->map_address + (uint64_t)ref * AP_REF_UNIT + sizeof *chunk;
	const uint64_t n = (t->cursor - first) / sizeof(struct ap_event);
	return ref == t->last_chunk && n < chunk->slots ? n : chunk->slots;
}

static void look_at_chunk(const struct ap_spool_header *h, const struct ap_thread *t, ap_ref ref,
			  bool folding, struct kills_hit *hit)
{
	const struct ap_chunk *chunk = at(h, ref);
	const struct ap_event *events = (const struct ap_event *)(chunk + 1);
	const uint32_t base = (uint32_t)AP_CHUNK_BASE(chunk->lap_base) & 0x7fffffffu;
	const uint32_t done = (AP_FOLD_POSITION(t->fold) - base) & 0x7fffffffu;
	const uint64_t n = taken(h, t, ref);

	if (folding && done > 0 && done < chunk->slots)
		hit->half = true;
	for (uint64_t i = done; i < n && n < chunk->slots; i++)
		hit->reserved |= ap_event_lap(events[i].word) != AP_CHUNK_LAP(chunk->lap_base);
	if (!folding && ref == t->last_chunk && n == chunk->slots && done < n)
		hit->full = true;
}

static bool folds(const struct ap_spool_header *h, uint32_t id)
{
	for (uint32_t i = 0; i < h->shards && i < AP_MAX_SHARDS; i++) {
		const struct ap_shard *shard = h->shard_refs[i] ? at(h, h->shard_refs[i]) : NULL;
		if (shard && shard->owner && shard->thread == id + 1)
			return true;
	}
	return false;
}

static void count_fold(const struct kills_page *page, uint32_t tid, struct kills_hit *hit)
{
	hit->folds++;
	for (int slot = 0; slot < KILLS_SLOTS; slot++)
		for (int i = 0; i < KILLS_TIDS; i++)
			hit->folds_of[slot] += page->slots[slot].tids[i] == tid;
}

static void look(const struct ap_spool_header *h, const struct kills_page *page,
		 struct kills_hit *hit)
{
	for (uint32_t id = 0; id < h->threads; id++) {
		const struct ap_thread *t = thread_at(h, id);
		if (!t || t->state != AP_THREAD_LIVE || !t->last_chunk)
			continue;
		const bool folding = folds(h, id);
		hit->recorded = true;
		if (folding)
			count_fold(page, t->tid, hit);
		look_at_chunk(h, t, t->last_chunk, folding, hit);
	}
}

/* Return: is it a spool? One without its magic was not yet. */
static bool look_at_file(int fd, const struct kills_page *page, struct kills_hit *hit)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size < 4096)
		return false;
	const struct ap_spool_header *h =
		mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return false;
	const bool born = memcmp(h->magic, AP_SPOOL_MAGIC, sizeof h->magic) == 0;
	if (born)
		look(h, page, hit);
	munmap((void *)h, (size_t)st.st_size);
	return born;
}

/* ---- what the profile says */

struct claim {
	uint64_t calls, open;
};

/* @doubts: folds cut short that may have counted a call and not its time, or twice. */
static const char *sane(const struct ap_profile_function *f, unsigned doubts)
{
	const uint64_t in_histogram = f->total.count;

	if (f->calls > NEVER_SO_LARGE || f->self_ns > NEVER_SO_LARGE ||
	    f->total_ns > NEVER_SO_LARGE || f->max_ns > NEVER_SO_LARGE ||
	    (f->timed_calls && f->min_ns > f->max_ns))
		return WRONG("below zero: calls %" PRIu64 " self %" PRIu64 " total %" PRIu64
			     " min %" PRIu64 " max %" PRIu64,
			     f->calls, f->self_ns, f->total_ns, f->min_ns, f->max_ns);
	if (f->self_ns > f->total_ns || f->timed_calls > f->calls || f->open_calls > f->calls)
		return WRONG("self %" PRIu64 " of total %" PRIu64 ", timed %" PRIu64
			     " and open %" PRIu64 " of calls %" PRIu64,
			     f->self_ns, f->total_ns, f->timed_calls, f->open_calls, f->calls);
	if (in_histogram > f->timed_calls || in_histogram + doubts < f->timed_calls)
		return WRONG("%" PRIu64 " calls in the histogram, %" PRIu64 " timed", in_histogram,
			     f->timed_calls);
	return NULL;
}

static const char *claim_of(const struct ap_profile *profile, uint64_t address, unsigned doubts,
			    struct claim *ret)
{
	const char *why = NULL;
	*ret = (struct claim){0, 0};
	for (size_t i = 1; i < profile->functions_n && !why; i++) {
		const struct ap_profile_function *f = &profile->functions[i];
		if (f->address != address || f->kind != AP_FUNCTION_INSTRUMENTED)
			continue;
		ret->calls += f->calls;
		ret->open += f->open_calls;
		why = sane(f, doubts);
	}
	return why;
}

/* A call whose number was published has had its exit; one that is under way may be seen or not. A fold that was cut short
 * may have counted the call in flight a second time. */
static const char *judge_function(const struct ap_profile *profile, const struct kills_count *count,
				  struct kills_hit *hit, int slot, int function, unsigned *doubts)
{
	struct claim claim;
	const char *why = claim_of(profile, count->address, hit->folds_of[slot], &claim);
	if (why)
		return why;
	const uint64_t most = count->before + hit->folds_of[slot];
	hit->calls += claim.calls;
	if (claim.calls < count->after || claim.calls > most)
		return WRONG("slot %d, function %d: %" PRIu64 " calls reported, published %" PRIu64
			     " begun and %" PRIu64 " done",
			     slot, function, claim.calls, count->before, count->after);
	if (claim.open > count->before - count->after)
		return WRONG("slot %d, function %d: %" PRIu64 " calls are open, %" PRIu64
			     " were under way",
			     slot, function, claim.open, count->before - count->after);
	if (claim.calls > count->before)
		*doubts += (unsigned)(claim.calls - count->before);
	return NULL;
}

/* Open calls, outermost first: main, then body, outer and inner of one slot, each inside the other. */
static const char *judge_open(const struct ap_profile *profile, const struct kills_page *page)
{
	for (size_t i = 0; i < profile->threads_n; i++) {
		const struct ap_profile_thread *t = &profile->threads[i];
		int next = -1;
		const struct kills_slot *slot = NULL;
		if (t->torn > 1)
			return WRONG("%" PRIu64 " torn events of one thread", t->torn);
		for (size_t k = 0; k < t->open_n; k++) {
			const uint64_t address = profile->functions[t->open[k].function].address;
			for (int s = 0; s < KILLS_SLOTS && next < 0; s++)
				if (page->slots[s].counts[KILLS_BODY].address == address)
					slot = &page->slots[s], next = KILLS_BODY;
			if (t->open[k].age_ns > NEVER_SO_LARGE)
				return WRONG("an open call has a negative age");
			if (next < 0 && k == 0)
				continue; /* main */
			if (next < 0 || next >= KILLS_FUNCTIONS ||
			    slot->counts[next].address != address)
				return WRONG("thread %zu: open call %zu is none that can be there",
					     i, k);
			next++;
		}
	}
	return NULL;
}

static const char *judge_profile(const struct ap_profile *profile, const struct kills_page *page,
				 struct kills_hit *hit)
{
	const struct ap_profile_quality *q = &profile->quality;
	const char *why = judge_open(profile, page);

	for (int slot = 0; slot < KILLS_SLOTS && !why; slot++) {
		unsigned doubts = 0;
		for (int i = 0; i < KILLS_FUNCTIONS && !why; i++)
			why = judge_function(profile, &page->slots[slot].counts[i], hit, slot, i,
					     &doubts);
		if (!why && doubts > hit->folds_of[slot])
			why = WRONG("slot %d: %u calls counted twice, but %u folds cut short", slot,
				    doubts, hit->folds_of[slot]);
		hit->doubts += doubts;
	}
	if (!why && !q->identity_holds)
		why = WRONG("the events do not add up: attempted %" PRIu64 " folded %" PRIu64
			    " pending %" PRIu64 " in doubt %" PRIu64,
			    q->attempted, q->folded, q->pending, q->in_doubt);
	if (!why && q->dropped[0].events + q->dropped[1].events + q->dropped[2].events)
		why = WRONG("events were dropped");
	return why;
}

const char *kills_judge(int fd, const struct kills_page *page, bool may_be_unborn,
			struct kills_hit *ret)
{
	char path[64];
	struct ap_profile *profile;
	struct ap_profile_error error;

	*ret = (struct kills_hit){0};
	ret->spool = look_at_file(fd, page, ret);
	if (!ret->spool)
		return may_be_unborn ? NULL : WRONG("the spool has no magic");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	const int e = ap_profile_open(path, NULL, &profile, &error);
	if (e < 0)
		return WRONG("cannot be read: %s", error.text);
	const char *why = judge_profile(profile, page, ret);
	ap_profile_free(profile);
	return why;
}
