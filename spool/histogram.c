/* SPDX-License-Identifier: MIT */
/* spool/histogram.c - from ticks to buckets in integers only: it runs inside the profiled program.
 *
 * A duration of u units of 2^-36 s, normalised to m in [2^63, 2^64), lies in octave 63-clz(u); its bucket
 * is the number of edges 2^63 * 2^(k/32) below m, since a bucket includes its upper edge. */
#include "spool/histogram.h"

#include "spool/layout.h"

const uint64_t ap_hist_edges[AP_HIST_ROW_EDGES] = {
	0x8000000000000000ull, 0x82cd8698ac2ba1d7ull, 0x85aac367cc487b14ull, 0x88980e8092da8527ull,
	0x8b95c1e3ea8bd6e6ull, 0x8ea4398b45cd53c0ull, 0x91c3d373ab11c336ull, 0x94f4efa8fef70961ull,
	0x9837f0518db8a96full, 0x9b8d39b9d54e5538ull, 0x9ef5326091a111adull, 0xa27043030c496818ull,
	0xa5fed6a9b15138eaull, 0xa9a15ab4ea7c0ef8ull, 0xad583eea42a14ac6ull, 0xb123f581d2ac258full,
	0xb504f333f9de6484ull, 0xb8fbaf4762fb9ee9ull, 0xbd08a39f580c36beull, 0xc12c4cca66709456ull,
	0xc5672a115506daddull, 0xc9b9bd866e2f27a2ull, 0xce248c151f8480e3ull, 0xd2a81d91f12ae45aull,
	0xd744fccad69d6af4ull, 0xdbfbb797daf23755ull, 0xe0ccdeec2a94e111ull, 0xe5b906e77c8348a8ull,
	0xeac0c6e7dd24392eull, 0xefe4b99bdcdaf5cbull, 0xf5257d152486cc2cull, 0xfa83b2db722a033aull,
};

/* j of a value of `mantissa` * 2^(octave-63) units: edges are inclusive above. */
static uint32_t index_of(uint64_t mantissa, uint32_t octave)
{
	/* The top five bits below the leading one guess the edge linearly; 2^x - 1 lies below x by at most
	 * 2.8 of 32 steps, so the guess is at most three steps low. */
	uint32_t k = (uint32_t)(mantissa >> 58) & 31u;
	while (k < AP_HIST_ROW_EDGES && ap_hist_edges[k] < mantissa)
		k++;
	return octave * AP_HIST_ROW_BUCKETS + k;
}

static uint32_t index_of_units(unsigned __int128 units_q32)
{
	const uint64_t high = (uint64_t)(units_q32 >> 64);
	uint32_t j;
	if (high) { /* 2^32 units of 2^-36 s and more: 1/16 s */
		const uint32_t shift = (uint32_t)__builtin_clzll(high);
		j = index_of((uint64_t)(units_q32 >> (64 - shift)), 95 - shift);
	} else {
		const uint64_t low = (uint64_t)units_q32;
		if (low <= 1ull << 32)
			return 0;
		const uint32_t shift = (uint32_t)__builtin_clzll(low);
		j = index_of(low << shift, 31 - shift);
	}
	return j < AP_HIST_BUCKETS ? j : AP_HIST_BUCKETS - 1;
}

uint32_t ap_hist_index_scaled(const struct ap_hist_map *map, uint64_t ticks)
{
	return index_of_units((unsigned __int128)ticks * map->scale);
}

void ap_hist_map_init(struct ap_hist_map *map, uint64_t ticks_per_s)
{
	/* scale = 2^36 / ticks_per_s in 64.32 fixed point. */
	map->scale = (uint64_t)(((unsigned __int128)1 << (AP_HIST_UNIT_LOG2 + 32)) / ticks_per_s);
	for (uint32_t t = 0; t < AP_HIST_DIRECT; t++)
		map->direct[t] = (uint16_t)ap_hist_index_scaled(map, t);
}
