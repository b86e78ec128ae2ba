/* SPDX-License-Identifier: MIT */
/* profile/counters.c - the shards' counters, summed by node and by function.
 *
 * A node's leaf histogram is shared by all nodes of its function in a shard: it is read once, from the
 * function's counters, never through the nodes. */
#include <errno.h>

#include "profile/reader.h"

/* A row of 8: each of its buckets takes the place of the last of four. */
#define COARSE_BUCKETS 8u
#define COARSE_FINE (AP_HIST_ROW_BUCKETS / COARSE_BUCKETS)

static ap_u128 squares_of(const uint64_t words[2])
{
	return (ap_u128)words[1] << 64 | words[0];
}

static void add_extremes(struct ap_node_sum *sum, uint64_t calls, uint64_t min, uint64_t max)
{
	if (calls == 0) {
		return;
	}
	sum->min = sum->calls == 0 || min < sum->min ? min : sum->min;
	sum->max = max > sum->max ? max : sum->max;
	sum->calls += calls;
}

static void add_node(struct ap_reader *r, uint32_t id, const struct ap_node_stat *s)
{
	struct ap_node_sum *sum = &r->node_sums[id];

	if (s->leaf_calls == 0 && s->calls == 0 && s->cut == 0 && s->self_ticks == 0) {
		return;
	}
	if (!r->profile->nodes[id].used) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		return;
	}
	add_extremes(sum, s->calls, s->min, s->max);
	sum->sum_ticks += s->total_ticks;
	sum->outer_ticks += s->outer_ticks;
	sum->self_ticks += s->self_ticks;
	sum->squares += squares_of(s->squares);
	sum->cut += s->cut;
	r->spool_calls += s->calls;
	r->spool_counts.cut += s->cut;
	if (sum->group) {
		sum->stretches += s->leaf_calls;
		sum->stretch_ticks += s->leaf_ticks;
		return;
	}
	add_extremes(sum, s->leaf_calls, s->leaf_min, s->leaf_max);
	sum->sum_ticks += s->leaf_ticks;
	sum->outer_ticks += s->leaf_ticks;
	sum->self_ticks += s->leaf_ticks;
	sum->squares += squares_of(s->leaf_squares);
	r->spool_calls += s->leaf_calls;
}

static int add_row(struct ap_reader *r, ap_ref entry, uint32_t first, struct ap_histogram *h)
{
	const bool coarse = entry & AP_HIST_COARSE;
	const uint32_t buckets = coarse ? COARSE_BUCKETS : AP_HIST_ROW_BUCKETS;
	uint64_t counts[AP_HIST_ROW_BUCKETS];
	int e = 0;

	if (!ap_input_copy(&r->in, entry & ~AP_HIST_COARSE, 0, counts, buckets * sizeof(*counts))) {
		ap_reader_damage(r, AP_DAMAGE_HISTOGRAM);
		return 0;
	}
	h->coarse |= coarse;
	for (uint32_t i = 0; i < buckets && e == 0; i++) {
		const uint32_t j = coarse ? COARSE_FINE * i + COARSE_FINE - 1 : i;
		e = ap_histogram_add(h, first + j, counts[i]);
	}
	return e;
}

static int add_histogram(struct ap_reader *r, ap_ref ref, struct ap_histogram *h)
{
	struct ap_hist_dir dir;
	int e = 0;

	if (ref == 0) {
		return 0;
	}
	if (!ap_input_copy(&r->in, ref, 0, &dir, sizeof(dir))) {
		ap_reader_damage(r, AP_DAMAGE_HISTOGRAM);
		return 0;
	}
	for (uint32_t i = 0; i < AP_HIST_ROWS && e == 0; i++) {
		if (dir.rows[i]) {
			e = add_row(r, dir.rows[i], i * AP_HIST_ROW_BUCKETS, h);
		}
	}
	return e;
}

static int add_function(struct ap_reader *r, uint32_t id, const struct ap_function_stat *s)
{
	struct ap_profile_function *f = &r->profile->functions[id];

	if (s->function != 0 && s->function != id) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		return 0;
	}
	f->slow += s->slow;
	f->very_slow += s->very_slow;
	f->critical += s->critical;
	r->function_sums[id].beyond += s->beyond;
	r->function_sums[id].inner += s->inner;
	r->spool_counts.beyond += s->beyond;

	/* A leaf call is its own self time. */
	struct ap_histogram leaf = {0};
	int e = add_histogram(r, s->leaf_rows, &leaf);
	if (e == 0) {
		e = ap_histogram_merge(&f->total, &leaf);
	}
	if (e == 0) {
		e = ap_histogram_merge(&f->self, &leaf);
	}
	ap_histogram_clear(&leaf);
	if (e == 0) {
		e = add_histogram(r, s->total_rows, &f->total);
	}
	return e == 0 ? add_histogram(r, s->self_rows, &f->self) : e;
}

/* Out of range: the counters are lost, and the identity will say how many. */
static int tolerate(struct ap_reader *r, int e)
{
	if (e == -EBADMSG) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
	}
	return e == -EBADMSG ? 0 : e;
}

static int add_nodes(struct ap_reader *r, ap_ref directory)
{
	struct ap_table t;
	const int e = ap_table_open(&t, &r->in, &ap_table_node_stats, directory,
				    (uint32_t)r->profile->nodes_n);

	for (uint32_t id = ap_table_next(&t, 0); id < t.count; id = ap_table_next(&t, id + 1)) {
		struct ap_node_stat stat;
		if (ap_table_get(&t, id, &stat)) {
			add_node(r, id, &stat);
		} else {
			ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		}
	}
	ap_table_close(&t);
	return tolerate(r, e);
}

static int add_functions(struct ap_reader *r, ap_ref directory)
{
	struct ap_table t;
	int e = ap_table_open(&t, &r->in, &ap_table_function_stats, directory,
			      (uint32_t)r->profile->functions_n);

	for (uint32_t id = ap_table_next(&t, 0); id < t.count && e == 0;
	     id = ap_table_next(&t, id + 1)) {
		struct ap_function_stat stat;
		if (ap_table_get(&t, id, &stat)) {
			e = add_function(r, id, &stat);
		} else {
			ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		}
	}
	ap_table_close(&t);
	return tolerate(r, e);
}

int ap_reader_counters(struct ap_reader *r)
{
	for (uint32_t i = 0; i < r->hdr.shards; i++) {
		struct ap_shard shard;
		if (r->hdr.shard_refs[i] == 0) {
			continue; /* being made */
		}
		if (!ap_input_copy(&r->in, r->hdr.shard_refs[i], 0, &shard, sizeof(shard))) {
			return ap_reader_fail(
				r->error, "corrupt spool: shard %u lies outside of the file", i);
		}
		r->shards_busy += shard.owner != 0;
		r->spool_counts.while_stopped += shard.while_stopped;
		r->spool_counts.at_gates += shard.at_gates;
		int e = add_nodes(r, shard.node_stat_blocks);
		if (e == 0) {
			e = add_functions(r, shard.function_stat_blocks);
		}
		if (e < 0) {
			return e;
		}
	}
	return 0;
}
