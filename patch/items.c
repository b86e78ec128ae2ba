/* SPDX-License-Identifier: MIT */
/* patch/items.c - see items.h. */
#include "patch/items.h"

#include <errno.h>
#include <stdlib.h>

void *ap_item_next(void **items, size_t n, size_t size, int *error)
{
	if ((n & (n - 1)) == 0) {
		void *more = reallocarray(*items, n ? 2 * n : 1, size);
		if (!more) {
			*error = -ENOMEM;
			return NULL;
		}
		*items = more;
	}
	return (char *)*items + n * size;
}
