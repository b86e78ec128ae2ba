/* SPDX-License-Identifier: MIT */
/* profile/map.c - see map.h. */
#include "profile/map.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 1024

static size_t slot_of(const struct ap_map *map, uint64_t key)
{
	/* Multiplicative hashing; the high bits are the mixed ones. */
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (map->slots_n - 1);
	while (map->slots[i].key != 0 && map->slots[i].key != key) {
		i = (i + 1) & (map->slots_n - 1);
	}
	return i;
}

static int grow(struct ap_map *map)
{
	struct ap_map bigger = {.slots_n = map->slots_n ? 2 * map->slots_n : FIRST_SLOTS,
				.used = map->used};

	bigger.slots = calloc(bigger.slots_n, sizeof(*bigger.slots));
	if (!bigger.slots) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < map->slots_n; i++) {
		if (map->slots[i].key != 0) {
			bigger.slots[slot_of(&bigger, map->slots[i].key)] = map->slots[i];
		}
	}
	free(map->slots);
	*map = bigger;
	return 0;
}

uint32_t ap_map_get(const struct ap_map *map, uint64_t key)
{
	return map->slots_n ? map->slots[slot_of(map, key)].value : 0;
}

int ap_map_put(struct ap_map *map, uint64_t key, uint32_t value)
{
	if (2 * (map->used + 1) > map->slots_n) {
		const int r = grow(map);
		if (r < 0) {
			return r;
		}
	}
	struct ap_map_slot *slot = &map->slots[slot_of(map, key)];
	map->used += slot->key == 0;
	*slot = (struct ap_map_slot){.key = key, .value = value};
	return 0;
}

void ap_map_finish(struct ap_map *map)
{
	free(map->slots);
	*map = (struct ap_map){0};
}
