/* SPDX-License-Identifier: MIT */
/* profile/map.h - a hash map from u64 keys to u32 values: open addressing, grows by doubling.
 *
 * Zeroed is empty. Neither keys nor values may be 0. */
#ifndef AP_PROFILE_MAP_H
#define AP_PROFILE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct ap_map_slot {
	uint64_t key;
	uint32_t value;
};

struct ap_map {
	struct ap_map_slot *slots;
	size_t slots_n; /* a power of two */
	size_t used;
};

/** ap_map_get() - Return: the value of @key, or 0. */
uint32_t ap_map_get(const struct ap_map *map, uint64_t key);
/** ap_map_put() - set the value of @key. Return: 0 or -ENOMEM. */
int ap_map_put(struct ap_map *map, uint64_t key, uint32_t value);
/** ap_map_finish() - release; @map is empty afterwards. */
void ap_map_finish(struct ap_map *map);

#endif
