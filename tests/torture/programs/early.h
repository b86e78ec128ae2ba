/* SPDX-License-Identifier: MIT */
/* early.h - what a constructor did before main. */
#ifndef AP_TORTURE_EARLY_H
#define AP_TORTURE_EARLY_H

#include <stddef.h>

struct early_seen {
	int first_file, last_file; /* descriptors */
	size_t bytes;		   /* that were read from them */
};

/** early_end() - joins the threads of the constructor, closes its files, and says the calls of them all.
 *
 * Return: what it saw. */
struct early_seen early_end(void);

#endif
