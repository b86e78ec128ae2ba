/* SPDX-License-Identifier: MIT */
/* runtime/shard.c - sets of counters: found free or made, never waited for; their blocks and histogram rows. */
#include "runtime/runtime.h"

/* Above these shares of the cap (of 256) the profile gets coarser before it gets incomplete. */
#define PRESSURE_MANY_SHARDS 96
#define PRESSURE_NO_SELF 160
#define PRESSURE_COARSE 192

static bool take(struct ap_shard *shard, uint32_t me)
{
	uint32_t owner = 0;
	if (__atomic_load_n(&shard->owner, __ATOMIC_RELAXED) == me)
		return true; /* a fold of ours was cut short (a vfork child that died): go on with it */
	return __atomic_compare_exchange_n(&shard->owner, &owner, me, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Blocks of the fixed ids are made at once: there is always a place to count. */
static struct ap_shard *make(struct ap_control *c, uint32_t owner, uint32_t most)
{
	struct ap_spool_header *h = c->header;
	const uint32_t index = __atomic_load_n(&h->shards, __ATOMIC_ACQUIRE);
	if (index >= most)
		return NULL;
	const ap_ref ref = ap_space_alloc(c, sizeof(struct ap_shard));
	if (!ref)
		return NULL;
	struct ap_shard *shard = ap_at(c, ref);
	shard->owner = owner;
	shard->stack = ap_space_alloc(c, AP_SHARD_STACK_BYTES);
	shard->cache = ap_space_alloc(c, sizeof(struct ap_cache_entry) << AP_CACHE_LOG2);
	shard->node_stat_blocks = ap_space_alloc(c, AP_NODE_STAT_BLOCKS * sizeof(ap_ref));
	shard->function_stat_blocks = ap_space_alloc(c, AP_FUNCTION_STAT_BLOCKS * sizeof(ap_ref));
	if (!shard->stack || !shard->cache || !shard->node_stat_blocks ||
	    !shard->function_stat_blocks)
		return NULL;
	((ap_ref *)ap_at(c, shard->node_stat_blocks))[0] =
		ap_space_alloc(c, AP_STATS_PER_BLOCK * sizeof(struct ap_node_stat));
	((ap_ref *)ap_at(c, shard->function_stat_blocks))[0] =
		ap_space_alloc(c, AP_STATS_PER_BLOCK * sizeof(struct ap_function_stat));
	if (!((ap_ref *)ap_at(c, shard->node_stat_blocks))[0] ||
	    !((ap_ref *)ap_at(c, shard->function_stat_blocks))[0])
		return NULL;
	for (uint32_t i = index; i < AP_MAX_SHARDS; i++) {
		ap_ref none = 0;
		shard->index = i;
		if (__atomic_compare_exchange_n(&h->shard_refs[i], &none, ref, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
			__atomic_fetch_add(&h->shards, 1, __ATOMIC_RELEASE);
			return shard;
		}
	}
	return NULL;
}

/** ap_shard_first() - make the first shard at the start: later ones are made when threads meet. */
bool ap_shard_first(struct ap_control *c)
{
	struct ap_shard *shard = make(c, 1, 1);
	if (shard)
		ap_shard_release(shard);
	return shard != NULL;
}

/* Two shards a processor serve threads that are running; threads that were preempted in the middle of a fold
 * hold theirs meanwhile. So one who already lags behind may make more, as long as there is plenty of memory. */
static uint32_t most_shards(const struct ap_control *c, bool lagging)
{
	return lagging && ap_space_pressure(c) < PRESSURE_MANY_SHARDS ? AP_MAX_SHARDS
								      : c->header->max_shards;
}

#ifdef AP_TEST_LOSSY
/* The test build with many shards: all are made, and each batch goes to another. */
static bool wants_more(uint32_t n)
{
	return n < ap_runtime.settings.shards;
}
#define hint_after(at) ((at) + (ap_runtime.settings.shards != 0))
#else
#define wants_more(n) false
#define hint_after(at) (at)
#endif

/** ap_shard_acquire() - a shard of our own for one batch.
 * @lagging: the thread has chunks that waited for a shard before.
 * Return: NULL when all are busy and no more may be. */
struct ap_shard *ap_shard_acquire(struct ap_control *c, struct ap_ctl *ctl, bool lagging)
{
	const uint32_t n = __atomic_load_n(&c->header->shards, __ATOMIC_ACQUIRE);
	const uint32_t me =
		ctl->id + 1; /* no number of the kernel's: another may have got it since */
	if (wants_more(n))
		return make(c, me, ap_runtime.settings.shards);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t at = (ctl->shard_hint + i) % n;
		const ap_ref ref = __atomic_load_n(&c->header->shard_refs[at], __ATOMIC_ACQUIRE);
		if (!ref)
			continue;
		struct ap_shard *shard = ap_at(c, ref);
		if (take(shard, me)) {
			if (shard->thread) /* left in the middle of a fold, by a vfork child that died */
				__atomic_fetch_add(&c->header->folds_resumed, 1, __ATOMIC_RELAXED);
			ctl->shard_hint = hint_after(at);
			return shard;
		}
	}
	return make(c, me, most_shards(c, lagging));
}

void ap_shard_release(struct ap_shard *shard)
{
	shard->thread = 0;
	__atomic_store_n(&shard->owner, 0, __ATOMIC_RELEASE);
}

static void *stat_at(struct ap_control *c, ap_ref directory, uint32_t id, uint64_t bytes)
{
	ap_ref *block = (ap_ref *)ap_at(c, directory) + id / AP_STATS_PER_BLOCK;
	if (!*block) {
		const ap_ref made = ap_space_alloc(c, bytes * AP_STATS_PER_BLOCK);
		if (!made)
			return NULL;
		__atomic_store_n(block, made, __ATOMIC_RELEASE);
	}
	return (char *)ap_at(c, *block) + id % AP_STATS_PER_BLOCK * bytes;
}

struct ap_function_stat *ap_shard_function_stat(struct ap_control *c, struct ap_shard *shard,
						uint32_t function)
{
	struct ap_function_stat *stat =
		stat_at(c, shard->function_stat_blocks, function, sizeof(struct ap_function_stat));
	if (!stat) {
		function = AP_ID_OTHER;
		stat = stat_at(c, shard->function_stat_blocks, function,
			       sizeof(struct ap_function_stat));
	}
	stat->function = function;
	return stat;
}

struct ap_node_stat *ap_shard_node_stat(struct ap_control *c, struct ap_shard *shard, uint32_t node)
{
	struct ap_node_stat *stat =
		stat_at(c, shard->node_stat_blocks, node, sizeof(struct ap_node_stat));
	if (!stat) {
		ap_space_degrade(c, AP_DEGRADED_NAMES_JOINED);
		node = AP_ID_OTHER;
		stat = stat_at(c, shard->node_stat_blocks, node, sizeof(struct ap_node_stat));
	}
	if (!stat->function_stat) {
		struct ap_function_stat *function =
			ap_shard_function_stat(c, shard, ap_node_at(c, node)->function);
		if (!function->leaf_rows)
			function->leaf_rows = ap_space_alloc(c, sizeof(struct ap_hist_dir));
		stat->leaf_rows = function->leaf_rows;
		stat->leaf_min = stat->min = UINT64_MAX;
		__atomic_store_n(&stat->function_stat, ap_ref_of(c, function), __ATOMIC_RELEASE);
	}
	return stat;
}

static ap_ref make_row(struct ap_control *c)
{
	const bool coarse = ap_space_pressure(c) >= PRESSURE_COARSE;
	if (!coarse)
		return ap_space_alloc(c, AP_HIST_ROW_BUCKETS * sizeof(uint64_t));
	ap_space_degrade(c, AP_DEGRADED_COARSE_HIST);
	const ap_ref row = ap_space_alloc(c, AP_HIST_ROW_BUCKETS / 4 * sizeof(uint64_t));
	return row ? row | AP_HIST_COARSE : 0;
}

/** ap_shard_count() - count @n in bucket @j; rows and the directory itself are made at first use. */
void ap_shard_count(struct ap_control *c, ap_ref *dir, uint32_t j, uint64_t n)
{
	if (!*dir)
		*dir = ap_space_alloc(c, sizeof(struct ap_hist_dir));
	if (!*dir) {
		ap_space_degrade(c, AP_DEGRADED_HIST_LOST);
		return;
	}
	ap_ref *row = &((struct ap_hist_dir *)ap_at(c, *dir))->rows[j / AP_HIST_ROW_BUCKETS];
	if (!*row)
		*row = make_row(c);
	if (!*row) {
		ap_space_degrade(c, AP_DEGRADED_HIST_LOST);
		return;
	}
	uint64_t *counts = ap_at(c, *row & ~AP_HIST_COARSE);
	const uint32_t k = j % AP_HIST_ROW_BUCKETS;
	counts[*row & AP_HIST_COARSE ? k / 4 : k] += n;
}

/** ap_shard_self_wanted() - are histograms of self time still affordable? */
bool ap_shard_self_wanted(struct ap_control *c)
{
	if (ap_space_pressure(c) < PRESSURE_NO_SELF)
		return true;
	ap_space_degrade(c, AP_DEGRADED_NO_SELF_HIST);
	return false;
}
