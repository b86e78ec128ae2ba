/* SPDX-License-Identifier: MIT */
/* patch/choices.c - see choices.h. */
#include "patch/choices.h"

#include <stdbool.h>
#include <string.h>

#include "patch/items.h"

#define MOST_CHOICES 4096u

const struct ap_choice *ap_value_choice(const struct ap_choices *choices, uint32_t value)
{
	return value >> 30 == 1 ? &choices->all[value & ~AP_VALUE_CHOICE] : NULL;
}

/* @alone is what it becomes where it is no choice yet. */
static const struct ap_choice *members_of(const struct ap_choices *choices, uint32_t value,
					  struct ap_choice *alone)
{
	const struct ap_choice *choice = ap_value_choice(choices, value);

	*alone = (struct ap_choice){.n = 1, .values = {value}};
	return choice ? choice : alone;
}

/* Return: false: they are too many. */
static bool merge(const struct ap_choice *a, const struct ap_choice *b, struct ap_choice *ret)
{
	uint32_t i = 0, k = 0;

	*ret = (struct ap_choice){0};
	while (i < a->n || k < b->n) {
		const bool first = k == b->n || (i < a->n && a->values[i] <= b->values[k]);
		const uint32_t value = first ? a->values[i] : b->values[k];
		if (ret->n == AP_CHOICE_MOST) {
			return false;
		}
		i += i < a->n && a->values[i] == value;
		k += k < b->n && b->values[k] == value;
		ret->values[ret->n++] = value;
		ret->hash = (ret->hash ^ value) * 0x9e3779b1u;
	}
	return true;
}

static uint32_t find_or_add(struct ap_choices *choices, const struct ap_choice *choice)
{
	uint32_t *list = &choices->lists[choice->hash % AP_CHOICE_LISTS];
	int error = 0;

	for (uint32_t i = *list; i; i = choices->all[i - 1].next) {
		const struct ap_choice *there = &choices->all[i - 1];
		if (there->hash == choice->hash &&
		    memcmp(there->values, choice->values, sizeof(there->values)) == 0) {
			return AP_VALUE_CHOICE | (i - 1);
		}
	}
	struct ap_choice *to =
		choices->n < MOST_CHOICES
			? ap_item_next((void **)&choices->all, choices->n, sizeof(*to), &error)
			: NULL;
	if (!to) {
		return AP_VALUE_UNKNOWN;
	}
	*to = *choice;
	to->next = *list;
	*list = (uint32_t)++choices->n;
	return AP_VALUE_CHOICE | (*list - 1);
}

uint32_t ap_value_meet(struct ap_choices *choices, uint32_t a, uint32_t b)
{
	struct ap_choice one, other, both;

	if (a == b) {
		return a;
	}
	if (a == AP_VALUE_ANY || b == AP_VALUE_ANY) {
		return AP_VALUE_ANY;
	}
	if (a == AP_VALUE_UNKNOWN || b == AP_VALUE_UNKNOWN ||
	    !merge(members_of(choices, a, &one), members_of(choices, b, &other), &both)) {
		return AP_VALUE_UNKNOWN;
	}
	return find_or_add(choices, &both);
}
