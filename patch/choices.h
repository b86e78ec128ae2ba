/* SPDX-License-Identifier: MIT */
/* patch/choices.h - sets of values: what a register may hold where ways meet that know different things. */
#ifndef AP_PATCH_CHOICES_H
#define AP_PATCH_CHOICES_H

#include <stddef.h>
#include <stdint.h>

/* A value: one that came from whoever called the code, or from the loader, and may be of any function; one that is not known; the
 * start of a range (this and its number), one of several functions (this and the number of the choice), or something of another
 * module (this and the number of its name in .dynsym). */
#define AP_VALUE_ANY 0u
#define AP_VALUE_UNKNOWN 1u
#define AP_VALUE_RANGE 2u
#define AP_VALUE_CHOICE (1u << 30)
#define AP_VALUE_FOREIGN (1u << 31)

#define AP_CHOICE_MOST 16u
#define AP_CHOICE_LISTS 1024u

struct ap_choice {
	uint32_t n, hash;
	uint32_t next; /* of the same AP_CHOICE_LISTS-th part of hashes: number + 1; 0: none */
	uint32_t values[AP_CHOICE_MOST]; /* functions, in order */
};

/** Each choice is there once, so equal ones are the same value. */
struct ap_choices {
	struct ap_choice *all;
	size_t n;
	uint32_t lists[AP_CHOICE_LISTS]; /* by hash: the first one, number + 1 */
};

/** ap_value_meet() - Return: what it is if it is @a or @b; of any function where one is; not known where one is not, where it is
 * one of too many, or there is no memory. */
uint32_t ap_value_meet(struct ap_choices *choices, uint32_t a, uint32_t b);
/** ap_value_choice() - Return: the choice that @value is, or NULL. */
const struct ap_choice *ap_value_choice(const struct ap_choices *choices, uint32_t value);

#endif
