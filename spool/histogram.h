/* SPDX-License-Identifier: MIT */
/* spool/histogram.h - the latency histogram: base-2 exponential, 32 buckets an octave, aligned to powers
 * of two of a second.
 *
 * Bucket i covers (2^((i-1)/32), 2^(i/32)] seconds: Prometheus native histograms of schema 5 and OTLP
 * exponential histograms of scale 5 (with i-1), so merging, down-scaling and export are exact.
 * Stored index j = i + AP_HIST_OFFSET, 0 <= j < 2048: row j >> 5, bucket j & 31. j = 0 also takes
 * everything at or below its upper edge (below 15 ps: zero), j = 2047 everything above (2^28 s).
 * A value reported for a bucket is wrong by at most 2^(1/64)-1 = 1.09 % (its geometric middle). */
#ifndef AP_SPOOL_HISTOGRAM_H
#define AP_SPOOL_HISTOGRAM_H

#include <stdint.h>

#define AP_HIST_OFFSET 1152 /* 36 octaves: units of 2^-36 s */
#define AP_HIST_BUCKETS 2048
#define AP_HIST_UNIT_LOG2 36

/** Lookup made once for a clock: direct below AP_HIST_DIRECT ticks, by scaling above. */
#define AP_HIST_DIRECT 4096
struct ap_hist_map {
	uint16_t direct[AP_HIST_DIRECT]; /* ticks -> j */
	uint64_t scale; /* ticks -> units of 2^-36 s, as 64.32 fixed point factor */
};

#define AP_HIST_ROW_EDGES 32
extern const uint64_t ap_hist_edges[AP_HIST_ROW_EDGES]; /* floor(2^63 * 2^(k/32)), k = 0..31 */

/** ap_hist_map_init() - fill a map for a clock of @ticks_per_s. Pure; no allocation. */
void ap_hist_map_init(struct ap_hist_map *map, uint64_t ticks_per_s);

/** ap_hist_index_scaled() - j for a duration at or above AP_HIST_DIRECT ticks. */
uint32_t ap_hist_index_scaled(const struct ap_hist_map *map, uint64_t ticks);

/** ap_hist_index() - j for a duration in ticks. Any thread; signal-safe; wait-free. */
static inline uint32_t ap_hist_index(const struct ap_hist_map *map, uint64_t ticks)
{
	if (__builtin_expect(ticks < AP_HIST_DIRECT, 1))
		return map->direct[ticks];
	return ap_hist_index_scaled(map, ticks);
}

#endif
