/* SPDX-License-Identifier: MIT */
/* patch/items.h - arrays that grow by one item after the other. */
#ifndef AP_PATCH_ITEMS_H
#define AP_PATCH_ITEMS_H

#include <stddef.h>

/** ap_item_next() - room for one more behind @n items of @size bytes; room doubles. Return: where it goes; NULL: no memory,
 * *@error is -ENOMEM and the items are as they were. Free *@items. */
void *ap_item_next(void **items, size_t n, size_t size, int *error);

#endif
